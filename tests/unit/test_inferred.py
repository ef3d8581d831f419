"""Columns that follow from documents."""

from __future__ import annotations

from typing import Any

import pytest

from projector.inferred import LEVELS, MOST, Names, fields, named


@pytest.mark.parametrize(
    "document, expected",
    [
        ({"b": 1, "a": "x"}, {"/a": "x", "/b": 1}),
        ({"p": {"q": {"r": 1.5}}, "n": None}, {"/n": None, "/p/q/r": 1.5}),
        ({"a/b": {"c~d": 1}, "": 2}, {"/": 2, "/a~1b/c~0d": 1}),
        ({"t": True, "f": False}, {"/f": 0, "/t": 1}),
        ({"least": -(2**63), "most": 2**63 - 1}, {"/least": -(2**63), "/most": 2**63 - 1}),
        ({"more": 2**63, "less": -(2**63) - 1}, {"/less": "-9223372036854775809", "/more": "9223372036854775808"}),
        ({"l": [{"b": 1, "a": [2.0]}], "e": []}, {"/e": "[]", "/l": '[{"a":[2.0],"b":1}]'}),
        ({"o": {}}, {"/o": "{}"}),
        ([1, "x"], {"": '[1,"x"]'}),
        ("x", {"": "x"}),
        (7, {"": 7}),
        (None, {"": None}),
        ({}, {"": "{}"}),
    ],
)
def test_each_field_of_a_document_has_a_value_that_sqlite_stores(document: Any, expected: dict[str, Any]) -> None:
    found = fields(document)
    assert list(found.items()) == list(expected.items())
    assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]


def test_what_lies_deeper_than_many_objects_is_json_text() -> None:
    document: Any = {"x": 1}
    for _ in range(LEVELS):
        document = {"o": document}
    assert fields(document) == {"/o" * LEVELS: '{"x":1}'}


def test_columns_that_are_named_are_all_that_there_is() -> None:
    columns = {"price": "/pricing/prompt", "first": "/tags/0", "whole": "", "none": "/nowhere"}
    document = {"pricing": {"prompt": "0.5", "completion": 1}, "tags": [True]}
    assert named(columns, document) == {
        "/pricing/prompt": "0.5",
        "/tags/0": 1,
        "": '{"pricing":{"completion":1,"prompt":"0.5"},"tags":[true]}',
        "/nowhere": None,
    }
    assert named({"n": "/n"}, {"n": 2**63}) == {"/n": str(2**63)}
    assert named({"n": "/n"}, "no object") == {"/n": None}


@pytest.mark.parametrize(
    "paths, expected",
    [
        (["/name", "/pricing/prompt"], ["name", "pricing_prompt"]),
        (["/pricing/prompt", "/pricing_prompt"], ["pricing_prompt", "pricing_prompt_2"]),
        (["/a/b", "/a_b", "/a~1b"], ["a_b", "a_b_2", "a_b_3"]),
        (["/Name", "/name", "/NAME"], ["Name", "name_2", "NAME_3"]),
        (["/key", "/Source"], ["key_2", "Source_2"]),
        (["/x-y z", '/"; DROP'], ["x_y_z", "_DROP"]),
        (["/é", "/É"], ["é", "É_2"]),
        (["", "/", "/document"], ["document", "document_2", "document_3"]),
        (["/a_2", "/a", "/A"], ["a_2", "a", "A_3"]),
        (["/m~0n"], ["m_n"]),
    ],
)
def test_a_column_is_called_what_its_path_says_and_no_two_are_called_the_same(
    paths: list[str], expected: list[str]
) -> None:
    names = Names.without(["source", "KEY"])
    assert names.add(paths) == []
    assert names.of == dict(zip(paths, expected, strict=True))


def test_a_column_keeps_its_name_when_others_come() -> None:
    names = Names.without([])
    names.add(["/a_b"])
    names.add(["/a/b", "/a_b"])
    assert names.of == {"/a_b": "a_b", "/a/b": "a_b_2"}


def test_there_is_room_for_so_many_columns_and_no_more() -> None:
    names = Names.without([])
    paths = [f"/{number}" for number in range(MOST + 2)]
    assert names.add(paths) == paths[MOST:]
    assert list(names.of) == paths[:MOST]
    assert names.add(["/0", "/late"]) == ["/late"]


def test_a_column_that_is_there_already_is_taken_up_as_it_is_called() -> None:
    names = Names.without([])
    names.put("/a/b", "price")
    names.add(["/price", "/a/b"])
    assert names.of == {"/a/b": "price", "/price": "price_2"}
