"""The one place where errors become what a user sees: a line, a hint and an exit code. Never a traceback.

0  fine                     4    an alert stands
1  an error of ours         5    damage was found
2  wrong usage              130  interrupted
                            141  who read stdout has gone
"""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import sys
from collections.abc import Callable
from typing import Any, Final

import click

from cli.text import printable

ERROR: Final = 1
ALERT: Final = 4
DAMAGE: Final = 5
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
READER_GONE: Final = 141  # 128 + SIGPIPE

TRACEBACK: Final = "ORLOG_TRACEBACK"


class Failure(Exception):
    """Something that the command line itself finds: a message for people, and a hint."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ReaderGone(Exception):
    """Who read stdout has seen enough (`orlog log | head`)."""


def guarded(work: Callable[[], Any]) -> int:
    """Do the work of a command; whatever comes of it, say so on stderr and return the exit code.

    `work` returns an exit code, or anything else for 0.
    """
    try:
        result = work()
        _flush()
    except ReaderGone:
        code = READER_GONE
    except click.ClickException as error:
        _say(_shown(error))
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted; what was committed before is kept")
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  # no traceback reaches a user
        code = _report(error)
    else:
        code = result if isinstance(result, int) else 0
    _abandon_unwritten()
    return code


def explain(error: BaseException) -> tuple[str, str, int]:
    """Say what an error means: message, hint (may be empty), exit code."""
    if (
        isinstance(error, Failure)
        or _is(error, "eventstore", "EventStoreError")
        or _is(error, "collector", "CollectorError")
        or _is(error, "projector", "ProjectorError")
    ):
        code = DAMAGE if _is(error, "eventstore", "Damaged") else ERROR
        return str(error), getattr(error, "hint", ""), code
    if isinstance(error, OSError):
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return f"{place}{error.strerror or error}", "", ERROR
    if isinstance(error, sqlite3.Error):
        return f"the record could not be read or written: {error}", "`orlog verify` says whether it is damaged", ERROR
    if isinstance(error, MemoryError):
        return "there is not enough memory for this", "ask for less at once: one key, or a shorter range", ERROR
    what = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return f"internal error: {what}; please report it", f"{TRACEBACK}=1 in the environment shows where it was", ERROR


def _is(error: BaseException, package: str, name: str) -> bool:
    # a package that was never imported has raised nothing: no need to import it now
    module = sys.modules.get(package)
    return module is not None and isinstance(error, getattr(module, name, ()))


def _report(error: Exception) -> int:
    if os.environ.get(TRACEBACK):
        import traceback

        _say("".join(traceback.format_exception(error)).rstrip())
    message, hint, code = explain(error)
    _say(f"error: {printable(message)}")
    if hint:
        _say(f"hint: {printable(hint)}")
    return code


def _shown(error: click.ClickException) -> str:
    text = io.StringIO()
    error.show(text)  # it repeats what was typed
    return "\n".join(map(printable, text.getvalue().rstrip("\n").split("\n")))


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a stderr that is closed or full leaves the exit code
        click.echo(text, err=True)


def _flush() -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None


def _abandon_unwritten() -> None:
    """Let go of what cannot be written to stdout: Python would try again when it ends, and complain."""
    try:
        _flush()
    except (OSError, ReaderGone):
        with contextlib.suppress(OSError):  # an stdout that is no file has no descriptor
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, sys.stdout.fileno())
            os.close(devnull)
