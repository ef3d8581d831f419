"""Finding a JSON Patch between two documents.

Objects are compared by member, arrays by what lies between their common beginning and end: element by element, or,
where a field identifies the objects in them, by that field, whichever takes fewer operations.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from eventstore.canonical import JSON, encode
from eventstore.patch.matching import Matching, match
from eventstore.patch.operations import Patch
from eventstore.patch.pointer import escaped
from eventstore.patch.values import same, same_scalar

MATCHED_LEVELS: Final = 3
"""Arrays within arrays within arrays are still tried both ways: each level may double the work; data rarely has two."""

_ABSENT: Final = object()

_Pair: TypeAlias = tuple[str, JSON, JSON]
"""Pointer, before and after, still to be compared. Lists of them are stacks: the last is the next."""


def diff(before: JSON, after: JSON) -> Patch:
    """Return a patch that makes `after` of `before`: empty exactly where they are equal in canonical bytes.

    Both are as `parse` returns them; the patch shares values with `after`. Equal documents give equal patches.
    """
    return _compare([("", before, after)], MATCHED_LEVELS)


def _compare(pairs: list[_Pair], levels: int, most: int = sys.maxsize) -> Patch:
    """Compare all pairs and what is in them. Gives up, the patch unfinished, at more than `most` operations."""
    patch: Patch = []
    while pairs and len(patch) <= most:
        path, before, after = pairs.pop()
        if type(before) is dict and type(after) is dict:
            pairs += _members(path, before, after, patch)
        elif type(before) is list and type(after) is list:
            pairs += _elements(path, before, after, patch, levels)
        elif not same_scalar(before, after):
            patch.append({"op": "replace", "path": path, "value": after})
    return patch


def _members(path: str, before: dict[str, JSON], after: dict[str, JSON], patch: Patch) -> list[_Pair]:
    """Add to `patch` what happens to the members themselves; return the pairs to look into, last first."""
    pairs: list[_Pair] = []
    for name in sorted(_differing(before, after)):
        old, new = before[name], after.get(name, _ABSENT)
        pointer = f"{path}/{escaped(name)}"
        if new is _ABSENT:
            patch.append({"op": "remove", "path": pointer})
        elif type(old) is type(new) and (type(old) is dict or type(old) is list):
            pairs.append((pointer, old, new))
        else:
            patch.append({"op": "replace", "path": pointer, "value": new})
    if before.keys() != after.keys():
        for name in sorted(after.keys() - before.keys()):
            patch.append({"op": "add", "path": f"{path}/{escaped(name)}", "value": after[name]})
    return pairs[::-1]


def _differing(before: dict[str, JSON], after: dict[str, JSON]) -> list[str]:
    """Names in `before` whose values are not the same after."""
    return [
        name
        for name, old in before.items()
        if not ((new := after.get(name, _ABSENT)) is old or (type(old) is str and old == new) or same(old, new))
    ]


def _elements(path: str, before: list[JSON], after: list[JSON], patch: Patch, levels: int) -> list[_Pair]:
    """Add to `patch` what happens to the elements themselves; return the pairs to look into, last first."""
    middle = _middle(path, before, after)
    matching = match(middle.before, middle.after) if levels else None
    if matching is None:
        return _by_place(middle, patch)
    patch += _fewest(middle, matching, levels - 1)
    return []


class _Middle(NamedTuple):
    """What two arrays do not have in common at their beginning and end, and where it starts."""

    path: str
    start: int
    before: list[JSON]
    after: list[JSON]

    def pointer(self, place: int) -> str:
        return f"{self.path}/{self.start + place}"


def _middle(path: str, before: list[JSON], after: list[JSON]) -> _Middle:
    start = _common(before, after)
    shorter = min(len(before), len(after)) - start
    end = _common(islice(reversed(before), shorter), reversed(after))
    return _Middle(path, start, before[start : len(before) - end], after[start : len(after) - end])


def _common(before: Iterable[JSON], after: Iterable[JSON]) -> int:
    """Count the elements that are the same, from the beginning on."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if not ((type(old) is str and old == new) or same(old, new)):
            break
        count += 1
    return count


def _fewest(middle: _Middle, matching: Matching, levels: int) -> Patch:
    """Make the patch both ways and choose: fewer operations, then fewer bytes, then by place."""
    matched: Patch = []
    pairs = _by_identity(middle, matching, matched)
    matched += _compare(pairs, levels)
    placed: Patch = []
    pairs = _by_place(middle, placed)
    placed += _compare(pairs, levels, len(matched) - len(placed))
    if len(placed) != len(matched):
        return min(placed, matched, key=len)
    try:
        return min(placed, matched, key=lambda patch: len(encode(patch)))
    except RecursionError:  # values nested almost as deep as the parser goes
        return placed


def _by_place(middle: _Middle, patch: Patch) -> list[_Pair]:
    """Compare element by element; at its end the array shrinks or grows."""
    before, after = middle.before, middle.after
    shorter = min(len(before), len(after))
    for place in range(len(before) - 1, shorter - 1, -1):
        patch.append({"op": "remove", "path": middle.pointer(place)})
    for place in range(shorter, len(after)):
        patch.append({"op": "add", "path": middle.pointer(place), "value": after[place]})
    return [(middle.pointer(place), before[place], after[place]) for place in reversed(range(shorter))]


def _by_identity(middle: _Middle, matching: Matching, patch: Patch) -> list[_Pair]:
    """Remove, move and add elements, then compare those that were kept, where they stand by then."""
    for place in matching.removed:
        patch.append({"op": "remove", "path": middle.pointer(place)})
    for source, target in matching.moved:
        patch.append({"op": "move", "from": middle.pointer(source), "path": middle.pointer(target)})
    for place in matching.added:
        patch.append({"op": "add", "path": middle.pointer(place), "value": middle.after[place]})
    return [(middle.pointer(new), middle.before[old], middle.after[new]) for old, new in reversed(matching.kept)]
