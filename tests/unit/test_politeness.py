from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.politeness import (
    BACKOFF_CAP,
    COOLDOWN,
    LONGEST_COOLDOWN,
    TRIPS_AT,
    Breaker,
    Manners,
    Pace,
    http_date,
    next_wait,
    reachable,
    retry_after,
    transient,
)
from collector.transport import Answer

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FAST = Manners()


def highest(_: float, high: float) -> float:
    return high


def lowest(low: float, _: float) -> float:
    return low


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_the_longest_wait_doubles_with_each_try_up_to_a_limit() -> None:
    """P16: backoff."""
    patient = Manners(retries=100, patience=1000)
    waits = [next_wait(patient, tried=tried, spent=0, least=0, random=highest) for tried in range(1, 10)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert next_wait(patient, tried=99, spent=0, least=0, random=highest) == BACKOFF_CAP


def test_a_wait_is_drawn_from_nothing_to_the_longest() -> None:
    assert next_wait(FAST, tried=3, spent=0, least=0, random=lowest) == 0


def test_what_the_host_asks_for_is_the_least_wait() -> None:
    assert next_wait(FAST, tried=1, spent=0, least=7, random=highest) == 7
    assert next_wait(FAST, tried=4, spent=0, least=1, random=highest) == 4


def test_after_the_last_retry_nothing_is_waited_for() -> None:
    assert next_wait(FAST, tried=FAST.retries, spent=0, least=0, random=highest) is not None
    assert next_wait(FAST, tried=FAST.retries + 1, spent=0, least=0, random=highest) is None


def test_a_wait_that_patience_does_not_allow_is_not_begun() -> None:
    assert next_wait(FAST, tried=1, spent=FAST.patience - 5.1, least=5, random=highest) == 5
    assert next_wait(FAST, tried=1, spent=FAST.patience - 5, least=5, random=highest) is None
    assert next_wait(FAST, tried=1, spent=0, least=float("inf"), random=highest) is None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520, 599])
def test_these_statuses_pass(status: int) -> None:
    assert transient(status)


@pytest.mark.parametrize("status", [200, 304, 400, 401, 403, 404, 408, 410, 428, 430, 499, 501, 505])
def test_these_statuses_stay(status: int) -> None:
    assert not transient(status)


# -- Retry-After -------------------------------------------------------------------------------------------------------


def waited(text: str, date: str | None = None) -> float:
    headers = {"Retry-After": text} | ({} if date is None else {"Date": date})
    return retry_after(headers, arrived=NOON)


@pytest.mark.parametrize("text,seconds", [("0", 0), ("120", 120), (" 7 ", 7), ("9999999999", 9_999_999_999)])
def test_a_host_may_ask_for_seconds(text: str, seconds: float) -> None:
    assert waited(text) == seconds


def test_more_seconds_than_anybody_has_are_endless() -> None:
    assert waited("9" * 5000) == float("inf")


@pytest.mark.parametrize(
    "text", ["Sat, 01 Mar 2025 12:00:30 GMT", "Saturday, 01-Mar-25 12:00:30 GMT", "Sat Mar  1 12:00:30 2025"]
)
def test_a_host_may_ask_to_wait_until_a_date_in_any_form(text: str) -> None:
    assert waited(text) == 30


def test_a_date_counts_from_the_answers_own_date_whatever_time_it_is_here() -> None:
    assert waited("Sat, 01 Mar 2014 12:00:30 GMT", date="Sat, 01 Mar 2014 12:00:10 GMT") == 20


def test_a_date_that_has_passed_asks_for_nothing() -> None:
    assert waited("Sat, 01 Mar 2025 11:00:00 GMT") == 0


@pytest.mark.parametrize(
    "text", ["", "soon", "-3", "1.5", "1e3", "٣", "Sat, 99 Mar 2025 12:00:00 GMT", "Sat, 01 Mar 99999999999 12:00:00"]
)
def test_what_cannot_be_read_asks_for_nothing(text: str) -> None:
    assert waited(text) == 0


def test_without_the_header_nothing_is_asked_for() -> None:
    assert retry_after({}, arrived=NOON) == 0


