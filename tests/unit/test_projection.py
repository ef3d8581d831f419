"""Declaring projections, and what of a declaration makes a view stale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from eventstore import Change
from projector import BadProjection, Misfit, Projection, Subject, history, periods, table
from projector.projection import Shape


class Document(msgspec.Struct):
    n: int | None = None


class Row(msgspec.Struct):
    n: int | None
    kind: str


def rows(_: Subject, document: Document) -> Iterator[Row | Misfit]:
    yield Row(document.n, "all")


def happened(_: Change) -> Iterator[Row | Misfit]:
    yield Row(None, "any")


def declared(name: str = "things", shape: Any = table, function: Any = rows, **other: Any) -> Projection[Any]:
    said: dict[str, Any] = {"version": 1, "reads": "api.model", "row": Row}
    if shape is not history:
        said["document"] = Document
    made: Projection[Any] = shape(name, **{**said, **other})(function)
    return made


# -- what it is


def test_a_projection_is_what_its_decorator_was_told() -> None:
    made = declared(reads=["model", "api.price"], key=["kind"], indexes=[["n"], ["kind", "updated_at"]])
    assert (made.name, made.version, made.shape) == ("things", 1, Shape.TABLE)
    assert made.reads == ("model", "api.price")
    assert made.function is rows
    assert made.indexes == (("n",), ("kind", "updated_at"))


@pytest.mark.parametrize(
    "shape, function, key, expected",
    [
        (table, rows, (), ("key", "source")),
        (table, rows, ("kind",), ("key", "source", "kind")),
        (periods, rows, (), ("key", "source", "seq")),
        (periods, rows, ("kind",), ("key", "source", "kind", "seq")),
        (history, happened, (), ("seq",)),
        (history, happened, ("kind",), ("seq", "kind")),
    ],
)
def test_rows_are_told_apart_by_entity_key_and_time(
    shape: Any, function: Any, key: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert declared(shape=shape, function=function, key=key).primary_key == expected


@pytest.mark.parametrize(
    "reads, expected",
    [
        ("model", ("source", "key")),
        ("api.model", ("source", "key")),
        (["api.model", "other.model"], ("source", "key")),
        (["model", "price"], ("source", "category", "key")),
    ],
)
def test_rows_name_their_category_where_there_are_several(reads: Any, expected: tuple[str, ...]) -> None:
    assert declared(reads=reads).identity == expected


def test_a_history_of_all_categories_names_them() -> None:
    made = declared(shape=history, function=happened, reads=None)
    assert made.identity == ("source", "category", "key")
    assert made.concerns("api", "whatever")


def test_a_projection_reads_the_categories_that_it_names() -> None:
    made = declared(reads=["model", "api.price"])
    read = [("api", "model"), ("other", "model"), ("api", "price"), ("other", "price"), ("api", "models")]
    assert [made.concerns(*each) for each in read] == [True, True, True, False, False]


# -- what is refused


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "_a", "sqlite_master", "SQLite_x", 'a"b', "é", "a.b"])
def test_a_name_that_is_no_plain_word_is_refused(name: str) -> None:
    with pytest.raises(BadProjection, match="cannot be the name of a view"):
        declared(name)


@pytest.mark.parametrize(
    "shape, function, taken",
    [
        (table, rows, ["source", "key", "updated_at", "KEY"]),
        (periods, rows, ["valid_from", "valid_to", "not_before", "seq", "sync", "until_seq", "Valid_To"]),
        (history, happened, ["parent", "observed_at", "seq", "sync", "not_before"]),
    ],
)
def test_columns_that_every_row_has_are_no_fields(shape: Any, function: Any, taken: list[str]) -> None:
    for name in taken:
        row = msgspec.defstruct("Taken", [(name, int)])
        with pytest.raises(BadProjection, match=rf"every row has {name.lower()} already"):
            declared(shape=shape, function=function, row=row)


def test_a_field_may_have_the_name_of_a_column_of_another_shape() -> None:
    assert declared(row=msgspec.defstruct("Fine", [("seq", int), ("category", str)])).columns is not None
    with pytest.raises(BadProjection, match="category"):
        declared(reads=["model", "price"], row=msgspec.defstruct("Taken", [("category", str)]))


def test_fields_that_sqlite_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(BadProjection, match="capital letters"):
        declared(row=msgspec.defstruct("Twins", [("name", str), ("Name", str)]))


@pytest.mark.parametrize(
    "other, message",
    [
        ({"reads": []}, "reads nothing"),
        ({"key": ["nothing"]}, "the key names nothing, which the row has not"),
        ({"key": ["seq"]}, "the key names seq, which the row has not"),
        ({"indexes": [["n", "nothing"]]}, "an index names nothing, which the row has not"),
        ({"indexes": [["valid_from"]]}, "an index names valid_from, which the row has not"),
        ({"row": dict}, "rows are msgspec structs"),
    ],
)
def test_a_declaration_that_cannot_be_right_is_refused(other: dict[str, Any], message: str) -> None:
    with pytest.raises(BadProjection, match=message):
        declared(**other)


# -- fingerprints


class Renamed(msgspec.Struct):
    n: int | None
    sort: str


class Reordered(msgspec.Struct):
    kind: str
    n: int | None


class Wider(msgspec.Struct):
    n: float | None
    kind: str


class Stricter(msgspec.Struct):
    n: int
    kind: str


class More(msgspec.Struct):
    n: int | None
    kind: str
    more: str | None


class Twin(msgspec.Struct, frozen=True):
    """The same columns under another name of the type, with a default."""

    n: int | None
    kind: str = "x"


@pytest.mark.parametrize(
    "other",
    [
        {"version": 2},
        {"reads": "model"},
        {"reads": ["api.model", "api.price"]},
        {"key": ["kind"]},
        {"indexes": [["n"]]},
        {"shape": periods},
        *({"row": row} for row in (Renamed, Reordered, Wider, Stricter, More)),
    ],
)
def test_another_version_row_category_key_or_index_makes_a_view_stale(other: dict[str, Any]) -> None:
    """P12."""
    assert declared(**other).fingerprint != declared().fingerprint


@pytest.mark.parametrize(
    "other", [{}, {"row": Twin}, {"reads": ["api.model"]}, {"function": lambda *_: ()}, {"document": object}]
)
def test_what_leaves_version_and_columns_as_they_are_makes_no_view_stale(other: dict[str, Any]) -> None:
    assert declared(**other).fingerprint == declared().fingerprint


def test_another_policy_makes_a_view_stale() -> None:
    def made(policy: Any) -> str:
        return declared(shape=history, function=happened, policy=policy).fingerprint

    assert made({"model": {"ignore": ["/a"]}}) != made({"model": {"ignore": ["/b"]}})
    assert made({"a": 1, "b": 2}) == made({"b": 2, "a": 1})
    assert made(None) == declared(shape=history, function=happened).fingerprint
