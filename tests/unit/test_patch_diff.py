from __future__ import annotations

import random
from typing import Any

import pytest

from eventstore.canonical import JSON, canonical, parse
from eventstore.errors import Unreadable
from eventstore.patch import Patch, apply, diff, same
from eventstore.patch.matching import identifying_field
from tests.timing import quickest


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def remove(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


def move(source: str, path: str) -> dict[str, Any]:
    return {"op": "move", "from": source, "path": path}


@pytest.mark.parametrize(
    "before, after, patch",
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 2}, [replace("/a", 2)]),
        ({"a": 1}, {"b": 1}, [remove("/a"), add("/b", 1)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [replace("/a/c", 3)]),
        ({"a": {}}, {"a": []}, [replace("/a", [])]),
        ({"a": {"b": 1}}, {"a": None}, [replace("/a", None)]),
        ({"a": None}, {}, [remove("/a")]),
        ({}, {"a": None}, [add("/a", None)]),
        ({}, [], [replace("", [])]),
        (1, "1", [replace("", "1")]),
        ({"": {"": 1}}, {"": {"": 2}}, [replace("//", 2)]),
        (
            {"a/b": 1, "m~n": 1, "~1": 1},
            {"a/b": 2, "m~n": 2},
            [replace("/a~1b", 2), replace("/m~0n", 2), remove("/~01")],
        ),
        ([1, 2, 3], [1, 3], [remove("/1")]),
        ([1, 3], [1, 2, 3], [add("/1", 2)]),
        ([1, 2, 3], [1, 9, 3], [replace("/1", 9)]),
        ([1, 2, 3, 4], [1, 4], [remove("/2"), remove("/1")]),
        ([1, 4], [1, 2, 3, 4], [add("/1", 2), add("/2", 3)]),
        ([1, 2], [2, 1], [replace("/0", 2), replace("/1", 1)]),
        ([1, 1, 1], [1, 1], [remove("/2")]),
        ([1, 1], [1, 1, 1], [add("/2", 1)]),
        ([], [1], [add("/0", 1)]),
        ([[1], [2]], [[1], [3]], [replace("/1/0", 3)]),
        ({"z": {"a": 1}, "y": {"a": 1}}, {"z": {"a": 2}, "y": {"a": 2}}, [replace("/y/a", 2), replace("/z/a", 2)]),
    ],
)
def test_a_diff_names_what_changed(before: JSON, after: JSON, patch: Patch) -> None:
    assert diff(before, after) == patch


FLIPS: list[JSON] = [None, False, True, 0, 1, 0.0, -0.0, 1.0, "", "0", "1", "true", "null", [], {}]


@pytest.mark.parametrize("before", FLIPS, ids=repr)
@pytest.mark.parametrize("after", FLIPS, ids=repr)
def test_a_flip_of_type_or_sign_is_a_change_wherever_it_stands(before: JSON, after: JSON) -> None:
    """`1`, `1.0` and `true` are three values, `0.0` and `-0.0` two."""
    flipped = canonical(before) != canonical(after)
    for left, right in [(before, after), ({"a": before}, {"a": after}), ([[before], 5], [[after], 5])]:
        assert bool(diff(left, right)) is flipped
        assert same(left, right) is not flipped
        assert canonical(apply(left, diff(left, right))) == canonical(right)


def rows(*identities: Any, field: str = "id", **rest: Any) -> list[JSON]:
    """Objects that differ in every field."""
    return [{field: identity, "p": f"p{identity}", "q": f"q{identity}", **rest} for identity in identities]


@pytest.mark.parametrize(
    "before, after, patch",
    [
        ("abcd", "bcda", [move("/0", "/3")]),
        ("abcd", "dabc", [move("/3", "/0")]),
        ("abcd", "bd", [remove("/2"), remove("/0")]),
        ("xabcdy", "xcdaby", [move("/3", "/1"), move("/4", "/2")]),
        ("abc", "cb", [remove("/0"), move("/1", "/0")]),
    ],
)
def test_elements_that_a_field_identifies_leave_and_move_whole(before: str, after: str, patch: Patch) -> None:
    assert diff(rows(*before), rows(*after)) == patch


def test_elements_that_come_are_added_where_they_stand() -> None:
    new = rows("x", "c", "a", "y")
    assert diff(rows("a", "b", "c"), new) == [remove("/1"), move("/1", "/0"), add("/0", new[0]), add("/3", new[3])]


def test_an_element_that_moved_and_changed_is_changed_where_it_stands_at_last() -> None:
    after = rows("b", "c", "a")
    after[2]["p"] = "other"
    assert diff(rows("a", "b", "c"), after) == [move("/0", "/2"), replace("/2/p", "other")]


def test_going_by_place_wins_where_it_takes_fewer_operations() -> None:
    before = [{"id": 1, "v": 5}, {"id": 2, "v": 5}, {"id": 3, "v": 5}]
    after = [{"id": 4, "v": 5}, {"id": 2, "v": 5}, {"id": 5, "v": 5}]
    assert diff(before, after) == [replace("/0/id", 4), replace("/2/id", 5)]


def test_of_as_many_operations_those_of_fewer_bytes_win() -> None:
    assert diff([{"id": 1, "v": 1}], [{"id": 2, "v": 2}]) == [remove("/0"), add("/0", {"id": 2, "v": 2})]
    same_text = "the same text in both"
    before, after = [{"id": 1, "v": 1, "w": same_text}], [{"id": 2, "v": 2, "w": same_text}]
    assert diff(before, after) == [replace("/0/id", 2), replace("/0/v", 2)]