@given(st.text(max_size=40))
def test_any_text_is_read_as_a_date_or_as_none(text: str) -> None:
    date = http_date(text)
    assert date is None or date.tzinfo is not None


# -- the host's rate ---------------------------------------------------------------------------------------------------


def test_starts_are_spaced_by_the_rate() -> None:
    pace = Pace(4)
    assert [pace.reserve(100.0) for _ in range(4)] == [0, 0.25, 0.5, 0.75]
    assert pace.reserve(100.5) == 0.5
    assert pace.reserve(107.0) == 0


def test_without_a_rate_nothing_waits() -> None:
    pace = Pace(None)
    assert [pace.reserve(5.0) for _ in range(3)] == [0, 0, 0]


def test_time_that_nobody_used_is_not_saved_up() -> None:
    pace = Pace(1)
    pace.reserve(0.0)
    assert [pace.reserve(50.0) for _ in range(3)] == [0, 1, 2]


def test_nothing_starts_while_the_host_is_to_be_left_alone() -> None:
    pace = Pace(None)
    pace.hold(20.0)
    pace.hold(10.0)
    assert pace.reserve(12.0) == 8
    assert pace.reserve(20.0) == 0


# -- the circuit breaker -----------------------------------------------------------------------------------------------


def noted(outcomes: Iterable[bool]) -> Breaker:
    breaker = Breaker()
    for place, ok in enumerate(outcomes):
        breaker.note(ok, NOON + place * SECOND)
    return breaker


def folded(failures: int) -> Breaker:
    return Breaker.folded((NOON + place * SECOND, False) for place in range(failures))


def test_a_breaker_opens_at_the_tenth_failure_in_a_row() -> None:
    assert TRIPS_AT == 10
    assert not noted([False] * 9).open
    assert noted([False] * 10).open


def test_failures_with_a_success_between_them_open_nothing() -> None:
    assert not noted([*[False] * 9, True, *[False] * 9]).open


def test_a_success_that_was_under_way_closes_an_open_breaker() -> None:
    breaker = noted([*[False] * 12, True])
    assert (breaker.open, breaker.trying, breaker.until, breaker.failures) == (False, False, None, 0)


def test_a_breaker_made_of_earlier_failures_tries() -> None:
    assert (folded(9).open, folded(9).trying) == (False, False)
    assert (folded(10).open, folded(10).trying) == (False, True)


def test_the_first_failure_while_trying_opens_it_again() -> None:
    breaker = folded(10)
    breaker.note(ok=False, at=NOON)
    assert (breaker.open, breaker.trying) == (True, False)


def test_the_first_success_while_trying_closes_it() -> None:
    breaker = folded(25)
    breaker.note(ok=True, at=NOON)
    assert (breaker.open, breaker.trying, breaker.failures, breaker.last_failure) == (False, False, 0, None)


def test_the_host_may_be_tried_again_after_a_time_that_doubles_up_to_an_hour() -> None:
    rests = [b.until - b.last_failure for b in map(folded, range(10, 20)) if b.until and b.last_failure]
    assert [rest // COOLDOWN for rest in rests] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert Breaker(10**9, NOON).until == NOON + LONGEST_COOLDOWN


def test_a_breaker_that_did_not_trip_names_no_time() -> None:
    assert folded(9).until is None
    assert Breaker().until is None


@given(st.lists(st.booleans(), max_size=40))
def test_folding_outcomes_counts_what_noting_them_counts(outcomes: list[bool]) -> None:
    one = noted(outcomes)
    other = Breaker.folded((NOON + place * SECOND, ok) for place, ok in enumerate(outcomes))
    assert (one.failures, one.last_failure, one.until) == (other.failures, other.last_failure, other.until)
    assert one.open == other.trying


@pytest.mark.parametrize("status", [200, 204, 302, 304, 401, 404, 418])
def test_a_host_that_answers_is_reachable(status: int) -> None:
    assert reachable(Answer({}, status, b""))


@pytest.mark.parametrize("status", [None, 429, 500, 503])
def test_a_host_that_gives_no_answer_or_has_had_enough_is_not_reachable(status: int | None) -> None:
    assert not reachable(Answer({}, status, None if status is None else b""))
