"""Events with the documents around them, by example; `tests/properties/test_reading.py` has the laws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstore import (
    ABSENT,
    BrokenHistory,
    Change,
    Entity,
    FieldChange,
    Kind,
    LogRebuilt,
    NotAPointer,
    Record,
    UnknownCategory,
    UnknownEntity,
    replay,
    walk,
)
from tests.laying import RULES, hour, lay_documents, new_record

LONG = "x" * 200  # a document that no keyframe is written for after one patch
FILLER = {"long": LONG}


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def around(change: Change) -> tuple[int, Any, Any]:
    """The event's number, and what the documents before and after it say."""
    before, after = (None if each is None else each.value for each in (change.before, change.after))
    return change.event.seq, before, after


def seqs(changes: Iterator[Change]) -> list[int]:
    return [change.event.seq for change in changes]


def test_around_each_event_are_the_documents_before_and_after_it(record: Record) -> None:
    for number, documents in enumerate([{"a": {"n": 1}}, {"a": {"n": 2}}, {}, {"a": {"n": 2}}]):
        lay_documents(record, number, documents)
    expected = [(1, None, {"n": 1}), (2, {"n": 1}, {"n": 2}), (3, {"n": 2}, None), (4, None, {"n": 2})]
    assert list(map(around, record.log.changes())) == expected
    assert list(map(around, record.log.changes(newest_first=True))) == expected[::-1]
    assert list(map(around, record.log.changes(after=1, until=3))) == expected[1:3]
    assert list(map(around, record.log.changes(since=hour(1), until=hour(1)))) == [expected[1]]


def test_a_change_tells_fields_where_a_document_turned_into_another(record: Record) -> None:
    for number, n in enumerate([None, 2]):
        lay_documents(record, number, {"a": {"n": n}})
    lay_documents(record, 2, {})
    fields = [change.fields() for change in record.log.changes()]
    assert fields == [[], [FieldChange("/n", None, 2)], []]


def test_documents_around_an_event_stay_as_they_are_while_the_walk_goes_on(record: Record) -> None:
    for number in range(4):
        lay_documents(record, number, {"a": {"n": [number], **FILLER}})
    changes = list(record.log.changes())
    assert [change.after.value["n"] for change in changes if change.after] == [[0], [1], [2], [3]]
    assert [change.event.hash for change in changes] == [change.after.hash for change in changes if change.after]


