"""Reading the whole log, or what is new in it, sync by sync: what tables are rebuilt from and kept up to date by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from eventstore.compacted import ThinnedRange
from eventstore.errors import LogCompacted, LogRebuilt
from eventstore.log import EventLog
from eventstore.model import Entry, Event
from eventstore.positions import Position
from eventstore.walk import Change, Walk

BATCH_EVENTS: Final = 8192  # some megabytes of text; what many events do to one row is written once in a batch
BATCH_SYNCS: Final = 1024  # most syncs bring nothing: what is read of them is small
REMEMBERED: Final = 8192  # entities whose document is at hand when their next event comes


class Cursor(msgspec.Struct, frozen=True):
    """Up to where a log was read: all syncs of a generation up to `entry` of the chain, all events up to `seq`."""

    generation: int
    entry: int = 0
    seq: int = 0


class Batch(msgspec.Struct, frozen=True):
    """Whole syncs, as entries of the chain, and the events that they made, in order; `cursor` is behind them.

    `changes` are those events with their documents, to be gone through once: documents are made on the way, so that no
    more of them are held than are used. `complete` where nothing was recorded after them when they were read.
    """

    entries: Sequence[Entry]
    events: Sequence[Event]
    changes: Iterable[Change]
    cursor: Cursor
    complete: bool


class Feed:
    """Batches of a log from a cursor on, up to a place or the head. Memory does not grow with the log.

    `categories` leaves out the events of others (addresses, `SOURCE.CATEGORY`); without `documents` those before and
    after each event are None: to read events alone is several times faster. Between batches nothing is held open; each
    one is of one moment, and what is recorded meanwhile comes too. It reads on only as long as compaction leaves alone
    what is behind it, from when it was made: make it in the snapshot in which the cursor was found to be good.
    """

    def __init__(
        self,
        log: EventLog,
        after: Cursor,
        *,
        until: Position | None = None,
        categories: frozenset[str] | None = None,
        documents: bool = True,
    ) -> None:
        self._log = log
        self._cursor = after
        self._until = until
        self._categories = categories
        self._documents = documents
        self._walked: tuple[int, Walk] | None = None  # what put documents around all events up to a number
        with log.reading():
            self._behind = self._gaps()

    def batches(self) -> Iterator[Batch]:
        """Read on; the last batch is complete, and empty only where nothing is new.

        Raises `LogRebuilt` where the cursor's log is no more, and `LogCompacted` where less is left of what was read.
        """
        while True:
            batch = self._next()
            yield batch
            if batch.complete:
                return

    def _next(self) -> Batch:
        with self._log.reading() as generation:
            if generation != self._cursor.generation:
                raise LogRebuilt(f"the log has been rebuilt, as generation {generation}")
            if self._gaps() != self._behind:
                raise LogCompacted(f"of what came up to @{self._cursor.seq} less is left than was read")
            # one more than a batch takes tells whether it is the last
            behind = self._log.recorded(after=self._cursor.entry, until=self._until, limit=BATCH_SYNCS + 1)
            entries = list(_until_full(behind[:BATCH_SYNCS], self._cursor.seq))
            if entries:
                seq = entries[-1].seq or 0
                events = self._events(self._cursor.seq, seq)
                changes = self._changes(events, self._cursor.seq, seq)
                self._cursor = Cursor(generation, entries[-1].id, seq)
                self._behind = self._gaps()
            else:
                events, changes = [], []
            complete = len(entries) == len(behind)
        return Batch(entries, events, changes, self._cursor, complete)

    def _gaps(self) -> tuple[list[ThinnedRange], list[tuple[int, int]]]:
        """What compaction has taken of all that is behind the cursor."""
        wanted = self._categories
        thinned, skipped = self._log.gaps(seq=self._cursor.seq, entry=self._cursor.entry)
        return [each for each in thinned if wanted is None or each.category in wanted], skipped

    def _events(self, after: int, until: int) -> list[Event]:
        if after == until:
            return []
        wanted = self._categories
        only = next(iter(wanted)) if wanted is not None and len(wanted) == 1 else None
        events = self._log.between(after, until, category=only)
        if wanted is not None and only is None:
            events = (event for event in events if event.entity.address in wanted)
        return list(events)

    def _changes(self, events: list[Event], after: int, until: int) -> Iterable[Change]:
        if not self._documents:
            return [Change(event, None, None) for event in events]
        return self._documented(events, after, until, self._log.walk(every=True, checked=False, remembered=REMEMBERED))

    def _documented(self, events: list[Event], after: int, until: int, walk: Walk) -> Iterator[Change]:
        """The events with documents; `walk` knows none yet, and is for one who has not gone through those before."""
        if self._walked is not None and self._walked[0] == after:
            walk = self._walked[1]
        self._walked = None
        for event in events:
            yield walk.around(event)
        self._walked = until, walk


def _until_full(entries: Sequence[Entry], seq: int) -> Iterator[Entry]:
    """As many syncs as make a batch: the first one always, however large."""
    for number, entry in enumerate(entries):
        if number and (entry.seq or 0) - seq > BATCH_EVENTS:
            return
        yield entry
