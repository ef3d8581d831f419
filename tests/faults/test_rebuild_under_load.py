"""Readers while a view is rebuilt with another row type: each read gives the old view or the new one, whole."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import msgspec
import pytest

from eventstore import Record, feed
from projector import Output, Projection, Query, Ran, Subject, Why, table
from projector.derivation import Writes
from projector.tables import Target
from tests.projecting import Said, Views, lay, new_views

KEYS: Final = 60
SYNCS: Final = 80
READERS: Final = 4
READS: Final = 10_000
BETWEEN: Final = 100  # reads that go on between two writes of the rebuild, at least
BATCH: Final = 200  # events in one transaction of the rebuild
AGAIN: Final = 50  # reads of one connection, before another one is opened
SELECT: Final = "SELECT * FROM things ORDER BY key"
PATIENCE: Final = 60.0  # seconds


class Document(msgspec.Struct):
    n: int
    text: str


class Old(msgspec.Struct):
    n: int


class New(msgspec.Struct):
    text: str
    n: str
    twice: int


@table("things", version=1, reads="thing", document=Document, row=Old, indexes=[("n",)])
def old(_: Subject, document: Document) -> Iterator[Old]:
    yield Old(document.n)


@table("things", version=1, reads="thing", document=Document, row=New, indexes=[("twice",)])
def new(_: Subject, document: Document) -> Iterator[New]:
    yield New(document.text, f"n{document.n}", 2 * document.n)


class Seen(NamedTuple):
    """What a read gave: all columns, how many rows, and a checksum of all of them."""

    columns: tuple[str, ...]
    rows: int
    checksum: str

    @classmethod
    def of(cls, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Seen:
        return cls(columns, len(rows), hashlib.sha256(repr(rows).encode()).hexdigest())


class Readers:
    """Threads that read on and on, each through connections of its own; what each saw, in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(READERS)]
        self._stop = threading.Event()
        self.seen: list[list[Seen]] = [[] for _ in self._threads]
        self.errors: list[BaseException] = []

    def _read(self, number: int) -> None:
        try:
            while not self._stop.is_set():
                self._through_one_connection(self.seen[number])
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test is to tell it
            self.errors.append(error)

    def _through_one_connection(self, seen: list[Seen]) -> None:
        with Query(self._path, SELECT) as query:
            seen.append(Seen.of(query.columns, list(query.rows())))
        with contextlib.closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as db:
            for _ in range(AGAIN):
                cursor = db.execute(SELECT)
                rows = cursor.fetchall()
                seen.append(Seen.of(tuple(each[0] for each in cursor.description), rows))
                if self._stop.is_set():
                    return

    @property
    def reads(self) -> int:
        return sum(map(len, self.seen))

    def await_more(self, reads: int) -> None:
        """Wait until each reader has begun and ended some more reads, so many in all."""
        before, deadline = [len(each) for each in self.seen], time.monotonic() + PATIENCE
        while not self.errors and (
            sum(map(len, self.seen)) < sum(before) + reads
            or any(len(now) < then + 2 for now, then in zip(self.seen, before, strict=True))
        ):
            assert time.monotonic() < deadline, "readers are held up"
            time.sleep(0.001)

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()


class Paced:
    """An output that lets readers read before the rebuild goes on: inside of each of its transactions too."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self.writes = 0

    def reset(self, _: Target) -> None:
        self._readers.await_more(BETWEEN)

    def write(self, _: Target, __: Writes) -> None:
        self._readers.await_more(BETWEEN)
        self.writes += 1


def seen(views: Views) -> Seen:
    with Query(views.path, SELECT) as query:
        return Seen.of(query.columns, list(query.rows()))


def document(key: int, sync: int) -> dict[str, Any]:
    return {"n": key * 1000 + sync // (1 + key % 7), "text": f"thing {key} of sync {sync % 5}"}


def lay_history(record: Record) -> None:
    for sync in range(SYNCS):
        lay(record, sync, Said("api.thing", {f"k{key}": document(key, sync) for key in range(KEYS)}))


def run_with(views: Views, projection: Projection[Any], *outputs: Output) -> Ran:
    views.own = [projection]
    return views.run(outputs=outputs)["things"]


def test_while_a_view_is_rebuilt_ten_thousand_reads_see_the_old_one_or_the_new_one_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "BATCH_EVENTS", BATCH)
    with new_views() as views:
        lay_history(views.record)
        events = views.record.log.position().seq
        run_with(views, old)
        before = seen(views)
        with Readers(views.path) as readers:
            readers.await_more(READS // 4)
            assert {*map(frozenset, readers.seen)} == {frozenset({before})}
            paced = Paced(readers)
            began = readers.reads
            ran = run_with(views, new, paced)
            meanwhile = readers.reads - began
            after = seen(views)
            readers.await_more(max(READS - readers.reads, READS // 10))
        assert readers.errors == []
        assert ran.rebuilt is Why.ROWS
        assert paced.writes > events // (2 * BATCH)
        assert meanwhile >= paced.writes * BETWEEN
        assert (before.rows, after.rows) == (KEYS, KEYS)
        assert (before.columns, after.columns) == (
            ("source", "key", "n", "updated_at"),
            ("source", "key", "text", "n", "twice", "updated_at"),
        )
        found = Counter(each for reader in readers.seen for each in reader)
        assert found.keys() == {before, after}
        assert found.total() >= READS
        assert found[before] >= READS // 4 + paced.writes * BETWEEN // 2
        for reader in readers.seen:
            swap = reader.index(after)
            assert set(reader[:swap]) == {before}
            assert set(reader[swap:]) == {after}, "whoever has seen the new view never sees the old one again"
