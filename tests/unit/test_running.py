"""The loop of `orlog run` under a virtual clock: what is due is synced, what fails is held back, nothing ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from collector.holding import BUSY, WRONG
from collector.running import JUMP, LOOK_AGAIN, STEP, Runner, SystemClock, Task
from collector.schedule import Asked, Plan, Watched, due_scopes, leeway, next_due
from eventstore import Damaged, DiskFull, NewerRecord, NotARecord, RecordBusy, Scope

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class VirtualClock:
    """Time that passes only while somebody waits; `disturb` may do something to it each time."""

    def __init__(self, lasts: timedelta) -> None:
        self.time = START
        self.ticked = 0.0
        self.ends_at = START + lasts
        self.rests: list[float] = []
        self.disturb: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.time

    def ticks(self) -> float:
        return self.ticked

    def wait(self, seconds: float) -> bool:
        if seconds:
            self.rests.append(seconds)
            self.disturb()
        self.passes(timedelta(seconds=seconds))
        return self.time >= self.ends_at

    def passes(self, time: timedelta) -> None:
        self.time += time
        self.ticked += time.total_seconds()


class Lines:
    """A log that is read by tests."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.all: list[tuple[datetime, str, Mapping[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.all.append((self.clock.time, event, fields))

    warning = info

    def fields(self, event: str) -> list[Mapping[str, Any]]:
        return [fields for _, each, fields in self.all if each == event]

    def times(self, event: str) -> list[timedelta]:
        return [at - START for at, each, _ in self.all if each == event]


class API:
    """Two resources of one source that are synced each hour, and what was asked of them when."""

    def __init__(self, lasts: timedelta = DAY) -> None:
        self.clock = VirtualClock(lasts)
        self.log = Lines(self.clock)
        self.every = {"models": HOUR, "providers": HOUR}
        self.known: dict[str, dict[Scope, Asked | None]] = {
            name: {Scope.of("demo", name, {}): None} for name in self.every
        }
        self.syncs: list[tuple[datetime, tuple[str, ...]]] = []
        self.woke_at: set[datetime] = set()
        self.errors: list[Exception | None] = []
        self.takes = 5 * SECOND

    def plan(self, *, now: datetime, woke_at: datetime) -> Plan:
        self.woke_at.add(woke_at)
        watched = [Watched("demo", name, every, self.known[name]) for name, every in self.every.items()]
        return next_due(watched, now=now, woke_at=woke_at)

    def sync(self, source: str, names: tuple[str, ...]) -> int:
        assert source == "demo"
        now = self.clock.time
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.syncs.append((now, names))
        self.clock.passes(self.takes)
        asked = 0
        for name in names:
            for scope in due_scopes(self.known[name], self.every[name], now=now):
                self.known[name][scope] = Asked(now, len(self.syncs))
                asked += 1
        return asked

    def runner(self, *tasks: Task, changed: Callable[[], bool] = lambda: False) -> Runner:
        return Runner(self.plan, self.sync, clock=self.clock, log=self.log, tasks=tasks, changed=changed)

    def times(self, name: str) -> list[datetime]:
        return [at for at, names in self.syncs if name in names]


def busy() -> RecordBusy:
    return RecordBusy("the record is being written by process 7", holder="process 7")


# -- syncs


def test_what_was_never_asked_is_synced_at_once_and_then_in_its_interval_and_jitter() -> None:
    api = API(lasts=3 * DAY)
    api.runner().run()
    assert api.syncs[0] == (START, ("models", "providers"))
    for name in api.every:
        times = api.times(name)
        assert len(times) >= 65
        apart = [after - before for before, after in pairwise(times)]
        assert all(HOUR - leeway(HOUR) <= gap <= HOUR + leeway(HOUR) + api.takes for gap in apart)


def test_resources_that_began_together_are_spread() -> None:
    api = API()
    api.runner().run()
    together = [names for _, names in api.syncs if len(names) == 2]
    assert len(together) < len(api.syncs) / 4