def test_what_a_walk_remembers_is_bounded_and_changes_nothing(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        lay_documents(record, number, {key: {"n": number, **FILLER} for key in "abc"})
    expected = list(map(around, record.log.changes()))
    folded: list[int] = []
    fold = replay.fold_entity

    def counted(*place: Any) -> Any:
        folded.append(place[2])
        return fold(*place)

    monkeypatch.setattr(replay, "fold_entity", counted)
    assert list(map(around, record.log.changes())) == expected
    assert folded == []
    monkeypatch.setattr(walk, "REMEMBERED", 2)
    assert list(map(around, record.log.changes())) == expected
    assert len(folded) == 6


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_path_leaves_what_changed_the_value_there(record: Record, *, newest_first: bool) -> None:
    versions: list[Any] = [
        {"p": {"n": 1}, "m": 1},
        {"p": {"n": 1}, "m": 2},
        {"p": {"n": 1.0}, "m": 2},
        {"p": {}, "m": 2},
        {"p": {"n": None}, "m": 2},
        {"p": [None], "m": 2},
    ]
    for number, version in enumerate(versions):
        lay_documents(record, number, {"a": version})
    lay_documents(record, len(versions), {})

    def found(path: str) -> list[int]:
        return sorted(seqs(record.log.changes(path=path, newest_first=newest_first)))

    assert found("/p/n") == [1, 3, 4, 5, 6]
    assert found("/m") == [1, 2, 7]
    assert found("/p") == [1, 3, 4, 5, 6, 7]
    assert found("/p/0") == [6, 7]
    assert found("") == [1, 2, 3, 4, 5, 6, 7]
    assert found("/nowhere") == []


def test_an_element_is_at_another_place_when_one_before_it_came_or_went(record: Record) -> None:
    arrays = [["x", "y"], ["y"], ["z", "y"], ["z", "y", "w"], [{"id": 1}], [{"id": 2}, {"id": 1}]]
    for number, array in enumerate(arrays):
        lay_documents(record, number, {"a": {"s": array, "t": 0}})
    assert seqs(record.log.changes(path="/s/1")) == [1, 2, 3, 5, 6]
    assert seqs(record.log.changes(path="/s/0/id")) == [5, 6]
    assert seqs(record.log.changes(path="/s/2")) == [4, 5]
    assert seqs(record.log.changes(path="/t")) == [1]


def test_names_in_a_path_are_unescaped(record: Record) -> None:
    for number in range(2):
        lay_documents(record, number, {"a": {"a/b": {"m~n": {"": {"é": number}}}, "k": 0}})
    assert seqs(record.log.changes(path="/a~1b/m~0n//é")) == [1, 2]
    assert seqs(record.log.changes(path="/a~1b/m~0n//e")) == []


def test_wrong_filters_are_errors(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    with pytest.raises(NotAPointer):
        next(record.log.changes(path="n"))
    with pytest.raises(UnknownCategory):
        next(record.log.changes("price"))
    with pytest.raises(UnknownEntity):
        next(record.log.changes("model", "b"))


def test_changes_are_filtered_by_kind_and_pattern(record: Record) -> None:
    lay_documents(record, 0, {"x/a": 1, "x/b": 1, "y/a": 1, "[x]": 1})
    lay_documents(record, 1, {"x/a": 2, "y/a": 1, "[x]": 1})
    assert seqs(record.log.changes(pattern="x/*")) == [1, 2, 5, 6]
    assert seqs(record.log.changes("model", pattern="?/a", kinds=[Kind.CHANGED])) == [5]
    assert seqs(record.log.changes(kinds=[Kind.CHANGED, Kind.DISAPPEARED])) == [5, 6]
    assert seqs(record.log.changes(kinds=[])) == []
    assert seqs(record.log.changes(pattern="[xy]/b")) == [2, 6]
    assert seqs(record.log.changes(pattern="[[]x]")) == [4]
    assert seqs(record.log.changes(pattern="X/*")) == []


def test_a_pattern_holds_beside_a_key_too(record: Record) -> None:
    lay_documents(record, 0, {"a": 1, "b": 1})
    assert seqs(record.log.changes("model", "a", pattern="b*")) == []
    assert seqs(record.log.changes("model", "a", pattern="?")) == [1]


def test_since_the_first_instant_that_python_knows_is_since_ever(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    assert seqs(record.log.changes(since=datetime.min.replace(tzinfo=UTC))) == [1]


@pytest.mark.parametrize("path", [None, "/n", "/long"])
@pytest.mark.parametrize(
    "body",
    [
        "[{",
        "null",
        "5",
        "{}",
        '{"op": "remove"}',
        "[null]",
        '["path"]',
        '[{"op": "remove"}]',
        '[{"path": 5}]',
        '[{"path": {}}]',
        '[{"path": ["/n"], "op": "remove"}]',
        '[{"op": [], "path": "/n"}]',
        '[{"op": "remove", "path": "n"}]',
        '[{"op": "remove", "path": "/n/n"}]',
    ],
)
def test_an_event_that_does_not_fold_is_named(record: Record, body: str, path: str | None) -> None:
    lay_documents(record, 0, {"a": {"n": 1, **FILLER}})
    lay_documents(record, 1, {"a": {"n": 2, **FILLER}})
    record._db.execute("UPDATE event_1 SET body = ? WHERE seq = 2", (body,))
    reads: list[Callable[[], object]] = [lambda: record.log.history(Entity("api", "model", "a"))]
    if path != "/long" or "/n" not in body:
        reads.append(lambda: list(record.log.changes(path=path)))
    for read in reads:
        with pytest.raises(BrokenHistory, match="event 2 cannot be folded") as broken:
            read()
        assert broken.value.seq == 2


def test_an_event_of_another_generation_has_no_place_in_a_walk(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    (event,) = record.log.events()
    with record.transaction():
        record.log.adopt(record.log.begin_generation({"api.models": RULES}, made_at=hour(100)))
    with pytest.raises(ValueError, match="another generation"):
        walk.Walk(record._db, record.log.generation).around(event)


def test_a_change_can_be_asked_about_one_place(record: Record) -> None:
    for number, documents in enumerate([{"a": {"n": 1, "of": {"x": 1}}}, {"a": {"n": 2, "of": {"x": 1, "y": 2}}}, {}]):
        lay_documents(record, number, documents)
    appeared, changed, gone = record.log.changes()
    assert appeared.fields("/of/x") == [FieldChange("/of/x", ABSENT, 1)]
    assert changed.fields("/of") == [FieldChange("/of/y", ABSENT, 2)]
    assert changed.fields("/of/y/z") == [FieldChange("/of/y", ABSENT, 2)]
    assert changed.fields("/of/x") == []
    assert gone.fields("/n") == [FieldChange("/n", 2, ABSENT)]
    assert gone.fields("/nowhere") == []


def test_of_a_place_where_another_element_came_to_stand_that_is_told(record: Record) -> None:
    for number, ids in enumerate(["ab", "xab"]):
        lay_documents(record, number, {"a": {"of": [{"id": each, "n": 1} for each in ids]}})
    (changed,) = record.log.changes(after=1, path="/of/1")
    assert changed.fields("/of/1") == [FieldChange("/of/1", {"id": "b", "n": 1}, {"id": "a", "n": 1})]


def test_a_body_that_is_not_what_its_hash_promises_is_found_by_all_that_fold_it(record: Record) -> None:
    lay_documents(record, 0, {"a": {"n": 1}})
    lay_documents(record, 1, {"a": {"n": 2}})
    for body in ('{"n":7}', '{"n":'):
        with record.transaction():
            record._db.execute("UPDATE event_1 SET body = ? WHERE seq = 1", (body,))
        with pytest.raises(BrokenHistory):
            list(record.log.changes())
        with pytest.raises(BrokenHistory):
            record.log.history(record.log.entity("model", "a"))


def test_a_rebuild_behind_the_last_event_is_told(record: Record) -> None:
    lay_documents(record, 0, {"a": {"n": 1}, "b": {"n": 1}})
    lay_documents(record, 1, {})
    with Record.open(record.path.parent) as reader:
        changes = reader.log.changes(after=2)
        assert next(changes).event.seq == 3
        with record.transaction():
            record.log.adopt(record.log.begin_generation({"api.models": RULES}, made_at=hour(100)))
        with pytest.raises(LogRebuilt):
            next(changes)
