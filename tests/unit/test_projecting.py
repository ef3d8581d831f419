"""Bringing views up, rebuilding them beside what is served, and what becomes of what does not fit."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector import World, play
from eventstore import BeyondHead, Document, Record, feed
from projector import (
    BadProjection,
    Catalogue,
    JsonLines,
    Misfit,
    NoModule,
    OutputExists,
    Projection,
    RebuildFailed,
    Settings,
    Store,
    Subject,
    UnknownView,
    ViewStatus,
    Why,
    behind,
    history,
    load_modules,
    periods,
    status,
    table,
    write_as_of,
)
from tests.laying import RULES, hour, lay_documents, new_record
from tests.projecting import Said, Views, new_views, select

THING = "api.thing"


class Doc(msgspec.Struct):
    n: int | None = None
    name: str | None = None


class Row(msgspec.Struct):
    n: int | None


class Wide(msgspec.Struct):
    n: int | None
    name: str | None


def narrow(_: Subject, document: Doc) -> Iterator[Row]:
    yield Row(document.n)


def wide(_: Subject, document: Doc) -> Iterator[Wide]:
    yield Wide(document.n, document.name)


def broken(_: Subject, document: Doc) -> Iterator[Row]:
    raise KeyError(document.name)


def projected(function: Any = narrow, row: Any = Row, *, version: int = 1, name: str = "mine") -> Projection[Any]:
    made: Projection[Any] = table(name, version=version, reads=THING, document=Doc, row=row)(function)
    return made


@pytest.fixture
def views() -> Iterator[Views]:
    with new_views() as views:
        yield views


def lay_things(views: Views, number: int, **numbers: Any) -> None:
    """A sync in which each of these things says its number."""
    views.lay(number, Said(THING, {key: {"n": n, "name": key.upper()} for key, n in numbers.items()}))


def rebuilt(views: Views) -> dict[str, Why]:
    """Which views a run builds anew, and why."""
    return {name: ran.rebuilt for name, ran in views.run().items() if ran.rebuilt is not None}


def standing(views: Views, *, catalogue: Catalogue | None = None) -> dict[str, ViewStatus]:
    with Store.open(views.path) as store:
        return {each.name: each for each in status(views.record, store, catalogue or views.catalogue)}


# -- bringing up


def test_a_log_of_nothing_has_the_views_that_ask_for_no_category(views: Views) -> None:
    assert rebuilt(views) == dict.fromkeys(["changes", "manifest", "presence", "syncs"], Why.MISSING)
    assert all(rows == [] for rows in views.tables().values())


def test_views_that_are_missing_are_built_and_those_that_are_there_go_on(views: Views) -> None:
    lay_things(views, 0, a=1, b=1)
    assert set(rebuilt(views).values()) == {Why.MISSING}
    lay_things(views, 1, a=2, b=1)
    ran = views.run()
    assert all(each.rebuilt is None for each in ran.values())
    assert (ran["thing"].events, ran["thing"].rows.updated, ran["thing"].rows.same) == (1, 1, 0)
    assert views.select("SELECT key, n FROM thing ORDER BY key") == [("a", 2), ("b", 1)]


def test_where_nothing_is_new_nothing_is_written(views: Views) -> None:
    lay_things(views, 0, a=1)
    views.run()
    before, stood = views.tables(), standing(views)
    lines: list[bytes] = []
    ran = views.run(outputs=[JsonLines(lines.append)])
    assert {(each.rebuilt, each.events, each.rows.inserted, each.rows.updated) for each in ran.values()} == {
        (None, 0, 0, 0)
    }
    assert lines == []
    assert (views.tables(), standing(views)) == (before, stood)


def test_a_category_that_comes_later_gets_views_of_its_own(views: Views) -> None:
    lay_things(views, 0, a=1)
    views.run()
    views.lay(1, Said("api.part", {"x": {"n": 1}}))
    assert rebuilt(views) == {"part": Why.MISSING, "part_history": Why.MISSING}
    assert views.select("SELECT n FROM part") == [(1,)]


def test_views_are_the_same_however_often_they_are_brought_up(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, numbers in enumerate([{"a": 1, "b": 1}, {"a": 2}, {"b": 2}, {"a": 1, "b": 3}, {}, {"a": 5}]):
        lay_things(views, number, **numbers)
        views.run()
    step_by_step = views.tables()
    views.rebuild()
    assert views.tables() == step_by_step
    monkeypatch.setattr(feed, "BATCH_SYNCS", 2)
    views.rebuild()
    assert views.tables() == step_by_step


def test_when_what_stands_was_confirmed_is_known_where_batches_end_with_the_log(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BATCH_SYNCS", 2)
    for number in range(4):
        lay_things(views, number, a=1)
    views.run()
    assert views.select("SELECT last_confirmed FROM manifest") == [(f"{hour(3):%Y-%m-%dT%H:%M:%S}.000Z",)]


def test_a_new_field_upstream_is_a_new_column_at_the_next_run(views: Views) -> None:
    lay_things(views, 0, a=1, b=1)
    views.run()
    views.lay(1, Said(THING, {"a": {"n": 1, "name": "A", "fresh": {"deep": "x"}}, "b": {"n": 1, "name": "B"}}))
    assert rebuilt(views) == {}
    assert views.select("SELECT key, n, name, fresh_deep FROM thing ORDER BY key") == [
        ("a", 1, "A", "x"),
        ("b", 1, "B", None),
    ]
    query = "SELECT fresh_deep, valid_to IS NULL FROM thing_history WHERE key = 'a' ORDER BY seq"
    assert views.select(query) == [(None, 0), ("x", 1)]
    lay_things(views, 2, a=7, b=1)
    views.run()
    assert views.select("SELECT key, n, fresh_deep FROM thing ORDER BY key") == [("a", 7, None), ("b", 1, None)]


def test_a_row_says_when_it_really_changed(views: Views) -> None:
    """What a view does not show may change as often as it likes."""
    views.own = [projected()]
    for number, (n, name) in enumerate([(1, "x"), (1, "y"), (1, "y"), (2, "y"), (2, "z")]):
        views.lay(number, Said(THING, {"a": {"n": n, "name": name}}))
        views.run()
    times = [f"{hour(number):%Y-%m-%dT%H:%M:%S}.000Z" for number in range(5)]
    assert views.select("SELECT n, updated_at FROM mine") == [(2, times[3])]
    assert views.select("SELECT n, updated_at FROM thing") == [(2, times[4])]
    views.rebuild()
    assert views.select("SELECT n, updated_at FROM mine") == [(2, times[3])]


# -- stale views


@pytest.mark.parametrize(
    "changed, why",
    [
        (projected(version=2), Why.VERSION),
        (projected(wide, Wide), Why.ROWS),
        (projected(wide, Wide, version=2), Why.VERSION),
    ],
)
def test_another_version_or_row_type_makes_a_view_stale_and_it_is_rebuilt(
    views: Views, changed: Projection[Any], why: Why
) -> None:
    """P12, P29: and no other view."""
    views.own = [projected()]
    lay_things(views, 0, a=1)
    views.run()
    views.own = [changed]
    assert {name: each.stale for name, each in standing(views).items() if each.stale} == {"mine": why}
    assert rebuilt(views) == {"mine": why}
    found = standing(views)["mine"]
    assert (found.stale, found.version, found.generation) == (None, changed.version, 2)
    assert rebuilt(views) == {}


def test_a_stale_view_may_wait_and_is_served_as_it_was(views: Views) -> None:
    views.own = [projected()]
    lay_things(views, 0, a=1)
    views.run()
    views.own = [projected(wide, Wide), projected(name="late")]
    lay_things(views, 1, a=2)
    ran = views.run(stale=False)
    assert "mine" not in ran
    assert ran["late"].rebuilt is Why.MISSING
    assert views.select("SELECT n FROM mine") == [(1,)]
    assert views.select("SELECT n FROM thing") == [(2,)]
    assert standing(views)["mine"].lag_events == 1


def test_while_a_view_is_rebuilt_the_old_one_is_served(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        lay_things(views, number, a=number)
    views.own = [projected()]
    views.run()
    seen: list[Any] = []

    def spying(subject: Subject, document: Doc) -> Iterator[Wide]:
        query = "SELECT * FROM mine"
        seen.append(views.select(query))
        yield from wide(subject, document)

    monkeypatch.setattr(feed, "BATCH_SYNCS", 1)
    old = views.select("SELECT * FROM mine")
    views.own = [projected(spying, Wide)]
    views.run()
    assert seen == [old] * 4
    assert views.select("SELECT n, name FROM mine") == [(3, "A")]


def test_a_rebuild_that_was_killed_goes_on_where_it_was(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCH_SYNCS", 1)
    for number in range(4):
        lay_things(views, number, a=number)
    views.own = [projected()]
    views.run()
    evaluated: list[int | None] = []

    def dying(subject: Subject, document: Doc) -> Iterator[Wide]:
        evaluated.append(document.n)
        if evaluated == [0, 1, 2]:
            raise KeyboardInterrupt
        yield from wide(subject, document)

    views.own = [projected(dying, Wide)]
    with pytest.raises(KeyboardInterrupt):
        views.run()
    assert views.select("SELECT n FROM mine") == [(3,)]
    assert standing(views)["mine"].building == 2
    assert rebuilt(views) == {"mine": Why.ROWS}
    assert evaluated == [0, 1, 2, 1, 2, 3]  # the document before the first event is looked at again
    assert views.select("SELECT n, name FROM mine") == [(3, "A")]
    assert standing(views)["mine"].building is None


def test_what_was_begun_by_another_version_is_begun_anew(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCH_SYNCS", 1)
    for number in range(3):
        lay_things(views, number, a=number)

    def dying(subject: Subject, document: Doc) -> Iterator[Row]:
        if document.n == 2:
            raise KeyboardInterrupt
        yield from narrow(subject, document)

    views.own = [projected(dying)]
    with pytest.raises(KeyboardInterrupt):
        views.run()
    views.own = [projected(wide, Wide)]
    assert rebuilt(views)["mine"] is Why.MISSING
    assert views.select("SELECT n, name FROM mine") == [(2, "A")]


def test_a_log_that_was_rebuilt_has_its_views_rebuilt(views: Views) -> None:
    lay_things(views, 0, a=1, b=1)
    views.run()
    record = views.record
    with record.transaction():
        record.log.adopt(record.log.begin_generation({"api.things": RULES}, made_at=hour(9)))
    lay_things(views, 10, a=7)
    assert standing(views)["thing"].stale is Why.LOG
    assert set(rebuilt(views).values()) == {Why.LOG}
    assert views.select("SELECT key, n FROM thing") == [("a", 7)]
    assert len(views.rows("syncs")) == 1


def test_views_of_another_record_are_not_gone_on_with(views: Views) -> None:
    """A record that was restored, or put in the place of another, is told by its root."""
    lay_things(views, 0, a=1)
    views.run()
    with new_record() as other:
        lay_documents(other, 0, {"z": {"n": 9}}, category="thing")
        views.record = other
        assert set(rebuilt(views).values()) == {Why.LOG}
        assert views.select("SELECT key, n FROM thing") == [("z", 9)]


def test_a_log_that_is_rebuilt_while_views_are_brings_them_to_the_new_one(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BATCH_SYNCS", 1)
    for number in range(3):
        lay_things(views, number, a=number)
    done: list[int] = []

    def meddling(subject: Subject, document: Doc) -> Iterator[Row]:
        if not done:
            done.append(1)
            record = views.record
            with record.transaction():
                record.log.adopt(record.log.begin_generation({"api.things": RULES}, made_at=hour(9)))
            lay_things(views, 10, a=7)
        yield from narrow(subject, document)

    views.own = [projected(meddling)]
    views.run()
    assert views.select("SELECT n FROM mine") == [(7,)]
    assert views.select("SELECT n FROM thing") == [(7,)]


def test_a_view_that_nobody_wants_any_more_goes(views: Views) -> None:
    views.own = [projected()]
    lay_things(views, 0, a=1)
    views.run()
    views.own = []
    views.settings = Settings(without=frozenset({"changes", "presence"}))
    with Store.open(views.path) as store:
        assert behind(views.record, store, views.catalogue)
    views.run()
    names = {name for (name,) in views.select("SELECT name FROM sqlite_master WHERE name NOT GLOB '[_s]*'")}
    assert names == {"manifest", "thing", "thing_history"}
    with Store.open(views.path) as store:
        assert not behind(views.record, store, views.catalogue)


def test_views_are_rebuilt_by_name(views: Views) -> None:
    lay_things(views, 0, a=1)
    views.run()
    ran = views.rebuild("thing", "manifest", "thing")
    assert {name: each.rebuilt for name, each in ran.items()} == {"thing": Why.ASKED, "manifest": Why.ASKED}
    with pytest.raises(UnknownView, match="there is no view nothing") as unknown:
        views.rebuild("thing", "nothing")
    assert set(unknown.value.choices) == set(views.tables())
    with pytest.raises(UnknownView, match="lifecycle is made of other views by SQL"):
        views.rebuild("lifecycle")


# -- a projection that fails


def test_a_failing_rebuild_leaves_the_old_view_serving_and_says_why(views: Views) -> None:
    views.own = [projected(), projected(name="fine")]
    lay_things(views, 0, a=1, b=2)
    views.run()
    before = views.rows("mine")
    views.own = [projected(broken, version=2), projected(wide, Wide, name="fine")]
    lay_things(views, 1, a=5, b=2)
    for _ in range(2):
        with pytest.raises(RebuildFailed, match="no row came of mine"):
            views.run()
        assert views.rows("mine") == before
        assert views.select("SELECT n, name FROM fine ORDER BY key") == [(5, "A"), (2, "B")]
        assert views.select("SELECT n FROM thing ORDER BY key") == [(5,), (2,)]
        assert [(issue.key, issue.message) for issue in views.issues("mine")] == [
            ("a", "mine gave up: KeyError: 'A'"),
            ("b", "mine gave up: KeyError: 'B'"),
        ]
        assert standing(views)["mine"].stale is Why.VERSION
        assert standing(views)["mine"].building is None
    views.own = [projected(version=3), projected(wide, Wide, name="fine")]
    assert rebuilt(views) == {"mine": Why.VERSION}
    assert views.select("SELECT n FROM mine ORDER BY key") == [(5,), (2,)]
    assert views.issues() == []


def test_a_new_view_that_fails_is_not_there_and_the_others_are(views: Views) -> None:
    views.own = [projected(broken)]
    lay_things(views, 0, a=1)
    with pytest.raises(RebuildFailed):
        views.run()
    assert "mine" not in views.tables()
    assert views.select("SELECT key FROM lifecycle") == [("a",)]
    assert standing(views)["mine"].stale is Why.MISSING
    assert standing(views)["mine"].issues == 1
    views.own = []
    views.run()
    assert views.issues() == []


def test_a_function_that_fails_on_some_documents_has_rows_of_the_others(views: Views) -> None:
    def picky(subject: Subject, document: Doc) -> Iterator[Row]:
        yield Row(100 // (document.n or 0))
        assert subject.source == "api"

    views.own = [projected(picky)]
    lay_things(views, 0, a=0, b=4)
    views.run()
    assert views.select("SELECT key, n FROM mine") == [("b", 25)]
    lay_things(views, 1, a=5, b=0)
    views.run()
    assert views.select("SELECT key, n FROM mine") == [("a", 20)]
    assert [(each.key, each.message) for each in views.issues("mine")] == [
        (key, "mine gave up: ZeroDivisionError: integer division or modulo by zero") for key in "ab"
    ]


# -- issues


def test_an_issue_names_entity_and_place_and_how_to_see_the_document(views: Views) -> None:
    views.own = [projected(wide, Wide)]
    views.lay(0, Said(THING, {"a": {"n": 1}, "x/y": {"n": "many", "name": "X"}}))
    views.run()
    (issue,) = views.issues()
    assert (issue.view, issue.source, issue.category, issue.key) == ("mine", "api", "thing", "x/y")
    assert (issue.path, issue.message) == ("$.n", "Expected `int | null`, got `str`")
    assert (issue.count, issue.seq, issue.sync, issue.observed_at) == (1, 2, 1, hour(0))
    assert issue.payload == Document.of({"n": "many", "name": "X"}).hash
    assert issue.see == ("replay", "api.thing", "x/y", "--at", "@2")
    entity = views.record.log.entity(f"{issue.source}.{issue.category}", issue.key)
    state = views.record.log.state(entity, at=issue.seq)
    assert state is not None
    assert state.hash == issue.payload
    assert views.select("SELECT n, name FROM mine WHERE key = 'x/y'") == [(None, "X")]


def test_the_same_issue_is_told_once_with_how_often_it_was_so(views: Views) -> None:
    views.own = [projected()]
    for number, (n, name) in enumerate([("x", "1"), ("x", "2"), (5, "2"), ("y", "3"), ([], "3")]):
        views.lay(number, Said(THING, {"a": {"n": n, "name": name}, "b": {"n": "x"}}))
        views.run()
    assert [(each.key, each.message, each.count, each.seq) for each in views.issues("mine")] == [
        ("a", "Expected `int | null`, got `array`", 1, 6),
        ("a", "Expected `int | null`, got `str`", 3, 5),
        ("b", "Expected `int | null`, got `str`", 1, 2),
    ]
    once = views.issues()
    views.rebuild()
    assert views.issues() == once
    assert standing(views)["mine"].issues == 3


def test_what_a_projection_says_does_not_fit_is_an_issue_beside_its_rows(views: Views) -> None:
    """P22: and rows that are not what they were said to be."""

    def odd(_: Subject, document: Doc) -> Iterator[Any]:
        yield Misfit("it is odd", "$.n")
        yield Misfit("it is odd", "$.n")
        yield Row("text")  # type: ignore[arg-type]
        yield Wide(1, None)
        yield {"n": 1}
        yield Row(document.n)
        yield Row(7)

    views.own = [projected(odd)]
    lay_things(views, 0, a=3)
    views.run()
    assert views.select("SELECT n FROM mine") == [(3,)]
    assert {issue.count for issue in views.issues()} == {1}
    assert {(issue.path, issue.message) for issue in views.issues()} == {
        ("$.n", "it is odd"),
        ("$", "a row does not fit mine: Expected `int | null`, got `str` - at `$.n`"),
        ("$", "a row does not fit mine: Expected `Row`, got `Wide`"),
        ("$", "a row does not fit mine: Expected `Row`, got `dict`"),
        ("$", "two rows with the same entity; the first counts"),
    }


def test_numbers_that_no_column_holds_are_issues_and_no_crash(views: Views) -> None:
    class Numbers(msgspec.Struct):
        key_number: int
        share: float
        perhaps: float | None = None

    def numbers(*_: object) -> Iterator[Numbers]:
        yield Numbers(1, 2)
        yield Numbers(2, float("nan"))
        yield Numbers(3, 0.5, float("nan"))
        yield Numbers(2**63, 0.5)

    declare = table("mine", version=1, reads=THING, document=Doc, row=Numbers, key=["key_number"])
    views.own = [declare(numbers)]
    lay_things(views, 0, a=1)
    views.run()
    assert views.select("SELECT key_number, share, perhaps FROM mine") == [(1, 2.0, None), (3, 0.5, None)]
    assert [issue.message.removeprefix("a row does not fit mine: ") for issue in views.issues()] == [
        "Expected a number, got NaN - at `$.share`",
        "Expected an integer of 64 bits, got 9223372036854775808 - at `$.key_number`",
    ]


def test_rows_are_stored_as_their_type_says_under_the_names_of_their_fields(views: Views) -> None:
    class Odd(msgspec.Struct, rename="camel"):
        first_time: datetime
        share: float

    def odd(_: Subject, document: Doc) -> Iterator[Odd]:
        yield Odd(datetime.fromisoformat("2025-06-01T02:00:00+02:00"), document.n or 0)

    views.own = [table("mine", version=1, reads=THING, document=Doc, row=Odd)(odd)]
    lay_things(views, 0, a=1)
    views.run()
    rows = views.select("SELECT first_time, share, typeof(share) FROM mine")
    assert rows == [("2025-06-01T00:00:00.000Z", 1.0, "real")]


def test_a_document_without_what_is_required_has_no_row_and_its_period_ends(views: Views) -> None:
    """P23."""

    class Required(msgspec.Struct):
        n: int

    def rows(_: Subject, document: Required) -> Iterator[Row]:
        yield Row(document.n)

    views.own = [
        table("mine", version=1, reads=THING, document=Required, row=Row)(rows),
        periods("stretches", version=1, reads=THING, document=Required, row=Row)(rows),
    ]
    for number, document in enumerate([{"n": 1}, {"m": 1}, {"n": 1}]):
        views.lay(number, Said(THING, {"a": document}))
        views.run()
        assert len(views.rows("mine")) == ("n" in document)
    assert views.select("SELECT seq, until_seq FROM stretches ORDER BY seq") == [(1, 2), (3, None)]
    (issue,) = views.issues("mine")
    assert (issue.path, issue.message, issue.seq) == ("$", "Object missing required field `n`", 2)


# -- views of a user's own

MODULE = """
from __future__ import annotations

