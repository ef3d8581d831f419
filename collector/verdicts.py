"""Verdicts: what a person said of what was archived. Each is an entry of the archive, and of the chain."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from collector.errors import NothingToAccept
from collector.recording import TICK, Recording, arrival
from collector.recovery import recover
from collector.reruling import waiting
from collector.sources.rules import Extraction
from collector.syncing.doubt import TOLERANCE
from eventstore import JSON, Cause, Record, Recorded, Rules, Sync

_MILLISECOND: Final = timedelta(milliseconds=1)


class Accepted(msgspec.Struct, frozen=True):
    """What accepting a sync did. `recorded` is None where only `rebuild_log` can lay the sync down in its place.

    `syncs`: all that were accepted for the same reason.
    """

    sync: int
    verdict: int
    recorded: Recorded | None
    syncs: tuple[int, ...] = ()


def give_verdict(record: Record, verdict: Mapping[str, JSON], *, now: datetime) -> int:
    """Lay a verdict down that changes nothing by itself; return the number of its sync."""
    recover(record)
    with record.transaction():
        sync = _archive(record, verdict, {}, now)
        Recording(record).record(sync)
    return sync


def accept(record: Record, sync: int, *, now: datetime, corrected: bool = False) -> Accepted:
    """Believe what a sync brought that was doubted: that so much disappeared, or the clock.

    What is said of a clock holds for all syncs of the source that wait for the same reason. `corrected`: not the clock
    was right but the dates of the answers; the times of those syncs are corrected by them. What was recorded since is
    not touched: of scopes that were listed since, nothing is taken. What is taken is read by the newest rules. Raises
    `NothingToAccept`, `UnknownSync`.
    """
    recover(record)
    archived = record.archive.sync(sync)
    doubts = record.archive.clock_doubts()
    if any(each.id == sync for each in doubts):
        return _accept_clock(record, archived, [each for each in doubts if _alike(each, archived)], now, corrected)
    doubted = {each.resource for each in record.standings() if each.doubted_sync == sync}
    if not doubted or corrected:
        raise NothingToAccept(f"sync {sync} brought nothing that was doubted, or a newer one has settled it")
    rules = _with_children(record, archived, doubted)
    if any(waiting(record, resource) for resource in rules):
        message = f"the rules that sync {sync} would be read by give other keys than the log has"
        raise NothingToAccept(message, hint="`orlog rebuild log` lays everything down by them; accept it after that")
    with record.transaction():
        verdict = _archive(record, {"accept": sync}, rules, now)
        return Accepted(sync, verdict, Recording(record).record(verdict), (sync,))


def _accept_clock(record: Record, sync: Sync, alike: Sequence[Sync], now: datetime, corrected: bool) -> Accepted:  # noqa: FBT001
    if corrected and "skew_ms" not in sync.report["doubt"]:
        raise NothingToAccept(f"the answers of sync {sync.id} say no other time than its clock")
    plans = {each.id: _plan(each, corrected=corrected) for each in alike}
    # later than all that it lets in, so that a rebuild finds them in the same order
    last = max((each.at or now) + plans[each.id].get("shift_ms", 0) * _MILLISECOND for each in alike)
    found: dict[int, Recorded] = {}
    with record.transaction():
        verdicts = {each.id: _archive(record, plans[each.id], {}, max(now, last + TICK)) for each in alike}
        recording = Recording(record)
        for each in alike:
            at = record.archive.sync(each.id).at  # corrected by now
            head = record.log.position().observed_at
            if at is not None and (head is None or at > head) and _is_readable(record, each):
                found[each.id] = recording.record(each.id)
        for verdict in verdicts.values():
            recording.record(verdict)
    return Accepted(sync.id, verdicts[sync.id], found.get(sync.id), tuple(verdicts))


def _plan(sync: Sync, *, corrected: bool) -> dict[str, Any]:
    said = sync.report["doubt"]
    shift = {"shift_ms": said["skew_ms"]} if corrected else {}
    return {"accept": sync.id, "source": _source(sync), **said, **shift}


def _alike(sync: Sync, other: Sync) -> bool:
    """Whether two syncs in doubt wait for the same reason."""
    one, two = (each.report["doubt"].get("skew_ms") for each in (sync, other))
    near = one is two if one is None or two is None else abs(one - two) * _MILLISECOND <= TOLERANCE
    return near and _source(sync) == _source(other)


def _source(sync: Sync) -> str:
    return next(iter(sync.rules), "").partition(".")[0]


def _archive(record: Record, plan: Mapping[str, JSON], rules: Mapping[str, Rules], now: datetime) -> int:
    at = arrival(record, now)
    sync = record.archive.open_sync(Cause.VERDICT, opened_at=at, rules=rules, plan=dict(plan))
    record.archive.close_sync(sync, at=at)
    return sync


def _is_readable(record: Record, sync: Sync) -> bool:
    """Whether a sync was made by the rules that the log is laid down by."""
    newest = {resource: record.archive.rules(resource) for resource in sync.rules}
    return all(
        rules is not None and rules.hash == sync.rules[resource] and not waiting(record, resource)
        for resource, rules in newest.items()
    )


def _with_children(record: Record, sync: Sync, resources: Collection[str]) -> dict[str, Rules]:
    """The rules of these resources and of those asked for each of what they yield.

    Children that the sync listed stay (L7).
    """
    newest = {each: rules for each in sync.rules if (rules := record.archive.rules(each)) is not None}
    read = {each: Extraction.from_rules(rules.text) for each, rules in newest.items()}
    found, before = set(resources), 0
    while len(found) > before:
        before = len(found)
        yielded = {category for each in found for category in read[each].categories}
        found.update(each for each, rules in read.items() if rules.for_each in yielded)
    return {each: newest[each] for each in sorted(found)}
