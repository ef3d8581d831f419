"""Dropping the bytes of answers of old: their rows stay, with hash and size, so no root is concerned."""

from __future__ import annotations

import sqlite3
from typing import Final

from eventstore import chain
from eventstore.answers import GONE
from eventstore.compacted import Dropped
from eventstore.compaction.writing import Transaction
from eventstore.evidence import USES
from eventstore.progress import Progress
from eventstore.retention import Kept, droppable

TOGETHER: Final = 256  # bodies in a transaction
_EMPTY: Final = "UPDATE answer SET base = NULL, depth = 0, pack = NULL, place = NULL, body = x'' WHERE id = ?"

_KEPT: Final = f"""
SELECT a.id, a.base, u.replaced, a.pack FROM answer a
JOIN (SELECT answer, max(coalesce(replaced, 1 << 62)) AS replaced FROM ({USES}) GROUP BY answer) u ON u.answer = a.id
WHERE NOT ({GONE})
"""
# the first attempt of a sync that was not over by then, or that is not recorded
_BEFORE: Final = """
SELECT coalesce(min(first), 1 << 62) FROM sync s WHERE first IS NOT NULL AND (at IS NULL OR at > ?
OR NOT EXISTS (SELECT 1 FROM entry n WHERE n.sync = s.id AND n.generation = ? AND n.kind = 'sync'))
"""
# all pages as they stood when a scope was last listed, completely and not
_LISTED: Final = """
WITH last AS (SELECT scope, max(entry), attempt FROM listing_{g} GROUP BY scope, complete),
ended AS (SELECT scope, coalesce((SELECT min(first) FROM sync WHERE first > last.attempt), 1 << 62) AS next FROM last)
SELECT DISTINCT n.answer FROM ended e JOIN news n ON n.scope = e.scope AND n.attempt =
(SELECT max(m.attempt) FROM news m WHERE m.scope = n.scope AND m.page = n.page AND m.attempt < e.next)
"""


class Dropping:
    """Drops the bytes of answers of one record."""

    def __init__(self, db: sqlite3.Connection, generation: int, transaction: Transaction) -> None:
        self._db = db
        self._generation = generation
        self._transaction = transaction

    def waiting(self, until: int | None) -> list[list[int]]:
        """The answers that may go, by bodies, of those that were replaced by then (milliseconds, None: of none)."""
        if until is None:
            return []
        rows = self._db.execute(_KEPT).fetchall()
        answers = {number: Kept(*kept) for number, *kept in rows}
        held = {row[0] for row in self._db.execute(_LISTED.format(g=self._generation))}
        before = self._db.execute(_BEFORE, (until, self._generation)).fetchone()[0]
        return droppable(answers, before=before, held=held)

    def drop(self, compaction: int, until: int | None, progress: Progress) -> None:
        """Drop them, what leans on others before these: whatever a kill leaves can be put together."""
        waiting = self.waiting(until)
        if waiting:
            progress.start(sum(map(len, waiting)), "answers")
        for begin in range(0, len(waiting), TOGETHER):
            together = [(number,) for body in waiting[begin : begin + TOGETHER] for number in body]
            with self._transaction():
                note = "INSERT INTO dropped SELECT id, ?, length(body) FROM answer WHERE id = ?"
                self._db.executemany(note, [(compaction, *each) for each in together])
                self._db.executemany(_EMPTY, together)
            progress.advance(len(together))

    def dropped(self, compaction: int) -> Dropped | None:
        """What a compaction dropped by now, None where nothing."""
        answers, taken = self._db.execute(
            "SELECT count(*), sum(bytes) FROM dropped WHERE compaction = ?", (compaction,)
        ).fetchone()
        if not answers:
            return None
        return Dropped(answers, taken, chain.digest(chain.dropped_lines(self._db, compaction)).hex())
