"""Places in documents: values by JSON Pointer, and which element of one array is which of another.

A *field* is what a document says at one place and what has no members of its own: a string, a number, a boolean, null,
an empty object or an empty array.
"""

from __future__ import annotations

from typing import Final

import msgspec

from eventstore.canonical import JSON
from eventstore.errors import NotAPointer, PatchError
from eventstore.patch.matching import WELL_KNOWN, identifying, identifying_fields
from eventstore.patch.pointer import child, split

ABSENT: Final = msgspec.UNSET
"""Stands where a document says nothing; null is something that it says."""


def tokens(pointer: str) -> tuple[str, ...]:
    """The member names and indexes of a JSON Pointer (RFC 6901). Raises `NotAPointer`."""
    try:
        return tuple(split(pointer))
    except PatchError as error:
        raise NotAPointer(str(error)) from None


def resolve(document: JSON, pointer: str) -> JSON:
    """The value that a JSON Pointer leads to, `ABSENT` where there is none. Raises `NotAPointer`."""
    return value_at(document, tokens(pointer))


def value_at(document: JSON, place: tuple[str, ...]) -> JSON:
    """The value at a place, `ABSENT` where there is none."""
    for token in place:
        try:
            document = child(document, token)
        except PatchError:
            return ABSENT
    return document


def within(path: str, pointer: str) -> bool:
    """Whether a field's path is that of a JSON Pointer, or below it."""
    return path == pointer or path.startswith(f"{pointer}/")


def aligned(before: list[JSON], after: list[JSON]) -> list[int | None]:
    """Where each element of `after` stands in `before`, None for a new one.

    Elements that have an identity are followed: strings, where none occurs twice, and objects that share an identifying
    field. Of such fields the first well-known one (`id`, `uuid`, `key`, …) that any two elements have in common, then
    the one by which most do. All others are the same element where they stand at the same place.
    """
    old, new = _identities(before, after)
    if old is None or new is None:
        return [place if place < len(before) else None for place in range(len(after))]
    places = {identity: place for place, identity in enumerate(old)}
    return [places.get(identity) for identity in new]


def _identities(before: list[JSON], after: list[JSON]) -> tuple[list[JSON] | None, list[JSON] | None]:
    kinds = {type(element) for element in (*before, *after)}
    if kinds == {str}:
        return (before, after) if len(set(before)) == len(before) and len(set(after)) == len(after) else (None, None)
    field = _shared_field(before, after) if kinds == {dict} and before and after else None
    return (None, None) if field is None else ([each[field] for each in before], [each[field] for each in after])


def _shared_field(before: list[JSON], after: list[JSON]) -> str | None:
    for name in WELL_KNOWN:
        found = identifying(before, after, name) if name in before[0] else None
        if found is not None and found.matches:
            return name
    shared = [each for each in identifying_fields(before, after) if each.matches]
    return min(shared, key=lambda each: (-each.matches, each.name)).name if shared else None


def plain(array: list[JSON]) -> bool:
    """Whether an array holds neither objects nor arrays."""
    return not any(type(element) is dict or type(element) is list for element in array)
