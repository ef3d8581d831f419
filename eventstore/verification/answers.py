"""Every answer's bytes, put together from its deltas, against the hash it was archived under."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final

from eventstore.answers import Answers, depth_of
from eventstore.errors import Damaged
from eventstore.evidence import is_gone
from eventstore.progress import Progress
from eventstore.verification.finding import Finding

_FIRST_SYNC: Final = """
SELECT n.answer, (SELECT id FROM sync WHERE first <= n.attempt ORDER BY first DESC LIMIT 1)
FROM (SELECT answer, min(attempt) AS attempt FROM news GROUP BY answer) n
"""


def check(db: sqlite3.Connection, progress: Progress) -> Iterator[Finding]:
    """Check all answers, in the order in which they came: of those that were dropped, that nothing of them is left."""
    numbers = [row[0] for row in db.execute("SELECT id FROM answer ORDER BY id")]
    dropped = {row[0] for row in db.execute("SELECT answer FROM dropped")}
    progress.start(len(numbers), "answers")
    answers = Answers(db)
    first_sync = dict(db.execute(_FIRST_SYNC).fetchall())
    packs = dict(db.execute("SELECT pack, count(*) FROM answer WHERE pack IS NOT NULL GROUP BY pack").fetchall())
    for number in numbers:
        try:
            wrong = (
                _left(db, number) if number in dropped and is_gone(db, number) else _wrong(db, number, answers, packs)
            )
        except Damaged as error:
            wrong = str(error)
        sync = first_sync.get(number)
        if wrong or sync is None:
            yield Finding("answer", sync, f"answer {number}: {wrong or 'no attempt brought it'}")
        progress.advance()


def _left(db: sqlite3.Connection, number: int) -> str | None:
    row = db.execute("SELECT base, depth, place FROM answer WHERE id = ?", (number,)).fetchone()
    return None if row == (None, 0, None) else "it was dropped, but said to be a delta, or in a pack"


def _wrong(db: sqlite3.Connection, number: int, answers: Answers, packs: Mapping[int, int]) -> str | None:
    stored, size, base, depth, pack = db.execute(
        "SELECT hash, size, base, depth, pack FROM answer WHERE id = ?", (number,)
    ).fetchone()
    if pack is not None and pack != number:
        row = db.execute("SELECT depth FROM answer WHERE id = ? AND pack = id", (pack,)).fetchone()
        expected = None if row is None else depth_of(row[0])
    else:
        row = (-1,) if base is None else db.execute("SELECT depth FROM answer WHERE id = ?", (base,)).fetchone()
        expected = None if row is None else (-1 if base is None else depth_of(row[0])) + packs.get(number, 1)
    if expected != depth_of(depth):
        return f"it is said to be {depth_of(depth)} answers away from a full copy, and is {expected}"
    body = answers.body(number)
    if len(body) != size or hashlib.sha256(body).digest() != stored:
        return "its bytes do not match its hash"
    return None
