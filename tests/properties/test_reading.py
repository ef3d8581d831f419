from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from eventstore import (
    Change,
    Comparison,
    Document,
    Entity,
    Item,
    Kind,
    Listing,
    Record,
    Scope,
    State,
    apply,
    blame,
    canonical_bytes,
    compare,
    from_ms,
    periods,
    walk,
)
from tests import naive
from tests.laying import laid_record, lay_down, new_record, step_of
from tests.model import Model, Standing, text_of
from tests.naive import NOTHING, Place, place_of, pointer_of, said
from tests.properties.histories import Step, histories
from tests.properties.stories import stories

few = settings(max_examples=settings().max_examples // 2)
"""For what needs a record for each example."""

MILLISECOND: Final = timedelta(milliseconds=1)
THING: Final = Entity("api", "thing", "k")
PATTERNS: Final = ("*", "a*", "[as]*#*", "[ab]", "?", "s*t", "A", "nothing")


def lay_story(record: Record, story: list[Any]) -> None:
    """Record what one entity said, sync by sync; an empty listing where it was away."""
    model, scope = Model(), Scope("api", "things")
    for number, value in enumerate(story):
        items = () if value is NOTHING else (Item("k", (("thing", Document.of(value)),)),)
        lay_down(record, model, step_of(number, scope, Listing(scope, ("thing",), 0, complete=True, items=items)))


def instants(model: Model) -> Iterator[tuple[datetime, int]]:
    """The time before everything and that of each sync, each with the number of syncs until then."""
    yield from_ms(model.moments[0].at - 1), 0
    for count, moment in enumerate(model.moments, 1):
        yield from_ms(moment.at), count


# -- what one entity said


@given(stories())
@few
def test_a_history_read_back_has_every_document_as_it_was(story: list[Any]) -> None:
    """L3, L10: though they share what did not change between them."""
    with new_record() as record:
        lay_story(record, story)
        versions = record.log.history(THING)
        values = [NOTHING if each.content is None else each.content.value for each in versions]
        assert list(map(said, values)) == list(map(said, story))
        assert all(each.content is None or each.content.hash == each.event.hash for each in versions)


@given(stories(), st.data())
@few
def test_blame_and_periods_of_a_record_are_what_going_through_its_versions_finds(
    story: list[Any], data: DataObject
) -> None:
    place = data.draw(st.sampled_from([place for document in story for place in naive.places(document)]))
    with new_record() as record:
        lay_story(record, story)
        versions = record.log.history(THING)
        rows = [(row.path, text_of(row.value), row.since.seq - 1) for row in blame(versions)]
        assert rows == [each[:3] for each in naive.blamed(story)]
        found = [(text_of(each.value), each.since.seq - 1) for each in periods(versions, pointer_of(place))]
        assert found == [each[:2] for each in naive.stretches(story, place)]


@given(histories(), st.data())
@few
def test_blame_at_an_instant_is_blame_of_a_log_that_ends_there(history: list[Step], data: DataObject) -> None:
    """In every field, both ends of the interval included."""
    count = data.draw(st.integers(1, len(history)))
    with laid_record(history) as (whole, model), laid_record(history[:count]) as (cut, shorter):
        at = from_ms(model.moments[count - 1].at)
        assert shorter.moments[-1].at == model.moments[count - 1].at
        for entity in model.entities():
            then, ended = whole.log.history(entity, at=at), cut.log.history(entity)
            assert then == ended
            assert msgspec.json.encode(blame(then)) == msgspec.json.encode(blame(ended))


@given(histories())
@few
def test_every_entity_that_stands_is_blamed_for_each_of_its_fields_and_no_other_for_any(history: list[Step]) -> None:
    with laid_record(history) as (record, model):
        events = {event.seq: event for event in record.log.events()}
        for entity in model.entities():
            state = record.log.state(entity)
            rows = blame(record.log.history(entity))
            document = NOTHING if state is None else state.document
            assert [place_of(row.path) for row in rows] == list(naive.fields(document))
            for row in rows:
                assert text_of(row.value) == said(document, place_of(row.path))
                assert row.since == events[row.since.seq].occurrence
                assert events[row.since.seq].entity == entity


# -- two instants


@given(histories(), st.data())
@few
def test_a_comparison_is_what_one_finds_who_reads_both_states(history: list[Step], data: DataObject) -> None:
    with laid_record(history) as (record, model):
        (one, earlier), (other, later) = (data.draw(st.sampled_from(list(instants(model)))) for _ in range(2))
        before, after = model.stands(earlier), model.stands(later)
        narrow = data.draw(_narrowings(model.entities()))
        found = compare(record.log, one, other, **narrow)
        assert_compared(found, _within(before, **narrow), _within(after, **narrow))
        assert (found.before, found.after) == (record.log.position(one), record.log.position(other))
        assert bool(found) is bool(found.appeared or found.disappeared or found.changed)
        mirrored = compare(record.log, other, one, **narrow)
        assert (mirrored.appeared, mirrored.disappeared) == (found.disappeared, found.appeared)
        assert [(each.after, each.before) for each in mirrored.changed] == [
            (each.before, each.after) for each in found.changed
        ]


def _narrowings(entities: list[Entity]) -> st.SearchStrategy[dict[str, str]]:
    """What to compare: everything, a category, or one entity."""
    entire: st.SearchStrategy[dict[str, str]] = st.just({})
    if not entities:
        return entire
    entity = st.sampled_from(entities)
    one = entity.map(lambda entity: {"category": entity.address, "key": entity.key})
    return entire | entity.map(lambda entity: {"category": entity.address}) | one


def _within(
    stands: dict[Entity, Standing], category: str | None = None, key: str | None = None
) -> dict[Entity, Standing]:
    return {
        entity: standing
        for entity, standing in stands.items()
        if category in {None, entity.address} and key in {None, entity.key}
    }


def assert_compared(found: Comparison, before: dict[Entity, Standing], after: dict[Entity, Standing]) -> None:
    assert _texts(found.appeared) == [(entity, after[entity].text) for entity in sorted(after) if entity not in before]
    assert _texts(found.disappeared) == [
        (entity, before[entity].text) for entity in sorted(before) if entity not in after
    ]
    both = [entity for entity in sorted(after) if entity in before and before[entity].text != after[entity].text]
    assert _texts([each.before for each in found.changed]) == [(entity, before[entity].text) for entity in both]
    assert _texts([each.after for each in found.changed]) == [(entity, after[entity].text) for entity in both]
    for each in found.changed:
        assert each.fields()
        assert canonical_bytes(apply(each.before.document, each.patch())) == each.after.content.canonical


def _texts(states: Collection[State]) -> list[tuple[Entity, str]]:
    return [(state.entity, text_of(state.document)) for state in states]


@given(histories())
@few
def test_nothing_differs_from_itself(history: list[Step]) -> None:
    with laid_record(history) as (record, model):
        for at, _ in instants(model):
            found = compare(record.log, at, at)
            assert not found
            assert (found.appeared, found.disappeared, found.changed, found.rules) == ((), (), (), ())


# -- changes


@given(histories(), st.data())
@few
def test_around_every_event_are_the_states_before_and_after_it(history: list[Step], data: DataObject) -> None:
    """In both directions, however little the walk remembers."""
    newest_first, remembered = data.draw(st.booleans()), data.draw(st.sampled_from((1, 2, 1024)))
    with laid_record(history) as (record, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "REMEMBERED", remembered)
        changes = list(record.log.changes(newest_first=newest_first))
        assert [each.event for each in changes] == list(record.log.events(newest_first=newest_first))
        for event, before, after in map(msgspec.structs.astuple, changes):
            earlier = record.log.state(event.entity, at=event.observed_at - MILLISECOND)
            later = record.log.state(event.entity, at=event.observed_at)
            assert before == (None if earlier is None else earlier.content)
            assert after == (None if later is None else later.content)
            assert event.hash == (Document(b"") if after is None else after).hash


@given(histories(), st.data())
def test_changes_are_filtered_as_one_would_filter_a_list(history: list[Step], data: DataObject) -> None:
    with laid_record(history) as (record, _):
        everything = list(record.log.changes())
        kinds = data.draw(st.none() | st.sets(st.sampled_from(Kind)))
        pattern = data.draw(st.none() | st.sampled_from(PATTERNS))
        category = data.draw(st.sampled_from([None, *sorted({each.event.entity.address for each in everything})]))
        place = data.draw(st.none() | st.sampled_from(_places(everything)))
        after = data.draw(st.integers(0, 3))
        newest_first = data.draw(st.booleans())
        path = None if place is None else pointer_of(place)
        filters: dict[str, Any] = {"kinds": kinds, "pattern": pattern, "after": after, "newest_first": newest_first}
        expected = [
            change
            for change in everything
            if (kinds is None or change.event.kind in kinds)
            and (pattern is None or fnmatchcase(change.event.entity.key, pattern))
            and category in {None, change.event.entity.address}
            and change.event.seq > after
        ]
        wanted = [change for change in expected if place is None or _says(change, place)]
        step = -1 if newest_first else 1
        assert list(record.log.events(category, **filters)) == [change.event for change in expected[::step]]
        assert list(record.log.changes(category, path=path, **filters)) == wanted[::step]


def _places(changes: list[Change]) -> list[Place]:
    documents = [document.value for change in changes for document in (change.before, change.after) if document]
    return [(), ("nowhere",), *dict.fromkeys(place for document in documents for place in naive.places(document))]


def _says(change: Change, place: Place) -> bool:
    """Whether something else is said at a place after a change."""
    before, after = (
        None if document is None else said(document.value, place) for document in (change.before, change.after)
    )
    return before != after


@given(stories(), st.data())
@few
def test_changes_of_one_place_are_those_after_which_something_else_is_said_there(
    story: list[Any], data: DataObject
) -> None:
    """Elements before it come and go, too."""
    place = data.draw(st.sampled_from([place for document in story for place in naive.places(document)]))
    with new_record() as record:
        lay_story(record, story)
        found = [change.event.seq for change in record.log.changes("thing", "k", path=pointer_of(place))]
        texts = [None, *(said(document, place) for document in story)]
        assert found == [number for number in range(1, len(texts)) if texts[number] != texts[number - 1]]
