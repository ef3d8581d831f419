"""Every answer's bytes, put together from its deltas, against the hash it was archived under."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
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
    for number in numbers:
        try:
            wrong = _left(db, number) if number in dropped and is_gone(db, number) else _wrong(db, number, answers)
        except Damaged as error:
            wrong = str(error)
        sync = first_sync.get(number)
        if wrong or sync is None:
            yield Finding("answer", sync, f"answer {number}: {wrong or 'no attempt brought it'}")
        progress.advance()


def _left(db: sqlite3.Connection, number: int) -> str | None:
    row = db.execute("SELECT base, depth FROM answer WHERE id = ?", (number,)).fetchone()
    return None if row == (None, 0) else "it was dropped, but said to be a delta"


def _wrong(db: sqlite3.Connection, number: int, answers: Answers) -> str | None:
    stored, size, base, depth = db.execute(
        "SELECT hash, size, base, depth FROM answer WHERE id = ?", (number,)
    ).fetchone()
    depth = depth_of(depth)
    if base is None and depth != 0:
        return f"a full copy, but said to be {depth} deltas away from one"
    if base is not None:
        row = db.execute("SELECT depth FROM answer WHERE id = ?", (base,)).fetchone()
        if row is None or depth_of(row[0]) + 1 != depth:
            return f"its depth {depth} is not that of the answer it leans on, plus one"
    body = answers.body(number)
    if len(body) != size or hashlib.sha256(body).digest() != stored:
        return "its bytes do not match its hash"
    return None
