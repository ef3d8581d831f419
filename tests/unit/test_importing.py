"""Imports, rebuilds, and what a change of rules does, over histories made up on the spot."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector import Answer, Extraction, Resource, import_history, rebuild_log
from collector.transport import Version
from eventstore import CategoryTaken, Cause, Event, Record, Request, Status, verify
from tests.laying import new_record

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MODELS = Resource("api", "models", Extraction(category="model", items="", key="{id}"))


class Made:
    """A history of answers, by the hour at which each was given."""

    def __init__(self, answers: Mapping[int, bytes | str | None], *, name: str = "v") -> None:
        self._versions = [
            Version(f"{name}{hour}", NOON + hour * HOUR, (self._answer(body),)) for hour, body in answers.items()
        ]

    @staticmethod
    def _answer(body: bytes | str | None) -> Answer:
        if body is None:
            return Answer({}, 404, None, error="deleted")
        return Answer({}, 200, body if isinstance(body, bytes) else body.encode())

    def __len__(self) -> int:
        return len(self._versions)

    def versions(self, skip: Container[str] = frozenset()) -> Iterator[Version]:
        return (version for version in self._versions if version.name not in skip)


def listed(**prices: Any) -> str:
    return json.dumps([{"id": key, "price": price} for key, price in prices.items()])


def with_rules(**changes: Any) -> Resource:
    return Resource("api", "models", Extraction(**{"category": "model", "items": "", "key": "{id}", **changes}))


def facts(record: Record) -> list[tuple[Any, ...]]:
    """All events in every field but the numbers of syncs."""

    def fact(each: Event) -> tuple[Any, ...]:
        return (each.seq, each.entity, each.kind, each.observed_at, each.not_before, each.hash, each.body, each.scope)

    return [fact(event) for event in record.log.events()]


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def now(record: Record) -> dict[str, Any]:
    return {key: state.document["price"] for key, state in record.log.catalogue("model").items()}


def test_an_import_counts_what_it_did_and_goes_on_where_it_ended(record: Record) -> None:
    first = import_history(record, MODELS, Made({0: listed(a=1, b=1), 1: listed(a=2)}))
    assert (first.archived, first.recorded, first.deferred, first.already) == (2, 2, 0, 0)
    assert (first.appeared, first.changed, first.disappeared, first.unchanged) == (2, 1, 1, 0)
    again = import_history(record, MODELS, Made({0: listed(a=1, b=1), 1: listed(a=2), 2: listed(a=2)}))
    assert (again.archived, again.recorded, again.already, again.unchanged) == (1, 1, 2, 1)
    assert now(record) == {"a": 2}


def test_what_says_nothing_makes_nothing_disappear(record: Record) -> None:
    broken = {1: "", 2: "<html>503</html>", 3: '[{"id": "a"', 4: None, 5: '{"error": 1}'}
    done = import_history(record, MODELS, Made({0: listed(a=1), **broken, 6: listed(a=1)}))
    assert (done.disappeared, done.failed, done.issues) == (0, 1, 5)
    assert len(list(record.log.events())) == 1
    statuses = [entry.status for entry in record.log.entries() if entry.kind == "sync"]
    assert statuses == [Status.SUCCESS, *[Status.FAILED] * 5, Status.SUCCESS]


def test_a_deleted_file_is_empty_only_where_the_rules_say_so(record: Record) -> None:
    import_history(record, with_rules(empty_on=(404,)), Made({0: listed(a=1), 1: None}))
    assert now(record) == {}


def test_an_incomplete_listing_confirms_what_it_shows_and_nothing_else(record: Record) -> None:
    import_history(record, MODELS, Made({0: listed(a=1, b=1), 1: '[{"id": "a", "price": 1}, {"price": 2}]'}))
    states = record.log.catalogue("model")
    assert states["a"].confirmed_at == NOON + HOUR
    assert states["b"].confirmed_at == NOON


def test_what_is_older_than_the_head_waits_for_a_rebuild_and_is_then_in_its_place(record: Record) -> None:
    import_history(record, MODELS, Made({2: listed(a=2), 3: listed(a=3)}))
    older = import_history(record, MODELS, Made({0: listed(a=0), 1: listed(b=1)}))
    assert (older.archived, older.recorded, older.deferred) == (2, 0, 2)
    assert now(record) == {"a": 3}
    rebuilt = rebuild_log(record, now=NOON)
    assert (rebuilt.generation, rebuilt.syncs, rebuilt.same) == (2, 4, False)
    with new_record() as at_once:
        import_history(
            at_once,
            MODELS,
            Made({hour: listed(**entities) for hour, entities in enumerate([{"a": 0}, {"b": 1}, {"a": 2}, {"a": 3}])}),
        )
        assert facts(at_once) == facts(record)
    assert verify(record, deep=True) == []


def test_rebuilding_gives_the_same_log_and_says_so(record: Record) -> None:
    import_history(record, MODELS, Made({0: listed(a=1), 1: "", 2: listed(a=1, b=2), 3: listed(b=3)}))
    before = facts(record)
    rebuilt = rebuild_log(record, now=NOON)
    assert (rebuilt.same, rebuilt.events) == (True, 4)
    assert rebuilt.rules == {"api.models": MODELS.extraction.rules.hash}
    assert facts(record) == before
    assert rebuild_log(record, now=NOON).generation == 3
    assert verify(record, deep=True) == []


def test_a_rebuild_that_was_killed_leaves_the_old_log_and_can_be_done_again(record: Record) -> None:
    import_history(record, MODELS, Made({0: listed(a=1), 1: listed(a=2)}))
    before = facts(record)
    with record.transaction():
        unfinished = record.log.begin_generation({}, made_at=NOON)
        unfinished.record(1, [])
    record.log.forget()
    assert facts(record) == before
    assert verify(record, deep=True) == []
    assert rebuild_log(record, now=NOON).same
    assert verify(record, deep=True) == []


def test_new_rules_are_laid_down_as_a_sync_of_their_own(record: Record) -> None:
    """P29: new rules apply to new data, and old data stay explainable."""
    import_history(record, MODELS, Made({0: '[{"id": "a", "price": 1, "noise": 7}]'}))
    quiet = with_rules(drop=("/noise",))
    done = import_history(record, quiet, Made({0: "", 1: '[{"id": "a", "price": 1, "noise": 8}]'}))
    assert done.rules_changed
    assert done.changed == 0
    (rules,) = record.archive.syncs(cause=Cause.RULES)
    changed = [event for event in record.log.events() if event.sync == rules.id]
    assert [event.patch for event in changed] == [[{"op": "remove", "path": "/noise"}]]
    assert changed[0].observed_at == NOON + timedelta(milliseconds=1)
    assert not import_history(record, quiet, Made({})).rules_changed
    rebuild_log(record, now=NOON)
    assert [state.document for state in record.log.catalogue("model", at=NOON).values()] == [{"id": "a", "price": 1}]


def test_rules_that_give_other_keys_wait_for_a_rebuild(record: Record) -> None:
    import_history(record, MODELS, Made({0: listed(a=1)}))
    other = with_rules(key="model {id}")
    done = import_history(record, other, Made({1: listed(a=2)}))
    assert (done.archived, done.recorded, done.deferred) == (1, 0, 1)
    assert import_history(record, other, Made({2: listed(a=3)})).deferred == 1
    assert now(record) == {"a": 1}
    rebuild_log(record, now=NOON)
    assert now(record) == {"model a": 3}
    assert import_history(record, other, Made({3: listed(a=4)})).recorded == 1


def test_a_category_of_another_resource_is_refused_before_anything_is_archived(record: Record) -> None:
    import_history(record, MODELS, Made({0: listed(a=1)}))
    with pytest.raises(CategoryTaken):
        import_history(record, Resource("api", "others", MODELS.extraction), Made({1: listed(b=1)}, name="w"))
    assert len(list(record.archive.syncs())) == 1


def test_a_sync_that_was_killed_is_closed_as_partial_with_what_was_archived(record: Record) -> None:
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=NOON, rules={"api.models": MODELS.extraction.rules})
        record.archive.add(sync, [Request(MODELS.scope({}), NOON, NOON, 200, listed(a=1).encode())])
    import_history(record, MODELS, Made({1: listed(a=2)}))
    assert record.archive.sync(sync).interrupted
    first = next(entry for entry in record.log.entries() if entry.sync == sync)
    assert (first.status, first.appeared) == (Status.PARTIAL, 1)
    assert now(record) == {"a": 2}


def test_progress_is_told_of_every_version(record: Record) -> None:
    class Told:
        total = done = 0
        finished = False

        def start(self, total: int, what: str) -> None:
            assert what in {"versions", "syncs"}
            self.total += total

        def note(self, text: str) -> None:
            raise AssertionError(text)

        def advance(self, done: int = 1) -> None:
            self.done += done

        def finish(self) -> None:
            self.finished = True

    told = Told()
    made = Made({hour: listed(a=hour) for hour in range(5)})
    import_history(record, MODELS, made, progress=told)
    import_history(record, MODELS, made, progress=told)  # all of them are there already
    rebuild_log(record, now=NOON, progress=told)
    assert (told.total, told.done, told.finished) == (15, 15, True)


def test_a_rebuild_that_fails_leaves_nothing_behind(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    import_history(record, MODELS, Made({0: listed(a=1), 1: listed(a=2)}))
    with monkeypatch.context() as patch:
        patch.setattr("collector.rebuild._same", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rebuild_log(record, now=NOON)
    import_history(record, MODELS, Made({2: listed(a=3)}))
    assert now(record) == {"a": 3}
    assert verify(record, deep=True) == []