def test_sources_take_turns_whatever_one_of_them_is_due_for() -> None:
    clock = VirtualClock(HOUR)
    turns: list[str] = []

    def sync(source: str, _: tuple[str, ...]) -> int:
        turns.append(source)
        clock.passes(10 * MINUTE)
        return 1

    def always(**_: datetime) -> Plan:
        return Plan((), {"backfill": ("slices",), "other": ("models",)}, None)

    Runner(always, sync, clock=clock, log=Lines(clock)).run()
    assert turns[:4] == ["backfill", "other", "backfill", "other"]


def test_a_source_of_which_nothing_is_asked_though_it_is_due_does_not_keep_the_loop_busy() -> None:
    api = API()
    futile: list[datetime] = []

    def nothing(_: str, __: tuple[str, ...]) -> int:
        futile.append(api.clock.time)
        return 0

    Runner(api.plan, nothing, clock=api.clock, log=api.log).run()
    waits = [after - before for before, after in pairwise(futile)]
    assert waits[:5] == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 15 * MINUTE]
    assert set(waits[5:]) == {WRONG[1]}


def test_a_loop_with_nothing_to_do_looks_again_every_quarter_of_an_hour_and_rests_in_pieces() -> None:
    api = API(lasts=HOUR)
    looks: list[datetime] = []

    def nothing(*, now: datetime, woke_at: datetime) -> Plan:
        looks.append(now)
        assert woke_at == START
        return Plan((), {}, None)

    Runner(nothing, api.sync, clock=api.clock, log=api.log).run()
    assert [at - START for at in looks] == [n * LOOK_AGAIN for n in range(4)]
    assert max(api.clock.rests) == STEP.total_seconds()
    assert len(api.clock.rests) <= HOUR / STEP + 4


def test_the_first_line_says_what_is_watched_and_when_next_and_comes_again_when_that_changes() -> None:
    api = API(lasts=3 * HOUR)
    edited = iter([False, False, True])

    def changed() -> bool:
        if next(edited, False):
            del api.every["providers"]
            return True
        return False

    api.runner(changed=changed).run()
    assert api.log.all[0][1] == "watching"
    first, second = api.log.fields("watching")
    assert first == {"resources": ["demo.models", "demo.providers"], "due": list(first["resources"]), "next_at": None}
    assert second["resources"] == ["demo.models"]
    assert second["next_at"].startswith("2026-01-01T01:0")


def test_an_edit_makes_the_loop_look_at_once_and_try_again_what_was_held_back() -> None:
    api = API(lasts=HOUR)
    api.errors = [ValueError("wrong")] * 3
    edits = iter([False] + [True] * 3)
    api.runner(changed=lambda: next(edits, False)).run()
    assert api.log.times("sync of demo failed")[:3] == [timedelta(), STEP, 2 * STEP]


def test_an_end_that_is_asked_for_comes_before_the_next_source_and_before_tasks() -> None:
    clock = VirtualClock(HOUR)
    did: list[str] = []

    def sync(source: str, _: tuple[str, ...]) -> int:
        did.append(source)
        clock.passes(2 * HOUR)  # meanwhile a signal came
        return 0

    Runner(
        lambda **_: Plan((), {"a": ("r",), "b": ("r",)}, None),
        sync,
        clock=clock,
        log=Lines(clock),
        tasks=[Task("notify", lambda: did.append("notify"))],
    ).run()
    assert did == ["a"]


# -- failures


@pytest.mark.parametrize("error", [Damaged("a byte flipped"), NewerRecord("schema 9"), NotARecord("a picture")])
def test_what_waiting_does_not_mend_ends_the_loop(error: Exception) -> None:
    """P15: a damaged record is not written any further; the error says what to run."""
    api = API()
    api.errors = [error]
    with pytest.raises(type(error)):
        api.runner().run()
    assert api.syncs == []


def test_a_record_that_is_busy_is_waited_for_with_patience() -> None:
    api = API(lasts=HOUR)
    api.errors = [busy() for _ in range(9)]
    api.runner().run()
    waits = [fields["again_in"] for fields in api.log.fields("sync of demo failed")]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert api.syncs[0][0] - START == timedelta(seconds=sum(waits))


