"""Which events are asked for, as SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from eventstore import names, segments
from eventstore.errors import LogCompacted
from eventstore.model import Kind, from_ms, to_ms
from eventstore.positions import Instant, find_position
from eventstore.segments import Segment
from eventstore.stored import Stored


class Sealed(msgspec.Struct, frozen=True):
    """Which sealed events are asked for: those of `entities` (None: of all), of `kinds`, with `after < seq <= until`.

    `segments` have all of them, in order of their first.
    """

    segments: list[Segment]
    entities: frozenset[int] | None
    kinds: frozenset[str] | None
    after: int
    until: int

    def takes(self, event: Stored) -> bool:
        """Whether an event of these entities and numbers is of a kind that is asked for."""
        return self.kinds is None or event.kind in self.kinds


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Filters over events, all of which must hold; see `EventLog.events`.

    `stretch` takes the place of times and cursor: numbers behind the first, up to the second, as the log has them now.
    """

    category: str | None
    key: str | None
    pattern: str | None
    kinds: Collection[Kind] | None
    since: datetime | None
    until: Instant | None
    after: int
    stretch: tuple[int, int] | None = None

    def where(self, db: sqlite3.Connection, generation: int) -> tuple[str, list[Any]]:
        """A condition over `e`, the events of a generation, and the values in it.

        Raises `UnknownCategory`, `UnknownEntity`, `BeyondHead`, and `ValueError` for a key without a category.
        """
        terms = [self._times(db, generation), self._entities(db, generation)]
        if self.kinds is not None:
            kinds = sorted(kind.value for kind in self.kinds)
            terms.append((f"e.kind IN ({_places(kinds)})", kinds))
        return " AND ".join(term for term, _ in terms), [value for _, values in terms for value in values]

    def sealed(self, db: sqlite3.Connection, generation: int) -> Sealed:
        """The same for events of segments. Raises as `where` does."""
        after, until = self._times(db, generation)[1]
        category = None if self.category is None else names.find_category(db, generation, self.category)
        kinds = None if self.kinds is None else frozenset(kind.value for kind in self.kinds)
        found = segments.listed(db, generation, None if category is None else category.id, after=after, until=until)
        entities = self._numbers(db, generation) if found else None
        return Sealed(found if entities is None or entities else [], entities, kinds, after, until)

    def check_cursor(self, db: sqlite3.Connection, generation: int) -> None:
        """Raise `LogCompacted` where `after` stands in the middle of what was thinned: there is no reading on."""
        if not self.after or self.stretch is not None:
            return
        category = None if self.category is None else names.find_category(db, generation, self.category).id
        row = db.execute(
            f"SELECT min(first), max(last) FROM thinned_{generation} "
            "WHERE last > :after AND first <= :after AND (:category IS NULL OR category = :category)",
            {"after": self.after, "category": category},
        ).fetchone()
        if row[0] is not None:
            raise LogCompacted(f"of what came after @{self.after} less is left: @{row[0]} to @{row[1]} were thinned")

    def _numbers(self, db: sqlite3.Connection, generation: int) -> frozenset[int] | None:
        """The entities that are asked for, None for all of the category or the log."""
        if self.key is None and self.pattern is None:
            return None
        where, values = self._entities(db, generation)
        entities = f"(SELECT id AS entity, category FROM entity_{generation})"
        rows = db.execute(f"SELECT e.entity FROM {entities} e WHERE {where}", values)
        return frozenset(row[0] for row in rows)

    def _times(self, db: sqlite3.Connection, generation: int) -> tuple[str, list[Any]]:
        if self.stretch is not None:
            return "e.seq > ? AND e.seq <= ?", list(self.stretch)
        after = self.after
        if self.since is not None:
            after = max(after, _last_before(db, generation, self.since))
        return "e.seq > ? AND e.seq <= ?", [after, find_position(db, generation, self.until).seq]

    def _entities(self, db: sqlite3.Connection, generation: int) -> tuple[str, list[Any]]:
        if self.category is None:
            if self.key is not None:
                raise ValueError("a key needs a category: the same one may be in several")
            like = f"e.entity IN (SELECT id FROM entity_{generation} WHERE key GLOB ?)"
            return ("TRUE", []) if self.pattern is None else (like, [self.pattern])
        category = names.find_category(db, generation, self.category)
        if self.key is not None:
            entity = names.find_entity(db, generation, category, self.key)
            if self.pattern is None:
                return "e.entity = ?", [entity]
            return "e.entity = ? AND ? GLOB ?", [entity, self.key, self.pattern]
        if self.pattern is not None:
            like = f"e.entity IN (SELECT id FROM entity_{generation} WHERE category = ? AND key GLOB ?)"
            return like, [category.id, self.pattern]
        return "e.category = ?", [category.id]


def _last_before(db: sqlite3.Connection, generation: int, since: datetime) -> int:
    try:
        before = from_ms(to_ms(since) - 1)
    except OverflowError:
        return 0  # it is the first instant that there is
    return find_position(db, generation, before).seq


def _places(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values))
