"""Data goes to stdout as bytes, everything else to stderr as lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import BinaryIO

import click

from cli.failures import Failure, ReaderGone
from cli.text import printable


def write(chunks: Iterable[bytes]) -> None:
    """Write to stdout, piece by piece. Raises `ReaderGone`, and `Failure` where it cannot be written."""
    if sys.stdout is None:
        raise Failure("stdout is closed")
    stdout = sys.stdout.buffer
    for chunk in chunks:
        _write(stdout, chunk)
    _flush(stdout)


def note(text: str, *, dim: bool = False) -> None:
    """Say something beside the data: a line on stderr."""
    line = printable(text)  # it may name what somebody else has named
    click.echo(click.style(line, dim=True) if dim else line, err=True)


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
