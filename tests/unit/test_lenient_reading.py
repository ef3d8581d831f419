"""Reading documents leniently."""

from __future__ import annotations

import copy
import sys
from typing import Any

import msgspec
import pytest

from projector import Misfit
from projector.reading import MISFITS, read


class Pricing(msgspec.Struct):
    prompt: str
    completion: str | None = None


class Tier(msgspec.Struct):
    threshold: int
    price: str | None = None


class Document(msgspec.Struct):
    name: str | None = None
    context: int | None = None
    pricing: Pricing | None = None
    tags: list[str] | None = None
    tiers: list[Tier] | None = None
    limits: dict[str, int] | None = None


class Required(msgspec.Struct):
    name: str
    context: int | None = None


def test_a_document_that_fits_is_read_whole_and_unknown_members_pass() -> None:
    value = {"name": "A", "pricing": {"prompt": "1", "new": [1]}, "newer": {}, "tags": ["x"]}
    document, misfits = read(value, Document)
    assert document == Document("A", None, Pricing("1"), ["x"])
    assert misfits == []


def test_missing_optional_parts_are_null() -> None:
    assert read({}, Document) == (Document(), [])
    assert read({"pricing": {"prompt": "1"}}, Document) == (Document(pricing=Pricing("1", None)), [])


@pytest.mark.parametrize(
    "value, expected, misfits",
    [
        ({"name": 5, "context": 1}, Document(context=1), [("Expected `str | null`, got `int`", "$.name")]),
        ({"context": "1"}, Document(), [("Expected `int | null`, got `str`", "$.context")]),
        ({"context": True}, Document(), [("Expected `int | null`, got `bool`", "$.context")]),
        (
            {"name": "A", "pricing": {"prompt": "1", "completion": 2}},
            Document("A", pricing=Pricing("1")),
            [("Expected `str | null`, got `int`", "$.pricing.completion")],
        ),
        (
            {"name": [], "context": {}, "tags": ["x"]},
            Document(tags=["x"]),
            [("Expected `str | null`, got `array`", "$.name"), ("Expected `int | null`, got `object`", "$.context")],
        ),
        ({"pricing": "free"}, Document(), [("Expected `object | null`, got `str`", "$.pricing")]),
        (
            {"tiers": [{"threshold": 1}, {"threshold": 2, "price": 3}]},
            Document(tiers=[Tier(1), Tier(2)]),
            [("Expected `str | null`, got `int`", "$.tiers[1].price")],
        ),
    ],
)
def test_a_value_of_a_wrong_type_is_named_with_its_path_and_the_rest_is_read(
    value: Any, expected: Document, misfits: list[tuple[str, str]]
) -> None:
    """P22: what is read is validated against its schema."""
    before = copy.deepcopy(value)
    assert read(value, Document) == (expected, [Misfit(*each) for each in misfits])
    assert value == before


def test_where_an_optional_part_lacks_what_it_needs_the_part_goes_and_the_rest_is_read() -> None:
    document, misfits = read({"name": "A", "pricing": {"prompt": 5}}, Document)
    assert document == Document("A")
    assert misfits == [
        Misfit("Expected `str`, got `int`", "$.pricing.prompt"),
        Misfit("Object missing required field `prompt`", "$.pricing"),
    ]


def test_of_an_array_with_a_wrong_element_all_goes() -> None:
    document, misfits = read({"name": "A", "tags": ["x", 5, "y"]}, Document)
    assert document == Document("A")
    assert misfits == [Misfit("Expected `str`, got `int`", "$.tags[1]")]


def test_an_array_with_an_element_that_lacks_what_it_needs_goes_and_only_that_is_told() -> None:
    document, misfits = read({"name": "A", "tiers": [{"threshold": 1}, {}]}, Document)
    assert document == Document("A")
    assert misfits == [Misfit("Object missing required field `threshold`", "$.tiers[1]")]


def test_of_an_object_keyed_by_id_with_a_wrong_value_all_goes() -> None:
    document, misfits = read({"name": "A", "limits": {"x": 1, "y": "z"}}, Document)
    assert document == Document("A")
    assert misfits == [Misfit("Expected `int`, got `str`", "$.limits[...]")]


@pytest.mark.parametrize(
    "value, misfits",
    [
        ({}, [("Object missing required field `name`", "$")]),
        (
            {"name": 5, "context": "x"},
            [
                ("Expected `str`, got `int`", "$.name"),
                ("Object missing required field `name`", "$"),
            ],
        ),
        ([], [("Expected `object`, got `array`", "$")]),
        (None, [("Expected `object`, got `null`", "$")]),
        ("x", [("Expected `object`, got `str`", "$")]),
    ],
)
def test_a_document_without_what_is_required_is_rejected(value: Any, misfits: list[tuple[str, str]]) -> None:
    """P23: missing essentials are rejected, and told."""
    document, found = read(value, Required)
    assert document is None
    assert [(each.message, each.path) for each in found if each.path != "$.context"] == misfits


def test_no_field_is_told_twice_and_reading_ends() -> None:
    many = msgspec.defstruct("Many", [(f"f{number}", int | None, None) for number in range(MISFITS + 5)])
    document, misfits = read({f"f{number}": "x" for number in range(MISFITS - 1)}, many)
    assert document == many()
    assert len({each.path for each in misfits}) == len(misfits) == MISFITS - 1


def test_a_document_in_which_nearly_nothing_fits_is_of_another_kind() -> None:
    many = msgspec.defstruct("Many", [(f"f{number}", int | None, None) for number in range(MISFITS + 5)])
    document, misfits = read({f"f{number}": "x" for number in range(MISFITS + 5)}, many)
    assert document is None
    assert len(misfits) == MISFITS


def test_a_document_that_is_an_array_with_a_wrong_element_is_rejected() -> None:
    assert read([1, "x"], list[int]) == (None, [Misfit("Expected `int`, got `str`", "$[1]")])
    assert read([1, 2], list[int]) == ([1, 2], [])


def test_a_document_that_is_nested_too_deeply_is_no_crash() -> None:
    class Node(msgspec.Struct):
        of: Node | None = None

    value: Any = {}
    for _ in range(2 * sys.getrecursionlimit()):
        value = {"of": value}
    sys.modules[__name__].__dict__["Node"] = Node
    document, misfits = read(value, Node)
    assert misfits in ([], [Misfit("is nested too deeply")])  # newer Pythons go deeper before they say so
    assert (document is None) is bool(misfits)