def test_a_full_disk_holds_everything_until_it_is_over() -> None:
    """P9: what cannot be written is not asked for, and what was recorded stays."""
    api = API(lasts=HOUR)
    api.errors = [DiskFull("the disk is full"), DiskFull("the disk is full"), None]
    ran: list[datetime] = []
    api.runner(Task("project", lambda: ran.append(api.clock.time))).run()
    assert api.log.times("sync of demo failed") == [timedelta(), MINUTE]
    assert api.syncs[0][0] == START + 3 * MINUTE
    assert ran[0] == START + 3 * MINUTE + api.takes
    assert api.log.fields("sync of demo failed")[0] == {
        "error": "the disk is full",
        "hint": DiskFull.hint,
        "again_in": MINUTE.total_seconds(),
    }


def test_what_succeeds_begins_with_short_waits_again() -> None:
    api = API(lasts=3 * HOUR)
    api.errors = [busy(), busy(), None, None, busy()]
    api.runner().run()
    assert [each["again_in"] for each in api.log.fields("sync of demo failed")] == [1, 2, 1]
    assert BUSY[0] == SECOND


def test_an_error_that_nobody_foresaw_holds_its_source_and_says_where_it_arose() -> None:
    api = API(lasts=HOUR)
    api.errors = [ZeroDivisionError("division by zero")]
    api.runner().run()
    (said,) = api.log.fields("sync of demo failed")
    assert (said["error"], said["kind"]) == ("division by zero", "ZeroDivisionError")
    assert said["where"].startswith("test_running.py:")
    assert api.syncs[0][0] == START + MINUTE


def test_one_source_that_fails_keeps_no_other_waiting() -> None:
    clock = VirtualClock(HOUR)
    log = Lines(clock)
    synced: list[datetime] = []

    def sync(source: str, _: tuple[str, ...]) -> int:
        if source == "bad":
            raise ValueError(source)
        synced.append(clock.time)
        clock.passes(MINUTE)
        return 1

    Runner(lambda **_: Plan((), {"bad": ("r",), "good": ("r",)}, None), sync, clock=clock, log=log).run()
    assert len(synced) == 60
    assert len(log.times("sync of bad failed")) < 10


def test_a_plan_that_cannot_be_made_is_made_later() -> None:
    api = API(lasts=HOUR)
    plans = iter([OSError("no such file"), OSError("no such file")])

    def sometimes(*, now: datetime, woke_at: datetime) -> Plan:
        if error := next(plans, None):
            raise error
        return api.plan(now=now, woke_at=woke_at)

    Runner(sometimes, api.sync, clock=api.clock, log=api.log).run()
    assert api.log.times("planning failed") == [timedelta(), MINUTE]
    assert api.syncs[0][0] == START + 3 * MINUTE


# -- tasks


def test_tasks_run_after_each_sync_or_in_their_interval_and_once_at_the_beginning() -> None:
    api = API(lasts=2 * DAY + HOUR)
    projected: list[datetime] = []
    compacted: list[datetime] = []
    api.runner(
        Task("project", lambda: projected.append(api.clock.time)),
        Task("compact", lambda: compacted.append(api.clock.time), every=DAY),
    ).run()
    assert projected == [at + api.takes for at, _ in api.syncs]
    first = START + api.takes
    assert compacted == [first, first + DAY, first + 2 * DAY]


def test_a_task_that_fails_is_logged_tried_again_later_and_ends_nothing() -> None:
    api = API(lasts=10 * HOUR)

    def fail() -> None:
        raise ValueError("no view of that name")

    api.runner(Task("project", fail)).run()
    tried = api.log.times("project failed")
    apart = [after - before for before, after in pairwise(tried)]
    assert apart[:5] == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 15 * MINUTE]
    assert set(apart[5:]) == {WRONG[1]}
    assert len(api.times("models")) >= 9


