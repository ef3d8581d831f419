"""What a row type is in a table, and values as SQLite stores them."""

from __future__ import annotations

import enum
import math
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import msgspec
import pytest

from projector import BadProjection
from projector.columns import Column, check, columns_of, narrow_columns_of, stored, time_text


class Colour(enum.Enum):
    RED = "red"


class Level(enum.Enum):
    LOW = 1


class Inner(msgspec.Struct):
    b: int
    a: str


class Row(msgspec.Struct):
    text: str
    number: int
    share: float
    flag: bool
    at: datetime
    day: date
    price: Decimal
    colour: Colour
    either: Literal["a", 1]
    anything: Any
    many: list[str]
    inner: Inner
    perhaps: int | None
    mixed: int | str
    both: int | bool | None


def test_each_field_of_a_row_is_a_column_of_the_type_that_holds_it() -> None:
    assert columns_of(Row) == (
        Column("text", "TEXT", nullable=False),
        Column("number", "INTEGER", nullable=False),
        Column("share", "REAL", nullable=False),
        Column("flag", "INTEGER", nullable=False),
        Column("at", "TEXT", nullable=False),
        Column("day", "TEXT", nullable=False),
        Column("price", "TEXT", nullable=False),
        Column("colour", "TEXT", nullable=False),
        Column("either", "ANY", nullable=False),
        Column("anything", "ANY", nullable=True),
        Column("many", "TEXT", nullable=False),
        Column("inner", "TEXT", nullable=False),
        Column("perhaps", "INTEGER", nullable=True),
        Column("mixed", "ANY", nullable=False),
        Column("both", "INTEGER", nullable=True),
    )


@pytest.mark.parametrize("row", [dict, int, msgspec.json.Encoder, None])
def test_a_row_is_a_struct(row: Any) -> None:
    with pytest.raises(BadProjection, match="rows are msgspec structs"):
        columns_of(row)


def test_a_row_type_that_cannot_be_understood_is_refused() -> None:
    row = msgspec.defstruct("row", [("a", "Nowhere")])
    with pytest.raises(BadProjection, match="row cannot be a row type"):
        columns_of(row)


@pytest.mark.parametrize(
    "value, expected",
    [
        (None, None),
        ("é", "é"),
        (1, 1),
        (-(2**63), -(2**63)),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (10**30, "1" + "0" * 30),
        (1.5, 1.5),
        (math.inf, math.inf),
        (math.nan, None),
        (True, 1),
        (False, 0),
        (Decimal("0.00000150"), "0.00000150"),
        (Decimal("1E-8"), "0.00000001"),
        (date(2025, 6, 1), "2025-06-01"),
        (Colour.RED, "red"),
        (Level.LOW, 1),
        ([1, "é", None], '[1,"é",null]'),
        ({"b": 1, "a": [True]}, '{"a":[true],"b":1}'),
        (Inner(1, "x"), '{"a":"x","b":1}'),
    ],
)
def test_a_value_is_stored_as_what_it_is(value: Any, expected: Any) -> None:
    found = stored(value)
    assert (found, type(found)) == (expected, type(expected))


def test_a_column_that_cannot_hold_a_value_of_its_type_says_so() -> None:
    assert [each.name for each in narrow_columns_of(Row)] == ["number", "share", "flag", "perhaps", "both"]
    check(2**63 - 1, Column("n", "INTEGER"))
    check(math.nan, Column("n", "REAL"))
    with pytest.raises(TypeError, match=r"64 bits, got 9223372036854775808 - at `\$.n`"):
        check(2**63, Column("n", "INTEGER"))
    with pytest.raises(TypeError, match=r"got NaN - at `\$.n`"):
        check(math.nan, Column("n", "REAL", nullable=False))


def test_what_json_has_no_words_for_is_not_stored() -> None:
    with pytest.raises(TypeError):
        stored(object())


@pytest.mark.parametrize(
    "instant, expected",
    [
        (datetime(2025, 6, 1, tzinfo=UTC), "2025-06-01T00:00:00.000Z"),
        (datetime(2025, 6, 1, 1, 30, 0, 999_999, tzinfo=timezone(timedelta(hours=2))), "2025-05-31T23:30:00.999Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_utc_to_the_millisecond(instant: datetime, expected: str) -> None:
    assert time_text(instant) == stored(instant) == expected


@pytest.fixture
def tokyo() -> Iterator[None]:
    """The clock of a machine in Tokyo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_a_time_without_a_zone_is_utc_on_every_machine() -> None:
    time_text.cache_clear()
    assert time_text(datetime(2025, 6, 1, 12)) == "2025-06-01T12:00:00.000Z"  # noqa: DTZ001  # that is the point


def test_texts_of_times_sort_as_the_times_do() -> None:
    start = datetime(1999, 12, 31, 23, 59, 59, 998_000, tzinfo=UTC)
    instants = [start + timedelta(milliseconds=number) for number in range(5)]
    assert sorted(map(time_text, instants)) == list(map(time_text, instants))


def test_a_uuid_is_text_without_quotes() -> None:
    assert stored(uuid.UUID(int=1)) == "00000000-0000-0000-0000-000000000001"
