"""All values that a field has had, as `orlog history` prints them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from csv import writer
from datetime import datetime
from typing import Any, Final, NamedTuple

from cli.render import forms
from cli.terminal.paper import GAP, Paper, Span, Style, cells, row, wrapped
from cli.terminal.sparkline import Held, sparkline
from cli.terminal.values import after, inline, lasting, moment, numeric
from cli.text import fits, stamp
from eventstore import ABSENT, JSON, Document, FieldChange, Occurrence, Period, field_changes

SPARKLINE: Final = 80  # blocks at most
LEAST: Final = 16  # cells that values need beside the rest; where there are fewer, they go below
ENOUGH: Final = 30  # cells that they are left before one more column is shown
BELOW: Final = 4  # cells by which they are indented there
STILL: Final = "still"

_CSV: Final = ("value", "not_before", "observed_at", "until_not_before", "until", "seq", "until_seq")


def table(periods: Sequence[Period], paper: Paper, *, until: datetime | None = None) -> Iterator[bytes]:
    """Oldest first, in UTC, both ends of when a value came; it ended when the next one came, or nothing did.

    Where there is room, the end has columns too. Numbers, and decimals in strings, are headed by their course. `until`:
    to when the log reaches; for so long the last value stands at least.
    """
    if periods:
        lines = [*_course(periods, paper.width, until), *_lines(_stretches(periods), paper.width, until)]
        yield from (f"{paper.line(line)}\n".encode() for line in lines)


def contract(period: Period) -> dict[str, Any]:
    """A period as other programs are promised it; `until` is null where the value stands still."""
    until = period.until
    return {
        "value": forms.recorded(period.value),
        **_occurrence(period.since),
        "until": None if until is None else _occurrence(until),
    }


def csv(periods: Sequence[Period]) -> Iterator[bytes]:
    """RFC 4180, with a header. Strings as they are, other values as JSON; what is not known is empty."""
    text = io.StringIO()
    rows = writer(text)
    rows.writerow(_CSV)
    for period in periods:
        value = period.value if type(period.value) is str else Document.parsed(period.value).canonical.decode()
        ends = [*_ends(period.since), *(("", "") if period.until is None else _ends(period.until))]
        rows.writerow([value, *ends, period.since.seq, "" if period.until is None else period.until.seq])
    yield text.getvalue().encode()


def _occurrence(each: Occurrence) -> dict[str, Any]:
    return {"seq": each.seq, "sync": each.sync, "not_before": each.not_before, "observed_at": each.observed_at}


def _ends(each: Occurrence) -> tuple[str, str]:
    return "" if each.not_before is None else stamp(each.not_before), stamp(each.observed_at)


# -- the course of numbers


def _course(periods: Sequence[Period], room: int | None, until: datetime | None) -> list[list[Span]]:
    """A sparkline, and what it runs between; nothing where there are no two numbers, or something else than numbers."""
    numbers = [number for period in periods if (number := numeric(period.value)) is not None]
    if len(numbers) < max(len(periods), 2):
        return []
    blocks = min(room or SPARKLINE, SPARKLINE)
    first, last = periods[0].since.observed_at, periods[-1].since.observed_at
    end = until or last + (last - first) / blocks  # nobody says how long the last one has stood: a block
    held = [
        Held(number, period.since.observed_at, end if period.until is None else period.until.observed_at)
        for number, period in zip(numbers, periods, strict=True)
    ]
    values = [period.value for period in periods]
    named = {
        "first": values[0],
        "last": values[-1],
        "min": values[numbers.index(min(numbers))],
        "max": values[numbers.index(max(numbers))],
    }
    fold = None if room is None else ENOUGH
    spans = [span for name, value in named.items() for span in (GAP, Span(f"{name} {inline(value, fold)}", solid=True))]
    return [[Span(sparkline(held, blocks), Style.CHANGED)], *wrapped(spans[1:], room), []]


# -- the table


class _Stretch(NamedTuple):
    """A time in which the field had a value, or none (`ABSENT`); `until` None: it goes on."""

    value: JSON
    since: Occurrence
    until: Occurrence | None
    before: JSON = ABSENT  # that stood until then


def _stretches(periods: Sequence[Period]) -> list[_Stretch]:
    stretches: list[_Stretch] = []
    for period, next_ in zip(periods, [*periods[1:], None], strict=True):
        before = stretches[-1].value if stretches else ABSENT
        stretches.append(_Stretch(period.value, period.since, period.until, before))
        resumed = None if next_ is None else next_.since
        if period.until is not None and (resumed is None or resumed.seq != period.until.seq):
            stretches.append(_Stretch(ABSENT, period.until, resumed))
    return stretches


class _Layout(NamedTuple):
    """Which columns there are besides since when, how long and the value; what has none goes below, save the end."""

    until: bool
    after: bool
    value: bool = True


_LAYOUTS: Final = (
    _Layout(until=True, after=True),
    _Layout(until=False, after=True),
    _Layout(until=False, after=False),
    _Layout(until=False, after=False, value=False),
)


def _lines(stretches: list[_Stretch], room: int | None, head: datetime | None) -> Iterator[list[Span]]:
    layout, widths, fold = _fitted(stretches, room, head)
    yield row([*_header(layout), *([[Span("VALUE", Style.BOLD)]] if layout.value else [])], widths)
    for stretch in stretches:
        yield from _rows(stretch, _times(stretch, layout, head), layout, widths, fold)


def _fitted(
    stretches: list[_Stretch], room: int | None, head: datetime | None
) -> tuple[_Layout, list[int], int | None]:
    """The fullest layout that fits, cells of its columns, and of the values."""
    longest = max(cells(_value(stretch, ENOUGH)) for stretch in stretches)
    for layout in _LAYOUTS:
        columns = [_header(layout), *(_times(stretch, layout, head) for stretch in stretches)]
        widths = [max(map(cells, column)) for column in zip(*columns, strict=True)]
        if room is None:
            return layout, widths, None
        left = room - sum(widths) - len(widths) * len(GAP.text)
        if not layout.value:
            return layout, widths, room - BELOW
        if left >= min(longest, ENOUGH if layout.after else LEAST):
            return layout, widths, left
    raise AssertionError("the last layout fits everywhere")


def _rows(
    stretch: _Stretch, times: list[list[Span]], layout: _Layout, widths: Sequence[int], fold: int | None
) -> Iterator[list[Span]]:
    value = _value(stretch, fold)
    yield row([*times, *([value] if layout.value else [])], widths)
    if not layout.after and stretch.since.not_before is not None:
        yield [Span(after(stretch.since.not_before), Style.DIM)]
    if not layout.value:
        yield [Span(" " * BELOW), *value]


def _header(layout: _Layout) -> list[list[Span]]:
    earlier = [""] if layout.after else []
    names = ["SINCE (UTC)", *earlier, *(["UNTIL", *earlier] if layout.until else []), "LASTED"]
    names += ["EVENT"] if layout.until else []
    return [[Span(name, Style.BOLD)] for name in names]


def _times(stretch: _Stretch, layout: _Layout, head: datetime | None) -> list[list[Span]]:
    since, until = stretch.since, stretch.until
    ends = [*_ending(since, layout), *(_ending(until, layout) if layout.until else [])]
    end = head if until is None else until.observed_at
    lasted = "" if end is None else lasting(end - since.observed_at)
    event = [[Span(f"@{since.seq}", Style.DIM)]] if layout.until else []
    return [*ends, [Span(", ".join(filter(None, (lasted, STILL if until is None else ""))))], *event]


def _ending(each: Occurrence | None, layout: _Layout) -> list[list[Span]]:
    at = "" if each is None else moment(each.observed_at)
    earlier = "" if each is None else after(each.not_before)
    return [[Span(at)], *([[Span(earlier, Style.DIM)]] if layout.after else [])]


def _value(stretch: _Stretch, fold: int | None) -> list[Span]:
    """The value; of an object that was another one before, what changed in it."""
    if type(stretch.value) is dict and type(stretch.before) is dict:
        return [Span(_changed(field_changes(stretch.before, stretch.value), fold))]
    return [Span(inline(stretch.value, fold), Style.DIM if stretch.value is ABSENT else Style.PLAIN)]


def _changed(changes: Sequence[FieldChange], fold: int | None) -> str:
    """As many paths as fit, and how many more there are; at least one."""
    signs = ["+" if each.before is ABSENT else "-" if each.after is ABSENT else "~" for each in changes]
    paths = [f"{sign} {each.path}" for sign, each in zip(signs, changes, strict=True)]
    for shown in range(len(paths), 1, -1):
        more = [f"{len(paths) - shown} more"] if shown < len(paths) else []
        text = ", ".join([*paths[:shown], *more])
        if fold is None or fits(text, fold):
            return text
    return ", ".join([paths[0], f"{len(paths) - 1} more"] if len(paths) > 1 else paths)
