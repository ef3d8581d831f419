"""What of a change is noise."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from projector import Noise
from projector.noise import SILENT, without_noise


@pytest.mark.parametrize(
    "noise, document, expected",
    [
        (Noise(), {"a": 1}, {"a": 1}),
        (Noise(ignore=("/a",)), {"a": 1, "b": 2}, {"b": 2}),
        (Noise(ignore=("/a/b", "/c")), {"a": {"b": 1, "c": 2}, "c": 3}, {"a": {"c": 2}}),
        (
            Noise(ignore=("/*/at",)),
            {"x": {"at": 1, "n": 1}, "y": {"at": 2}, "at": 3},
            {"x": {"n": 1}, "y": {}, "at": 3},
        ),
        (Noise(ignore=("/l/*/at",)), {"l": [{"at": 1, "n": 1}, {"n": 2}, 3]}, {"l": [{"n": 1}, {"n": 2}, 3]}),
        (Noise(ignore=("/l/*",)), {"l": [1, 2]}, {"l": []}),
        (Noise(ignore=("/l/1",)), {"l": [1, 2, 3]}, {"l": [1, 3]}),
        (Noise(ignore=("/l/9", "/l/x", "/n/x", "/nowhere/x")), {"l": [1], "n": 5}, {"l": [1], "n": 5}),
        (Noise(ignore=("/a~1b", "/m~0n")), {"a/b": 1, "m~n": 2, "c": 3}, {"c": 3}),
        (Noise(ignore=("",)), {"a": 1}, None),
        (SILENT, [1, 2], None),
        (Noise(sets=("/s",)), {"s": ["b", "a", "b"], "t": ["b", "a"]}, {"s": ["a", "b"], "t": ["b", "a"]}),
        (Noise(sets=("/s",)), {"s": "ba"}, {"s": "ba"}),
        (Noise(sets=("",)), [2, 1, {"b": 1}, 2], [1, 2, {"b": 1}]),
        (Noise(sets=("/*/s",)), {"x": {"s": [2, 1]}, "y": {"s": [3]}}, {"x": {"s": [1, 2]}, "y": {"s": [3]}}),
        (
            Noise(keyed={"/e": "id"}),
            {"e": [{"id": "b", "n": 1}, {"id": 7, "n": 2}]},
            {"e": {"b": {"id": "b", "n": 1}, "7": {"id": 7, "n": 2}}},
        ),
        (Noise(keyed={"/e": "id"}), {"e": [{"id": "b"}, {"id": "b"}]}, {"e": [{"id": "b"}, {"id": "b"}]}),
        (Noise(keyed={"/e": "id"}), {"e": [{"id": "b"}, {}]}, {"e": [{"id": "b"}, {}]}),
        (Noise(keyed={"/e": "id"}), {"e": [{"id": True}, 5]}, {"e": [{"id": True}, 5]}),
        (
            Noise(ignore=("/e/*/at",), keyed={"/e": "id"}),
            {"e": [{"id": "b", "at": 1}]},
            {"e": {"b": {"id": "b"}}},
        ),
    ],
)
def test_what_does_not_count_is_taken_out(noise: Noise, document: Any, expected: Any) -> None:
    before = copy.deepcopy(document)
    assert without_noise(document, noise) == expected
    assert document == before


def test_values_of_a_set_that_only_python_holds_equal_are_several() -> None:
    found = without_noise({"s": [True, 1, 1.0, 1]}, Noise(sets=("/s",)))
    assert sorted(map(repr, found["s"])) == ["1", "1.0", "True"]


def test_a_policy_refuses_what_it_does_not_know() -> None:
    with pytest.raises(msgspec.ValidationError, match="ignored"):
        msgspec.convert({"ignored": ["/a"]}, Noise)
    assert msgspec.convert({"sets": ["/a"], "keyed": {"/e": "id"}}, Noise) == Noise(sets=("/a",), keyed={"/e": "id"})
