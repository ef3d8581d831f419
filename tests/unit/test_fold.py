from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest

from eventstore.canonical import Document
from eventstore.fold import Decision, EntityKey, Head, Seen, Sighting, decide
from eventstore.model import Entity, Item, Kind, Listing, Scope

APPEARED, CHANGED, DISAPPEARED = Kind.APPEARED, Kind.CHANGED, Kind.DISAPPEARED
MODELS = ("model", "telemetry")


class Table:
    """What is live, as a plain table. A `fold.Live`."""

    def __init__(self) -> None:
        self.rows: dict[EntityKey, tuple[Head, Document]] = {}
        self.missed: set[EntityKey] = set()

    def add(
        self, key: str, value: Any, *, category: str = "model", scope: int = 1, parent: tuple[str, str] | None = None
    ) -> Table:
        document = Document.of(value)
        above = parent or (None, None)
        head = Head("api", category, key, above[0], above[1], scope, document.digest)
        self.rows[head.entity] = head, document
        return self

    def held_by(self, scope: int) -> Mapping[EntityKey, Head]:
        return {entity: head for entity, (head, _) in self.rows.items() if head.scope == scope}

    def get(self, entity: EntityKey) -> Head | None:
        return self.rows[entity][0] if entity in self.rows else None

    def children(self, source: str, category: str, key: str) -> Iterable[Head]:
        above = source, category, key
        return [head for head, _ in self.rows.values() if (head.source, head.parent_category, head.parent) == above]

    def document(self, head: Head) -> Document:
        return self.rows[head.entity][1]

    def doubted(self, entity: EntityKey) -> bool:
        return entity in self.missed


def item(key: str, *values: Any) -> Item:
    """An item that splits into as many documents as there are values."""
    return Item(key, tuple((category, Document.of(value)) for category, value in zip(MODELS, values, strict=False)))


def seen(
    *items: Item,
    scope: int = 1,
    complete: bool = True,
    present: Iterable[str] = (),
    categories: tuple[str, ...] = MODELS,
    parent: Entity | None = None,
) -> Seen:
    where = Scope("api", "models", (("n", str(scope)),))
    return Seen(scope, Listing(where, categories, 10 + scope, complete, items, frozenset(present), parent))


def endpoints(*values: tuple[str, Any], model: str, scope: int, complete: bool = True) -> Seen:
    """A listing of a model's endpoints."""
    shown = tuple(Item(key, (("endpoint", Document.of(value)),)) for key, value in values)
    where = Scope("api", "endpoints", (("model", model),))
    return Seen(scope, Listing(where, ("endpoint",), 10 + scope, complete, shown, parent=Entity("api", "model", model)))


def told(decision: Decision) -> list[tuple[Kind, str, str]]:
    """What happened to which entity, with its category."""
    return [(draft.kind, draft.entity[1], draft.entity[2]) for draft in decision.drafts]


def with_children() -> Table:
    """A model with an endpoint that has a quota, and another model with an endpoint."""
    live = Table().add("a", 1).add("b", 1)
    live.add("a#t", 1, category="endpoint", scope=2, parent=("model", "a"))
    live.add("b#t", 1, category="endpoint", scope=3, parent=("model", "b"))
    return live.add("q", 1, category="quota", scope=4, parent=("endpoint", "a#t"))


# -- what is shown


def test_what_was_not_there_appears() -> None:
    decision = decide([seen(item("a", 1))], Table())
    [draft] = decision.drafts
    assert (draft.kind, draft.entity, draft.document, draft.head) == (
        APPEARED,
        ("api", "model", "a"),
        Document.of(1),
        None,
    )
    assert decision.unchanged == 0


def unsettled(decision: Decision) -> Decision:
    """What is told of a decision: what is settled by it apart."""
    return msgspec.structs.replace(decision, settled=set(), disturbed=set())


def test_what_is_equal_is_not_told_again() -> None:
    decision = decide([seen(item("a", {"n": 1}))], Table().add("a", {"n": 1}))
    assert unsettled(decision) == Decision(unchanged=1)


def test_what_is_equal_to_python_only_has_changed() -> None:
    for value in (1.0, True, "1"):
        assert told(decide([seen(item("a", value))], Table().add("a", 1))) == [(CHANGED, "model", "a")]


def test_a_split_item_is_told_part_by_part() -> None:
    live = Table().add("a", 1).add("a", "up", category="telemetry")
    assert told(decide([seen(item("a", 1, "down"))], live)) == [(CHANGED, "telemetry", "a")]
    assert told(decide([seen(item("a", 1))], live)) == [(DISAPPEARED, "telemetry", "a")]


