"""What `syncs` tells, read from a record."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from eventstore import Cause, Entry, Record, Status, Sync

ARCHIVED: Final = "archived"
OPEN: Final = "open"

_OF_THE_ENTRY: Final = ("observed_at", "seq", "appeared", "changed", "disappeared", "unchanged")


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


def sync_lines(record: Record, *, status: str | None = None, limit: int | None = None) -> list[SyncLine]:
    """The newest `limit` syncs of a status, the newest last."""
    with record.snapshot():
        entries = {entry.sync: entry for entry in record.log.entries() if entry.sync is not None}
        found = ((sync, entries.get(sync.id)) for sync in record.archive.syncs())
        wanted = [(sync, entry) for sync, entry in found if status in {None, _status(sync, entry)}]
        return [_sync_line(record, sync, entry) for sync, entry in wanted[-limit if limit else None :]]


def ending(status: Status | None, at: datetime | None) -> str:
    """Say how a sync ended whose answers were in `at` (None: not yet): as was recorded, "archived" or "open"."""
    if status is not None:
        return status.value
    return OPEN if at is None else ARCHIVED


def _status(sync: Sync, entry: Entry | None) -> str:
    return ending(None if entry is None else entry.status, sync.at)


def _sync_line(record: Record, sync: Sync, entry: Entry | None) -> SyncLine:
    return SyncLine(
        id=sync.id,
        cause=sync.cause,
        resources=tuple(sorted(sync.rules)),
        version=sync.version,
        interrupted=sync.interrupted,
        opened_at=sync.opened_at,
        at=sync.at,
        status=_status(sync, entry),
        **{name: getattr(entry, name, None) for name in _OF_THE_ENTRY},
        errors=_errors(record, sync, entry),
    )


def _errors(record: Record, sync: Sync, entry: Entry | None) -> tuple[Failed, ...]:
    if entry is not None and entry.status is Status.SUCCESS:
        return ()  # every scope was listed completely: no need to look at all attempts
    return tuple(Failed(each.id, each.error) for each in record.archive.attempts(sync.id) if each.error is not None)
