"""R1 to R8 over random histories, policies and clocks."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore import Kind, LogCompacted, Record, apply, parse_policy, verify
from eventstore.compaction import drafting, sealing
from tests.laying import RULES, new_record
from tests.retaining import (
    CATEGORIES,
    POLICIES,
    Kept,
    Step,
    documents,
    ends,
    head_of,
    kept,
    lay,
    listing_of,
    presence,
    states,
    steps,
)

policies = st.sampled_from(POLICIES)
TICK = timedelta(milliseconds=1)
few = settings(max_examples=settings().max_examples // 6)  # each lays a history down twice, and compacts it


@pytest.fixture(autouse=True, scope="module")
def small_segments() -> Iterator[None]:
    """Segments and blocks so small that a short history has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "SEGMENT_EVENTS", 5)
        patch.setattr(sealing, "THINNED_EVENTS", 5)
        patch.setattr(sealing, "EVENTS_EACH", 1)
        patch.setattr(drafting, "BLOCK_BYTES", 60)
        yield


def thinned(record: Record, text: str) -> list[Kept]:
    return kept(tomllib.loads(text)["category"]["gauge"], head_of(record))


def moments(record: Record) -> list[datetime]:
    return [entry.observed_at for entry in record.log.entries() if entry.observed_at is not None]


def table(record: Record, name: str) -> list[Any]:
    return record._db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()


@few
@given(steps(), policies)
def test_r1_what_is_inside_an_all_tier_is_what_it_was(history: list[Step], text: str) -> None:
    with new_record() as record:
        for step in history:
            lay(record, step)
        zones = thinned(record, text)
        since = zones[0].before
        instants = [each for at in moments(record) for each in (at - TICK, at, at + TICK)]
        before = {
            (category, at): states(record, category, at)
            for category in CATEGORIES
            for at in [*instants, head_of(record)]
            if at >= since or category == "thing"
        }
        record.compact(parse_policy(text), lossy=True)
        for (category, at), expected in before.items():
            assert states(record, category, at) == expected
        assert verify(record, deep=True) == []


@few
@given(steps(), policies)
def test_r2_the_end_of_every_kept_bucket_is_what_it_was(history: list[Step], text: str) -> None:
    with new_record() as record:
        for step in history:
            lay(record, step)
        at_ends = {at: documents(record, "gauge", at) for at in ends(moments(record), thinned(record, text))}
        record.compact(parse_policy(text), lossy=True)
        assert {at: documents(record, "gauge", at) for at in at_ends} == at_ends


@few
@given(steps(), policies)
def test_r2_a_composed_event_is_dated_at_its_last_and_names_its_first(history: list[Step], text: str) -> None:
    with new_record() as record:
        for step in history:
            lay(record, step)
        before = {event.seq: event for event in record.log.events("gauge")}
        record.compact(parse_policy(text), lossy=True)
        for event in record.log.events("gauge"):
            was = before[event.seq]
            assert (event.observed_at, event.entity, event.kind, event.hash, event.sync) == (
                (was.observed_at, was.entity, was.kind, was.hash, was.sync)
            )
            first = before[event.starts or event.seq]
            assert (first.entity, event.not_before) == (event.entity, first.not_before)
            assert first.seq < event.seq or event.starts is None


@few
@given(steps(), policies)
def test_no_bucket_that_is_past_has_two_changes_of_an_entity_in_a_row(history: list[Step], text: str) -> None:
    with new_record() as record:
        for step in history:
            lay(record, step)
        zones = thinned(record, text)
        record.compact(parse_policy(text), lossy=True)
        for key in "abc":
            last: tuple[datetime, Kind] | None = None
            for event in record.log.events("gauge"):
                if event.entity.key != key:
                    continue
                bucket = next(ends([event.observed_at], zones), None)
                if last is not None and event.kind is Kind.CHANGED and bucket is not None:
                    assert last != (bucket, Kind.CHANGED)
                last = None if bucket is None else (bucket, event.kind)


@few
@given(steps(), policies)
def test_r3_intervals_of_presence_stay_but_for_short_ones_in_coarse_buckets(history: list[Step], text: str) -> None:
    with new_record() as record:
        for step in history:
            lay(record, step)
        zones = thinned(record, text)
        before = presence(record, "gauge")
        done = record.compact(parse_policy(text), lossy=True)
        after = presence(record, "gauge")
        counted = sum(tally.intervals for report in done.reports for tally in report.categories)
        gone = 0
        for key, intervals in before.items():
            left = after.get(key, [])
            assert all(interval in intervals for interval in left)
            for interval in intervals:
                if interval not in left:
                    gone += 1
                    assert interval[1] is not None
                    assert _may_go((interval[0], interval[1]), zones)
        assert counted == gone