def test_events_come_in_the_order_of_the_answers_then_of_names() -> None:
    live = Table().add("z", 0).add("x", 1).add("b", 2).add("w", 3, category="telemetry")
    decision = decide([seen(item("z", 1), item("y", 1), item("c", 1, 1))], live)
    assert told(decision) == [
        (CHANGED, "model", "z"),
        (APPEARED, "model", "y"),
        (APPEARED, "model", "c"),
        (APPEARED, "telemetry", "c"),
        (DISAPPEARED, "model", "b"),
        (DISAPPEARED, "model", "x"),
        (DISAPPEARED, "telemetry", "w"),
    ]


def test_of_two_listings_that_contradict_each_other_the_later_counts_and_an_issue_says_so() -> None:
    decision = decide([seen(item("a", 1)), seen(item("a", 2), scope=2)], Table())
    [draft] = decision.drafts
    assert (draft.document, draft.scope) == (Document.of(2), 2)
    [issue] = decision.issues
    assert (issue.code, issue.key, issue.attempt) == ("conflict", "a", 12)


def test_two_listings_that_agree_are_no_issue() -> None:
    decision = decide([seen(item("a", 1)), seen(item("a", 1), scope=2)], Table())
    assert (told(decision), decision.issues) == ([(APPEARED, "model", "a")], [])


# -- what is not shown


def test_what_a_complete_listing_does_not_show_disappears() -> None:
    live = Table().add("a", 1).add("b", 2)
    assert told(decide([seen(item("a", 1))], live)) == [(DISAPPEARED, "model", "b")]


def test_from_a_complete_and_empty_listing_everything_disappears() -> None:
    live = Table().add("a", 1).add("b", 2)
    assert told(decide([seen()], live)) == [(DISAPPEARED, "model", "a"), (DISAPPEARED, "model", "b")]


def test_an_incomplete_listing_confirms_exactly_what_it_shows() -> None:
    live = Table().add("a", 1).add("b", 2)
    decision = decide([seen(item("a", 1), complete=False)], live)
    assert unsettled(decision) == Decision(sightings=[Sighting(("api", "model", "a"), 1, None, None)], unchanged=1)


def test_without_a_listing_nothing_happens() -> None:
    assert unsettled(decide([], Table().add("a", 1))) == Decision()


def test_only_the_scope_that_last_held_an_entity_can_miss_it() -> None:
    live = Table().add("a", 1, scope=1)
    assert unsettled(decide([seen(scope=2)], live)) == Decision()


def test_what_another_listing_of_the_sync_shows_has_moved() -> None:
    decision = decide([seen(), seen(item("a", 1), scope=2)], Table().add("a", 1, scope=1))
    assert unsettled(decision) == Decision(sightings=[Sighting(("api", "model", "a"), 2, None, None)], unchanged=1)


def test_a_listing_does_not_speak_for_categories_that_its_resource_does_not_yield() -> None:
    live = Table().add("a", 1).add("a", 1, category="telemetry")
    assert told(decide([seen(categories=("model",))], live)) == [(DISAPPEARED, "model", "a")]


def test_an_unreadable_item_is_there_but_confirms_nothing() -> None:
    live = Table().add("a", 1).add("a", 1, category="telemetry").add("b", 1)
    decision = decide([seen(item("b", 1), present={"a"})], live)
    assert decision.drafts == []
    assert decision.unconfirmed == [("api", "model", "a"), ("api", "telemetry", "a")]


def test_an_unreadable_item_in_another_scope_counts_too() -> None:
    decision = decide([seen(), seen(scope=2, present={"a"})], Table().add("a", 1))
    assert (decision.drafts, decision.unconfirmed) == ([], [("api", "model", "a")])


def test_an_unreadable_item_that_another_listing_can_read_is_confirmed() -> None:
    for listings in (
        [seen(present={"a"}), seen(item("a", 1), scope=2)],
        [seen(item("a", 1), scope=2), seen(present={"a"})],
    ):
        decision = decide(listings, Table().add("a", 1))
        assert unsettled(decision) == Decision(sightings=[Sighting(("api", "model", "a"), 2, None, None)], unchanged=1)


def test_an_unreadable_item_of_what_never_was_is_nothing_yet() -> None:
    assert unsettled(decide([seen(present={"a"})], Table())) == Decision()


def test_an_unreadable_item_may_be_any_of_its_key() -> None:
    live = Table().add("a", 1).add("a#2", 2).add(r"a\#2", 3)
    decision = decide([seen(item("a", 1), present={"a"})], live)
    assert told(decision) == [(DISAPPEARED, "model", r"a\#2")]
    assert decision.unconfirmed == [("api", "model", "a#2")]


# -- several items with one key


