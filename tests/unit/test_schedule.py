"""When scopes and resources are due: the table of waits, what goes along, and what makes a resource wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.schedule import (
    FAR,
    SETTLING,
    Asked,
    Plan,
    Watched,
    ask_at,
    due_at,
    due_scopes,
    leeway,
    next_due,
    offset,
    waits,
)
from eventstore import Scope
from tests.timing import quickest

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def scope(name: str = "a", resource: str = "models") -> Scope:
    return Scope.of("demo", resource, {"model": name})


def asked(ago: timedelta, *, failures: int = 0, sync: int = 1) -> Asked:
    return Asked(NOW - ago, sync, failures)


def watched(*facts: Asked | None, name: str = "models", until: datetime | None = None, source: str = "demo") -> Watched:
    return Watched(source, name, HOUR, {scope(str(n)): fact for n, fact in enumerate(facts)}, until)


@pytest.mark.parametrize("failures, minutes", [(0, 60), (1, 7.5), (2, 15), (3, 30), (4, 60), (5, 60), (100_000, 60)])
def test_what_fails_is_asked_sooner_at_first(failures: int, minutes: float) -> None:
    """P16: while a scope is unconfirmed, the schedule backs off from it."""
    assert waits(HOUR, failures) == timedelta(minutes=minutes)
    assert due_at(asked(MINUTE, failures=failures), HOUR, now=NOW) == NOW - MINUTE + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "every, failures, expected",
    [
        (HOUR, 0, 5 * MINUTE),
        (timedelta(days=1), 0, 5 * MINUTE),
        (10 * MINUTE, 0, MINUTE),
        (HOUR, 1, timedelta(seconds=45)),
        (10 * MINUTE, 6, MINUTE),
    ],
)
def test_leeway_is_a_tenth_of_the_wait_and_five_minutes_at_most(
    every: timedelta, failures: int, expected: timedelta
) -> None:
    assert leeway(every, failures) == expected


def test_what_was_never_asked_is_due_at_once_and_has_no_jitter() -> None:
    assert due_at(None, HOUR, now=NOW) is None
    assert ask_at(watched(None), now=NOW, woke_at=NOW) == NOW


def test_a_new_child_is_asked_at_once_and_its_siblings_are_left_alone() -> None:
    facts = {scope("new"): None, scope("old"): asked(30 * MINUTE)}
    assert due_scopes(facts, HOUR, now=NOW) == (scope("new"),)
    assert ask_at(Watched("demo", "endpoints", HOUR, facts), now=NOW, woke_at=NOW) == NOW


def test_scopes_that_come_due_within_the_leeway_are_asked_together() -> None:
    facts = {scope("a"): asked(HOUR), scope("b"): asked(56 * MINUTE, sync=2), scope("c"): asked(54 * MINUTE, sync=3)}
    assert due_scopes(facts, HOUR, now=NOW) == (scope("a"), scope("b"))


def test_a_resource_is_asked_when_its_first_scope_is_due_plus_a_jitter() -> None:
    at = ask_at(watched(asked(10 * MINUTE, sync=7), asked(MINUTE, sync=8)), now=NOW, woke_at=NOW)
    assert at == NOW + 50 * MINUTE + offset(5 * MINUTE, "demo.models", 7)


def test_a_jitter_is_the_same_each_time_and_another_for_another_resource_or_sync() -> None:
    drawn = [offset(HOUR, "demo.models", 1), offset(HOUR, "demo.models", 2), offset(HOUR, "demo.providers", 1)]
    assert len(set(drawn)) == 3
    assert drawn == [offset(HOUR, "demo.models", 1), offset(HOUR, "demo.models", 2), offset(HOUR, "demo.providers", 1)]
    assert offset(timedelta(), "demo.models", 1) == timedelta()


def test_a_jitter_is_pinned_so_that_no_version_of_python_draws_another() -> None:
    assert offset(HOUR, "demo.models", 1).total_seconds() == pytest.approx(1465.958643)


def test_after_a_sleep_what_was_missed_is_spread_over_a_minute() -> None:
    resources = [watched(asked(9 * HOUR), name=f"r{n}") for n in range(50)]
    times = [ask_at(each, now=NOW, woke_at=NOW) for each in resources]
    assert all(at is not None and NOW <= at <= NOW + SETTLING for at in times)
    assert len(set(times)) == len(times)


def test_what_is_hardly_overdue_when_a_machine_wakes_is_asked_at_once() -> None:
    sync = next(n for n in range(100) if offset(5 * MINUTE, "demo.models", n) < MINUTE)
    at = ask_at(watched(asked(HOUR + 3 * MINUTE, sync=sync)), now=NOW, woke_at=NOW)
    assert at == NOW - 3 * MINUTE + offset(5 * MINUTE, "demo.models", sync)


def test_what_became_due_while_awake_is_not_held_back_by_an_old_sleep() -> None:
    at = ask_at(watched(asked(2 * HOUR)), now=NOW, woke_at=NOW - 3 * HOUR)
    assert at is not None
    assert at <= NOW


def test_a_time_in_the_future_tells_nothing() -> None:
    ahead = asked(-timedelta(days=365))
    assert due_at(ahead, HOUR, now=NOW) is None
    assert due_scopes({scope(): ahead}, HOUR, now=NOW) == (scope(),)
    at = ask_at(watched(ahead), now=NOW, woke_at=NOW)
    assert at is not None
    assert at <= NOW + SETTLING


def test_a_clock_that_was_set_back_a_little_is_believed() -> None:
    assert due_scopes({scope(): asked(-4 * MINUTE)}, HOUR, now=NOW) == ()


def test_a_host_whose_breaker_is_open_is_left_alone_until_it_may_be_tried() -> None:
    until = NOW + 20 * MINUTE
    assert ask_at(watched(None, until=until), now=NOW, woke_at=NOW) == until
    assert next_due([watched(None, until=until)], now=NOW, woke_at=NOW) == Plan(("demo.models",), {}, until)
    assert next_due([watched(None, until=until)], now=until, woke_at=NOW).due == {"demo": ("models",)}


def test_a_breaker_that_lets_requests_through_before_a_resource_is_due_changes_nothing() -> None:
    known = asked(10 * MINUTE)
    until = NOW + 20 * MINUTE
    assert ask_at(watched(known, until=until), now=NOW, woke_at=NOW) == ask_at(watched(known), now=NOW, woke_at=NOW)


def test_a_breaker_that_is_open_for_longer_than_any_is_ignored() -> None:
    assert ask_at(watched(None, until=NOW + timedelta(days=300)), now=NOW, woke_at=NOW) == NOW


def test_a_resource_without_an_interval_or_without_scopes_is_never_due() -> None:
    silent = Watched("demo", "apps", None, {scope(): None})
    nothing = Watched("demo", "endpoints", HOUR, {})
    assert next_due([silent, nothing], now=NOW, woke_at=NOW) == Plan(("demo.endpoints",), {}, None)


def test_a_plan_names_sources_by_who_waits_longest_and_says_when_the_next_is_due() -> None:
    resources = [
        watched(asked(HOUR + 20 * MINUTE), name="a", source="fresh"),
        watched(asked(HOUR + 30 * MINUTE), name="b", source="late"),
        watched(None, name="c", source="late"),
        watched(asked(20 * MINUTE), name="d", source="late"),
    ]
    made = next_due(resources, now=NOW, woke_at=NOW - timedelta(days=1))
    assert list(made.due.items()) == [("late", ("b", "c")), ("fresh", ("a",))]
    assert made.next_at == NOW + 40 * MINUTE + offset(5 * MINUTE, "late.d", 1)
    assert made.watched == ("fresh.a", "late.b", "late.c", "late.d")


def test_an_interval_of_millennia_is_an_interval() -> None:
    every = timedelta(weeks=999_999)
    assert due_at(asked(MINUTE, failures=6), every, now=NOW) == FAR
    assert ask_at(Watched("demo", "r", every, {scope(): asked(MINUTE)}), now=NOW, woke_at=NOW) == FAR
    assert due_scopes({scope(): asked(MINUTE)}, every, now=NOW) == ()


def test_two_hundred_thousand_scopes_are_planned_in_less_than_two_seconds() -> None:
    facts = {
        Scope.of("binance", "klines", {"start": str(n)}): None if n % 2 else asked(HOUR, sync=n) for n in range(200_000)
    }
    resource = Watched("binance", "klines", HOUR, facts)
    took, planned = quickest(lambda: next_due([resource], now=NOW, woke_at=NOW))
    assert planned.due == {"binance": ("klines",)}
    took_too, due = quickest(lambda: due_scopes(facts, HOUR, now=NOW))
    assert len(due) == 200_000
    assert took + took_too < 2
