"""The loop of `orlog run`: sync what is due, work off what is registered, rest; for months.

What it works on is handed in (a clock, the plan, the sync), so that it runs under a virtual clock as well.

What goes wrong never ends it, with one exception: a record that is damaged, or that is not this orlog's to write, is
left alone at once (`Damaged`, `NewerRecord`, `NotARecord`), because waiting mends none of them and a service manager
shows a process that ended. All else is logged and tried again, later each time: a full disk, a folder that cannot be
written and a record that is busy hold everything, any other error holds its source or its task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeAlias, TypeVar

import msgspec

from collector.holding import Holds, Log
from collector.schedule import FAR, Plan
from eventstore import Damaged, NewerRecord, NotARecord

STEP: Final = timedelta(
    seconds=30
)  # the longest rest in one piece: how late an edited file, or a jump in time, is noticed
LOOK_AGAIN: Final = timedelta(minutes=15)  # at the latest: other commands write into the record too
JUMP: Final = timedelta(seconds=30)  # more than any clock is slewed or a loaded machine is late: it slept, or was set

_PLANNING: Final = "planning"

_T = TypeVar("_T")


class Clock(Protocol):
    """Time as the loop sees it."""

    def now(self) -> datetime:
        """The time of day: aware, UTC. It may be set."""
        ...

    def ticks(self) -> float:
        """Seconds of a clock that nobody sets; whether it goes on while the machine sleeps does not matter."""
        ...

    def wait(self, seconds: float) -> bool:
        """Let so much time pass, or none; True, and at once, when the loop is to end."""
        ...


class Task(msgspec.Struct, frozen=True):
    """Something that the loop runs beside syncs: `every` so often, or (None) whenever something was synced.

    Each runs once at the beginning as well, after what is due was synced: what a killed process left undone. If it
    raises, it runs again later.
    """

    name: str
    run: Callable[[], object]
    every: timedelta | None = None


class SystemClock:
    """The clock of this machine; `wait` is an event's or anything like it."""

    def __init__(self, wait: Callable[[float], bool]) -> None:
        self.wait = wait

    def now(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    def ticks(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()


class Planner(Protocol):
    """Says what is due, from the record; `collector.schedule.next_due` of the facts, as a rule."""

    def __call__(self, *, now: datetime, woke_at: datetime) -> Plan:
        """Say it as of `now`."""
        ...


Syncer: TypeAlias = Callable[[str, tuple[str, ...]], int]
"""Syncs the due scopes of these resources of a source, and says how many requests that were.

It opens the record, and closes it: between syncs other commands can write. When the loop is to end it stops asking,
keeps and records what has arrived, and returns.
"""


class Runner:
    """The loop. `plan` says what is due, `sync` sees to it, `changed` that the plan is to be made anew."""

    def __init__(
        self,
        plan: Planner,
        sync: Syncer,
        *,
        clock: Clock,
        log: Log,
        tasks: Iterable[Task] = (),
        changed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._plan = plan
        self._sync = sync
        self._changed = changed
        self._clock = clock
        self._log = log
        self._holds = Holds(log)
        self._watched: tuple[str, ...] | None = None
        self._woke_at = self._look_at = clock.now()
        self._task_at = dict.fromkeys(tasks, self._woke_at)
        self._seen = (self._woke_at, clock.ticks())

    def run(self) -> None:
        """Go on until the clock says that it is to end. Raises `Damaged`, `NewerRecord`, `NotARecord`."""
        while not self._rests():
            if self._changed():
                self._holds.forget()  # whoever edited something may have mended it
                self._look_at = self._clock.now()
            if self._look_at <= self._clock.now():
                self._look_at = self._sync_what_is_due()
            self._work_off_tasks()

    # -- time

    def _rests(self) -> bool:
        """Let time pass until there is something to do, or a while. True when the loop is to end."""
        times = (self._holds.until(task.name, at) for task, at in self._task_at.items())
        rest = min([self._look_at, *times]) - self._clock.now()
        seconds = min(max(rest, timedelta()), STEP).total_seconds()
        began = self._clock.ticks()
        ends = self._clock.wait(seconds)
        self._notice_jump(late=self._clock.ticks() - began - seconds)
        return ends

    def _notice_jump(self, *, late: float) -> None:
        """See whether time passed as it should: the process was stopped, the machine slept, or the clock was set."""
        before, ticks_before = self._seen
        now, ticks = self._seen = self._clock.now(), self._clock.ticks()
        jumped = now - before - timedelta(seconds=ticks - ticks_before)
        if max(abs(jumped), timedelta(seconds=late)) <= JUMP:
            return
        self._log.info("woke", jumped=round(jumped.total_seconds()), late=round(late))
        self._woke_at = self._look_at = now
        self._holds.lift(now)
        self._task_at = {task: min(at, now + task.every) if task.every else at for task, at in self._task_at.items()}

    # -- work

    def _sync_what_is_due(self) -> datetime:
        """Plan and sync, one source after the other; say when to look again."""
        now = self._clock.now()
        held = self._holds.until(_PLANNING, now)
        plan = None if held > now else self._attempt(_PLANNING, lambda: self._plan(now=now, woke_at=self._woke_at))
        if plan is None:
            return self._holds.until(_PLANNING, now)
        self._holds.succeeded(_PLANNING)
        self._tell(plan)
        synced = [source for source, names in plan.due.items() if self._syncs(source, names)]
        if synced:
            self._task_at = {task: at if task.every else now for task, at in self._task_at.items()}
            return now  # at once: what was learned, and the time it took, may have made other things due
        times = (self._holds.until(_sync_of(source), now) for source in plan.due)
        return min([now + LOOK_AGAIN, plan.next_at or FAR, *times])

    def _syncs(self, source: str, names: tuple[str, ...]) -> bool:
        """Sync a source unless it is held back; say whether anything was asked."""
        name, now = _sync_of(source), self._clock.now()
        if self._holds.until(name, now) > now or self._clock.wait(0):
            return False
        asked = self._attempt(name, lambda: self._sync(source, names))
        if asked:
            self._holds.succeeded(name, wrote=True)
        elif asked is not None and not self._clock.wait(0):
            self._holds.futile(name, now=self._clock.now())
        return bool(asked)

    def _work_off_tasks(self) -> None:
        for task, at in self._task_at.items():
            now = self._clock.now()
            if self._holds.until(task.name, at) > now or self._clock.wait(0):
                continue
            if self._attempt(task.name, partial(_carry_out, task)):
                self._holds.succeeded(task.name)
                self._task_at[task] = FAR if task.every is None else now + task.every

    def _attempt(self, name: str, work: Callable[[], _T]) -> _T | None:
        """Do it; where that fails, None: it is logged, and held back."""
        try:
            return work()
        except (Damaged, NewerRecord, NotARecord):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, months of work must not end with it
            self._holds.failed(name, error, now=self._clock.now())
        return None

    def _tell(self, plan: Plan) -> None:
        """Log what is watched, at first and whenever that changes."""
        if plan.watched != self._watched:
            self._watched = plan.watched
            next_at = None if plan.next_at is None else plan.next_at.isoformat(timespec="seconds")
            due = [f"{source}.{name}" for source, names in plan.due.items() for name in names]
            self._log.info("watching", resources=list(plan.watched), due=due, next_at=next_at)


def _sync_of(source: str) -> str:
    return f"sync of {source}"


def _carry_out(task: Task) -> bool:
    task.run()
    return True