def test_items_of_one_key_are_neither_merged_nor_dropped() -> None:
    decision = decide([seen(item("a", 1), item("b", 2), item("a", 3), item("a", 1))], Table())
    assert [(*draft.entity[1:], draft.document) for draft in decision.drafts] == [
        ("model", "a", Document.of(1)),
        ("model", "a#2", Document.of(3)),
        ("model", "b", Document.of(2)),
    ]


def test_an_entity_keeps_its_number_when_the_first_one_goes() -> None:
    live = Table().add("a", {"n": 1}).add("a#2", {"n": 2})
    assert told(decide([seen(item("a", {"n": 2}))], live)) == [(DISAPPEARED, "model", "a")]
    survivor = Table().add("a#2", {"n": 2})
    assert told(decide([seen(item("a", {"n": 3}))], survivor)) == [(CHANGED, "model", "a#2")]


def test_a_second_item_beside_a_survivor_gets_the_free_number() -> None:
    decision = decide([seen(item("a", 3), item("a", 2))], Table().add("a#2", 2))
    assert told(decision) == [(APPEARED, "model", "a")]


def test_the_number_of_an_item_is_that_of_all_its_parts() -> None:
    live = Table().add("a", 1).add("a#2", 2).add("a", "up", category="telemetry")
    live.add("a#2", "up", category="telemetry")
    decision = decide([seen(item("a", 2, "down"), item("a", 1, "up"))], live)
    assert told(decision) == [(CHANGED, "telemetry", "a#2")]


def test_what_was_split_off_tells_items_apart() -> None:
    live = Table().add("a", 1).add("a#2", 2).add("a", "x", category="telemetry").add("a#2", "y", category="telemetry")
    decision = decide([seen(item("a", 3, "y"), item("a", 4, "x"))], live)
    assert {(draft.entity[2], draft.document) for draft in decision.drafts} == {
        ("a", Document.of(4)),
        ("a#2", Document.of(3)),
    }


def test_an_escaped_separator_is_part_of_the_key() -> None:
    live = Table().add("a", 1).add(r"a\#2", 2)
    assert unsettled(decide([seen(item("a", 1), item(r"a\#2", 2))], live)) == Decision(unchanged=2)


# -- parents and children


def test_what_is_shown_has_the_parent_of_its_listing() -> None:
    [draft] = decide([endpoints(("a#t", 1), model="a", scope=2)], Table()).drafts
    assert (draft.parent_category, draft.parent) == ("model", "a")


def test_a_parent_takes_its_children_along() -> None:
    assert told(decide([seen(item("b", 1))], with_children())) == [
        (DISAPPEARED, "endpoint", "a#t"),
        (DISAPPEARED, "model", "a"),
        (DISAPPEARED, "quota", "q"),
    ]


def test_children_keep_the_scope_that_held_them() -> None:
    drafts = {draft.entity[2]: draft for draft in decide([seen(item("b", 1))], with_children()).drafts}
    assert {key: draft.scope for key, draft in drafts.items()} == {"a": 1, "a#t": 2, "q": 4}


def test_children_that_a_listing_of_the_sync_shows_stay() -> None:
    for complete in (True, False):
        shown = endpoints(("a#t", 1), model="a", scope=2, complete=complete)
        assert told(decide([seen(item("b", 1)), shown], with_children())) == [(DISAPPEARED, "model", "a")]


def test_children_that_an_unreadable_item_may_be_stay() -> None:
    where = Scope("api", "endpoints")
    unread = Seen(2, Listing(where, ("endpoint",), 12, complete=False, items=(), present=frozenset({"a#t"})))
    assert told(decide([seen(item("b", 1)), unread], with_children())) == [(DISAPPEARED, "model", "a")]


def test_a_parent_that_only_may_be_gone_takes_nothing_along() -> None:
    for listing in (seen(item("b", 1), complete=False), seen(item("b", 1), present={"a"})):
        assert decide([listing], with_children()).drafts == []


def test_a_parent_takes_no_children_of_a_namesake_along() -> None:
    live = Table().add("a", 1).add("a", 1, category="telemetry")
    live.add("c", 1, category="endpoint", scope=2, parent=("telemetry", "a"))
    assert told(decide([seen(item("b", 1), categories=("model",))], live)) == [
        (APPEARED, "model", "b"),
        (DISAPPEARED, "model", "a"),
    ]


def test_a_child_that_is_seen_elsewhere_has_the_parent_that_it_has_there() -> None:
    live = Table().add("a", 1).add("c", 1, category="endpoint", scope=2, parent=("model", "a"))
    decision = decide([endpoints(("c", 1), model="b", scope=3)], live)
    assert decision.sightings == [Sighting(("api", "endpoint", "c"), 3, "model", "b")]


# -- what is not believed


def models(count: int, *, scope: int = 1) -> Table:
    live = Table()
    for number in range(count):
        live.add(f"m{number:03}", number, scope=scope)
    return live


