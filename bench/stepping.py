"""Counting SQLite's steps, of every connection that is opened meanwhile."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import msgspec

from eventstore import sqlite
from projector import files


class Steps(msgspec.Struct):
    """So many calls of SQLite's progress handler: one for each of its own steps."""

    count: int = 0


@contextlib.contextmanager
def stepping() -> Iterator[Steps]:
    """Count the steps of the records and views that are opened inside."""
    steps = Steps()
    connect = sqlite.connect

    def step() -> int:
        steps.count += 1
        return 0

    def connected(path: Path, *, write: bool) -> sqlite3.Connection:
        connection = connect(path, write=write)
        connection.set_progress_handler(step, 1)
        return connection

    with mock.patch.object(sqlite, "connect", connected), mock.patch.object(files, "open_sqlite", connected):
        yield steps
