"""Views of a log that is compacted under them: sealing changes nothing, thinning leaves what a rebuild would make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eventstore import Cursor, Entity, Feed, LogCompacted, Record, Silent, feed, parse_policy, replay, sqlite, verify
from projector import Runner, Store, Why, behind, status
from projector.columns import time_text
from projector.derivation import Writes
from projector.tables import Target
from tests.laying import hour
from tests.projecting import Said, Views, new_views

HOURS = 24 * 12  # twelve days: what is older than a day is thinned to days

SEALING = parse_policy('[default]\nkeep = "all"\nseal_after = "1d"\n')
THINNING = parse_policy(
    '[default]\nkeep = "all"\nseal_after = "1d"\n'
    '[category.load]\ntiers = [{ for = "1d", keep = "all" }, { for = "365d", keep = "daily" }]\nolder = "delete"\n'
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a reader: it is in the same thread."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)


@pytest.fixture
def views() -> Iterator[Views]:
    """A record of two entities whose load changes every six hours, and of one that changes once; and its views."""
    with new_views() as made:
        for at in range(0, HOURS, 6):
            load = {"a": {"n": at}, "b": {"n": at // 24}} if at != 60 else {"a": {"n": at}}
            made.lay(at, Said("api.load", load), Said("api.thing", {"t": {"v": at // 150, "name": "T"}}))
        made.run()
        yield made


class Meddling(Silent):
    """An output, and progress, for which something is done each time that views are begun, or rows written."""

    def __init__(
        self, *, begun: Callable[[], object] | None = None, written: Callable[[], object] | None = None
    ) -> None:
        self._begun = begun
        self._written = written

    def start(self, total: int, what: str) -> None:
        super().start(total, what)
        if self._begun:
            self._begun()

    def reset(self, _: Target) -> None:
        pass

    def write(self, _: Target, __: Writes) -> None:
        if self._written:
            self._written()


def thinned_to(days: int, views: Views, record: Record) -> None:
    """Thin all that is older than so many days."""
    text = f'[category.load]\nseal_after = "1d"\ntiers = [{{ for = "{days}d", keep = "all" }}]\nolder = "daily"\n'
    record.compact(parse_policy(text), lossy=True, keep_from=reached(views))


def reached(views: Views) -> int | None:
    with Store.open(views.path) as store:
        return store.reached(views.record.log.generation)


def stale(views: Views) -> dict[str, Why | None]:
    with Store.open(views.path) as store:
        return {each.name: each.stale for each in status(views.record, store, views.catalogue)}


def rebuilt(views: Views) -> dict[str, list[dict[str, Any]]]:
    views.rebuild()
    return views.tables()


def test_sealing_makes_no_view_stale_and_a_rebuild_of_sealed_history_gives_the_same(views: Views) -> None:
    before = views.tables()
    assert views.record.compact(SEALING, keep_from=reached(views)).reports
    assert set(stale(views).values()) == {None}
    assert rebuilt(views) == before


def test_views_go_on_over_sealed_history(views: Views) -> None:
    views.record.compact(SEALING, keep_from=reached(views))
    views.lay(HOURS, Said("api.load", {"a": {"n": -1}}), Said("api.thing", {"t": {"v": 9}}))
    assert views.run()["load_history"].rebuilt is None
    assert views.tables() == rebuilt(views)


def test_views_of_what_was_thinned_are_stale_and_then_of_what_is_left(views: Views) -> None:
    before = len(views.rows("load_history"))
    views.record.compact(THINNING, lossy=True, keep_from=reached(views))
    why = stale(views)
    assert {name for name, each in why.items() if each is Why.THINNED} == {
        "load",
        "load_history",
        "changes",
        "presence",
        "manifest",
    }
    assert why["thing_history"] is None
    with Store.open(views.path) as store:
        assert behind(views.record, store, views.catalogue)
    ran = views.run()
    assert ran["load_history"].rebuilt is Why.THINNED
    assert ran["thing_history"].rebuilt is None
    assert set(stale(views).values()) == {None}
    assert len(views.rows("load_history")) < before
    assert views.tables() == rebuilt(views)


def test_nothing_is_thinned_that_a_view_has_not_taken_up(views: Views) -> None:
    taken = reached(views)
    for at in range(HOURS, HOURS + 240, 6):
        views.lay(at, Said("api.load", {"a": {"n": at}}), Said("api.thing", {"t": {"v": 1}}))
    views.record.compact(THINNING, lossy=True, keep_from=taken)
    ranges = views.record.thinned_since(0)
    assert ranges
    assert all(each.last <= (taken or 0) for each in ranges)


def test_the_whole_of_a_thinned_log_is_read_in_batches_of_any_size(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    views.record.compact(THINNING, lossy=True, keep_from=reached(views))
    start = Cursor(views.record.log.generation)
    (whole,) = Feed(views.record.log, start).batches()
    monkeypatch.setattr("eventstore.feed.BATCH_EVENTS", 1)
    events = [event for batch in Feed(views.record.log, start).batches() for event in batch.events]
    assert events == list(whole.events) == list(views.record.log.events())


def test_keyframes_stand_at_the_end_of_their_sync_though_what_came_last_in_it_is_thinned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "CATALOGUE_EVENTS", 3)
    policy = '[default]\nkeep = "all"\nseal_after = "30d"\n[category.load]\nseal_after = "1h"\nkeep = "daily"\n'
    with new_views() as made:
        for at in range(60):
            made.lay(at, Said("api.item", {"i": {"n": at}}), Said("api.load", {"a": {"n": at}}))
        made.record.compact(parse_policy(policy), lossy=True)
        assert made.record.sizes().keyframes > 0
        assert verify(made.record, deep=True) == []


@pytest.mark.parametrize("at", range(0, HOURS, 17))
def test_what_stood_at_a_time_is_in_views_what_it_is_in_the_log(views: Views, at: int) -> None:
    views.record.compact(THINNING, lossy=True, keep_from=reached(views))
    views.run()
    state = views.record.log.state(Entity("api", "load", "a"), at=hour(at))
    query = "SELECT n FROM load_history WHERE key = 'a' AND valid_from <= :t AND (valid_to IS NULL OR valid_to > :t)"
    assert views.select(query, t=time_text(hour(at))) == ([] if state is None else [(state.document["n"],)])


def test_a_view_whose_rebuild_was_killed_goes_on_where_stale_ones_are_to_wait(views: Views) -> None:
    with Store.open(views.path, write=True) as store, store.transaction():
        thing = views.catalogue.projections(views.record.log)["thing_history"]
        store.reset(store.begin(thing, views.record.log.generation, 0))
    views.lay(HOURS, Said("api.load", {"a": {"n": -1}}), Said("api.thing", {"t": {"v": 9}}))
    assert views.run(stale=False)["thing_history"].rebuilt is None
    assert views.rows("thing_history")[-1]["v"] == 9
    assert views.run()["thing_history"].rebuilt is Why.ASKED


def test_the_list_of_syncs_is_stale_once_some_were_dropped_and_a_rebuild_has_those_that_are_left(views: Views) -> None:
    policy = parse_policy('[default]\nseal_after = "1d"\ntiers = [{ for = "2d", keep = "all" }]\nolder = "daily"\n')
    (report,) = views.record.compact(policy, lossy=True, keep_from=reached(views)).reports
    assert report.syncs > 0
    assert stale(views)["syncs"] is Why.THINNED
    views.run()
    assert [row["id"] for row in views.tables()["syncs"]] == [sync.id for sync in views.record.archive.syncs()]
    after = views.tables()
    assert rebuilt(views) == after


@pytest.mark.parametrize("nth", [*range(1, 9), 10_000])
def test_views_that_are_rebuilt_while_the_log_is_thinned_are_the_old_ones_or_the_new_ones(
    views: Views, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    monkeypatch.setattr(feed, "BATCH_EVENTS", 20)
    before = views.tables()
    writes: list[int] = []

    def meddle() -> None:
        writes.append(1)
        if len(writes) == nth:
            views.record.compact(THINNING, lossy=True, keep_from=reached(views))

    with Store.open(views.path, write=True) as store:
        Runner(views.record, store, views.catalogue, outputs=[Meddling(written=meddle)]).rebuild(
            ["load_history", "load"]
        )
    found = views.tables()
    if nth > len(writes):
        assert found == before
        return
    views.run()
    after = views.tables()
    for name in ("load_history", "load"):
        assert found[name] in (before[name], after[name])
    assert before["load_history"] != after["load_history"]


@pytest.mark.usefixtures("impatient")
def test_views_come_to_their_end_beside_a_log_that_is_thinned_on_and_on(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BATCH_EVENTS", 20)
    days = list(range(1, 10))
    passes: list[int] = []
    with Record.open(views.record.path.parent) as reader, Store.open(views.path, write=True) as store:

        def meddle() -> None:
            if days:
                thinned_to(days.pop(), views, views.record)

        meddling = Meddling(begun=lambda: passes.append(1), written=meddle)
        runner = Runner(reader, store, views.catalogue, outputs=[meddling], progress=meddling)
        (ran,) = runner.rebuild(["load_history"])
    assert ran.rebuilt is Why.ASKED
    assert len(passes) == 4
    found = views.rows("load_history")
    assert stale(views)["load_history"] is Why.THINNED
    views.run()
    assert len(views.rows("load_history")) < len(found)


def test_a_view_that_goes_on_is_not_given_what_was_thinned_around_its_place(views: Views) -> None:
    """Compaction comes between the look at where the view stands and the first events that are read for it."""
    for at in range(HOURS, HOURS + 240, 6):
        views.lay(at, Said("api.load", {"a": {"n": at}}), Said("api.thing", {"t": {"v": 1}}))
    meddling = Meddling(begun=lambda: views.record.compact(THINNING, lossy=True))
    with Store.open(views.path, write=True) as store:
        ran = {each.view: each for each in Runner(views.record, store, views.catalogue, progress=meddling).run()}
    assert ran["load_history"].rebuilt is Why.THINNED
    assert ran["thing_history"].rebuilt is None
    assert views.tables() == rebuilt(views)


def test_a_feed_goes_on_only_where_what_is_behind_it_was_left_alone(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BATCH_EVENTS", 20)
    start = Cursor(views.record.log.generation)
    feeds = [Feed(views.record.log, start, categories=only) for only in (None, frozenset({"api.load"}))]
    other = Feed(views.record.log, start, categories=frozenset({"api.thing"}))
    begun = [each.batches() for each in [*feeds, other]]
    firsts = [next(batches) for batches in begun]
    unread = Feed(views.record.log, start)
    thinned_to(1, views, views.record)
    for batches in begun[:2]:
        with pytest.raises(LogCompacted, match=f"up to @{firsts[0].cursor.seq} less is left"):
            next(batches)
    left = [event for batch in (firsts[2], *begun[2]) for event in batch.events]
    assert left == list(views.record.log.events("api.thing"))
    events = [event for batch in unread.batches() for event in batch.events]
    assert events == list(views.record.log.events())
