"""Reading the log sync by sync, and what confirms what stands without folding a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from eventstore import (
    Batch,
    Change,
    Cursor,
    Document,
    Entity,
    Feed,
    Item,
    Listing,
    LogRebuilt,
    Position,
    Record,
    canonical_bytes,
    feed,
    from_ms,
)
from eventstore.walk import Walk
from tests.laying import MODELS, RULES, hour, laid_record, lay_documents, lay_down, new_record, step_of
from tests.model import Model
from tests.projecting import Said, lay
from tests.properties.histories import Step, histories

few = settings(max_examples=settings().max_examples // 4)
"""For what needs a record for each example."""


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def read(record: Record, after: Cursor | None = None, **wanted: Any) -> list[Batch]:
    return list(Feed(record.log, after or Cursor(record.log.generation), **wanted).batches())


def seqs(batches: list[Batch]) -> list[list[int]]:
    return [[change.event.seq for change in batch.changes] for batch in batches]


def lay_numbers(record: Record, *rows: dict[str, int]) -> None:
    """A sync for each row: `{key: n}` stands for documents that say n."""
    for number, row in enumerate(rows):
        lay_documents(record, number, {key: {"n": n} for key, n in row.items()})


# -- batches


def test_a_log_of_nothing_is_one_batch_of_nothing(record: Record) -> None:
    assert read(record) == [Batch([], [], [], Cursor(1), complete=True)]


def test_all_is_read_in_order_with_the_documents_around_each_event(record: Record) -> None:
    lay_numbers(record, {"a": 1, "b": 1}, {"a": 2}, {"a": 2}, {"a": 2, "b": 3})
    (batch,) = read(record)
    assert list(batch.changes) == list(record.log.changes())
    assert [entry.sync for entry in batch.entries] == [1, 2, 3, 4]
    assert batch.complete
    assert batch.cursor == Cursor(1, batch.entries[-1].id, record.log.position().seq)


def test_behind_a_cursor_comes_only_what_is_new(record: Record) -> None:
    lay_numbers(record, {"a": 1}, {"a": 2})
    (first,) = read(record)
    lay_documents(record, 5, {"a": {"n": 2}})
    lay_documents(record, 6, {"a": {"n": 3}})
    (second,) = read(record, first.cursor)
    assert [entry.sync for entry in second.entries] == [3, 4]
    (change,) = second.changes
    assert change.before is not None
    assert change.after is not None
    assert (change.before.value, change.after.value) == ({"n": 2}, {"n": 3})
    assert read(record, second.cursor) == [Batch([], [], [], second.cursor, complete=True)]


def test_a_sync_that_brought_no_event_moves_the_cursor(record: Record) -> None:
    lay_numbers(record, {"a": 1})
    (first,) = read(record)
    lay_documents(record, 1, {"a": {"n": 1}})
    (second,) = read(record, first.cursor)
    assert (len(second.entries), len(second.events)) == (1, 0)
    assert (second.cursor.entry > first.cursor.entry, second.cursor.seq) == (True, first.cursor.seq)


def test_a_batch_has_whole_syncs_and_not_too_many_events(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_numbers(record, {"a": 1}, {"a": 2, "b": 2, "c": 2, "d": 2}, {"a": 3}, {"a": 4}, {"a": 5})
    monkeypatch.setattr(feed, "BATCH_EVENTS", 3)
    found = seqs(read(record))
    assert found == [[1], [2, 3, 4, 5], [6, 7, 8, 9], [10, 11]]


@pytest.mark.parametrize("syncs", [2, 3])
def test_the_last_batch_is_complete_and_no_other_and_it_is_not_empty(
    record: Record, monkeypatch: pytest.MonkeyPatch, syncs: int
) -> None:
    lay_numbers(record, *({"a": n} for n in range(4)))
    monkeypatch.setattr(feed, "BATCH_SYNCS", syncs)
    batches = read(record)
    assert [batch.complete for batch in batches] == [False, True]
    assert [len(batch.entries) for batch in batches] == [syncs, 4 - syncs]


def test_a_feed_goes_up_to_a_place_and_from_there_on(record: Record) -> None:
    lay_numbers(record, {"a": 1}, {"a": 2}, {"a": 3})
    (until,) = read(record, until=record.log.position(hour(1)))
    assert seqs([until]) == [[1, 2]]
    assert until.complete
    assert seqs(read(record, until.cursor)) == [[3]]
    assert seqs(read(record, until=Position(0, 0, None))) == [[]]
    assert seqs(read(record, until.cursor, until=record.log.position(hour(0)))) == [[]]


def test_what_is_recorded_between_two_batches_comes_too(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_numbers(record, {"a": 1}, {"a": 2})
    monkeypatch.setattr(feed, "BATCH_SYNCS", 1)
    batches = Feed(record.log, Cursor(1)).batches()
    found = [next(batches)]
    lay_documents(record, 7, {"a": {"n": 3}})
    found += batches
    assert seqs(found) == [[1], [2], [3]]


@pytest.mark.parametrize(
    "wanted, expected",
    [
        ({"api.model"}, [1, 3]),
        ({"api.model", "other.model"}, [1, 2, 3]),
        ({"other.model", "api.price"}, [2, 4]),
        (set(), []),
        (None, [1, 2, 3, 4]),
    ],
)
def test_events_of_other_categories_are_left_out(record: Record, wanted: set[str] | None, expected: list[int]) -> None:
    lay(record, 0, Said("api.model", {"a": 1}))
    lay(record, 1, Said("other.model", {"a": 1}))
    lay(record, 2, Said("api.model", {"a": 2}))
    lay(record, 3, Said("api.price", {"a": 1}))
    (batch,) = read(record, categories=None if wanted is None else frozenset(wanted))
    assert seqs([batch]) == [expected]
    assert len(batch.entries) == 4


def test_without_documents_there_are_only_events(record: Record) -> None:
    lay_numbers(record, {"a": 1}, {"a": 2})
    (batch,) = read(record, documents=False)
    assert [(change.before, change.after) for change in batch.changes] == [(None, None)] * 2
    assert [change.event for change in batch.changes] == list(record.log.events())


def test_a_cursor_of_another_generation_is_refused_at_once_and_in_between(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_numbers(record, {"a": 1}, {"a": 2})
    monkeypatch.setattr(feed, "BATCH_SYNCS", 1)
    batches = Feed(record.log, Cursor(1)).batches()
    next(batches)
    with record.transaction():
        record.log.adopt(record.log.begin_generation({"api.models": RULES}, made_at=hour(100)))
    with pytest.raises(LogRebuilt, match="generation 2"):
        next(batches)
    with pytest.raises(LogRebuilt):
        read(record, Cursor(1))


def test_what_a_feed_remembers_changes_nothing(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_numbers(record, *(dict.fromkeys("abcd", n) for n in range(5)))
    expected = list(record.log.changes())
    monkeypatch.setattr(feed, "REMEMBERED", 2)
    monkeypatch.setattr(feed, "BATCH_SYNCS", 2)
    assert [change for batch in read(record) for change in batch.changes] == expected


@given(histories())
@few
def test_a_feed_in_pieces_is_all_changes(history: list[Step]) -> None:
    """L2, L3: whatever the history; each document is the one that its event has the hash of."""
    with laid_record(history) as (record, _):
        expected = list(record.log.changes())
        found: list[Change] = []
        cursor = Cursor(record.log.generation)
        for entry in record.log.recorded(limit=len(history)):
            assert entry.observed_at is not None
            for batch in Feed(record.log, cursor, until=record.log.position(entry.observed_at)).batches():
                found += batch.changes
                cursor = batch.cursor
        assert found == expected
        assert all(each.after is None or each.after.hash == each.event.hash for each in found)


# -- entries of recorded syncs


def test_recorded_syncs_are_those_of_this_generation_behind_an_entry_up_to_a_place(record: Record) -> None:
    lay_numbers(record, {"a": 1}, {"a": 2}, {"a": 3})
    every = record.log.recorded(limit=10)
    assert [entry.sync for entry in every] == [1, 2, 3]
    assert every == [entry for entry in record.log.entries() if entry.kind == "sync"]
    assert record.log.recorded(after=every[0].id, limit=10) == every[1:]
    assert record.log.recorded(limit=2) == every[:2]
    assert record.log.recorded(until=record.log.position(hour(1)), limit=10) == every[:2]
    assert record.log.recorded(after=every[2].id, limit=10) == []
    with record.transaction():
        record.log.adopt(record.log.begin_generation({"api.models": RULES}, made_at=hour(100)))
    assert record.log.recorded(limit=10) == []


# -- walking every event


def test_a_walk_that_is_told_every_event_looks_nothing_up(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_numbers(record, {"a": 1}, {"a": 2}, {}, {"a": 3})
    expected = list(record.log.changes())
    walk = record.log.walk(every=True)
    monkeypatch.setattr(walk, "_db", None)  # it would fail if it were asked
    assert [walk.around(event) for event in record.log.events()] == expected


def test_a_walk_that_begins_in_the_middle_folds_what_was_before(record: Record) -> None:
    lay_numbers(record, {"a": 1}, {"a": 2}, {"a": 3})
    walk = record.log.walk(every=True)
    assert [walk.around(event) for event in record.log.events(after=1)] == list(record.log.changes(after=1))


@pytest.mark.parametrize("checked", [False, True])
def test_hashes_are_compared_where_that_is_asked_for(record: Record, *, checked: bool) -> None:
    lay_numbers(record, {"a": 1})
    record._db.execute("UPDATE event_1 SET body = ?", ('{"n":7}',))
    walk: Walk = record.log.walk(checked=checked)
    (event,) = record.log.events()
    if checked:
        with pytest.raises(Exception, match="event 1"):
            walk.around(event)
    else:
        after = walk.around(event).after
        assert after is not None
        assert canonical_bytes(after.value) == b'{"n":7}'


# -- confirmation without documents


def confirmations(record: Record, at: Any = None) -> dict[Entity, Any]:
    """What catalogues say of when each entity was last confirmed."""
    return {
        state.entity: state.confirmed_at
        for category in record.log.categories()
        for state in record.log.catalogue(category.address, at=at).values()
    }


@given(histories())
@few
def test_what_was_confirmed_when_is_what_catalogues_say(history: list[Step]) -> None:
    """L8: at the head and at every instant, with incomplete listings, unreadable items and moves between scopes."""
    with laid_record(history) as (record, model):
        assert record.log.confirmed() == confirmations(record)
        for at in (from_ms(model.moments[0].at - 1), *(from_ms(moment.at) for moment in model.moments)):
            assert record.log.confirmed(at=at) == confirmations(record, at)


def test_an_incomplete_listing_confirms_what_it_shows_and_nothing_else(record: Record) -> None:
    a, b = (Entity("api", "model", key) for key in "ab")
    lay_documents(record, 0, {"a": 1, "b": 1})
    items = (Item("a", (("model", Document.of(1)),)),)
    lay_down(record, Model(), step_of(1, MODELS, Listing(MODELS, ("model",), 0, complete=False, items=items)))
    assert record.log.confirmed() == {a: hour(1), b: hour(0)}
    assert record.log.confirmed(at=hour(0)) == {a: hour(0), b: hour(0)}
    lay_documents(record, 2, {"a": 1, "b": 1})
    assert record.log.confirmed() == {a: hour(2), b: hour(2)}
    assert record.log.confirmed(at=hour(1)) == {a: hour(1), b: hour(0)}


def test_an_item_that_cannot_be_read_is_there_and_not_confirmed(record: Record) -> None:
    a, b = (Entity("api", "model", key) for key in "ab")
    lay_documents(record, 0, {"a": 1, "b": 1})
    items = (Item("a", (("model", Document.of(1)),)),)
    listing = Listing(MODELS, ("model",), 0, complete=True, items=items, present=frozenset({"b"}))
    lay_down(record, Model(), step_of(1, MODELS, listing))
    assert record.log.confirmed() == {a: hour(1), b: hour(0)}


def test_what_was_not_there_was_not_confirmed(record: Record) -> None:
    lay_numbers(record, {"a": 1}, {})
    assert record.log.confirmed() == {}
    assert record.log.confirmed(at=hour(0)) == {Entity("api", "model", "a"): hour(0)}
    assert record.log.confirmed(at=0) == {}


def test_whoever_passes_over_a_batch_sees_the_right_documents_in_the_next(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_numbers(record, *({"a": n} for n in range(4)))
    monkeypatch.setattr(feed, "BATCH_SYNCS", 1)
    expected = list(record.log.changes())
    first, _, third, fourth = read(record)
    assert [*first.changes, *fourth.changes, *third.changes] == [expected[0], expected[3], expected[2]]
