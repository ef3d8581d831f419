"""Finding segments and blocks, and reading events and documents out of them."""

from __future__ import annotations

import itertools
import operator
import sqlite3
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from eventstore.errors import Damaged
from eventstore.segments import block
from eventstore.segments.block import SealedEntity
from eventstore.segments.head import Head
from eventstore.segments.head import decoded as decoded_head
from eventstore.stored import Stored

_COLUMNS: Final = "id, category, first, last, events, since, composed, size, body"
NEWEST: Final = (1 << 63) - 1  # a number that no event reaches


class Segment(NamedTuple):
    """A segment as its row has it: events `first` to `last` of a category.

    `since`: events since the last catalogue keyframe that was due in it or before. `composed`: of some of its events
    only what they came to is left.
    """

    id: int
    category: int
    first: int
    last: int
    events: int
    since: int
    composed: bool
    size: int
    body: bytes

    @property
    def head(self) -> Head:
        """Which entries its events are in."""
        return decoded_head(self.body, self.size)


def listed(
    db: sqlite3.Connection, generation: int, category: int | None = None, *, after: int = 0, until: int = NEWEST
) -> list[Segment]:
    """The segments of a category, or of all, that hold events with `after < seq <= until`, in order of their first."""
    wanted = "TRUE" if category is None else "category = ?"
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM segment_{generation} WHERE {wanted} AND live = 1 AND last > ? AND first <= ? "
        "ORDER BY first",
        (*(() if category is None else (category,)), after, until),
    )
    return [Segment(*row) for row in rows]


def covering(db: sqlite3.Connection, generation: int, category: int, seq: int) -> Segment | None:
    """The segment that says how a category stood at a number: the last that begins at it or before."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM segment_{generation} WHERE category = ? AND first <= ? AND live = 1 "
        "ORDER BY first DESC LIMIT 1",
        (category, seq),
    ).fetchone()
    return None if row is None else Segment(*row)


def unseen(db: sqlite3.Connection, generation: int, number: int) -> Segment:
    """A segment by its number, whether readers see it yet or not. Raises `Damaged`."""
    row = db.execute(f"SELECT {_COLUMNS} FROM segment_{generation} WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise Damaged(f"segment {number} is missing")
    return Segment(*row)


def close_of(db: sqlite3.Connection, generation: int, category: int) -> Segment | None:
    """A category's last segment, None where nothing of it is sealed."""
    return covering(db, generation, category, NEWEST)


def entity_in(db: sqlite3.Connection, generation: int, segment: Segment, entity: int) -> SealedEntity | None:
    """An entity in a segment of its category, None where it neither stood nor had an event there."""
    row = db.execute(
        f"SELECT b.size, b.body FROM entity_{generation} t JOIN block_{generation} b ON b.segment = ? "
        "AND b.key <= t.key WHERE t.id = ? ORDER BY b.key DESC LIMIT 1",
        (segment.id, entity),
    ).fetchone()
    return None if row is None else block.decoded(row[1], row[0]).get(entity)


def entities_of(db: sqlite3.Connection, generation: int, segment: Segment) -> Iterator[SealedEntity]:
    """All entities of a segment, in order of key."""
    rows = db.execute(f"SELECT size, body FROM block_{generation} WHERE segment = ? ORDER BY key", (segment.id,))
    for size, body in rows.fetchall():
        yield from block.decoded(body, size).values()


def blocks_of(db: sqlite3.Connection, generation: int, segment: Segment) -> list[tuple[str, list[str]]]:
    """The blocks of a segment: the key by which each is found, and the keys of the entities in it."""
    rows = db.execute(f"SELECT key, size, body FROM block_{generation} WHERE segment = ? ORDER BY key", (segment.id,))
    return [(key, [each.key for each in block.decoded(body, size).values()]) for key, size, body in rows.fetchall()]


def events_of(
    db: sqlite3.Connection,
    generation: int,
    segment: Segment,
    *,
    entities: Collection[int] | None = None,
    after: int = 0,
    until: int = NEWEST,
) -> list[Stored]:
    """The events of a segment with `after < seq <= until`, in order: of all entities, or of some.

    Raises `BrokenHistory` where they do not fold.
    """
    head = segment.head
    found: list[Stored] = []
    for entity in _some_of(db, generation, segment, entities):
        begin, end = entity.count(after), entity.count(until)
        if begin < end:
            found += itertools.islice(entity.events(head, segment.category, after=begin), end - begin)
    found.sort(key=operator.attrgetter("seq"))
    return found


FEW: Final = 4  # entities: so many are looked for one by one, more by reading all blocks


def _some_of(
    db: sqlite3.Connection, generation: int, segment: Segment, entities: Collection[int] | None
) -> Iterator[SealedEntity]:
    if entities is not None and len(entities) <= FEW:
        each = (entity_in(db, generation, segment, number) for number in entities)
        return (entity for entity in each if entity is not None)
    every = entities_of(db, generation, segment)
    return every if entities is None else (entity for entity in every if entity.number in entities)


def category_of(db: sqlite3.Connection, generation: int, entity: int) -> int | None:
    """The number of an entity's category, None where there is no such entity."""
    row = db.execute(f"SELECT category FROM entity_{generation} WHERE id = ?", (entity,)).fetchone()
    return None if row is None else int(row[0])


def find_entity(db: sqlite3.Connection, generation: int, entity: int, seq: int) -> tuple[Segment, SealedEntity] | None:
    """An entity in the segment that says how it stood at a number; None where it was not there."""
    category = category_of(db, generation, entity)
    segment = None if category is None else covering(db, generation, category, seq)
    found = None if segment is None else entity_in(db, generation, segment, entity)
    return None if segment is None or found is None else (segment, found)


def last_before(db: sqlite3.Connection, generation: int, entity: int, seq: int) -> int | None:
    """The number of the sealed event before `seq` that left an entity as it stood there; None where it stood not."""
    found = find_entity(db, generation, entity, seq - 1)
    if found is None:
        return None
    count = found[1].count(seq - 1)
    if count:
        return found[1].seqs[count - 1]
    return None if found[1].base is None else found[1].base.seq
