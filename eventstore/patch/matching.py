"""Matching the elements of two arrays of objects by a field that identifies them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from eventstore.canonical import JSON

WELL_KNOWN: Final = ("id", "uuid", "key", "slug", "name", "tag")
"""Names of identifying fields, the likeliest first: they decide between fields that match as many elements."""


class Matching(msgspec.Struct, frozen=True):
    """How to make the elements of one array stand as those of another: in this order, removals, moves, additions.

    `removed`: where elements leave, from the end, so that none shifts another. `moved`: (from, to), each as of when it
    is its turn. `added`: where elements come, ascending, in the array as it will be. `kept`: (old, new) places.
    """

    removed: tuple[int, ...]
    moved: tuple[tuple[int, int], ...]
    added: tuple[int, ...]
    kept: tuple[tuple[int, int], ...]


def match(before: list[JSON], after: list[JSON]) -> Matching | None:
    """Match two arrays by identity, with as few moves as there can be.

    None where no field identifies the elements on both sides, or each one stands where it stood.
    """
    field = identifying_field(before, after)
    if field is None:
        return None
    places = {element[field]: place for place, element in enumerate(before)}
    origins = [places.get(element[field]) for element in after]
    if origins == list(range(len(before))):
        return None
    kept = tuple((old, new) for new, old in enumerate(origins) if old is not None)
    stayed = sorted(old for old, _ in kept)
    spots = {old: spot for spot, old in enumerate(stayed)}
    return Matching(
        removed=tuple(sorted(set(range(len(before))).difference(stayed), reverse=True)),
        moved=tuple(moves([spots[old] for old, _ in kept])),
        added=tuple(new for new, old in enumerate(origins) if old is None),
        kept=kept,
    )


class IdentifyingField(NamedTuple):
    """A field that tells the objects of two arrays apart: how many it finds on both sides, and where its name ranks."""

    name: str
    matches: int
    rank: int


def identifying_field(before: list[JSON], after: list[JSON]) -> str | None:
    """Name the identifying field by which most elements match; of several a well-known one, then the first by name."""
    fields = identifying_fields(before, after)
    return min(fields, key=lambda field: (-field.matches, field.rank, field.name)).name if fields else None


def identifying_fields(before: list[JSON], after: list[JSON]) -> list[IdentifyingField]:
    """Find the fields that every object of both arrays has, with strings or integers that are unique on each side."""
    if not before or any(type(element) is not dict for element in (*before, *after)):
        return []
    fields = (identifying(before, after, name) for name in before[0])
    return [field for field in fields if field is not None]


def identifying(before: list[JSON], after: list[JSON], name: str) -> IdentifyingField | None:
    """What a field finds in two arrays of objects; None where it does not tell them apart."""
    old = _identities(before, name)
    new = _identities(after, name) if old else None
    if not old or not new:
        return None
    rank = WELL_KNOWN.index(name) if name in WELL_KNOWN else len(WELL_KNOWN)
    return IdentifyingField(name, len(old & new), rank)


def _identities(elements: list[JSON], field: str) -> set[str | int] | None:
    identities = {element[field] for element in elements if type(element.get(field)) in _IDENTITY_TYPES}
    return identities if len(identities) == len(elements) else None


_IDENTITY_TYPES: Final = (str, int)  # compared by type: true is no integer here


def moves(spots: list[int]) -> Iterator[tuple[int, int]]:
    """Order an array with as few moves as there can be: (from, to), each as of the moment when it is its turn.

    `spots` says for each element, in the order that is wanted, where it stands (a permutation). The elements of a
    longest increasing subsequence stay; each other one, in the order that is wanted, goes right behind its predecessor.
    So the array is at all times: stayers, each followed by those that arrived behind it, then by those that still wait.
    """
    stayers = longest_increasing(spots)
    stayer_spots = [spots[rank] for rank in stayers]
    waiting = sorted(set(spots).difference(stayer_spots))
    passed, anchor = 0, -1  # how many stayers are behind us, and the spot of the last of them
    for rank, spot in enumerate(spots):
        if passed < len(stayers) and stayers[passed] == rank:
            passed, anchor = passed + 1, spot
            continue
        place = bisect_left(waiting, spot)
        del waiting[place]
        before = bisect_left(stayer_spots, spot)
        arrived = stayers[before] if before < passed else rank + before - passed
        yield place + arrived, rank + bisect_left(waiting, anchor)


def longest_increasing(numbers: list[int]) -> list[int]:
    """The indexes of a longest increasing subsequence of different numbers (patience sorting, O(n log n))."""
    tops: list[int] = []  # the least number that ends a run of length 1, 2, …
    ends: list[int] = []  # its index
    previous = [-1] * len(numbers)
    for place, number in enumerate(numbers):
        length = bisect_left(tops, number)
        if length:
            previous[place] = ends[length - 1]
        tops[length : length + 1] = [number]
        ends[length : length + 1] = [place]
    chain: list[int] = []
    place = ends[-1] if ends else -1
    while place >= 0:
        chain.append(place)
        place = previous[place]
    return chain[::-1]
