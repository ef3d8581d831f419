"""Data goes to stdout as bytes, everything else to stderr as lines."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

import click

from cli.failures import Failure, ReaderGone
from cli.options import Format
from cli.text import printable

if TYPE_CHECKING:
    from cli.terminal.paper import Paper


def write(chunks: Iterable[bytes]) -> None:
    """Write to stdout, piece by piece. Raises `ReaderGone`, and `Failure` where it cannot be written."""
    if sys.stdout is None:
        raise Failure("stdout is closed")
    stdout = sys.stdout.buffer
    for chunk in chunks:
        _write(stdout, chunk)
    _flush(stdout)


def show(chunks: Iterable[bytes], format_: Format) -> None:
    """Write to stdout: a table on a terminal through a pager, if there is one. Raises as `write` does."""
    if format_ is Format.TABLE and sys.stdout is not None and sys.stdout.isatty():
        from cli.terminal import pager

        if pager.show(chunks, os.environ):
            return
    write(chunks)


def paper() -> Paper:
    """What stdout is to be written for."""
    from cli.terminal.paper import Paper

    return Paper.of(sys.stdout, os.environ)


def note(text: str, *, dim: bool = False) -> None:
    """Say something beside the data: a line on stderr."""
    with contextlib.suppress(OSError, ValueError):  # a stderr that is closed or full leaves the data
        if dim:
            from cli.terminal.paper import Paper

            click.echo(Paper.of(sys.stderr, os.environ).dim(text), err=True, color=True)
        else:
            click.echo(printable(text), err=True)  # it may name what somebody else has named


def _write(stdout: BinaryIO, chunk: bytes) -> None:
    try:
        stdout.write(chunk)
    except OSError as error:
        raise _unwritable(error) from None


def _flush(stdout: BinaryIO) -> None:
    try:
        stdout.flush()
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> Exception:
    if isinstance(error, BrokenPipeError):
        return ReaderGone()
    return Failure(f"the output cannot be written: {error.strerror or error}")
