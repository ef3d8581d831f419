"""Packing answers of old: those of a scope, in order, together, as a delta against the one before them.

Which bytes an answer has does not change by it, nor its number; so no root and no receipt is concerned.
"""

from __future__ import annotations

import hashlib
import heapq
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from eventstore.answers import GONE, PACKED_CHAIN, Answers, depth_of, near, packed_depth
from eventstore.compaction.writing import Transaction
from eventstore.compression import pack, unpack
from eventstore.errors import Damaged
from eventstore.joined import Joined, Joining

LEVEL: Final = 19  # of 12, 16, 19 on 678 catalogues: 194, 183, 178 kB in 0.1, 1.7, 2.8 s, beside 0.8 s of joining them
PACK_BYTES: Final = 1 << 20  # of what joining leaves of them
PACK_ANSWERS: Final = 64
LARGEST: Final = 8 << 20  # bytes of an answer that is cut into chunks: these take several times as much memory
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
_INSERT: Final = "INSERT INTO answer (id, hash, size, base, depth, pack, place, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class Waiting(NamedTuple):
    """An answer that is to be packed: its number and size, and what first brought it, for which page of a scope."""

    answer: int
    size: int
    attempt: int
    scope: int
    page: int


class _Packed(NamedTuple):
    """Answers in one body, in order."""

    answers: Sequence[int]
    base: int | None
    body: bytes


class _Page(NamedTuple):
    """Answers of a page that are to be one body, as far as they have come."""

    answers: list[Waiting]
    base: int | None
    before: bytes | None
    joining: Joining

    def takes(self, answer: Waiting) -> bool:
        """Whether there is room for one more."""
        last = self.answers[-1].size
        room = self.joining.size < PACK_BYTES and len(self.answers) < PACK_ANSWERS
        return room and max(last, answer.size) <= LARGEST and near(last, answer.size)

    def add(self, answer: Waiting, body: bytes) -> None:
        """Take one more, or the first."""
        self.answers.append(answer)
        if answer.size <= LARGEST:
            self.joining.add(body)


class Packing:
    """Packs the answers of one record."""

    def __init__(self, db: sqlite3.Connection, transaction: Transaction) -> None:
        self._db = db
        self._transaction = transaction
        self._answers = Answers(db)
        self._depths: dict[int, int] = {}  # of what is packed, written or not

    def waiting(self, until: int) -> list[Waiting]:
        """The answers that syncs over by then (milliseconds) brought."""
        return [Waiting(*row) for row in self._db.execute(_OLD, (until,))]

    def steps(self, until: int) -> Iterator[int]:
        """Pack them; gives how many went with each transaction. Raises `Damaged` before anything of it is changed."""
        # what a pack leans on has a lower number than its first, so it is written before
        packs = heapq.merge(*map(self._packed, _pages(self.waiting(until))), key=lambda packed: packed.answers[0])
        for together in _batches(packs):
            with self._transaction():
                self._write(together)
            yield sum(len(each.answers) for each in together)

    def _packed(self, answers: Sequence[Waiting]) -> Iterator[_Packed]:
        """The answers of a page in packs, as many as they make."""
        page: _Page | None = None
        for each in answers:
            if page is not None and not page.takes(each):
                yield self._finished(page)
                page = None
            if page is None:
                base = self._base(each)
                before = None if base is None else self._answers.body(base)
                page = _Page([], base, before, Joining(before if each.size <= LARGEST else None))
            page.add(each, self._answers.body(each.answer))
        if page is not None:
            yield self._finished(page)

    def _finished(self, page: _Page) -> _Packed:
        """A pack, read back and compared."""
        alone = len(page.answers) == 1
        content = self._answers.body(page.answers[0].answer) if alone else page.joining.content()
        body = pack(content, base=page.before, level=LEVEL)
        again = unpack(body, len(content), base=page.before)
        joined = None if alone else Joined(again, page.before)
        for place, each in enumerate(page.answers):
            came = again if joined is None else joined.body(place)
            if hashlib.sha256(came).hexdigest() != self._answers.known(each.answer)[0]:
                raise Damaged(f"answer {each.answer} does not come back from what it was packed into")
        packed = _Packed([each.answer for each in page.answers], page.base, body)
        self._note_depth(packed)
        return packed

    def _base(self, first: Waiting) -> int | None:
        """What a pack that begins with an answer is to be a delta against, None for a full copy."""
        place = (first.scope, first.page, first.attempt, first.answer)
        before = self._db.execute(_BEFORE, place).fetchone()
        if before is None:
            return None
        number, depth, size = before
        far = self._depths.get(number, depth_of(depth)) + PACK_ANSWERS >= PACKED_CHAIN
        return None if far or not near(size, first.size) else int(number)

    def _note_depth(self, packed: _Packed) -> int:
        """How many answers are between those of a pack and a full copy: for good once its base is written."""
        base = -1 if packed.base is None else self._depths.get(packed.base)
        if base is None:
            stored = self._db.execute("SELECT depth FROM answer WHERE id = ?", (packed.base,)).fetchone()
            base = depth_of(stored[0])
        depth = base + len(packed.answers)
        self._depths.update(dict.fromkeys(packed.answers, depth))
        return depth

    def _write(self, done: Sequence[_Packed]) -> None:
        """Let packs take the place of what was: all of that goes first, or pages would stay half empty."""
        rows = []
        for each in done:
            first, depth = each.answers[0], self._note_depth(each)
            for place, number in enumerate(each.answers):
                kept = self._db.execute("SELECT hash, size FROM answer WHERE id = ?", (number,)).fetchone()
                leads = (each.base, each.body) if number == first else (None, b"")
                pack_of = (None, None) if len(each.answers) == 1 else (first, place)
                rows.append((number, *kept, leads[0], packed_depth(depth), *pack_of, leads[1]))
        self._db.executemany("DELETE FROM answer WHERE id = ?", [row[:1] for row in rows])
        self._db.executemany(_INSERT, sorted(rows))
        for each in done:
            for number in each.answers:
                leaning = self._db.execute(_LEANING, (self._depths[number] + 1, number)).fetchall()
                self._db.executemany("UPDATE answer SET depth = ? WHERE id = ?", leaning)


def _batches(packs: Iterable[_Packed]) -> Iterator[list[_Packed]]:
    """What is written in a transaction each."""
    together: list[_Packed] = []
    for each in packs:
        if together and sum(len(packed.answers) for packed in together) + len(each.answers) > TOGETHER:
            yield together
            together = []
        together.append(each)
    if together:
        yield together


def _pages(waiting: Sequence[Waiting]) -> Iterable[list[Waiting]]:
    """The answers of each page of a scope."""
    pages: dict[tuple[int, int], list[Waiting]] = defaultdict(list)
    for each in waiting:
        pages[each.scope, each.page].append(each)
    return pages.values()
