"""What `orlog compact` shows: what it did, or would do, and what it ever did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cli.options import Format
from cli.render import forms
from cli.terminal.paper import PLAIN, Paper
from cli.text import counted, grouped, sized, stamp
from eventstore import Plan, Spacing, Zone, from_ms

if TYPE_CHECKING:
    from eventstore import Compacted, Compaction, Dropped, Preview, Report, Tally

_HEADER = ("CATEGORY", "EVENTS", "AFTER", "SIZE", "AFTER", "INTERVALS", "ENTITIES")


def done(compacted: Compacted) -> str:
    """What a compaction did, in a line."""
    if not compacted.reports and not compacted.answers:
        return "there was nothing to compact"
    tallies = [tally for report in compacted.reports for tally in report.categories]
    events = sum(tally.before.events - tally.after.events for tally in tallies)
    freed = sum(tally.before.bytes - tally.after.bytes for tally in tallies)
    syncs = sum(report.syncs for report in compacted.reports)
    thinned = f"{counted(events, 'event')} thinned, " if events else ""
    thinned += f"{counted(syncs, 'sync')} dropped, " if syncs else ""
    gone = [report.dropped for report in compacted.reports if report.dropped is not None]
    dropped = "".join(f", {_dropped(each)}" for each in gone)
    return f"{thinned}{sized(max(freed, 0))} of events saved, {counted(compacted.answers, 'answer')} packed{dropped}"


def _dropped(dropped: Dropped) -> str:
    return f"the bytes of {counted(dropped.answers, 'answer')} dropped ({sized(dropped.stored)})"


def reports(found: Sequence[Report], format_: Format, paper: Paper = PLAIN) -> Iterator[bytes]:
    """What came of each category."""
    tallies = [tally for report in found for tally in report.categories]
    if format_ is not Format.TABLE:
        return forms.rows(tallies, format_)
    return forms.table(_HEADER, (_line(tally) for tally in tallies), paper)


def _line(tally: Tally) -> tuple[str, ...]:
    before, after = tally.before, tally.after
    sizes = sized(before.bytes), sized(after.bytes)
    went = grouped(tally.intervals), grouped(tally.entities)
    return (tally.category, grouped(before.events), grouped(after.events), *sizes, *went)


def preview(seen: Preview, format_: Format, paper: Paper = PLAIN) -> Iterator[bytes]:
    """What would come of each category, and what could not be told apart any more."""
    if format_ is not Format.TABLE:
        plan = None if seen.plan is None else _plan(seen.plan)
        yield from forms.one({"plan": plan, **_came_of(seen.report), "evidence_since": seen.evidence_since})
        return
    if seen.report is None or seen.plan is None:
        yield b"there is nothing to compact\n"
        yield from _evidence(seen)
        return
    yield from reports([seen.report], format_, paper)
    for line in indistinguishable(seen.plan):
        yield f"{line}\n".encode()
    if seen.report.syncs:
        yield f"{counted(seen.report.syncs, 'sync')} dropped: later ones of their bucket say what they said\n".encode()
    if seen.report.dropped is not None:
        yield f"{_dropped(seen.report.dropped)}\n".encode()
    yield from _evidence(seen)


def _evidence(seen: Preview) -> Iterator[bytes]:
    if seen.evidence_since is not None:
        yield f"all recorded answers are there from {stamp(seen.evidence_since)} on\n".encode()


def indistinguishable(plan: Plan) -> Iterator[str]:
    """What could not be told apart any more, in sentences."""
    for category in plan.categories:
        for zone in category.zones:
            yield f"{category.address} before {stamp(from_ms(zone.before))}: {_kept(zone)}"
        if category.zones and category.pinned:
            yield f"{category.address}: {counted(len(category.pinned), 'pinned key')} excepted"


def _kept(zone: Zone) -> str:
    if zone.keep is None:
        return "only what has not disappeared is left, as it stood first and at that time"
    ends = {Spacing.HOURLY: "hour", Spacing.DAILY: "day", Spacing.MONTHLY: "month", Spacing.YEARLY: "year"}
    return f"of all changes within one {ends[zone.keep]} (UTC) only what they came to is left"


def history(found: Sequence[Compaction], format_: Format, paper: Paper = PLAIN) -> Iterator[bytes]:
    """All compactions, the oldest first."""
    if format_ is not Format.TABLE:
        return forms.rows(map(_compaction, found), format_)
    return forms.table(
        ("COMPACTION", "HEAD", "AT", "EVENTS", "AFTER", "SIZE", "AFTER", "SYNCS DROPPED"), map(_receipt, found), paper
    )


def _compaction(compaction: Compaction) -> dict[str, Any]:
    begun = {"id": compaction.id, "generation": compaction.generation, "plan": _plan(compaction.plan)}
    return {**begun, **_came_of(compaction.report)}


def _came_of(report: Report | None) -> dict[str, Any]:
    if report is None:
        return {"categories": None, "syncs": None, "dropped": None}
    return {"categories": report.categories, "syncs": report.syncs, "dropped": report.dropped}


def _plan(plan: Plan) -> dict[str, Any]:
    """A plan with its times as such."""
    return {
        "policy": plan.policy,
        "head": plan.head,
        "now": from_ms(plan.now),
        "keep_from": plan.keep_from,
        "archive_until": None if plan.archive_until is None else from_ms(plan.archive_until),
        "categories": [
            {
                "category": each.address,
                "until": each.until,
                "zones": [{"before": from_ms(zone.before), "keep": zone.keep or "delete"} for zone in each.zones],
                "pinned": each.pinned,
            }
            for each in plan.categories
        ],
    }


def _receipt(compaction: Compaction) -> tuple[str, ...]:
    begun = str(compaction.id), f"@{compaction.plan.head}", stamp(from_ms(compaction.plan.now))
    if compaction.report is None:
        return (*begun, "not ended", "", "", "", "")
    tallies = compaction.report.categories
    events = [sum(tally.before.events for tally in tallies), sum(tally.after.events for tally in tallies)]
    sizes = [sum(tally.before.bytes for tally in tallies), sum(tally.after.bytes for tally in tallies)]
    return (*begun, *map(grouped, events), *map(sized, sizes), grouped(compaction.report.syncs))