from collections.abc import Iterator

import msgspec

from projector import Subject, table


class Document(msgspec.Struct):
    n: {type} | None = None


class Row(msgspec.Struct):
    doubled: {type} | None


@table("{name}", version=1, reads="thing", document=Document, row=Row)
def doubled(_: Subject, document: Document) -> Iterator[Row]:
    yield Row(None if document.n is None else document.n * 2)


again = doubled
"""


def test_views_of_ones_own_come_from_a_file(views: Views, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE.format(name="doubled", type="int"))
    views.own = load_modules(["mine.py"], tmp_path)
    assert [each.name for each in views.own] == ["doubled"]
    lay_things(views, 0, a=4)
    views.run()
    assert views.select("SELECT key, doubled FROM doubled") == [("a", 8)]


def test_views_of_ones_own_come_from_a_module(views: Views, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "views_of_mine.py").write_text(MODULE.format(name="doubled", type="int"))
    monkeypatch.syspath_prepend(tmp_path)
    views.own = load_modules(["views_of_mine"], tmp_path)
    sys.modules.pop("views_of_mine")
    lay_things(views, 0, a=4)
    views.run()
    assert views.select("SELECT key, doubled FROM doubled") == [("a", 8)]


def test_files_of_one_name_in_several_folders_are_several(views: Views, tmp_path: Path) -> None:
    for folder, type_ in (("one", "int"), ("two", "str")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(MODULE.format(name=folder, type=type_))
    views.own = load_modules(["one/mine.py", "two/mine.py"], tmp_path)
    views.lay(0, Said(THING, {"a": {"n": 4}, "b": {"n": "x"}}))
    views.run()
    assert views.select("SELECT key, doubled FROM one ORDER BY key") == [("a", 8), ("b", None)]
    assert views.select("SELECT key, doubled FROM two ORDER BY key") == [("a", None), ("b", "xx")]


@pytest.mark.parametrize(
    "text, message",
    [
        ("x = 1", "declares no projection"),
        ("x = ", "cannot be imported: SyntaxError"),
        ("import nowhere_at_all", "cannot be imported: ModuleNotFoundError"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("raise SystemExit", "cannot be imported: SystemExit"),
    ],
)
def test_a_module_that_is_of_no_use_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    (tmp_path / "useless.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("useless.py", "useless"):
        with pytest.raises(NoModule, match=message):
            load_modules([name], tmp_path)
        sys.modules.pop("useless", None)


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoModule, match=r"nowhere\.py"):
        load_modules(["nowhere.py"], tmp_path)
    with pytest.raises(NoModule, match="nowhere_at_all"):
        load_modules(["nowhere_at_all"], tmp_path)


def test_a_projection_that_is_declared_wrongly_is_told_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(MODULE.format(name="not a name", type="int"))
    with pytest.raises(BadProjection, match="cannot be the name of a view"):
        load_modules(["wrong.py"], tmp_path)


def test_a_view_of_ones_own_takes_the_place_of_one_of_the_same_name(views: Views) -> None:
    """Names are the same whatever their capital letters: SQLite holds them so."""
    lay_things(views, 0, a=1)
    views.run()
    views.own = [projected(name="thing"), projected(name="Manifest")]
    views.run()
    assert views.select("SELECT n FROM thing") == [(1,)]
    assert "name" not in views.rows("thing")[0]
    assert [*views.rows("Manifest")[0]] == ["source", "key", "n", "updated_at"]
    assert "manifest" not in views.tables()
    assert rebuilt(views) == {}
    views.own = []
    views.run()
    assert "versions" in views.rows("manifest")[0]


@pytest.mark.parametrize(
    "names, message",
    [
        (["mine", "mine"], "two projections are called mine"),
        (["mine", "Mine"], "two projections are called mine"),
        (["lifecycle"], "lifecycle is a view that joins others"),
        (["Offers"], "offers is a view that joins others"),
    ],
)
def test_names_that_are_taken_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(BadProjection, match=message):
        Catalogue(own=[projected(name=name) for name in names])


def test_a_history_of_ones_own_has_rows_of_what_happened(views: Views) -> None:
    class Step(msgspec.Struct):
        by: int

    @history("steps", version=1, reads=THING, row=Step)
    def steps(change: Any) -> Iterator[Step]:
        if change.before is not None and change.after is not None:
            yield Step(change.after.value["n"] - change.before.value["n"])

    views.own = [steps]
    for number, n in enumerate([1, 4, 2]):
        lay_things(views, number, a=n)
        views.run()
    assert views.select("SELECT by, seq, sync FROM steps ORDER BY seq") == [(3, 2, 2), (-2, 3, 3)]


# -- as of a time


def test_views_as_of_a_time_are_those_of_a_log_that_ends_there(views: Views, tmp_path: Path) -> None:
    rounds = [{"a": 1, "b": 1}, {"a": 2}, {"b": 2}]
    for number, numbers in enumerate(rounds):
        lay_things(views, number, **numbers)
    views.own = [projected(wide, Wide)]
    for count in range(len(rounds) + 1):
        with new_views() as cut:
            cut.own = views.own
            for number, numbers in enumerate(rounds[:count]):
                lay_things(cut, number, **numbers)
            cut.run()
            expected = cut.tables()
        file = tmp_path / f"{count}.db"
        write_as_of(views.record, views.catalogue, file, at=hour(count - 1))
        with Store.open(file) as store:
            names = {name for name, _ in store.standings()}
            for name in names:
                rows = list(store.rows(name))
                assert [without_roots(row) for row in rows] == [without_roots(row) for row in expected.get(name, [])]
            assert names >= expected.keys()


def without_roots(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what depends on how the record was made, not on what it says."""
    return {name: value for name, value in row.items() if name != "root"}


