"""Since when each field has its value, as `orlog blame` prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from cli.render import forms
from cli.terminal.paper import GAP, Paper, Span, Style, cells, fit, row, wrapped
from cli.terminal.values import after, inline, moment
from cli.text import fits, width
from eventstore import ABSENT, JSON, Blame, Occurrence, resolve

PATHS: Final = 3  # paths take at most a third of the width
PATHS_UNBOUNDED: Final = 200  # cells, where there is no width; a longer path stands on a line of its own
VALUES: Final = 60  # cells that values take where there is no width; nothing is folded there
LEAST: Final = 16  # cells that values need beside the rest; where there are fewer, each field has lines of its own
ENOUGH: Final = 32  # cells that they are left before the earlier end stands beside the later one
BELOW: Final = 4  # cells by which lines of a field's own are indented

TO: Final = "\N{EN DASH}"

_ELEMENT: Final = re.compile(r"(.*)/(0|[1-9]\d{0,8})", re.DOTALL)
_HEADER: Final = ("FIELD", "VALUE", "SINCE (UTC)", "EVENT")
_WAS: Final = "was "


def table(rows: Sequence[Blame], paper: Paper, *, document: JSON = ABSENT) -> Iterator[bytes]:
    """Each field: what it says and said before, since when (UTC; both ends where they are known), by which event."""
    fields = _joined(rows, document)
    if fields:
        yield from (f"{paper.line(line)}\n".encode() for line in _lines(fields, paper.width))


def contract(row_: Blame) -> dict[str, Any]:
    """A field as other programs are promised it; `before` is left out where nothing stood there."""
    members: dict[str, Any] = {
        "path": row_.path,
        "value": forms.recorded(row_.value),
        "seq": row_.since.seq,
        "sync": row_.since.sync,
        "not_before": row_.since.not_before,
        "observed_at": row_.since.observed_at,
    }
    if row_.before is not ABSENT:
        members["before"] = forms.recorded(row_.before)
    return members


# -- which lines there are


class _Field(NamedTuple):
    """A field, or the elements of a plain array that came together."""

    path: str
    value: JSON
    since: Occurrence
    before: JSON

    def whole(self) -> list[Span]:
        was = [] if self.before is ABSENT else [GAP, Span(f"{_WAS}{inline(self.before, None)}", Style.DIM)]
        return [Span(inline(self.value, None)), *was]

    def folded(self, room: int | None) -> tuple[list[Span], list[Span]]:
        """What it says, and what is to stand below that."""
        whole = self.whole()
        if room is None or fit(whole, room):
            return whole, []
        was = [] if self.before is ABSENT else [Span(_WAS + inline(self.before, room - len(_WAS)), Style.DIM)]
        return [Span(inline(self.value, room))], was

    @property
    def after(self) -> str:
        return after(self.since.not_before)

    @property
    def at(self) -> str:
        return moment(self.since.observed_at)

    @property
    def event(self) -> str:
        return f"@{self.since.seq}"


def _joined(rows: Sequence[Blame], document: JSON) -> list[_Field]:
    """The fields; elements of a plain array that stand in a row and came together are one: `/tags/0` to 2."""
    runs: list[list[Blame]] = []
    for each in rows:
        if runs and _continues(runs[-1][-1], each, document):
            runs[-1].append(each)
        else:
            runs.append([each])
    return [_field(run) for run in runs]


def _field(run: list[Blame]) -> _Field:
    first = run[0]
    if len(run) == 1:
        return _Field(first.path or "(all)", first.value, first.since, first.before)
    before = ABSENT if first.before is ABSENT else [each.before for each in run]
    path = f"{first.path}{TO}{run[-1].path.rpartition('/')[2]}"
    return _Field(path, [each.value for each in run], first.since, before)


def _continues(one: Blame, other: Blame, document: JSON) -> bool:
    if one.since.seq != other.since.seq or (one.before is ABSENT) is not (other.before is ABSENT):
        return False
    here, next_ = _ELEMENT.fullmatch(one.path), _ELEMENT.fullmatch(other.path)
    if here is None or next_ is None or (here[1], int(here[2]) + 1) != (next_[1], int(next_[2])):
        return False
    return document is ABSENT or type(resolve(document, here[1])) is list


# -- where they stand


class _Layout(NamedTuple):
    """Cells of all columns but the last; to how many values are folded (None: not at all).

    `beside`: whether the earlier end has a column; otherwise it stands below the later one.
    """

    widths: tuple[int, ...]
    fold: int | None
    beside: bool


def _lines(fields: list[_Field], room: int | None) -> Iterator[list[Span]]:
    layout = _layout(fields, room)
    if layout is None:
        for field in fields:
            yield from _block(field, room)
        return
    path, value, *times = ([Span(each, Style.BOLD)] for each in _HEADER)
    yield row([path, value, times[0], *([[]] if layout.beside else []), times[1]], layout.widths)
    previous = None
    for field in fields:
        yield from _rows(field, layout, again=field.since.seq == previous)
        previous = field.since.seq


def _layout(fields: list[_Field], room: int | None) -> _Layout | None:
    """None where the columns would be too narrow."""
    name, value, since, event = map(len, _HEADER)
    longest = max(value, *(cells(field.whole()) for field in fields))
    since, event = max(since, *(len(each.at) for each in fields)), max(event, *(len(each.event) for each in fields))
    earlier = max(len(field.after) for field in fields)
    widest = PATHS_UNBOUNDED if room is None else room // PATHS
    paths = max([name, *(width(field.path) for field in fields if fits(field.path, widest))])
    if room is None:
        return _Layout((paths, min(longest, VALUES), since, earlier), None, beside=True)
    gap = len(GAP.text)
    beside = room - paths - since - earlier - event - 4 * gap
    if beside >= min(longest, ENOUGH):
        return _Layout((paths, min(longest, beside), since, earlier), beside, beside=True)
    below = room - paths - max(since + gap + event, earlier) - 2 * gap
    return _Layout((paths, min(longest, below), since), below, beside=False) if below >= LEAST else None


def _rows(field: _Field, layout: _Layout, *, again: bool) -> Iterator[list[Span]]:
    """A field's lines. What `again` the same event did is dim, and its earlier end is not said twice below."""
    style = Style.DIM if again else Style.PLAIN
    value, below = field.folded(layout.fold)
    earlier = [Span(field.after, Style.DIM)]
    times = [[Span(field.at, style)], *([earlier] if layout.beside else []), [Span(field.event, style)]]
    path = [Span(field.path)]
    second = earlier if not layout.beside and not again else []
    if cells(path) <= layout.widths[0]:
        yield row([path, value, *times], layout.widths)
        lines = [(below, second)]
    else:
        both = layout.widths[0] + len(GAP.text) + layout.widths[1]
        yield row([path, *times], [both, *layout.widths[2:]])
        lines = [(value, second), (below, [])]
    yield from (row([[], *line], layout.widths) for line in lines if cells(line[0]) or cells(line[1]))


def _block(field: _Field, room: int | None) -> Iterator[list[Span]]:
    room = None if room is None else room - BELOW
    value, was = field.folded(room)
    since = [Span(field.at, solid=True), GAP, Span(field.event)]
    earlier = [GAP, Span(field.after, Style.DIM, solid=True)] if field.after else []
    yield [Span(field.path)]
    yield from ([Span(" " * BELOW), *line] for line in (value, was, *wrapped(since + earlier, room)) if line)
