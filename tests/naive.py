"""What documents say at single places and since when, worked out slowly: field by field, version by version, backwards.

An independent witness for `eventstore.fields`, of which nothing is used here. What is said is compared as the text that
the standard library writes; None where nothing is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from jsonpointer import JsonPointer

from eventstore import JSON, Document, Entity, Event, Kind, Scope, Version, from_ms
from tests.model import text_of
from tests.properties.histories import START

Place: TypeAlias = tuple[str, ...]
"""The member names and indexes on the way to a value."""


class Nothing:
    """Stands for no document, and for what a document does not say."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = Nothing()


# -- places


def pointer_of(place: Place) -> str:
    path: str = JsonPointer.from_parts(place).path
    return path


def place_of(pointer: str) -> Place:
    return tuple(JsonPointer(pointer).parts)


def members(value: Any) -> dict[str, Any]:
    """What a value is made of, by name or index, in their order; nothing where it is neither object nor array."""
    if isinstance(value, list):
        return {str(place): element for place, element in enumerate(value)}
    return dict(sorted(value.items())) if isinstance(value, dict) else {}


def fields(value: Any, place: Place = ()) -> Iterator[Place]:
    """The places of everything that is not made of other things."""
    if value is not NOTHING and not members(value):
        yield place
    for name, member in members(value).items():
        yield from fields(member, (*place, name))


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """All places of a document, its own first."""
    if value is not NOTHING:
        yield place
    for name, member in members(value).items():
        yield from places(member, (*place, name))


def said(value: Any, place: Place = ()) -> str | None:
    """The text of what is said at a place."""
    for name in place:
        value = members(value).get(name, NOTHING)
    return None if value is NOTHING else text_of(value)


# -- the same place in another document

WELL_KNOWN: Final = ("id", "uuid", "key", "slug", "name", "tag")


def place_in(other: Any, document: Any, place: Place) -> Place | None:
    """Where in another document that is which is at a place of this one; None where an element on the way is missing.

    A member is the same where it has the same name, said or not.
    """
    found: list[str] = []
    for name in place:
        there = name
        if isinstance(document, list) is not isinstance(other, list):
            return None
        if isinstance(document, list):
            twin = twin_of(int(name), document, other)
            if twin is None:
                return None
            there = str(twin)
        found.append(there)
        document, other = members(document).get(name, NOTHING), members(other).get(there, NOTHING)
    return tuple(found)


def twin_of(index: int, array: list[Any], other: list[Any]) -> int | None:
    """The place in another array of the element at `index` of this one."""
    identity = identity_of(array, other)
    if identity is None:
        return index if index < len(other) else None
    wanted = identity(array[index])
    return next((place for place, element in enumerate(other) if identity(element) == wanted), None)


def identity_of(one: list[Any], other: list[Any]) -> Callable[[Any], Any] | None:
    """What tells the elements of two arrays apart; None where nothing does."""
    if all(isinstance(element, str) for element in [*one, *other]):
        return (lambda element: element) if no_two(one) and no_two(other) else None
    if not all(isinstance(element, dict) for element in [*one, *other]):
        return None
    common = {name: _in_common(name, one, other) for element in one for name in element}
    names = [name for name, count in common.items() if count]
    known = [name for name in WELL_KNOWN if name in names]
    if not names:
        return None
    best = known[0] if known else min(names, key=lambda name: (-common[name], name))
    return lambda element: element[best]


def _in_common(name: str, one: list[Any], other: list[Any]) -> int:
    """How many elements a field finds in both arrays; 0 where it does not identify them all."""
    values = [[element.get(name) for element in array] for array in (one, other)]
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in [*values[0], *values[1]]):
        return 0
    return len(set(values[0]) & set(values[1])) if no_two(values[0]) and no_two(values[1]) else 0


def no_two(values: list[Any]) -> bool:
    return all(value not in values[:place] for place, value in enumerate(values))


# -- since when, and what before


class Since(NamedTuple):
    """A field of the last document: what it says, in which version it came to say so, and what stood there before."""

    pointer: str
    text: str | None
    version: int
    before: str | None


def blamed(documents: Sequence[Any]) -> list[Since]:
    """Every field of the last of some documents; NOTHING among them where there was none."""
    return [] if not documents else [_since(documents, place) for place in fields(documents[-1])]


def _since(documents: Sequence[Any], place: Place) -> Since:
    number, there, text, before = len(documents) - 1, place, said(documents[-1], place), None
    while number:
        earlier = place_in(documents[number - 1], documents[number], there)
        before = None if earlier is None else said(documents[number - 1], earlier)
        if earlier is None or before != text:
            break
        number, there, before = number - 1, earlier, None
    return Since(pointer_of(place), text, number, before)


class Stretch(NamedTuple):
    """What was said at a place, from which version on, until which; None where it still is."""

    text: str
    since: int
    until: int | None


def stretches(documents: Sequence[Any], place: Place) -> list[Stretch]:
    """All that was ever said of what is at a place of the last document that says anything there."""
    found: list[Stretch] = []
    for number, text in enumerate(_texts(documents, place)):
        if found and found[-1].until is None:
            if found[-1].text == text:
                continue
            found[-1] = found[-1]._replace(until=number)
        if text is not None:
            found.append(Stretch(text, number, None))
    return found


def _texts(documents: Sequence[Any], place: Place) -> list[str | None]:
    texts: list[str | None] = [None] * len(documents)
    last = max((number for number, document in enumerate(documents) if said(document, place) is not None), default=None)
    if last is None:
        return texts
    for numbers in (range(last, -1, -1), range(last, len(documents))):
        near, there = documents[last], place
        for number in numbers:
            found = None if documents[number] is NOTHING else place_in(documents[number], near, there)
            if found is not None:
                near, there = documents[number], found
                texts[number] = said(near, there)
    return texts


# -- versions


def versions_of(documents: Sequence[JSON]) -> list[Version]:
    """Versions as a log gives them, for documents one after the other; NOTHING where the entity was not there."""
    versions: list[Version] = []
    for number, document in enumerate(documents):
        kind = Kind.CHANGED if number else Kind.APPEARED
        if document is NOTHING:
            kind = Kind.DISAPPEARED
        elif number and documents[number - 1] is NOTHING:
            kind = Kind.APPEARED
        versions.append(_version(number, kind, None if document is NOTHING else Document.of(document)))
    return versions


def _version(number: int, kind: Kind, content: Document | None) -> Version:
    at = from_ms(START) + timedelta(hours=number)
    digest = hashlib.sha256(b"").hexdigest() if content is None else content.hash
    not_before = at - timedelta(minutes=1) if number else None
    scope = Scope("api", "things")
    entity = Entity("api", "thing", "k")
    event = Event(number + 1, entity, None, scope, kind, at, not_before, number + 10, digest, None)
    return Version(event, content)
