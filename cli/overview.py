"""What `status` tells, read from a record and from what its data directory watches."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from cli import config
from cli.journal import ending
from eventstore import Alert, Category, Cause, Record, Sizes, Staleness, Standing, Totals, disk_of, standing_alerts

if TYPE_CHECKING:
    from collector import Source

OVERDUE: Final = 3  # times `every` without an attempt: whoever should ask has stopped, and is not merely late

Watched: TypeAlias = Mapping[str, timedelta | None]
"""The resources that a data directory watches, by address, and how often each is to be asked (None: nobody said)."""


class Watch(enum.Enum):
    """Whether a resource will be asked again: a configured source has it, it was imported, or neither."""

    WATCHED = "watched"
    IMPORTED = "imported"
    UNWATCHED = "unwatched"


class ResourceLine(msgspec.Struct, frozen=True):
    """How a resource (`SOURCE.RESOURCE`) stands; what only a sync has is None where it was never asked.

    `sync` is its newest sync or import, `at` when its answers were in (None while it is open), `status` how it ended
    for this resource: success, partial, failed, archived (not in the log until that is rebuilt) or open. `complete_at`:
    when its newest complete listing arrived. `every`: seconds between two syncs. `due_since`: when it should have been
    asked at the latest, where that was missed three times over.
    """

    resource: str
    watch: Watch
    every: int | None
    sync: int | None = None
    cause: Cause | None = None
    at: datetime | None = None
    status: str | None = None
    complete_at: datetime | None = None
    due_since: datetime | None = None


class CategoryLine(msgspec.Struct, frozen=True):
    """A category with its resource: how many entities are live, were ever seen, and are stale.

    Stale ones are live, but the last sync of their resource did not confirm them; `unconfirmed_since` is when the one
    that has gone longest without was last confirmed.
    """

    source: str
    name: str
    resource: str
    live: int
    ever: int
    stale: int
    unconfirmed_since: datetime | None

    @property
    def address(self) -> str:
        """`SOURCE.CATEGORY`."""
        return f"{self.source}.{self.name}"


class SyncCounts(msgspec.Struct, frozen=True):
    """How many syncs there are; `archived` ones are closed and not in the log, until it is rebuilt.

    Of these, `doubted` ones wait for `orlog accept`: their clock was not believed.
    """

    recorded: int
    archived: int
    doubted: int
    open: int


class Overview(msgspec.Struct, frozen=True):
    """What a record holds, and how it stands.

    `alerts`: what somebody should look into, the oldest first. `first` and `last` bound the log in time, `seq` is its
    last event's number. `answers` counts different contents. `sizes` are in bytes. `evidence_since` is the evidence
    horizon: from then on all recorded answers are there; None: all are.
    """

    data: str
    alerts: tuple[Alert, ...]
    generation: int
    seq: int
    first: datetime | None
    last: datetime | None
    syncs: SyncCounts
    issues: int
    answers: int
    categories: tuple[CategoryLine, ...]
    resources: tuple[ResourceLine, ...]
    sizes: Sizes
    evidence_since: datetime | None = None


def watched(directory: Path) -> dict[str, timedelta | None]:
    """Read what a data directory watches, as far as its files are right; `alerts` tells of the others."""
    sources, _ = _configured(directory)
    return {resource.address: resource.every for source in sources for resource in source.resources}


def _configured(directory: Path) -> tuple[list[Source], list[str]]:
    if not (directory / config.FILE).exists():
        return [], []  # nor need the shipped ones be read
    from cli import shelf

    return shelf.readable(directory)


def overview(record: Record, watched: Watched, *, now: datetime) -> Overview:
    """Sum a record up whose data directory watches so much."""
    with record.snapshot():
        totals = record.totals()
        standings = record.standings()
        return Overview(
            data=str(record.path.parent),
            alerts=tuple(alerts(record, record.path.parent)),
            generation=totals.generation,
            seq=totals.seq,
            first=totals.first,
            last=totals.last,
            syncs=_syncs(totals, len(record.clock_doubts())),
            issues=totals.issues,
            answers=totals.answers,
            categories=category_lines(record.log.categories(), record.staleness()),
            resources=resource_lines(standings, watched, now=now),
            sizes=record.sizes(),
            evidence_since=record.evidence_since(),
        )


def alerts(record: Record, directory: Path) -> list[Alert]:
    """What should worry somebody about a record, the disk under it, and the files that say what is watched."""
    wrong = _configured(directory)[1]
    found = standing_alerts(record.standings(), clock=record.clock_doubts(), disk=disk_of(directory))
    if not wrong:
        return found
    hint = "correct it: until then `orlog run` goes by the last good one, and other commands do without"
    return [Alert("configuration", "", "; ".join(wrong), None, hint), *found]


def category_lines(categories: list[Category], staleness: list[Staleness]) -> tuple[CategoryLine, ...]:
    """Say of each category what it holds, and what of that is stale."""
    stale = {each.category: each for each in staleness}
    return tuple(
        CategoryLine(c.source, c.name, c.resource, c.live, c.ever, stale[c.address].stale, stale[c.address].since)
        for c in categories
    )


def resource_lines(standings: list[Standing], watched: Watched, *, now: datetime) -> tuple[ResourceLine, ...]:
    """Say how each resource stands that was ever asked or is watched, by name."""
    asked = {standing.resource: standing for standing in standings}
    return tuple(
        _asked(asked[name], watched, now) if name in asked else _never_asked(name, watched)
        for name in sorted({*asked, *watched})
    )


def due_since(standing: Standing, every: timedelta | None, *, now: datetime) -> datetime | None:
    """Say when a resource should have been asked, where that was missed so often that nobody seems to ask any more."""
    if every is None or standing.cause is not Cause.SYNC or now - standing.opened_at <= OVERDUE * every:
        return None
    return standing.opened_at + every


def _asked(standing: Standing, watched: Watched, now: datetime) -> ResourceLine:
    every = watched.get(standing.resource)
    return ResourceLine(
        resource=standing.resource,
        watch=_watch(standing, watched),
        every=_seconds(every),
        sync=standing.sync,
        cause=standing.cause,
        at=standing.at,
        status=ending(standing.status, standing.at),
        complete_at=standing.complete_at,
        due_since=due_since(standing, every, now=now),
    )


def _never_asked(resource: str, watched: Watched) -> ResourceLine:
    return ResourceLine(resource, Watch.WATCHED, _seconds(watched[resource]))


def _watch(standing: Standing, watched: Watched) -> Watch:
    if standing.resource in watched:
        return Watch.WATCHED
    return Watch.IMPORTED if standing.cause is Cause.IMPORT else Watch.UNWATCHED


def _seconds(every: timedelta | None) -> int | None:
    return None if every is None else int(every.total_seconds())


def _syncs(totals: Totals, doubted: int) -> SyncCounts:
    return SyncCounts(totals.recorded, totals.archived, doubted, totals.open)
