"""Dropping: which answers' bytes may go. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec


class Kept(msgspec.Struct, frozen=True):
    """An answer whose bytes are there: the one that it is a delta against, and the attempt that brought another.

    `replaced` is None where one of the scopes that brought it has brought nothing else since.
    """

    base: int | None
    replaced: int | None


def droppable(answers: Mapping[int, Kept], *, before: int, held: AbstractSet[int]) -> list[int]:
    """The answers whose bytes may go, what leans on another before that other.

    They were replaced by attempts `before` that one, are not `held`, and no answer that stays is a delta against them.
    An answer's base has a lower number.
    """
    gone: list[int] = []
    needed: set[int | None] = set()
    for number in sorted(answers, reverse=True):
        answer = answers[number]
        old = answer.replaced is not None and answer.replaced < before
        if old and number not in held and number not in needed:
            gone.append(number)
        else:
            needed.add(answer.base)
    return gone