def test_a_file_of_views_is_there_whole_or_not_at_all(views: Views, tmp_path: Path) -> None:
    lay_things(views, 0, a=1)
    file = tmp_path / "then.db"
    with pytest.raises(UnknownView):
        write_as_of(views.record, views.catalogue, file, at=None, names=("nothing",))
    with pytest.raises(BeyondHead):
        write_as_of(views.record, views.catalogue, file, at=99)
    views.own = [projected(broken)]
    with pytest.raises(RebuildFailed):
        write_as_of(views.record, views.catalogue, file, at=None, names=("mine",))
    assert list(tmp_path.iterdir()) == []
    ran = write_as_of(views.record, views.catalogue, file, at=None, names=("thing",))
    assert [each.view for each in ran] == ["thing"]
    assert list(tmp_path.iterdir()) == [file]
    assert select(file, "SELECT key, n FROM thing") == [("a", 1)]
    assert not views.path.exists()


def test_a_file_that_is_there_already_stays_as_it_is(views: Views, tmp_path: Path) -> None:
    file = tmp_path / "then.db"
    file.write_text("mine")
    with pytest.raises(OutputExists, match="is there already"):
        write_as_of(views.record, views.catalogue, file, at=None)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson"])
def test_views_as_of_a_time_may_be_json_lines(views: Views, tmp_path: Path, suffix: str) -> None:
    for number in range(3):
        lay_things(views, number, a=number, b=1)
    file = tmp_path / f"then{suffix}"
    write_as_of(views.record, views.catalogue, file, at=hour(1), names=("thing", "presence"))
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [(line["view"], line["op"], line["row"]["key"]) for line in lines] == [
        ("presence", "put", "a"),
        ("presence", "put", "b"),
        ("thing", "put", "a"),
        ("thing", "put", "b"),
    ]
    assert [line["row"]["n"] for line in lines if line["view"] == "thing"] == [1, 1]
    assert list(tmp_path.iterdir()) == [file]


