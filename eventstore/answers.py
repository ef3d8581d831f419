"""Answers byte for byte, once per content, as zstd deltas against the previous answer of their scope.

As they arrive each has a body of its own. Compaction packs them: several of a scope, in order, are joined to one body
then, which the first of them has, as a delta against the one before it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from eventstore.cache import ByteCache
from eventstore.compression import CHECKSUM_BYTES, pack, unpack
from eventstore.errors import Damaged
from eventstore.joined import Joined

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

FULL_COPY_EVERY: Final = 200  # of 50 and 200: half the size; a chain of 200 catalogues is undone in 40 ms
PACKED_CHAIN: Final = 1000  # packed ones: an old answer is undone in a quarter of a second at most
GONE: Final = "length(body) = 0 AND pack IS NULL"  # what holds of an answer whose bytes were dropped
_SAME: Final = "substr(hash, 1, 8) = substr(:hash, 1, 8) AND hash = :hash"  # as its index has it
_LINK: Final = """
SELECT a.size, a.pack, a.place, b.base, b.body
FROM answer a JOIN answer b ON b.id = coalesce(a.pack, a.id) WHERE a.id = ?
"""
DELTA_WORTH: Final = 4  # a delta against bytes that differ in size more than this many times is not tried
CACHE_BYTES: Final = 32 << 20  # enough that imports, rebuilds and verification undo each delta once


class Stored(msgspec.Struct, frozen=True):
    """An answer's row, but for its body. `depth` counts the answers between it and a full copy."""

    id: int
    depth: int


class _Link(NamedTuple):
    """An answer on the way to another: its place in a body, and against what that is a delta.

    `body` names it: the answer that has it, and its checksum. `place` is None where it is all of its body.
    """

    body: tuple[int, bytes]
    base: int | None
    packed: bytes
    size: int
    place: int | None


class _Pending(NamedTuple):
    """An answer on its way: its row's number is given, its body is being compressed."""

    stored: Stored
    digest: bytes
    size: int
    base: int | None
    packed: Future[bytes]


class Answers:
    """The table `answer`. Compression runs in the background until `flush`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._bodies: ByteCache[int, bytes] = ByteCache(CACHE_BYTES)
        self._packs: ByteCache[tuple[int, bytes], Joined] = ByteCache(CACHE_BYTES // 4)
        self._pending: dict[bytes, _Pending] = {}
        self._pool: ThreadPoolExecutor | None = None

    @property
    def pending(self) -> dict[int, tuple[bytes, int]]:
        """Digest and size, by number, of answers that are not written yet."""
        return {each.stored.id: (each.digest, each.size) for each in self._pending.values()}

    def known(self, number: int) -> tuple[str | None, int | None]:
        """Digest (hexadecimal) and size of an answer, None where it is missing."""
        if self._pending and number in (pending := self.pending):
            return pending[number][0].hex(), pending[number][1]
        row = self._db.execute("SELECT hash, size FROM answer WHERE id = ?", (number,)).fetchone()
        return (None, None) if row is None else (row[0].hex(), row[1])

    def store(self, body: bytes, previous: Stored | None) -> Stored:
        """Keep `body`, as a delta against `previous` where that pays; bytes that are kept already are found again."""
        digest = hashlib.sha256(body).digest()
        if digest in self._pending:
            return self._pending[digest].stored
        row = self._db.execute(f"SELECT id, depth, {GONE} FROM answer WHERE {_SAME}", {"hash": digest}).fetchone()
        if row is None:
            return self._store(digest, body, previous)
        return self._restore(row[0], body) if row[2] else Stored(row[0], depth_of(row[1]))

    def _restore(self, number: int, body: bytes) -> Stored:
        """Keep bytes again that were dropped: as a full copy, for others may lean on it."""
        self._db.execute("UPDATE answer SET base = NULL, depth = 0, body = ? WHERE id = ?", (pack(body), number))
        self._bodies[number] = body
        return Stored(number, 0)

    def _store(self, digest: bytes, body: bytes, previous: Stored | None) -> Stored:
        number = self._next()
        base = self._base(previous, len(body))
        if base is None or previous is None:
            stored, base_number = Stored(number, 0), None
        else:
            stored, base_number = Stored(number, previous.depth + 1), previous.id
        packed = self._executor().submit(pack, body, base=base)
        self._pending[digest] = _Pending(stored, digest, len(body), base_number, packed)
        self._bodies[number] = body
        return stored

    def _base(self, previous: Stored | None, size: int) -> bytes | None:
        if previous is None or previous.depth + 1 >= FULL_COPY_EVERY:
            return None
        base = self.body(previous.id)
        return base if near(len(base), size) else None

    def _next(self) -> int:
        if self._pending:
            return max(each.stored.id for each in self._pending.values()) + 1
        return int(self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM answer").fetchone()[0])

    def flush(self) -> None:
        """Write what was still being compressed."""
        rows = [
            (p.stored.id, p.digest, p.size, p.base, p.stored.depth, p.packed.result()) for p in self._pending.values()
        ]
        self._pending.clear()
        self._db.executemany("INSERT INTO answer (id, hash, size, base, depth, body) VALUES (?, ?, ?, ?, ?, ?)", rows)

    def forget(self) -> None:
        """Drop what is remembered and what is pending: the transaction was rolled back."""
        for each in self._pending.values():
            each.packed.cancel()
        self._pending.clear()
        self._bodies = ByteCache(CACHE_BYTES)
        self._packs = ByteCache(CACHE_BYTES // 4)

    def stop(self) -> None:
        """End the background work."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _executor(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # 9 ms that only writers need

        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="orlog-compress")
        return self._pool

    def body(self, number: int) -> bytes:
        """The exact bytes of an answer. Raises `Damaged` where they cannot be put together."""
        known = self._bodies.get(number)
        if known is not None:
            return known
        self.flush()
        return self._undo(number)

    def _undo(self, number: int) -> bytes:
        links: list[tuple[int, _Link]] = []
        body: bytes | None = None
        wanted: int | None = number
        while body is None and wanted is not None:
            link = self._link(wanted)
            if link is None or len(links) > PACKED_CHAIN:
                raise Damaged(f"answer {number} cannot be put together without answer {wanted}")
            links.append((wanted, link))
            wanted = link.base
            if self._packs.get(link.body) is not None:
                break
            body = None if wanted is None else self._bodies.get(wanted)
        for each, link in reversed(links):
            body = self._bodies[each] = self._of_its_pack(link, body)
        return body or b""

    def _link(self, number: int) -> _Link | None:
        row = self._db.execute(_LINK, (number,)).fetchone()
        if row is None:
            return None
        size, pack, place, base, packed = row
        if pack is None:
            return _Link((number, b""), base, packed, size, None)
        return _Link((pack, packed[-CHECKSUM_BYTES:]), base, packed, size, -1 if place is None else place)

    def _of_its_pack(self, link: _Link, base: bytes | None) -> bytes:
        if link.place is None:
            return unpack(link.packed, link.size, base=base)
        joined = self._packs.get(link.body)
        if joined is None:
            joined = self._packs[link.body] = Joined(unpack(link.packed, None, base=base), base)
        return joined.body(link.place)


def near(one: int, other: int) -> bool:
    """Whether bytes of one size are worth a delta against bytes of another."""
    return 0 < one <= other * DELTA_WORTH and other <= one * DELTA_WORTH


def depth_of(stored: int) -> int:
    """The deltas between an answer and a full copy, of what its row has: that is below zero once it was packed."""
    return stored if stored >= 0 else -1 - stored


def packed_depth(depth: int) -> int:
    """What the row of a packed answer has."""
    return -1 - depth
