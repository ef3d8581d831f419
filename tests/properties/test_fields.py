from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from eventstore import ABSENT, Blame, FieldChange, Period, blame, canonical_bytes, field_changes, periods, resolve
from tests import naive
from tests.model import text_of
from tests.naive import NOTHING, Place, Since, Stretch, place_of, pointer_of, said, versions_of
from tests.properties.documents import catalogues, pairs
from tests.properties.stories import arrays, stories

two_documents = pairs() | st.tuples(catalogues(), catalogues()) | st.tuples(arrays(), arrays())


def text(value: Any) -> str | None:
    """What is said, None for ABSENT."""
    return None if value is ABSENT else text_of(value)


# -- differences


@given(two_documents)
def test_no_field_changed_exactly_where_documents_are_equal(pair: tuple[Any, Any]) -> None:
    before, after = pair
    assert (field_changes(before, after) == []) is (canonical_bytes(before) == canonical_bytes(after))
    assert field_changes(after, after) == []


@given(two_documents)
def test_a_change_says_what_the_documents_say_there(pair: tuple[Any, Any]) -> None:
    before, after = pair
    for change in field_changes(before, after):
        if change.before is not ABSENT:
            assert text(change.before) == said(before, place_of(was_at(change)))
        if change.after is not ABSENT:
            assert text(change.after) == said(after, place_of(change.path))
        if change.before is change.after is ABSENT:
            assert change.was_at is not ABSENT
        else:
            assert change.was_at != change.path
            assert text(change.before) != text(change.after)


def was_at(change: FieldChange) -> str:
    return change.path if isinstance(change.was_at, type(ABSENT)) else change.was_at


@given(two_documents)
def test_a_change_is_of_one_field_or_of_what_came_or_went_whole(pair: tuple[Any, Any]) -> None:
    """Two objects are compared inside, and so are two arrays unless both are of plain values only."""
    for change in field_changes(*pair):
        assert not (isinstance(change.before, dict) and isinstance(change.after, dict))
        if isinstance(change.before, list) and isinstance(change.after, list):
            assert not any(naive.members(element) for element in [*change.before, *change.after])


@given(two_documents)
def test_whatever_no_change_names_is_what_it_was(pair: tuple[Any, Any]) -> None:
    before, after = pair
    came, went = named(field_changes(before, after))
    for document, other, here, there in ((after, before, came, went), (before, after, went, came)):
        for place in naive.fields(document):
            if not within(place, here):
                twin = naive.place_in(other, document, place)
                assert twin is not None
                emptied = said(document, place) in {"{}", "[]"} and any(within(each, {twin}) for each in there)
                assert emptied or said(other, twin) == said(document, place)


def named(changes: list[FieldChange]) -> tuple[set[Place], set[Place]]:
    """Where changes say what is in the new document, and where what was in the old one."""
    came = {place_of(change.path) for change in changes if change.after is not ABSENT}
    return came, {place_of(was_at(change)) for change in changes if change.before is not ABSENT}


def within(place: Place, places: set[Place]) -> bool:
    return any(place[: len(each)] == each for each in places)


@given(two_documents)
def test_elements_that_neither_came_nor_moved_keep_their_order(pair: tuple[Any, Any]) -> None:
    before, after = pair
    changes = field_changes(before, after)
    came, _ = named(changes)
    moved = {place_of(each.path): place_of(was_at(each)) for each in changes if each.before is each.after is ABSENT}
    assert all(naive.place_in(before, after, new) == old for new, old in moved.items())
    for array in naive.places(after):
        if not within(array, came):
            elements = [
                (*array, name) for name in naive.members(at(after, array)) if isinstance(at(after, array), list)
            ]
            stayed = [each for each in elements if each not in moved and each not in came]
            twins = [naive.place_in(before, after, each) for each in stayed]
            places = [int(twin[-1]) for twin in twins if twin is not None]
            assert len(places) == len(stayed)
            assert places == sorted(places)


def at(document: Any, place: Place) -> Any:
    for name in place:
        document = naive.members(document)[name]
    return document


@given(two_documents)
def test_changes_come_in_the_order_of_names_and_none_twice(pair: tuple[Any, Any]) -> None:
    before, after = pair
    changes = field_changes(before, after)
    assert len({(each.path, each.was_at, each.before is ABSENT, each.after is ABSENT) for each in changes}) == len(
        changes
    )
    if isinstance(before, dict) and isinstance(after, dict):
        names = [place_of(change.path)[0] for change in changes]
        assert names == sorted(names)