# -- how views stand


def test_a_status_says_how_far_a_view_is_and_how_far_behind(views: Views) -> None:
    lay_things(views, 0, a=1, b="x")
    views.own = [projected()]
    views.run()
    lay_things(views, 3, a=2, b="y")
    found = standing(views)
    assert list(found) == sorted(found)
    assert found["mine"] == ViewStatus(
        name="mine",
        shape="table",
        version=1,
        generation=1,
        seq=2,
        observed_at=hour(0),
        lag_events=2,
        lag_seconds=timedelta(hours=3).total_seconds(),
        stale=None,
        building=None,
        rows=2,
        issues=1,
    )
    views.run()
    mine = standing(views)["mine"]
    assert (mine.seq, mine.lag_events, mine.lag_seconds, mine.observed_at) == (4, 0, 0, hour(3))


def test_views_are_behind_where_anything_is_missing_stale_or_old(views: Views) -> None:
    lay_things(views, 0, a=1)

    def is_behind() -> bool:
        with Store.open(views.path) as store:
            return behind(views.record, store, views.catalogue)

    assert behind(views.record, None, views.catalogue)
    views.run()
    assert not is_behind()
    lay_things(views, 1, a=1)  # nothing changed, and yet it was confirmed
    assert is_behind()
    views.run()
    assert not is_behind()
    for own in ([projected()], [projected(version=2)], []):
        views.own = own
        assert is_behind()
        views.run()
        assert not is_behind()


