"""Events with the names of what they are about, in order, from rows and from segments."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

from eventstore import segments
from eventstore.archive import Archive
from eventstore.errors import Damaged
from eventstore.model import Entity, Event, Kind, from_ms
from eventstore.segments import Segment
from eventstore.selection import Selection
from eventstore.stored import Stored

_EVENTS: Final = """
SELECT e.seq, c.source, c.name, t.key, e.parent, e.scope, e.kind, n.observed_at, e.not_before, n.sync, e.hash,
       CAST(e.body AS BLOB)
FROM event_{g} e JOIN entry n ON n.id = e.entry JOIN entity_{g} t ON t.id = e.entity
JOIN category_{g} c ON c.id = e.category
"""
_ENTITY: Final = """
SELECT c.source, c.name, t.key FROM entity_{g} t JOIN category_{g} c ON c.id = t.category WHERE t.id = ?
"""

_KINDS: Final = {kind.value: kind for kind in Kind}  # to ask the enum takes four times as long


class _Numbered(Protocol):
    @property
    def seq(self) -> int: ...


T = TypeVar("T", bound=_Numbered)


def merged(
    sealed: Sequence[Segment],
    read: Callable[[Segment], Iterable[T]],
    rows: Iterable[T],
    *,
    newest_first: bool = False,
) -> Iterator[T]:
    """Events of segments and rows in order of their numbers; a segment is read when its turn comes.

    `read` and `rows` give them in that order.
    """
    sign = -1 if newest_first else 1
    waiting = [(sign * (each.last if newest_first else each.first), place) for place, each in enumerate(sealed)]
    heapq.heapify(waiting)
    opened: dict[int, tuple[T, Iterator[T]]] = {}

    def push(place: int, events: Iterator[T]) -> None:
        event = next(events, None)
        if event is not None:
            opened[place] = event, events
            heapq.heappush(waiting, (sign * event.seq, place))

    push(len(sealed), iter(rows))
    while waiting:
        _, place = heapq.heappop(waiting)
        if place in opened:
            event, events = opened.pop(place)
            yield event
        else:
            events = iter(read(sealed[place]))
        push(place, events)


class Events:
    """Reads the events of one generation."""

    def __init__(self, db: sqlite3.Connection, generation: int, archive: Archive) -> None:
        self._db = db
        self._generation = generation
        self._archive = archive
        self._entities: dict[int, Entity] = {}
        self._entries: dict[int, tuple[int, int]] = {}  # when it was observed, and its sync

    def selected(self, wanted: Selection, *, newest_first: bool) -> Iterator[Event]:
        """Those that are wanted. Begin it inside a snapshot: all that it reads is of that moment."""
        db, generation = self._db, self._generation
        wanted.check_cursor(db, generation)
        sealed = wanted.sealed(db, generation)
        # while it has rows to give, the snapshot stays: a segment may be replaced before its turn comes
        pin = db.execute("SELECT name FROM sqlite_master") if sealed.segments else None
        where, values = wanted.where(db, generation)
        order = "DESC" if newest_first else "ASC"
        rows = db.execute(f"{_EVENTS.format(g=generation)} WHERE {where} ORDER BY e.seq {order}", values)

        def read(segment: Segment) -> Iterator[Event]:
            events = segments.events_of(
                db, generation, segment, entities=sealed.entities, after=sealed.after, until=sealed.until
            )
            kept = (each for each in (events[::-1] if newest_first else events) if sealed.takes(each))
            return map(self._named, kept)

        yield from merged(sealed.segments, read, map(self._event, rows), newest_first=newest_first)
        if pin is not None:
            pin.close()

    def _named(self, stored: Stored) -> Event:
        observed_at, sync = self._entry(stored.entry)
        return Event(
            stored.seq,
            self._entity(stored.entity),
            stored.parent,
            self._archive.scope(stored.scope),
            _KINDS[stored.kind],
            from_ms(observed_at),
            None if stored.not_before is None else from_ms(stored.not_before),
            sync,
            stored.hash.hex(),
            stored.body,
            stored.starts,
        )

    def _entity(self, number: int) -> Entity:
        if number not in self._entities:
            row = self._db.execute(_ENTITY.format(g=self._generation), (number,)).fetchone()
            if row is None:
                raise Damaged(f"entity {number} is missing")
            self._entities[number] = Entity(*row)
        return self._entities[number]

    def _entry(self, number: int) -> tuple[int, int]:
        if number not in self._entries:
            row = self._db.execute("SELECT observed_at, sync FROM entry WHERE id = ?", (number,)).fetchone()
            if row is None:
                raise Damaged(f"entry {number} of the chain is missing")
            self._entries[number] = row
        return self._entries[number]

    def _event(self, row: tuple[Any, ...]) -> Event:
        seq, source, name, key, parent, scope, kind, observed_at, not_before, sync, digest, body = row
        return Event(
            seq,
            Entity(source, name, key),
            parent,
            self._archive.scope(scope),
            _KINDS[kind],
            from_ms(observed_at),
            None if not_before is None else from_ms(not_before),
            sync,
            digest.hex(),
            body,
        )
