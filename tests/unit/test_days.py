"""`replay --as-of`: the last observation that speaks of a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from cli.days import states_of
from cli.failures import Failure
from eventstore import Record, Scope
from tests.laying import lay_documents, new_record

EAST = Scope.of("clubs", "performance", {"district": "91"})
WEST = Scope.of("clubs", "performance", {"district": "92"})
FIRST, SECOND = date(2025, 6, 30), date(2025, 7, 31)


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def file(record: Record, hour: int, day: date, scope: Scope = EAST, **members: int) -> None:
    """Record a file that was fetched at an hour and speaks of a day."""
    documents = {club: {"members": count, "as_of": day.isoformat()} for club, count in members.items()}
    lay_documents(record, hour, documents, scope=scope, category="club")


def members(record: Record, day: date) -> dict[str, int]:
    return {key: state.document["members"] for key, state in states_of(record.log, "club", None, day).items()}


def test_of_several_files_of_one_day_the_last_one_counts(record: Record) -> None:
    file(record, 1, FIRST, a=20, b=10)
    file(record, 2, FIRST, a=21, b=10)
    file(record, 3, SECOND, a=30, b=11)
    assert members(record, FIRST) == {"a": 21, "b": 10}
    assert members(record, SECOND) == {"a": 30, "b": 11}


def test_what_the_last_file_of_a_day_no_longer_shows_was_not_there(record: Record) -> None:
    file(record, 1, FIRST, a=20, b=10)
    file(record, 2, FIRST, a=21)
    file(record, 3, SECOND, a=22, b=12)
    assert members(record, FIRST) == {"a": 21}


def test_a_day_that_is_spoken_of_again_is_as_it_was_said_last(record: Record) -> None:
    file(record, 1, FIRST, a=20)
    file(record, 2, SECOND, a=30)
    file(record, 3, FIRST, a=25)
    assert members(record, FIRST) == {"a": 25}
    assert members(record, SECOND) == {"a": 30}


def test_each_scope_has_its_own_last_file_of_a_day(record: Record) -> None:
    file(record, 1, FIRST, a=20)
    file(record, 2, FIRST, WEST, z=5)
    file(record, 3, SECOND, a=30)
    file(record, 4, FIRST, WEST, z=6)
    assert members(record, FIRST) == {"a": 20, "z": 6}


def test_one_entity_is_found_by_its_key(record: Record) -> None:
    file(record, 1, FIRST, a=20, b=10)
    file(record, 2, SECOND, a=21, b=11)
    assert list(states_of(record.log, "club", "b", FIRST)) == ["b"]


def test_a_day_that_nothing_speaks_of_is_an_error_that_names_days_nearby(record: Record) -> None:
    file(record, 1, FIRST, a=20)
    with pytest.raises(Failure) as error:
        states_of(record.log, "club", None, date(2025, 7, 1))
    assert error.value.hint == "there is: 2025-06-30"


def test_documents_that_speak_of_no_day_are_an_error_that_says_so(record: Record) -> None:
    lay_documents(record, 1, {"a": {"members": 1}}, category="club")
    with pytest.raises(Failure, match="says of which day"):
        states_of(record.log, "club", None, FIRST)
