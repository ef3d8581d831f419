"""Imports: the versions of a history, archived and recorded as one sync each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from collector.recording import Recording
from collector.recovery import recover
from collector.reruling import take_up
from collector.sources.source import Resource
from collector.transport import Answer, History, Version
from eventstore import Cause, Progress, Record, Request, Silent

# One transaction takes several whole syncs, so that a long history does not wait for the disk at each: 16 MB of answers
# keep memory low, 250 versions the work that a kill repeats.
BATCH_BYTES: Final = 16 << 20
BATCH_VERSIONS: Final = 250


class Imported(msgspec.Struct):
    """What an import did: versions and entities, counted.

    `archived` versions are new in the archive; of these `recorded` are in the log, and `deferred` wait for
    `rebuild_log`, being older than what was recorded before (or read by rules that give other keys). `already` were
    imported earlier; of `failed` no answer could be had. `issues` were found while recording.
    """

    archived: int = 0
    recorded: int = 0
    deferred: int = 0
    already: int = 0
    failed: int = 0
    appeared: int = 0
    changed: int = 0
    disappeared: int = 0
    unchanged: int = 0
    issues: int = 0
    rules_changed: bool = False


def import_history(
    record: Record, resource: Resource, history: History, *, progress: Progress | None = None
) -> Imported:
    """Archive every version of a history that is not archived yet, and record those that are later than the head.

    Run again it continues. Syncs that were killed before are closed first. Raises errors of eventstore and of the
    history's transport; what was committed until then stays.
    """
    return _Import(record, resource, progress or Silent()).run(history)


class _Import:
    def __init__(self, record: Record, resource: Resource, progress: Progress) -> None:
        self._record = record
        self._resource = resource
        self._progress = progress
        self._rules = {resource.address: resource.extraction.rules}
        self._done = Imported()
        self._recording = Recording(record)

    def run(self, history: History) -> Imported:
        recover(self._record)
        known = self._record.archive.rules(self._resource.address)
        self._done.rules_changed = known is not None and known.hash != self._resource.extraction.rules.hash
        recordable = take_up(self._record, self._resource)
        skip = self._record.archive.versions(self._resource.address)
        self._progress.start(len(history), "versions")
        for batch in _batches(history.versions(skip)):
            self._take(batch, recordable=recordable)
        self._done.already = len(history) - self._done.archived
        self._progress.advance(self._done.already)
        self._progress.finish()
        return self._done

    def _take(self, batch: list[Version], *, recordable: bool) -> None:
        with self._record.transaction():
            syncs = [(self._archive(version), version.at) for version in batch]
            head = self._record.log.position().observed_at
            for sync, at in syncs:
                if recordable and (head is None or at > head):
                    head = self._record_sync(sync)
                else:
                    self._done.deferred += 1
                self._progress.advance()

    def _archive(self, version: Version) -> int:
        archive = self._record.archive
        plan = {"resources": [self._resource.address]}
        sync = archive.open_sync(Cause.IMPORT, opened_at=version.at, rules=self._rules, plan=plan, version=version.name)
        archive.add(sync, [self._request(answer, version.at) for answer in version.answers])
        archive.close_sync(sync, at=version.at)
        self._done.archived += 1
        self._done.failed += all(answer.body is None for answer in version.answers)
        return sync

    def _request(self, answer: Answer, at: datetime) -> Request:
        scope = self._resource.scope(answer.params)
        return Request(scope, at, at, answer.status, answer.body, answer.error, answer.headers)

    def _record_sync(self, sync: int) -> datetime:
        recorded = self._recording.record(sync)
        done = self._done
        done.recorded += 1
        done.appeared += recorded.appeared
        done.changed += recorded.changed
        done.disappeared += recorded.disappeared
        done.unchanged += recorded.unchanged
        done.issues += recorded.issues
        return recorded.observed_at


def _batches(versions: Iterator[Version]) -> Iterator[list[Version]]:
    batch: list[Version] = []
    size = 0
    for version in versions:
        batch.append(version)
        size += sum(len(answer.body) for answer in version.answers if answer.body is not None)
        if size >= BATCH_BYTES or len(batch) >= BATCH_VERSIONS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
