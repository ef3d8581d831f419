"""Two instants side by side by example; `tests/properties/test_reading.py` has the laws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eventstore import (
    BeyondHead,
    Comparison,
    Entity,
    FieldChange,
    Record,
    RulesDiffer,
    Scope,
    State,
    UnknownCategory,
    UnknownEntity,
    compare,
)
from tests.laying import RULES, hour, lay_documents, new_record, rules_named

PRICES = Scope("api", "prices")
SHOP = Scope("shop", "models")


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def keys(found: Comparison) -> tuple[list[str], list[str], list[str]]:
    """The keys of what appeared, disappeared and changed."""
    return (
        [state.entity.key for state in found.appeared],
        [state.entity.key for state in found.disappeared],
        [each.after.entity.key for each in found.changed],
    )


def test_what_is_at_one_instant_only_and_what_says_something_else_is_told(record: Record) -> None:
    lay_documents(record, 0, {"gone": 1, "stays": {"n": 1}, "turns": {"n": 1, "m": [1]}})
    lay_documents(record, 1, {"new": 1, "stays": {"n": 1}, "turns": {"n": 1.0, "m": [1]}})
    found = compare(record.log, hour(0), hour(1))
    assert keys(found) == (["new"], ["gone"], ["turns"])
    assert found
    (turned,) = found.changed
    assert (turned.before.seq, turned.after.seq) == (3, 5)
    assert repr(turned.fields()) == repr([FieldChange("/n", 1, 1.0)])
    assert repr(turned.patch()) == repr([{"op": "replace", "path": "/n", "value": 1.0}])
    assert (found.before, found.after) == (record.log.position(hour(0)), record.log.position(hour(1)))


def test_the_second_instant_may_be_the_earlier_one(record: Record) -> None:
    lay_documents(record, 0, {"a": 1, "b": {"n": 1}})
    lay_documents(record, 1, {"b": {"n": 2}, "c": 1})
    found = compare(record.log, hour(1), hour(0))
    assert keys(found) == (["a"], ["c"], ["b"])
    assert found.changed[0].fields() == [FieldChange("/n", 2, 1)]
    assert found.before.seq > found.after.seq


def test_the_head_is_the_second_instant_unless_another_is_given(record: Record) -> None:
    for number in range(3):
        lay_documents(record, number, {"a": {"n": number}})
    assert compare(record.log, 1).changed[0].fields() == [FieldChange("/n", 0, 2)]
    assert compare(record.log, 1, 2).changed[0].fields() == [FieldChange("/n", 0, 1)]
    assert compare(record.log, 0) == compare(record.log, 0, 3)
    assert keys(compare(record.log, 0)) == (["a"], [], [])
    assert keys(compare(record.log, 3, 0)) == ([], ["a"], [])


def test_what_is_again_as_it_was_does_not_differ_however_often_it_changed_between(record: Record) -> None:
    for number, documents in enumerate([{"a": 1, "b": 1}, {"a": 2}, {"a": 1, "b": 1}]):
        lay_documents(record, number, documents)
    found = compare(record.log, hour(0), hour(2))
    assert not found
    assert keys(found) == ([], [], [])
    assert keys(compare(record.log, hour(0), hour(1))) == ([], ["b"], ["a"])


def test_everything_is_listed_by_address_and_key(record: Record) -> None:
    lay_documents(record, 0, {"b": 1, "a": 1}, scope=SHOP)
    lay_documents(record, 1, {"z": 1}, scope=PRICES, category="price")
    lay_documents(record, 2, {"B": 1, "a": 1})
    found = [state.entity for state in compare(record.log, 0).appeared]
    assert found == [
        Entity("api", "model", "B"),
        Entity("api", "model", "a"),
        Entity("api", "price", "z"),
        Entity("shop", "model", "a"),
        Entity("shop", "model", "b"),
    ]


def test_a_category_or_one_entity_may_be_compared_alone(record: Record) -> None:
    lay_documents(record, 0, {"a": 1, "b": 1})
    lay_documents(record, 1, {"x": 1}, scope=PRICES, category="price")
    lay_documents(record, 2, {"a": 2, "b": 2, "c": 2})
    assert keys(compare(record.log, hour(0), category="price")) == (["x"], [], [])
    assert keys(compare(record.log, hour(0), category="api.model")) == (["c"], [], ["a", "b"])
    assert keys(compare(record.log, hour(0), category="model", key="b")) == ([], [], ["b"])
    assert keys(compare(record.log, hour(0), category="model", key="c")) == (["c"], [], [])
    assert keys(compare(record.log, hour(0), hour(1), category="model", key="c")) == ([], [], [])


def test_what_was_never_recorded_is_an_error_and_no_difference(record: Record) -> None:
    with pytest.raises(BeyondHead):
        compare(record.log, 1)
    lay_documents(record, 0, {"a": 1})
    with pytest.raises(UnknownCategory):
        compare(record.log, 0, category="price")
    with pytest.raises(UnknownEntity):
        compare(record.log, 0, category="model", key="b")
    for before, after in ((0, 2), (2, 0)):
        with pytest.raises(BeyondHead, match="it ends at @1"):
            compare(record.log, before, after)


def test_nothing_differs_in_a_record_of_nothing(record: Record) -> None:
    assert not compare(record.log, 0)
    assert not compare(record.log, hour(0), hour(1))


def test_both_sides_are_of_one_moment_whatever_is_written_meanwhile(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_documents(record, 0, {"a": 1})
    lay_documents(record, 1, {"x": 1}, scope=PRICES, category="price")
    with Record.open(record.path.parent) as reader:
        read = reader.log.catalogue

        def read_while_it_is_written(category: str, **at: Any) -> dict[str, State]:
            lay_documents(record, 2, {"a": 2})
            lay_documents(record, 3, {"x": 2}, scope=PRICES, category="price")
            return read(category, **at)

        with monkeypatch.context() as patch:
            patch.setattr(reader.log, "catalogue", read_while_it_is_written)
            found = compare(reader.log, 2)
        assert not found
        assert found.after.seq == 2
        assert keys(compare(reader.log, 2)) == ([], [], ["a", "x"])


# -- rules


def test_a_resource_that_was_read_by_other_rules_is_named(record: Record) -> None:
    """P30: comparisons across versions of the rules account for them."""
    lay_documents(record, 0, {"a": 1})
    lay_documents(record, 1, {"x": 1}, scope=PRICES, category="price")
    lay_documents(record, 2, {"a": 2}, rules=rules_named("new"))
    new = rules_named("new").hash
    assert compare(record.log, hour(1), hour(2)).rules == (RulesDiffer("api.models", RULES.hash, new),)
    assert compare(record.log, hour(2), hour(1)).rules == (RulesDiffer("api.models", new, RULES.hash),)
    assert compare(record.log, hour(0), hour(1)).rules == ()
    assert record.archive.rules_text(new) == rules_named("new").text


def test_rules_differ_though_no_document_does(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    lay_documents(record, 1, {"a": 1}, rules=rules_named("new"))
    found = compare(record.log, hour(0), hour(1))
    assert not found
    assert len(found.rules) == 1


def test_only_the_rules_of_what_is_compared_count(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    lay_documents(record, 1, {"x": 1}, scope=PRICES, category="price")
    lay_documents(record, 2, {"m": 1}, scope=SHOP)
    lay_documents(record, 3, {"x": 1}, scope=PRICES, category="price", rules=rules_named("new"))
    lay_documents(record, 4, {"m": 1}, scope=SHOP, rules=rules_named("newer"))
    assert [each.resource for each in compare(record.log, hour(2)).rules] == ["api.prices", "shop.models"]
    assert [each.resource for each in compare(record.log, hour(2), category="price").rules] == ["api.prices"]
    assert [each.resource for each in compare(record.log, hour(2), category="shop.model").rules] == ["shop.models"]
    assert compare(record.log, hour(2), category="api.model").rules == ()
    assert [each.resource for each in compare(record.log, hour(2), category="price", key="x").rules] == ["api.prices"]


def test_a_resource_that_was_not_there_yet_was_read_by_no_other_rules(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    lay_documents(record, 1, {"x": 1}, scope=PRICES, category="price", rules=rules_named("new"))
    assert compare(record.log, hour(0)).rules == ()
    assert compare(record.log, 0).rules == ()


def test_a_key_without_a_category_is_refused_rather_than_ignored(record: Record) -> None:
    lay_documents(record, 0, {"a": 1})
    with pytest.raises(ValueError, match="a key needs a category"):
        compare(record.log, 0, key="a")
    with pytest.raises(ValueError, match="a key needs a category"):
        list(record.log.events(key="a"))
