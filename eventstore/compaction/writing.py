"""Writing a segment, reading it back, and letting readers see it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from eventstore import segments
from eventstore.canonical import encode
from eventstore.compaction.drafting import Draft, Start
from eventstore.compression import LEVEL_SEALED
from eventstore.errors import Damaged
from eventstore.segments import Head
from eventstore.stored import Stored

Transaction = Callable[[], AbstractContextManager[None]]
"""What is written inside is committed together, or not at all."""


def discard_unseen(db: sqlite3.Connection, generation: int) -> None:
    """Remove segments that were written, but never compared: whoever wrote them was killed. Needs a transaction."""
    for (segment,) in db.execute(f"SELECT id FROM segment_{generation} WHERE live = 0").fetchall():
        remove(db, generation, segment)


def keys_of(db: sqlite3.Connection, generation: int, *events: list[Stored]) -> dict[int, str]:
    """The keys of the entities that events are about, by number."""
    numbers = encode(sorted({event.entity for each in events for event in each})).decode()
    query = f"SELECT id, key FROM entity_{generation} WHERE id IN (SELECT value FROM json_each(?))"
    return dict(db.execute(query, (numbers,)).fetchall())


def write(
    db: sqlite3.Connection, generation: int, draft: Draft, *, composed: bool = False, level: int = LEVEL_SEALED
) -> int:
    """Write a segment that nobody sees yet, compressed so hard; return its number. Needs a transaction."""
    head = Head.of(draft.events)
    cursor = db.execute(
        f"INSERT INTO segment_{generation} (category, first, last, events, live, composed, since, size, body) "
        "VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)",
        (draft.category, *_extent(draft.events), composed, draft.since, *head.packed()),
    )
    number = int(cursor.lastrowid or 0)
    for run in draft.blocks():
        db.execute(
            f"INSERT INTO block_{generation} (segment, key, size, body) VALUES (?, ?, ?, ?)",
            (number, run[0].key, *segments.packed(run, head, level)),
        )
    return number


def _extent(events: Sequence[Stored]) -> tuple[int, int, int]:
    """The first and the last number, and how many there are."""
    return events[0].seq, events[-1].seq, len(events)


def compare(db: sqlite3.Connection, generation: int, number: int, draft: Draft, start: Start) -> None:
    """Read a segment back, fold it, and compare it with what it was made of. Raises `Damaged`."""
    segment = segments.unseen(db, generation, number)
    if segments.events_of(db, generation, segment) != list(draft.events):
        raise Damaged(f"segment {number} does not give the events that were sealed into it")
    again = {entity.number: entity for entity in segments.entities_of(db, generation, segment)}
    for number_of, standing in start.standing.items():
        sealed = again.get(number_of)
        if sealed is None or (sealed.key, sealed.base, sealed.document) != standing:
            raise Damaged(f"segment {number} does not begin with what stood before it")
    end = {each.entity: _last(each.events) for each in draft.entities if each.events}
    for number_of, digest in end.items():
        standing_at_end = again[number_of].standing(len(again[number_of].seqs))
        found = None if standing_at_end is None else _digest(*standing_at_end)
        if found != digest:
            raise Damaged(f"segment {number} does not end with what stood after it")


def _digest(document: bytes, patches: Sequence[bytes]) -> bytes:
    return hashlib.sha256(segments.document_of(document, patches, 0)).digest()


def _last(events: list[Stored]) -> bytes | None:
    return events[-1].hash if events[-1].body is not None else None


def show(db: sqlite3.Connection, generation: int, number: int, draft: Draft) -> None:
    """Let readers see a segment. Needs a transaction."""
    db.execute(f"UPDATE segment_{generation} SET live = 1 WHERE id = ?", (number,))
    last = [entity.events[-1] for entity in draft.entities if entity.events]
    db.executemany(
        f"UPDATE entity_{generation} SET entry = ?, origin = ? WHERE id = ? AND seq = ?",
        [(event.entry, event.scope, event.entity, event.seq) for event in last],
    )


def remove(db: sqlite3.Connection, generation: int, segment: int) -> None:
    """Remove a segment. Needs a transaction."""
    db.execute(f"DELETE FROM segment_{generation} WHERE id = ?", (segment,))
    db.execute(f"DELETE FROM block_{generation} WHERE segment = ?", (segment,))
