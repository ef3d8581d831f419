"""What an answer holds: its format, and where its items are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

from collector.proposal.naming import ENVELOPES, snake
from collector.sources.pointer import Tokens
from collector.sources.rules import Format
from eventstore import JSON

LEVELS: Final = 6  # of objects inside objects that are searched for a list; GraphQL's take four
FIELDS: Final = 5  # alike under names that could be a struct's make a keyed object; coordinates are two
KEYS: Final = 2  # do under names that no field has, as 1.0.2, or where items are expected
ALIKE: Final = 0.5  # of all member names that its items have, an average item of a keyed object has at least so many
MOST: Final = 0.5  # of an answer a list takes, or the answer is an object that has a list

Named: TypeAlias = tuple[str | None, JSON]
"""An item, and the member name under which it stands in a keyed object."""


class Found(msgspec.Struct, frozen=True):
    """Items of an answer. `path` leads to them (None: the answer is one document); `weight` is their size in values.

    `root` is the whole answer where it is JSON; `others` are more lists. `footer` counts closing lines of a table,
    `as_of` finds the day in them that it speaks of.
    """

    format: Format
    path: Tokens | None
    items: tuple[Named, ...]
    root: JSON = None
    weight: int = 0
    footer: int = 0
    as_of: str | None = None
    others: tuple[Found, ...] = ()

    @property
    def keyed(self) -> bool:
        """Whether the items stand in an object, by name."""
        return bool(self.items) and self.items[0][0] is not None


def find(root: JSON, nouns: frozenset[str]) -> Found:
    """Find the items of a JSON answer; `nouns` are names that a list of them may have, from the URL.

    A list takes the answer if it is the answer, has a name that says so, or takes most of it.
    """
    candidates = sorted(_candidates(root, ()), key=lambda each: _preference(each, nouns))
    document = Found(Format.JSON, None, ((None, root),), root, weight(root))
    chosen = next((each for each in candidates if _takes(each, document.weight, nouns)), document)
    lists = [each for each in candidates if each is not chosen and len(each.items) > 1]
    whole = [] if chosen is document or _named(chosen.path or (), ENVELOPES) else [document]
    others = [*lists, *whole]
    return msgspec.structs.replace(chosen, root=root, others=tuple(others) if isinstance(root, dict) else ())


def weight(value: JSON) -> int:
    """How many values a value is made of."""
    count, stack = 0, [value]
    while stack:
        here = stack.pop()
        count += 1
        if isinstance(here, dict | list):
            stack.extend(here.values() if isinstance(here, dict) else here)
    return count


def _candidates(value: JSON, path: Tokens) -> Iterator[Found]:
    if isinstance(value, list):
        if not value or 2 * sum(isinstance(each, dict | list) for each in value) > len(value):
            yield _found(path, [(None, each) for each in value], value)
    elif isinstance(value, dict):
        if _is_keyed(value, path):
            yield _found(path, list(value.items()), value)
        elif len(path) < LEVELS:
            for name, member in value.items():
                yield from _candidates(member, (*path, name))


def _found(path: Tokens, items: list[Named], value: JSON) -> Found:
    return Found(Format.JSON, path, tuple(items), weight=weight(value))


def _preference(candidate: Found, nouns: frozenset[str]) -> tuple[int, int]:
    path = candidate.path or ()
    named = 0 if not path or _named(path, ENVELOPES) else 1 if _named(path, nouns) else 2
    return (named if candidate.items else 3), -candidate.weight


def _takes(candidate: Found, whole: int, nouns: frozenset[str]) -> bool:
    path = candidate.path or ()
    most = bool(candidate.items) and candidate.weight >= MOST * whole
    return not path or _named(path, ENVELOPES | nouns) or most


def _named(path: Tokens, names: frozenset[str]) -> bool:
    return bool(path) and snake(path[-1]) in names


def _is_keyed(value: dict[str, JSON], path: Tokens) -> bool:
    """Whether an object has items by key: all members are objects alike, or lists of such under names like no words."""
    odd = 2 * sum(not name.isidentifier() for name in value) > len(value)
    least = KEYS if odd or not path or _named(path, ENVELOPES) else FIELDS
    if len(value) < least or all(snake(name) in ENVELOPES for name in value):
        return False
    members = list(value.values())
    if all(isinstance(member, list) for member in members):
        return odd and any(isinstance(each, dict) for member in members for each in member)
    return all(isinstance(member, dict) and member for member in members) and _alike(members)


def _alike(members: list[JSON]) -> bool:
    union = {name for member in members for name in member}
    return sum(len(member) for member in members) >= ALIKE * len(union) * len(members)
