"""Telling targets what they want to know, at least once each, from where they were told last."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from collector.narration import narrator
from collector.notices import notice, state
from collector.notices.delivery import Courier
from collector.notices.news import Step, news
from collector.notices.state import Cursor, State, Told
from collector.notices.target import Target
from eventstore import Alert, EventStoreError, ReadOnlyRecord, Record, RecordBusy, WriterLock

LOCK: Final = "notify.lock"
BATCH: Final = 100  # changes that a target is told of in a round, about: a rebuilt world comes in portions
OUTBOX: Final = 100  # notices of alerts that wait for a target; while it is full, alerts that come and go are not told
ROUND_SECONDS: Final = 30.0  # after which no delivery is begun in a round: a slow target must not hold up the syncs


class Delivered(msgspec.Struct, frozen=True):
    """What a round did: how many notices were delivered, and the names of targets that would not take one."""

    notices: int = 0
    failed: tuple[str, ...] = ()


class _Backlog(NamedTuple):
    """What was read of the log for a target from a cursor on, and is yet to be delivered."""

    target: Target
    cursor: Cursor | None
    steps: deque[Step]


class Notifier:
    """Tells targets of alerts and changes, round by round; who they are, `targets`, may change between rounds.

    What each has been told stands in `notify.json`, written after each delivery: a kill repeats one, and loses none.
    Several processes may share a data directory: while one is at it, the others leave it to it.
    """

    def __init__(self, directory: Path, targets: Sequence[Target]) -> None:
        self.targets = tuple(targets)
        self._directory = directory
        self._state = self._written = State()
        self._backlogs: dict[str, _Backlog] = {}
        self._failing: dict[str, str] = {}
        self._unread: set[str] = set()

    async def round(self, record: Record, alerts: Iterable[Alert], *, now: datetime) -> Delivered:
        """Tell each target what is new: first of alerts, given all that stand `now`, then of changes in the log.

        What cannot be delivered is tried again in the next round, in its order. Never raises for a target's sake.
        """
        with self._alone() as alone:
            return await self._round(record, tuple(alerts), now) if alone else Delivered()

    async def _round(self, record: Record, standing: tuple[Alert, ...], now: datetime) -> Delivered:
        self._take_in()
        self._log_alerts(standing)
        for target in self.targets:
            told = self._state.targets[target.name]
            self._tell(target, take_up(told, standing, now=now) if target.alerts else Told(told.cursor))
        self._save()  # before anything is delivered, so that what ends meanwhile is known to have begun
        deadline = time.monotonic() + ROUND_SECONDS
        courier = Courier()
        try:
            sent = await asyncio.gather(*(self._serve(target, record, courier, deadline) for target in self.targets))
        finally:
            await courier.aclose()
        names = {target.name for target in self.targets}
        return Delivered(sum(sent), tuple(sorted(names.intersection(self._failing))))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        lock = WriterLock(self._directory / LOCK)
        try:
            with contextlib.suppress(ReadOnlyRecord):  # then no process can keep anything: this one tells
                lock.acquire()
        except RecordBusy:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _take_in(self) -> None:
        """See what other processes have told meanwhile; what could not be written is known here only."""
        if self._state == self._written:
            self._state = self._written = state.read(self._directory)
        known = {target.name: self._state.targets.get(target.name, Told()) for target in self.targets}
        self._state = State(known, self._state.logged)

    async def _serve(self, target: Target, record: Record, courier: Courier, deadline: float) -> int:
        """Deliver to one target what waits for it, until it fails or the time is up; return how much was."""
        sent = 0
        while outbox := self._state.targets[target.name].outbox:
            if not await self._deliver(target, courier, bytes(outbox[0]), deadline):
                return sent
            sent += 1
            told = self._state.targets[target.name]
            self._tell(target, msgspec.structs.replace(told, outbox=told.outbox[1:]))
            self._save()
        steps = self._news(target, record)
        while steps:
            for each in steps[0].notices:
                if not await self._deliver(target, courier, each, deadline):
                    return sent
                sent += 1
            self._move(target, steps.popleft().cursor)
            self._save()
        return sent

    def _news(self, target: Target, record: Record) -> deque[Step]:
        """What is to be told of the log: what could not be delivered before, or else what is new."""
        cursor = self._state.targets[target.name].cursor
        backlog = self._backlogs.get(target.name)
        if backlog is None or not backlog.steps or (backlog.target, backlog.cursor) != (target, cursor):
            backlog = self._backlogs[target.name] = _Backlog(target, cursor, deque())
            try:
                if target.changes:
                    backlog.steps.extend(
                        news(record, target.changes, cursor, limit=BATCH, unknown=self._note_unread),
                    )
            except EventStoreError as error:  # a damaged record must not keep alerts from being told
                self._note_unread(error)
        return backlog.steps

    def _move(self, target: Target, cursor: Cursor) -> None:
        self._backlogs[target.name] = self._backlogs[target.name]._replace(cursor=cursor)
        self._tell(target, msgspec.structs.replace(self._state.targets[target.name], cursor=cursor))

    async def _deliver(self, target: Target, courier: Courier, text: bytes, deadline: float) -> bool:
        if time.monotonic() > deadline:
            return False
        reason = await courier.deliver(target, text)
        before = self._failing.get(target.name)
        if reason is None:
            if self._failing.pop(target.name, None) is not None:
                narrator().info("notifications are delivered again", target=target.name)
            return True
        self._failing[target.name] = reason
        tell = narrator().debug if reason == before else narrator().warning  # not the same in each round
        tell("notification failed", target=target.name, reason=reason)
        return False

    def _tell(self, target: Target, told: Told) -> None:
        self._state = State({**self._state.targets, target.name: told}, self._state.logged)

    def _log_alerts(self, standing: tuple[Alert, ...]) -> None:
        ended, begun = turned(self._state.logged, standing)
        for alert in ended:
            narrator().info("alert cleared", code=alert.code, resource=alert.resource)
        for alert in begun:
            narrator().warning("alert", code=alert.code, resource=alert.resource, message=alert.message)
        self._state = State(self._state.targets, after(self._state.logged, ended, begun))

    def _note_unread(self, error: EventStoreError) -> None:
        if str(error) not in self._unread:  # not again in each round
            self._unread.add(str(error))
            narrator().warning("changes cannot be told", reason=str(error))

    def _save(self) -> None:
        if self._state == self._written:
            return
        try:
            state.write(self._directory, self._state)
        except OSError as error:  # a disk that is full is just what is to be told
            narrator().warning("cannot keep what was notified", reason=error.strerror or str(error))
        else:
            self._written = self._state


def turned(before: Iterable[Alert], standing: Iterable[Alert]) -> tuple[list[Alert], list[Alert]]:
    """The alerts that have ended, and those that have begun; one whose message changed has done neither."""
    old, new = ({alert.identity: alert for alert in alerts} for alerts in (before, standing))
    ended = [alert for identity, alert in old.items() if identity not in new]
    begun = [alert for identity, alert in new.items() if identity not in old]
    return ended, begun


def take_up(told: Told, standing: Iterable[Alert], *, now: datetime) -> Told:
    """Put a notice into the outbox for each alert that has ended or begun, as far as there is room."""
    ended, begun = turned(told.standing, standing)
    room = max(0, OUTBOX - len(told.outbox))
    ended = ended[:room]
    begun = begun[: room - len(ended)]
    notices = [*(notice.cleared(each, at=now) for each in ended), *(notice.raised(each, at=now) for each in begun)]
    return Told(told.cursor, after(told.standing, ended, begun), (*told.outbox, *map(msgspec.Raw, notices)))


def after(before: Iterable[Alert], ended: Iterable[Alert], begun: Iterable[Alert]) -> tuple[Alert, ...]:
    """What is known to stand then; each as it was when it began."""
    gone = {alert.identity for alert in ended}
    return (*(alert for alert in before if alert.identity not in gone), *begun)
