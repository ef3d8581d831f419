"""Small texts that many commands print: times, counts, sizes, and names that somebody else chose."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

# what a terminal obeys, reorders by, or does not show: control characters, line separators, directions, spaces of no
# width; and lone surrogates. Joiners stay: scripts and emoji are written with them
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_NO_WIDTH: Final = frozenset({"Mn", "Me", "Cf"})  # marks, and what only says how others are set
_COMBINED: Final = 4  # characters that share a cell, at most, in what people write
_STEP: Final = 1000
_UNITS: Final = ("kB", "MB", "GB", "TB")
_LENGTHS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))  # in seconds


def stamp(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: `2025-01-31T18:30:00.250Z`."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def stamp_or_dash(instant: datetime | None) -> str:
    """The same, `-` for none."""
    return "-" if instant is None else stamp(instant)


def printable(text: str) -> str:
    """A text on one line, without characters that a terminal obeys."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def escaped(text: str) -> str:
    r"""JSON text with such characters, which can only stand in its strings, as `\uXXXX`; lines are kept."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def width(text: str) -> int:
    """How many cells of a terminal a text takes: wide characters of East Asia two, marks none."""
    if text.isascii():
        return len(text)
    return sum(1 if character < "\x80" else _cells(character) for character in text)


def fits(text: str, cells: int) -> bool:
    """Whether a text takes at most so many cells. One that is so much longer is not counted out."""
    return len(text) <= _COMBINED * cells and width(text) <= cells


def padding(text: str, cells: int) -> str:
    """The spaces that a text lacks to take so many cells."""
    return " " * (cells - width(text)) if fits(text, cells) else ""


def grouped(number: int) -> str:
    """A number in groups of three digits: `25 781`."""
    return f"{number:,}".replace(",", " ")


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and what it counts: `1 event`, `25 781 events`."""
    return f"{grouped(number)} {one if number == 1 else many or one + 's'}"


def sized(number: int) -> str:
    """Bytes for people, in powers of ten: `812 B`, `3.4 MB`."""
    if number < _STEP:
        return f"{number} B"
    size, units = number / _STEP, list(_UNITS)
    while round(size, 1) >= _STEP and len(units) > 1:
        size /= _STEP
        units.pop(0)
    return f"{size:.1f} {units[0]}"


def lasting(seconds: int) -> str:
    """A length of time in the largest unit that it is a whole number of: `1 h`, `90 min`."""
    length, name = next((unit, name) for unit, name in _LENGTHS if seconds % unit == 0)
    return f"{grouped(seconds // length)} {name}"


@lru_cache(maxsize=4096)
def _cells(character: str) -> int:
    if _UNSAFE.match(character) or character == "\N{SOFT HYPHEN}":  # shown as something else; shown by terminals
        return 1
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
