"""Sealing: the older events of a category move from rows into segments, one segment after another.

Each segment is written where nobody sees it, committed, read back, folded and compared with what it replaces. Only the
next transaction lets readers see it, and removes the rows. So whoever is killed, anywhere, leaves all events: in rows,
or in a segment that was compared.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from typing import Final

from eventstore import segments
from eventstore.compaction.drafting import Draft, Start, begun, drafted, ended
from eventstore.compaction.writing import Transaction, compare, keys_of, remove, show, write
from eventstore.stored import Stored

SEGMENT_EVENTS: Final = 8192  # half as many take a fifth more space; one that has fewer is sealed again with the next
EVENTS_EACH: Final = 8  # for each live entity: a segment holds all of their documents before its events

_ROWS: Final = """
SELECT seq, entry, entity, category, parent_category, parent, scope, kind, not_before, hash, CAST(body AS BLOB)
FROM event_{g} WHERE category = ? AND seq <= ? ORDER BY seq
"""


def sealable(db: sqlite3.Connection, generation: int, category: int, until: int) -> int:
    """How many events of a category up to a number are in rows."""
    query = f"SELECT count(*) FROM event_{generation} WHERE category = ? AND seq <= ?"
    return int(db.execute(query, (category, until)).fetchone()[0])


def seal_next(
    db: sqlite3.Connection, generation: int, category: int, until: int, transaction: Transaction, level: int
) -> int:
    """Seal the oldest rows of a category, up to a number, as one segment; how many events went, 0 for none left.

    `until` is the end of an entry. The category's last segment is made anew with them where it is not full. Raises
    `Damaged`, and leaves everything as it is, where what is read back is not what was in the rows.
    """
    last = segments.close_of(db, generation, category)
    start, again = ended(db, generation, last), list[Stored]()
    wanted = full(start)
    if last is not None and not last.composed and last.events < wanted:
        start, again = begun(db, generation, last), segments.events_of(db, generation, last)
    else:
        last = None
    rows = _oldest(db, generation, category, until, wanted - len(again))
    if not rows:
        return 0
    draft = drafted(category, start, [*again, *rows], keys_of(db, generation, rows, again))
    with transaction():
        number = write(db, generation, draft, level=level)
    compare(db, generation, number, draft, start)
    with transaction():
        show(db, generation, number, draft)
        if last is not None:
            remove(db, generation, last.id)
        _drop_rows(db, generation, draft)
    return len(rows)


def full(start: Start) -> int:
    """How many events a segment is to hold."""
    return max(SEGMENT_EVENTS, EVENTS_EACH * len(start.standing))


def _oldest(db: sqlite3.Connection, generation: int, category: int, until: int, count: int) -> list[Stored]:
    """The oldest rows of whole entries, until there are so many."""
    found: list[Stored] = []
    rows = itertools.starmap(Stored, db.execute(_ROWS.format(g=generation), (category, until)))
    for _, together in itertools.groupby(rows, key=lambda event: event.entry):
        if len(found) >= count:
            break
        found += together
    return found


def _drop_rows(db: sqlite3.Connection, generation: int, draft: Draft) -> None:
    """Remove the rows of sealed events, and the keyframes of that time."""
    last = draft.events[-1]
    db.execute(f"DELETE FROM event_{generation} WHERE category = ? AND seq <= ?", (draft.category, last.seq))
    db.executemany(
        f"DELETE FROM keyframe_{generation} WHERE entity = ? AND seq <= ?",
        [(each.entity, last.seq) for each in draft.entities],
    )
    db.execute(
        f"DELETE FROM catalogue_{generation} WHERE category = ? AND seq <= (SELECT seq FROM entry WHERE id = ?)",
        (draft.category, last.entry),
    )


def steps(
    db: sqlite3.Connection, generation: int, category: int, until: int, transaction: Transaction, *, level: int
) -> Iterator[int]:
    """Seal all rows of a category up to a number, compressed so hard; gives how many events went with each segment."""
    while went := seal_next(db, generation, category, until, transaction, level):
        yield went
