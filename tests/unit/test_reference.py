"""The pages of all commands and of all views are what `make reference` writes now."""

from __future__ import annotations

import click
import pytest

from cli.main import program
from docs import reference, views
from projector.views.combined import COMBINED


def test_the_page_of_commands_is_not_stale() -> None:
    written = reference.PAGE.read_text(encoding="utf-8")
    assert written == reference.page(), "docs/reference.md is stale: `make reference` writes it anew"


def test_every_command_has_its_section_and_its_line_in_the_contents() -> None:
    page = reference.page()
    for name in program.list_commands(click.Context(program)):
        assert f"\n## orlog {name}\n" in page
        assert f"\n| [orlog {name}](#orlog-{name}) | " in page


@pytest.mark.parametrize("width", ["40", "200"])
def test_the_page_does_not_depend_on_the_terminal_it_is_written_on(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    before = reference.page()
    monkeypatch.setenv("COLUMNS", width)
    assert reference.page() == before


def test_the_page_of_views_is_not_stale() -> None:
    written = views.PAGE.read_text(encoding="utf-8")
    assert written == views.page(), "docs/views.md is stale: `make reference` writes it anew"


def test_every_view_that_sql_makes_has_its_section() -> None:
    page = views.page()
    for each in COMBINED:
        assert f"\n## {each.name}\n" in page
