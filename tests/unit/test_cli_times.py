"""TIME, as users write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.times import ACCEPTED, NotATime, parse

NOW = datetime(2025, 6, 15, 12, 30, 45, 123000, tzinfo=UTC)


def test_a_date_means_its_first_instant() -> None:
    assert parse("2025-01-31", now=NOW) == datetime(2025, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2025-01-31T18:30:00", datetime(2025, 1, 31, 18, 30, tzinfo=UTC)),
        ("2025-01-31 18:30", datetime(2025, 1, 31, 18, 30, tzinfo=UTC)),
        ("2025-01-31T18:30:00Z", datetime(2025, 1, 31, 18, 30, tzinfo=UTC)),
        ("2025-01-31T18:30:00.250Z", datetime(2025, 1, 31, 18, 30, 0, 250000, tzinfo=UTC)),
        ("2025-01-31T18:30:00+02:00", datetime(2025, 1, 31, 16, 30, tzinfo=UTC)),
        ("2025-01-31T00:30:00-0130", datetime(2025, 1, 31, 2, 0, tzinfo=UTC)),
        (" 2025-01-31 ", datetime(2025, 1, 31, tzinfo=UTC)),
    ],
)
def test_iso_8601_is_read_and_no_zone_means_utc(text: str, expected: datetime) -> None:
    instant = parse(text, now=NOW)
    assert instant == expected
    assert isinstance(instant, datetime)
    assert instant.utcoffset() == timedelta(0)


def test_now_is_the_now_that_is_passed_in() -> None:
    assert parse("now", now=NOW) is NOW


@pytest.mark.parametrize(
    "text, ago",
    [
        ("-30m", timedelta(minutes=30)),
        ("-12h", timedelta(hours=12)),
        ("-7d", timedelta(days=7)),
        ("-2w", timedelta(weeks=2)),
        ("-0d", timedelta(0)),
    ],
)
def test_relative_times_count_back_from_now(text: str, ago: timedelta) -> None:
    assert parse(text, now=NOW) == NOW - ago


@pytest.mark.parametrize("seq", [0, 1, 25781, 2**63 - 1])
def test_a_sequence_number_follows_an_at_sign(seq: int) -> None:
    assert parse(f"@{seq}", now=NOW) == seq


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "7d", "+7d", "-7", "-7y", "-1.5h", "--7d", "@", "@-1", "@1.5", "@x", "@٣", "-٣d",
        "2025", "2025-13-01", "2025-02-30", "2025-01-31T25:00", "1738348200",
        f"@{2**63}", "@99999999999999999999", "-999999999d", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(NotATime) as caught:
        parse(text, now=NOW)
    assert repr(text) in str(caught.value)
    assert ACCEPTED in str(caught.value)


@given(st.integers(0, 7 * 10**15), st.integers(-14 * 60, 14 * 60))
def test_any_instant_in_any_zone_is_read_as_itself(microseconds: int, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    instant = datetime(1970, 1, 1, tzinfo=zone) + timedelta(microseconds=microseconds)
    assert parse(instant.isoformat(), now=NOW) == instant


@given(st.text())
def test_no_text_breaks_the_reading_of_times(text: str) -> None:
    try:
        instant = parse(text, now=NOW)
    except NotATime:
        return
    assert isinstance(instant, int) or instant.tzinfo is UTC
