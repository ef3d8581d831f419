from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventstore import BeyondHead, Event, Follower, LogRebuilt, Record, UnknownCategory
from tests.laying import RULES, hour, lay_documents, new_record


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


@pytest.fixture
def reader(record: Record) -> Iterator[Record]:
    """The same record, open for reading beside its writer."""
    with Record.open(record.path.parent) as reader:
        yield reader


def following(record: Record, after: int | None = None) -> Follower[Event]:
    return Follower(record.log, lambda seq: record.log.events(after=seq), after=after)


def seqs(follower: Follower[Event]) -> list[int]:
    return [event.seq for event in follower.poll()]


def rebuild(record: Record, *, keep: int = 0) -> None:
    """Make the next generation of the log, of the first `keep` syncs without what they said."""
    with record.transaction():
        building = record.log.begin_generation({"api.models": RULES}, made_at=hour(100))
        for sync in range(1, keep + 1):
            building.record(sync, [])
        record.log.adopt(building)


def test_each_event_is_read_once_and_in_order_however_many_came_between(record: Record, reader: Record) -> None:
    follower = following(reader)
    assert seqs(follower) == []
    lay_documents(record, 0, {"a": 1, "b": 1})
    assert seqs(follower) == [1, 2]
    assert seqs(follower) == []
    lay_documents(record, 1, {"a": 2, "b": 1})
    lay_documents(record, 2, {"a": 2})
    lay_documents(record, 3, {"a": 2})
    assert seqs(follower) == [3, 4]
    assert seqs(follower) == []


def test_it_begins_at_the_head_unless_told_otherwise(record: Record, reader: Record) -> None:
    lay_documents(record, 0, {"a": 1, "b": 1})
    at_head, at_start, between = following(reader), following(reader, after=0), following(reader, after=1)
    assert (seqs(at_head), seqs(at_start), seqs(between)) == ([], [1, 2], [2])
    lay_documents(record, 1, {"a": 2, "b": 2})
    assert (seqs(at_head), seqs(at_start), seqs(between)) == ([3, 4], [3, 4], [3, 4])


def test_what_is_written_while_it_reads_comes_with_the_next_poll(record: Record, reader: Record) -> None:
    hours = iter(range(1, 9))

    def read(after: int) -> Iterator[int]:
        lay_documents(record, next(hours), {"a": f"while {after} was read"})
        for event in reader.log.events(after=after):
            lay_documents(record, next(hours), {"a": f"after {event.seq}"})
            yield event.seq

    lay_documents(record, 0, {"a": 0})
    follower = Follower(reader.log, read, after=0)
    assert follower.poll() == [1]
    assert follower.poll() == [2, 3]


def test_what_it_does_not_ask_for_is_passed_over(record: Record, reader: Record) -> None:
    lay_documents(record, 0, {"a": 1, "b": 1})
    asked: list[int] = []

    def read(after: int) -> Iterator[Event]:
        asked.append(after)
        return reader.log.events("model", "b", after=after)

    follower = Follower(reader.log, read)
    lay_documents(record, 1, {"a": 2, "b": 1})
    assert follower.poll() == []
    assert follower.poll() == []
    lay_documents(record, 2, {"a": 2, "b": 2})
    assert [event.seq for event in follower.poll()] == [4]
    assert asked == [2, 3]


def test_what_could_not_be_read_is_read_the_next_time(record: Record, reader: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    follower = Follower(reader.log, lambda after: reader.log.events("price", after=after), after=0)
    for _ in range(2):
        with pytest.raises(UnknownCategory):
            follower.poll()
    lay_documents(record, 1, {"x": 1}, category="price")
    assert [event.entity.key for event in follower.poll()] == ["x"]


def test_a_rebuild_is_told_once_and_then_it_goes_on_from_the_new_head(record: Record, reader: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    follower = following(reader, after=0)
    assert seqs(follower) == [1]
    rebuild(record)
    with pytest.raises(LogRebuilt, match=r"as generation 2; it ends at @0") as rebuilt:
        follower.poll()
    assert "anew" in rebuilt.value.hint
    assert seqs(follower) == []
    lay_documents(record, 1, {"b": 1, "c": 1})
    assert seqs(follower) == [1, 2]


def test_a_rebuild_is_told_though_the_numbers_are_the_same(record: Record, reader: Record) -> None:
    lay_documents(record, 0, {})
    follower = following(reader)
    rebuild(record, keep=1)
    with pytest.raises(LogRebuilt):
        follower.poll()
    assert seqs(follower) == []


def test_a_log_that_is_being_rebuilt_is_still_the_old_one(record: Record, reader: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    follower = following(reader, after=0)
    with record.transaction():
        record.log.begin_generation({"api.models": RULES}, made_at=hour(100))
    assert seqs(follower) == [1]
    with record.transaction():
        record.log.discard_unfinished()
    assert seqs(follower) == []


def test_it_cannot_begin_behind_an_event_that_the_log_has_not_reached(record: Record, reader: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    with pytest.raises(BeyondHead):
        following(reader, after=2)