def _may_go(interval: tuple[datetime, datetime], zones: list[Kept]) -> bool:
    begin, end = interval
    inside = [zone for zone in zones if end < zone.before]
    if not inside:
        return False
    if inside[-1].spacing is None:
        return True
    return inside[-1].spacing in {"monthly", "yearly"} and len(set(ends([begin, end], zones))) == 1


@few
@given(steps(), policies)
def test_r4_a_second_time_nothing_changes(history: list[Step], text: str) -> None:
    tables = ("segment_1", "block_1", "event_1", "entity_1", "entry", "compaction", "answer", "thinned_1")
    with new_record() as record:
        for step in history:
            lay(record, step)
        record.compact(parse_policy(text), lossy=True)
        before = [table(record, name) for name in tables]
        assert record.compact(parse_policy(text), lossy=True).reports == ()
        assert [table(record, name) for name in tables] == before


@few
@given(steps(), policies, st.integers(1, 23))
def test_often_and_once_come_to_the_same(history: list[Step], text: str, each: int) -> None:
    """Compacting again and again as the log grows keeps no less, and no more, than doing it once at its end."""
    with new_record() as often, new_record() as once:
        for number, step in enumerate(history):
            lay(often, step)
            lay(once, step)
            if number % each == 0:
                often.compact(parse_policy(text), lossy=True)
                assert verify(often, deep=True) == []
        for record in (often, once):
            record.compact(parse_policy(text), lossy=True)
        for at in {*ends(moments(once), thinned(once, text)), head_of(once)}:
            assert documents(often, "gauge", at) == documents(once, "gauge", at)
        assert presence(often, "gauge") == presence(once, "gauge")
        assert list(often.log.events("thing")) == list(once.log.events("thing"))


@few
@given(steps(), policies)
def test_r7_what_is_reported_is_what_there_was_and_is(history: list[Step], text: str) -> None:
    with new_record() as record:
        for step in history:
            lay(record, step)
        before = {each.name: len(list(record.log.events(each.name))) for each in record.log.categories()}
        for report in record.compact(parse_policy(text), lossy=True).reports:
            for tally in report.categories:
                name = tally.category.removeprefix("api.")
                assert (tally.before.events, tally.after.events) == (
                    before[name],
                    len(list(record.log.events(name))),
                )


@few
@given(steps(), policies)
def test_a_rebuilt_log_is_thinned_as_the_one_before(history: list[Step], text: str) -> None:
    with new_record() as record:
        for step in history:
            lay(record, step)
        record.compact(parse_policy(text), lossy=True)
        before = list(record.log.events())
        with record.transaction():
            log = record.log.begin_generation({"api.things": RULES}, made_at=head_of(record))
        with record.transaction():
            for sync, step in zip(record.archive.syncs(), history, strict=True):
                (attempt,) = record.archive.attempts(sync.id)
                log.record(sync.id, [listing_of(step, attempt.id)])
        record.repeat_compaction(log)
        with record.transaction():
            record.log.adopt(log)
        assert list(record.log.events()) == before
        assert verify(record, deep=True) == []


@few
@given(steps(), policies, st.data())
def test_a_cursor_reads_on_to_what_stands_or_is_told_to_begin_anew(
    history: list[Step], text: str, data: st.DataObject
) -> None:
    """Never a wrong patch: whoever reads on folds to what stands."""
    with new_record() as record:
        for step in history:
            lay(record, step)
        ends_of_syncs = sorted({entry.seq or 0 for entry in record.log.entries() if entry.kind == "sync"})
        cursor = data.draw(st.sampled_from(ends_of_syncs))
        known = {key: state.document for key, state in record.log.catalogue("gauge", at=cursor).items()}
        record.compact(parse_policy(text), lossy=True)
        try:
            events = list(record.log.events("gauge", after=cursor))
        except LogCompacted:
            return
        for event in events:
            if event.kind is Kind.DISAPPEARED:
                known.pop(event.entity.key)
            elif event.kind is Kind.APPEARED:
                assert event.entity.key not in known
                known[event.entity.key] = event.document
            else:
                known[event.entity.key] = apply(known[event.entity.key], event.patch or [])
        assert known == {key: state.document for key, state in record.log.catalogue("gauge").items()}
