"""What README and docs show works as it is shown."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

import collector
import eventstore
from collector import World, load, play
from eventstore import Record, parse_policy
from tests.parsing import parse

ROOT = Path(__file__).parents[2]
_BEHIND = re.compile(r" (?:#|\||\d?>)")  # what the shell does with a command's output, or a comment

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    lines = [line for page in PAGES for block in blocks(page, "console") for line in block.splitlines()]
    return [_BEHIND.split(line.removeprefix("$ "))[0] for line in lines if line.startswith("$ orlog ")]


@pytest.mark.parametrize("text", [text for page in PAGES for text in blocks(page, "toml") if "[[resource]]" in text])
def test_source_files_in_the_docs_can_be_read(text: str, tmp_path: Path) -> None:
    file = tmp_path / "shown.toml"
    file.write_text(text, encoding="utf-8")
    assert load(file).resources


@pytest.mark.parametrize("text", [text for page in PAGES for text in blocks(page, "toml") if "[default]" in text])
def test_policies_in_the_docs_can_be_read(text: str) -> None:
    policy = parse_policy(text)
    assert policy.categories
    assert policy.pins


def test_rules_for_a_strangers_repository_take_five_lines() -> None:
    assert len(blocks(ROOT / "README.md", "toml")[0].splitlines()) == 5


@pytest.mark.parametrize("line", commands())
def test_commands_in_the_docs_are_commands(line: str) -> None:
    words = shlex.split(line)[1:]
    if words != ["--help"]:
        parse(words)


@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_the_library_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(1, start=datetime(2025, 5, 30, tzinfo=UTC), days=4, models=3, failures=0)
    with Record.open(tmp_path / "data", write=True) as record:
        play(record, world)
    (example,) = blocks(ROOT / page, "python")
    example = example.replace("openai/gpt-4.1", world.models[0])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, page, "exec"), {})
    assert world.models[0] in printed.getvalue()


def test_the_page_of_the_library_describes_every_name_that_it_offers_once() -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    described = re.findall(r"^\.\. (?:auto|py:)\w+:: (\w+)", page, re.MULTILINE)
    assert sorted(described) == sorted(eventstore.__all__)


def test_the_page_of_the_library_lists_every_name_that_the_collector_offers_once() -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page, re.MULTILINE)
    assert sorted(name for row in rows for name in re.findall(r"\w+", row)) == sorted(collector.__all__)


def test_every_page_is_in_the_contents() -> None:
    (contents,) = blocks(ROOT / "docs" / "index.md", r"\{toctree\}")
    named = {f"{line}.md" for line in contents.splitlines() if line and not line.startswith(":")}
    assert named | {"index.md"} == {page.name for page in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_in_the_docs_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
