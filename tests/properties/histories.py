"""Strategies for histories: what a source said, sync by sync, with everything that real sources do to a log.

Few scopes, keys and documents, so that they meet again: entities move between scopes, come back, take each other's
numbers; answers fail, are incomplete, empty, unreadable in part; parents take children along; clocks go backwards.
"""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from eventstore import Document, Entity, Item, Listing, Scope, from_ms
from tests.properties.documents import documents, values

START: Final = 1_700_000_000_000  # milliseconds
SOURCE: Final = "api"


class Question(NamedTuple):
    """One scope asked: when, and what the answer was found to say (`attempt` is not known yet); None: it failed."""

    scope: Scope
    requested_at: datetime
    received_at: datetime
    listing: Listing | None


class Step(NamedTuple):
    """One sync. `cold`: the writer has forgotten everything that it had in memory."""

    at: datetime
    questions: tuple[Question, ...]
    cold: bool = False


Numbered: TypeAlias = tuple[str, list[tuple[str, int]]]
"""An item that is drawn: its key, and its parts as category and number of a document of a pool."""


class Place(NamedTuple):
    """A scope and what its listings hold. All keys of a resource have the same number of separators in them."""

    scope: Scope
    categories: tuple[str, ...]
    keys: tuple[str, ...]
    parent: Entity | None = None


_MODELS: Final = ("model", "model_telemetry")
_MODEL_KEYS: Final = ("a", "b", r"a\#2", "")


def _models(region: str) -> Place:
    return Place(Scope.of(SOURCE, "models", {"region": region}), _MODELS, _MODEL_KEYS)


def _endpoints(model: str) -> Place:
    keys = (f"{model}#t", f"{model}#2", "shared#t")
    return Place(Scope.of(SOURCE, "endpoints", {"model": model}), ("endpoint",), keys, Entity(SOURCE, "model", model))


_QUOTAS: Final = Place(
    Scope.of(SOURCE, "quotas", {"endpoint": "a#t"}), ("quota",), ("q", "\x00é"), Entity(SOURCE, "endpoint", "a#t")
)
_ELSEWHERE: Final = Place(Scope("other", "models"), ("model",), ("a", "b"))
PLACES: Final = (_models("eu"), _models("us"), _endpoints("a"), _endpoints("b"), _QUOTAS, _ELSEWHERE)
CATEGORIES: Final = ("api.endpoint", "api.model", "api.model_telemetry", "api.quota", "other.model")

_VALUES: Final[tuple[Any, ...]] = (
    {"n": 1, "m": "x", "l": [1]},
    {"n": 1.0, "m": "x", "l": [1]},
    {"n": True, "m": "x", "l": [1]},
    {"n": "1", "m": "x", "l": [True]},
    {"n": None, "m": "y", "l": [1, {"id": 1}]},
    {"m~/n": 0.0, "": 10**30},
    {"m~/n": -0.0, "": 10**30},
    {"~1": [], "~0": {"/": "é𝄞"}},
    {},
    [1, 2, 3],
    None,
)
POOL: Final = tuple(Document.of(value) for value in _VALUES)
"""Documents that a history is made of: few, so that they repeat, and unlike in all the ways that equality can miss."""


# What strategies are made of is made once: made anew at each draw, it was checked as often, which took as long again.


@functools.cache
def pools() -> SearchStrategy[tuple[Document, ...]]:
    """`POOL` with some that are like no others."""
    others = st.lists((documents() | values()).map(Document.of), max_size=2)
    return others.map(lambda others: (*POOL, *others, *others))


@functools.cache
def _some(*values: Any) -> SearchStrategy[Any]:
    return st.sampled_from(values)


@functools.cache
def _numbers(most: int) -> SearchStrategy[int]:
    return st.integers(0, most)


@functools.cache
def _items(place: Place, count: int) -> SearchStrategy[list[Numbered]]:
    return st.lists(_item(place, count), max_size=4)


@st.composite
def _item(draw: DrawFn, place: Place, count: int) -> Numbered:
    """An item of a place; where that splits, it has its other part most of the time."""
    own, *split = place.categories
    parts = [(own, draw(_numbers(count - 1)))]
    parts += [(category, draw(_numbers(3))) for category in split if draw(_numbers(3))]
    return draw(_some(*place.keys)), parts


@functools.cache
def _present(place: Place) -> SearchStrategy[frozenset[str]]:
    return st.just(frozenset()) | st.frozensets(_some(*place.keys), max_size=2)


@st.composite
def listings(draw: DrawFn, place: Place, pool: tuple[Document, ...]) -> Listing:
    """A listing of a place: empty, incomplete, with repeated keys, with items that could not be read."""
    shown = [
        Item(key, tuple((category, pool[number]) for category, number in parts))
        for key, parts in draw(_items(place, len(pool)))
    ]
    present = draw(_present(place))
    complete = draw(_COMPLETE)
    return Listing(place.scope, place.categories, 0, complete, tuple(shown), present, place.parent)


_COMPLETE: Final = st.sampled_from((True, True, True, False))
_COLD: Final = st.booleans()
_ASKED: Final = st.lists(st.sampled_from(PLACES), unique=True, max_size=4)


@st.composite
def steps(draw: DrawFn, at: int, pool: tuple[Document, ...] = POOL) -> Step:
    """A sync that ends at `at` milliseconds: some scopes are asked, in any order, some of them in vain."""
    questions = []
    for place in draw(_ASKED):
        began, took = draw(_numbers(5_000)), draw(_numbers(400))
        listing = draw(listings(place, pool)) if draw(_numbers(7)) else None
        received = from_ms(at - began)
        questions.append(Question(place.scope, received - timedelta(milliseconds=took), received, listing))
    return Step(from_ms(at), tuple(questions), draw(_COLD))


GAPS: Final = (3_600_000, 60_000, 1, 0, -1, -90_000)
"""Milliseconds from one sync to the next: clocks stand still and are put back."""


@st.composite
def histories(draw: DrawFn, *, most: int = 12) -> list[Step]:
    """One to `most` syncs, one after the other."""
    at, history = START, []
    pool = draw(pools())
    for _ in range(1 + draw(_numbers(most - 1))):
        at += draw(_some(*GAPS))
        history.append(draw(steps(at, pool)))
    return history
