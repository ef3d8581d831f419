"""Items of one listing that have one key: numbered `#2`, `#3` …, so that none is merged or dropped.

A number belongs to an entity for as long as it lives: an item that equals a live document keeps that document's
number, then the item nearest to one (most equal fields) takes it, then the lowest free number is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Final, TypeAlias

from eventstore.canonical import JSON, Document
from eventstore.model import Item

Whole: TypeAlias = tuple[tuple[str, Document], ...]
"""The documents that one item splits into, by category."""

# in keys, `#` that belongs to a value is written `\#`, and `\` is `\\`
_NUMBERED: Final = re.compile(r"(?P<base>(?:[^\\]|\\.)*)#(?P<number>[1-9][0-9]*)", re.DOTALL)


def numbered(base: str, number: int) -> str:
    """The key of the `number`th entity of one key; the first has the plain key."""
    return base if number == 1 else f"{base}#{number}"


def split_number(key: str, bases: Container[str]) -> tuple[str, int]:
    """Undo `numbered` for a key whose base is one of `bases`; any other key is its own base."""
    if key in bases:
        return key, 1
    base = without_number(key)
    return (base, int(key[len(base) + 1 :])) if base != key and base in bases else (key, 1)


def without_number(key: str) -> str:
    """The key that a numbered one would be the second, third … of; any other key is itself."""
    found = _NUMBERED.fullmatch(key)
    return found["base"] if found and int(found["number"]) > 1 else key


def assign(items: Sequence[Item], live: Mapping[int, Callable[[], Whole]]) -> list[int | None]:
    """Give each of the items of one key its number, None to those that equal an earlier one and count once.

    `live` has the number of each live entity of that key and a way to its documents, which is only used where more
    than one item or entity competes.
    """
    distinct = _distinct(items)
    chosen: dict[int, int] = {}  # position of an item -> number
    if len(distinct) == 1 and len(live) == 1:
        chosen[distinct[0]] = next(iter(live))
    elif live:
        documents = {number: get() for number, get in sorted(live.items())}
        _match_equal(items, distinct, documents, chosen)
        _match_nearest(items, distinct, documents, chosen)
    free = (number for number in range(1, len(items) + len(live) + 1) if number not in set(chosen.values()))
    for position in distinct:
        if position not in chosen:
            chosen[position] = next(free)
    return [chosen.get(position) for position in range(len(items))]


def _distinct(items: Sequence[Item]) -> list[int]:
    seen: set[Whole] = set()
    positions = []
    for position, item in enumerate(items):
        if item.parts not in seen:
            seen.add(item.parts)
            positions.append(position)
    return positions


def _match_equal(
    items: Sequence[Item], distinct: Sequence[int], documents: Mapping[int, Whole], chosen: dict[int, int]
) -> None:
    # of equal documents the lowest number is taken first
    numbers = {whole: number for number, whole in sorted(documents.items(), reverse=True)}
    for position in distinct:
        number = numbers.pop(items[position].parts, None)
        if number is not None:
            chosen[position] = number


def _match_nearest(
    items: Sequence[Item], distinct: Sequence[int], documents: Mapping[int, Whole], chosen: dict[int, int]
) -> None:
    taken = set(chosen.values())
    pairs = [
        (-_equal_fields(items[position].parts, whole), number, position)
        for position in distinct
        if position not in chosen
        for number, whole in documents.items()
        if number not in taken
    ]
    for _, number, position in sorted(pairs):
        if position not in chosen and number not in taken:
            chosen[position] = number
            taken.add(number)


def _equal_fields(one: Whole, other: Whole) -> int:
    others = dict(other)
    return sum(len(_fields(part) & _fields(others[category])) for category, part in one if category in others)


def _fields(document: Document) -> set[tuple[str, bytes]]:
    value: JSON = document.value
    if not isinstance(value, dict):
        return {("", document.canonical)}
    return {(name, Document.parsed(member).canonical) for name, member in value.items()}