# -- blame


@given(stories())
def test_blame_is_what_going_back_version_by_version_finds(story: list[Any]) -> None:
    assert [since(row) for row in blame(versions_of(story))] == naive.blamed(story)


def since(row: Blame) -> Since:
    assert row.since.sync == row.since.seq + 9
    assert (row.since.not_before is None) is (row.since.seq == 1)
    return Since(row.path, text(row.value), row.since.seq - 1, text(row.before))


@given(stories())
def test_every_field_of_the_document_is_blamed_exactly_once(story: list[Any]) -> None:
    rows = blame(versions_of(story))
    assert sorted(row.path for row in rows) == sorted(map(pointer_of, naive.fields(story[-1])))
    for row in rows:
        assert text(row.value) == said(story[-1], place_of(row.path))


@given(stories(), st.data())
def test_blame_does_not_ask_for_what_was_before_the_entity_last_appeared(story: list[Any], data: DataObject) -> None:
    versions = versions_of(story)
    away = [number for number, document in enumerate(story) if document is NOTHING]
    start = data.draw(st.integers(0, max(away, default=0)))
    assert blame(versions[start:] if away else versions) == blame(versions)


# -- periods


@given(stories(), st.data())
def test_periods_are_what_following_the_field_version_by_version_finds(story: list[Any], data: DataObject) -> None:
    place = data.draw(st.sampled_from(some_places(story)))
    found = [stretch(period) for period in periods(versions_of(story), pointer_of(place))]
    assert found == naive.stretches(story, place)


def stretch(period: Period) -> Stretch:
    said = text(period.value)
    assert said is not None
    return Stretch(said, period.since.seq - 1, None if period.until is None else period.until.seq - 1)


def some_places(story: Sequence[Any]) -> list[Place]:
    """All places that any of the documents has, and one that none has."""
    there = {place: None for document in story for place in naive.places(document)}
    return [*there, ("nowhere", "0")]


@given(stories(), st.data())
def test_periods_follow_each_other_and_no_two_in_a_row_say_the_same(story: list[Any], data: DataObject) -> None:
    found = periods(versions_of(story), pointer_of(data.draw(st.sampled_from(some_places(story)))))
    for one, other in pairwise(found):
        assert one.until is not None
        assert one.since.seq < one.until.seq <= other.since.seq
        assert one.until.seq < other.since.seq or text(one.value) != text(other.value)
    assert all(period.until is None or period.since.seq < period.until.seq for period in found)


@given(stories(), st.data())
def test_where_no_array_is_on_the_way_periods_say_at_each_event_what_the_document_says(
    story: list[Any], data: DataObject
) -> None:
    place = data.draw(st.sampled_from([place for place in some_places(story) if not any(through_array(story, place))]))
    found = periods(versions_of(story), pointer_of(place))
    for number, document in enumerate(story, 1):
        standing = [
            each for each in found if each.since.seq <= number and (each.until is None or number < each.until.seq)
        ]
        assert [text(each.value) for each in standing] == (
            [] if said(document, place) is None else [said(document, place)]
        )
        assert text(ABSENT if document is NOTHING else resolve(document, pointer_of(place))) == said(document, place)


def through_array(story: Sequence[Any], place: Place) -> Iterator[bool]:
    for document in story:
        for name in place:
            yield isinstance(document, list)
            document = naive.members(document).get(name, NOTHING)  # noqa: PLW2901  # it goes down


@given(stories())
def test_the_last_period_of_a_field_begins_where_blame_says(story: list[Any]) -> None:
    versions = versions_of(story)
    for row in blame(versions):
        *earlier, last = periods(versions, row.path)
        assert (text(last.value), last.since, last.until) == (text(row.value), row.since, None)
        replaced = earlier[-1].value if earlier and earlier[-1].until == last.since else ABSENT
        assert text(replaced) == text(row.before)


@given(stories())
def test_the_whole_document_has_a_period_for_each_version_that_is_one(story: list[Any]) -> None:
    found = [stretch(period) for period in periods(versions_of(story), "")]
    until = [*range(1, len(story)), None]
    assert found == [
        Stretch(text_of(document), number, until[number])
        for number, document in enumerate(story)
        if document is not NOTHING
    ]
