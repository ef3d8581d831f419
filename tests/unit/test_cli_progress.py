"""Progress: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from cli.terminal import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_shown_where_stderr_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.bar() as bar:
        assert bar is None


def test_nothing_is_shown_where_stderr_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with progress.bar() as bar:
        assert bar is None


def test_a_terminal_shows_what_is_done_of_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.bar() as bar:
        assert bar is not None
        bar.advance()  # before anything is started: nothing to move
        bar.start(3, "versions [0]")
        bar.advance()
        bar.advance(2)
        bar.finish()
    assert "versions [0]" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()


def test_more_than_was_foreseen_moves_the_end_of_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.bar() as bar:
        assert bar is not None
        bar.start(1, "pages")
        bar.advance()
        bar.advance(3)
        bar.finish()
    assert "4/4" in terminal.getvalue()
    assert "4/1" not in terminal.getvalue()
