"""What a user sees of an error, and the exit code."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import click
import pytest

from cli import output
from cli.failures import Failure, ReaderGone, explain, guarded
from collector import CollectorError
from eventstore import BrokenHistory, Damaged, EventStoreError, UnknownEntity


def raising(error: BaseException) -> Callable[[], object]:
    def work() -> object:
        raise error

    return work


@pytest.mark.parametrize(
    "error, message, code",
    [
        (Failure("no such thing", hint="try another"), "no such thing", 1),
        (EventStoreError("no record", hint="make one"), "no record", 1),
        (CollectorError("no source", hint="write one"), "no source", 1),
        (Damaged("bytes differ"), "bytes differ", 5),
        (BrokenHistory("event 3 does not fold", seq=3), "event 3 does not fold", 5),
        (FileNotFoundError(2, "No such file or directory", "my.toml"), "my.toml: No such file or directory", 1),
        (OSError("no reason"), "no reason", 1),
        (sqlite3.OperationalError("disk I/O error"), "the record could not be read or written: disk I/O error", 1),
    ],
)
def test_each_error_has_a_message_and_a_code(error: Exception, message: str, code: int) -> None:
    said = explain(error)
    assert (said[0], said[2]) == (message, code)


def test_the_hint_of_an_error_is_said_beneath_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(raising(UnknownEntity("no model x was ever recorded", category="model", near=("y", "z")))) == 1
    assert capsys.readouterr().err == "error: no model x was ever recorded\nhint: did you mean: y, z\n"


def test_an_error_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(raising(Failure("no"))) == 1
    assert capsys.readouterr().err == "error: no\n"


def test_an_error_of_the_program_is_a_line_and_not_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORLOG_TRACEBACK", raising=False)
    assert guarded(raising(KeyError("first\nsecond"))) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: internal error: KeyError: ")
    assert "please report" in said
    assert "ORLOG_TRACEBACK=1" in said
    assert "Traceback" not in said


def test_a_traceback_is_shown_to_who_asks_for_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORLOG_TRACEBACK", "1")
    assert guarded(raising(KeyError("x"))) == 1
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "in work" in said


def test_control_characters_in_a_message_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    guarded(raising(UnknownEntity("no model \x1b[2J", category="model", near=("\x1b]0;owned\x07",))))
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_ends_with_130(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(raising(error)) == 130
    assert capsys.readouterr().err.startswith("interrupted")


def test_a_reader_that_has_gone_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(raising(ReaderGone())) == 141
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("result, code", [(None, 0), (0, 0), (5, 5), ("text", 0)])
def test_work_that_is_done_ends_with_its_own_code(result: object, code: int) -> None:
    assert guarded(lambda: result) == code


def test_memory_that_runs_out_is_no_error_of_the_program() -> None:
    message, hint, code = explain(MemoryError())
    assert "memory" in message
    assert hint
    assert code == 1


def test_a_note_is_one_line_that_no_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    output.note("shop.thing \x1b[2J\n: so since ever")
    said = capsys.readouterr().err
    assert said.endswith("\n")
    assert said[:-1].isprintable()
