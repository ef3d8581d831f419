"""Small histories of days and weeks, laid down hour by hour, and what must be true of them after a compaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from eventstore import (
    Cause,
    Document,
    EventLog,
    Item,
    Kind,
    Listing,
    Record,
    Repeat,
    Request,
    Scope,
    from_ms,
    to_ms,
)
from tests.laying import RULES
from tests.properties.histories import START

THINGS: Final = Scope("api", "things")
CATEGORIES: Final = ("thing", "gauge")  # of each item: what is kept whole, and what is thinned
KEYS: Final = "abc"
HOUR: Final = 3_600_000
GAPS: Final = (1, HOUR // 3, HOUR, 5 * HOUR, 24 * HOUR, 9 * 24 * HOUR, 40 * 24 * HOUR)  # milliseconds

POLICIES: Final = tuple(
    f'[category.gauge]\nseal_after = "1h"\n{text}\n'
    for text in (
        'keep = "hourly"',
        'keep = "daily"',
        'tiers = [{ for = "1d", keep = "all" }]\nolder = "delete"',
        'tiers = [{ for = "1d", keep = "all" }, { for = "9d", keep = "hourly" }]\nolder = "monthly"',
        'tiers = [{ for = "2d", keep = "hourly" }, { for = "50d", keep = "daily" }]\nolder = "delete"',
        'tiers = [{ for = "1h", keep = "all" }, { for = "30d", keep = "daily" }]\nolder = "yearly"',
    )
)

Answers = Mapping[Scope, Listing | None]
"""What a sync was told by each scope that it asked; None: nothing came."""

Shown = Mapping[str, int]
"""What a sync shows: by key, a number."""


class Step(NamedTuple):
    """A sync: when (milliseconds), and what it shows of all that there is."""

    at: int
    shown: Shown


@st.composite
def steps(draw: DrawFn, *, most: int = 24) -> list[Step]:
    """A history in which little is ever said, so that much is said again."""
    at, found = START, []
    for _ in range(draw(st.integers(1, most))):
        at += draw(st.sampled_from(GAPS))
        found.append(Step(at, draw(st.dictionaries(st.sampled_from(KEYS), st.integers(0, 2)))))
    return found


def lay(record: Record, step: Step) -> None:
    """Lay a sync down: each thing has a document, and a gauge that shows half of the number."""
    at = from_ms(step.at)
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules={"api.things": RULES})
        (attempt,) = record.archive.add(sync, [Request(THINGS, at, at, 200, repr(step.shown).encode())])
        record.archive.close_sync(sync, at=at)
        record.log.record(sync, [listing_of(step, attempt)])


def listing_of(step: Step, attempt: int) -> Listing:
    """What a sync shows."""
    items = tuple(
        Item(key, (("thing", Document.of({"n": number})), ("gauge", Document.of({"half": number // 2, "of": key}))))
        for key, number in step.shown.items()
    )
    return Listing(THINGS, CATEGORIES, attempt, complete=True, items=items)


def lay_answers(record: Record, at: datetime, answers: Answers) -> int:
    """Archive a sync and record it; return its number."""
    with record.transaction():
        rules = {f"{scope.source}.{scope.resource}": RULES for scope in answers}
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules=rules)
        for scope, answer in answers.items():
            said = {"error": "timed out"} if answer is None else {"status": 200, "body": repr(answer).encode()}
            record.archive.add(sync, [Request(scope, at, at, **said)])
        record.archive.close_sync(sync, at=at)
        record_again(record, record.log, sync, answers)
    return sync


def record_again(record: Record, log: EventLog, sync: int, answers: Answers) -> None:
    """Record a sync as a collector does: where an answer says again what is settled, nobody reads it."""
    read, repeats = [], []
    for attempt in record.archive.attempts(sync):
        answer = answers[attempt.scope]
        if answer is None:
            continue
        listing = msgspec.structs.replace(answer, attempt=attempt.id)
        settled = log.settled(attempt.scope, RULES)
        if settled is not None and record.archive.same_answer(attempt.scope, attempt.id, settled):
            repeats.append(Repeat(attempt.scope, attempt.id, lambda again=listing: again))  # type: ignore[misc]
        else:
            read.append(listing)
    log.record(sync, read, repeats=repeats)


def confirmed(record: Record, at: datetime) -> list[Any]:
    """Of all that stood at an instant: what it was, and who confirmed that when."""
    found = []
    for category in record.log.categories():
        for state in record.log.catalogue(category.address, at=at).values():
            assert state == record.log.state(state.entity, at=at)
            found.append((state.entity, state.parent, state.hash, state.confirmed_by, state.confirmed_at))
    return found


def documents(record: Record, category: str, at: datetime) -> dict[str, Any]:
    return {key: state.document for key, state in record.log.catalogue(category, at=at).items()}


def states(record: Record, category: str, at: datetime) -> list[Any]:
    """All that is said of a category at an instant, found both ways."""
    found = list(record.log.catalogue(category, at=at).values())
    assert found == [record.log.state(state.entity, at=at) for state in found]
    return found


def presence(record: Record, category: str) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """By key: from when to when each entity was there."""
    found: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for event in record.log.events(category):
        intervals = found.setdefault(event.entity.key, [])
        if event.kind is Kind.APPEARED:
            intervals.append((event.observed_at, None))
        elif event.kind is Kind.DISAPPEARED:
            intervals[-1] = intervals[-1][0], event.observed_at
    return found


def begin_of(at: datetime, spacing: str) -> datetime:
    """The first instant of the bucket that an instant falls into, by the calendar."""
    whole = at.replace(minute=0, second=0, microsecond=0)
    if spacing == "hourly":
        return whole
    whole = whole.replace(hour=0)
    if spacing == "daily":
        return whole
    return whole.replace(day=1) if spacing == "monthly" else whole.replace(day=1, month=1)


def after(begin: datetime, spacing: str) -> datetime:
    """The first instant of the next bucket."""
    longest = {"hourly": 1 / 24, "daily": 1, "monthly": 31, "yearly": 366}[spacing]
    return begin_of(begin + timedelta(days=longest), spacing)


class Kept(NamedTuple):
    """What a policy keeps of the time before an instant: `spacing`, or nothing but how things stood at its end."""

    before: datetime
    spacing: str | None


def kept(policy: Mapping[str, Any], head: datetime) -> list[Kept]:
    """What is thinned, the newest first, by the text of a policy for one category."""
    tiers = policy.get("tiers", [])
    ages = [timedelta(0), *(_age(tier["for"]) for tier in tiers)]
    spacings = [*(tier["keep"] for tier in tiers), policy.get("older", policy.get("keep", "all"))]
    found = []
    for age, spacing, finer in zip(ages, spacings, [None, *spacings], strict=False):
        if spacing == "delete":
            edge = head - age
            found.append(Kept(edge if finer == "all" else begin_of(edge, str(finer)), None))
        elif spacing != "all":
            found.append(Kept(begin_of(head - age, spacing), spacing))
    return found


def _age(text: str) -> timedelta:
    return timedelta(hours=int(text[:-1]) * {"h": 1, "d": 24}[text[-1]])


def ends(moments: list[datetime], zones: list[Kept]) -> Iterator[datetime]:
    """The last instant of each bucket in which anything happened and of which anything is kept."""
    for moment in moments:
        inside = [zone for zone in zones if moment < zone.before]
        if inside and inside[-1].spacing is not None:
            yield after(begin_of(moment, inside[-1].spacing), inside[-1].spacing) - timedelta(milliseconds=1)
        elif inside:
            yield inside[-1].before - timedelta(milliseconds=1)


def head_of(record: Record) -> datetime:
    head = record.log.position().observed_at
    assert head is not None
    assert to_ms(head)
    return head
