"""Packing answers of old: each as a delta against the one before it of its scope, harder compressed than on arrival.

Which bytes an answer has does not change by it, nor its number; so no root and no receipt is concerned.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from eventstore.answers import PACKED_CHAIN, Answers, depth_of, near, packed_depth
from eventstore.compaction.writing import Transaction
from eventstore.compression import pack, unpack
from eventstore.errors import Damaged

LEVEL: Final = 12  # of 12, 16, 19 on 678 catalogues: 310, 282, 274 kB in 2, 40 and 30 s
TOGETHER: Final = 256  # answers in a transaction

# answers that are not packed yet, of syncs that were over by then, with the attempt, scope and page that brought each
_OLD: Final = """
SELECT a.id, min(n.attempt), n.scope, n.page FROM answer a JOIN news n ON n.answer = a.id
WHERE a.depth >= 0 AND length(a.body) > 0
AND n.attempt < coalesce((SELECT min(first) FROM sync WHERE first IS NOT NULL AND (at IS NULL OR at > ?)), 1 << 62)
GROUP BY a.id ORDER BY a.id
"""
_BEFORE: Final = """
SELECT n.answer, w.depth, w.size FROM news n JOIN answer w ON w.id = n.answer
WHERE n.scope = ? AND n.page = ? AND n.attempt < ? AND n.answer < ? AND length(w.body) > 0
ORDER BY n.attempt DESC LIMIT 1
"""
_LEANING: Final = """
WITH RECURSIVE leaning (id, depth) AS (
    SELECT id, ? FROM answer WHERE base = ? AND depth >= 0
    UNION ALL SELECT a.id, l.depth + 1 FROM leaning l JOIN answer a ON a.base = l.id AND a.depth >= 0
)
SELECT depth, id FROM leaning
"""


class _Packed(NamedTuple):
    base: int | None
    depth: int
    body: bytes


class Packing:
    """Packs the answers of one record."""

    def __init__(self, db: sqlite3.Connection, transaction: Transaction) -> None:
        self._db = db
        self._transaction = transaction
        self._answers = Answers(db)

    def waiting(self, until: int) -> list[tuple[int, int, int, int]]:
        """The answers, with attempt, scope and page, that syncs over by then (milliseconds) brought."""
        return self._db.execute(_OLD, (until,)).fetchall()

    def steps(self, until: int) -> Iterator[int]:
        """Pack them; gives how many went with each transaction. Raises `Damaged` before anything of it is changed."""
        waiting = self.waiting(until)
        for begin in range(0, len(waiting), TOGETHER):
            together = waiting[begin : begin + TOGETHER]
            with self._transaction():
                packed: dict[int, _Packed] = {}
                for answer in together:
                    packed[answer[0]] = self._pack(*answer, packed)
                self._write(packed)
            yield len(together)

    def _write(self, packed: Mapping[int, _Packed]) -> None:
        """Let packed answers take the place of what they were: all go first, or pages would stay half empty."""
        kept = "SELECT hash, size FROM answer WHERE id = ?"
        rows = [
            (number, *self._db.execute(kept, (number,)).fetchone(), each.base, packed_depth(each.depth), each.body)
            for number, each in packed.items()
        ]
        self._db.executemany("DELETE FROM answer WHERE id = ?", [(number,) for number in packed])
        self._db.executemany("INSERT INTO answer (id, hash, size, base, depth, body) VALUES (?, ?, ?, ?, ?, ?)", rows)
        for number, each in packed.items():
            leaning = self._db.execute(_LEANING, (each.depth + 1, number)).fetchall()
            self._db.executemany("UPDATE answer SET depth = ? WHERE id = ?", leaning)

    def _pack(self, number: int, attempt: int, scope: int, page: int, known: Mapping[int, _Packed]) -> _Packed:
        """Pack an answer; `known` are those packed and not yet written."""
        body = self._answers.body(number)
        before = self._db.execute(_BEFORE, (scope, page, attempt, number)).fetchone()
        base, depth = None, 0
        if before is not None:
            deep = 1 + (known[before[0]].depth if before[0] in known else depth_of(before[1]))
            if deep < PACKED_CHAIN and near(before[2], len(body)):
                base, depth = before[0], deep
        against = None if base is None else self._answers.body(base)
        packed = pack(body, base=against, level=LEVEL)
        if unpack(packed, len(body), base=against) != body:
            raise Damaged(f"answer {number} does not come back from what it was packed into")
        return _Packed(base, depth, packed)
