"""Times, counts, sizes and foreign names, as they are printed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cli.text import counted, grouped, printable, sized, stamp, stamp_or_dash


def test_times_are_printed_in_utc_with_milliseconds() -> None:
    assert stamp(datetime(2025, 1, 31, 18, 30, tzinfo=UTC)) == "2025-01-31T18:30:00.000Z"
    cest = timezone(timedelta(hours=2))
    assert stamp(datetime(2025, 1, 31, 1, 0, 0, 250000, tzinfo=cest)) == "2025-01-30T23:00:00.250Z"
    assert stamp_or_dash(datetime(2025, 1, 31, tzinfo=UTC)) == "2025-01-31T00:00:00.000Z"
    assert stamp_or_dash(None) == "-"


@pytest.mark.parametrize("evil", ["\x1b[2J", "a\nb", "\x9b1m", "\u202eabc", "\u2028", "\ud800", "\x7f"])
def test_what_a_terminal_obeys_is_not_printed(evil: str) -> None:
    assert set(printable(evil)) & set("\x1b\n\x9b\u202e\u2028\ud800\x7f") == set()
    assert "\N{REPLACEMENT CHARACTER}" in printable(evil)


def test_ordinary_names_are_printed_as_they_are() -> None:
    assert printable("openai/gpt-4.1:free ü 模型 🦙") == "openai/gpt-4.1:free ü 模型 🦙"


def test_numbers_are_grouped_and_what_they_count_has_its_plural() -> None:
    assert [grouped(0), grouped(999), grouped(25781)] == ["0", "999", "25 781"]
    assert [counted(1, "sync"), counted(0, "sync"), counted(1500, "sync")] == ["1 sync", "0 syncs", "1 500 syncs"]
    assert counted(2, "more", "more") == "2 more"


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (3_403_776, "3.4 MB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_sizes_are_in_powers_of_ten(number: int, text: str) -> None:
    assert sized(number) == text
