"""What makes a service of `orlog run`: alone on its data, ended by signals, its configuration edited meanwhile."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple, TypeAlias

from cli import config, projecting, shelf
from cli.failures import Failure
from collector import CollectorError, Plan, Source, Watched, narrator, next_due
from eventstore import NoRecord, Record, RecordBusy, WriterLock, policy_in

LOCK: Final = "run.lock"
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
STOPPING: Final = b"stopping: what has arrived is recorded; once more ends it at once\n"

Facts: TypeAlias = Callable[[Record, Source, datetime], Iterable[Watched]]
"""What the record knows, at an instant, of when each resource of a source was asked."""

Ask: TypeAlias = Callable[[Record, Source, tuple[str, ...], Callable[[], bool]], int]
"""Syncs the due scopes of these resources of a source until it is told to stop; how many requests that were."""


# -- the data directory


def make_ready(directory: Path) -> None:
    """Make the data directory, with what `orlog init` makes in it, where there is no record yet."""
    try:
        Record.open(directory).close()
    except NoRecord:
        Record.open(directory, write=True).close()
        config.make(directory)


def make_record(directory: Path) -> None:
    """Make the data directory where there is none: its log is the first thing in it."""
    try:
        Record.open(directory).close()
    except NoRecord:
        Record.open(directory, write=True).close()


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Be the only `orlog run` on a data directory. Raises `Failure` where there is one."""
    lock = WriterLock(directory / LOCK)
    try:
        lock.acquire()
    except RecordBusy as busy:
        message = f"`orlog run` is at work on {directory} already: {busy.holder}"
        raise Failure(message, hint="stop it first, or let it be: `orlog sync` works beside it") from None
    try:
        yield
    finally:
        lock.release()


def compact(directory: Path) -> None:
    """Carry out the retention policy, and say what came of it. Nothing is thinned before a person has said yes."""
    with Record.open(directory, write=True) as record:
        done = record.compact(policy_in(directory), keep_from=projecting.reached(directory, record))
    if done.reports or done.answers:
        events = [(tally.before.events, tally.after.events) for each in done.reports for tally in each.categories]
        thinned = sum(before - after for before, after in events)
        narrator().info("compacted", compactions=len(done.reports), thinned=thinned, answers=done.answers)
    if done.withheld:
        narrator().warning("retention.toml would thin what nobody has agreed to: `orlog compact --yes` does")


# -- signals


class Ending:
    """Whether the process is to end: a signal asks for it, a second one ends it at once.

    Signals are heard inside `heard`. A pipe wakes who waits: `threading.Event` may not be set in a signal's handler,
    which runs in the thread that holds the event's lock.
    """

    def __init__(self) -> None:
        self._asked = False
        self._reader, self._writer = os.pipe()

    def asked(self) -> bool:
        """Whether it is."""
        return self._asked

    def wait(self, seconds: float) -> bool:
        """Let so much time pass; True, and at once, when the process is to end."""
        if not self._asked:
            select.select([self._reader], [], [], seconds)
        return self._asked

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to signals; afterwards they do what they did before."""
        before = {each: signal.signal(each, self._ask) for each in SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
            os.close(self._reader)
            os.close(self._writer)

    def _ask(self, _: int, __: FrameType | None) -> None:
        for each in SIGNALS:  # whatever the process is at: what was committed is safe, and locks fall with it
            signal.signal(each, signal.SIG_DFL)
        self._asked = True
        os.write(self._writer, b"\0")
        if sys.stderr is not None and sys.stderr.isatty():
            with contextlib.suppress(OSError):
                os.write(sys.stderr.fileno(), STOPPING)  # not by way of a stream that may be in the middle of a line


# -- the configuration


class _Stamp(NamedTuple):
    path: Path
    inode: int
    size: int
    modified: int  # ns since 1970


class Watching:
    """The sources that a data directory watches, as its files say; a broken edit leaves the last good ones."""

    def __init__(self, directory: Path) -> None:
        """Raises `Failure` or an error of collector where a file is wrong, or nothing would ever be asked."""
        self._directory = directory
        self._files: list[Path] = []
        self._stamps = self._stamped()
        self.sources = shelf.watched(directory)
        if not any(resource.every for source in self.sources for resource in source.resources):
            message = f"{directory / config.FILE} names no source with a resource that has `every`"
            raise Failure(message, hint="name one there; `orlog sources` lists those that come with orlog")

    def changed(self) -> bool:
        """Read the files again if any was edited; whether other sources may be watched now."""
        stamps = self._stamped()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            self.sources = shelf.watched(self._directory)
        except (Failure, CollectorError, OSError) as error:
            narrator().warning("configuration is wrong, the last good one stays", error=str(error))
            return False
        narrator().info("configuration was read again", sources=[source.name for source in self.sources])
        return True

    def source(self, name: str) -> Source:
        """The source of a name; there is one."""
        return next(source for source in self.sources if source.name == name)

    def _stamped(self) -> list[_Stamp | None]:
        """What tells an edited file from one that was not; None for one that is not there."""
        with contextlib.suppress(Failure, OSError):  # while orlog.toml is broken, the files it named
            self._files = config.source_files(config.read(self._directory), self._directory)
        return [_stamp(path) for path in (self._directory / config.FILE, *self._files)]


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Stamp(path, found.st_ino, found.st_size, found.st_mtime_ns)


# -- the record


class Work:
    """What the loop does with the record, which is open only while it does it."""

    def __init__(self, directory: Path, watching: Watching, ending: Ending, *, facts: Facts, ask: Ask) -> None:
        self._directory = directory
        self._watching = watching
        self._ending = ending
        self._facts = facts
        self._ask = ask

    def plan(self, *, now: datetime, woke_at: datetime) -> Plan:
        """Say what is due. Raises errors of eventstore."""
        with Record.open(self._directory) as record:
            watched = [each for source in self._watching.sources for each in self._facts(record, source, now)]
        return next_due(watched, now=now, woke_at=woke_at)

    def sync(self, source: str, names: tuple[str, ...]) -> int:
        """Sync what is due of these resources. Raises errors of eventstore."""
        with Record.open(self._directory, write=True) as record:
            return self._ask(record, self._watching.source(source), names, self._ending.asked)
