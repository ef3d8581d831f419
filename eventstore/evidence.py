"""Evidence: whether the bytes of all recorded answers are there still, and since when they are."""

from __future__ import annotations

import sqlite3
from typing import Final

from eventstore.answers import GONE
from eventstore.canonical import parse
from eventstore.errors import AnswerDropped
from eventstore.model import from_ms
from eventstore.positions import Position, entry_of, find_position
from eventstore.skipped import find_skipped

# when each use of an answer was over: the attempt that brought another for that page of the scope
USES: Final = """
SELECT answer, lead(attempt) OVER (PARTITION BY scope, page ORDER BY attempt) AS replaced FROM news
"""
_LAST_REPLACED: Final = f"""
SELECT max(coalesce(replaced, 1 << 62)) FROM ({USES}) WHERE answer IN (SELECT id FROM answer WHERE {GONE})
"""
# from the sync of that attempt on all is there; what came before it may stand at any time
_LAST_LOST: Final = """
SELECT max(n.observed_at) FROM entry n JOIN sync s ON s.id = n.sync
WHERE n.generation = :generation AND n.kind = 'sync'
AND s.first < (SELECT max(first) FROM sync WHERE first IS NOT NULL AND first <= :replaced)
"""
_NEXT: Final = "SELECT min(observed_at) FROM entry WHERE generation = ? AND kind = 'sync' AND observed_at > ?"
_DROPPED_BY: Final = """
SELECT c.id, c.plan FROM dropped d JOIN compaction c ON c.id = d.compaction WHERE d.answer = ?
ORDER BY c.id DESC LIMIT 1
"""


def anything_gone(db: sqlite3.Connection) -> bool:
    """Whether the bytes of any answer went."""
    return bool(db.execute(f"SELECT EXISTS (SELECT 1 FROM answer WHERE {GONE})").fetchone()[0])


def is_gone(db: sqlite3.Connection, answer: int) -> bool:
    """Whether the bytes of an answer went."""
    return bool(db.execute(f"SELECT EXISTS (SELECT 1 FROM answer WHERE id = ? AND {GONE})", (answer,)).fetchone()[0])


def horizon(db: sqlite3.Connection, generation: int) -> int | None:
    """The first instant (milliseconds) from which all recorded answers are there, None where none ever went.

    An answer is not there where its bytes, or the sync that brought it, went.
    """
    skipped = find_skipped(db, "generation = ?", generation)
    lost = None if skipped is None else skipped.until - 1
    # all that every scope ever brought is gone through for it
    replaced = db.execute(_LAST_REPLACED).fetchone()[0] if anything_gone(db) else None
    if replaced is not None:
        answers = db.execute(_LAST_LOST, {"generation": generation, "replaced": replaced}).fetchone()[0]
        lost = answers if lost is None else max(lost, answers or 0)
    if lost is None:
        return None
    after = db.execute(_NEXT, (generation, lost)).fetchone()[0]
    return int(lost) + 1 if after is None else int(after)


def copied_until(db: sqlite3.Connection, generation: int) -> Position | None:
    """Up to which place the log cannot be folded again, None where all of it can.

    That is the last one before the evidence horizon, or the end of a bucket that is thinned there: inside it, what is
    left of its events follows from answers on both sides.
    """
    since = horizon(db, generation)
    if since is None:
        return None
    place = find_position(db, generation, from_ms(since - 1))
    while True:
        query = f"SELECT max(last) FROM thinned_{generation} WHERE first <= :seq AND last > :seq"
        last = db.execute(query, {"seq": place.seq}).fetchone()[0]
        entry = None if last is None else entry_of(db, generation, last)
        if entry is None or entry <= place.entry:
            return place
        seq, observed_at = db.execute("SELECT seq, observed_at FROM entry WHERE id = ?", (entry,)).fetchone()
        place = Position(seq, entry, from_ms(observed_at))


def why_gone(db: sqlite3.Connection, attempt: int, answer: int) -> AnswerDropped:
    """What to say of an answer whose bytes went: by which compaction, and why."""
    row = db.execute(_DROPPED_BY, (answer,)).fetchone()
    if row is None:
        return AnswerDropped(f"the answer of attempt {attempt} is gone, and no compaction says that it dropped it")
    plan = parse(row[1])["plan"]
    when, until = (from_ms(plan[name]).strftime("%Y-%m-%dT%H:%M:%SZ") for name in ("now", "archive_until"))
    return AnswerDropped(
        f"the answer of attempt {attempt} was dropped by compaction {row[0]}, when the log stood at {when}: "
        f"retention.toml kept no answer that was replaced before {until}"
    )
