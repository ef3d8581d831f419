"""Strategies for JSON Patches that people could have written: every operation, on places that meet each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from jsonpointer import JsonPointer

from eventstore.errors import PatchError
from eventstore.patch import Patch, apply

JSON: TypeAlias = Any

_NAMES = st.sampled_from(["a", "b", "-", "0", "~1"])


def small_values() -> SearchStrategy[JSON]:
    """Values with so few names that pointers into them often meet."""
    return st.recursive(
        st.sampled_from([0, 1, "x", None]),
        lambda children: st.lists(children, max_size=3) | st.dictionaries(_NAMES, children, max_size=3),
        max_leaves=6,
    )


@st.composite
def patches(draw: DrawFn, document: JSON) -> Patch:
    """A patch that applies to `document`."""
    patch: Patch = []
    for _ in range(draw(st.integers(0, 5))):
        operation = draw(_operations(document))
        try:
            document = apply(document, [operation])
        except PatchError:
            continue
        patch.append(operation)
    return patch


@st.composite
def _operations(draw: DrawFn, document: JSON) -> dict[str, JSON]:
    there = list(pointers(document))
    somewhere = st.sampled_from(there) | st.sampled_from(there).flatmap(_below)
    path = draw(somewhere)
    op = draw(st.sampled_from(["add", "remove", "replace", "replace", "move", "copy", "test"]))
    if op in {"move", "copy"}:
        return {"op": op, "from": draw(st.sampled_from(there)), "path": path}
    if op == "remove":
        return {"op": op, "path": path}
    if op == "test" and path in there:
        return {"op": op, "path": path, "value": JsonPointer(path).resolve(document)}
    return {"op": op, "path": path, "value": draw(small_values())}


def _below(path: str) -> SearchStrategy[str]:
    names = st.sampled_from(["a", "b", "-", "~01", "0", "1", "2"])
    return names.map(lambda name: f"{path}/{name}")


def pointers(value: JSON, path: str = "") -> Iterator[str]:
    """Every pointer that leads somewhere in `value`, "" first."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from pointers(member, path + JsonPointer.from_parts([name]).path)
