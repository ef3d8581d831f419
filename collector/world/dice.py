"""Numbers drawn by name.

SHA-256 and not `random`: of `random` only `random()` is promised to stay the same between versions of Python, and
seeding one generator for each name costs ten times a hash. A hash needs no order: what is drawn under one name does
not depend on what was drawn under others, so a new ingredient of the world leaves the old ones as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of whole numbers that depends on its names alone: the same on every machine and version of Python."""

    __slots__ = ("_drawn", "_name")

    def __init__(self, *names: object) -> None:
        self._name = "/".join(map(str, names))
        self._drawn = 0

    def named(self, *names: object) -> Dice:
        """A stream of its own for a part of what this one is for; this one is not moved."""
        return Dice(self._name, *names)

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1. 64 bits are cut to size: a bias that no world is large enough to see."""
        self._drawn += 1
        # a name may hold the path that somebody asked for, lone surrogates and all
        digest = hashlib.sha256(f"{self._name}:{self._drawn}".encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % limit

    def between(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in `percent` of 100 draws."""
        return self.below(100) < percent

    def pick(self, choices: Sequence[T]) -> T:
        """One of `choices`."""
        return choices[self.below(len(choices))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of `items` in another order (Fisher and Yates); rotated by one where the order drawn is the given one."""
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = self.below(last + 1)
            result[last], result[other] = result[other], result[last]
        return result if result != list(items) else result[1:] + result[:1]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """`count` of `items` at different places, in the given order."""
        places = sorted(self.shuffled(range(len(items)))[:count])
        return [items[place] for place in places]
