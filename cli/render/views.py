"""Views: how they stand, what was done to them, and what a query found."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from cli.options import Format
from cli.render import forms
from cli.terminal.paper import PLAIN, Paper, head
from cli.terminal.values import lasting, moment
from cli.text import counted, fits, grouped, padding, printable, width

if TYPE_CHECKING:
    from cli.projecting import Stand
    from projector import Difference, Issue, Ran, ViewStatus

CELL: Final = 60  # cells of a value in a table; the other formats have it whole
MOST: Final = 10_000  # rows in a table: it is laid out when all are there
CUT: Final = "…"
GAP: Final = "  "
_BREAKS: Final = re.compile(r"[\t\n\r]+")  # prose has them: a cell is one line

_STALE: Final = {
    "missing": "not built yet",
    "version": "stale: another version",
    "rows": "stale: other columns",
    "thinned": "stale: history was thinned",
    "log": "stale: the log was rebuilt",
}
_BUILT: Final = {
    "missing": "built",
    "version": "built anew, for it is another version,",
    "rows": "built anew, for the columns are others,",
    "log": "built anew, for the log was rebuilt,",
    "thinned": "built anew, for history was thinned,",
    "asked": "built anew",
}


def standing(found: Sequence[ViewStatus], paper: Paper = PLAIN) -> Iterator[bytes]:
    """A line for each view."""
    header = ("VIEW", "ROWS", "UP TO", "BEHIND", "ISSUES", "VERSION")
    lines = (
        (
            each.name,
            grouped(each.rows),
            "-" if each.observed_at is None else moment(each.observed_at),
            _behind(each),
            grouped(each.issues) if each.issues else "-",
            ", ".join([str(each.version), *_state(each)]),
        )
        for each in found
    )
    return forms.table(header, lines, paper)


def _behind(each: ViewStatus) -> str:
    if not each.lag_events:
        return "-"
    events = counted(each.lag_events, "event")
    length = timedelta(seconds=int(each.lag_seconds or 0))
    return f"{events}, {lasting(length)}" if length else events


def _state(each: ViewStatus) -> Iterator[str]:
    if each.stale is not None:
        yield _STALE.get(each.stale.value, each.stale.value)
    if each.building is not None:
        yield f"being built (@{each.building})"


def advice(stand: Stand) -> Iterator[str]:
    """What else there is to know of views, and what should be done about them."""
    if stand.joined:
        yield f"SQL views of these, to be asked like them: {', '.join(stand.joined)}"
    for said in stand.unheeded:
        yield f"orlog.toml: {said}"
    if any(each.stale is not None or each.lag_events for each in stand.views):
        yield "hint: `orlog project run` brings all views up to the record"
    if any(each.issues for each in stand.views):
        yield "hint: `orlog project issues` lists what did not fit"


def ran(done: Sequence[Ran]) -> Iterator[str]:
    """What was done to views, line by line."""
    for why, words in _BUILT.items():
        built = [each for each in done if each.rebuilt is not None and each.rebuilt.value == why]
        if built:
            events = counted(max(each.events for each in built), "event")
            names = ", ".join(sorted(each.view for each in built))
            yield f"{words} of {events}: {names}"
    followed = [each for each in done if each.rebuilt is None]
    if followed:
        new = max(each.events for each in followed)
        news = f"{counted(new, 'event was', 'events were')} new" if new else "nothing was new"
        yield f"brought up {counted(len(followed), 'view')}: {news}"
    if not done:
        yield "all views were left as they are"
    if misfits := sum(each.issues for each in done):
        yield f"{counted(misfits, 'value')} did not fit: `orlog project issues` lists them"


def differences(found: Sequence[Difference], paper: Paper = PLAIN) -> Iterator[bytes]:
    """A line for each view: what would become of its rows."""
    lines = (
        (
            each.view,
            grouped(each.rows.inserted),
            grouped(each.rows.updated),
            grouped(each.rows.deleted),
            grouped(each.rows.same),
            ", ".join([*(f"+{name}" for name in each.columns), *(f"-{name}" for name in each.gone)]) or "-",
        )
        for each in found
    )
    return forms.table(("VIEW", "INSERTED", "UPDATED", "DELETED", "LEFT ALONE", "COLUMNS"), lines, paper)


def issues(found: Sequence[Issue], format_: Format, paper: Paper = PLAIN) -> Iterator[bytes]:
    """What did not fit, and how to see it."""
    if format_ is not Format.TABLE:
        return forms.rows(({**forms.plain(each), "see": ["orlog", *each.see]} for each in found), format_)
    lines = (
        (each.view, f"{each.category} {each.key}", each.path, each.message, grouped(each.count), _see(each))
        for each in found
    )
    return forms.table(("VIEW", "ENTITY", "PATH", "MESSAGE", "TIMES", "SEE"), lines, paper)


def _see(issue: Issue) -> str:
    import shlex

    return f"orlog {shlex.join(issue.see)}"


def found(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], format_: Format, paper: Paper = PLAIN
) -> Iterator[bytes]:
    """What a query found: a table, CSV, or an object for each row."""
    if format_ is Format.TABLE:
        return _table(columns, rows, paper)
    if format_ is Format.CSV:
        return _csv(columns, rows)
    names = _distinct(columns)
    return forms.rows((dict(zip(names, map(_spelled, row), strict=True)) for row in rows), format_)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for row in itertools.chain([columns], rows):
        line.seek(0)
        line.truncate()
        writer.writerow(map(_spelled, row))
        yield line.getvalue().encode()


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]], paper: Paper) -> Iterator[bytes]:
    """Numbers stand to the right; nothing stands for null. What is wider than a terminal is shown row by row."""
    rest = iter(rows)
    taken = list(itertools.islice(rest, MOST))
    header = [printable(name) for name in columns]
    cells = [[_cell(value, CELL) for value in row] for row in taken]
    widths = [max(width(cell) for cell in column) for column in zip(header, *cells, strict=True)]
    if paper.width is None or sum(widths) + len(GAP) * (len(widths) - 1) <= paper.width:
        numeric = [all(isinstance(row[place], int | float | None) for row in taken) for place in range(len(columns))]
        yield from _lines(header, cells, widths, numeric, paper)
    else:
        yield from _records(header, taken, paper.width, paper)
    if next(rest, None) is not None:
        yield f"{CUT} more than {grouped(MOST)} rows: --format csv or jsonl has them all\n".encode()


def _lines(
    header: Sequence[str],
    cells: Sequence[Sequence[str]],
    widths: Sequence[int],
    right: Sequence[bool],
    paper: Paper,
) -> Iterator[bytes]:
    for number, line in enumerate([header, *cells]):
        padded = (
            padding(cell, room) + cell if to_right else cell + padding(cell, room)
            for cell, room, to_right in zip(line, widths, right, strict=True)
        )
        text = GAP.join(padded).rstrip()
        yield f"{text if number else paper.bold(text)}\n".encode()


def _records(header: Sequence[str], rows: Iterable[Sequence[Any]], cells: int, paper: Paper) -> Iterator[bytes]:
    """A line for each value, and an empty one between two rows; values have what is left of the line, or `CELL`."""
    longest = max(width(name) for name in header)
    room = max(cells - longest - len(GAP), CELL if longest > cells // 2 else 1)
    for number, row in enumerate(rows):
        if number:
            yield b"\n"
        for name, value in zip(header, row, strict=True):
            text = _cell(value, room)
            gap = padding(name, longest) + GAP if text else ""
            yield f"{paper.bold(name)}{gap}{text}\n".encode()


def _cell(value: Any, cells: int) -> str:
    text = f"{value:.15g}" if isinstance(value, float) else "" if value is None else str(_spelled(value))
    text = printable(_BREAKS.sub(" ", text))
    return text if fits(text, cells) else head(text, cells - 1) + CUT


def _spelled(value: Any) -> Any:
    """A value as CSV has it: bytes, which no view holds, in hexadecimal."""
    return value.hex() if isinstance(value, bytes) else value


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of which none hides another: the second `key` of a join is `key_2`."""
    found: list[str] = []
    for name in names:
        number, each = 1, name
        while each in found:
            number += 1
            each = f"{name}_{number}"
        found.append(each)
    return found
