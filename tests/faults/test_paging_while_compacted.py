"""Readers who page through the log, and through the views, while both are thinned under them.

Whatever was thinned between two pages, who reads on folds to what stands or is told to begin anew.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Self

import pytest

from eventstore import JSON, Event, Kind, LogCompacted, Record, apply, canonical_bytes, feed, parse_policy
from eventstore.compaction import sealing
from eventstore.progress import Silent
from projector import Query
from projector.derivation import Writes
from projector.tables import Target
from tests.projecting import Said, Views, new_views

HOURS: Final = 24 * 10
KEYS: Final = "abc"
PAGE: Final = 7  # rows or events: not as many as a sync has
PATIENCE: Final = 60.0  # seconds
PAGES: Final = "SELECT key, n, seq FROM load_history WHERE (key, seq) > (:key, :seq) ORDER BY key, seq LIMIT :page"

POLICY: Final = parse_policy(
    '[category.load]\nseal_after = "1d"\ntiers = [{ for = "1d", keep = "all" }]\nolder = "daily"\n'
)


class Reader(threading.Thread):
    """Pages on and on until it is stopped; `pages` counts those that it was given, `resets` how often it began anew."""

    def __init__(self, views: Views) -> None:
        super().__init__()
        self.views = views
        self.pages = self.resets = 0
        self.error: BaseException | None = None
        self._stop_reading = threading.Event()

    def run(self) -> None:
        try:
            while not self._stop_reading.is_set():
                for _ in self.pass_through():
                    self.pages += 1
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test is to tell it
            self.error = error

    def pass_through(self) -> Iterator[None]:
        """Read from the beginning to the end, page by page; what is wrong is an `AssertionError`."""
        raise NotImplementedError

    def await_more(self, pages: int) -> None:
        """Wait until it has read so many pages more."""
        wanted, deadline = self.pages + pages, time.monotonic() + PATIENCE
        while self.error is None and self.pages < wanted:
            assert time.monotonic() < deadline, "readers are held up"
            time.sleep(0.001)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_reading.set()
        self.join()


class OfTheLog(Reader):
    """Folds the events of each page to what stands; at the end that must be what stood all the time."""

    def __init__(self, views: Views) -> None:
        super().__init__(views)
        self._stands = documents(views.record)

    def pass_through(self) -> Iterator[None]:
        known: dict[str, JSON] = {}
        after = 0
        with Record.open(self.views.record.path.parent) as record:
            try:
                while page := list(itertools.islice(record.log.events("load", after=after), PAGE)):
                    for event in page:
                        fold(known, event)
                    after = page[-1].seq
                    yield
            except LogCompacted:
                self.resets += 1
                return
        assert known == self._stands


def fold(known: dict[str, JSON], event: Event) -> None:
    key = event.entity.key
    if event.kind is Kind.DISAPPEARED:
        known.pop(key)
        return
    if event.kind is Kind.APPEARED:
        assert key not in known
    known[key] = event.document if event.kind is Kind.APPEARED else apply(known[key], event.patch or [])
    assert hashlib.sha256(canonical_bytes(known[key])).hexdigest() == event.hash, "a patch of another document (L3)"


def documents(record: Record) -> dict[str, JSON]:
    return {key: state.document for key, state in record.log.catalogue("load").items()}


class OfAView(Reader):
    """Pages of a history by its key; each must be a piece of what the view was, or of what it came to be."""

    def __init__(self, views: Views) -> None:
        super().__init__(views)
        self.seen: list[tuple[tuple[str, int], list[tuple[Any, ...]]]] = []

    def pass_through(self) -> Iterator[None]:
        after = "", 0
        while rows := self._page(after):
            self.seen.append((after, rows))
            after = rows[-1][0], rows[-1][2]
            yield

    def _page(self, after: tuple[str, int]) -> list[tuple[Any, ...]]:
        with Query(self.views.path, PAGES, {"key": after[0], "seq": after[1], "page": PAGE}) as query:
            return list(query.rows())


class Paced(Silent):
    """Progress, and an output, that let a reader read on before the work does."""

    def __init__(self, await_more: Callable[[int], None]) -> None:
        self._await_more = await_more

    def advance(self, done: int = 1) -> None:  # noqa: ARG002
        self._await_more(2)

    def reset(self, _: Target) -> None:
        self._await_more(2)

    def write(self, _: Target, __: Writes) -> None:
        self._await_more(2)


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> Iterator[Views]:
    """Ten days of loads that change each hour, and their views; work on them comes in small pieces."""
    monkeypatch.setattr(sealing, "SEGMENT_EVENTS", 40)
    monkeypatch.setattr(sealing, "THINNED_EVENTS", 40)
    monkeypatch.setattr(feed, "BATCH_EVENTS", 20)
    with new_views() as made:
        for at in range(HOURS):
            made.lay(at, Said("api.load", {key: {"n": at % (5 + number)} for number, key in enumerate(KEYS)}))
        made.run()
        yield made


def test_who_pages_through_the_log_while_it_is_thinned_folds_to_what_stands_or_begins_anew(views: Views) -> None:
    with OfTheLog(views) as reader:
        reader.await_more(20)
        views.record.compact(POLICY, lossy=True, progress=Paced(reader.await_more))
        reader.await_more(20)
    assert reader.error is None, reader.error
    assert reader.resets > 0


def test_who_pages_through_a_view_while_it_is_thinned_is_given_pieces_of_the_old_one_or_the_new_one(
    views: Views,
) -> None:
    before = views.select("SELECT key, n, seq FROM load_history ORDER BY key, seq")
    with OfAView(views) as reader:
        reader.await_more(20)
        paced = Paced(reader.await_more)
        views.record.compact(POLICY, lossy=True, progress=paced)
        views.run(outputs=[paced])
        reader.await_more(20)
    assert reader.error is None, reader.error
    after = views.select("SELECT key, n, seq FROM load_history ORDER BY key, seq")
    assert len(after) < len(before)
    found = []
    for (key, seq), rows in reader.seen:
        old, new = ([row for row in each if (row[0], row[2]) > (key, seq)][:PAGE] for each in (before, after))
        assert rows in (old, new)
        found.append((rows == old, rows == new))
    assert {(True, False), (False, True)} <= set(found)
    swap = found.index((False, True))
    assert not any(new is False for _, new in found[swap:]), (
        "whoever has seen the new view never sees the old one again"
    )
