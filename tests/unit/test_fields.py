"""Places, differences, blame and periods by example; `tests/properties/test_fields.py` has the laws."""

from __future__ import annotations

from typing import Any

import pytest

from eventstore import ABSENT, Entity, FieldChange, NotAPointer, blame, canonical_bytes, field_changes, periods, resolve
from eventstore.fields.places import aligned
from tests.laying import lay_documents, new_record
from tests.naive import NOTHING, versions_of

A, B, C = ({"id": name, "v": number} for number, name in enumerate("abc"))
DEEP = 300  # levels; Python's limit is 1000 frames


def blamed(*documents: Any) -> list[tuple[str, Any, int, Any]]:
    """Path, value, event and what was before, of each field."""
    return [(row.path, row.value, row.since.seq, row.before) for row in blame(versions_of(documents))]


def told(pointer: str, *documents: Any) -> list[tuple[Any, int, int | None]]:
    """Value, first event and the event that ended it, of each period."""
    found = periods(versions_of(documents), pointer)
    return [(each.value, each.since.seq, each.until.seq if each.until else None) for each in found]


def deep(value: Any) -> Any:
    for _ in range(DEEP // 2):
        value = {"a": [value]}
    return value


# -- places


@pytest.mark.parametrize(
    "pointer,value",
    [
        ("", {"": {"": 1}, "a/b": 2, "m~n": 3, "~1": 4, "é": [5, None], "0": 6}),
        ("//", 1),
        ("/a~1b", 2),
        ("/m~0n", 3),
        ("/~01", 4),
        ("/é/0", 5),
        ("/é/1", None),
        ("/0", 6),
        ("/é/2", ABSENT),
        ("/é/-", ABSENT),
        ("/é/00", ABSENT),
        ("/é/-1", ABSENT),
        ("/é/0/0", ABSENT),
        ("/é/1/x", ABSENT),
        ("/00", ABSENT),
        ("/nowhere/at/all", ABSENT),
    ],
)
def test_a_pointer_leads_to_a_value_or_to_nothing(pointer: str, value: Any) -> None:
    document = {"": {"": 1}, "a/b": 2, "m~n": 3, "~1": 4, "é": [5, None], "0": 6}
    assert resolve(document, pointer) == value
    assert [each.value for each in periods(versions_of([document]), pointer)] == ([] if value is ABSENT else [value])


@pytest.mark.parametrize("pointer", ["a", "a/b", "/~", "/~2", "/a~/b", "#/a"])
def test_what_is_no_pointer_is_refused_with_how_to_write_one(pointer: str) -> None:
    with pytest.raises(NotAPointer, match="is no JSON Pointer") as refused:
        periods(versions_of([{"a": 1}]), pointer)
    assert "~0" in refused.value.hint
    with pytest.raises(NotAPointer):
        resolve({"a": 1}, pointer)


# -- differences


@pytest.mark.parametrize(
    "before,after,changes",
    [
        ({"n": 1}, {"n": 1}, []),
        ({"n": 1}, {"n": 1.0}, [FieldChange("/n", 1, 1.0)]),
        ({"n": 1}, {"n": True}, [FieldChange("/n", 1, after=True)]),
        ({"n": 0.0}, {"n": -0.0}, [FieldChange("/n", 0.0, -0.0)]),
        ({"n": None}, {}, [FieldChange("/n", before=None)]),
        ({}, {"n": None}, [FieldChange("/n", after=None)]),
        ({"n": None}, {"n": False}, [FieldChange("/n", None, after=False)]),
        (1, {"a": 1}, [FieldChange("", 1, {"a": 1})]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [FieldChange("/a/c", 2, 3)]),
        ({"a": {"b": 1}}, {}, [FieldChange("/a", before={"b": 1})]),
        ({"a": {"b": 1}}, {"a": {}}, [FieldChange("/a/b", before=1)]),
        ({"a": {"b": 1}}, {"a": [1]}, [FieldChange("/a", {"b": 1}, [1])]),
        ({"a": {}}, {"a": []}, [FieldChange("/a", {}, [])]),
        (
            {"b": 1, "a~": 1},
            {"é": 2, "": 2, "/": {"": 2}},
            [
                FieldChange("/", after=2),
                FieldChange("/~1", after={"": 2}),
                FieldChange("/a~0", before=1),
                FieldChange("/b", before=1),
                FieldChange("/é", after=2),
            ],
        ),
        ({"s": ["a", "b"]}, {"s": ["b", "a"]}, [FieldChange("/s", ["a", "b"], ["b", "a"])]),
        ({"s": [1]}, {"s": [1.0]}, [FieldChange("/s", [1], [1.0])]),
        ({"s": []}, {"s": [None]}, [FieldChange("/s", [], [None])]),
        ({"s": []}, {"s": [{}]}, [FieldChange("/s/0", after={})]),
        ([[1], [2]], [[1], [3]], [FieldChange("/1", [2], [3])]),
        ([1, {}], [1], [FieldChange("/1", before={})]),
        ([A, B], [A], [FieldChange("/1", before=B)]),
        ([A, B], [C, A, B], [FieldChange("/0", after=C)]),
        ([A, B, C], [B, C], [FieldChange("/0", before=A)]),
        ([A, B, C], [C, A, B], [FieldChange("/0", was_at="/2")]),
        ([A, B], [C, A, {**B, "v": 9}], [FieldChange("/0", after=C), FieldChange("/2/v", 1, 9, was_at="/1/v")]),
        (
            [A, B, C],
            [{**C, "v": 9}, A, B],
            [FieldChange("/0", was_at="/2"), FieldChange("/0/v", 2, 9, was_at="/2/v")],
        ),
        ([A], [B], [FieldChange("/0/id", "a", "b"), FieldChange("/0/v", 0, 1)]),
        ([A, C], [B, C], [FieldChange("/0", before=A), FieldChange("/0", after=B)]),
        ([A, A], [A], [FieldChange("/1", before=A)]),
        ([A, A], [B, A], [FieldChange("/0/id", "a", "b"), FieldChange("/0/v", 0, 1)]),
    ],
)
def test_differences_are_told_field_by_field(before: Any, after: Any, changes: list[FieldChange]) -> None:
    found = field_changes(before, after)
    assert [(each.path, each.was_at) for each in found] == [(each.path, each.was_at) for each in changes]
    assert [written(each) for each in found] == [written(each) for each in changes]


def written(change: FieldChange) -> list[bytes]:
    """What a change says, so that 1, 1.0 and true differ."""
    return [b"" if value is ABSENT else canonical_bytes(value) for value in (change.before, change.after)]


def test_an_element_that_changed_its_neighbours_but_not_its_place_is_said_to_have_moved() -> None:
    before, after = [[{"id": each} for each in numbers] for numbers in ([0, 2, 3], [0, 1, 3, 2])]
    assert field_changes(before, after) == [FieldChange("/1", after={"id": 1}), FieldChange("/2", was_at="/2")]


def test_elements_are_known_by_a_well_known_field_though_another_matches_more_of_them() -> None:
    before = [{"id": 1, "rank": 1}, {"id": 2, "rank": 2}]
    after = [{"id": 2, "rank": 1}, {"id": 3, "rank": 2}]
    assert field_changes(before, after) == [
        FieldChange("/0", before={"id": 1, "rank": 1}),
        FieldChange("/0/rank", 2, 1, was_at="/1/rank"),
        FieldChange("/1", after={"id": 3, "rank": 2}),
    ]


@pytest.mark.parametrize("odd", [{}, {"id": None}, {"id": True}, {"id": 1.5}, {"id": []}, {"id": "a"}])
def test_what_only_some_elements_have_or_two_share_is_no_identity(odd: dict[str, Any]) -> None:
    one, other = {"id": "a", "on": True}, {**odd, "on": False}
    changed = [FieldChange("/0/on", before=True, after=False), FieldChange("/1/on", before=False, after=True)]
    found = field_changes([one, other], [other, one])
    assert [each for each in found if each.path.endswith("/on")] == changed
    assert all(each.was_at is ABSENT for each in found)


# -- blame


def test_a_field_is_blamed_on_the_event_that_gave_it_its_value_with_both_ends_of_when_it_was() -> None:
    versions = versions_of([{"n": 1, "m": 1}, {"n": 2, "m": 1}, {"n": 2, "m": 1, "k": 0}])
    k, m, n = blame(versions)
    assert (k.path, k.value, k.before, k.since) == ("/k", 0, ABSENT, versions[2].event.occurrence)
    assert (m.path, m.value, m.before, m.since) == ("/m", 1, ABSENT, versions[0].event.occurrence)
    assert (n.path, n.value, n.before, n.since) == ("/n", 2, 1, versions[1].event.occurrence)
    assert m.since.not_before is None
    assert n.since.not_before is not None
    assert n.since.not_before < n.since.observed_at


def test_where_nothing_stands_there_is_nothing_to_blame() -> None:
    assert blame([]) == []
    assert blamed({"n": 1}, NOTHING) == []


def test_an_entity_that_returned_is_blamed_on_its_return() -> None:
    assert blamed({"n": 1}, NOTHING, {"n": 1}) == [("/n", 1, 3, ABSENT)]
    assert blamed({"n": 1}, NOTHING, {"n": 1}, {"n": 2}) == [("/n", 2, 4, 1)]


def test_a_value_that_returned_is_blamed_on_its_return() -> None:
    assert blamed({"n": "A"}, {"n": "B"}, {"n": "A"}) == [("/n", "A", 3, "B")]
    assert blamed({"n": "A", "m": 0}, {"m": 0}, {"n": "A", "m": 0}) == [("/m", 0, 1, ABSENT), ("/n", "A", 3, ABSENT)]


def test_null_is_something_that_was_said_and_absence_is_not() -> None:
    assert blamed({"n": None, "m": 1}, {"n": 1, "m": None}) == [("/m", None, 2, 1), ("/n", 1, 2, None)]
    assert blamed({"m": 1}, {"n": None, "m": 1}) == [("/m", 1, 1, ABSENT), ("/n", None, 2, ABSENT)]
    assert blamed(None) == [("", None, 1, ABSENT)]
    assert blamed(None, 0) == [("", 0, 2, None)]


@pytest.mark.parametrize("before,after", [(1, 1.0), (1.0, 1), (1, True), (False, 0), (0.0, -0.0), ("1", 1), ([], {})])
def test_values_that_python_calls_equal_are_others(before: Any, after: Any) -> None:
    assert blamed({"n": before}, {"n": after}) == [("/n", after, 2, before)]
    assert blamed({"n": before}, {"n": after, "m": 1}, {"n": after})[0][2] == 2
    assert told("/n", {"n": before}, {"n": after}) == [(before, 1, 2), (after, 2, None)]


def test_what_stood_before_a_container_was_at_the_place_of_none_of_its_members() -> None:
    assert blamed({"a": 5}, {"a": {"b": 1, "c": [2, {}]}}) == [
        ("/a/b", 1, 2, ABSENT),
        ("/a/c/0", 2, 2, ABSENT),
        ("/a/c/1", {}, 2, ABSENT),
    ]
    assert blamed({"a": {"b": 1}}, {"a": 5}) == [("/a", 5, 2, {"b": 1})]
    assert blamed({"a": {"b": 1}}, {"a": {}}) == [("/a", {}, 2, {"b": 1})]
    assert blamed({"a": {}}, {"a": {"b": 1}}) == [("/a/b", 1, 2, ABSENT)]
    assert blamed({"a": [1]}, {"a": {"0": 1}}) == [("/a/0", 1, 2, ABSENT)]


def test_elements_keep_their_blame_wherever_they_are_moved() -> None:
    assert blamed([A, B], [C, A, B], [B, C, A]) == [
        ("/0/id", "b", 1, ABSENT),
        ("/0/v", 1, 1, ABSENT),
        ("/1/id", "c", 2, ABSENT),
        ("/1/v", 2, 2, ABSENT),
        ("/2/id", "a", 1, ABSENT),
        ("/2/v", 0, 1, ABSENT),
    ]
    assert blamed([A, B, C], [{**C, "v": 7}, B])[:2] == [("/0/id", "c", 1, ABSENT), ("/0/v", 7, 2, 2)]


def test_an_element_that_was_taken_out_and_put_back_is_blamed_on_its_return() -> None:
    assert blamed([A, B], [B], [A, B])[0] == ("/0/id", "a", 3, ABSENT)
    assert blamed([A, B], [B], [A, B])[2] == ("/1/id", "b", 1, ABSENT)
    assert blamed([A], [], [A])[0] == ("/0/id", "a", 3, ABSENT)


def test_arrays_within_elements_are_followed_too() -> None:
    before = [{"id": 1, "tags": ["x", "y"], "parts": [{"key": "p", "n": 1}]}, {"id": 2}]
    after = [{"id": 2}, {"id": 1, "tags": ["z", "y"], "parts": [{"key": "q", "n": 1}, {"key": "p", "n": 1}]}]
    assert [(path, event) for path, _, event, _ in blamed(before, after)] == [
        ("/0/id", 1),
        ("/1/id", 1),
        ("/1/parts/0/key", 2),
        ("/1/parts/0/n", 2),
        ("/1/parts/1/key", 1),
        ("/1/parts/1/n", 1),
        ("/1/tags/0", 2),
        ("/1/tags/1", 1),
    ]


def test_strings_are_followed_unless_one_occurs_twice() -> None:
    assert blamed(["a", "b"], ["c", "b", "a"]) == [
        ("/0", "c", 2, ABSENT),
        ("/1", "b", 1, ABSENT),
        ("/2", "a", 1, ABSENT),
    ]
    assert blamed(["a", "b"], ["b", "b", "a"]) == [("/0", "b", 2, "a"), ("/1", "b", 1, ABSENT), ("/2", "a", 2, ABSENT)]
    assert blamed(["a", "a"], ["b", "a"]) == [("/0", "b", 2, "a"), ("/1", "a", 1, ABSENT)]
    assert blamed([1, 2], [2]) == [("/0", 2, 2, 1)]


def test_pointers_of_fields_are_escaped_and_in_the_order_of_names() -> None:
    document = {"é": 1, "~1": 2, "": {"/": 3}, "a/b": [4], "10": 5, "9": 6}
    paths = [path for path, *_ in blamed(document)]
    assert paths == ["//~1", "/10", "/9", "/a~1b/0", "/~01", "/é"]
    assert [resolve(document, path) for path in paths] == [3, 5, 6, 4, 2, 1]
    assert [path for path, *_ in blamed(list(range(12)))] == [f"/{place}" for place in range(12)]


def test_fields_that_came_later_are_in_their_place_by_name() -> None:
    with new_record() as record:
        for number, document in enumerate([{"b": 1, "d": {"z": 1}}, {"a": 2, "b": 1, "c": 3, "d": {"y": 2, "z": 1}}]):
            lay_documents(record, number, {"k": document})
        rows = blame(record.log.history(Entity("api", "model", "k")))
    assert [row.path for row in rows] == ["/a", "/b", "/c", "/d/y", "/d/z"]


def test_blame_changes_none_of_the_documents() -> None:
    versions = versions_of([{"a": [A, B]}, {"a": [B, {**A, "v": 9}]}])
    blame(versions)
    assert all(version.content is not None for version in versions)
    assert [each.content.hash for each in versions if each.content] == [each.event.hash for each in versions]


# -- periods


def test_a_field_has_a_period_for_each_value_with_gaps_where_it_was_not_there() -> None:
    documents = {"n": 1}, {"n": 2, "m": 0}, {"m": 0}, NOTHING, {"n": 2}, {"n": 1}
    assert told("/n", *documents) == [(1, 1, 2), (2, 2, 3), (2, 5, 6), (1, 6, None)]
    assert told("/m", *documents) == [(0, 2, 4)]
    assert told("/k", *documents) == []
    assert told("", {"n": 1}, NOTHING, {"n": 1}) == [({"n": 1}, 1, 2), ({"n": 1}, 3, None)]
    assert periods([], "/n") == []


def test_a_period_has_both_ends_of_when_it_came_and_of_when_it_ended() -> None:
    versions = versions_of([{"n": 1}, {"n": 2}, {"n": 2, "m": 1}, NOTHING])
    one, two = periods(versions, "/n")
    assert (one.since, one.until) == (versions[0].event.occurrence, versions[1].event.occurrence)
    assert (two.since, two.until) == (versions[1].event.occurrence, versions[3].event.occurrence)


def test_null_has_periods_too() -> None:
    assert told("/n", {"n": None}, {}, {"n": None}, {"n": 1}) == [(None, 1, 2), (None, 3, 4), (1, 4, None)]
    assert told("", None, NOTHING) == [(None, 1, 2)]


def test_the_field_of_an_element_is_followed_from_where_it_is_last() -> None:
    documents = [[A], [B, A], [{**A, "v": 5}, C, B], [C, {**A, "v": 5}]]
    assert told("/1/v", *documents) == [(0, 1, 3), (5, 3, None)]
    assert told("/0/v", *documents) == [(2, 3, None)]
    assert told("/2/v", *documents) == [(1, 2, 4)]
    assert told("/2", *documents) == [(B, 2, 4)]


def test_an_element_that_is_away_for_a_while_is_the_same_when_it_returns() -> None:
    assert told("/1/v", [A, B], [B], [B, A]) == [(0, 1, 2), (0, 3, None)]
    assert told("/l/0/v", {"l": [B, A]}, {"l": []}, {}, NOTHING, {"l": [A]}) == [(0, 1, 2), (0, 5, None)]
    assert told("/1/v", [A], [B], [B, A]) == [(0, 1, 2), (0, 3, None)]


def test_a_field_that_only_some_versions_of_an_element_have_is_followed_through_the_others() -> None:
    documents = [[{"id": 1, "x": 4}], [{"id": 0}, {"id": 1}], [{"id": 1, "x": 5}, {"id": 0}]]
    assert told("/0/x", *documents) == [(4, 1, 2), (5, 3, None)]


def test_an_element_is_followed_from_each_document_to_the_one_before_it() -> None:
    """And so is blame: from the first to the last `b` could be followed, but not through what has two `a`."""
    arrays = [["b", "a"], ["a", "b", "a"], ["a", "b"]]
    assert told("/1", *arrays) == [("a", 1, 2), ("b", 2, None)]
    assert blamed(*arrays)[1] == ("/1", "b", 2, "a")


def test_an_element_is_followed_forwards_from_the_last_document_that_has_the_pointer() -> None:
    assert told("/1/v", [A, B], [{**B, "v": 8}]) == [(1, 1, 2), (8, 2, None)]
    assert told("/1", ["a", "b"], ["b"]) == [("b", 1, None)]


def test_a_member_and_an_element_are_two_fields_whatever_their_names() -> None:
    assert told("/a/0", {"a": [5]}, {"a": {"0": 5}}) == [(5, 2, None)]
    assert told("/a/0", {"a": {"0": 5}}, {"a": [5]}, {}, {"a": [5]}) == [(5, 2, 3), (5, 4, None)]
    assert told("/a/0", {"a": [4]}, {}, {"a": {"0": 5}}) == [(5, 3, None)]


# -- depth


def test_documents_may_nest_deeper_than_is_looked_into() -> None:
    documents = [deep(1), deep(2), {"b": 0, **deep(2)}]
    (row, other) = blame(versions_of(documents))
    assert (row.path, row.since.seq) == ("/a/0" * 100, 2)
    assert (other.path, other.since.seq) == ("/b", 3)
    pointer = "/a/0" * (DEEP // 2)
    assert told(pointer, *documents) == [(1, 1, 2), (2, 2, None)]
    assert field_changes(documents[0], documents[1]) == [FieldChange(pointer[:-2], [1], [2])]
    assert resolve(documents[0], pointer) == 1


def test_a_change_below_what_is_looked_into_is_one_of_the_whole_value_there() -> None:
    top, *_ = blame(versions_of([deep(1), deep(2)]))
    assert (top.value, top.before) == (resolve(deep(2), top.path), resolve(deep(1), top.path))
    assert len(blame(versions_of([deep(1)]))) == 1


def test_of_fields_without_a_well_known_name_the_one_by_which_most_elements_match_counts() -> None:
    before = [{"area": "n", "zone": "p", "v": 1.5}, {"area": "s", "zone": "q", "v": 2.5}]
    after = [{"area": "e", "zone": "q", "v": 2.5}, {"area": "n", "zone": "p", "v": 1.5}]
    assert aligned(before, after) == [1, 0]
