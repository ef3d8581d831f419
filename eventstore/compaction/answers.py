"""Packing answers of old: those of a scope, in order, together, as a delta against the one before them.

Which bytes an answer has does not change by it, nor its number; so no root and no receipt is concerned.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from eventstore.answers import GONE, PACKED_CHAIN, Answers, depth_of, near, packed_depth
from eventstore.compaction.writing import Transaction
from eventstore.compression import pack, unpack
from eventstore.errors import Damaged

LEVEL: Final = 12  # of 12, 16, 19 on 678 catalogues, one by one: 310, 282, 274 kB in 2, 40 and 30 s
PACK_BYTES: Final = 3 << 20  # of 678 catalogues in packs of 3 MB: 270 kB in 1.3 s, for what repeats is said once
TOGETHER: Final = 1024  # answers in a transaction

# answers that are not packed yet, of syncs that were over by then, with size, and the attempt, scope and page of each
_OLD: Final = f"""
SELECT a.id, a.size, min(n.attempt), n.scope, n.page FROM answer a JOIN news n ON n.answer = a.id
WHERE a.depth >= 0 AND NOT ({GONE})
AND n.attempt < coalesce((SELECT min(first) FROM sync WHERE first IS NOT NULL AND (at IS NULL OR at > ?)), 1 << 62)
GROUP BY a.id ORDER BY a.id
"""
_BEFORE: Final = f"""
SELECT n.answer, w.depth, w.size FROM news n JOIN answer w ON w.id = n.answer
WHERE n.scope = ? AND n.page = ? AND n.attempt < ? AND n.answer < ? AND NOT ({GONE})
ORDER BY n.attempt DESC LIMIT 1
"""
_LEANING: Final = """
WITH RECURSIVE leaning (id, depth) AS (
    SELECT id, ? FROM answer WHERE base = ? AND depth >= 0
    UNION ALL SELECT a.id, l.depth + 1 FROM leaning l JOIN answer a ON a.base = l.id AND a.depth >= 0
)
SELECT depth, id FROM leaning
"""
_INSERT: Final = "INSERT INTO answer (id, hash, size, base, depth, pack, start, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class Waiting(NamedTuple):
    """An answer that is to be packed: its number and size, and what first brought it, for which page of a scope."""

    answer: int
    size: int
    attempt: int
    scope: int
    page: int


class _Packed(NamedTuple):
    """Answers in one body, in order, each with where it begins."""

    answers: Sequence[tuple[int, int]]
    base: int | None
    depth: int
    body: bytes


class Packing:
    """Packs the answers of one record."""

    def __init__(self, db: sqlite3.Connection, transaction: Transaction) -> None:
        self._db = db
        self._transaction = transaction
        self._answers = Answers(db)

    def waiting(self, until: int) -> list[Waiting]:
        """The answers that syncs over by then (milliseconds) brought."""
        return [Waiting(*row) for row in self._db.execute(_OLD, (until,))]

    def steps(self, until: int) -> Iterator[int]:
        """Pack them; gives how many went with each transaction. Raises `Damaged` before anything of it is changed."""
        for together in _batches(self.waiting(until)):
            depths: dict[int, int] = {}
            done = [self._pack(each, depths) for each in together]
            with self._transaction():
                self._write(done)
            yield sum(map(len, together))

    def _pack(self, together: Sequence[Waiting], depths: dict[int, int]) -> _Packed:
        """Pack answers; `depths` are those of what is packed and not yet written."""
        bodies = [self._answers.body(each.answer) for each in together]
        whole = b"".join(bodies)
        base, depth = self._base(together, depths)
        packed = pack(whole, base=None if base is None else self._answers.body(base), level=LEVEL)
        if unpack(packed, len(whole), base=None if base is None else self._answers.body(base)) != whole:
            raise Damaged(f"answer {together[0].answer} does not come back from what it was packed into")
        starts, start = [], 0
        for each, body in zip(together, bodies, strict=True):
            starts.append((each.answer, start))
            start += len(body)
            depths[each.answer] = depth
        return _Packed(starts, base, depth, packed)

    def _base(self, together: Sequence[Waiting], depths: Mapping[int, int]) -> tuple[int | None, int]:
        """What a pack is to be a delta against, None for a full copy, and how far from one it is then."""
        first = together[0]
        place = (first.scope, first.page, first.attempt, first.answer)
        before = self._db.execute(_BEFORE, place).fetchone()
        if before is not None:
            number, stored, size = before
            depth = depths.get(number, depth_of(stored)) + len(together)
            if depth < PACKED_CHAIN and near(size, first.size):
                return number, depth
        return None, len(together) - 1

    def _write(self, done: Sequence[_Packed]) -> None:
        """Let packs take the place of what was: all of that goes first, or pages would stay half empty."""
        rows = []
        for each in done:
            first = each.answers[0][0]
            for number, start in each.answers:
                kept = self._db.execute("SELECT hash, size FROM answer WHERE id = ?", (number,)).fetchone()
                leads = (each.base, each.body) if number == first else (None, b"")
                place = (None, None) if len(each.answers) == 1 else (first, start)
                rows.append((number, *kept, leads[0], packed_depth(each.depth), *place, leads[1]))
        self._db.executemany("DELETE FROM answer WHERE id = ?", [row[:1] for row in rows])
        self._db.executemany(_INSERT, sorted(rows))
        for each in done:
            for number, _ in each.answers:
                leaning = self._db.execute(_LEANING, (each.depth + 1, number)).fetchall()
                self._db.executemany("UPDATE answer SET depth = ? WHERE id = ?", leaning)


def _batches(waiting: Sequence[Waiting]) -> Iterator[list[list[Waiting]]]:
    """What is packed in a transaction each, in packs; what a pack may lean on comes before it."""
    together: list[list[Waiting]] = []
    for each in sorted(_packs(waiting)):
        if together and sum(map(len, together)) + len(each) > TOGETHER:
            yield together
            together = []
        together.append(each)
    if together:
        yield together


def _fits(answer: Waiting, together: Sequence[Waiting], size: int) -> bool:
    """Whether an answer may come into a pack of so many bytes."""
    room = size + answer.size <= PACK_BYTES and len(together) < PACKED_CHAIN // 2
    return room and near(together[-1].size, answer.size)


def _packs(waiting: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    """The answers of each page of a scope, in as many packs as their bytes make."""
    pages: dict[tuple[int, int], list[Waiting]] = defaultdict(list)
    for each in waiting:
        pages[each.scope, each.page].append(each)
    for answers in pages.values():
        pack_of: list[Waiting] = []
        size = 0
        for each in answers:
            if pack_of and not _fits(each, pack_of, size):
                yield pack_of
                pack_of, size = [], 0
            pack_of.append(each)
            size += each.size
        yield pack_of