def test_a_task_that_failed_once_runs_though_nothing_was_synced_since() -> None:
    api = API(lasts=30 * MINUTE)
    outcomes = iter([ValueError("webhook does not answer"), None])
    told: list[datetime] = []

    def notify() -> None:
        if error := next(outcomes):
            raise error
        told.append(api.clock.time)

    api.runner(Task("notify", notify)).run()
    assert told == [START + api.takes + MINUTE]


# -- time


def test_a_machine_that_slept_is_noticed_and_what_it_missed_is_asked_soon() -> None:
    api = API(lasts=20 * HOUR)

    def sleep() -> None:
        if api.clock.time - START > 3 * HOUR and api.clock.time - START < 4 * HOUR:
            api.clock.time += 9 * HOUR  # the wall clock goes on, the monotonic one stood still

    api.clock.disturb = sleep
    api.runner().run()
    (woke,) = api.log.times("woke")
    assert api.woke_at == {START, START + woke}
    next_ones = [at - START - woke for at, _ in api.syncs if at - START >= woke]
    assert next_ones[0] <= MINUTE + STEP


def test_a_process_that_was_stopped_is_noticed() -> None:
    api = API(lasts=9 * HOUR)
    stops = iter([False] * 10 + [True])
    api.clock.disturb = lambda: api.clock.passes(4 * HOUR if next(stops, False) else timedelta())
    api.runner().run()
    assert len(api.log.times("woke")) == 1
    assert api.log.fields("woke") == [{"jumped": 0, "late": 4 * 3600}]


def test_a_clock_that_is_set_back_starves_nothing() -> None:
    api = API(lasts=DAY)
    back = iter([False] * 300 + [True])

    def set_back() -> None:
        if next(back, False):
            api.clock.time -= 30 * DAY
            api.clock.ends_at -= 30 * DAY

    api.clock.disturb = set_back
    ran: list[datetime] = []
    api.runner(Task("compact", lambda: ran.append(api.clock.time), every=HOUR)).run()
    (fields,) = api.log.fields("woke")
    assert fields["jumped"] == -30 * DAY.total_seconds()
    assert len(api.times("models")) >= 22
    assert len(ran) >= 22
    after = [at for at in api.times("models") if at < START]
    assert after[0] - min(api.woke_at) <= MINUTE + STEP


def test_a_long_sync_is_no_jump_and_a_clock_that_is_slewed_is_none() -> None:
    api = API(lasts=12 * HOUR)
    api.takes = 29 * MINUTE

    def slew() -> None:
        api.clock.time += timedelta(milliseconds=300)

    api.clock.disturb = slew
    api.runner().run()
    assert api.woke_at == {START}
    assert JUMP > SECOND


def test_a_clock_that_is_set_back_prolongs_no_wait() -> None:
    api = API(lasts=4 * HOUR)
    api.errors = [DiskFull("the disk is full")] * 4
    back = iter([False] * 7 + [True])

    def set_back() -> None:
        if next(back, False):
            api.clock.time -= HOUR
            api.clock.ends_at -= HOUR

    api.clock.disturb = set_back
    api.runner().run()
    (woke,) = api.log.times("woke")
    assert woke in api.log.times("sync of demo failed")


def test_nothing_of_what_failed_is_kept_once_it_succeeds() -> None:
    api = API(lasts=DAY)
    api.errors = [busy(), DiskFull("the disk is full"), ValueError("wrong"), None]
    failures = iter([ValueError("no"), busy(), None])

    def fail_at_first() -> None:
        if error := next(failures, None):
            raise error

    runner = api.runner(Task("project", fail_at_first))
    runner.run()
    assert len(api.log.fields("sync of demo failed")) == 3
    assert runner._holds._held == {}


def test_the_system_clock_is_utc_and_waits_as_it_is_told() -> None:
    ends = threading.Event()
    clock = SystemClock(ends.wait)
    assert clock.now().tzinfo is UTC
    assert clock.ticks() <= clock.ticks()
    assert not clock.wait(0.01)
    ends.set()
    assert clock.wait(60)
