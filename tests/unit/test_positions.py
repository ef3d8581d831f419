"""By which rules a place in the log was read; instants themselves are in `test_log.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventstore import BeyondHead, Cause, Listing, Record, Request, Rules, Scope, Status
from tests.laying import MODELS, RULES, hour, lay_documents, new_record, rules_named

PRICES = Scope("api", "prices")
NEW, NEWER = rules_named("new"), rules_named("newer")


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def rebuild(record: Record, rules: dict[str, Rules], *, at: int) -> None:
    """Lay every sync down again, without what it said but for its category."""
    with record.transaction():
        building = record.log.begin_generation(rules, made_at=hour(at))
        for sync in list(record.archive.syncs()):
            (attempt,) = record.archive.attempts(sync.id)
            category = {"models": "model", "prices": "price"}[attempt.scope.resource]
            building.record(sync.id, [empty(attempt.scope, category, attempt.id)])
        record.log.adopt(building)


def empty(scope: Scope, category: str, attempt: int) -> Listing:
    return Listing(scope, (category,), attempt, complete=True, items=())


def test_before_anything_was_read_there_are_no_rules(record: Record) -> None:
    assert record.log.rules() == {}
    lay_documents(record, 1, {"a": 1})
    assert record.log.rules(at=hour(0)) == record.log.rules(at=0) == {}
    with pytest.raises(BeyondHead):
        record.log.rules(at=2)


def test_a_resource_was_read_by_the_rules_of_its_last_sync_until_then(record: Record) -> None:
    for number, rules in enumerate((RULES, RULES, NEW, NEW, RULES)):
        lay_documents(record, number, {"a": number}, rules=rules)
    found = [record.log.rules(at=hour(number)) for number in range(5)]
    assert found == [{"api.models": rules.hash} for rules in (RULES, RULES, NEW, NEW, RULES)]
    assert [record.log.rules(at=seq) for seq in range(1, 6)] == found
    assert record.log.rules() == found[-1]


def test_each_resource_has_rules_of_its_own_whichever_was_asked_last(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    lay_documents(record, 1, {"x": 1}, scope=PRICES, category="price", rules=NEW)
    lay_documents(record, 2, {"a": 1}, rules=NEWER)
    assert record.log.rules(at=hour(0)) == {"api.models": RULES.hash}
    assert record.log.rules(at=hour(1)) == {"api.models": RULES.hash, "api.prices": NEW.hash}
    assert record.log.rules(at=hour(2)) == {"api.models": NEWER.hash, "api.prices": NEW.hash}


def test_what_a_rebuild_laid_down_was_read_by_the_rules_that_it_was_given(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    lay_documents(record, 1, {"x": 1}, scope=PRICES, category="price")
    lay_documents(record, 2, {"a": 1}, rules=NEW)
    rebuild(record, {"api.models": NEW, "api.prices": RULES}, at=3)
    assert [record.log.rules(at=hour(number)) for number in range(4)] == [
        {"api.models": NEW.hash},
        *[{"api.models": NEW.hash, "api.prices": RULES.hash}] * 3,
    ]


def test_what_came_after_a_rebuild_was_read_by_its_own_rules(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    lay_documents(record, 1, {"a": 1}, rules=NEW)
    rebuild(record, {"api.models": NEW}, at=2)
    lay_documents(record, 3, {"a": 2}, rules=NEWER)
    assert [record.log.rules(at=hour(number))["api.models"] for number in range(4)] == [
        *[NEW.hash] * 3,
        NEWER.hash,
    ]


def test_a_version_older_than_the_rebuild_that_is_imported_after_it_was_read_by_its_own_rules(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    rebuild(record, {"api.models": NEW}, at=1000)
    lay_documents(record, 1, {"a": 2}, rules=NEWER)
    assert [record.log.rules(at=hour(number)) for number in (0, 1)] == [
        {"api.models": NEW.hash},
        {"api.models": NEWER.hash},
    ]


def test_what_a_rebuild_laid_down_may_be_younger_than_it(record: Record) -> None:
    """Clocks are put back."""
    lay_documents(record, 5, {"a": 1})
    rebuild(record, {"api.models": NEW}, at=1)
    assert record.log.rules() == {"api.models": NEW.hash}


def test_what_is_being_rebuilt_is_read_by_the_new_rules_already(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    with record.transaction():
        building = record.log.begin_generation({"api.models": NEW}, made_at=hour(1))
        building.record(1, [empty(MODELS, "model", 1)])
        assert building.rules() == {"api.models": NEW.hash}
        assert record.log.rules() == {"api.models": RULES.hash}


def test_a_sync_that_read_nothing_leaves_the_rules_as_they_were(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=hour(1), rules={"api.models": NEW})
        record.archive.add(sync, [Request(MODELS, hour(1), hour(1), error="timed out")])
        record.archive.close_sync(sync, at=hour(1))
        record.log.record(sync, [], status=Status.FAILED)
    assert record.log.rules() == {"api.models": RULES.hash}
