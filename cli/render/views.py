"""Views: how they stand, what was done to them, and what a query found."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from cli.options import Format
from cli.render import forms
from cli.terminal.paper import PLAIN, Paper, head
from cli.terminal.values import moment
from cli.text import counted, fits, grouped, padding, printable, width

if TYPE_CHECKING:
    from projector import Difference, Issue, Ran, ViewStatus

CELL: Final = 60  # cells of a value in a table; the other formats have it whole
MOST: Final = 10_000  # rows in a table: it is laid out when all are there
CUT: Final = "…"

_WHY: Final = {
    "missing": "not built yet",
    "version": "stale: another version",
    "rows": "stale: other columns",
    "log": "stale: the log was rebuilt",
}


def standing(found: Sequence[ViewStatus], paper: Paper = PLAIN) -> Iterator[bytes]:
    """A line for each view."""
    header = ("VIEW", "SHAPE", "ROWS", "UP TO", "BEHIND", "ISSUES", "VERSION", "")
    lines = (
        (
            each.name,
            each.shape,
            grouped(each.rows),
            "-" if each.observed_at is None else moment(each.observed_at),
            counted(each.lag_events, "event") if each.lag_events else "-",
            grouped(each.issues) if each.issues else "-",
            str(each.version),
            _state(each),
        )
        for each in found
    )
    return forms.table(header, lines, paper)


def _state(each: ViewStatus) -> str:
    state = "" if each.stale is None else _WHY.get(each.stale.value, each.stale.value)
    if each.building is not None:
        state = f"{state}, being built (@{each.building})".removeprefix(", ")
    return state


def advice(found: Sequence[ViewStatus]) -> Iterator[str]:
    """What should be done about views, if anything."""
    if any(each.stale is not None or each.lag_events for each in found):
        yield "`orlog project run` brings all views up to the record"
    if any(each.issues for each in found):
        yield "`orlog project issues` lists what did not fit"


def ran(done: Sequence[Ran]) -> Iterator[str]:
    """What was done to views, line by line."""
    rebuilt = [each for each in done if each.rebuilt is not None]
    for each in rebuilt:
        yield f"built {each.view}: {counted(each.rows.inserted + each.rows.updated + each.rows.deleted, 'write')}"
    followed = [each for each in done if each.rebuilt is None]
    events = max((each.events for each in followed), default=0)
    if followed:
        news = f"{counted(events, 'event')} were new" if events != 1 else "1 event was new"
        yield f"brought up {counted(len(followed), 'view')}: {news if events else 'nothing was new'}"
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
    return forms.rows((dict(zip(names, row, strict=True)) for row in rows), format_)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for row in itertools.chain([columns], rows):
        line.seek(0)
        line.truncate()
        writer.writerow(row)
        yield line.getvalue().encode()


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]], paper: Paper) -> Iterator[bytes]:
    """Numbers stand to the right; nothing stands for null."""
    rest = iter(rows)
    taken = list(itertools.islice(rest, MOST))
    numeric = [all(isinstance(row[place], int | float | None) for row in taken) for place in range(len(columns))]
    cells = [[_cell(value) for value in row] for row in taken]
    header = [printable(name) for name in columns]
    widths = [max(width(cell) for cell in column) for column in zip(header, *cells, strict=True)]
    for number, line in enumerate([header, *cells]):
        padded = (
            padding(cell, room) + cell if right and number else cell + padding(cell, room)
            for cell, room, right in zip(line, widths, numeric, strict=True)
        )
        text = "  ".join(padded).rstrip()
        yield f"{text if number else paper.bold(text)}\n".encode()
    if next(rest, None) is not None:
        yield f"{CUT} more than {grouped(MOST)} rows: --format csv or jsonl has them all\n".encode()


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.15g}" if isinstance(value, float) else printable(str(value))
    return text if fits(text, CELL) else head(text, CELL - 1) + CUT


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
