"""A small cache bounded by bytes; the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class ByteCache(Generic[Key]):
    """Bytes by key, `limit` bytes in all. One entry is always kept, however large."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._entries: OrderedDict[Key, bytes] = OrderedDict()

    def get(self, key: Key) -> bytes | None:
        """The bytes, None where they are not kept (any more)."""
        body = self._entries.get(key)
        if body is not None:
            self._entries.move_to_end(key)
        return body

    def __setitem__(self, key: Key, body: bytes) -> None:
        previous = self._entries.pop(key, None)
        self._held += len(body) - (0 if previous is None else len(previous))
        self._entries[key] = body
        while self._held > self._limit and len(self._entries) > 1:
            self._held -= len(self._entries.popitem(last=False)[1])
