"""What a sync asks for, and what it leaves: due scopes, one key, conditional requests, and when it has to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from collector import (
    Answer,
    Choice,
    Clock,
    Planned,
    Source,
    Synced,
    UnknownResource,
    plan_sync,
    rebuild_log,
    rehearse,
    sync_source,
)
from collector.errors import NoFunction, UnknownScope
from collector.sources.sourcefile import read
from collector.syncing.fetching import ARCHIVED_TOGETHER
from collector.syncing.scopes import watched
from eventstore import Kind, Record, Status, verify
from tests.laying import new_record

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FILE = """
[source]
name = "shop"
base_url = "http://shop.example"
concurrency = 3

[[resource]]
name = "things"
category = "thing"
path = "/things"
items = ""
key = "{id}"
every = "1h"

[[resource]]
name = "offers"
category = "offer"
for_each = "thing"
path = "/things/{thing}/offers?tag={/tag|none}"
items = ""
key = "{thing}#{shop}"
empty_on = [404]
every = "2h"
"""
SHOP = read(FILE, file="shop.toml", name="shop")


class Shop:
    """Answers what `answers` has for a path: JSON, a status, or what a function says. Knows what was asked."""

    def __init__(self, **things: list[str]) -> None:
        self.clock = Clock(START)
        self.tags: dict[str, str] = {}
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.conditional: list[str] = []
        self.honours_tags = False
        self.stock(**things)

    def stock(self, **things: list[str]) -> None:
        """Hold these things, each offered by some shops."""
        self.answers["/things"] = [{"id": key, "tag": self.tags.get(key, key)} for key in things]
        for key, shops in things.items():
            self.answers[f"/things/{key}/offers"] = [{"shop": shop} for shop in shops]

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        await asyncio.sleep(0)
        self.asked.append(path)
        said = self.answers.get(path.partition("?")[0], 404)
        if isinstance(said, Answer):
            return said
        if isinstance(said, int):
            return Answer(params, said, b"-", url=path)
        body = msgspec.json.encode(said)
        tag = f'"{hash(body)}"'
        if validators:
            self.conditional.append(path)
        if self.honours_tags and validators.get("If-None-Match") == tag:
            return Answer(params, 304, None, headers={"ETag": tag})
        return Answer(params, 200, body, headers={"ETag": tag})

    async def aclose(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def sync(record: Record, shop: Shop, hours: float, *, source: Source = SHOP, **how: Any) -> Synced | None:
    """Sync so many hours after the start; afterwards `shop.asked` is what was asked."""
    shop.clock.now = START + hours * HOUR
    shop.asked.clear()
    shop.conditional.clear()
    return sync_source(record, source, now=shop.clock, transport=shop, **how)


def synced(record: Record, shop: Shop, hours: float, **how: Any) -> Synced:
    done = sync(record, shop, hours, **how)
    assert done is not None
    return done


def recorded(done: Synced) -> Status:
    assert done.recorded is not None
    return done.recorded.status


def live(record: Record, category: str) -> list[str]:
    return list(record.log.catalogue(category))


# -- what is asked


def test_children_are_asked_for_with_what_their_parent_says(record: Record) -> None:
    shop = Shop(a=["x"], b=[])
    shop.tags["a"] = "red & blue"
    shop.stock(a=["x"], b=[])
    synced(record, shop, 0)
    assert sorted(shop.asked) == ["/things", "/things/a/offers?tag=red%20%26%20blue", "/things/b/offers?tag=b"]
    synced(record, shop, 1, choice=Choice(["offers"]))  # of things that were listed earlier
    assert sorted(shop.asked) == ["/things/a/offers?tag=red%20%26%20blue", "/things/b/offers?tag=b"]


def test_only_what_concerns_a_key_is_asked_for(record: Record) -> None:
    shop = Shop(a=["x"], b=["y"])
    synced(record, shop, 0)
    synced(record, shop, 1, choice=Choice(["offers"], only="a"))
    assert shop.asked == ["/things/a/offers?tag=a"]
    with pytest.raises(UnknownScope) as error:
        sync(record, shop, 2, choice=Choice(["offers"], only="aa"))
    assert error.value.near == ("a",)
    assert shop.asked == []
    with pytest.raises(UnknownResource):
        sync(record, shop, 2, choice=Choice(["offer"]))


def test_asking_for_one_makes_no_other_stale(record: Record) -> None:
    shop = Shop(a=["x"], b=["y"])
    synced(record, shop, 0)
    synced(record, shop, 1, choice=Choice(["offers"], only="a"))
    assert [each.stale for each in record.staleness()] == [0, 0]


def test_only_what_is_due_is_asked_for_and_nothing_is_written_where_nothing_is(record: Record) -> None:
    shop = Shop(a=["x"])
    synced(record, shop, 0, choice=Choice(due=True))
    assert len(shop.asked) == 2
    assert sync(record, shop, 0.5, choice=Choice(due=True)) is None
    assert len(list(record.archive.syncs())) == 1
    synced(record, shop, 1, choice=Choice(due=True))
    assert shop.asked == ["/things"]


def test_children_of_what_is_new_or_has_returned_are_due_at_once(record: Record) -> None:
    shop = Shop(a=["x"], b=["y"])
    synced(record, shop, 0)
    shop.stock(b=["y"])
    synced(record, shop, 1, choice=Choice(due=True))
    assert live(record, "offer") == ["b#y"]
    shop.stock(a=["x"], b=["y"], c=["z"])
    synced(record, shop, 1.5, choice=Choice(["things"]))
    synced(record, shop, 1.6, choice=Choice(due=True))
    assert sorted(shop.asked) == ["/things/a/offers?tag=a", "/things/c/offers?tag=c"]
    assert live(record, "offer") == ["a#x", "b#y", "c#z"]


def test_what_failed_is_kept_with_what_was_asked_for_and_why(record: Record) -> None:
    """P14: with URL, status, tries and key."""
    shop = Shop(a=["x"], b=["y"])
    shop.answers["/things/a/offers"] = 403
    done = synced(record, shop, 0)
    (failed,) = [each for each in record.archive.attempts(done.sync) if each.error is not None]
    assert (failed.status, failed.error, failed.tries) == (403, "status 403", 1)
    assert (failed.url, dict(failed.scope.params)) == ("/things/a/offers?tag=a", {"thing": "a"})
    assert (done.failed, done.report.resources["shop.offers"].failed) == (1, 1)


def test_what_failed_is_due_sooner_than_what_did_not(record: Record) -> None:
    shop = Shop(a=["x"], b=["y"])
    honest = shop.answers["/things/a/offers"]
    shop.answers["/things/a/offers"] = 500
    assert recorded(synced(record, shop, 0)) is Status.PARTIAL
    assert sync(record, shop, 0.1, choice=Choice(["offers"], due=True)) is None
    shop.answers["/things/a/offers"] = honest
    assert recorded(synced(record, shop, 0.3, choice=Choice(["offers"], due=True))) is Status.SUCCESS
    assert shop.asked == ["/things/a/offers?tag=a"]


def test_what_could_not_be_asked_for_as_its_parents_failed_is_no_success(record: Record) -> None:
    shop = Shop()
    shop.answers["/things"] = 500
    done = synced(record, shop, 0)
    assert done.recorded is not None
    assert [(each.resource, each.status, each.asked) for each in done.recorded.results] == [
        ("shop.offers", Status.FAILED, 0),
        ("shop.things", Status.FAILED, 1),
    ]
    shop.stock()
    done = synced(record, shop, 1)
    assert done.recorded is not None
    assert {each.status for each in done.recorded.results} == {Status.SUCCESS}


def test_children_that_outlive_their_parent_are_asked_for_until_they_are_gone(record: Record) -> None:
    shop = Shop(a=["x"], b=["y"])
    synced(record, shop, 0)
    shop.answers["/things"] = []
    synced(record, shop, 1)
    assert (live(record, "thing"), live(record, "offer")) == ([], ["a#x", "b#y"])
    synced(record, shop, 2)
    assert len(shop.asked) == 3
    shop.answers["/things/a/offers"] = 404
    synced(record, shop, 3)
    assert live(record, "offer") == ["b#y"]


def test_a_plan_says_what_would_be_asked_and_writes_nothing(record: Record) -> None:
    shop = Shop(a=["x"])
    assert [each.url for each in plan_sync(record, SHOP, now=START)] == ["http://shop.example/things"]
    synced(record, shop, 0)
    before = record.path.read_bytes()
    planned = list(plan_sync(record, SHOP, now=START + HOUR))
    assert planned == [
        Planned("shop.things", {}, "http://shop.example/things", START),
        Planned("shop.offers", {"thing": "a"}, "http://shop.example/things/a/offers?tag=a", START),
    ]
    assert list(plan_sync(record, SHOP, now=START + HOUR / 2, choice=Choice(due=True))) == []
    assert record.path.read_bytes() == before


def test_a_rehearsal_shows_what_would_be_recorded_and_leaves_nothing(record: Record) -> None:
    shop = Shop(a=["x"])
    synced(record, shop, 0)
    shop.stock(a=["x", "y"])
    shop.clock.now = START + HOUR
    shop.answers["/things/b/offers"] = 500
    shop.answers["/things"].append({"id": "b"})
    done = rehearse(record, SHOP, now=shop.clock, transport=shop)
    seen = [(each.event.kind, each.event.entity.key) for each in done.changes]
    assert seen == [(Kind.APPEARED, "b"), (Kind.APPEARED, "a#y")]
    assert [each.error for each in done.failed] == ["status 500"]
    assert [each.code for each in done.issues] == ["failed-attempt"]
    assert len(list(record.archive.syncs())) == 1
    assert live(record, "offer") == ["a#x"]
    synced(record, shop, 2)
    assert live(record, "offer") == ["a#x", "a#y"]
    assert verify(record, deep=True) == []


def test_a_function_that_cannot_be_loaded_is_noticed_before_anything_is_asked(record: Record) -> None:
    rules = FILE.replace('items = ""\nkey = "{id}"', 'extract = "nowhere.at:all"\nkey = "{id}"')
    shop = Shop(a=[])
    with pytest.raises(NoFunction):
        sync(record, shop, 0, source=read(rules, file="shop.toml", name="shop"))
    assert shop.asked == []
    assert list(record.archive.syncs()) == []


# -- conditional requests


def test_what_was_applied_completely_is_asked_for_conditionally(record: Record) -> None:
    """P11: a state says when it was confirmed, and by which attempt."""
    shop = Shop(a=["x"])
    shop.honours_tags = True
    synced(record, shop, 0)
    assert shop.conditional == []
    done = synced(record, shop, 1)
    assert sorted(shop.conditional) == sorted(shop.asked)
    assert [each.unchanged for each in done.report.resources.values()] == [1, 1]
    assert recorded(done) is Status.SUCCESS
    state = record.log.catalogue("offer")["a#x"]
    assert state.confirmed_at == START + HOUR
    attempt = record.archive.attempt(state.confirmed_by)
    assert (attempt.status, attempt.sync) == (304, done.sync)
    assert record.archive.answer(attempt.id) == b'[{"shop":"x"}]'
    assert rebuild_log(record, now=START).same
    assert record.log.catalogue("offer")["a#x"] == state


def test_a_304_confirms_the_answer_that_was_applied_and_not_one_that_came_since(record: Record) -> None:
    shop = Shop(a=["x"])
    shop.honours_tags = True
    synced(record, shop, 0)
    good = shop.answers["/things"]
    shop.answers["/things"] = {"error": "maintenance"}  # 200, and nothing that can be applied
    assert recorded(synced(record, shop, 1)) is Status.PARTIAL
    shop.answers["/things"] = good
    done = synced(record, shop, 2)
    assert recorded(done) is Status.SUCCESS
    assert record.log.catalogue("thing")["a"].confirmed_at == START + 2 * HOUR
    attempt = next(each for each in record.archive.attempts(done.sync) if each.scope.resource == "things")
    assert (attempt.status, record.archive.answer(attempt.id)) == (304, b'[{"id":"a","tag":"a"}]')
    assert rebuild_log(record, now=START).same
    assert verify(record, deep=True) == []


def moved() -> Source:
    """Rules by which the things lie under /data."""
    return read(FILE.replace('items = ""', 'items = "/data"', 1), file="shop.toml", name="shop")


def test_what_new_rules_could_read_at_once_is_asked_for_conditionally(record: Record) -> None:
    shop = Shop(a=["x"])
    shop.honours_tags = True
    shop.answers["/things"] = {"data": [{"id": "a", "tag": "a"}]}
    synced(record, shop, 0)  # the rules find no items
    synced(record, shop, 1, source=moved())  # which reads the last answer again first
    assert live(record, "thing") == ["a"]
    assert shop.conditional == ["/things"]


def test_what_new_rules_cannot_read_is_asked_for_anew(record: Record) -> None:
    shop = Shop(a=["x"])
    shop.honours_tags = True
    synced(record, shop, 0)
    done = synced(record, shop, 1, source=moved())
    assert "/things" not in shop.conditional
    assert next(each.complete for each in (done.recorded.results if done.recorded else ())) == 1
    assert recorded(done) is Status.PARTIAL
    assert live(record, "thing") == ["a"]


def test_a_304_to_what_was_not_conditional_is_a_failure(record: Record) -> None:
    shop = Shop(a=["x"])
    shop.answers["/things"] = Answer({}, 304, None)
    done = synced(record, shop, 0)
    (attempt,) = record.archive.attempts(done.sync)
    assert attempt.error == "status 304, though nothing was said to be known"
    assert recorded(done) is Status.FAILED


# -- when it has to stop


def stops_after(count: int, shop: Shop) -> Callable[[], bool]:
    return lambda: len(shop.asked) >= count


def test_a_sync_that_is_told_to_stop_keeps_what_has_arrived(record: Record) -> None:
    shop = Shop(**{f"t{number:02}": ["x"] for number in range(40)})
    done = synced(record, shop, 0, stop=stops_after(10, shop))
    assert done.report.stopped == "it was told to stop"
    assert recorded(done) is Status.PARTIAL
    assert 0 < len(live(record, "offer")) < 40
    assert len(live(record, "offer")) == len(record.archive.attempts(done.sync)) - 1
    missed = 40 - len(live(record, "offer"))
    synced(record, shop, 0.01, choice=Choice(["offers"], due=True))
    assert len(shop.asked) == missed
    assert len(live(record, "offer")) == 40


def test_a_host_that_answers_nothing_is_left_alone_and_then_tried_with_one_request(record: Record) -> None:
    shop = Shop(**{f"t{number:02}": ["x"] for number in range(40)})
    synced(record, shop, 0)
    honest = dict(shop.answers)
    shop.answers = dict.fromkeys(honest, 503)
    done = synced(record, shop, 2)
    assert done.report.stopped is not None
    assert "in a row failed" in done.report.stopped
    assert len(shop.asked) < 20
    until = watched(record, SHOP, now=shop.clock.now)[0].until
    assert until is not None
    assert until > shop.clock.now
    synced(record, shop, 3)
    assert len(shop.asked) == 1
    shop.answers = honest
    assert recorded(synced(record, shop, 4)) is Status.SUCCESS
    assert len(shop.asked) == 41
    assert len(live(record, "offer")) == 40


def test_answers_are_archived_in_batches_while_others_are_asked_for(record: Record) -> None:
    shop = Shop(**{f"t{number:03}": ["x"] for number in range(3 * ARCHIVED_TOGETHER)})
    seen: list[int] = []

    def look() -> bool:
        with Record.open(record.path.parent) as other:
            seen.append(sum(len(other.archive.attempts(each.id)) for each in other.archive.unfinished()))
        return False

    synced(record, shop, 0, stop=look)
    assert max(seen) > 2 * ARCHIVED_TOGETHER
    assert max(later - earlier for earlier, later in pairwise(sorted({0, *seen}))) <= ARCHIVED_TOGETHER


def test_a_sync_ends_when_its_budget_is_used_up(record: Record) -> None:
    class Slow(Shop):
        async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
            await asyncio.sleep(0.06 if params else 0)
            return await super().ask(path, params, validators=validators)

    shop = Slow(**{f"t{number:02}": ["x"] for number in range(40)})
    hasty = msgspec.structs.replace(SHOP, budget=timedelta(seconds=0.3))
    done = synced(record, shop, 0, source=hasty)
    assert done.report.stopped == "its budget of 0.3 s is used up"
    assert recorded(done) is Status.PARTIAL
    assert 0 < len(live(record, "offer")) < 40


# -- beside readers


def test_readers_see_what_was_there_until_all_of_a_sync_is_recorded(record: Record) -> None:
    """P7, L6: asking is apart from reading; what it brings is seen as a whole."""
    shop = Shop(**{f"t{number:03}": ["x"] for number in range(2 * ARCHIVED_TOGETHER)})
    synced(record, shop, 0)
    shop.stock(**{f"t{number:03}": ["x", "y"] for number in range(2 * ARCHIVED_TOGETHER)})
    seen: set[tuple[int, datetime | None]] = set()

    def look() -> bool:
        with Record.open(record.path.parent) as other:
            seen.add((len(other.log.catalogue("offer")), other.log.position().observed_at))
        return False

    synced(record, shop, 1, stop=look)
    assert seen == {(2 * ARCHIVED_TOGETHER, START)}
    assert len(live(record, "offer")) == 4 * ARCHIVED_TOGETHER


def test_a_listing_without_what_is_essential_is_refused_and_the_rest_goes_on(record: Record) -> None:
    """P23: no items, no key."""
    shop = Shop(a=["x"], b=["y"], c=["z"])
    shop.answers["/things/a/offers"] = {"error": "no list"}
    shop.answers["/things/b/offers"] = [{"shop": "y"}, {"price": 1}]
    done = synced(record, shop, 0)
    assert recorded(done) is Status.PARTIAL
    assert live(record, "offer") == ["b#y", "c#z"]
    assert sorted(issue.code for _, issue in record.log.issues()) == ["no-items", "no-key"]
