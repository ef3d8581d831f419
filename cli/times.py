"""TIME as users write it.

2025-01-31                    ISO 8601; a date means its first instant
2025-01-31T18:30:00.250+02:00 no zone means UTC
now
-7d  -12h  -30m  -2w          that long before now
@1234                         the sequence number of an event, and so the end of its sync
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

ACCEPTED: Final = "2025-01-31, 2025-01-31T18:30:00Z (or +02:00; no zone means UTC), now, -7d (m, h, d, w), @1234"
LAST_SEQ: Final = 2**63 - 1  # what SQLite can hold

_AGO: Final = re.compile(r"-([0-9]{1,9})([mhdw])", re.ASCII)
_SEQ: Final = re.compile(r"@([0-9]{1,19})", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class NotATime(ValueError):
    """A text is no TIME; the message says what would be."""


def parse(text: str, *, now: datetime) -> datetime | int:
    """Read a TIME: an aware datetime in UTC, or a sequence number. Raises `NotATime`."""
    try:
        return _parse(text.strip(), now)
    except (ValueError, OverflowError):
        raise NotATime(f"{text!r} is no time; write one as {ACCEPTED}") from None


def _parse(text: str, now: datetime) -> datetime | int:
    if text == "now":
        return now
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if seq := _SEQ.fullmatch(text):
        return _sequence(int(seq[1]))
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _sequence(number: int) -> int:
    if number > LAST_SEQ:
        raise ValueError(number)
    return number
