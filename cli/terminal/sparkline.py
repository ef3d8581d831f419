"""Numbers over time in one line of block characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

BLOCKS: Final = "▁▂▃▄▅▆▇█"
LEVEL: Final = "▄"  # what never changes
GAP: Final = " "
LAST: Final = 0.5  # of a block: where the last number has stood for less, it has its block to itself


class Held(NamedTuple):
    """A number, and from when to when it stood."""

    value: Decimal
    start: datetime
    end: datetime


def sparkline(held: Sequence[Held], cells: int) -> str:
    """Draw numbers over time, in order, as `cells` blocks, each the mean of what stood in its share of the time.

    The least value is the lowest block, the greatest the highest one; a share in which nothing stood is blank.
    """
    if not held or cells <= 0:
        return ""
    least, greatest = min(each.value for each in held), max(each.value for each in held)
    start, length = held[0].start, held[-1].end - held[0].start
    if not length:
        return LEVEL
    sums, weights = [0.0] * cells, [0.0] * cells
    height = 0.0
    for value, since, until in held:
        height = float((value - least) / (greatest - least)) if greatest != least else 0.0
        for cell, weight in _shares((since - start) / length * cells, (until - start) / length * cells, cells):
            sums[cell] += height * weight
            weights[cell] += weight
    if (held[-1].end - held[-1].start) / length * cells < LAST:
        sums[-1], weights[-1] = height, 1.0  # what is the case at the end is told, had it just come
    return "".join(_block(total, weight, flat=greatest == least) for total, weight in zip(sums, weights, strict=True))


def _shares(start: float, end: float, cells: int) -> Iterator[tuple[int, float]]:
    """The cells that a stretch lies in, and how much of each."""
    for cell in range(int(start), min(int(end) + 1, cells)):
        yield cell, min(end, cell + 1) - max(start, cell)


def _block(total: float, weight: float, *, flat: bool) -> str:
    if weight <= 0:
        return GAP
    return LEVEL if flat else BLOCKS[min(int(total / weight * len(BLOCKS)), len(BLOCKS) - 1)]
