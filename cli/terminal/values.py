"""JSON values, instants and lengths of time as people read them on a line."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from cli.terminal.paper import head
from cli.text import counted, escaped, fits, grouped, width
from eventstore import ABSENT, JSON

FOLD: Final = "…"
DEEPER: Final = 3  # a member takes at most a third of the line, so that others can be seen beside it
LEAST: Final = 12  # … but may take so many cells: in fewer nothing can be told from it
TAIL: Final = 4  # of a word that is cut, a quarter of what is shown is its end

_DECIMAL: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
DIGITS: Final = 1000  # characters of a decimal in a string; longer ones measure nothing, and may overflow `Decimal`
_encoder: Final = msgspec.json.Encoder(order="sorted")

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
EXACT: Final = 10  # of how many units on a smaller one says nothing more
_UNITS: Final = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (timedelta(seconds=1), "s"))


def inline(value: JSON, cells: int | None) -> str:
    """A value (or `ABSENT`) as JSON on a line of at most `cells` cells; what does not fit is folded into `…`.

    Numbers are as recorded. Of arrays and objects as many members as fit are shown: `["a", "b", … 12 more]`, or else
    how many there are: `[14 elements]`, `{3 members}`.
    """
    if value is ABSENT:
        return _cut("(absent)", cells)
    text = _spelled(value)
    if text is not None and _fits(text, cells):
        return text
    if type(value) is dict:
        names = sorted(value)
        return _folded(((f"{_written(name)}: ", value[name]) for name in names), len(names), cells, "{}", "member")
    if type(value) is list:
        return _folded((("", element) for element in value), len(value), cells, "[]", "element")
    if type(value) is str and cells is not None and cells > len('""'):
        return f'"{_cut(_written(value)[1:-1], cells - 2)}"'
    return _cut(text or "", cells)


def numeric(value: JSON) -> Decimal | None:
    """The number that a value is, or that a string spells in decimal (`0.0000012`); None for all others."""
    if type(value) is str:
        return Decimal(value) if len(value) <= DIGITS and _DECIMAL.fullmatch(value) else None
    return Decimal(str(value)) if type(value) is int or type(value) is float else None


def moment(instant: datetime) -> str:
    """An instant in UTC: `2025-01-31 18:30:05`, with milliseconds only where it has some."""
    return (
        instant.astimezone(UTC)
        .replace(tzinfo=None)
        .isoformat(" ", "milliseconds" if instant.microsecond else "seconds")
    )


def after(not_before: datetime | None) -> str:
    """The earlier end of when something happened: `(after 2025-01-31 18:30:05)`, empty where it is not known."""
    return "" if not_before is None else f"(after {moment(not_before)})"


def lasting(length: timedelta) -> str:
    """A length of time: `34 d`, `40 s`; of less than ten units with the next smaller one: `1 d 12 h`, `4 h 40 min`."""
    for (unit, name), (smaller, its_name) in itertools.pairwise(_UNITS):
        whole, rest = length // unit, length % unit // smaller
        if whole:
            return f"{grouped(whole)} {name}" + (f" {rest} {its_name}" if rest and whole < EXACT else "")
    return f"{length // _UNITS[-1][0]} s"


def _spelled(value: JSON) -> str | None:
    """A value in full; None where it nests so deep that it could not be written."""
    with contextlib.suppress(RecursionError):
        return escaped(msgspec.json.format(_encoder.encode(value), indent=0).decode())
    return None


def _written(text: str) -> str:
    return escaped(_encoder.encode(text).decode())


def _fits(text: str, cells: int | None) -> bool:
    return cells is None or fits(text, cells)


def _cut(text: str, cells: int | None) -> str:
    """Cut prose at the end, and what has no spaces (names, addresses, digits) where three quarters are shown."""
    if cells is None or _fits(text, cells):
        return text
    if cells <= 1:
        return FOLD[:cells]
    tail = 0 if " " in text else (cells - 1) // TAIL
    end = head(text[::-1], tail)[::-1]
    return f"{head(text, cells - 1 - width(end)).rstrip()}{FOLD}{end}"


def _folded(members: Iterable[tuple[str, JSON]], count: int, cells: int | None, brackets: str, one: str) -> str:
    opening, closing = brackets[0], brackets[1]
    total = f"{opening}{counted(count, one)}{closing}"
    if cells is None:
        return total
    shown = _leading(members, count, closing, cells - 1) if cells >= LEAST else ""
    for text in (f"{opening}{shown}" if shown else total, total, f"{opening}{FOLD}{closing}", FOLD):
        if width(text) <= cells:
            return text
    return ""


def _leading(members: Iterable[tuple[str, JSON]], count: int, closing: str, room: int) -> str:
    """As many of the first members as fit, how many others there are, and the bracket; "" where none fits."""
    shown, best = "", ""
    share = max(LEAST, room // min(count or 1, DEEPER))
    for place, (name, member) in enumerate(members, start=1):
        end = f", {FOLD} {grouped(count - place)} more{closing}" if place < count else closing
        shown += f"{', ' if shown else ''}{name}"
        shown += inline(member, min(share, room))
        if width(shown) + len(end) > room:
            break
        best = shown + end
    return best
