"""Readers that page through log and views while both are compacted and rebuilt: a correct history, or a reset."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final, Self

import pytest

from eventstore import Event, Kind, LogRebuilt, Record, apply, parse_policy
from eventstore.compaction import sealing
from projector import Store
from tests.laying import hour
from tests.projecting import Said, Views, new_views

DAYS: Final = 20
KEYS: Final = 4
PAGE: Final = 7
ROUNDS: Final = 6
POLICIES: Final = tuple(
    parse_policy(f'[default]\nseal_after = "6h"\ntiers = [{{ for = "{days}d", keep = "all" }}]\nolder = "{older}"\n')
    for days, older in ((16, "hourly"), (12, "hourly"), (8, "daily"), (5, "daily"), (3, "monthly"), (1, "delete"))
)


def load(number: int) -> dict[str, Any]:
    return {f"k{key}": {"n": number // (key + 1), "even": number % 2 == 0} for key in range(KEYS)}


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> Iterator[Views]:
    """Twenty days in which numbers go up every three hours, in many small segments, and the views of them."""
    monkeypatch.setattr(sealing, "SEGMENT_EVENTS", 40)
    monkeypatch.setattr(sealing, "EVENTS_EACH", 1)
    with new_views() as made:
        for number in range(0, 24 * DAYS, 3):
            made.lay(number, Said("api.load", load(number)))
        made.run()
        yield made


class Readers:
    """Threads that do something again and again, each with connections of its own, until they are to stop."""

    def __init__(self, *works: Callable[[], None]) -> None:
        self._stop = threading.Event()
        self.errors: list[BaseException] = []
        self.rounds = [0] * len(works)
        self._threads = [threading.Thread(target=self._read, args=each) for each in enumerate(works)]

    def _read(self, number: int, work: Callable[[], None]) -> None:
        try:
            while not self._stop.is_set():
                work()
                self.rounds[number] += 1
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test is to tell it
            self.errors.append(error)

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()


def follow(known: dict[str, Any], events: list[Event]) -> None:
    """Fold a page into what is known; a wrong patch does not apply, or does not give what its event has the hash of."""
    for event in events:
        key = event.entity.key
        if event.kind is Kind.DISAPPEARED:
            known.pop(key)
        elif event.kind is Kind.APPEARED:
            assert key not in known
            known[key] = event.document
        else:
            known[key] = apply(known[key], event.patch or [])


class LogReader:
    """Pages through the log from its beginning; told that its numbers mean nothing any more, it begins anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.resets = 0

    def __call__(self) -> None:
        cursor, known = 0, dict[str, Any]()
        while True:
            with Record.open(self._folder) as record:
                try:
                    page = list(islice(record.log.events("load", after=cursor), PAGE))
                except LogRebuilt:
                    self.resets += 1
                    head = record.log.position()
                    known = {key: each.document for key, each in record.log.catalogue("load", at=head.seq).items()}
                    cursor = head.seq
                    continue
                follow(known, page)
                if not page:
                    position = record.log.position()
                    now = record.log.catalogue("load", at=position.seq)
                    if position.seq == cursor or not list(record.log.events("load", after=cursor)):
                        assert known == {key: each.document for key, each in now.items()}
                        return
            cursor = page[-1].seq if page else cursor


def page_through_views(path: Path) -> None:
    """Go through the history in pages of one moment: its rows follow one another, however far they were thinned."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.execute("BEGIN")
        last: tuple[Any, ...] = ("", "")
        rows: list[tuple[Any, ...]] = []
        while page := db.execute(
            "SELECT key, valid_from, valid_to, n FROM load_history WHERE (key, valid_from) > (?, ?) "
            "ORDER BY key, valid_from LIMIT ?",
            (*last, PAGE),
        ).fetchall():
            rows += page
            last = page[-1][:2]
        standing = dict(db.execute("SELECT key, n FROM load").fetchall())
        ends = {key: n for key, _, until, n in rows if until is None}
        assert ends == standing
        for (key, _, until, _), (after, since, _, _) in pairwise(rows):
            if key == after:
                assert until == since


def test_who_pages_while_history_is_thinned_and_rebuilt_sees_a_correct_one_or_begins_anew(views: Views) -> None:
    folder = views.record.path.parent
    log, number = LogReader(folder), 24 * DAYS
    with Readers(log, log, lambda: page_through_views(views.path)) as readers:
        for policy in POLICIES * (ROUNDS // len(POLICIES)):
            views.lay(number, Said("api.load", load(number)))
            number += 3
            with Store.open(views.path) as store:
                reached = store.reached(views.record.log.generation)
            views.record.compact(policy, lossy=True, keep_from=reached)
            views.run()
            assert not readers.errors, readers.errors
    assert not readers.errors, readers.errors
    assert all(readers.rounds)
    assert log.resets > 0
    assert views.record.log.position().observed_at == hour(number - 3)
