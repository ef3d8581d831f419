"""Prices: strings of decimals, dollars per token, that fall, rise, come back, or vary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from collector.world.cast import Quirk
from collector.world.dice import Dice
from collector.world.timeline import DAY, JSON, Step, spread

VARIES: Final = -1
"""The level of what has no fixed price; the API writes it "-1"."""
FREE: Final = 0

_UNCHANGING: Final = {Quirk.FREE: FREE, Quirk.ROUTER: VARIES}

_CACHED: Final = "input_cache_read"  # only fixed prices have it
_DECIMALS: Final = 10  # a level is a count of 1e-10 dollars: exact where floats are not
_FACTORS: Final = (50, 60, 75, 80, 90, 110, 125, 150)  # per cent of the price before


def price(level: int) -> str:
    """Write a level as the API does: `2500` is "0.00000025"."""
    if level <= 0:
        return str(level)
    whole, rest = divmod(level, 10**_DECIMALS)
    return f"{whole}.{rest:0{_DECIMALS}d}".rstrip("0").rstrip(".")


def _first_level(dice: Dice) -> int:
    """A price to begin with: from 0.02 to 12 dollars per million tokens."""
    return dice.between(10, 600) * dice.pick((20, 50, 200))


def pricing(level: int) -> dict[str, JSON]:
    """The `pricing` member for a price per prompt token; the other prices follow from it."""
    members = {"prompt": price(level), "completion": price(level * 4 if level > 0 else level)}
    members |= dict.fromkeys(("request", "image", "web_search", "internal_reasoning"), "0")
    return members | {_CACHED: price(level // 4)} if level > 0 else members


def _levels(dice: Dice, first: int, count: int) -> list[int]:
    """`first` and the `count` levels that follow it."""
    past = [first]
    for _ in range(count):
        past.append(_following(dice, past))
    return past


def _following(dice: Dice, past: Sequence[int]) -> int:
    # a promotion ends: the value before the last comes back, as it does hundreds of times in real histories
    if len(past) > 1 and dice.chance(45):
        return past[-2]
    if past[-1] != VARIES and dice.chance(6):
        return VARIES
    known = next(level for level in reversed(past) if level != VARIES)
    return max(20, known * dice.pick(_FACTORS) // 100)


class Prices(NamedTuple):
    """What something costs over time: its first level, and the changes to a document with `pricing`."""

    first: int
    steps: tuple[Step, ...] = ()


def prices(dice: Dice, quirk: Quirk, span: int) -> Prices:
    """Draw a course of prices over `span`: a change every ten days, two at least; none for the free and for routers."""
    if quirk in _UNCHANGING:
        return Prices(_UNCHANGING[quirk])
    count = max(2, span // (10 * DAY))
    first, *later = _levels(dice, _first_level(dice), count)
    times = spread(dice, count, span)
    return Prices(first, tuple(_repriced(at, level) for at, level in zip(times, later, strict=True)))


def _repriced(at: int, level: int) -> Step:
    # members that are no prices (a discount) stay, and those that drift took away do not come back
    def change(document: dict[str, JSON]) -> dict[str, JSON]:
        kept = {name: value for name, value in document["pricing"].items() if name != _CACHED}
        fresh = {name: value for name, value in pricing(level).items() if name in kept or name == _CACHED}
        return {**document, "pricing": kept | fresh}

    return Step(at, change)
