"""Attempts as they are packed: a thousand that brought nothing new take next to no room."""

from __future__ import annotations

from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import Damaged, from_ms
from eventstore.packing import Row, decode, encode

OPENED = 1_767_225_600_000

PLAIN = Row(
    id=1,
    scope=1,
    requested_at=OPENED,
    received_at=OPENED,
    status=200,
    answered=True,
    error=None,
    headers={},
    url=None,
    tries=1,
)

rows = st.builds(
    Row,
    id=st.just(0),
    scope=st.integers(1, 1 << 40),
    requested_at=st.integers(0, 1 << 42),
    received_at=st.integers(0, 1 << 42),
    status=st.none() | st.integers(100, 599),
    answered=st.booleans(),
    error=st.none() | st.text(),
    headers=st.dictionaries(st.sampled_from(["ETag", "Age", "Last-Modified"]), st.text(), max_size=3),
    url=st.none() | st.text(),
    tries=st.integers(0, 9),
    date=st.none(),
)


@given(st.lists(rows, min_size=1), st.integers(1, 1 << 40))
def test_attempts_come_back_as_they_were_packed(packed: list[Row], first: int) -> None:
    numbered = [row._replace(id=first + place) for place, row in enumerate(packed)]
    assert decode(encode(numbered, OPENED), first, OPENED) == numbered


@given(st.integers(0, 1 << 42), st.integers(-100_000, 100_000))
def test_a_date_comes_back_as_it_was_written(received_at: int, offset: int) -> None:
    date = (
        format_datetime(from_ms(received_at // 1000 * 1000 + offset * 1000), usegmt=True)
        if received_at > 10**9
        else "-"
    )
    row = PLAIN._replace(requested_at=received_at, received_at=received_at, headers={"Date": date, "Age": "3"})
    (found,) = decode(encode([row], OPENED), 1, OPENED)
    assert dict(found.own_headers) == {"Date": date, "Age": "3"}


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 01 Jan 2026 00:00:00 +0000", "Thu, 01 Jan 2026 00:00:61 GMT"])
def test_a_date_that_is_written_otherwise_stays_as_it_is(date: str) -> None:
    row = PLAIN._replace(headers={"Date": date})
    (found,) = decode(encode([row], OPENED), 1, OPENED)
    assert dict(found.own_headers) == {"Date": date}


def test_a_thousand_confirmations_take_a_few_hundred_bytes() -> None:
    date = format_datetime(from_ms(OPENED), usegmt=True)
    confirmed = []
    for number in range(1, 1001):
        moment = OPENED + number // 10 * 1000
        row = PLAIN._replace(id=number, scope=number, requested_at=moment, received_at=moment)
        confirmed.append(row._replace(status=304, headers={"Date": date}))
    assert len(encode(confirmed, OPENED)) < 500


@given(st.data())
def test_a_flipped_bit_is_found(data: st.DataObject) -> None:
    row = PLAIN._replace(headers={"ETag": "x"})
    packed = bytearray(encode([row, row._replace(id=2, scope=8)], OPENED))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Damaged):
        decode(bytes(packed), 1, OPENED)
