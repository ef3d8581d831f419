"""Writes `docs/views.md` from the projections that come with orlog: `make reference`."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from projector import Projection, Query, Store
from projector.projection import Shape
from projector.views.catalogue import SHIPPED
from projector.views.changes import changes
from projector.views.combined import combined
from projector.views.generic import of_category

PAGE: Final = Path(__file__).with_name("views.md")

_OPENING: Final = """\
# The views

Written by `make reference` from the projections that come with orlog. Times are text, `2025-06-01T12:00:00.000Z`, so
that they sort and compare as text does; what has elements or members is JSON text, for SQLite's `json_each` and `->>`.
Where a column `valid_to` is null, the row stands still. So what stood at T is `valid_from <= T AND (valid_to IS NULL OR
valid_to > T)`.

Those that read a category are there where the record has it. `source` and `key` say whose a row is.
"""

_GENERIC: Final = """\
## For every category

`<category>` has the documents that stand, `<category>_history` all that ever stood. Behind the columns below there is
one for each field that documents were seen to have: `/pricing/prompt` is `pricing_prompt` (`pricing_prompt_2` where
another one is called so). Integers of more than 64 bits are text, booleans 0 and 1. A view has 500 such columns at
most; fields beyond them are an issue, and `[project.columns]` in `orlog.toml` says which are wanted. A category that is
called like a view of below has its two as `category_<category>`.
"""

_SQL_VIEWS: Final = {
    "lifecycle": "The intervals in which entities were there (`presence`), with the gap behind each: `gap_doubtful` is "
    "1 where a single sync did not show the entity, as whoever misses an answer would see it. `interval` numbers them.",
    "gaps": "Where candles are missing in a series: from when to when, and how many.",
    "offers": "Each endpoint with its model and its provider as they stood: a row for each time in which none of the "
    "three changed. `model_listed` and `provider_listed` are 0 where there was none.",
    "orphans": "Endpoints that are there, whose model or provider is not.",
}

_KINDS: Final = {
    Shape.TABLE: "what stands",
    Shape.PERIODS: "all that ever stood, with its time",
    Shape.HISTORY: "what happened",
    Shape.FOLD: "one row for each",
    Shape.SYNCS: "one row for each sync",
}


def page() -> str:
    """The whole page, as Markdown."""
    shipped = (*SHIPPED, changes({}))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "views.db"
        generic = of_category("category", "category", None)
        _make(path, (*shipped, *generic))
        lines = [_OPENING, *_contents(shipped), _GENERIC]
        for each, name in zip(generic, ("<category>", "<category>_history"), strict=True):
            lines += [f"`{name}`: {_columns(path, each.name)}\n"]
        for each in shipped:
            lines += _described(each, path)
        for name, text in _SQL_VIEWS.items():
            lines += [f"## {name}\n", f"{text}\n", f"A SQL view. {_columns(path, name)}\n"]
    return "\n".join(lines)


def _make(path: Path, projections: tuple[Projection[Any], ...]) -> None:
    with Store.open(path, write=True) as store, store.transaction():
        for each in projections:
            store.reset(store.begin(each, 1, 0))
            store.adopt(each)
        store.combine(combined({each.name for each in projections}))


def _contents(projections: tuple[Projection[Any], ...]) -> Iterator[str]:
    yield "| view | |"
    yield "|---|---|"
    for each in projections:
        yield f"| [{each.name}](#{each.name}) | {_summary(each)} ({_KINDS[each.shape]}) |"
    for name, text in _SQL_VIEWS.items():
        yield f"| [{name}](#{name}) | {text.partition('.')[0].partition(':')[0]} |"
    yield ""


def _summary(projection: Projection[Any]) -> str:
    text = inspect.getdoc(projection.row) or ""
    return (
        " ".join(text.split("\n\n")[0].split())
        .partition(". ")[0]
        .partition(":")[0]
        .partition(", `")[0]
        .removesuffix(".")
    )


def _described(projection: Projection[Any], path: Path) -> Iterator[str]:
    yield f"## {projection.name}\n"
    for paragraph in (inspect.getdoc(projection.row) or "").split("\n\n"):
        yield " ".join(paragraph.split()) + "\n"
    reads = "" if not projection.reads else f" Reads {', '.join(f'`{each}`' for each in projection.reads)}."
    yield f"{_KINDS[projection.shape].capitalize()}.{reads} {_columns(path, projection.name)}\n"


def _columns(path: Path, name: str) -> str:
    with Query(path, f'SELECT * FROM "{name}"') as found:  # noqa: S608  # names of ours
        return f"Columns: {', '.join(f'`{each}`' for each in found.columns)}."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