def test_of_as_many_operations_and_bytes_those_by_place_win() -> None:
    before, after = [{"id": 1, "v": 1, "w": 10}], [{"id": 2, "v": 2, "w": 10}]
    by_place, by_identity = [replace("/0/id", 2), replace("/0/v", 2)], [remove("/0"), add("/0", after[0])]
    assert len(canonical(by_place)) == len(canonical(by_identity))
    assert diff(before, after) == by_place


def test_objects_within_matched_objects_are_matched_too() -> None:
    inner, turned = rows("x", "y", "z"), rows("z", "x", "y")
    before = [{"id": 1, "e": inner, "p": 1, "q": 1}, {"id": 2, "e": inner, "p": 2, "q": 2}]
    after = [{"id": 2, "e": turned, "p": 2, "q": 2}, {"id": 1, "e": inner, "p": 1, "q": 1}]
    assert diff(before, after) == [move("/1", "/0"), move("/0/e/2", "/0/e/0")]


def test_objects_within_objects_that_go_by_place_are_matched() -> None:
    before = [{"id": 1, "e": rows("x", "y", "z")}, {"id": 2}]
    after = [{"id": 3, "e": rows("z", "x", "y")}, {"id": 2}]
    assert diff(before, after) == [replace("/0/id", 3), move("/0/e/2", "/0/e/0")]


@pytest.mark.parametrize(
    "before, after, field",
    [
        (rows("a", "b"), rows("b", "a"), "id"),
        (rows("a", "b", field="slug"), rows("b", "c", field="slug"), "slug"),
        ([{"id": 1, "name": "a"}], [{"id": 2, "name": "a"}], "name"),
        ([{"zz": 1, "name": 1, "slug": 1, "aa": 1}], [{"zz": 1, "name": 1, "slug": 1, "aa": 1}], "slug"),
        ([{"zz": 1, "yy": 1}], [{"zz": 1, "yy": 1}], "yy"),
        ([{"id": 1}, {"id": "1"}], [{"id": "1"}], "id"),
        ([{"id": 1}, {"id": 1}], [{"id": 1}], None),
        ([{"id": 1}], [{"id": 1}, {"id": 1}], None),
        ([{"id": 1}, {"id": True}], [{"id": 1}], None),
        ([{"id": 1.0}], [{"id": 1.0}], None),
        ([{"id": None}], [{"id": None}], None),
        ([{"id": [1]}], [{"id": [1]}], None),
        ([{"id": 1}, {"x": 1}], [{"id": 1}], None),
        ([{"id": 1}], [{"x": 1}], None),
        ([{"id": 1}, 5], [{"id": 1}], None),
        ([{"id": 1}], [[1]], None),
        ([{}], [{}], None),
        ([], [{"id": 1}], None),
        ([{"id": 1}], [], None),
    ],
)
def test_a_field_identifies_that_all_have_with_strings_or_integers_all_different(
    before: list[JSON], after: list[JSON], field: str | None
) -> None:
    assert identifying_field(before, after) == field


def catalogue(size: int) -> list[JSON]:
    return [
        {
            "id": f"author/model-{number}",
            "name": f"Model {number}",
            "pricing": {"prompt": f"0.{number}", "completion": f"0.{number}5"},
            "context_length": number,
        }
        for number in range(size)
    ]


@pytest.mark.parametrize("size", [400, 10_000])
def test_a_shuffled_catalogue_is_put_in_order_by_moves(size: int) -> None:
    before = catalogue(size)
    after = random.Random(size).sample(before, size)
    patch = diff(before, after)
    assert {operation["op"] for operation in patch} == {"move"}
    assert len(patch) < size
    assert same(apply(before, patch), after)


def test_many_ways_to_match_in_nested_arrays_do_not_multiply() -> None:
    before: JSON = "leaf"
    after: JSON = "changed"
    for _ in range(60):  # tried both ways at each level: 2**60 comparisons
        before, after = [{"id": 1, "in": before}, {"id": 2}], [{"id": 1, "in": after}, {"id": 3}, {"id": 2}]
    took, patch = quickest(lambda: diff(before, after), of=1)
    assert took < 5  # seconds; they would be years
    assert same(apply(before, patch), after)


def deepest(opening: str, leaf: str, closing: str) -> JSON:
    """The deepest document of this shape that `parse` accepts here."""
    accepted, refused = 1, 100_000
    while refused - accepted > 1:
        depth = (accepted + refused) // 2
        try:
            parse(opening * depth + leaf + closing * depth)
            accepted = depth
        except Unreadable:
            refused = depth
    return parse(opening * accepted + leaf + closing * accepted)


@pytest.mark.parametrize(
    "opening, closing", [("[", "]"), ('{"a":', "}"), ('[{"id":1,"a":', "}]"), ('[{"id":1,"a":2},{"id":2,"a":', "}]")]
)
def test_documents_as_deep_as_the_parser_takes_them_are_compared_and_patched(opening: str, closing: str) -> None:
    before, after = deepest(opening, '"x"', closing), deepest(opening, '"y"', closing)
    patch = diff(before, after)
    assert len(patch) == 1
    assert same(apply(before, patch), after)
    assert not same(before, after)
    assert diff(before, deepest(opening, '"x"', closing)) == []


def test_deep_values_do_not_keep_elements_from_being_matched() -> None:
    deep = deepest("[", "1", "]")
    before, after = [{"id": 1, "v": deep}], [{"id": 2, "v": [deep]}]
    patch = diff(before, after)
    assert [operation["op"] for operation in patch] == ["replace", "replace"]
    assert same(apply(before, patch), after)
