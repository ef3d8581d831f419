"""What a compaction costs that is done each day: as much as the day brought, not as all that there is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from eventstore import Record, parse_policy, segments, verify
from eventstore.compaction import sealing
from eventstore.segments import window
from tests.laying import hour, lay_documents, new_record

SEALING = '[default]\nseal_after = "1d"\nkeep = "all"\n'
THINNING = """
[default]
seal_after = "2d"
tiers = [{ for = "2d", keep = "all" }, { for = "6d", keep = "hourly" }, { for = "20d", keep = "daily" }]
older = "delete"
"""
KEYS = "abc"
PER_DAY = 6 * len(KEYS)  # events: all change every four hours


class Folded:
    """Counts the events that are read out of segments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events = 0
        read = segments.events_of

        def counted(*args: Any, **kwargs: Any) -> Any:
            found = read(*args, **kwargs)
            self.events += len(found)
            return found

        monkeypatch.setattr(segments, "events_of", counted)
        monkeypatch.setattr(window, "events_of", counted)

    def by(self, record: Record, policy: str) -> int:
        """How many a compaction reads."""
        before = self.events
        record.compact(parse_policy(policy), lossy=True)
        return self.events - before


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    """An empty record, whose segments are full soon."""
    monkeypatch.setattr(sealing, "SEGMENT_EVENTS", 64)
    monkeypatch.setattr(sealing, "THINNED_EVENTS", 32)
    monkeypatch.setattr(sealing, "EVENTS_EACH", 2)
    with new_record() as record:
        yield record


def days(record: Record, count: int) -> Iterator[int]:
    """Days in which all things change every four hours; each is over when it is given."""
    for day in range(count):
        for number in range(day * 24, day * 24 + 24, 4):
            lay_documents(record, number, {key: {"n": number} for key in KEYS})
        yield day


def sizes(record: Record) -> list[int]:
    return [row[0] for row in record._db.execute("SELECT events FROM segment_1 ORDER BY first")]


def test_a_day_costs_as_much_as_it_brought_however_much_lies_before_it(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each day two are written: the one that is sealed, and the one that an hour's states become a day's of."""
    folded = Folded(monkeypatch)
    by_day = [folded.by(record, THINNING) for _ in days(record, 36)]
    assert sum(by_day[10:20]) < 10 * 8 * PER_DAY
    assert sum(by_day[26:]) < 10 * 14 * PER_DAY  # the oldest, of which one state is left, are written each day too
    assert verify(record, deep=True) == []


def test_what_is_left_is_cut_into_segments_again(record: Record) -> None:
    """Whatever grows at one end as a horizon moves on does not grow for good."""
    for _ in days(record, 30):
        record.compact(parse_policy(THINNING.replace('"20d"', '"2000d"')), lossy=True)
        assert max(sizes(record), default=0) < 32 + 2 * PER_DAY
    assert len(sizes(record)) < 12
    assert verify(record, deep=True) == []


def test_where_nothing_is_to_be_thinned_nothing_is_folded(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in days(record, 16):
        record.compact(parse_policy(THINNING), lossy=True)
    folded = Folded(monkeypatch)
    assert folded.by(record, THINNING) == 0


def test_what_is_sealed_day_by_day_is_written_a_few_times_and_is_in_few_segments(record: Record) -> None:
    written = most = newest = 0
    for number in range(100):
        lay_documents(record, 24 * number, {"a": {"n": number}})
        record.compact(parse_policy(SEALING))
        query = "SELECT coalesce(sum(events), 0), coalesce(max(id), 0) FROM segment_1 WHERE id > ?"
        events, last = record._db.execute(query, (newest,)).fetchone()
        written, newest = written + events, max(newest, last)
        most = max(most, len(sizes(record)))
    assert sum(sizes(record)) == 99
    assert written < 99 * math.log2(64)
    assert most <= 99 // 64 + math.log2(64)
    assert [event.observed_at for event in record.log.events()] == [hour(24 * number) for number in range(100)]
    assert verify(record, deep=True) == []


def test_a_segment_that_holds_less_than_its_documents_are_worth_is_written_again(record: Record) -> None:
    """The documents of all that stands are in each segment: so there is no second one for a few events."""
    for number in range(0, 24 * 12, 24):
        lay_documents(record, number, {**dict.fromkeys("bcdefghijkl", 1), "a": {"n": number}})
        record.compact(parse_policy(SEALING))
    assert sizes(record) == [22]
