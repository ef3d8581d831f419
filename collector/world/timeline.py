"""Time in the world: milliseconds since its start; what is true from when on, found by bisection."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from collector.world.dice import Dice

JSON: TypeAlias = Any
"""None, bool, int, float, str, list, dict. What the world hands out is shared between answers: do not change it."""

MINUTE: Final = 60_000  # milliseconds, as all times here
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


class Step(NamedTuple):
    """From `at` on a document is what `change` makes of it; `change` leaves its argument as it is."""

    at: int
    change: Callable[[dict[str, JSON]], dict[str, JSON]]


class Track:
    """All versions of one document. Before 0 it shows what it shows at 0."""

    __slots__ = ("_starts", "_versions")

    def __init__(self, first: dict[str, JSON], steps: Iterable[Step]) -> None:
        """Play `steps`, in any order, on `first`; of two at one instant the former given is played first."""
        self._starts = [0]
        self._versions = [first]
        for step in sorted(steps, key=lambda step: step.at):
            self._starts.append(step.at)
            self._versions.append(step.change(self._versions[-1]))

    def at(self, ms: int) -> dict[str, JSON]:
        """The version that stands at `ms`, a change at that very instant included."""
        return self._versions[max(0, bisect_right(self._starts, ms) - 1)]


class Presence:
    """When something is there: absent at first, turned over at each of `toggles`, which ascend."""

    __slots__ = ("_toggles",)

    def __init__(self, *toggles: int) -> None:
        self._toggles: Sequence[int] = toggles

    def at(self, ms: int) -> bool:
        """Whether it is there at `ms`, a toggle at that very instant included."""
        return bisect_right(self._toggles, ms) % 2 == 1


def spread(dice: Dice, count: int, span: int) -> list[int]:
    """`count` instants within `span`, ascending, at least 0.4 * span / count apart so that an observer can see each."""
    slot = span // max(1, count)
    return [slot * place + slot * dice.between(20, 80) // 100 for place in range(count)]


def setting(name: str, value: JSON) -> Callable[[dict[str, JSON]], dict[str, JSON]]:
    """A change that sets one member of a document."""
    return lambda document: {**document, name: value}


def replacing(name: str, change: Callable[[JSON], JSON]) -> Callable[[dict[str, JSON]], dict[str, JSON]]:
    """A change that makes one member of a document anew from what it was."""
    return lambda document: {**document, name: change(document[name])}
