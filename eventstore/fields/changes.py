"""What two documents say differently, field by field."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from eventstore.canonical import JSON
from eventstore.fields.places import ABSENT, aligned, plain
from eventstore.patch import same
from eventstore.patch.matching import longest_increasing
from eventstore.patch.pointer import escaped


class FieldChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is said differently at one place: `path` is a JSON Pointer, into the new document where it is there.

    `before` and `after` are values, `ABSENT` where nothing was, or is, said: then what came or went is whole, be it an
    object. An array of strings, numbers, booleans and nulls is one value. Elements of other arrays are followed by
    their identity, where they have one: `was_at` is the pointer into the old document where that is another. One that
    only moved among the others has a `was_at`, be it the same place, and neither `before` nor `after`.
    """

    path: str
    before: JSON | msgspec.UnsetType = ABSENT
    after: JSON | msgspec.UnsetType = ABSENT
    was_at: str | msgspec.UnsetType = ABSENT


class _Pair(NamedTuple):
    """Two values still to be compared, and where they are in the old and in the new document."""

    was_at: str
    path: str
    before: JSON
    after: JSON
    moved: bool = False


def field_changes(before: JSON, after: JSON) -> list[FieldChange]:
    """What two documents say differently, in the order of the new one's fields by name. Empty where they are equal.

    Both as `parse` returns them.
    """
    changes: list[FieldChange] = []
    pairs = [_Pair("", "", before, after)]  # a stack, for documents may nest deeper than Python recurses
    while pairs:
        pair = pairs.pop()
        was_at = pair.was_at if pair.was_at != pair.path else ABSENT
        if pair.moved:
            changes.append(FieldChange(pair.path, was_at=pair.was_at))
        if same(pair.before, pair.after):
            continue
        inner = _inner(pair)
        if inner is None:
            changes.append(FieldChange(pair.path, pair.before, pair.after, was_at))
        else:
            pairs += reversed(inner)
    return changes


def _inner(pair: _Pair) -> list[_Pair] | None:
    """The pairs that two values consist of; None where they are to be taken whole."""
    before, after = pair.before, pair.after
    if type(before) is dict and type(after) is dict:
        return [
            _Pair(
                f"{pair.was_at}/{escaped(name)}",
                f"{pair.path}/{escaped(name)}",
                before.get(name, ABSENT),
                after.get(name, ABSENT),
            )
            for name in sorted(before.keys() | after.keys())
        ]
    if type(before) is list and type(after) is list and not (plain(before) and plain(after)):
        return _elements(pair, before, after)
    return None


def _elements(pair: _Pair, before: list[JSON], after: list[JSON]) -> list[_Pair]:
    origins = aligned(before, after)
    kept = [(new, old) for new, old in enumerate(origins) if old is not None]
    stayed = {kept[rank][0] for rank in longest_increasing([old for _, old in kept])}
    gone = sorted(set(range(len(before))).difference(old for _, old in kept))
    inner = [_Pair(f"{pair.was_at}/{old}", f"{pair.was_at}/{old}", before[old], ABSENT) for old in gone]
    for new, old in enumerate(origins):
        path = f"{pair.path}/{new}"
        if old is None:
            inner.append(_Pair(path, path, ABSENT, after[new]))
        else:
            inner.append(_Pair(f"{pair.was_at}/{old}", path, before[old], after[new], moved=new not in stayed))
    return inner
