"""When an entity was there, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cli import lookup
from cli.lookup import Span
from eventstore import Entity, Event, Kind, Scope

THING = Entity("shop", "thing", "a")


def day(number: int) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number - 1)


def events(*kinds: Kind) -> list[Event]:
    return [
        Event(n, THING, None, Scope("shop", "things"), kind, day(n), None, n, "", None)
        for n, kind in enumerate(kinds, 1)
    ]


def test_an_entity_was_there_from_each_appearance_to_the_disappearance_after_it() -> None:
    happened = events(Kind.APPEARED, Kind.CHANGED, Kind.DISAPPEARED, Kind.APPEARED, Kind.CHANGED)
    assert lookup.spans(happened) == [(day(1), day(3)), (day(4), None)]


def test_a_message_about_an_absence_says_when_the_entity_was_there() -> None:
    there: list[Span] = [(day(2), day(3)), (day(5), None)]
    assert lookup.absence(THING, day(4), day(4), there) == (
        "thing a was not there at 2025-01-04T00:00:00.000Z; it was there "
        "from 2025-01-02T00:00:00.000Z until 2025-01-03T00:00:00.000Z; since 2025-01-05T00:00:00.000Z"
    )


def test_a_message_about_an_absence_speaks_of_the_instant_as_it_was_asked_for() -> None:
    there: list[Span] = [(day(2), day(3))]
    assert lookup.absence(THING, None, day(9), there).startswith("thing a is not there now; ")
    assert lookup.absence(THING, 7, day(9), there).startswith("thing a was not there at @7; ")


@pytest.mark.parametrize("moment, first", [(None, 0), (0, 0), (3, 1), (25, 12), (99, 17)])
def test_of_many_times_those_around_the_instant_are_told(moment: int | None, first: int) -> None:
    there: list[Span] = [(day(2 * n + 1), day(2 * n + 2)) for n in range(20)]
    told = lookup.nearest(there, None if moment is None else day(moment))
    assert list(told) == there[first : first + 3]


def test_the_times_that_are_not_told_are_counted() -> None:
    there: list[Span] = [(day(2 * n + 1), day(2 * n + 2)) for n in range(20)]
    assert lookup.absence(THING, None, day(99), there).endswith("; and 17 more times")


def test_one_time_that_is_not_told_is_one() -> None:
    there: list[Span] = [(day(2 * n + 1), day(2 * n + 2)) for n in range(4)]
    assert lookup.absence(THING, None, day(99), there).endswith("; and 1 more time")


def test_number_signs_and_backslashes_are_escaped_as_in_keys() -> None:
    assert lookup.as_in_keys(r"a#2\b") == r"a\#2\\b"
