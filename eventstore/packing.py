"""Packing the attempts of one sync: columns, each value less the one before it where that makes them small.

Of a thousand requests that brought nothing new, a thousand rows would be most of what is stored. A block is one
MessagePack array of columns, compressed, with its size before it (4 bytes, little endian). Where that is shorter it is
not compressed: the size is 0 then. A Date is kept as seconds from the arrival of its answer.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from eventstore.canonical import canonical
from eventstore.compression import checked, pack, unchecked, unpack
from eventstore.errors import Damaged

WITH_ANSWER: Final = frozenset({"ETag", "Last-Modified", "Content-Type"})  # headers that go with an answer
NOT_MODIFIED: Final = 304
_SECOND: Final = 1000  # milliseconds

Headers: TypeAlias = Mapping[str, str]


class Row(NamedTuple):
    """One attempt as the tables have it: times in milliseconds, `headers` without those that stand in `news`.

    `date`: seconds from its arrival to the Date among its headers, where that is packed; `headers` are without it then.
    """

    id: int
    scope: int
    requested_at: int
    received_at: int
    status: int | None
    answered: bool
    error: str | None
    headers: Headers
    url: str | None
    tries: int
    date: int | None = None

    @property
    def own_headers(self) -> Headers:
        """All headers that it does not share with the answer that it brought."""
        return self.headers if self.date is None else {"Date": _date(self.received_at, self.date), **self.headers}


class _Rest(msgspec.Struct, array_like=True, omit_defaults=True):
    """What few attempts have."""

    error: str | None = None
    url: str | None = None
    headers: dict[str, str] = {}


class _Columns(msgspec.Struct, array_like=True):
    """Attempts of one sync, column by column. `scopes` and `requested` are differences to the one before."""

    scopes: list[int]
    requested: list[int]
    took: list[int]  # milliseconds from request to arrival
    statuses: list[int]  # 0: none
    answered: list[bool]
    dates: list[int | None]  # seconds from the arrival to the answer's Date
    tries: list[int]
    rest: dict[int, _Rest]  # by place


def encode(rows: Sequence[Row], opened_at: int) -> bytes:
    """Pack attempts of a sync that was opened then (milliseconds)."""
    scopes, requested, scope, moment = [], [], 0, opened_at
    for row in rows:
        scopes.append(row.scope - scope)
        requested.append(row.requested_at - moment)
        scope, moment = row.scope, row.requested_at
    dates = [_date_offset(row) for row in rows]
    columns = _Columns(
        scopes,
        requested,
        [row.received_at - row.requested_at for row in rows],
        [row.status or 0 for row in rows],
        [row.answered for row in rows],
        dates,
        [row.tries for row in rows],
        {place: rest for place, row in enumerate(rows) if (rest := _rest(row, dates[place])) is not None},
    )
    body = msgspec.msgpack.encode(columns)
    plain, packed = checked(body), pack(body)
    return _size(len(body)) + packed if len(packed) < len(plain) else _size(0) + plain


def decode(packed: bytes, first: int, opened_at: int) -> list[Row]:
    """Undo `encode` for attempts numbered from `first` on. Raises `Damaged`."""
    try:
        size = int.from_bytes(packed[:4], "little")
        body = unpack(packed[4:], size) if size else unchecked(packed[4:])
        columns = msgspec.msgpack.decode(body, type=_Columns)
        return list(_rows(columns, first, opened_at))
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise Damaged(f"the attempts from {first} on cannot be read: {error}") from None


def _size(size: int) -> bytes:
    return size.to_bytes(4, "little")


def _rows(columns: _Columns, first: int, opened_at: int) -> Iterator[Row]:
    scope, moment, nothing = 0, opened_at, _Rest()
    for place, values in enumerate(
        zip(
            columns.scopes,
            columns.requested,
            columns.took,
            columns.statuses,
            columns.answered,
            columns.dates,
            columns.tries,
            strict=True,
        )
    ):
        step, waited, took, status, answered, date, tries = values
        scope, moment = scope + step, moment + waited
        rest = columns.rest.get(place, nothing)
        came = (rest.error, rest.headers)
        yield Row(first + place, scope, moment, moment + took, status or None, answered, *came, rest.url, tries, date)


def _rest(row: Row, date: int | None) -> _Rest | None:
    headers = {name: value for name, value in row.headers.items() if date is None or name != "Date"}
    if row.error is None and row.url is None and not headers:
        return None
    return _Rest(row.error, row.url, headers)


def _date_offset(row: Row) -> int | None:
    if row.date is not None:
        return row.date
    seconds = _seconds(row.headers["Date"]) if "Date" in row.headers else None
    return None if seconds is None else seconds - row.received_at // _SECOND


@functools.lru_cache(maxsize=1024)
def _seconds(text: str) -> int | None:
    """Seconds since 1970 of a Date that is written as we would write it, None for any other."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # only writers need it

    try:
        seconds = int(parsedate_to_datetime(text).timestamp())
        return seconds if _http_date(seconds) == text else None
    except (TypeError, ValueError, OverflowError):
        return None


def _date(received_at: int, offset: int) -> str:
    return _http_date(received_at // _SECOND + offset)


@functools.lru_cache(maxsize=1024)
def _http_date(seconds: int) -> str:
    # not by hand: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
    from email.utils import format_datetime  # noqa: PLC0415  # only who looks at headers needs it

    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def split_headers(headers: Headers) -> tuple[dict[str, str], dict[str, str]]:
    """The headers that go with an answer, and those of one attempt."""
    with_answer = {name: value for name, value in headers.items() if name in WITH_ANSWER}
    return with_answer, {name: value for name, value in headers.items() if name not in WITH_ANSWER}


def text_of(headers: Headers) -> str | None:
    """Headers as they are stored."""
    return canonical(dict(headers)).decode() if headers else None


def values_of(row: Row, sync: int) -> tuple[Any, ...]:
    """The values of an open sync's row."""
    return (row.id, sync, *row[1:7], text_of(row.headers), row.url, row.tries)


def to_the_second(ms: int) -> int:
    """A time cut to its second."""
    return ms // _SECOND * _SECOND
