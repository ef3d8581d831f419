"""Summing up: what the numbers of a category came to on each day, laid down before what they come from is thinned.

A summary is archived like an answer, as a sync of its own that asks nobody, and recorded as a category of its own: so
it outlives thinning, and a rebuilt log has it too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from eventstore.canonical import JSON, encode
from eventstore.fields import tokens, value_at
from eventstore.model import Cause, Request, Rules, Scope, from_ms, to_ms
from eventstore.retention import DAY, CategoryPlan, Plan, Policy, Summary, floor_day
from eventstore.summary import summary_listing, summary_name

if TYPE_CHECKING:
    from eventstore.archive import Archive
    from eventstore.log import EventLog


NEVER: Final = 1 << 62  # milliseconds: after any event


class Day(msgspec.Struct, frozen=True):
    """A day of a category that is to be summed up; `begin` in milliseconds."""

    category: CategoryPlan
    summary: Summary
    begin: int


def days_due(log: EventLog, archive: Archive, policy: Policy, plan: Plan) -> Iterator[Day]:
    """The days that are past the horizon of what is kept whole, and not summed up yet, the oldest first."""
    done: dict[str, int] = {}
    for sync in archive.syncs(cause=Cause.SUMMARY):
        done[sync.plan["summary"]] = sync.plan["day"] + DAY
    for category in plan.categories:
        summary = policy.rule(category.source, category.name).summarise
        if summary is None or not category.zones:
            continue
        begin = done.get(category.address) or _first_day(log, category.address)
        until = floor_day(min(category.zones[0].before, plan.now))
        for day in range(begin, until, DAY):
            yield Day(category, summary, day)


def _first_day(log: EventLog, address: str) -> int:
    events = iter(log.events(address))
    first = next(events, None)
    del events  # else all that is read would be of now
    return NEVER if first is None else floor_day(to_ms(first.observed_at))


def sum_up(log: EventLog, archive: Archive, day: Day) -> None:
    """Lay the summary of a day down. Needs a transaction."""
    category = day.category
    scope = Scope(category.source, summary_name(category.name))
    text = encode({"summary": {"of": category.address, "fields": day.summary.fields}}).decode()
    rules = Rules(hashlib.sha256(text.encode()).hexdigest(), text)
    at = log.position().observed_at
    if at is None:
        return
    body = encode(summed(log, day))
    sync = archive.open_sync(
        Cause.SUMMARY,
        opened_at=at,
        rules={f"{scope.source}.{scope.resource}": rules},
        plan={"summary": category.address, "day": day.begin},
    )
    (attempt,) = archive.add(sync, [Request(scope, at, at, body=body, tries=0)])
    archive.close_sync(sync, at=at)
    log.record(sync, [summary_listing(scope, attempt, body)])


def summed(log: EventLog, day: Day) -> dict[str, JSON]:
    """By key of its entities: the day, and for each field that had a number then what it came to."""
    begin, end = day.begin, day.begin + DAY
    address = day.category.address
    courses: dict[str, list[tuple[int, JSON]]] = {}  # from when on which document stood, None for none
    for key, state in log.catalogue(address, at=from_ms(begin - 1)).items():
        courses[key] = [(begin, state.document)]
    for change in log.changes(address, since=from_ms(begin), until=from_ms(end - 1)):
        document = None if change.after is None else change.after.value
        at = to_ms(change.event.observed_at)
        courses.setdefault(change.event.entity.key, []).append((at, document))
    found = {}
    for key, course in sorted(courses.items()):
        fields = {pointer: _figures(course, tokens(pointer), end) for pointer in day.summary.fields}
        numbers: dict[str, JSON] = {pointer: figures for pointer, figures in fields.items() if figures is not None}
        if numbers:
            found[key] = {"day": from_ms(begin).date().isoformat(), **numbers}
    return found


def _figures(course: list[tuple[int, JSON]], place: tuple[str, ...], end: int) -> dict[str, JSON] | None:
    """What a number came to: the least, the greatest, the last, and the mean over the time that it stood."""
    values: list[float] = []
    weighed, time = 0.0, 0
    for number, (begin, document) in enumerate(course):
        value: JSON = None if document is None else value_at(document, place)
        lasted = (course[number + 1][0] if number + 1 < len(course) else end) - begin
        if type(value) in {int, float} and lasted:  # what ended as the day began is none of its numbers
            values.append(value)
            weighed, time = weighed + value * lasted, time + lasted
    if not values:
        return None
    return {"last": values[-1], "max": max(values), "mean": weighed / time, "min": min(values), "values": len(values)}
