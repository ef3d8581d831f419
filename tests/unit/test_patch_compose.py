from __future__ import annotations

from typing import Any

import pytest

from eventstore.canonical import canonical
from eventstore.patch import Patch, apply, compose


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def remove(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


def test_two_empty_patches_make_an_empty_one() -> None:
    assert compose([], []) == []


def test_operations_on_different_places_are_kept_in_order() -> None:
    first, second = [replace("/b", 1), remove("/c")], [add("/d", 1), replace("/a", 2)]
    assert compose(first, second) == [*first, *second]


@pytest.mark.parametrize(
    "document, first, second, composed",
    [
        ({"a": 0}, [replace("/a", 1)], [replace("/a", 2)], [replace("/a", 2)]),
        ({"a": 0}, [replace("/a", 1)], [remove("/a")], [remove("/a")]),
        ({}, [add("/a", 1)], [replace("/a", 2)], [add("/a", 2)]),
        ({"a": 0}, [remove("/a")], [add("/a", 2)], [replace("/a", 2)]),
        ([0], [remove("/0")], [add("/0", 2)], [replace("/0", 2)]),
        ([5], [add("/0", 1)], [replace("/0", 2)], [add("/0", 2)]),
        ({"a": 0}, [replace("/a", 1), remove("/a")], [add("/a", 2)], [replace("/a", 2)]),
        ({"a": 0}, [remove("/a"), add("/b", 1)], [replace("", [])], [replace("", [])]),
        ({"a": 0}, [remove("/a")], [add("", [1]), replace("/0", 2)], [add("", [1]), replace("/0", 2)]),
        (
            {"a": 0, "b": 0},
            [replace("/a", 1), replace("/b", 1)],
            [replace("/a", 2)],
            [replace("/a", 2), replace("/b", 1)],
        ),
        ({"a": 0, "b": 0}, [replace("/a", 1), replace("/b", 1)], [remove("/a")], [replace("/b", 1), remove("/a")]),
    ],
)
def test_one_operation_stands_for_all_on_the_same_place(
    document: Any, first: Patch, second: Patch, composed: Patch
) -> None:
    was = canonical([first, second])
    assert compose(first, second) == composed
    assert canonical([first, second]) == was
    assert apply(document, composed) == apply(apply(document, first), second)


@pytest.mark.parametrize(
    "document, first, second",
    [
        ({"a": 0}, [add("/a", 1)], [remove("/a")]),
        ({}, [add("/a", 1)], [remove("/a")]),
        ([0, 5], [replace("/0", 1)], [add("/0", 2)]),
        ([0], [add("/0", 1)], [add("/0", 2)]),
        ([0, 1], [remove("/0")], [remove("/0")]),
        ([0, 1], [replace("/0", 2), remove("/1")], [replace("/0", 3)]),
        ([0, 1], [replace("/1", 2), remove("/0")], [add("/0", 7), replace("/1", 3)]),
        ({"a": 0}, [replace("/a", {"b": 1}), replace("/a/b", 2)], [replace("/a", 3)]),
        ({"a": {"b": 0}}, [replace("/a/b", 1), replace("/a", {"b": 5})], [replace("/a/b", 2)]),
        ({"a": 0}, [replace("/a", 1), {"op": "test", "path": "/a", "value": 1}], [replace("/a", 2)]),
        ({"a": 0}, [replace("/a", 1), {"op": "copy", "from": "/a", "path": "/b"}], [replace("/a", 2)]),
        ({"a": 0}, [replace("/a", 1)], [{"op": "move", "from": "/a", "path": "/b"}]),
        ([], [add("/-", 1), replace("/0", 2)], [remove("/0")]),
    ],
)
def test_what_may_depend_on_the_document_or_on_order_is_left_alone(document: Any, first: Patch, second: Patch) -> None:
    assert apply(document, compose(first, second)) == apply(apply(document, first), second)


def test_hourly_changes_of_the_same_fields_compose_to_one_change_a_field() -> None:
    composed: Patch = []
    for hour in range(24):
        composed = compose(composed, [replace("/p50", hour), replace("/status", -hour), replace("/uptime", hour / 24)])
    assert composed == [replace("/p50", 23), replace("/status", -23), replace("/uptime", 23 / 24)]


@pytest.mark.parametrize("operation", [{}, {"op": "add", "path": "/a"}, {"op": "replace", "path": 1, "value": 1}])
def test_a_malformed_operation_is_kept_for_apply_to_refuse(operation: dict[str, Any]) -> None:
    assert compose([operation], [operation]) == [operation, operation]
