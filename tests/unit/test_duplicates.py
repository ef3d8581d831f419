from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.canonical import Document
from eventstore.duplicates import Whole, assign, numbered, split_number, without_number
from eventstore.model import Item

A = {"name": "a", "size": 1, "price": "1"}
B = {"name": "b", "size": 2, "price": "2"}
C = {"name": "c", "size": 3, "price": "3"}

counts = st.integers(0, 5)


def item(value: Any, **parts: Any) -> Item:
    whole = {"model": value, **parts}
    return Item("k", tuple((category, Document.of(each)) for category, each in whole.items()))


def standing(live: Mapping[int, Any]) -> dict[int, Callable[[], Whole]]:
    return {number: lambda value=value: item(value).parts for number, value in live.items()}  # type: ignore[misc]


def numbers(values: list[Any], live: Mapping[int, Any]) -> list[int | None]:
    return assign([item(value) for value in values], standing(live))


@pytest.mark.parametrize(
    "values, live, expected",
    [
        pytest.param([A, B], {}, [1, 2], id="two items of one key are two entities"),
        pytest.param([A, B, C], {}, [1, 2, 3], id="three are three"),
        pytest.param([A, A], {}, [1, None], id="equal documents count once"),
        pytest.param([A, B, A], {}, [1, 2, None], id="equal documents count once, wherever they stand"),
        pytest.param([1, 1.0, True], {}, [1, 2, 3], id="1, 1.0 and true are not equal"),
        pytest.param([B, A], {1: A, 2: B}, [2, 1], id="equal to a live document keeps its number"),
        pytest.param([B], {1: A, 2: B}, [2], id="the survivor keeps its number"),
        pytest.param([C], {2: B}, [2], id="the only one stays the survivor, whatever it has become"),
        pytest.param([{**B, "size": 9}], {1: A, 2: B}, [2], id="the nearest keeps its number"),
        pytest.param([{**B, "size": 9}, C], {1: A, 2: B}, [2, 1], id="the nearest goes first"),
        pytest.param([A, C], {1: C, 2: A}, [2, 1], id="equality comes before nearness"),
        pytest.param([C, B], {2: B}, [1, 2], id="a free number is given, the lowest first"),
        pytest.param([A, B, C], {3: C}, [1, 2, 3], id="free numbers lie below taken ones too"),
        pytest.param([A, B, C], {1: A, 3: C}, [1, 2, 3], id="and between"),
        pytest.param([A, B], {1: 7, 2: 8}, [1, 2], id="of equally near ones the first takes the lowest"),
        pytest.param([7, "x"], {1: "x", 2: 7}, [2, 1], id="documents need not be objects"),
        pytest.param([[1]], {1: {"": [1]}, 2: [1]}, [2], id="nor have fields"),
    ],
)
def test_each_item_gets_its_number(values: list[Any], live: dict[int, Any], expected: list[int | None]) -> None:
    assert numbers(values, live) == expected


def test_numbers_are_given_on_the_whole_item() -> None:
    """Before any split: what was split off tells items apart as well."""
    one, two = item(A, telemetry=1), item(A, telemetry=2)
    assert assign([two, one], {1: lambda: one.parts, 2: lambda: two.parts}) == [2, 1]
    assert assign([item(A, telemetry=2)], {1: lambda: one.parts, 2: lambda: two.parts}) == [2]


def test_equal_fields_are_counted_in_every_part() -> None:
    one, two = item(A, telemetry={"up": 1, "down": 1}), item(A, telemetry={"up": 2, "down": 2})
    changed = item({**A, "size": 8}, telemetry={"up": 2, "down": 3})
    assert assign([changed], {1: lambda: one.parts, 2: lambda: two.parts}) == [2]


def test_nothing_is_read_where_nothing_competes() -> None:
    def unread() -> Whole:
        raise AssertionError("the document was read")

    assert assign([item(C)], {4: unread}) == [4]


@given(st.lists(st.sampled_from([A, B, C, {**A, "size": 2}]), max_size=6), st.dictionaries(st.integers(1, 5), counts))
def test_no_number_is_given_twice_and_no_item_is_lost(values: list[Any], live: dict[int, Any]) -> None:
    given_out = numbers(values, live)
    different = {Document.of(value) for value in values}
    found = [number for number in given_out if number is not None]
    assert len(found) == len(set(found)) == len(different)
    assert set(found) <= live.keys() or set(found) >= live.keys()


@pytest.mark.parametrize(
    "key, bases, expected",
    [
        ("k", {"k"}, ("k", 1)),
        ("k#2", {"k"}, ("k", 2)),
        ("k#13", {"k"}, ("k", 13)),
        ("k#2", {"j"}, ("k#2", 1)),
        ("k#2", {"k", "k#2"}, ("k#2", 1)),
        ("k#1", {"k"}, ("k#1", 1)),
        ("k#02", {"k"}, ("k#02", 1)),
        ("k#t", {"k"}, ("k#t", 1)),
        ("k#t#2", {"k#t"}, ("k#t", 2)),
        (r"k\#2", {"k", "k\\"}, (r"k\#2", 1)),
        (r"k\#2#2", {r"k\#2"}, (r"k\#2", 2)),
        (r"k\\#2", {r"k\\"}, (r"k\\", 2)),
        ("#2", {""}, ("", 2)),
        ("a\nb#2", {"a\nb"}, ("a\nb", 2)),
    ],
)
def test_a_number_is_read_where_it_is_one(key: str, bases: set[str], expected: tuple[str, int]) -> None:
    assert split_number(key, bases) == expected


@given(st.text(st.sampled_from("ab#2\\é"), max_size=5), st.integers(2, 100))
def test_numbers_are_read_as_they_are_written(text: str, number: int) -> None:
    base = text.replace("\\", r"\\").replace("#", r"\#")
    assert numbered(base, 1) == base
    assert split_number(numbered(base, number), {base}) == (base, number)
    assert without_number(numbered(base, number)) == base
    assert without_number(base) == base
