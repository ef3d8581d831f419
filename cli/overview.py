"""What `status` and `syncs` tell, read from a record."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from eventstore import Category, Cause, Entry, Record, Status, Sync

ARCHIVED: Final = "archived"
OPEN: Final = "open"

_OF_THE_ENTRY: Final = ("observed_at", "seq", "appeared", "changed", "disappeared", "unchanged")


class LastSync(msgspec.Struct, frozen=True):
    """The newest sync of a resource; `at` is when its answers were in, None while it is open."""

    resource: str
    sync: int
    cause: Cause
    at: datetime | None


class SyncCounts(msgspec.Struct, frozen=True):
    """How many syncs there are; `archived` ones are closed and not in the log, until it is rebuilt."""

    recorded: int
    archived: int
    open: int


class Overview(msgspec.Struct, frozen=True):
    """What a record holds. `first` and `last` bound the log in time; sizes are in bytes."""

    data: str
    generation: int
    seq: int
    first: datetime | None
    last: datetime | None
    categories: tuple[Category, ...]
    syncs: SyncCounts
    resources: tuple[LastSync, ...]
    issues: int
    answers: int
    answer_bytes: int
    stored_bytes: int
    file_bytes: int


class Failed(msgspec.Struct, frozen=True):
    """An attempt that brought no answer, and why."""

    attempt: int
    error: str


class SyncLine(msgspec.Struct, frozen=True):
    """One sync with what the log says of it; `status` is also "archived" or "open". Counts are None where not recorded.

    `errors` are looked up where the sync was no success.
    """

    id: int
    cause: Cause
    resources: tuple[str, ...]
    version: str | None
    interrupted: bool
    opened_at: datetime
    at: datetime | None
    observed_at: datetime | None
    status: str
    seq: int | None
    appeared: int | None
    changed: int | None
    disappeared: int | None
    unchanged: int | None
    errors: tuple[Failed, ...]


def overview(record: Record) -> Overview:
    """Sum a record up."""
    with record.snapshot():
        syncs = list(record.archive.syncs())
        entries = _recorded(record)
        position = record.log.position()
        sizes = record.archive.sizes()
        return Overview(
            data=str(record.path.parent),
            generation=record.log.generation,
            seq=position.seq,
            first=next((entry.observed_at for entry in entries.values()), None),
            last=position.observed_at,
            categories=tuple(record.log.categories()),
            syncs=count(syncs, frozenset(entries)),
            resources=last_syncs(syncs),
            issues=len(record.log.issues()),
            answers=sizes["answers"],
            answer_bytes=sizes["bytes"],
            stored_bytes=sizes["stored"],
            file_bytes=record.size(),
        )


def sync_lines(record: Record, *, status: str | None = None, limit: int | None = None) -> list[SyncLine]:
    """The newest `limit` syncs of a status, the newest last."""
    with record.snapshot():
        entries = _recorded(record)
        wanted = [sync for sync in record.archive.syncs() if status in {None, status_of(sync, entries.get(sync.id))}]
        return [_sync_line(record, sync, entries.get(sync.id)) for sync in wanted[-limit if limit else None :]]


def count(syncs: Iterable[Sync], recorded: frozenset[int]) -> SyncCounts:
    """Count syncs by what has become of them."""
    opened, archived = 0, 0
    for sync in syncs:
        opened += sync.at is None
        archived += sync.at is not None and sync.id not in recorded
    return SyncCounts(len(recorded), archived, opened)


def last_syncs(syncs: Iterable[Sync]) -> tuple[LastSync, ...]:
    """Find the newest sync of each resource, by its name."""
    newest = {resource: sync for sync in syncs for resource in sync.rules}
    return tuple(LastSync(resource, sync.id, sync.cause, sync.at) for resource, sync in sorted(newest.items()))


def status_of(sync: Sync, entry: Entry | None) -> str:
    """The status that was recorded, "archived" or "open"."""
    if entry is not None and entry.status is not None:
        return entry.status.value
    return OPEN if sync.at is None else ARCHIVED


def _recorded(record: Record) -> dict[int, Entry]:
    return {entry.sync: entry for entry in record.log.entries() if entry.sync is not None}


def _sync_line(record: Record, sync: Sync, entry: Entry | None) -> SyncLine:
    return SyncLine(
        id=sync.id,
        cause=sync.cause,
        resources=tuple(sorted(sync.rules)),
        version=sync.version,
        interrupted=sync.interrupted,
        opened_at=sync.opened_at,
        at=sync.at,
        status=status_of(sync, entry),
        **{name: getattr(entry, name, None) for name in _OF_THE_ENTRY},
        errors=_errors(record, sync, entry),
    )


def _errors(record: Record, sync: Sync, entry: Entry | None) -> tuple[Failed, ...]:
    if entry is not None and entry.status is Status.SUCCESS:
        return ()  # every scope was listed completely: no need to look at all attempts
    return tuple(Failed(each.id, each.error) for each in record.archive.attempts(sync.id) if each.error is not None)
