"""Views of any history, brought up at any points of it, are the views that one goes through the whole log gives."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest import mock

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, DrawFn

import eventstore.feed
from eventstore import JSON, Change, Document, Item, Record, Scope, from_ms
from projector import (
    Catalogue,
    DryRun,
    Misfit,
    Projection,
    Runner,
    Settings,
    Store,
    Subject,
    Why,
    history,
    periods,
    table,
    write_as_of,
)
from projector import status as views_status
from tests.laying import laid_record, lay_down
from tests.projecting import Said, new_views
from tests.properties.documents import documents, values
from tests.properties.histories import GAPS, START, Step, pools, steps

pytestmark = pytest.mark.slow

few = settings(max_examples=settings().max_examples // 4)
"""For what needs a record and several files of views for each example."""

Rows = list[dict[str, Any]]

# -- histories of a source that has views of its own

CATEGORIES: Final = {"model_telemetry": "endpoint_telemetry", "quota": "provider"}


def _pricings() -> st.SearchStrategy[dict[str, JSON]]:
    prices = st.sampled_from(["0", "-1", "0.00000065", "6.5e-7", 0.5, -1, 10**30, "-2", "free", None, True])
    tiers = st.sampled_from([[], [{"threshold": 1000, "price": "1"}], [{"price": "1"}, 3]])
    return st.dictionaries(
        st.sampled_from(["prompt", "completion", "discount", "odd/kind", ""]), prices | tiers, max_size=3
    )


def _offered() -> st.SearchStrategy[dict[str, JSON]]:
    """Documents like those of the source, in which fields change their type and go missing."""
    odd: st.SearchStrategy[JSON] = st.sampled_from([None, 1, 1.0, True, "1", [], {}, 10**25])
    return st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["P", "Q", 3]),
            "provider_name": st.sampled_from(["P", "Q", None]),
            "pricing": _pricings() | odd,
            "context_length": st.integers(0, 3) | odd,
            "created": st.sampled_from([1_700_000_000, -1, "then"]),
            "architecture": st.sampled_from(
                [{"modality": "text", "input_modalities": ["b", "a", "a"]}, {"modality": 1}, 2]
            ),
            "supported_parameters": st.lists(st.sampled_from("abc"), max_size=3) | odd,
            "uptime_last_30m": st.floats(0, 100) | odd,
            "status": st.integers(-2, 0) | odd,
            "latency_last_30m": st.floats(0, 9) | st.fixed_dictionaries({"p50": st.floats(0, 9), "p90": odd}) | odd,
        },
    )


@st.composite
def histories(draw: DrawFn, *, most: int = 8) -> list[Step]:
    """Syncs of a source with models, endpoints, providers and telemetry, with all that goes wrong in any history."""
    # telemetry is of the first four
    pool = (*map(Document.of, draw(st.lists(_offered(), min_size=4, max_size=10))), *draw(pools()))
    at, found = START, []
    for _ in range(draw(st.integers(1, most))):
        at += draw(st.sampled_from(GAPS))
        found.append(as_openrouter(draw(steps(at, pool))))
    return found


def as_openrouter(step: Step) -> Step:
    """The same sync, of the source that most of the views which come with orlog are about."""
    return step._replace(
        questions=tuple(
            question._replace(
                scope=_renamed(question.scope),
                listing=None
                if (said := question.listing) is None
                else msgspec.structs.replace(
                    said,
                    scope=_renamed(said.scope),
                    categories=tuple(CATEGORIES.get(each, each) for each in said.categories),
                    items=tuple(
                        Item(item.key, tuple((CATEGORIES.get(name, name), part) for name, part in item.parts))
                        for item in said.items
                    ),
                    parent=None if said.parent is None else msgspec.structs.replace(said.parent, source="openrouter"),
                ),
            )
            for question in step.questions
        )
    )


def _renamed(scope: Scope) -> Scope:
    return msgspec.structs.replace(scope, source="openrouter") if scope.source == "api" else scope


# -- views of one's own, beside those that come with orlog


class Read(msgspec.Struct):
    n: int | None = None
    m: str | None = None
    l: list[int] = []  # noqa: E741  # as the documents have it
    name: str | None = None


class Element(msgspec.Struct):
    place: int
    value: int


def elements(_: Subject, document: Read) -> Iterator[Element | Misfit]:
    if document.m is None:
        yield Misfit("says no m", "$.m")
    for place, value in enumerate(document.l):
        yield Element(place, value)


class Length(msgspec.Struct):
    before: int | None
    after: int | None


def lengths(change: Change) -> Iterator[Length]:
    yield Length(*(None if each is None else len(each.canonical) for each in (change.before, change.after)))


MODELS: Final = ("openrouter.model", "other.model")


def own(version: int = 1) -> list[Projection[Any]]:
    """A view of each shape, some with several rows for an entity, some about several categories."""
    declared: list[Projection[Any]] = [
        table("elements", version=version, reads=MODELS, document=Read, row=Element, key=["place"])(elements),
        periods("elements_history", version=1, reads="model", document=Read, row=Element, key=["place"])(elements),
        periods("any_n", version=1, reads=["model", "endpoint"], document=object, row=Anything)(anything),
        history("lengths", version=1, row=Length)(lengths),
    ]
    return declared


class Anything(msgspec.Struct):
    n: Any


def anything(_: Subject, document: JSON) -> Iterator[Anything]:
    if isinstance(document, dict) and "n" in document:
        yield Anything(document["n"])


ALIKE: Final = frozenset(
    f"{category}{suffix}" for category in ("endpoint_telemetry", "provider", "endpoint") for suffix in ("", "_history")
)
"""Views of what categories have: two of one category are enough, for to make a table takes most of the time here."""

CATALOGUE: Final = Catalogue(Settings(without=ALIKE), own())


# -- what is compared


class Whole(NamedTuple):
    """All that a file of views says: rows of tables and of SQL views, issues, and which column is for which path."""

    rows: dict[str, Rows]
    issues: Rows
    columns: Rows

    def only(self, names: Collection[str]) -> Whole:
        mine = [[row for row in rows if row["view"] in names] for rows in (self.issues, self.columns)]
        return Whole({name: rows for name, rows in self.rows.items() if name in names}, *mine)


def whole(path: Path) -> Whole:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        listed = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT GLOB '[_]*' ORDER BY name"
        names = [row["name"] for row in db.execute(listed)]
        assert not list(db.execute("SELECT * FROM _view WHERE building"))
        rows = {name: _ordered(db.execute(f'SELECT * FROM "{name}"')) for name in names}
        return Whole(rows, *(_ordered(db.execute(f"SELECT * FROM {each}")) for each in ("_issue", "_column")))


def _ordered(rows: sqlite3.Cursor) -> Rows:
    """Rows in an order of their own: by what they say, types included."""
    return sorted(map(dict, rows), key=lambda row: repr(sorted(row.items())))


def told_apart(rows: Mapping[str, Rows]) -> dict[str, str]:
    """Rows in a form in which 1, 1.0 and true differ too."""
    return {name: repr(each) for name, each in rows.items()}


def assert_same(found: Whole, expected: Whole) -> None:
    assert told_apart(found.rows) == told_apart(expected.rows)
    assert found.issues == expected.issues
    assert found.columns == expected.columns


@contextlib.contextmanager
def batches_of(syncs: int, events: int) -> Iterator[None]:
    """As if the log were long: batches of so few syncs and events."""
    with (
        mock.patch.object(eventstore.feed, "BATCH_SYNCS", syncs),
        mock.patch.object(eventstore.feed, "BATCH_EVENTS", events),
    ):
        yield


batches = st.builds(batches_of, st.integers(1, 3) | st.just(4096), st.integers(0, 5) | st.just(4096))


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def bring_up(record: Record, path: Path, **options: Any) -> None:
    with Store.open(path, write=True) as store:
        store._db.execute("PRAGMA synchronous = OFF")
        Runner(record, store, CATALOGUE, **options).run()


def built(record: Record, path: Path) -> Whole:
    """All views, made in one go."""
    bring_up(record, path)
    return whole(path)


# -- the laws


@given(histories(), st.data(), batches)
@few
def test_views_brought_up_sync_by_sync_are_those_that_a_rebuild_makes(
    history: list[Step], data: DataObject, few_at_a_time: contextlib.AbstractContextManager[None]
) -> None:
    """P20, P22: at whatever points the runner ran; in every field, SQL views and issues included."""
    runs = data.draw(st.sets(st.integers(0, len(history) - 1)))
    with laid_record([]) as (record, model), folder() as files:
        for number, step in enumerate(history):
            lay_down(record, model, step)
            if number in runs:
                bring_up(record, files / "followed.db")
        with few_at_a_time:
            bring_up(record, files / "followed.db")
        followed = whole(files / "followed.db")
        assert_same(followed, built(record, files / "built.db"))
        with Store.open(files / "followed.db", write=True) as store:
            Runner(record, store, CATALOGUE).rebuild()
        assert_same(whole(files / "followed.db"), followed)


@given(histories(), st.data(), batches)
@few
def test_applying_what_was_applied_changes_nothing(
    history: list[Step], data: DataObject, few_at_a_time: contextlib.AbstractContextManager[None]
) -> None:
    """P18: a batch that is carried out twice is carried out once."""
    count = data.draw(st.integers(0, len(history) - 1))
    with laid_record(history[:count]) as (record, model), folder() as files:
        path = files / "views.db"
        bring_up(record, path)
        with contextlib.closing(sqlite3.connect(path)) as db:
            stood = db.execute("SELECT log_generation, entry, seq, root, observed_at, name FROM _view").fetchall()
        for step in history[count:]:
            lay_down(record, model, step)
        bring_up(record, path)
        once = whole(path)
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            columns = "log_generation = ?, entry = ?, seq = ?, root = ?, observed_at = ?"
            db.executemany(f"UPDATE _view SET {columns} WHERE name = ?", stood)
        with few_at_a_time:
            bring_up(record, path)
        assert_same(whole(path), once)


@given(histories(), st.data())
@few
def test_views_at_an_instant_are_those_of_a_log_that_ends_there(history: list[Step], data: DataObject) -> None:
    """P2, P19: in every field; of categories that came later there are no rows."""
    count = data.draw(st.integers(1, len(history)))
    with (
        laid_record(history) as (record, model),
        laid_record(history[:count]) as (cut, shorter),
        folder() as files,
    ):
        at = from_ms(model.moments[count - 1].at)
        assert shorter.moments[-1].at == model.moments[count - 1].at
        write_as_of(record, CATALOGUE, files / "then.db", at=at)
        expected, then = built(cut, files / "cut.db"), whole(files / "then.db")
        tables = expected.rows.keys() - COMBINED
        assert_same(then.only(tables), expected.only(tables))
        assert not any(rows for name, rows in then.rows.items() if name not in tables | COMBINED)
        if then.rows.keys() == expected.rows.keys():
            assert_same(then, expected)


COMBINED: Final = frozenset({"lifecycle", "gaps", "offers", "orphans"})
"""What is made of tables by SQL: of which tables, that says the catalogue."""


# -- the order of entities

ADDRESSES: Final = ("openrouter.model", "openrouter.endpoint", "openrouter.provider", "other.thing")

Sync = list[tuple[str, dict[str, Any]]]


@st.composite
def listed(draw: DrawFn) -> list[Sync]:
    """What some listings say, sync by sync: category, and a document by key."""
    said = _offered() | documents() | values()
    one = st.dictionaries(st.sampled_from(["a", "b", "c", "a#t"]), said, max_size=4)
    sync = st.lists(st.tuples(st.sampled_from(ADDRESSES), one), unique_by=lambda each: each[0], max_size=4)
    return draw(st.lists(sync, min_size=1, max_size=5))


def shuffled(data: DataObject, sync: Sync) -> Sync:
    return [
        (address, dict(data.draw(st.permutations(list(said.items())))))
        for address, said in data.draw(st.permutations(sync))
    ]


@given(listed(), st.data())
@few
def test_in_what_order_a_sync_lists_entities_makes_no_difference(story: list[Sync], data: DataObject) -> None:
    """But for the numbers of events, and for the order in which columns came."""
    with new_views() as one, new_views() as other:
        for number, sync in enumerate(story):
            one.lay(number, *(Said(*each) for each in sync))
            other.lay(number, *(Said(*each) for each in shuffled(data, sync)))
        found, expected = (unnumbered(built(views.record, views.path)) for views in (one, other))
        assert told_apart(found) == told_apart(expected)


NUMBERS: Final = {"seq", "until_seq", "root"}


def unnumbered(said: Whole) -> dict[str, Rows]:
    """Rows without the numbers of events, and with paths in place of the columns that follow from them."""
    paths: dict[str, dict[str, str]] = {name: {} for name in said.rows}
    for row in said.columns:
        paths[row["view"]][row["name"]] = row["path"]
    return {
        name: sorted((_by_path(row, paths.get(name, {})) for row in rows), key=repr)
        for name, rows in {**said.rows, "issues": said.issues}.items()
    }


def _by_path(row: dict[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    found = {paths.get(column, column): value for column, value in row.items() if column not in NUMBERS}
    return dict(sorted(found.items()))


# -- versions


@given(histories(most=5), histories(most=3))
@few
def test_views_of_a_newer_version_take_over_when_they_have_caught_up(first: list[Step], later: list[Step]) -> None:
    """P12, P28 to P30: until then the old ones stand, and say that they are of the old version; then all is of the new.

    What comes between two versions is told before it is done.
    """
    newer = Catalogue(Settings(without=ALIKE), own(version=2))
    with laid_record(first) as (record, model), folder() as files:
        path = files / "views.db"
        bring_up(record, path)
        before = whole(path)
        for step in later:
            lay_down(record, model, step)
        had = "elements" in before.rows
        with Store.open(path, write=True) as store:
            Runner(record, store, newer).run(stale=False)
            (elements_,) = (each for each in views_status(record, store, newer) if each.name == "elements")
            assert (elements_.version, elements_.stale) == (1, Why.VERSION)
            assert elements_.seq == record.log.position(from_ms(model.moments[len(first) - 1].at)).seq
        assert had
        assert told_apart(whole(path).only(["elements"]).rows) == told_apart(before.only(["elements"]).rows)
        with DryRun(path) as dry:
            Runner(record, dry.store, newer).run()
            (told,) = (each for each in dry.differences() if each.view == "elements")
        with Store.open(path, write=True) as store:
            ran = {each.view: each for each in Runner(record, store, newer).run()}
            assert ran["elements"].rebuilt is Why.VERSION
            assert all(each.rebuilt is None for name, each in ran.items() if name != "elements")
            assert {each.version for each in views_status(record, store, newer) if each.name == "elements"} == {2}
        with Store.open(files / "anew.db", write=True) as store:
            Runner(record, store, newer).run()
        assert_same(whole(path), whole(files / "anew.db"))
        rows = len(whole(path).rows["elements"])
        assert told.rows.inserted + told.rows.updated + told.rows.same == rows
