from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from eventstore.canonical import canonical, parse
from eventstore.errors import PatchError
from eventstore.patch import apply, apply_in_place, apply_sharing
from eventstore.patch.pointer import escaped, split
from tests.properties.patches import patches, small_values


def operation(op: str, path: str, *value: Any, **rest: Any) -> dict[str, Any]:
    return {"op": op, "path": path, **({"value": value[0]} if value else {}), **rest}


def move(source: str, path: str) -> dict[str, Any]:
    return {"op": "move", "from": source, "path": path}


def copy(source: str, path: str) -> dict[str, Any]:
    return {"op": "copy", "from": source, "path": path}


@pytest.mark.parametrize(
    "document, patch, result",
    [
        ({"a": 1}, [operation("add", "/b", 2)], {"a": 1, "b": 2}),
        ({"a": 1}, [operation("add", "/a", [])], {"a": []}),
        ({"a": 1}, [operation("add", "", [1])], [1]),
        ({"a": 1}, [operation("replace", "", None)], None),
        ([1, 3], [operation("add", "/1", 2)], [1, 2, 3]),
        ([1], [operation("add", "/1", 2)], [1, 2]),
        ([1], [operation("add", "/-", 2)], [1, 2]),
        ({"-": 1}, [operation("replace", "/-", 2)], {"-": 2}),
        ({"01": 1, "1e0": 2}, [operation("remove", "/01"), operation("replace", "/1e0", 3)], {"1e0": 3}),
        ({"a": [1, 2]}, [operation("remove", "/a/0")], {"a": [2]}),
        ({"": {"": 1}}, [operation("replace", "//", 2)], {"": {"": 2}}),
        ({"a/b": 1, "m~n": 2, "~1": 3}, [operation("remove", "/a~1b"), operation("remove", "/m~0n")], {"~1": 3}),
        ({"~1": 3}, [operation("replace", "/~01", 4)], {"~1": 4}),
        ({"a": 1}, [move("/a", "/b")], {"b": 1}),
        ([1, 2, 3], [move("/0", "/2")], [2, 3, 1]),
        ([1, 2, 3], [move("/2", "/0")], [3, 1, 2]),
        ([1, 2, 3], [move("/0", "/-")], [2, 3, 1]),
        ({"a": {"b": 1}}, [move("/a/b", "")], 1),
        ({"a": {"b": 1}}, [move("/a/b", "/a")], {"a": 1}),
        ({"a": {"b": 1}}, [move("/a", "/a"), move("", "")], {"a": {"b": 1}}),
        ({"a": 1, "ab": 2}, [move("/a", "/ab")], {"ab": 1}),
        ({"a": {"b": 1}}, [copy("", "/a/c")], {"a": {"b": 1, "c": {"a": {"b": 1}}}}),
        ({"a": [1]}, [copy("/a", "/b"), operation("add", "/b/-", 2)], {"a": [1], "b": [1, 2]}),
        ({"a": 1}, [operation("remove", "/a", unknown=1)], {}),
        ({"a": 1}, [], {"a": 1}),
    ],
)
def test_operations_do_what_rfc_6902_says(document: Any, patch: list[Any], result: Any) -> None:
    was = canonical([document, patch])
    assert canonical(apply(document, patch)) == canonical(result)
    assert canonical([document, patch]) == was
    assert canonical(apply_sharing(document, parse(canonical(patch)))) == canonical(result)
    assert canonical([document, patch]) == was
    assert canonical(apply_in_place(*parse(was))) == canonical(result)


@pytest.mark.parametrize(
    "held, value",
    [
        (1, 1.0),
        (0.0, -0.0),
        (10**20, 1e20),
        (None, None),
        (True, True),
        ([1, {"b": 2, "a": [1.0]}], [1.0, {"a": [1], "b": 2}]),
    ],
)
def test_a_test_compares_numbers_by_value(held: Any, value: Any) -> None:
    """RFC 6902, 4.6."""
    assert apply({"a": held}, [operation("test", "/a", value)]) == {"a": held}


