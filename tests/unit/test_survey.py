"""What a record says of itself: counts, sizes, how resources stand, what is stale, what stands as an alert."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from collector import World, play, rebuild_log
from eventstore import (
    Cause,
    Document,
    Item,
    Listing,
    Record,
    Request,
    Scope,
    Sizes,
    Staleness,
    Standing,
    Status,
    from_ms,
    standing_alerts,
)
from tests.laying import RULES, laid_record, lay_down, new_record
from tests.model import Model
from tests.properties.histories import START, Question, Step, histories

THINGS = Scope("shop", "things")
EAST, WEST = (Scope.of("shop", "things", {"region": region}) for region in ("east", "west"))
OTHERS = Scope("shop", "others")
WORLD = World(2, start=from_ms(START), days=2, models=3)
HOURS_OF_WORLD = timedelta(hours=12)


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def hour(number: int) -> datetime:
    return from_ms(START + number * 3_600_000)


def listing(scope: Scope, *keys: str, complete: bool = True, present: frozenset[str] = frozenset()) -> Listing:
    category = scope.resource.removesuffix("s")
    items = tuple(Item(key, ((category, Document.of({"key": key})),)) for key in keys)
    return Listing(scope, (category,), 0, complete, items, present)


def sync(record: Record, number: int, **listed: Listing | None) -> None:
    """A sync at an hour that asks for some scopes; None: that failed."""
    scopes = {"things": THINGS, "east": EAST, "west": WEST, "others": OTHERS}
    at = hour(number)
    questions = tuple(Question(scopes[name], at, at, each) for name, each in listed.items())
    lay_down(record, Model(), Step(at, questions))


def version(record: Record, number: int, scope: Scope, listed: Listing | None) -> None:
    """An imported version that holds one scope; None: it could not be read."""
    at = hour(number)
    with record.transaction():
        rules = {"shop.things": RULES}
        opened = record.archive.open_sync(Cause.IMPORT, opened_at=at, rules=rules, version=f"v{number}")
        (attempt,) = record.archive.add(opened, [Request(scope, at, at, None, b"%d" % number)])
        record.archive.close_sync(opened, at=at)
        listings = [] if listed is None else [msgspec.structs.replace(listed, attempt=attempt)]
        record.log.record(opened, listings, status=Status.SUCCESS if listings else Status.FAILED)


def standing(record: Record, resource: str = "shop.things") -> Standing:
    (found,) = (each for each in record.standings() if each.resource == resource)
    return found


def stale(record: Record) -> Staleness:
    (found,) = record.staleness()
    return found


# -- counts


def test_totals_count_syncs_by_what_became_of_them(record: Record) -> None:
    assert (record.totals().first, record.totals().last, record.totals().seq) == (None, None, 0)
    sync(record, 1, things=listing(THINGS, "a", "b"))
    sync(record, 2, things=listing(THINGS, "a"))
    with record.transaction():
        closed = record.archive.open_sync(Cause.SYNC, opened_at=hour(3), rules={})
        record.archive.close_sync(closed, at=hour(3))
        record.archive.open_sync(Cause.SYNC, opened_at=hour(4), rules={})
    totals = record.totals()
    assert (totals.recorded, totals.archived, totals.open) == (2, 1, 1)
    assert (totals.first, totals.last, totals.seq) == (hour(1), hour(2), 3)
    assert (totals.answers, totals.issues) == (2, 0)


# -- sizes


def added_up(sizes: Sizes) -> int:
    parts = (sizes.answers, sizes.events, sizes.sealed, sizes.keyframes, sizes.other, sizes.free, sizes.waiting)
    assert min(parts) >= 0
    return sum(parts)


def test_the_sizes_of_the_parts_add_up_to_the_file(tmp_path: Path) -> None:
    with Record.open(tmp_path, write=True) as record:
        play(record, WORLD, every=HOURS_OF_WORLD)
        bodies = [event.body or b"" for event in record.log.events()]
        open_ = record.sizes()
        assert open_.waiting > 0  # nobody has written the write-ahead log back
        assert added_up(open_) == record.size()
    with Record.open(tmp_path) as record:
        sizes = record.sizes()
        assert sizes.waiting == 0
        assert sizes.events == sum(map(len, bodies))
        assert sizes.keyframes > 0
        assert sizes.received > sizes.answers > 0
        assert added_up(sizes) == sizes.file == (tmp_path / "record.db").stat().st_size


def test_what_a_rebuild_leaves_behind_is_free(record: Record) -> None:
    play(record, WORLD, every=HOURS_OF_WORLD)
    assert record.sizes().free == 0
    rebuild_log(record, now=hour(0))
    sizes = record.sizes()
    assert sizes.free > 0
    assert added_up(sizes) == record.size()


# -- how resources stand


def test_a_sync_has_a_status_of_its_own_for_each_resource(record: Record) -> None:
    sync(record, 1, east=listing(EAST, "a"), west=None, others=listing(OTHERS, "x"))
    mend(record, Status.PARTIAL)
    assert [(each.resource, each.status) for each in record.standings()] == [
        ("shop.others", Status.SUCCESS),
        ("shop.things", Status.PARTIAL),
    ]
    sync(record, 2, east=None, west=None, others=listing(OTHERS, "x"))
    mend(record, Status.PARTIAL)
    assert standing(record).status is Status.FAILED
    assert standing(record, "shop.others").status is Status.SUCCESS


def mend(record: Record, status: Status) -> None:
    """Give the last sync the status that a collector would have given it."""
    with record.transaction():
        record._db.execute("UPDATE entry SET status = ? WHERE id = (SELECT max(id) FROM entry)", (status.value,))


def test_the_newest_sync_of_a_resource_may_be_open_or_only_archived(record: Record) -> None:
    sync(record, 1, things=listing(THINGS, "a"))
    with record.transaction():
        newest = record.archive.open_sync(Cause.SYNC, opened_at=hour(2), rules={"shop.things": RULES})
    assert (standing(record).sync, standing(record).at, standing(record).status) == (newest, None, None)
    with record.transaction():
        record.archive.close_sync(newest, at=hour(3))
    assert (standing(record).sync, standing(record).at, standing(record).status) == (newest, hour(3), None)
    assert standing(record).complete_at == hour(1)


def test_a_change_of_rules_is_no_sync_of_a_resource(record: Record) -> None:
    sync(record, 1, things=listing(THINGS, "a"))
    with record.transaction():
        change = record.archive.open_sync(Cause.RULES, opened_at=hour(2), rules={"shop.things": RULES})
        record.archive.close_sync(change, at=hour(2))
        record.log.record(change, [])
    assert (standing(record).cause, standing(record).at) == (Cause.SYNC, hour(1))
    assert stale(record).stale == 0


def test_failed_syncs_in_a_row_are_counted_from_the_last_listing_on(record: Record) -> None:
    sync(record, 1, things=None)
    sync(record, 2, things=listing(THINGS, "a", complete=False))
    assert (standing(record).failures, standing(record).failing_since) == (0, None)
    sync(record, 3, things=None)
    sync(record, 4, others=listing(OTHERS))  # says nothing about things
    sync(record, 5, things=None)
    assert (standing(record).failures, standing(record).failing_since) == (2, hour(3))
    assert standing(record).complete_at is None
    sync(record, 6, things=listing(THINGS, "a"))
    assert (standing(record).failures, standing(record).complete_at) == (0, hour(6))


def test_a_change_of_rules_that_reads_old_answers_again_ends_no_row_of_failures(record: Record) -> None:
    sync(record, 1, things=listing(THINGS, "a", complete=False))
    for number in (2, 3, 4):
        sync(record, number, things=None)
    with record.transaction():
        ((old,),) = record.archive.last_answers("shop.things", record.log.syncs_asking("shop.things"))
        change = record.archive.open_sync(Cause.RULES, opened_at=hour(5), rules={"shop.things": RULES})
        record.archive.close_sync(change, at=hour(5))
        record.log.record(change, [msgspec.structs.replace(listing(THINGS, "a"), attempt=old)])
    assert (standing(record).failures, standing(record).failing_since) == (3, hour(2))
    assert standing(record).complete_at == hour(1)  # under the new rules that answer is complete
    sync(record, 6, things=listing(THINGS, "a"))
    assert (standing(record).failures, standing(record).complete_at) == (0, hour(6))


def test_a_resource_that_is_planned_but_never_asked_does_not_fail(record: Record) -> None:
    for number in (1, 2, 3):
        with record.transaction():
            opened = record.archive.open_sync(Cause.SYNC, opened_at=hour(number), rules={"shop.things": RULES})
            record.archive.close_sync(opened, at=hour(number))
            record.log.record(opened, [])
    assert standing(record).failures == 0


def test_a_resource_is_empty_since_the_last_of_its_entities_disappeared(record: Record) -> None:
    sync(record, 1, things=listing(THINGS))
    assert standing(record).empty_since is None  # nothing was ever there
    sync(record, 2, things=listing(THINGS, "a", "b"))
    sync(record, 3, things=listing(THINGS, "b"))
    assert standing(record).empty_since is None
    sync(record, 4, things=listing(THINGS))
    sync(record, 5, things=listing(THINGS))
    assert standing(record).empty_since == hour(4)
    sync(record, 6, things=listing(THINGS, "a"))
    assert standing(record).empty_since is None


# -- what is stale


def test_after_a_failed_sync_everything_of_the_resource_is_stale(record: Record) -> None:
    sync(record, 1, things=listing(THINGS, "a", "b"), others=listing(OTHERS, "x"))
    sync(record, 2, things=listing(THINGS, "a", "b", "c"), others=listing(OTHERS, "x"))
    sync(record, 3, things=None, others=listing(OTHERS, "x"))
    assert record.staleness() == [Staleness("shop.other", 0, None), Staleness("shop.thing", 3, hour(2))]
    sync(record, 4, others=listing(OTHERS, "x"))
    assert record.staleness()[1] == Staleness("shop.thing", 3, hour(2))


def test_only_the_scope_that_failed_is_stale(record: Record) -> None:
    sync(record, 1, east=listing(EAST, "a"), west=listing(WEST, "b", "c"))
    sync(record, 2, east=listing(EAST, "a"), west=None)
    assert stale(record) == Staleness("shop.thing", 2, hour(1))


def test_an_incomplete_listing_leaves_stale_what_it_does_not_show(record: Record) -> None:
    sync(record, 1, things=listing(THINGS, "a", "b"))
    sync(record, 2, things=listing(THINGS, "a", complete=False))
    assert stale(record) == Staleness("shop.thing", 1, hour(1))


def test_what_could_not_be_read_in_a_complete_listing_is_stale(record: Record) -> None:
    sync(record, 1, things=listing(THINGS, "a", "b"))
    sync(record, 2, things=listing(THINGS, "a", present=frozenset({"b"})))
    assert stale(record) == Staleness("shop.thing", 1, hour(1))


def test_an_imported_version_makes_nothing_stale_that_it_does_not_hold(record: Record) -> None:
    version(record, 1, EAST, listing(EAST, "a"))
    version(record, 2, WEST, listing(WEST, "b"))
    assert stale(record) == Staleness("shop.thing", 0, None)
    version(record, 3, EAST, None)
    assert stale(record) == Staleness("shop.thing", 1, hour(1))
    version(record, 4, WEST, listing(WEST, "b"))
    assert stale(record) == Staleness("shop.thing", 1, hour(1))


def test_what_was_recorded_of_a_resource_that_no_sync_names_is_not_stale(record: Record) -> None:
    with record.transaction():
        opened = record.archive.open_sync(Cause.SYNC, opened_at=hour(1), rules={})
        (attempt,) = record.archive.add(opened, [Request(THINGS, hour(1), hour(1), 200, b"a")])
        record.archive.close_sync(opened, at=hour(1))
        record.log.record(opened, [msgspec.structs.replace(listing(THINGS, "a"), attempt=attempt)])
    assert stale(record) == Staleness("shop.thing", 0, None)


@given(histories())
def test_stale_is_what_the_last_sync_that_asked_for_its_scope_did_not_confirm(history: list[Step]) -> None:
    with laid_record(history) as (record, _):
        entries = {entry.sync: entry.id for entry in record.log.entries() if entry.sync is not None}
        syncs = [sync.id for sync in record.archive.syncs()]
        asked = {attempt.scope: entries[sync] for sync in syncs for attempt in record.archive.attempts(sync)}
        for category, found in zip(record.log.categories(), record.staleness(), strict=True):
            confirmed = [
                (state.confirmed_at, record.archive.attempt(state.confirmed_by))
                for state in record.log.catalogue(category.address).values()
            ]
            older = [at for at, attempt in confirmed if entries[attempt.sync] < asked[attempt.scope]]
            assert found == Staleness(category.address, len(older), min(older, default=None))


# -- alerts


def facts(**more: object) -> Standing:
    known: dict[str, object] = {
        "resource": "shop.things",
        "sync": 7,
        "cause": Cause.SYNC,
        "opened_at": hour(7),
        "at": hour(7),
        "status": Status.SUCCESS,
    }
    return Standing(**{**known, **more})  # type: ignore[arg-type]


def test_a_resource_that_is_well_raises_no_alert() -> None:
    assert standing_alerts([]) == []
    assert standing_alerts([facts(complete_at=hour(7))]) == []


@pytest.mark.parametrize("failures, codes", [(2, []), (3, ["failing"]), (9, ["failing"])])
def test_three_failed_syncs_in_a_row_are_an_alert(failures: int, codes: list[str]) -> None:
    found = standing_alerts([facts(failures=failures, failing_since=hour(5))])
    assert [alert.code for alert in found] == codes
    assert all((a.resource, a.since, str(failures) in a.message) == ("shop.things", hour(5), True) for a in found)


def test_a_resource_that_lists_nothing_any_more_is_an_alert() -> None:
    (alert,) = standing_alerts([facts(empty_since=hour(3))])
    assert (alert.code, alert.resource, alert.since) == ("empty", "shop.things", hour(3))


def test_alerts_come_oldest_first_and_a_resource_may_have_several() -> None:
    both = facts(failures=3, failing_since=hour(5), empty_since=hour(2))
    found = standing_alerts([both, facts(resource="shop.others", empty_since=hour(3))])
    assert [(alert.resource, alert.code) for alert in found] == [
        ("shop.things", "empty"),
        ("shop.others", "empty"),
        ("shop.things", "failing"),
    ]


def test_versions_that_cannot_be_read_or_are_empty_raise_no_alert(record: Record) -> None:
    version(record, 1, THINGS, listing(THINGS, "a"))
    version(record, 2, THINGS, listing(THINGS))
    for number in (3, 4, 5):
        version(record, number, THINGS, None)
    assert standing_alerts(record.standings()) == []


def test_an_import_hides_no_alert(record: Record) -> None:
    sync(record, 1, things=listing(THINGS, "a"))
    for number in (2, 3, 4):
        sync(record, number, things=None)
    version(record, 5, WEST, None)
    assert [alert.code for alert in standing_alerts(record.standings())] == ["failing"]


def test_three_failed_syncs_of_a_record_raise_the_alert_and_one_listing_ends_it(record: Record) -> None:
    sync(record, 1, things=listing(THINGS, "a"))
    for number in (2, 3, 4):
        assert standing_alerts(record.standings()) == []
        sync(record, number, things=None)
    (alert,) = standing_alerts(record.standings())
    assert (alert.code, alert.since) == ("failing", hour(2))
    sync(record, 5, things=listing(THINGS, "a"))
    assert standing_alerts(record.standings()) == []
