"""Outputs: one contract for all of them, and what is special to each."""

from __future__ import annotations

import abc
import contextlib
import copy
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from projector import (
    Counts,
    Difference,
    DryRun,
    JsonLines,
    NoViews,
    Output,
    Runner,
    Settings,
    Store,
    Subject,
    ViewsBusy,
    ViewsUnusable,
    periods,
    table,
)
from projector.derivation import Close, Key, Row, Writes
from projector.inferred import Names
from projector.projection import Projection
from projector.tables import Target
from projector.views.generic import of_category
from tests.projecting import Said, Views, new_views


class Document(msgspec.Struct):
    n: int | None = None


class Thing(msgspec.Struct):
    kind: str
    n: int | None


def _function(_: Subject, document: Document) -> Iterator[Thing]:
    yield Thing("n", document.n)


THINGS = table("things", version=1, reads="thing", document=Document, row=Thing, key=["kind"])(_function)
STRETCHES = periods("stretches", version=1, reads="thing", document=Document, row=Thing, key=["kind"])(_function)
ANY, _ = of_category("anything", "thing", None)


# -- each output, and how its rows are read back


class Rig(abc.ABC):
    """An output, and what its rows have come to."""

    output: Output

    @abc.abstractmethod
    def rows(self, target: Target) -> dict[Key, Row]:
        """The rows of a view by primary key; columns that are null are left out."""

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """What is written inside belongs together."""
        yield


class StoreRig(Rig):
    def __init__(self, store: Store) -> None:
        self.store = self.output = store

    def rows(self, target: Target) -> dict[Key, Row]:
        return by_key(target, self.store.rows(target.table))

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        with self.store.transaction():
            yield


class DryRunRig(StoreRig):
    def __init__(self, dry_run: DryRun) -> None:
        super().__init__(dry_run.store)
        self.output = dry_run