@pytest.mark.parametrize(
    "held, value",
    [
        (1, True),
        (0, False),
        (False, 0.0),
        (None, False),
        (1, "1"),
        ([], {}),
        ({}, None),
        ([1], [1, 1]),
        ([[1]], [[True]]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": 1}),
        (10**20, 10**20 + 1),
    ],
)
def test_a_test_holds_nothing_else_equal(held: Any, value: Any) -> None:
    for left, right in [(held, value), (value, held)]:
        with pytest.raises(PatchError, match=r"operation 0 \(test /a\): the value is another"):
            apply({"a": left}, [operation("test", "/a", right)])


@pytest.mark.parametrize(
    "document, patch, message",
    [
        ({}, {}, "a JSON Patch is an array of operations"),
        ({}, None, "a JSON Patch is an array of operations"),
        ({}, ["remove"], "operation 0: not an object"),
        ({}, [{}], "operation 0: `op` is missing"),
        ({}, [{"path": "/a"}], "operation 0 (/a): `op` is missing"),
        (
            {},
            [operation("spam", "/a")],
            "operation 0 (spam /a): `op` is none of add, remove, replace, move, copy, test",
        ),
        (
            {},
            [{"op": ["add"], "path": "/a"}],
            "operation 0 (/a): `op` is none of add, remove, replace, move, copy, test",
        ),
        ({}, [{"op": "add", "value": 1}], "operation 0 (add): `path` is missing"),
        ({}, [{"op": "add", "path": None, "value": 1}], "operation 0 (add): `path` is not a string"),
        ({}, [{"op": "copy", "path": "/a"}], "operation 0 (copy /a): `from` is missing"),
        ({}, [{"op": "move", "path": "/a", "from": 1}], "operation 0 (move /a): `from` is not a string"),
        ({}, [operation("add", "/a")], "operation 0 (add /a): `value` is missing"),
        ({"a": 1}, [operation("replace", "/a")], "operation 0 (replace /a): `value` is missing"),
        ({"a": None}, [operation("test", "/a")], "operation 0 (test /a): `value` is missing"),
        ({"a": 1}, [operation("remove", "a")], "'a' is no JSON Pointer: it does not begin with /"),
        ({"~2": 1}, [operation("remove", "/~2")], "'/~2' is no JSON Pointer: ~ is not followed by 0 or 1"),
        ({"~": 1}, [operation("remove", "/~")], "'/~' is no JSON Pointer: ~ is not followed by 0 or 1"),
        (
            {"a": 1},
            [operation("remove", "/a"), operation("remove", "/a")],
            "operation 1 (remove /a): there is no member 'a'",
        ),
        ({}, [operation("replace", "/a", 1)], "operation 0 (replace /a): there is no member 'a'"),
        ({}, [operation("add", "/a/b", 1)], "operation 0 (add /a/b): there is no member 'a'"),
        ({}, [move("/a", "/b")], "operation 0 (move /b): there is no member 'a'"),
        ({}, [move("/a", "/a")], "operation 0 (move /a): there is no member 'a'"),
        ({}, [operation("test", "/a", None)], "operation 0 (test /a): there is no member 'a'"),
        ({"a": "b"}, [operation("add", "/a/0", 1)], "'0' would be inside a value that is neither object nor array"),
        ({"a": "b"}, [operation("remove", "/a/0")], "'0' would be inside a value that is neither object nor array"),
        (
            {"a": None},
            [operation("replace", "/a/b", 1)],
            "'b' would be inside a value that is neither object nor array",
        ),
        ({"a": 1}, [operation("test", "/a/b/c", 1)], "'b' would be inside a value that is neither object nor array"),
        ([1], [operation("remove", "/1")], "operation 0 (remove /1): index 1 is past the end of the array"),
        ([1], [operation("replace", "/1", 2)], "index 1 is past the end of the array"),
        ([1], [operation("add", "/2", 2)], "index 2 is past the end of the array"),
        ([1], [operation("test", "/9/9", 2)], "index 9 is past the end of the array"),
        ([1], [operation("remove", "/-")], "nothing is behind the last element"),
        ([1], [operation("replace", "/-", 2)], "nothing is behind the last element"),
        ([1], [copy("/-", "/0")], "nothing is behind the last element"),
        ([1, 2], [operation("remove", "/01")], "'01' is no index of an array"),
        ([1, 2], [operation("remove", "/-1")], "'-1' is no index of an array"),
        ([1, 2], [operation("remove", "/1e0")], "'1e0' is no index of an array"),
        ([1, 2], [operation("remove", "/")], "'' is no index of an array"),
        ([1, 2], [operation("add", "/\u0661", 1)], "'\u0661' is no index of an array"),
        ([1, 2], [operation("add", "/+1", 1)], "'+1' is no index of an array"),
        ([1, 2], [operation("add", "/0\n", 1)], "'0\\n' is no index of an array"),
        ([1, 2], [operation("add", f"/{10**20}", 1)], "'100000000000000000000' is no index of an array"),
        ([1], [operation("remove", "")], "operation 0 (remove ): the whole document cannot be taken away"),
        ({"a": 1}, [move("", "/a")], "operation 0 (move /a): '' cannot move into itself"),
        ({"a": {"b": 1}}, [move("/a", "/a/b")], "'/a' cannot move into itself"),
    ],
)
def test_what_is_malformed_or_does_not_apply_is_refused_and_named(document: Any, patch: Any, message: str) -> None:
    was = canonical(document)
    for apply_patch in (apply, apply_sharing):
        with pytest.raises(PatchError) as raised:
            apply_patch(document, patch)
        assert f": {raised.value}".endswith(f": {message}")
        assert canonical(document) == was


def test_apply_shares_no_value_of_the_patch() -> None:
    value: list[Any] = [[1]]
    result = apply({}, [operation("add", "/a", value), operation("add", "/a/0/-", 2)])
    assert result == {"a": [[1, 2]]}
    assert value == [[1]]


def test_apply_in_place_works_on_the_document_itself() -> None:
    document = {"a": {"b": 1}}
    assert apply_in_place(document, [operation("replace", "/a/b", 2)]) is document
    assert document == {"a": {"b": 2}}


@given(st.data())
def test_a_document_that_is_shared_with_its_successor_stays_as_it_was(data: DataObject) -> None:
    document = data.draw(small_values() | st.dictionaries(st.sampled_from("ab"), small_values()))
    patch = data.draw(patches(document))
    was = canonical(document)
    expected = canonical(apply(document, patch))
    assert canonical(apply_sharing(document, parse(canonical(patch)))) == expected
    assert canonical(document) == was


def test_what_becomes_the_root_is_shared_too() -> None:
    document: list[Any] = [[0]]
    patch = [{"op": "move", "from": "/0", "path": ""}, operation("remove", "/0")]
    assert apply_sharing(document, patch) == []
    assert document == [[0]]


@given(st.data())
def test_a_whole_line_of_documents_that_share_stay_as_they_were(data: DataObject) -> None:
    line = [data.draw(st.dictionaries(st.sampled_from("ab"), small_values()))]
    texts = [canonical(line[0])]
    for _ in range(3):
        patch = data.draw(patches(line[-1]))
        texts.append(canonical(apply(line[-1], patch)))
        line.append(apply_sharing(line[-1], parse(canonical(patch))))
    assert [canonical(document) for document in line] == texts


def test_what_a_patch_does_not_touch_is_in_both_documents() -> None:
    document: dict[str, Any] = {"a": {"b": 1, "c": {"d": [1]}}, "e": {"f": 1}, "g": [[1], {"h": 1}]}
    result = apply_sharing(document, [operation("replace", "/a/b", 2), operation("remove", "/g/1")])
    assert result == {"a": {"b": 2, "c": {"d": [1]}}, "e": {"f": 1}, "g": [[1]]}
    assert result["e"] is document["e"]
    assert result["a"]["c"] is document["a"]["c"]


@pytest.mark.parametrize("tokens", [[], [""], ["a", "b"], ["~", "/", "~1", "~0", "/~", "~01"], ["-", "0", ""]])
def test_a_pointer_leads_through_the_names_it_was_made_of(tokens: list[str]) -> None:
    assert split("".join(f"/{escaped(token)}" for token in tokens)) == tokens
