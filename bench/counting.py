"""Counting what a read does, by standing in for what does it."""

from __future__ import annotations

import contextlib
import importlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from unittest import mock

import msgspec

from eventstore import Record

_CANONICAL: Final = importlib.import_module("eventstore.canonical")  # the package has a function of that name
_REPLAY: Final = importlib.import_module("eventstore.replay")


class Counts(msgspec.Struct):
    """Of some reads: rows that SQLite handed out, its own steps, and bytes given to the JSON parser."""

    rows: int = 0
    steps: int = 0
    parsed: int = 0


@contextlib.contextmanager
def counted(path: Path) -> Iterator[tuple[Record, Counts]]:
    """Open the record file at `path` for reading so that whatever it does is added to the counts."""
    counts = Counts()
    with contextlib.ExitStack() as stack:
        for module, name in ((_CANONICAL, "_decoder"), (_REPLAY, "_rows")):
            stack.enter_context(mock.patch.object(module, name, _Decoder(getattr(module, name), counts)))
        yield stack.enter_context(Record(path, _connection(path, counts), None)), counts


class _Decoder:
    def __init__(self, decoder: msgspec.json.Decoder[Any], counts: Counts) -> None:
        self._decoder = decoder
        self._counts = counts

    def decode(self, text: bytes | str) -> Any:
        self._counts.parsed += len(text) if isinstance(text, str) else memoryview(text).nbytes
        return self._decoder.decode(text)


def _connection(path: Path, counts: Counts) -> sqlite3.Connection:
    class Cursor(sqlite3.Cursor):
        def fetchone(self) -> Any:
            row = super().fetchone()
            counts.rows += row is not None
            return row

        def fetchall(self) -> list[Any]:
            rows = super().fetchall()
            counts.rows += len(rows)
            return rows

        def __next__(self) -> Any:
            row = super().__next__()
            counts.rows += 1
            return row

    class Connection(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            return self.cursor(Cursor).execute(*arguments)

    def step() -> int:
        counts.steps += 1
        return 0

    connection = sqlite3.connect(path, isolation_level=None, factory=Connection)
    connection.set_progress_handler(step, 1)
    return connection
