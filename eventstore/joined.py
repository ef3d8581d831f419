"""Bodies that have most in common, as one: of each only what is not in the one before it.

A body is cut into chunks behind each `}`, where an object of JSON ends. It is told in runs of three numbers: how far to
go in the chunks of the body before from where the last run ended, how many to copy from there, and how many new ones
follow, each of which most likely stands for one of the body before. The content is the length of the runs (4 bytes,
little endian), the runs of each body (MessagePack), and all new chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from eventstore.errors import Damaged

_END: Final = b"}"
_LENGTH: Final = 4
_RUN: Final = 3


class Joining:
    """Joins bodies, one after the other; `before` is what the first has most in common with."""

    def __init__(self, before: bytes | None) -> None:
        self._before = _chunks(before)
        self._runs: list[list[int]] = []
        self._fresh: list[bytes] = []
        self.size = 0
        """What the new chunks take, in bytes."""

    def add(self, body: bytes) -> None:
        """Take one more body."""
        chunks, known = _chunks(body), len(self._fresh)
        self._runs.append(_runs(chunks, self._before, self._fresh))
        self.size += sum(map(len, self._fresh[known:]))
        self._before = chunks

    def content(self) -> bytes:
        """All of them."""
        runs = msgspec.msgpack.encode(self._runs)
        return b"".join((len(runs).to_bytes(_LENGTH, "little"), runs, _END.join(self._fresh)))


class Joined:
    """Gives the bodies of a content back. Those in order are cheapest: each is put together from the one before."""

    def __init__(self, content: bytes, before: bytes | None) -> None:
        """`before` is what the first was joined to. Raises `Damaged` where the content is none."""
        end = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
        try:
            self._runs = msgspec.msgpack.decode(content[_LENGTH:end], type=list[list[int]])
        except msgspec.MsgspecError as error:
            raise Damaged(f"several answers in one cannot be told apart: {error}") from None
        self._size = len(content) + len(before or b"")
        self._first = _chunks(before)
        self._fresh = content[end:].split(_END)
        self._begin()

    def __len__(self) -> int:
        """How many bytes it takes, roughly."""
        return self._size

    def body(self, place: int) -> bytes:
        """The body at a place, counted from 0. Raises `Damaged` where there is none."""
        if not 0 <= place < len(self._runs):
            raise Damaged(f"there are {len(self._runs)} answers in one, and none at place {place}")
        if place < self._place:
            self._begin()
        while self._place < place:
            self._next()
        return _END.join(self._chunks)

    def _begin(self) -> None:
        self._place, self._chunks, self._taken = -1, self._first, 0

    def _next(self) -> None:
        self._place += 1
        before, self._chunks, at = self._chunks, list[bytes](), 0
        numbers = iter(self._runs[self._place])
        for jump, copied, fresh in zip(numbers, numbers, numbers, strict=False):
            at += jump
            self._chunks += before[at : at + copied]
            self._chunks += self._fresh[self._taken : self._taken + fresh]
            self._taken += fresh
            at += copied + fresh


def _chunks(body: bytes | None) -> list[bytes]:
    return [] if body is None else body.split(_END)


def _runs(chunks: Sequence[bytes], before: Sequence[bytes], fresh: list[bytes]) -> list[int]:
    """What leads from the chunks before to these; new ones are added to `fresh`."""
    places = {chunk: place for place, chunk in enumerate(before)}
    runs = [0] * _RUN
    at = 0
    for chunk in chunks:
        place = at if at < len(before) and before[at] == chunk else places.get(chunk)
        if place is None:
            fresh.append(chunk)
            runs[-1] += 1
            at += 1
            continue
        if runs[-1] or place != at:
            runs += (place - at, 0, 0)
        runs[-2] += 1
        at = place + 1
    return runs