def test_where_nothing_was_projected_every_view_is_missing(views: Views) -> None:
    lay_things(views, 0, a=1)
    found = status(views.record, None, views.catalogue)
    assert {each.stale for each in found} == {Why.MISSING}
    assert {(each.seq, each.lag_events, each.rows, each.generation) for each in found} == {(0, 1, 0, 0)}


# -- a whole API


def test_views_of_a_whole_api_are_the_same_sync_by_sync_and_rebuilt() -> None:
    """With failures, flapping endpoints, twins, and a schema that drifts; what stands has its rows."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    world = World(7, start=start, days=4, models=6)
    with new_record() as record:
        views = Views(record)
        every: list[datetime] = []

        def after(now: datetime) -> None:
            every.append(now)
            if len(every) % 5 == 0:
                views.run()

        play(record, world, every=timedelta(hours=4), after=after)
        views.run()
        assert_whole(views, record)
        step_by_step = views.tables()
        views.rebuild()
        assert views.tables() == step_by_step


def assert_whole(views: Views, record: Record) -> None:
    """What stands has its rows."""
    for view, category in (("models", "model"), ("endpoints", "endpoint"), ("providers", "provider")):
        keys = sorted(record.log.catalogue(f"openrouter.{category}"))
        assert [key for (key,) in views.select(f"SELECT key FROM {view} ORDER BY key")] == keys
    with Store.open(views.path) as store:
        served = {name for name, building in store.standings() if not building}
    assert {"prices", "endpoint_stats", "endpoint_stats_daily", "manifest", "changes"} <= served
