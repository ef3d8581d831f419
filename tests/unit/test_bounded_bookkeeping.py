"""What of the bookkeeping goes where history is thinned, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from eventstore import (
    Cause,
    Document,
    Item,
    Listing,
    Policy,
    Record,
    Repeat,
    Request,
    Scope,
    UnknownAttempt,
    UnknownSync,
    parse_policy,
    verify,
)
from tests.laying import MODELS, RULES, hour, lay_documents, new_record, rules_named

DAYS = 20
MIDNIGHT = 2  # the first hour that begins a day
DAILY = parse_policy('[default]\nseal_after = "1h"\ntiers = [{ for = "24h", keep = "all" }]\nolder = "daily"\n')
WHOLE = parse_policy('[default]\nseal_after = "1h"\nkeep = "all"\n')


def lay(record: Record, number: int, value: int, *, cause: Cause = Cause.SYNC) -> None:
    """A sync that shows one thing; what is settled is not read again."""
    at = hour(number)
    with record.transaction():
        sync = record.archive.open_sync(
            cause, opened_at=at, rules={"api.models": RULES}, version=f"v{number}" if cause is Cause.IMPORT else None
        )
        (attempt,) = record.archive.add(sync, [Request(MODELS, at, at, 200, str(value).encode())])
        record.archive.close_sync(sync, at=at)
        items = (Item("a", (("model", Document.of({"n": value})),)),)
        listing = Listing(MODELS, ("model",), attempt, complete=True, items=items)
        settled = record.log.settled(MODELS, RULES)
        if settled is not None and record.archive.same_answer(MODELS, attempt, settled):
            record.log.record(sync, [], repeats=[Repeat(MODELS, attempt, lambda: listing)])
        else:
            record.log.record(sync, [listing])


@pytest.fixture
def record() -> Iterator[Record]:
    """Twenty days of hourly syncs; on the tenth something changes, at noon, and nothing else ever does."""
    with new_record() as record:
        for number in range(24 * DAYS):
            lay(record, MIDNIGHT + number, int(number >= 24 * 9 + 12))
        yield record


def dropped(record: Record, policy: Policy = DAILY) -> int:
    return sum(report.syncs for report in record.compact(policy, lossy=True).reports)


def test_one_sync_a_day_is_left_and_what_others_stand_on(record: Record) -> None:
    entries, size = len(record.log.entries()), record.size()
    went = dropped(record)
    kept = [sync.id for sync in record.archive.syncs()]
    # the first and the one that changed something stay for their events, the last day for it is kept whole
    assert len(kept) == 24 * DAYS - went
    assert len(kept) <= DAYS + 24 + 24 + 2
    assert len(record.log.entries()) == entries - went + 2
    assert record.size() < size / 2
    assert verify(record, deep=True) == []


def test_a_second_time_no_more_go_and_the_next_day_the_next(record: Record) -> None:
    assert dropped(record) > 0
    assert dropped(record) == 0
    for number in range(24 * DAYS, 24 * (DAYS + 1)):
        lay(record, MIDNIGHT + number, 1)
    assert dropped(record) == 23
    assert dropped(record) == 0
    assert verify(record, deep=True) == []


def test_where_anything_of_a_resource_is_kept_whole_every_sync_stays(record: Record) -> None:
    text = '[category.model]\ntiers = [{ for = "24h", keep = "all" }]\nolder = "daily"\n'
    assert dropped(record, WHOLE) == 0
    assert dropped(record, parse_policy(f'{text}[pin]\nentities = ["model a"]\n')) == 0
    lay_documents(record, MIDNIGHT + 24 * DAYS, {"x": 1}, scope=MODELS, category="other")  # the same resource yields it
    assert dropped(record, parse_policy(text)) == 0
    assert dropped(record, DAILY) > 0


def test_syncs_of_other_scopes_keep_each_other_from_nothing() -> None:
    """Each scope keeps its own last sync of the bucket."""
    other = Scope.of("api", "models", {"region": "eu"})
    with new_record() as record:
        for number in range(MIDNIGHT, MIDNIGHT + 24 * 4, 2):
            lay_documents(record, number, {"a": 1})
            lay_documents(record, number + 1, {"b": 1}, scope=other)
        second_day = hour(MIDNIGHT + 47)
        before = {
            key: (state.confirmed_by, state.confirmed_at)
            for key, state in record.log.catalogue("model", at=second_day).items()
        }
        assert dropped(record) > 0
        after = record.log.catalogue("model", at=second_day)
        assert {key: (state.confirmed_by, state.confirmed_at) for key, state in after.items()} == before


def test_a_failed_sync_goes_where_a_later_one_asked_again_but_hides_none_that_did_not_fail() -> None:
    with new_record() as record:
        for number in range(24 * 4):
            if number % 24 == MIDNIGHT - 1:  # the last of each day fails
                with record.transaction():
                    sync = record.archive.open_sync(Cause.SYNC, opened_at=hour(number), rules={"api.models": RULES})
                    record.archive.add(sync, [Request(MODELS, hour(number), hour(number), error="timed out")])
                    record.archive.close_sync(sync, at=hour(number))
                    record.log.record(sync, [])
            else:
                lay(record, number, 1)
        at = hour(24 + MIDNIGHT - 1)
        before = record.log.state(record.log.entity("model", "a"), at=at)
        assert dropped(record) > 0
        assert record.log.state(record.log.entity("model", "a"), at=at) == before
        assert verify(record, deep=True) == []


def test_imported_versions_stay_known() -> None:
    with new_record() as record:
        for number in range(100):
            lay(record, number, number // 50, cause=Cause.IMPORT)
        assert dropped(record) == 0
        assert len(record.archive.versions("api.models")) == 100


def test_what_went_is_told_apart_from_what_never_was(record: Record) -> None:
    root = record.log.entries()[-24 * 5].root
    with pytest.raises(UnknownSync, match=r"there is no sync 100000$"):
        record.archive.sync(100_000)
    dropped(record)
    with pytest.raises(UnknownSync, match="there is no sync 30, or compaction dropped it"):
        record.archive.sync(30)
    with pytest.raises(UnknownAttempt, match="or compaction dropped it"):
        record.archive.attempt(30)
    (finding,) = verify(record, root=root)
    assert "or compaction dropped it" in finding.message
    assert verify(record, root=record.log.entries()[-1].root) == []


def test_a_number_that_came_with_a_sync_that_went_stands_for_the_sync_before_it() -> None:
    with new_record() as record:
        for number in range(24 * 4):
            lay(record, number, number)
        first, last = record.log.position(hour(MIDNIGHT + 23)).seq, record.log.position(hour(MIDNIGHT + 30)).seq
        dropped(record)
        assert record.log.position(last).seq == first
        assert record.log.catalogue("model", at=last)["a"].document == {"n": MIDNIGHT + 23}
        assert verify(record, deep=True) == []


def test_a_run_that_lost_its_root_is_found(record: Record) -> None:
    dropped(record)
    with record.transaction():
        record._db.execute("UPDATE skipped SET root = zeroblob(32) WHERE first = (SELECT max(first) FROM skipped)")
    assert {"entry", "thinned"} <= {finding.where for finding in verify(record)}


def test_the_answers_of_what_went_stay(record: Record) -> None:
    before = record.archive.sizes()["answers"]
    dropped(record)
    assert record.archive.sizes()["answers"] == before


def test_answers_that_were_read_again_under_new_rules_stay_where_they_stand_for_what_is_confirmed(
    record: Record,
) -> None:
    last = max(sync.id for sync in record.archive.syncs())
    other = rules_named("other")
    at = hour(MIDNIGHT + 24 * DAYS - 1) + timedelta(minutes=10)  # of the same day
    with record.transaction():
        sync = record.archive.open_sync(Cause.RULES, opened_at=at, rules={"api.models": other})
        record.archive.close_sync(sync, at=at)
        (attempt,) = record.archive.attempts(last)
        items = (Item("a", (("model", Document.of({"n": 1})),)),)
        record.log.record(sync, [Listing(MODELS, ("model",), attempt.id, complete=True, items=items)])
    for number in range(30, 80):  # of another scope: nobody asks for this one any more
        lay_documents(record, MIDNIGHT + 24 * DAYS + number, {"b": 1}, scope=Scope("api", "others"), category="other")
    policy = parse_policy('[default]\nseal_after = "1h"\ntiers = [{ for = "24h", keep = "all" }]\nolder = "delete"\n')
    assert dropped(record, policy) > 0
    state = record.log.state(record.log.entity("model", "a"))
    assert state is not None
    assert state.confirmed_by == attempt.id
    assert record.archive.attempt(attempt.id) == attempt
