"""Dropping: which answers' bytes may go. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec


class Kept(msgspec.Struct, frozen=True):
    """An answer whose bytes are there: the one that it is a delta against, and the attempt that brought another.

    `pack` is the first of those whose bytes are one body, its own among them, None where it has one of its own: such a
    body goes as a whole. `replaced` is None where one of the scopes that brought it has brought nothing else since.
    """

    base: int | None
    replaced: int | None
    pack: int | None = None


def droppable(answers: Mapping[int, Kept], *, before: int, held: AbstractSet[int]) -> list[list[int]]:
    """The answers whose bytes may go, those together that are one body; what leans on others before those.

    They were replaced by attempts `before` that one, are not `held`, and no answer that stays is a delta against them.
    The base of a body has a lower number than the first answer in it.
    """
    bodies: dict[int, list[int]] = defaultdict(list)
    for number in sorted(answers):
        bodies[answers[number].pack or number].append(number)
    gone: list[list[int]] = []
    needed: set[int | None] = set()
    for first in sorted(bodies, reverse=True):
        body = bodies[first]
        old = all((replaced := answers[number].replaced) is not None and replaced < before for number in body)
        if old and held.isdisjoint(body) and needed.isdisjoint(body):
            gone.append(body)
        else:
            needed.add(answers[first].base)
    return gone
