"""Since when each field of a document has its value, and what it was before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

import msgspec

from eventstore.canonical import JSON
from eventstore.fields.places import ABSENT, aligned
from eventstore.model import Event, Occurrence, Version
from eventstore.patch import same
from eventstore.patch.pointer import escaped

LEVELS: Final = 200  # what lies deeper counts as one field, so that walking a document stays within Python's stack


class Blame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of a document: `path` is a JSON Pointer, `value` what it says, `since` when it came to say so.

    `before` is what stood there until then, `ABSENT` where nothing did: then the field came at that time, or the whole
    entity.
    """

    path: str
    value: JSON
    since: Occurrence
    before: JSON | msgspec.UnsetType = ABSENT


class _Origin(NamedTuple):
    event: Event
    before: JSON


_Origins: TypeAlias = "_Origin | dict[str, _Origins] | list[_Origins]"
"""A document with an origin in place of each field."""


def blame(versions: Iterable[Version]) -> list[Blame]:
    """Every field of the last document, in the document's order by name; empty where there is none.

    `versions` are an entity's, oldest first; only those since it last appeared matter. Elements of arrays are followed
    as `aligned` says.
    """
    document: JSON = ABSENT
    origins: _Origins | None = None
    for version in versions:
        after = ABSENT if version.content is None else version.content.value
        if after is ABSENT:
            origins = None
        elif origins is None:
            origins = _fresh(after, _Origin(version.event, ABSENT), 0)
        else:
            origins = _carried(document, after, origins, version.event, 0)
        document = after
    return [] if origins is None else list(_rows(document, origins, ""))


def _carried(before: JSON, after: JSON, origins: _Origins, event: Event, level: int) -> _Origins:
    """The origins of the fields of `after`: of those that say what they said, those that they had."""
    if before is after or same(before, after):
        return origins
    if type(origins) is dict and type(after) is dict and after:
        return {
            name: _carried(before[name], value, origins[name], event, level + 1)
            if name in before
            else _fresh(value, _Origin(event, ABSENT), level + 1)
            for name, value in after.items()
        }
    if type(origins) is list and type(after) is list and after:
        return [
            _fresh(value, _Origin(event, ABSENT), level + 1)
            if old is None
            else origins[old]
            if before[old] is value  # most are: a call for each would take most of the time
            else _carried(before[old], value, origins[old], event, level + 1)
            for value, old in zip(after, aligned(before, after), strict=True)
        ]
    return _fresh(after, _Origin(event, before), level)


def _fresh(value: JSON, origin: _Origin, level: int) -> _Origins:
    """Origins of fields that all came at once; what was at the place of a container was at none of theirs."""
    if not value or level >= LEVELS or (type(value) is not dict and type(value) is not list):
        return origin
    inner = origin._replace(before=ABSENT)
    if type(value) is dict:
        return {name: _fresh(member, inner, level + 1) for name, member in value.items()}
    return [_fresh(element, inner, level + 1) for element in value]


def _rows(value: JSON, origins: _Origins, path: str) -> Iterator[Blame]:
    if type(origins) is dict:
        for name in sorted(origins):
            yield from _rows(value[name], origins[name], f"{path}/{escaped(name)}")
    elif type(origins) is list:
        for place, each in enumerate(origins):
            yield from _rows(value[place], each, f"{path}/{place}")
    elif isinstance(origins, _Origin):
        yield Blame(path, value, origins.event.occurrence, origins.before)
