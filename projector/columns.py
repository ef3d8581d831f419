"""Columns: what a row type is in a table, and values as SQLite stores them.

Text, integers of 64 bits and doubles are stored as they are, booleans as 0 and 1, times as ISO 8601 with milliseconds
in UTC, `Decimal` as its exact digits, and what has members or elements as canonical JSON text.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from projector.errors import BadProjection

Stored: TypeAlias = str | int | float | None
"""A value as SQLite holds it."""

encoded = msgspec.json.Encoder(order="sorted").encode
"""Canonical bytes of a value that was parsed: nothing is checked."""

INTEGERS: Final = range(-(1 << 63), 1 << 63)

_TYPES: Final[Mapping[type, str]] = {
    msgspec.inspect.StrType: "TEXT",
    msgspec.inspect.IntType: "INTEGER",
    msgspec.inspect.BoolType: "INTEGER",
    msgspec.inspect.FloatType: "REAL",
    msgspec.inspect.DateTimeType: "TEXT",
    msgspec.inspect.DateType: "TEXT",
    msgspec.inspect.DecimalType: "TEXT",
    msgspec.inspect.EnumType: "TEXT",
    msgspec.inspect.LiteralType: "ANY",
    msgspec.inspect.AnyType: "ANY",
}


_NUMBER: Final = ("REAL", False)  # NaN would be null in it


class Column(msgspec.Struct, frozen=True):
    """A column: its name, its type in a STRICT table, and whether a row may leave it null."""

    name: str
    type: str
    nullable: bool = True


@functools.cache
def columns_of(row: type[msgspec.Struct]) -> tuple[Column, ...]:
    """The columns of a row type, one for each field. Raises `BadProjection` where it is no struct."""
    if not _is_struct(row):
        raise BadProjection(f"{row!r} is no row type: rows are msgspec structs")
    try:
        info = msgspec.inspect.type_info(row)
    except (TypeError, NameError) as error:
        raise BadProjection(f"{row.__name__} cannot be a row type: {error}") from None
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101  # for mypy: it is a struct
    return tuple(_column(field.name, field.type) for field in info.fields)


def _is_struct(row: object) -> bool:
    return isinstance(row, type) and issubclass(row, msgspec.Struct)


def _column(name: str, type_: msgspec.inspect.Type) -> Column:
    types = list(type_.types) if isinstance(type_, msgspec.inspect.UnionType) else [type_]
    rest = [each for each in types if not isinstance(each, msgspec.inspect.NoneType)]
    kinds = {_TYPES.get(type(each), "TEXT") for each in rest}
    nullable = len(rest) < len(types) or isinstance(type_, msgspec.inspect.AnyType)
    return Column(name, kinds.pop() if len(kinds) == 1 else "ANY", nullable)


def stored(value: Any) -> Stored:
    """A value as it is stored. Raises `TypeError` for what JSON has no words for."""
    store = _STORE.get(type(value))
    if store is not None:
        return store(value)
    if isinstance(value, enum.Enum):
        return stored(value.value)
    plain = msgspec.to_builtins(value)  # a UUID is text, what has members or elements is JSON
    return stored(plain) if type(plain) in _STORE else encoded(plain).decode()


@functools.cache
def narrow_columns_of(row: type[msgspec.Struct]) -> tuple[Column, ...]:
    """Those columns of a row type that do not hold every value of its fields: see `check`."""
    return tuple(each for each in columns_of(row) if each.type == "INTEGER" or (each.type, each.nullable) == _NUMBER)


def check(value: Any, column: Column) -> None:
    """Raise `TypeError` where a narrow column cannot hold a value."""
    if column.type == "INTEGER" and type(value) is int and value not in INTEGERS:
        raise TypeError(f"Expected an integer of 64 bits, got {value} - at `$.{column.name}`")
    if column.type == "REAL" and not column.nullable and _double(value) is None:
        raise TypeError(f"Expected a number, got NaN - at `$.{column.name}`")


def _integer(value: int) -> Stored:
    return value if value in INTEGERS else str(value)  # exactly, at any size


@functools.lru_cache(maxsize=4096)
def time_text(instant: datetime) -> str:
    """An instant as views hold it: `2025-06-01T12:00:00.000Z`, so that text sorts as time does. No zone means UTC."""
    if instant.tzinfo is not None:
        instant = instant.astimezone(UTC).replace(tzinfo=None)
    return f"{instant.isoformat(timespec='milliseconds')}Z"


def _double(value: float) -> Stored:
    return value if value == value else None  # noqa: PLR0124  # NaN, of which SQLite makes null


def _as_it_is(value: Any) -> Stored:
    same: Stored = value
    return same


_STORE: Final[Mapping[type, Callable[[Any], Stored]]] = {
    str: _as_it_is,
    type(None): _as_it_is,
    float: _double,
    int: _integer,
    bool: int,
    datetime: time_text,
    date: date.isoformat,
    Decimal: lambda value: f"{value:f}",
}
