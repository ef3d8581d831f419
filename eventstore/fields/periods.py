"""All values that a field has had, and when."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eventstore.canonical import JSON
from eventstore.fields.places import ABSENT, aligned, tokens, value_at
from eventstore.model import Occurrence, Version
from eventstore.patch import same


class Period(msgspec.Struct, frozen=True):
    """A value of a field, when it came and when it ended; `until` is None where it stands still."""

    value: JSON
    since: Occurrence
    until: Occurrence | None


def periods(versions: Sequence[Version], pointer: str) -> list[Period]:
    """All values that the field at a JSON Pointer has had, oldest first; times without it are gaps between two.

    The pointer leads to what is there in the last document that has it, and "" to the whole document. Elements of
    arrays are followed as `aligned` says. Raises `NotAPointer`.
    """
    found: list[Period] = []
    value: JSON = ABSENT
    since: Occurrence | None = None
    for version, now in zip(versions, _values(versions, tokens(pointer)), strict=True):
        if now is value or (now is not ABSENT and value is not ABSENT and same(now, value)):
            continue
        occurrence = version.event.occurrence
        if since is not None and value is not ABSENT:
            found.append(Period(value, since, occurrence))
        value, since = now, occurrence
    if since is not None and value is not ABSENT:
        found.append(Period(value, since, None))
    return found


def _values(versions: Sequence[Version], place: tuple[str, ...]) -> list[JSON]:
    documents = [ABSENT if version.content is None else version.content.value for version in versions]
    values = [value_at(document, place) for document in documents]
    last = next((number for number in reversed(range(len(values))) if values[number] is not ABSENT), None)
    if last is None or not any(_through_array(document, place) for document in documents):
        return values
    return [
        *reversed(_followed(documents[last], place, documents[:last][::-1])),
        values[last],
        *_followed(documents[last], place, documents[last + 1 :]),
    ]


def _through_array(document: JSON, place: tuple[str, ...]) -> bool:
    for token in place:
        if type(document) is not dict:
            return type(document) is list
        document = document.get(token)
    return False


def _followed(document: JSON, place: tuple[str, ...], others: Sequence[JSON]) -> list[JSON]:
    """The values at one place of a document, followed through its neighbours, the nearest first.

    Where an element on the way is not there, it may be so again farther on: elements have identities as entities do.
    """
    values: list[JSON] = []
    for other in others:
        there = None if other is ABSENT else _place_in(other, document, place)
        values.append(ABSENT if there is None else value_at(other, there))
        if there is not None:
            document, place = other, there
    return values


def _place_in(other: JSON, document: JSON, place: tuple[str, ...]) -> tuple[str, ...] | None:
    """Where what is at a place of a document is in another one; None where an element on the way is not there."""
    found: list[str] = []
    for token in place:
        inner = value_at(document, (token,))
        there: str | None = token
        if type(document) is list and document is not other and inner is not ABSENT:
            there = _element_in(other, document, int(token))
        elif type(other) is list and type(document) is not list:
            there = None  # a member is no element, whatever its name
        if there is None:
            return None
        found.append(there)
        document, other = inner, value_at(other, (there,))
    return tuple(found)


def _element_in(other: JSON, array: list[JSON], place: int) -> str | None:
    if type(other) is not list:
        return None
    origin = aligned(other, array)[place]
    return None if origin is None else str(origin)
