"""Whether a view may go on from where it is, and how each one stands."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec

from eventstore import EventLog, Record
from projector.projection import Projection, Shape
from projector.store import Standing


class Why(enum.Enum):
    """Why a view is built from the beginning."""

    MISSING = "missing"
    VERSION = "version"
    ROWS = "rows"
    LOG = "log"
    THINNED = "thinned"
    ASKED = "asked"


class ViewStatus(msgspec.Struct, frozen=True):
    """How a view stands: up to which event it is served, how far behind the head, and whether that may go on.

    `stale` says why it is to be built anew, None where it goes on; `building` up to which event its next generation is
    filled. `rows` and `issues` are counted. The lag is in events, and in seconds between what is served and the head,
    None where nothing is.
    """

    name: str
    shape: str
    version: int
    generation: int
    seq: int
    observed_at: datetime | None
    lag_events: int
    lag_seconds: float | None
    stale: Why | None
    building: int | None
    rows: int
    issues: int


def why_stale(standing: Standing | None, projection: Projection[Any], record: Record) -> Why | None:
    """Why a view cannot go on from where it stands, None where it can."""
    if standing is None:
        return Why.MISSING
    if standing.version != projection.version:
        return Why.VERSION
    if standing.fingerprint != projection.fingerprint:
        return Why.ROWS
    if not _is_of(standing, record.log):
        return Why.LOG
    return Why.THINNED if _has_less_left(standing, projection, record) else None


def _has_less_left(standing: Standing, projection: Projection[Any], record: Record) -> bool:
    """Whether compaction has thinned what the rows were made of: they are to be what is made of the rest."""
    if projection.shape is Shape.SYNCS and record.syncs_dropped_since(standing.chain):
        return True
    return any(
        each.first <= standing.cursor.seq and projection.concerns(*_halves(each.category))
        for each in record.thinned_since(standing.chain)
    )


def _halves(address: str) -> tuple[str, str]:
    source, _, category = address.rpartition(".")
    return source, category


def _is_of(standing: Standing, log: EventLog) -> bool:
    """Whether the rows were made of this log: of this generation, with the root that it has at that place."""
    cursor = standing.cursor
    if cursor.generation != log.generation:
        return False
    if not cursor.entry:
        return True
    there = log.recorded(after=cursor.entry - 1, limit=1)
    return bool(there) and there[0].id == cursor.entry and there[0].root == standing.root
