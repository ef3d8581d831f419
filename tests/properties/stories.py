"""Strategies for what one entity said, version by version: how fields and elements come, change, move and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.naive import NOTHING, said
from tests.properties.documents import changed, scalars, values


def identified() -> SearchStrategy[list[Any]]:
    """Arrays of objects, of few identities, so that elements come, go and change places from one to the next."""
    contents = {"v": scalars(), "name": st.sampled_from(["x", "y"]), "tags": st.lists(st.sampled_from("abc"))}
    content = st.fixed_dictionaries({}, optional=contents)
    element = st.builds(lambda identity, content: {**content, "id": identity}, st.integers(0, 4), content)
    return st.lists(element, unique_by=lambda element: element["id"], max_size=5)


def arrays() -> SearchStrategy[Any]:
    """Documents with arrays of all sorts: of identified objects, of strings (some twice), within each other."""
    letters = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=5)
    nested = st.lists(identified(), max_size=2)
    return st.fixed_dictionaries({}, optional={"l": identified(), "s": letters, "m": nested, "x~/": scalars()})


def stories() -> SearchStrategy[list[Any]]:
    """The documents that an entity had, one after the other, NOTHING while it was away; each unlike the one before."""
    return _stories(arrays(), lambda _: arrays()) | _stories(values(), changed)


@st.composite
def _stories(draw: DrawFn, first: SearchStrategy[Any], after: Callable[[Any], SearchStrategy[Any]]) -> list[Any]:
    story = [draw(first)]
    for _ in range(draw(st.integers(0, 6))):
        last = next(document for document in reversed(story) if document is not NOTHING)
        kind = draw(st.sampled_from(["change", "change", "change", "change", "anew", "away"]))
        document = NOTHING if kind == "away" else draw(first if kind == "anew" else after(last))
        if said(document) != said(story[-1]):
            story.append(document)
    return story
