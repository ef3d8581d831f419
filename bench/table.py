"""The table that is printed."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Goal, Target, Unit

WIDTH = 132  # columns where output is no terminal
_MEGABYTE = 1e6
_MARKS = {True: "ok", False: "OVER", None: ""}


def show(figures: Sequence[Figure]) -> None:
    """Print the figures, a rule between sections."""
    console = Console(width=None if os.isatty(1) else WIDTH, highlight=False)
    table = Table(box=box.SIMPLE, header_style="bold")
    for heading in ("", "what", "orlog", "beside", "", "ratio", "target", ""):
        table.add_column(heading, justify="right" if heading in {"orlog", "beside", "ratio"} else "left", no_wrap=True)
    section = ""
    for figure in figures:
        if section and figure.section != section:
            table.add_section()
        table.add_row(figure.section if figure.section != section else "", *_cells(figure))
        section = figure.section
    console.print(table)


def _cells(figure: Figure) -> tuple[str, ...]:
    theirs = "" if figure.their_value is None else amount(figure.their_value, figure.unit)
    ratio = "" if figure.ratio is None else _times(figure.ratio, faster=figure.faster)
    return (
        figure.what,
        amount(figure.our_value, figure.unit),
        theirs,
        figure.against,
        ratio,
        "" if figure.target is None else _wanted(figure.target, figure.unit),
        _MARKS[figure.met],
    )


def _wanted(target: Target, unit: Unit) -> str:
    sign = ">=" if target.goal in {Goal.RATIO_AT_LEAST, Goal.OURS_AT_LEAST} else "<="
    ours = target.goal in {Goal.OURS_AT_MOST, Goal.OURS_AT_LEAST}
    return f"{sign} {amount(target.bound, unit) if ours else f'{target.bound:g} x'}"


def _times(ratio: float, *, faster: bool) -> str:
    return f"{ratio:.1f} x faster" if faster else f"{ratio:.2f} x"


def amount(value: float, unit: Unit) -> str:
    """A number as people read it: 1.23 s, 4.56 ms, 78 us; 1.2 MB, 3.4 KB; 60,000/s; 1234.5."""
    if unit is Unit.TIME:
        scale, name = (1, "s") if value >= 1 else (1e3, "ms") if value >= 1e-3 else (1e6, "us")  # noqa: PLR2004
        return f"{value * scale:.3g} {name}"
    if unit is Unit.SIZE:
        return f"{value / _MEGABYTE:.1f} MB" if value >= _MEGABYTE / 10 else f"{value / 1e3:.1f} KB"
    if unit is Unit.RATE:
        return f"{value:,.0f}/s"
    return f"{value:,.1f}"
