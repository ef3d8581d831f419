from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, Final

import jsonpatch
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from eventstore import (
    Document,
    Entity,
    Event,
    Instant,
    Item,
    Kind,
    Listing,
    Record,
    Recorded,
    Scope,
    UnknownCategory,
    UnknownEntity,
    from_ms,
    replay,
)
from tests.agreement import assert_same_events, assert_same_states
from tests.laying import archive, laid_record, lay_down, new_record, step_of
from tests.model import Model, text_of
from tests.properties.documents import pairs, values
from tests.properties.histories import CATEGORIES, PLACES, Question, Step, histories

few = settings(max_examples=settings().max_examples // 2)
"""For what needs many records, or is tested by the whole log's properties too."""

MILLISECOND: Final = timedelta(milliseconds=1)
ONE: Final = Scope("api", "things")


def everything(record: Record) -> list[Any]:
    """All that a reader can see of a record."""
    log = record.log
    catalogues = [log.catalogue(category.address) for category in log.categories()]
    return [list(log.events()), catalogues, log.entries(), log.issues(), list(record.archive.syncs())]


def rows(record: Record, table: str) -> list[Any]:
    return record._db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def instants(model: Model) -> Iterator[tuple[datetime, int]]:
    """The times around each sync, each with the number of syncs before it or at it."""
    for moment in model.moments:
        for at in (moment.at - 1, moment.at, moment.at + 1):
            yield from_ms(at), model.count(at)


def show(*values: Any) -> list[Listing]:
    """Complete listings of one entity, one for each value."""
    items = [Item("k", (("thing", Document.of(value)),)) for value in values]
    return [Listing(ONE, ("thing",), attempt=0, complete=True, items=(item,)) for item in items]


def lay_values(record: Record, *values: Any) -> list[Recorded]:
    model = Model()
    return [lay_down(record, model, step_of(n, ONE, listing))[1] for n, listing in enumerate(show(*values))]


# -- the whole log


@given(histories())
def test_the_log_holds_exactly_the_events_that_the_listings_tell(history: list[Step]) -> None:
    """L2, L4, L5, L7, L8."""
    with laid_record(history) as (record, model):
        assert_same_events(record.log, model)
        assert_same_states(record.log, model, at=None, count=len(model.moments))


@given(histories())
@few
def test_at_every_instant_the_log_says_what_stood_then(history: list[Step]) -> None:
    """L2: the state at T is the fold of all syncs with `observed_at` <= T. L8: with what had confirmed it by then."""
    with laid_record(history) as (record, model):
        for at, count in instants(model):
            assert_same_states(record.log, model, at=at, count=count)


@given(histories(), st.sampled_from((1, 2)), st.sampled_from((1, 3)))
@few
def test_keyframes_change_nothing_but_speed(history: list[Step], patches: int, events: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "KEYFRAME_PATCHES", patches)
        patch.setattr(replay, "CATALOGUE_EVENTS", events)
        with laid_record(history) as (record, model):
            assert_same_events(record.log, model)
            for at, count in instants(model):
                assert_same_states(record.log, model, at=at, count=count)
            for table in ("keyframe_1", "catalogue_1"):
                record._db.execute(f"DELETE FROM {table}")
            for at, count in instants(model):
                assert_same_states(record.log, model, at=at, count=count)


def test_keyframes_are_made() -> None:
    with new_record() as record:
        values = [{"n": n, "long": "x" * 500} for n in range(2 * replay.CATALOGUE_EVENTS)]
        lay_values(record, *values)
        assert len(rows(record, "keyframe_1")) == (len(values) - 1) // replay.KEYFRAME_PATCHES
        assert len(rows(record, "catalogue_1")) == 2


# -- invariant by invariant


@given(histories())
@few
def test_recording_never_changes_what_was_recorded(history: list[Step]) -> None:
    """L1."""
    with new_record() as record:
        model = Model()
        for step in history:
            before = rows(record, "event_1"), rows(record, "entry")
            lay_down(record, model, step)
            events, entries = rows(record, "event_1"), rows(record, "entry")
            assert (events[: len(before[0])], entries[: len(before[1])]) == before
            assert len(entries) == len(before[1]) + 1


@given(histories())
@few
def test_numbers_have_no_gaps_and_time_never_goes_back(history: list[Step]) -> None:
    """L2."""
    with new_record() as record:
        model = Model()
        recorded = [lay_down(record, model, step)[1] for step in history]
        events = list(record.log.events())
        times = {sync: {event.observed_at for event in same} for sync, same in groupby(events, lambda e: e.sync)}
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert all(len(each) == 1 for each in times.values())
        assert recorded[0].observed_at == history[0].at
        for (earlier, later), step in zip(pairwise(recorded), history[1:], strict=True):
            assert later.observed_at == max(step.at, earlier.observed_at + MILLISECOND)


@given(histories(), st.data())
@few
def test_a_number_stands_for_the_end_of_its_sync(history: list[Step], data: DataObject) -> None:
    """L2: no state is ever that of half a sync."""
    with laid_record(history) as (record, model):
        events = list(record.log.events())
        if events:
            event = data.draw(st.sampled_from(events))
            syncs = [moment.sync for moment in model.moments]
            assert_same_states(record.log, model, at=event.seq, count=syncs.index(event.sync) + 1)


@given(histories())
@few
def test_another_library_folds_every_event_to_the_document_that_its_hash_promises(history: list[Step]) -> None:
    """L3."""
    with laid_record(history) as (record, _):
        documents: dict[Entity, Any] = {}
        for event in record.log.events():
            if event.kind is Kind.DISAPPEARED:
                del documents[event.entity]
                assert (event.body, event.hash) == (None, hashlib.sha256(b"").hexdigest())
                continue
            if event.patch is None:
                documents[event.entity] = event.document
            else:
                documents[event.entity] = jsonpatch.apply_patch(documents[event.entity], event.patch)
            assert event.hash == Document.of(documents[event.entity]).hash


@given(histories())
@few
def test_the_history_of_an_entity_has_the_documents_that_stood(history: list[Step]) -> None:
    """L3."""
    with laid_record(history) as (record, model):
        events = list(record.log.events())
        for entity in model.entities():
            versions = record.log.history(entity)
            assert [version.event for version in versions] == [event for event in events if event.entity == entity]
            for version in versions:
                state = record.log.state(entity, at=version.event.observed_at)
                assert version.content == (None if state is None else state.content)


@given(st.lists(st.sampled_from([1, 1.0, True, "1", [1], [1.0], 0.0, -0.0, None, {}]), min_size=1, max_size=12))
@few
def test_exactly_what_differs_from_the_latest_document_is_a_change(values: list[Any]) -> None:
    """L4: A, B, A are an appearance and two changes; the same again is nothing."""
    with new_record() as record:
        recorded = lay_values(record, *values)
        different = [text_of(one) != text_of(other) for one, other in pairwise(values)]
        assert [each.changed for each in recorded] == [0, *different]
        assert [each.unchanged for each in recorded] == [0, *(not each for each in different)]
        assert len(list(record.log.events())) == 1 + sum(different)


@given(histories())
@few
def test_appearances_and_disappearances_take_turns(history: list[Step]) -> None:
    """L5."""
    with laid_record(history) as (record, _):
        live: set[Entity] = set()
        for event in record.log.events():
            assert (event.entity in live) is (event.kind is not Kind.APPEARED)
            (live.discard if event.kind is Kind.DISAPPEARED else live.add)(event.entity)


@given(histories(most=4), histories(most=4))
@few
def test_a_reader_sees_all_of_a_transaction_or_nothing(history: list[Step], more: list[Step]) -> None:
    """L6."""
    with laid_record(history) as (writer, _), Record.open(writer.path.parent) as reader:
        before = everything(reader)
        with reader.snapshot():
            assert everything(reader) == before
            with writer.transaction():
                for step in more:
                    laid = archive(writer, step)
                    writer.log.record(laid.sync, laid.listings)
                    with Record.open(writer.path.parent) as another:
                        assert everything(another) == before
            assert everything(reader) == before
        after = everything(reader)
        assert after == everything(writer)
        assert len(after[2]) == len(before[2]) + len(more)


@given(histories(most=4), histories(most=4))
@few
def test_what_was_not_committed_when_the_power_went_never_was(history: list[Step], more: list[Step]) -> None:
    """L6."""
    with laid_record(history) as (record, model), tempfile.TemporaryDirectory() as folder:
        with record.transaction():
            for step in more:
                laid = archive(record, step)
                record.log.record(laid.sync, laid.listings)
            for file in record.path.parent.glob("record.db*"):
                if not file.name.endswith("-shm"):
                    shutil.copy(file, folder)
        with Record.open(folder, write=True) as survivor:
            assert_same_events(survivor.log, model)
            lay_down(survivor, model, more[0])
            assert_same_events(survivor.log, model)


@given(histories(most=6), histories(most=6))
@few
def test_nothing_disappears_without_evidence(history: list[Step], more: list[Step]) -> None:
    """L7: incomplete answers and failures say nothing about what they do not show."""
    with laid_record(history) as (record, model):
        until = len(list(record.log.events()))
        for step in more:
            lay_down(record, model, step._replace(questions=tuple(map(_incomplete, step.questions))))
        assert all(event.kind is not Kind.DISAPPEARED for event in record.log.events(after=until))


def _incomplete(question: Question) -> Question:
    if question.listing is None:
        return question
    return question._replace(listing=msgspec.structs.replace(question.listing, complete=False))


@given(histories(most=6))
@few
def test_where_all_is_listed_and_empty_nothing_stands(history: list[Step]) -> None:
    """L7: an empty list is an answer, unlike a failure."""
    with laid_record(history) as (record, model):
        at = from_ms(model.moments[-1].at + 1)
        empty = [
            Listing(place.scope, place.categories, attempt=0, complete=True, items=(), parent=place.parent)
            for place in PLACES
        ]
        lay_down(record, model, Step(at, tuple(Question(each.scope, at, at, each) for each in empty)))
        assert not any(record.log.catalogue(category.address) for category in record.log.categories())
        assert_same_events(record.log, model)


@given(histories())
@few
def test_a_change_lies_between_its_two_ends(history: list[Step]) -> None:
    """L8: after `not_before`, when the opposite was last confirmed, at or before `observed_at`."""
    with laid_record(history) as (record, _):
        for event in record.log.events():
            if event.not_before is None:
                assert event.kind is Kind.APPEARED
                continue
            assert event.not_before < event.observed_at
            earlier = record.log.state(event.entity, at=event.observed_at - MILLISECOND)
            assert (earlier is None) is (event.kind is Kind.APPEARED)
            if earlier is not None:
                assert event.not_before == record.archive.attempt(earlier.confirmed_by).requested_at
                assert earlier.confirmed_at == record.archive.attempt(earlier.confirmed_by).received_at


@given(histories(most=6), st.data())
@few
def test_what_is_committed_to_is_everything_that_was_observed(history: list[Step], data: DataObject) -> None:
    """L9: the same history has the same digests; one that differs somewhere, other ones from there on."""
    place = data.draw(st.integers(0, len(history) - 1))
    altered = list(history)
    altered[place] = _altered(history[place])
    digests = []
    for each in (history, history, altered):
        with laid_record(each) as (record, _):
            chain = record._db.execute("SELECT digest, kind FROM entry ORDER BY id").fetchall()
            roots = [bytes.fromhex(entry.root) for entry in record.log.entries(every_generation=True)]
            for before, (digest, _), root in zip([bytes(32), *roots], chain, roots, strict=False):
                assert hashlib.sha256(before + digest).digest() == root
            digests.append([digest for digest, kind in chain if kind == "sync"])
    assert digests[0] == digests[1]
    assert digests[0][:place] == digests[2][:place]
    assert digests[0][place] != digests[2][place]


def _altered(step: Step) -> Step:
    asked = Question(Scope("another", "thing"), step.at, step.at, None)
    return step._replace(questions=(*step.questions, asked))


@given(pairs(), values())
def test_documents_come_back_exactly(pair: tuple[Any, Any], other: Any) -> None:
    """L10: big integers, floats, both zeros, any key and any text, however they nest."""
    with new_record() as record:
        model = Model()
        for number, value in enumerate((*pair, other)):
            lay_down(record, model, step_of(number, ONE, show(value)[0]))
            state = record.log.state(Entity("api", "thing", "k"))
            assert state is not None
            assert text_of(state.document) == text_of(value)
        catalogues = [record.log.catalogue("thing", at=from_ms(moment.at)) for moment in model.moments]
        assert [text_of(each["k"].document) for each in catalogues] == [text_of(value) for value in (*pair, other)]


# -- reading


@given(histories(), st.data())
def test_events_are_filtered_as_one_would_filter_a_list(history: list[Step], data: DataObject) -> None:
    with laid_record(history) as (record, model):
        events = list(record.log.events())
        times = sorted(at for at, _ in instants(model))
        entities = [event.entity for event in events] or [Entity("api", "model", "a")]
        address, key = data.draw(_addresses(entities))
        since = data.draw(st.none() | st.sampled_from(times))
        until = data.draw(st.none() | st.sampled_from(times) | st.integers(0, len(events)))
        after = data.draw(st.integers(0, len(events)))
        newest_first = data.draw(st.booleans())
        found = record.log.events(address, key, since=since, until=until, after=after, newest_first=newest_first)
        try:
            shown = list(found)
        except (UnknownCategory, UnknownEntity):
            assert not any(_is_about(event.entity, address, key) for event in events)
            return
        last = _last_seq(events, until)
        expected = [
            event
            for event in events
            if _is_about(event.entity, address, key)
            and after < event.seq <= last
            and (since is None or event.observed_at >= since)
        ]
        assert shown == (expected[::-1] if newest_first else expected)


@st.composite
def _addresses(draw: st.DrawFn, entities: list[Entity]) -> tuple[str | None, str | None]:
    entity = draw(st.sampled_from(entities))
    kind = draw(st.sampled_from(("all", "category", "entity", "nothing")))
    if kind == "all":
        return None, None
    if kind == "nothing":
        return draw(st.sampled_from(CATEGORIES)), draw(st.none() | st.just("never seen"))
    return entity.address, (entity.key if kind == "entity" else None)


def _is_about(entity: Entity, address: str | None, key: str | None) -> bool:
    return (address is None or entity.address == address) and (key is None or entity.key == key)


def _last_seq(events: list[Event], until: Instant | None) -> int:
    if until is None:
        return len(events)
    if isinstance(until, datetime):
        return sum(event.observed_at <= until for event in events)
    return max((event.seq for event in events if until and event.sync <= events[until - 1].sync), default=0)
