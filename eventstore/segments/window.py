"""Sealed events read from the first to the last, a stretch of them at a time."""

from __future__ import annotations

import bisect
import operator
import sqlite3

from eventstore.segments.reading import NEWEST, events_of, listed
from eventstore.stored import Stored

_seq = operator.attrgetter("seq")


class Window:
    """Gives stretches of sealed events, each later than the one before; remembers the segments that are in use.

    All of them are to be between `after`, excluded, and `until`, included: so much of each segment is folded.
    """

    def __init__(self, db: sqlite3.Connection, generation: int, *, after: int = 0, until: int = NEWEST) -> None:
        self._db = db
        self._within = after, until
        self._generation = generation
        self._events: dict[int, list[Stored]] = {}  # by segment

    def between(self, first: int, last: int) -> list[Stored]:
        """The sealed events with `first < seq <= last`, in order. Raises `Damaged` where they cannot be read."""
        after, until = self._within
        there = listed(self._db, self._generation, after=first, until=last)
        known = self._events
        self._events = {each.id: known[each.id] for each in there if each.id in known}
        found: list[Stored] = []
        for each in there:
            if each.id not in self._events:
                self._events[each.id] = events_of(self._db, self._generation, each, after=after, until=until)
            events = self._events[each.id]
            found += events[bisect.bisect_right(events, first, key=_seq) : bisect.bisect_right(events, last, key=_seq)]
        found.sort(key=_seq)
        return found
