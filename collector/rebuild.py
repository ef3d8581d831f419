"""Rebuilding the log: everything that is archived, laid down again in time order as the next generation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from collector.recording import Recording
from collector.recovery import recover
from eventstore import EventLog, Position, Progress, Record, Rules, Silent, Sync

BATCH_SYNCS: Final = 250  # one transaction: the log that is being built is seen by nobody until all of it is there


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild made. `rules`: the hash that each resource was read by. `same`: no event differs from before.

    Of `syncs`, so many were `copied` as they stood, for their evidence is gone; `left` are archived only, and older.
    """

    generation: int
    syncs: int
    events: int
    rules: dict[str, str]
    same: bool
    copied: int = 0
    left: int = 0


def rebuild_log(record: Record, *, now: datetime, progress: Progress | None = None) -> Rebuilt:
    """Fold the archive again, under the newest rules of each resource, and let the result take the log's place.

    Up to the evidence horizon the old log is copied as it stands. What its last compaction sealed and thinned is sealed
    and thinned again. Readers see the old log until the new one is whole. Killed, it leaves the old one, and starts
    over. Raises errors of eventstore; nothing is lost then.
    """
    progress = progress or Silent()
    recover(record)
    rules = {resource: record.archive.rules(resource) for resource in record.archive.resources()}
    newest = {resource: each for resource, each in rules.items() if each is not None}
    try:
        return _rebuild(record, newest, now, progress)
    except BaseException:
        with record.transaction():
            record.log.discard_unfinished()
        raise


def _rebuild(record: Record, rules: Mapping[str, Rules], now: datetime, progress: Progress) -> Rebuilt:
    until = record.copied_until()
    with record.transaction():
        log = record.log.begin_generation(rules, made_at=now, copied=None if until is None else until.observed_at)
    copied = set() if until is None else record.copy_log(log, until)
    recording = Recording(record, log=log, rules=rules)
    waiting = [sync for sync in in_time_order(record) if sync.id not in copied]
    recorded = {entry.sync for entry in record.log.entries()}
    # what is older than all that can be folded has no place any more: what came then is copied
    syncs = [sync for sync in waiting if until is None or sync.id in recorded or _is_later(sync, until)]
    progress.start(len(syncs), "syncs")
    for batch in _batches(syncs):
        with record.transaction():
            for sync in batch:
                recording.record(sync.id)
                progress.advance()
    record.repeat_compaction(log, progress)
    same = _same(record.log, log)
    events = log.position().seq
    with record.transaction():
        record.log.adopt(log)
    progress.finish()
    hashes = {name: each.hash for name, each in rules.items()}
    left = len(waiting) - len(syncs)
    return Rebuilt(log.generation, len(copied) + len(syncs), events, hashes, same, len(copied), left)


def _is_later(sync: Sync, until: Position) -> bool:
    return until.observed_at is None or (sync.at is not None and sync.at > until.observed_at)


def in_time_order(record: Record) -> list[Sync]:
    """All closed syncs by the time their answers were in, then in the order in which they were archived.

    Those whose clock is in doubt wait for a verdict.
    """
    doubted = {sync.id for sync in record.archive.clock_doubts()}
    syncs = (sync for sync in record.archive.syncs() if sync.id not in doubted)
    closed = ((sync.at, sync.id, sync) for sync in syncs if sync.at is not None)
    return [sync for _, _, sync in sorted(closed, key=lambda each: each[:2])]


def _same(before: EventLog, after: EventLog) -> bool:
    return all(one == other for one, other in itertools.zip_longest(before.events(), after.events()))


def _batches(syncs: list[Sync]) -> Iterator[list[Sync]]:
    for start in range(0, len(syncs), BATCH_SYNCS):
        yield syncs[start : start + BATCH_SYNCS]
