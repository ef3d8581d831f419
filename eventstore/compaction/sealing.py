"""Sealing: the older events of a category move from rows into segments, one segment after another.

Each segment is written where nobody sees it, committed, read back, folded and compared with what it replaces. Only the
next transaction lets readers see it, and removes the rows. So whoever is killed, anywhere, leaves all events: in rows,
or in a segment that was compared.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from eventstore import segments
from eventstore.compaction.drafting import Draft, begun, drafted, ended
from eventstore.compaction.writing import Transaction, compare, keys_of, remove, show, write
from eventstore.compression import LEVEL_SEALED, LEVEL_THINNED
from eventstore.segments import Segment
from eventstore.stored import Stored

SEGMENT_EVENTS: Final = 8192  # half as many take a fifth more space
THINNED_EVENTS: Final = 2048  # where horizons move through them; telemetry takes 3% more space than with 8192
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
    db: sqlite3.Connection, generation: int, category: int, until: int, transaction: Transaction, *, thinned: bool
) -> int:
    """Seal the oldest rows of a category, up to a number, as one segment; how many events went, 0 for none left.

    `until` is the end of an entry. The last segments are made anew with them where `joined` says so, but for those of
    which something is left out. `thinned`: whether the category is to be thinned. Raises `Damaged`, and leaves
    everything as it is, where what is read back is not what was in the rows.
    """
    waiting = sealable(db, generation, category, until)
    if not waiting:
        return 0
    listed = segments.listed(db, generation, category)
    start = ended(db, generation, listed[-1] if listed else None)
    live = len(start.standing)
    wanted = full(live, thinned=thinned)
    whole = list(itertools.takewhile(lambda segment: not segment.composed, reversed(listed)))[::-1]
    replaced = joined(whole, min(waiting, wanted), live, wanted)
    if replaced:
        start = begun(db, generation, replaced[0])
    again = [event for each in replaced for event in segments.events_of(db, generation, each)]
    rows = _oldest(db, generation, category, until, wanted - len(again))
    draft = drafted(category, start, [*again, *rows], keys_of(db, generation, rows, again))
    with transaction():
        number = write(db, generation, draft, level=LEVEL_THINNED if thinned else LEVEL_SEALED)
    compare(db, generation, number, draft, start)
    with transaction():
        show(db, generation, number, draft)
        for each in replaced:
            remove(db, generation, each.id)
        _drop_rows(db, generation, draft)
    return len(rows)


def full(live: int, *, thinned: bool) -> int:
    """How many events a segment is to hold that so many entities stand before."""
    return max(THINNED_EVENTS if thinned else SEGMENT_EVENTS, EVENTS_EACH * live)


def joined(before: Sequence[Segment], events: int, live: int, wanted: int) -> Sequence[Segment]:
    """The last of these segments that are to become one with so many events behind them.

    As in a log-structured merge tree, one that holds more than all behind it stays: so each event is written again a
    few times, and there are few small segments. One that holds less than documents are worth goes in any case.
    """
    first = len(before)
    together = 0
    while first:
        size = before[first - 1].events
        if together + size >= wanted or size > max(together + events, EVENTS_EACH * live):
            break
        together += size
        first -= 1
    return before[first:]


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
    db: sqlite3.Connection, generation: int, category: int, until: int, transaction: Transaction, *, thinned: bool
) -> Iterator[int]:
    """Seal all rows of a category up to a number; gives how many events went with each segment."""
    while went := seal_next(db, generation, category, until, transaction, thinned=thinned):
        yield went
