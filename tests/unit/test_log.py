"""The log's reading side by example: positions, names, entries, issues, and what a damaged history says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventstore import (
    BeyondHead,
    BrokenHistory,
    Category,
    CategoryTaken,
    Cause,
    Damaged,
    Document,
    Entity,
    EventStoreError,
    Issue,
    Item,
    Kind,
    Listing,
    Position,
    Record,
    Recorded,
    Request,
    Scope,
    Status,
    UnknownCategory,
    UnknownEntity,
)
from tests.laying import RULES, new_record

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MODELS = Scope("api", "models")
LONG = "x" * 200  # a document that no keyframe is written for after one patch


def lay(
    record: Record,
    hour: int,
    documents: dict[str, Any],
    *,
    scope: Scope = MODELS,
    category: str = "model",
    status: Status = Status.SUCCESS,
    issues: Callable[[int], list[Issue]] = lambda _: [],
) -> Recorded:
    """Record a complete listing, `hour` hours after noon; asked a second before it was answered."""
    at = NOON + hour * HOUR
    with record.transaction():
        rules = {f"{scope.source}.{scope.resource}": RULES}
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules=rules)
        request = Request(scope, at - timedelta(seconds=1), at, 200, repr(documents).encode())
        (attempt,) = record.archive.add(sync, [request])
        record.archive.close_sync(sync, at=at)
        items = tuple(Item(key, ((category, Document.of(value)),)) for key, value in documents.items())
        listing = Listing(scope, (category,), attempt, complete=True, items=items)
        return record.log.record(sync, [listing], issues=issues(attempt), status=status)


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def test_an_empty_log_stands_at_nothing(record: Record) -> None:
    assert record.log.position() == Position(0, 0, None)
    assert record.log.position(NOON) == Position(0, 0, None)
    assert record.log.categories() == []
    assert list(record.log.events()) == []
    assert record.log.recorded_syncs() == frozenset()


def test_an_instant_is_the_last_sync_at_or_before_it(record: Record) -> None:
    lay(record, 0, {"a": 1, "b": 1})
    lay(record, 1, {"a": 2, "b": 2})
    first, second = record.log.position(NOON), record.log.position(NOON + HOUR)
    assert (first.seq, first.observed_at) == (2, NOON)
    assert (second.seq, second.observed_at) == (4, NOON + HOUR)
    assert record.log.position() == second
    assert record.log.position(NOON + HOUR - timedelta(milliseconds=1)) == first
    assert record.log.position(NOON - timedelta(milliseconds=1)) == Position(0, 0, None)


def test_a_number_is_the_end_of_its_sync(record: Record) -> None:
    lay(record, 0, {"a": 1, "b": 1})
    lay(record, 1, {"a": 2, "b": 2})
    assert [record.log.position(seq).seq for seq in range(-1, 5)] == [0, 0, 2, 2, 4, 4]
    with pytest.raises(BeyondHead, match="@5: it ends at @4"):
        record.log.position(5)


def test_a_time_without_a_zone_is_refused(record: Record) -> None:
    with pytest.raises(ValueError, match="time zone"):
        record.log.position(datetime(2025, 1, 1))  # noqa: DTZ001


def test_categories_are_counted_by_what_is_live_and_what_ever_was(record: Record) -> None:
    lay(record, 0, {"a": 1, "b": 1, "c": 1})
    lay(record, 1, {"a": 1})
    lay(record, 2, {"x": 1}, scope=Scope("api", "prices"), category="price")
    lay(record, 3, {"y": 1}, scope=Scope("aaa", "prices"), category="price")
    assert record.log.categories() == [
        Category("aaa", "price", "prices", 1, 1),
        Category("api", "model", "models", 1, 3),
        Category("api", "price", "prices", 1, 1),
    ]
    assert record.log.categories()[1].address == "api.model"


def test_a_category_may_be_named_with_its_source_and_must_be_where_two_have_it(record: Record) -> None:
    lay(record, 0, {"a": 1})
    lay(record, 1, {"x": 1}, scope=Scope("api", "prices"), category="price")
    lay(record, 2, {"y": 1}, scope=Scope("shop", "prices"), category="price")
    assert record.log.find_category("model") == record.log.find_category("api.model") == ("api", "model")
    assert record.log.find_category("shop.price") == ("shop", "price")
    with pytest.raises(UnknownCategory, match="several sources") as ambiguous:
        record.log.find_category("price")
    assert ambiguous.value.choices == ("api.price", "shop.price")
    with pytest.raises(UnknownCategory, match="there is no category models") as unknown:
        record.log.catalogue("models")
    assert unknown.value.choices == ("api.model", "api.price", "shop.price")
    with pytest.raises(UnknownCategory):
        record.log.find_category("shop.model")


def test_an_unknown_key_is_answered_with_keys_like_it(record: Record) -> None:
    lay(record, 0, {"openai/gpt-4": 1, "openai/gpt-4-mini": 1, "basalt/rook": 1})
    assert record.log.entity("model", "basalt/rook") == Entity("api", "model", "basalt/rook")
    with pytest.raises(UnknownEntity, match="no model GPT-4 was") as part:
        record.log.entity("model", "GPT-4")
    assert part.value.near == ("openai/gpt-4", "openai/gpt-4-mini")
    with pytest.raises(UnknownEntity) as alike:
        list(record.log.events("model", "basalt/rock"))
    assert alike.value.near == ("basalt/rook",)
    with pytest.raises(UnknownEntity) as nothing:
        record.log.entity("model", "zzz")
    assert nothing.value.near == ()
    assert "orlog replay" in nothing.value.hint


def test_an_entity_that_never_was_has_no_state_and_no_history(record: Record) -> None:
    lay(record, 0, {"a": 1})
    for entity in (Entity("api", "model", "b"), Entity("api", "nothing", "a"), Entity("else", "model", "a")):
        assert record.log.state(entity) is None
        assert record.log.history(entity) == []


def test_one_category_of_a_source_belongs_to_one_resource(record: Record) -> None:
    lay(record, 0, {"a": 1})
    with pytest.raises(CategoryTaken, match="belongs to its resource models; other cannot"):
        lay(record, 1, {"b": 1}, scope=Scope("api", "other"))
    assert [state.document for state in record.log.catalogue("model").values()] == [1]


def test_a_sync_that_is_open_cannot_be_recorded(record: Record) -> None:
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=NOON, rules={})
        with pytest.raises(EventStoreError, match="not closed"):
            record.log.record(sync, [])


def test_entries_say_what_each_sync_did(record: Record) -> None:
    lay(record, 0, {"a": 1, "b": 1})
    last = lay(record, 1, {"a": 2, "c": 1}, status=Status.PARTIAL)
    schema, generation, first, second = record.log.entries()
    assert (schema.kind, generation.kind, first.kind, second.kind) == ("schema", "generation", "sync", "sync")
    assert (schema.sync, schema.status, schema.observed_at, schema.appeared) == (None, None, None, None)
    assert (first.id, first.generation, first.sync, first.status) == (3, 1, 1, Status.SUCCESS)
    assert (second.sync, second.observed_at, second.seq, second.status) == (2, NOON + HOUR, 5, Status.PARTIAL)
    assert (second.appeared, second.changed, second.disappeared, second.unchanged) == (1, 1, 1, 0)
    assert second.root == last.root
    assert (last.status, last.seq, last.issues) == (Status.PARTIAL, 5, 0)
    assert record.log.recorded_syncs() == {1, 2}


def test_entries_of_generations_that_were_superseded_are_kept_as_roots(record: Record) -> None:
    lay(record, 0, {"a": 1})
    before = record.log.entries()
    with record.transaction():
        rebuilt = record.log.begin_generation({"api.models": RULES}, made_at=NOON)
        assert rebuilt.generation == 2
        assert record.log.generation == 1
    with record.transaction():
        record.log.adopt(rebuilt)
    assert record.log.generation == 2
    assert [entry.kind for entry in record.log.entries()] == ["generation"]
    every = record.log.entries(every_generation=True)
    assert [entry.root for entry in every[:3]] == [entry.root for entry in before]
    assert (every[2].kind, every[2].sync, every[2].observed_at, every[2].status) == ("sync", None, None, None)
    assert [entry.generation for entry in every] == [1, 1, 1, 2]


def test_issues_are_listed_by_the_sync_that_found_them(record: Record) -> None:
    def found(attempt: int) -> list[Issue]:
        return [Issue("no-key", "an item has none", attempt, path="/0"), Issue("odd", "it is", attempt, key="k")]

    assert lay(record, 0, {"a": 1}, issues=found).issues == 2
    lay(record, 1, {"a": 1}, issues=lambda attempt: [Issue("odd", "again", attempt)])
    assert record.log.issues() == [
        (1, Issue("no-key", "an item has none", 1, None, "/0")),
        (1, Issue("odd", "it is", 1, "k", None)),
        (2, Issue("odd", "again", 2)),
    ]
    assert record.log.issues(sync=2) == [(2, Issue("odd", "again", 2))]
    assert record.log.issues(sync=3) == []


def test_a_history_has_each_document_that_was(record: Record) -> None:
    for hour, documents in enumerate([{"a": {"n": 1}}, {"a": {"n": 2}}, {}, {"a": {"n": 3}}]):
        lay(record, hour, documents)
    versions = record.log.history(Entity("api", "model", "a"))
    assert [each.event.kind for each in versions] == [Kind.APPEARED, Kind.CHANGED, Kind.DISAPPEARED, Kind.APPEARED]
    documents_ = [None if each.content is None else each.content.value for each in versions]
    assert documents_ == [{"n": 1}, {"n": 2}, None, {"n": 3}]
    changed = versions[1].event
    assert changed.patch == [{"op": "replace", "path": "/n", "value": 2}]
    assert (changed.document, versions[0].event.document, versions[0].event.patch) == (None, {"n": 1}, None)
    assert (changed.not_before, changed.observed_at) == (NOON - timedelta(seconds=1), NOON + HOUR)


@pytest.mark.parametrize(
    "damage,said",
    [
        ('UPDATE event_1 SET body = \'[{"op":"remove","path":"/x"}]\' WHERE seq = 2', "event 2 cannot be folded"),
        ("UPDATE event_1 SET body = '[{' WHERE seq = 2", "event 2 cannot be folded"),
        ("DELETE FROM event_1 WHERE seq = 1", "event 2"),
    ],
)
def test_a_history_that_does_not_fold_says_at_which_event(record: Record, damage: str, said: str) -> None:
    lay(record, 0, {"a": {"n": 1, "long": LONG}})
    lay(record, 1, {"a": {"n": 2, "long": LONG}})
    record._db.execute(damage)
    entity = Entity("api", "model", "a")
    for read in (record.log.history, record.log.state):
        with pytest.raises(BrokenHistory, match=said) as broken:
            read(entity)
        assert broken.value.seq == 2
    with pytest.raises(BrokenHistory, match=said) as broken:
        record.log.catalogue("model")
    assert broken.value.seq == 2


def test_a_state_without_a_confirmation_is_damaged(record: Record) -> None:
    lay(record, 0, {"a": 1})
    record._db.execute("DELETE FROM listing_1")
    with pytest.raises(BrokenHistory, match="event 1 has no attempt") as broken:
        record.log.state(Entity("api", "model", "a"))
    assert broken.value.seq == 1


def test_a_document_is_read_from_its_last_keyframe_on(record: Record) -> None:
    """However long the history before it was: nothing of that is needed."""
    for hour in range(20):
        lay(record, hour, {"a": {"n": hour, "long": LONG}, "b": {"n": 0}})
    (keyframe,) = record._db.execute("SELECT max(seq) FROM keyframe_1 WHERE seq < 18").fetchone()
    record._db.execute("DELETE FROM event_1 WHERE seq <= ? AND seq > 2", (keyframe - 1,))
    entity = Entity("api", "model", "a")
    for at in (record.log.position().seq, keyframe + 1, keyframe):
        state = record.log.state(entity, at=at)
        assert state is not None
        assert state.document["n"] == at - 2
        assert state.seq == at


def test_a_catalogue_is_read_from_its_last_keyframe_on(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.replay.CATALOGUE_EVENTS", 4)
    for hour in range(10):
        lay(record, hour, {"a": {"n": hour, "long": LONG}, "b": {"n": 0}})
    lay(record, 10, {"x": 1}, scope=Scope("api", "prices"), category="price")
    keyframes = [row[0] for row in record._db.execute("SELECT seq FROM catalogue_1 WHERE category = 1 ORDER BY seq")]
    assert len(keyframes) > 1
    record._db.execute("DELETE FROM event_1 WHERE seq <= ?", (keyframes[0],))
    for at in range(keyframes[0] + 1, 12):
        found = {key: state.document["n"] for key, state in record.log.catalogue("model", at=at).items()}
        assert found == {"a": at - 2, "b": 0}


def test_a_keyframe_is_due_after_eight_patches_or_when_they_outgrow_the_document() -> None:
    from eventstore.replay import catalogue_due, keyframe_due

    assert [keyframe_due(patches, 10, 1000) for patches in (7, 8, 9)] == [False, True, True]
    assert [keyframe_due(1, size, 100) for size in (99, 100, 101)] == [False, True, True]
    assert [catalogue_due(events, 10) for events in (63, 64)] == [False, True]
    assert [catalogue_due(events, 100) for events in (99, 100)] == [False, True]


def test_a_change_of_what_is_gone_is_a_broken_history(record: Record) -> None:
    lay(record, 0, {"a": {"n": 1, "long": LONG}})
    lay(record, 1, {"a": {"n": 2, "long": LONG}})
    record._db.execute("UPDATE event_1 SET kind = 'disappeared' WHERE seq = 1")
    with pytest.raises(BrokenHistory, match="event 2 has no full document"):
        record.log.state(Entity("api", "model", "a"))


def test_since_and_until_take_the_instant_itself_along(record: Record) -> None:
    for hour in range(3):
        lay(record, hour, {"a": hour})
    tick = timedelta(milliseconds=1)

    def seqs(**bounds: Any) -> list[int]:
        return [event.seq for event in record.log.events(**bounds)]

    assert seqs(since=NOON + HOUR) == [2, 3]
    assert seqs(since=NOON + HOUR + tick) == [3]
    assert seqs(since=NOON + HOUR - tick) == [2, 3]
    assert seqs(since=NOON + 2 * HOUR - tick, until=NOON + 2 * HOUR) == [3]
    assert seqs(until=NOON + HOUR) == [1, 2]
    assert seqs(until=NOON + HOUR - tick) == [1]
    assert seqs(until=2, after=1) == [2]
    assert seqs(newest_first=True) == [3, 2, 1]


def test_an_event_just_before_since_is_left_out(record: Record) -> None:
    lay(record, 0, {"a": 0})
    lay(record, 0, {"a": 1})  # not later than the head: 1 ms after it
    assert [event.seq for event in record.log.events(since=NOON + timedelta(milliseconds=1))] == [2]


def test_an_error_names_the_file(record: Record) -> None:
    lay(record, 0, {"a": 1})
    record._db.execute("DROP TABLE listing_1")
    with pytest.raises(Damaged, match=r"record\.db is damaged"):
        record.log.state(Entity("api", "model", "a"))
