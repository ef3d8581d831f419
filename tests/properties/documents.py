"""Strategies for JSON documents that go where documents go wrong: type flips, odd keys, big integers, likeness."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

JSON: TypeAlias = Any
Pair: TypeAlias = tuple[JSON, JSON]
Place: TypeAlias = tuple[str | int, ...]

FLIPS: tuple[JSON, ...] = (
    None,
    False,
    True,
    0,
    1,
    0.0,
    -0.0,
    1.0,
    "",
    "0",
    "1",
    "1.0",
    "true",
    "null",
    [],
    {},
    [None],
    [1],
    {"": 1},
)
"""Values that one language or another takes for each other."""

KEYS = ("", "a", "b", "id", "name", "~", "/", "~0", "~1", "~01", "a/b", "m~n", "0", "01", "-", "é", "𝄞", "\x00", "A")


@functools.cache
def keys() -> SearchStrategy[str]:
    """Member names, most of them from few, so that objects share some."""
    return st.sampled_from(KEYS) | st.text(max_size=3)


@functools.cache
def integers() -> SearchStrategy[int]:
    """Integers, some beyond what 64 bits or a double hold."""
    return st.integers(-3, 3) | st.integers() | st.integers(10**19, 10**25) | st.integers(-(10**25), -(10**19))


@functools.cache
def floats() -> SearchStrategy[float]:
    """Finite doubles, both zeros and the extremes among them."""
    extremes = (0.0, -0.0, 1.0, 1e16, 1e22, 5e-324, 1.7976931348623157e308)
    return st.sampled_from(extremes) | st.floats(allow_nan=False, allow_infinity=False)


@functools.cache
def scalars() -> SearchStrategy[JSON]:
    """Null, booleans, numbers and strings."""
    return st.sampled_from(FLIPS[:14]) | integers() | floats() | st.text(max_size=5)


@functools.cache
def catalogues() -> SearchStrategy[list[JSON]]:
    """Arrays of objects that one field identifies."""
    return keys().flatmap(_catalogues_by)


def _catalogues_by(field: str) -> SearchStrategy[list[JSON]]:
    identities = st.integers(0, 9) | st.sampled_from(["0", "1", "a", "b/c", "~"])
    contents = st.dictionaries(
        st.sampled_from(["v", "w", "n"]), scalars() | st.lists(scalars(), max_size=3), max_size=3
    )
    objects = st.builds(lambda identity, content: {**content, field: identity}, identities, contents)
    return st.lists(objects, max_size=7, unique_by=lambda element: element[field])


@functools.cache
def values() -> SearchStrategy[JSON]:
    """Any JSON value."""
    leaves = scalars() | st.lists(scalars(), max_size=6) | catalogues()
    return st.recursive(
        leaves,
        lambda children: st.lists(children, max_size=4) | st.dictionaries(keys(), children, max_size=5),
        max_leaves=8,
    )


@functools.cache
def documents() -> SearchStrategy[dict[str, JSON]]:
    """Objects, as most entities are."""
    return st.dictionaries(keys(), values(), max_size=5)


@st.composite
def pairs(draw: DrawFn) -> Pair:
    """(before, after), which is `before` with small changes, or with values that Python calls equal, or anything."""
    before = draw(values())
    kind = draw(st.sampled_from(["changes", "changes", "flips", "flips", "anything"]))
    if kind == "anything":
        return before, draw(values())
    after = before
    for _ in range(draw(st.integers(0, 3))):
        after = draw(changed(after) if kind == "changes" else flipped(after))
    return before, after


@st.composite
def flipped(draw: DrawFn, value: JSON) -> JSON:
    """`value` with one scalar, a number where there is one, turned into what it is easily taken for."""
    places = list(_scalar_places(value))
    numbers = [place for place in places if isinstance(_at(value, place), int | float)]
    if not places:
        return value
    place = draw(st.sampled_from(numbers or places))
    return _with(value, place, draw(st.sampled_from(likenesses(_at(value, place)))))


def _scalar_places(value: JSON, place: Place = ()) -> Iterator[Place]:
    if isinstance(value, dict | list):
        for name, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _scalar_places(member, (*place, name))
    else:
        yield place


def _at(value: JSON, place: Place) -> JSON:
    return functools.reduce(lambda container, name: container[name], place, value)


def _with(value: JSON, place: Place, new: JSON) -> JSON:
    if not place:
        return new
    changed_value = value.copy()
    changed_value[place[0]] = _with(value[place[0]], place[1:], new)
    return changed_value


def changed(value: JSON) -> SearchStrategy[JSON]:
    """`value` with one small change somewhere; it may come out equal. `value` itself stays as it is."""
    if isinstance(value, dict) and value:
        return st.one_of(_inside_object(value), _inside_object(value), _object_changed(value))
    if isinstance(value, list) and value:
        return st.one_of(_inside_array(value), _array_changed(value), _array_changed(value))
    return st.sampled_from(likenesses(value)) | st.sampled_from(FLIPS) | scalars()


def likenesses(value: JSON) -> list[JSON]:
    """Values that Python's `==` takes for `value`, else its text."""
    equal = [other for other in FLIPS if other == value and repr(other) != repr(value)]
    if type(value) is float and value.is_integer():
        equal.append(int(value))
    if type(value) is int and float(value) == value:
        equal.append(float(value))
    return equal or [str(value)]


@st.composite
def _inside_object(draw: DrawFn, value: dict[str, JSON]) -> JSON:
    name = draw(st.sampled_from(sorted(value)))
    return {**value, name: draw(changed(value[name]))}


@st.composite
def _object_changed(draw: DrawFn, value: dict[str, JSON]) -> JSON:
    name = draw(st.sampled_from(sorted(value)))
    rest = {other: member for other, member in value.items() if other != name}
    kind = draw(st.sampled_from(["remove", "rename", "add", "turn"]))
    if kind == "remove":
        return rest
    if kind == "rename":
        return {**rest, draw(keys()): value[name]}
    if kind == "add":
        return {draw(keys()): draw(scalars()), **value}
    return dict(reversed(value.items()))


@st.composite
def _inside_array(draw: DrawFn, value: list[JSON]) -> JSON:
    place = draw(st.integers(0, len(value) - 1))
    return [*value[:place], draw(changed(value[place])), *value[place + 1 :]]


@st.composite
def _array_changed(draw: DrawFn, value: list[JSON]) -> JSON:
    place = draw(st.integers(0, len(value) - 1))
    kind = draw(st.sampled_from(["remove", "insert", "repeat", "move", "shuffle"]))
    rest = value[:place] + value[place + 1 :]
    if kind == "remove":
        return rest
    if kind == "shuffle":
        return draw(st.permutations(value))
    target = draw(st.integers(0, len(rest)))
    if kind == "move":
        return [*rest[:target], value[place], *rest[target:]]
    new = value[place] if kind == "repeat" else draw(scalars())
    return [*value[:target], new, *value[target:]]
