"""Projections: tables that follow from the log, rebuilt at any time, for now or for any instant.

    with Record.open("data") as record, Store.open(Path("data/views.db"), write=True) as store:
        Runner(record, store, Catalogue()).run()

`table`, `periods` and `history` declare projections of one's own; `docs/projections.md` teaches it.
"""

from __future__ import annotations

from projector.asof import write_as_of
from projector.derivation import Counts
from projector.errors import (
    BadProjection,
    BadQuery,
    NoModule,
    NoViews,
    OutputExists,
    ProjectorError,
    QueryTooLong,
    RebuildFailed,
    UnknownView,
    ViewsBusy,
    ViewsFull,
    ViewsUnusable,
)
from projector.issues import Issue
from projector.modules import load as load_modules
from projector.noise import Noise
from projector.outputs import Difference, DryRun, JsonLines, Output
from projector.overview import behind, status
from projector.projection import Projection, history, periods, table
from projector.query import Query
from projector.runner import Ran, Runner
from projector.standing import ViewStatus, Why
from projector.store import FILE as VIEWS_FILE
from projector.store import Store
from projector.subject import Misfit, Subject
from projector.views import Catalogue, Settings

__all__ = [
    "VIEWS_FILE",
    "BadProjection",
    "BadQuery",
    "Catalogue",
    "Counts",
    "Difference",
    "DryRun",
    "Issue",
    "JsonLines",
    "Misfit",
    "NoModule",
    "NoViews",
    "Noise",
    "Output",
    "OutputExists",
    "Projection",
    "ProjectorError",
    "Query",
    "QueryTooLong",
    "Ran",
    "RebuildFailed",
    "Runner",
    "Settings",
    "Store",
    "Subject",
    "UnknownView",
    "ViewStatus",
    "ViewsBusy",
    "ViewsFull",
    "ViewsUnusable",
    "Why",
    "behind",
    "history",
    "load_modules",
    "periods",
    "status",
    "table",
    "write_as_of",
]
