"""How each view of a record stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from eventstore import Position, Record
from projector.projection import Projection
from projector.standing import ViewStatus, Why, why_stale
from projector.store import Standing, Store
from projector.views import Catalogue


def status(record: Record, store: Store | None, catalogue: Catalogue) -> list[ViewStatus]:
    """How each view stands that a record has or that is still served, by name. `store` is None where there is none."""
    with record.snapshot():
        head = record.log.position()
        projections = catalogue.projections(record.log)
        if store is None:
            return [_status(record, head, each, None, None) for _, each in sorted(projections.items())]
        with store.reading():
            standings, issues = store.standings(), store.issue_counts()
            return [
                msgspec.structs.replace(
                    _status(record, head, each, standings.get((name, False)), standings.get((name, True))),
                    rows=store.count(name) if (name, False) in standings else 0,
                    issues=issues.get(name, 0),
                )
                for name, each in sorted(projections.items())
            ]


def behind(record: Record, store: Store | None, catalogue: Catalogue) -> bool:
    """Whether any view has not all of the log, or is stale; rows are not counted for it."""
    with record.snapshot():
        head = record.log.position()
        standings: Mapping[tuple[str, bool], Standing] = {} if store is None else store.standings()
        projections = catalogue.projections(record.log)
        for name, projection in projections.items():
            standing = standings.get((name, False))
            if standing is None or standing.cursor.entry < head.entry or why_stale(standing, projection, record):
                return True
        return any(name not in projections for name, _ in standings)


def _status(
    record: Record,
    head: Position,
    projection: Projection[Any],
    served: Standing | None,
    building: Standing | None,
) -> ViewStatus:
    why = why_stale(served, projection, record)
    seq = 0 if served is None or why is Why.LOG else served.cursor.seq
    at = None if served is None else served.observed_at
    lag = None if head.observed_at is None or at is None else max((head.observed_at - at).total_seconds(), 0.0)
    return ViewStatus(
        name=projection.name,
        shape=projection.shape.value,
        version=projection.version if served is None else served.version,
        generation=0 if served is None else served.generation,
        seq=seq,
        observed_at=at,
        lag_events=head.seq - seq,
        lag_seconds=lag,
        stale=why,
        building=None if building is None else building.cursor.seq,
        rows=0,
        issues=0,
    )
