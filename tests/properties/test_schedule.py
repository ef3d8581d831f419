"""The schedule as laws: whatever fails, sleeps or is set back, nothing starves and nothing is asked too often."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from collector.schedule import (
    FIRST_WAIT,
    LONGEST_LEEWAY,
    LONGEST_WAIT,
    SETTLING,
    Asked,
    Watched,
    ask_at,
    due_at,
    due_scopes,
    leeway,
    next_due,
    waits,
)
from eventstore import Scope

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LONGEST_NAP = timedelta(days=3)

everies = st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(days=2))
instants = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
failures = st.integers(0, 12)
facts = st.none() | st.builds(Asked, instants, st.integers(1, 1000), failures)


class Nap(NamedTuple):
    """So long awake, then so long asleep."""

    awake: timedelta
    asleep: timedelta


naps = st.lists(
    st.builds(Nap, st.timedeltas(timedelta(), timedelta(hours=8)), st.timedeltas(timedelta(), LONGEST_NAP)), max_size=6
)


class Asking(NamedTuple):
    """An asking of a scope: when, and since when it was possible (it was due, and the machine awake)."""

    scope: Scope
    at: datetime
    before: Asked | None
    waited_since: datetime


def scopes(count: int) -> list[Scope]:
    return [Scope.of("demo", "models", {"n": str(n)}) for n in range(count)]


def watched_for(every: timedelta, outcomes: Sequence[Sequence[bool]], patterns: Sequence[Nap]) -> list[Asking]:
    """Play a resource whose scope `n` succeeds as `outcomes[n]` say, in a loop that wakes when it is told to."""
    known: dict[Scope, Asked | None] = dict.fromkeys(scopes(len(outcomes)))
    results = {scope: iter(outcome) for scope, outcome in zip(known, outcomes, strict=True)}
    asked: list[Asking] = []
    now = woke_at = START
    rests = list(patterns)
    sleeps_at = now + rests[0].awake if rests else None
    for sync in range(1, 200):
        at = ask_at(Watched("demo", "models", every, known), now=now, woke_at=woke_at)
        assert at is not None
        while sleeps_at is not None and max(at, now) > sleeps_at:
            now = woke_at = sleeps_at + rests.pop(0).asleep
            sleeps_at = now + rests[0].awake if rests else None
            at = ask_at(Watched("demo", "models", every, known), now=now, woke_at=woke_at)
            assert at is not None
        now = max(now, at)
        due = due_scopes(known, every, now=now)
        assert due, "a resource is never woken for nothing"
        for scope in due:
            succeeded = next(results[scope], None)
            if succeeded is None:
                return asked
            before = known[scope]
            when = now if before is None else due_at(before, every, now=now) or now
            asked.append(Asking(scope, now, before, max(when, woke_at)))
            known[scope] = Asked(now, sync, 0 if succeeded else (before.failures if before else 0) + 1)
    return asked


outcomes = st.lists(st.lists(st.booleans(), min_size=1, max_size=8), min_size=1, max_size=5)


@given(everies, outcomes, naps)
def test_every_scope_is_asked_when_it_is_due_plus_its_leeway_whatever_the_sleep(
    every: timedelta, outcome: list[list[bool]], patterns: list[Nap]
) -> None:
    for each in watched_for(every, outcome, patterns):
        late = leeway(every, each.before.failures) if each.before else timedelta()
        assert each.at <= each.waited_since + late


@given(everies, outcomes, naps)
def test_no_scope_is_asked_sooner_than_its_wait_less_its_leeway(
    every: timedelta, outcome: list[list[bool]], patterns: list[Nap]
) -> None:
    """P16: what keeps failing is never asked more often than every eighth of its interval, less a tenth of that."""
    for each in watched_for(every, outcome, patterns):
        if each.before is not None:
            waited = each.at - each.before.opened_at
            assert waited >= waits(every, each.before.failures) - leeway(every, each.before.failures)
            assert waited >= every * 2.0**FIRST_WAIT * 0.9 - SECOND


@given(everies, facts, instants, instants)
def test_no_scope_ever_starves(every: timedelta, fact: Asked | None, now: datetime, woke_at: datetime) -> None:
    at = ask_at(Watched("demo", "models", every, {scopes(1)[0]: fact}), now=now, woke_at=min(now, woke_at))
    assert at is not None
    assert at <= now + every * 2**LONGEST_WAIT + 2 * LONGEST_LEEWAY


@given(everies, facts, instants, st.timedeltas(timedelta(), timedelta(days=700)))
def test_after_a_clock_was_set_back_nothing_waits_longer_than_it_would_have_anyway(
    every: timedelta, fact: Asked | None, now: datetime, back: timedelta
) -> None:
    resource = Watched("demo", "models", every, {scopes(1)[0]: fact})
    before = ask_at(resource, now=now, woke_at=START - timedelta(days=1000))
    after = ask_at(resource, now=now - back, woke_at=now - back)
    assert before is not None
    assert after is not None
    most = waits(every, fact.failures) + 2 * LONGEST_LEEWAY if fact else timedelta()
    assert after - (now - back) <= max(before - now, most)


@given(everies, st.lists(facts, min_size=1, max_size=5), instants, instants)
def test_the_schedule_is_the_same_each_time(
    every: timedelta, known: list[Asked | None], now: datetime, woke_at: datetime
) -> None:
    resource = Watched("demo", "models", every, dict(zip(scopes(len(known)), known, strict=True)))
    again = Watched("demo", "models", every, dict(reversed(list(resource.scopes.items()))))
    assert next_due([resource], now=now, woke_at=woke_at) == next_due([again], now=now, woke_at=woke_at)


@given(everies, st.lists(facts, min_size=1, max_size=5), instants)
def test_what_is_due_has_a_scope_to_ask_and_what_is_not_is_looked_at_again(
    every: timedelta, known: list[Asked | None], now: datetime
) -> None:
    resource = Watched("demo", "models", every, dict(zip(scopes(len(known)), known, strict=True)))
    made = next_due([resource], now=now, woke_at=now - timedelta(days=1000))
    if made.due:
        assert due_scopes(resource.scopes, every, now=now)
    else:
        assert made.next_at is not None
        assert next_due([resource], now=made.next_at, woke_at=now - timedelta(days=1000)).due


@given(st.integers(8, 40), instants, st.timedeltas(timedelta(hours=3), LONGEST_NAP))
def test_after_a_long_sleep_resources_are_asked_one_by_one_within_a_minute(
    count: int, woke_at: datetime, slept: timedelta
) -> None:
    asked = Asked(woke_at - slept, 5)
    resources = [Watched("demo", f"r{n}", timedelta(hours=1), {scopes(1)[0]: asked}) for n in range(count)]
    times = [ask_at(each, now=woke_at, woke_at=woke_at) for each in resources]
    assert all(at is not None and woke_at <= at <= woke_at + SETTLING for at in times)
    assert len(set(times)) == count


@given(everies, st.integers(1, 4), st.timedeltas(timedelta(), timedelta(hours=1)))
def test_scopes_that_came_apart_by_less_than_their_leeway_are_together_again(
    every: timedelta, count: int, apart: timedelta
) -> None:
    step = min(apart, leeway(every)) / count
    known = {scope: Asked(START + n * step, n + 1) for n, scope in enumerate(scopes(count))}
    now = ask_at(Watched("demo", "models", every, known), now=START, woke_at=START)
    assert now is not None
    assert due_scopes(known, every, now=now) == tuple(known)
