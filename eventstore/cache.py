"""A small cache bounded by bytes, as `len` counts them; the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sized
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Sized)


class ByteCache(Generic[Key, Value]):
    """Values by key, `limit` bytes in all. One entry is always kept, however large."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._entries: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """The value, None where it is not kept (any more)."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def __setitem__(self, key: Key, value: Value) -> None:
        previous = self._entries.pop(key, None)
        self._held += len(value) - (0 if previous is None else len(previous))
        self._entries[key] = value
        while self._held > self._limit and len(self._entries) > 1:
            self._held -= len(self._entries.popitem(last=False)[1])
