"""Syncs against the generated world: the log says what the world truly was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from collector import Answer, Clock, World, WorldTransport, play, rebuild_log, shipped, sync_source
from collector.syncing.scopes import parents_first
from eventstore import Document, Kind, Record, Status, verify
from tests.laying import new_record

START = datetime(2026, 1, 1, tzinfo=UTC)
OPENROUTER = shipped()["openrouter"]
SPLIT = ("benchmarks",)


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def models_recorded(record: Record, at: datetime) -> dict[str, Document]:
    """Models as they stood, with what the rules split off put back."""
    whole = {key: dict(state.document) for key, state in record.log.catalogue("model", at=at).items()}
    if any(each.name == "model_benchmarks" for each in record.log.categories()):
        for key, state in record.log.catalogue("model_benchmarks", at=at).items():
            whole[key].update(state.document)
    return {key: Document.of(value) for key, value in whole.items()}


def test_after_each_sync_of_an_honest_world_the_log_says_what_is_true(record: Record) -> None:
    world = World(3, start=START, days=30, models=21, failures=0)
    every = timedelta(days=1)
    play(record, world, every=every)
    for instant in world.instants(every):
        truth = {key: Document.of(value) for key, value in world.documents("model", instant).items()}
        assert models_recorded(record, instant) == truth


def test_a_failed_request_changes_nothing_about_what_it_asked_for(record: Record) -> None:
    """P9, P13: what failed changes nothing that is served."""
    world = World(5, start=START, days=10, models=4, failures=0.5)
    played = play(record, world, every=timedelta(hours=12))
    assert played.failed > 0
    assert played.syncs["partial"] > 0
    for entry in record.log.entries():
        if entry.sync is None:
            continue
        failed = {attempt.scope for attempt in record.archive.attempts(entry.sync) if attempt.error is not None}
        events = [event for event in record.log.events() if event.sync == entry.sync]
        assert not failed & {event.scope for event in events if event.kind is not Kind.DISAPPEARED}


def test_a_world_laid_down_twice_and_rebuilt_is_the_same_log(record: Record) -> None:
    world = World(7, start=START, days=6, models=5)
    play(record, world)
    assert rebuild_log(record, now=START).same
    assert verify(record, deep=True) == []
    with new_record() as other:
        play(other, world)
        assert list(other.log.events()) == list(record.log.events())


def test_endpoints_are_asked_for_of_each_model_that_was_just_listed(record: Record) -> None:
    world = World(1, start=START, days=3, models=3, failures=0)
    synced = sync_source(record, OPENROUTER, now=Clock(START), transport=WorldTransport(world, Clock(START)))
    assert synced is not None
    listed = world.documents("model", START)
    attempts = record.archive.attempts(synced.sync)
    assert {dict(each.scope.params)["model"] for each in attempts if each.scope.resource == "endpoints"} == set(listed)
    assert synced.asked == len(attempts) == len(listed) + 2
    assert synced.recorded is not None
    assert synced.recorded.status is Status.SUCCESS
    endpoints = record.log.catalogue("endpoint").values()
    assert {state.parent for state in endpoints} <= set(listed)


def test_parents_are_asked_for_before_their_children() -> None:
    names = [resource.name for resource in parents_first(tuple(reversed(OPENROUTER.resources)))]
    assert names.index("models") < names.index("endpoints")
    assert len(names) == len(OPENROUTER.resources)


def test_a_key_that_cannot_stand_in_a_path_is_a_failed_attempt_and_nothing_is_asked(record: Record) -> None:
    class Hostile:
        async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
            assert ".." not in path
            assert not validators
            return Answer(params, 200, b'{"data": [{"id": "../../admin"}]}')

        async def aclose(self) -> None:
            pass

    synced = sync_source(record, OPENROUTER, now=Clock(START), transport=Hostile())
    assert synced is not None
    (attempt,) = [each for each in record.archive.attempts(synced.sync) if each.scope.resource == "endpoints"]
    assert attempt.answer is None
    assert "cannot stand in a path" in str(attempt.error)
