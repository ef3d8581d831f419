"""After a kill: syncs that were left open are closed with what had been archived, and recorded where they can be."""

from __future__ import annotations

from collector.recording import Recording, arrival
from collector.reruling import waiting
from collector.syncing.doubt import accepted_skew, doubt, latest, skew_of
from collector.syncing.report import SyncReport
from eventstore import Record, Sync


def recover(record: Record) -> int:
    """Close syncs that were killed, with what had been archived, and record them; return how many there were.

    Like any other sync, one is not recorded while its clock is in doubt or its rules wait for `rebuild_log`.
    """
    unfinished = record.archive.unfinished()
    recording = Recording(record)
    for sync in unfinished:
        with record.transaction():
            if _close(record, sync) and not any(waiting(record, resource) for resource in sync.rules):
                recording.record(sync.id)
    return len(unfinished)


def _close(record: Record, sync: Sync) -> bool:
    """Close a killed sync; whether its clock is to be believed."""
    attempts = record.archive.attempts(sync.id)
    received = max((attempt.received_at for attempt in attempts), default=sync.opened_at)
    in_doubt = doubt(
        latest(skew_of(attempt.headers, received_at=attempt.received_at) for attempt in attempts),
        accepted=accepted_skew(record, next(iter(sync.rules), "").partition(".")[0]),
        closed_at=received,
        head=record.log.position().observed_at,
    )
    at = received if in_doubt else arrival(record, received)
    report = SyncReport(doubt=in_doubt).json if in_doubt else None
    record.archive.close_sync(sync.id, at=at, interrupted=True, report=report)
    return not in_doubt