def showing(numbers: Iterable[int], *, share: float | None = 0.5) -> Seen:
    """A complete listing of these models that is guarded."""
    found = seen(*(item(f"m{number:03}", number) for number in numbers))
    return Seen(found.scope, msgspec.structs.replace(found.listing, implausible=share))


@pytest.mark.parametrize(
    "live,left,doubted",
    [
        (20, 10, 0),  # half is not more than half
        (20, 9, 11),
        (9, 4, 0),  # five are few
        (9, 3, 6),
        (5, 0, 0),
        (6, 0, 6),
    ],
)
def test_more_than_half_and_more_than_five_do_not_disappear_at_once(live: int, left: int, doubted: int) -> None:
    decision = decide([showing(range(left))], models(live))
    assert len(decision.doubted) == doubted
    assert len(told(decision)) == (0 if doubted else live - left)
    assert [issue.code for issue in decision.issues] == (["implausible"] if doubted else [])


def test_what_appears_and_changes_beside_what_is_doubted_is_told() -> None:
    found = seen(item("m000", "new"), item("x", 1))
    decision = decide([Seen(1, msgspec.structs.replace(found.listing, implausible=0.5))], models(20))
    assert told(decision) == [(CHANGED, "model", "m000"), (APPEARED, "model", "x")]
    assert len(decision.doubted) == 19


def test_what_was_missing_last_time_too_is_believed() -> None:
    live = models(20)
    live.missed = {("api", "model", f"m{number:03}") for number in range(5, 20)}
    assert len(told(decide([showing(range(5))], live))) == 15
    assert len(decide([showing(range(10, 15))], live).doubted) == 15  # others are missing than last time


def test_a_person_or_rules_may_say_that_it_is_so() -> None:
    assert len(told(decide([showing(range(5))], models(20), believed=True))) == 15
    assert len(told(decide([showing(range(5), share=None)], models(20)))) == 15
    assert len(decide([showing(range(5), share=0.7)], models(20)).doubted) == 15
    assert len(told(decide([showing(range(5), share=0.8)], models(20)))) == 15


def test_scopes_that_say_the_same_as_before_count_among_those_asked() -> None:
    live = models(10)
    for number in range(100, 120):
        live.add(f"m{number}", number, scope=2)
    assert decide([showing([])], live, repeated={2}).doubted == []
    assert len(decide([showing([])], live).doubted) == 10


def test_children_of_a_parent_that_goes_are_no_matter_of_doubt() -> None:
    live = Table().add("a", 1).add("b", 1)
    for number in range(20):
        live.add(f"c{number}", 1, category="endpoint", scope=2, parent=("model", "a"))
    none = endpoints(model="a", scope=2)
    empty = Seen(2, msgspec.structs.replace(none.listing, implausible=0.5))
    decision = decide([seen(item("b", 1)), empty], live)
    assert decision.doubted == []
    assert len(told(decision)) == 21


# -- what is settled


def test_a_complete_listing_of_one_answer_is_settled() -> None:
    assert decide([seen(item("a", 1))], Table()).settled == {1}
    assert decide([seen(item("a", 1), complete=False)], Table()).settled == set()
    assert decide([seen(item("a", 1), present={"b"})], Table()).settled == set()
    found = seen(item("a", 1))
    assert decide([Seen(1, msgspec.structs.replace(found.listing, single=False))], Table()).settled == set()
    assert decide([showing([1])], models(20)).settled == set()  # with what is doubted


def test_two_listings_that_show_one_entity_are_both_not_settled() -> None:
    decision = decide([seen(item("a", 1)), seen(item("a", 1), scope=2), seen(item("b", 1), scope=3)], Table())
    assert decision.settled == {3}


def test_a_scope_whose_entity_was_taken_by_another_is_disturbed() -> None:
    moved = decide([seen(item("a", 1), scope=2)], Table().add("a", 1))
    assert moved.disturbed == {1}
    changed = decide([seen(item("a", 2), scope=2)], Table().add("a", 1))
    assert changed.disturbed == {1}
    gone = decide([seen(item("b", 1))], with_children())  # takes the children of a along, which scope 2 held
    assert 2 in gone.disturbed


def test_an_answer_that_says_the_same_is_read_where_another_shows_what_it_holds() -> None:
    live = Table().add("a", 1).add("b", 1, scope=2)
    assert decide([seen(item("b", 1))], live, repeated={2}).overlaps == {2}
    assert decide([seen(item("a", 1))], live, repeated={2}).overlaps == set()


def test_what_a_repeated_scope_holds_stays_when_its_parent_goes() -> None:
    decision = decide([seen(item("b", 1))], with_children(), repeated={2})
    assert told(decision) == [(DISAPPEARED, "model", "a")]
    assert decision.unchanged == 2