class LinesRig(Rig):
    """Does what the lines say, as somebody would who follows them from outside."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.output = JsonLines(self.lines.append)

    def rows(self, target: Target) -> dict[Key, Row]:
        rows: dict[Key, Row] | None = None
        names = target.projection.primary_key
        for line in map(msgspec.json.decode, self.lines):
            if line["view"] == target.projection.name:
                if line["op"] == "reset":
                    rows = {}
                else:
                    assert rows is not None
                    _apply(rows, names, line)
        return by_key(target, (rows or {}).values())


def _apply(rows: dict[Key, Row], names: Sequence[str], line: dict[str, Any]) -> None:
    if line["op"] == "put":
        rows[tuple(line["row"][name] for name in names)] = line["row"]
        return
    key = tuple(line["key"].values())
    if line["op"] == "drop":
        rows.pop(key, None)
    elif line["op"] == "set":
        rows[key] = {**rows[key], **line["row"]}
    else:
        assert line["op"] == "close"
        assert list(line["key"]) == list(names[:-1])
        last = max(each for each in rows if each[:-1] == key and each[-1] < line["row"]["until_seq"])
        rows[last] = {**rows[last], **line["row"]}


def by_key(target: Target, rows: Any) -> dict[Key, Row]:
    names = target.projection.primary_key
    return {
        tuple(row[name] for name in names): {name: value for name, value in row.items() if value is not None}
        for row in rows
    }


@contextlib.contextmanager
def _store(folder: Path) -> Iterator[Rig]:
    with Store.open(folder / "views.db", write=True) as store:
        yield StoreRig(store)


@contextlib.contextmanager
def _dry_run(folder: Path) -> Iterator[Rig]:
    with DryRun(folder / "views.db") as dry_run:
        yield DryRunRig(dry_run)


@contextlib.contextmanager
def _lines(_: Path) -> Iterator[Rig]:
    yield LinesRig()


@pytest.fixture(params=[_store, _dry_run, _lines], ids=["Store", "DryRun", "JsonLines"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    opened: Callable[[Path], contextlib.AbstractContextManager[Rig]] = request.param
    with opened(tmp_path) as rig:
        yield rig


def carry_out(rig: Rig, target: Target, *writes: Writes) -> dict[Key, Row]:
    for each in writes:
        with rig.writing():
            rig.output.write(target, copy.deepcopy(each))
    return rig.rows(target)


def begin(rig: Rig, projection: Projection[Any], names: Names | None = None) -> Target:
    target = Target(projection, building=False, names=names)
    with rig.writing():
        rig.output.reset(target)
    return target


# -- the contract


def thing(key: str, n: int | None, at: str = "t") -> Row:
    return {"source": "api", "key": key, "kind": "n", "n": n, "updated_at": at}


def stretch(key: str, n: int, seq: int, until: int | None = None) -> Row:
    row: Row = {"source": "api", "key": key, "kind": "n", "n": n, "valid_from": f"t{seq}", "seq": seq, "sync": seq}
    if until is not None:
        row |= {
            "valid_to": f"t{until}",
            "valid_to_not_before": f"t{until - 1}",
            "until_seq": until,
            "until_sync": until,
        }
    return row


def put(*rows: Row, seq: bool = False) -> Writes:
    writes = Writes()
    for row in rows:
        key = (row["key"], row["source"], row["kind"])
        writes.put((*key, row["seq"]) if seq else key, row)
    return writes


def close(key: str, until: int) -> Close:
    return Close((key, "api", "n"), until, until, f"t{until}", f"t{until - 1}")


def test_what_is_reset_has_no_rows(rig: Rig) -> None:
    """P17, as all of this section."""
    target = begin(rig, THINGS)
    assert carry_out(rig, target, put(thing("a", 1))) != {}
    with rig.writing():
        rig.output.reset(target)
    assert rig.rows(target) == {}


def test_a_row_is_put_and_another_takes_its_place_and_it_goes(rig: Rig) -> None:
    target = begin(rig, THINGS)
    a, b = ("a", "api", "n"), ("b", "api", "n")
    assert carry_out(rig, target, put(thing("a", 1), thing("b", 2))) == {a: thing("a", 1), b: thing("b", 2)}
    assert carry_out(rig, target, put(thing("a", 3, at="u"))) == {a: thing("a", 3, at="u"), b: thing("b", 2)}
    gone = Writes()
    gone.drop(b)
    gone.drop(("never", "api", "n"))
    assert carry_out(rig, target, gone) == {a: thing("a", 3, at="u")}


def test_what_was_put_last_counts(rig: Rig) -> None:
    target = begin(rig, THINGS)
    writes = put(thing("a", 1), thing("b", 1))
    writes.drop(("a", "api", "n"))
    writes.put(("a", "api", "n"), thing("a", 2))
    writes.drop(("b", "api", "n"))
    assert carry_out(rig, target, writes) == {("a", "api", "n"): thing("a", 2)}


def test_some_columns_of_a_row_become_others(rig: Rig) -> None:
    target = begin(rig, THINGS)
    sets = Writes(sets={("a", "api", "n"): {"n": 7}, ("b", "api", "n"): {"updated_at": "u"}})
    rows = carry_out(rig, target, put(thing("a", 1), thing("b", 2)), sets)
    assert rows == {("a", "api", "n"): thing("a", 7), ("b", "api", "n"): thing("b", 2, at="u")}


def test_the_row_that_stands_is_closed_and_those_before_it_stay(rig: Rig) -> None:
    target = begin(rig, STRETCHES)
    first = put(stretch("a", 1, 1), stretch("b", 9, 2), seq=True)
    second = put(stretch("a", 2, 5), seq=True)
    second.closes.append(close("a", 5))
    third = Writes(closes=[close("a", 8)])
    assert carry_out(rig, target, first, second, third) == {
        ("a", "api", "n", 1): stretch("a", 1, 1, until=5),
        ("a", "api", "n", 5): stretch("a", 2, 5, until=8),
        ("b", "api", "n", 2): stretch("b", 9, 2),
    }
    again = Writes(closes=[close("a", 5)])
    rows = carry_out(rig, target, put(stretch("a", 3, 9), seq=True), again)
    assert rows["a", "api", "n", 1] == stretch("a", 1, 1, until=5)
    assert rows["a", "api", "n", 9] == stretch("a", 3, 9)


def test_the_same_writes_again_change_nothing(rig: Rig) -> None:
    target = begin(rig, STRETCHES)
    second = put(stretch("a", 2, 5), stretch("b", 2, 6, until=7), seq=True)
    second.closes.append(close("a", 5))
    third = put(stretch("a", 3, 9), seq=True)
    third.closes.append(close("a", 8))
    third.drop(("b", "api", "n", 6))
    third.sets[("a", "api", "n", 9)] = {"n": 4}
    every = [put(stretch("a", 1, 1), seq=True), second, third]
    once = carry_out(rig, target, *every)
    assert carry_out(rig, target, third) == once
    assert carry_out(rig, target, *every) == once
    assert carry_out(rig, target, *(write for write in every for _ in range(2))) == once


def test_rows_may_have_columns_that_came_later(rig: Rig) -> None:
    names = Names.without(["source", "key", "updated_at"])
    names.put("@parent", "parent")
    names.add(["/n"])
    target = begin(rig, ANY, names)
    first = Writes(puts={("a", "api"): {"source": "api", "key": "a", "n": 1, "updated_at": "t"}})
    carry_out(rig, target, first)
    names.add(["/key"])
    second = Writes(
        puts={("b", "api"): {"source": "api", "key": "b", "key_2": "[1]", "parent": "p", "updated_at": "t"}}
    )
    assert carry_out(rig, target, second) == {**first.puts, **second.puts}


def test_values_come_back_as_they_were(rig: Rig) -> None:
    names = Names.without([])
    names.put("@parent", "parent")
    values: list[Any] = [0, -(2**63), 2**63 - 1, 0.1, 1e300, 5e-324, "", "é𝄞\x00\n", '"', "null", "1"]
    paths = [f"/f{number}" for number in range(len(values))]
    names.add(paths)
    target = begin(rig, ANY, names)
    row: Row = {"source": "api", "key": "a'b\"", "updated_at": "t"}
    row |= {names.of[path]: value for path, value in zip(paths, values, strict=True)}
    found = carry_out(rig, target, Writes(puts={("a'b\"", "api"): row}))
    assert found == {("a'b\"", "api"): row}
    assert [type(value) for value in next(iter(found.values())).values()].count(float) == 3


def test_views_do_not_touch_each_other(rig: Rig) -> None:
    things, stretches = begin(rig, THINGS), begin(rig, STRETCHES)
    carry_out(rig, things, put(thing("a", 1)))
    rows = carry_out(rig, stretches, put(stretch("a", 1, 1), seq=True))
    with rig.writing():
        rig.output.reset(things)
    assert rig.rows(stretches) == rows
    assert rig.rows(things) == {}


ROUNDS = [{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"b": 3}, {"a": 2, "b": 3}]
"""What two things say, sync by sync: they change, go and come back."""


def lay_round(views: Views, number: int) -> None:
    documents = {key: {"n": n, f"f{number}": [n]} for key, n in ROUNDS[number].items()}
    views.lay(number, Said("api.thing", documents))


@pytest.mark.parametrize("together", [False, True])
def test_several_outputs_at_once_are_told_all_that_is_written(*, together: bool) -> None:
    """All of them have the rows that are served, of every view, brought up in one go or sync by sync, and rebuilt."""
    with new_views() as views:
        views.own = [THINGS, STRETCHES]
        one, other = LinesRig(), LinesRig()
        for number in range(len(ROUNDS)):
            lay_round(views, number)
            if not together or number == len(ROUNDS) - 1:
                views.run(outputs=[one.output, other.output])
        projections = views.catalogue.projections(views.record.log)
        served = views.tables()
        assert {"things", "stretches", "thing", "thing_history", "changes", "manifest", "syncs"} <= served.keys()
        for rig in (one, other):
            for name, rows in served.items():
                target = Target(projections[name], building=False, names=None)
                assert rig.rows(target) == by_key(target, rows), name


# -- SQLite


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path / "new" / "views.db", write=True) as store:
        assert store.path.stat().st_mode & 0o777 == 0o600
        assert store.standings() == {}


def test_where_nothing_was_projected_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(NoViews, match="there are no views in"):
        Store.open(tmp_path / "views.db")
    assert list(tmp_path.iterdir()) == []


def test_one_process_writes_and_others_read(tmp_path: Path) -> None:
    path = tmp_path / "views.db"
    with Store.open(path, write=True) as store:
        with pytest.raises(ViewsBusy, match="are being written by") as busy:
            Store.open(path, write=True)
        assert busy.value.holder
        with Store.open(path) as reader:
            assert reader.standings() == store.standings()
    Store.open(path, write=True).close()


@pytest.mark.parametrize("write", [False, True])
def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path, *, write: bool) -> None:
    for name, fill in {
        "text.db": None,
        "other.db": "CREATE TABLE mine (a)",
        "app.db": "PRAGMA application_id = 7",
    }.items():
        path = tmp_path / name
        if fill is None:
            path.write_bytes(b"no database, and long enough to be looked at" * 20)
        else:
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.execute(fill)
        before = path.read_bytes()
        with pytest.raises(ViewsUnusable):
            Store.open(path, write=write)
        assert path.read_bytes() == before


def test_a_file_of_another_version_is_not_read_and_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "views.db"
    with Store.open(path, write=True) as store:
        carry_out(StoreRig(store), begin(StoreRig(store), THINGS), put(thing("a", 1)))
        store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(NoViews, match="another version"):
        Store.open(path)
    with Store.open(path, write=True) as store:
        assert store._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'things'").fetchone() == (0,)
        assert store.standings() == {}


def test_what_is_written_in_a_transaction_that_fails_was_never_written(tmp_path: Path) -> None:
    with Store.open(tmp_path / "views.db", write=True) as store:
        rig = StoreRig(store)
        target = begin(rig, THINGS)
        rows = carry_out(rig, target, put(thing("a", 1)))
        with pytest.raises(ZeroDivisionError), store.transaction():
            _write_and_fail(store, target)
        assert rig.rows(target) == rows


def _write_and_fail(store: Store, target: Target) -> None:
    store.write(target, put(thing("b", 1)))
    raise ZeroDivisionError


def test_tables_are_strict(tmp_path: Path) -> None:
    """P22."""
    with Store.open(tmp_path / "views.db", write=True) as store:
        target = begin(StoreRig(store), THINGS)
        with pytest.raises(ViewsUnusable, match="cannot store TEXT value in INTEGER column"), store.transaction():
            store.write(target, put(thing("a", "many")))  # type: ignore[arg-type]


# -- a dry run


def test_a_dry_run_says_what_would_become_of_rows_and_leaves_them(tmp_path: Path) -> None:
    path = tmp_path / "views.db"
    with Store.open(path, write=True) as store:
        rig = StoreRig(store)
        carry_out(rig, begin(rig, THINGS), put(thing("a", 1), thing("b", 2), thing("c", 3), thing("d", 4)))
        carry_out(rig, begin(rig, STRETCHES), put(stretch("a", 1, 1), seq=True))
        with DryRun(path) as dry_run:
            target = Target(THINGS, building=False, names=None)
            writes = put(thing("a", 9), thing("b", 2), thing("e", 5))
            writes.drop(("c", "api", "n"))
            carry_out(DryRunRig(dry_run), target, writes)
            assert dry_run.differences() == [
                Difference("stretches", Counts(same=1), (), ()),
                Difference("things", Counts(inserted=1, updated=1, deleted=1, same=2), (), ()),
            ]
            folder = dry_run.store.path.parent
        assert not folder.exists()
        assert rig.rows(target).keys() == {(key, "api", "n") for key in "abcd"}


def test_where_nothing_is_served_all_rows_of_a_dry_run_would_be_new(tmp_path: Path) -> None:
    with DryRun(tmp_path / "views.db") as dry_run:
        rig = DryRunRig(dry_run)
        carry_out(rig, begin(rig, THINGS), put(thing("a", 1), thing("b", 1)))
        columns = ("source", "key", "kind", "n", "updated_at")
        assert dry_run.differences() == [Difference("things", Counts(inserted=2), columns, ())]
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_all_views_says_what_a_run_then_does() -> None:
    with new_views() as views:
        lay_round(views, 0)
        views.run()
        before = views.tables()
        lay_round(views, 1)
        views.settings = Settings(without=frozenset({"syncs"}))
        with DryRun(views.path) as dry_run:
            Runner(views.record, dry_run.store, views.catalogue).run()
            found = {each.view: each for each in dry_run.differences()}
        assert views.tables() == before
        assert found["thing"] == Difference("thing", Counts(updated=2), ("f1",), ())
        assert found["presence"] == Difference("presence", Counts(same=2), (), ())
        assert found["manifest"].rows == Counts(updated=2)
        assert found["syncs"].rows == Counts(deleted=1)
        assert found["syncs"].gone != ()
        views.run()
        after = views.tables()
        assert "syncs" not in after
        for name in after.keys() - {"thing", "thing_history"}:
            assert found[name].rows.same == sum(row in before[name] for row in after[name]), name


# -- JSON Lines


def test_each_write_is_a_line() -> None:
    rig = LinesRig()
    target = begin(rig, STRETCHES)
    writes = put(stretch("a", 2, 5), seq=True)
    writes.closes.append(close("a", 5))
    writes.drop(("b", "api", "n", 3))
    writes.sets[("a", "api", "n", 5)] = {"n": 4}
    rig.output.write(target, writes)
    closed = {"valid_to": "t5", "valid_to_not_before": "t4", "until_seq": 5, "until_sync": 5}
    whose = {"key": "a", "source": "api", "kind": "n"}
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in rig.lines)
    assert list(map(json.loads, rig.lines)) == [
        {"view": "stretches", "op": "reset"},
        {"view": "stretches", "op": "close", "key": whose, "row": closed},
        {"view": "stretches", "op": "drop", "key": {**whose, "key": "b", "seq": 3}},
        {"view": "stretches", "op": "put", "row": stretch("a", 2, 5)},
        {"view": "stretches", "op": "set", "key": {**whose, "seq": 5}, "row": {"n": 4}},
    ]


def test_where_there_is_nothing_to_write_there_is_no_line() -> None:
    rig = LinesRig()
    rig.output.write(Target(THINGS, building=False, names=None), Writes())
    assert rig.lines == []
