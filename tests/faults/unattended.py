"""`orlog run` for so many days of a virtual clock, against a server that misbehaves.

`python -m tests.faults.unattended FOLDER DAYS` prints what came of it, as JSON (`Facts`). A process of its own, for its
memory and its handles are measured. All that `orlog run` is made of is the real thing but for three: the clock, the
disk that is looked at, and how long a request may take.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from unittest import mock

import msgspec

from cli import asking, logs, overview, service
from collector import Choice, Runner, Source, Task, World, accept, narrator, sync_source, watched
from collector.politeness import LONGEST_COOLDOWN
from collector.schedule import LONGEST_WAIT, leeway
from collector.world.loopback import Asked, LoopbackServer, Mode, Play
from collector.world.server import played
from eventstore import Disk, Record, Scope

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MODELS: Final = 20
SEED: Final = 11
SETTLED: Final = 7 * DAY  # from then on memory may not grow: all that is kept between syncs has been seen
TOLD_EVERY: Final = timedelta(
    minutes=30
)  # six times as rarely as `orlog run` looks at the disk: it costs a second a day
TAKES: Final = timedelta(seconds=5)  # a sync, by the virtual clock
TIMEOUT: Final = timedelta(seconds=0.5)  # of a request, by the real clock; an answer takes 2 ms
SLACK: Final = timedelta(minutes=2)  # for the syncs of other resources, and the longest rest of the loop in one piece
ODD: Final = 100  # of so many requests, one is answered in a way that the world does not know

# from when to when what goes wrong, after the start
OUTAGE_AT: Final = 1 * DAY
OUTAGE: Final = 7 * HOUR  # as long as those of the world
WRONG_DATE: Final = (2 * DAY, 2 * DAY + 3 * HOUR)
CUT_AFTER: Final = 3 * DAY  # the next list of models, once
NO_PROVIDERS: Final = (4 * DAY, 6 * DAY + 12 * HOUR)
DISK_FULL: Final = (6 * DAY + 18 * HOUR, 6 * DAY + 21 * HOUR)
FULL: Final = Disk(used=95, total=100)
FREE: Final = Disk(used=5, total=100)

TELL: Final = """
sources = ["./world.toml"]

[[notify]]
name = "box"
command = ["sh", "-c", "cat >> {box}"]
"""


class Facts(msgspec.Struct):
    """What came of it: resident memory in bytes and open handles by day, notices as told, gaps that were too long."""

    memory: dict[int, int] = {}
    handles: dict[int, int] = {}
    syncs: dict[str, int] = {}
    requests: int = 0
    notices: list[dict[str, Any]] = []
    late: list[str] = []
    checked: int = 0


class Clock:
    """Time that passes while somebody waits, and while a sync goes on."""

    def __init__(self, ends_at: datetime) -> None:
        self.time = START
        self._ticks = 0.0
        self._ends_at = ends_at
        self.passed: list[Any] = []

    def now(self) -> datetime:
        return self.time

    def ticks(self) -> float:
        return self._ticks

    def wait(self, seconds: float) -> bool:
        self.passes(timedelta(seconds=seconds))
        return self.time >= self._ends_at

    def passes(self, time: timedelta) -> None:
        self.time += time
        self._ticks += time.total_seconds()


def within(time: datetime, span: tuple[timedelta, timedelta]) -> bool:
    return span[0] <= time - START < span[1]


class Misbehaving(LoopbackServer):
    """The world, its own failures included, and on top of it what is scripted, and what only HTTP can do."""

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(self._play)
        self._world = world
        self._clock = clock
        self._dice = random.Random(SEED)
        self._cut = False

    def _play(self, asked: Asked) -> Play:
        now = self._clock.now()
        play = self._scripted(asked, now) or self._odd(asked, now) or played(self._world, asked, now)
        if within(now, WRONG_DATE) and play.headers:
            return msgspec.structs.replace(
                play, headers={**play.headers, "Date": format_datetime(now + HOUR, usegmt=True)}
            )
        return play

    def _scripted(self, asked: Asked, now: datetime) -> Play | None:
        headers = {"Date": format_datetime(now, usegmt=True), "Content-Type": "application/json"}
        if within(now, (OUTAGE_AT, OUTAGE_AT + OUTAGE)):
            return Play(503, headers)
        if asked.path.endswith("/providers") and within(now, NO_PROVIDERS):
            return Play(headers=headers, body=b'{"data": []}')
        if asked.path.endswith("/models") and now - START >= CUT_AFTER and not self._cut:
            self._cut = True
            items = list(self._world.documents("model", now).values())
            return Play(headers=headers, body=msgspec.json.encode({"data": items[: len(items) // 3]}))
        return None

    def _odd(self, asked: Asked, now: datetime) -> Play | None:
        if self._dice.randrange(ODD):
            return None
        honest = played(self._world, asked, now)
        odd = [
            Play(429, {"Retry-After": "0"}),
            Play(302, {"Location": "http://elsewhere.example/"}),
            msgspec.structs.replace(honest, mode=Mode.CUT),
            msgspec.structs.replace(honest, mode=Mode.RESET),
            Play(headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}, body=b"no gzip"),
        ]
        return self._dice.choice(odd)


# -- the run


class Run:
    """The service, put together as `orlog run` does it."""

    def __init__(self, folder: Path, days: int) -> None:
        self.clock = Clock(START + days * DAY)
        self.world = World(SEED, start=START, days=days, models=MODELS)
        self.data = folder / "data"
        self.box = folder / "box.jsonl"
        self.facts = Facts()

    def run(self) -> Facts:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(Misbehaving(self.world, self.clock))
            self._write(server.base_url)
            stack.enter_context(mock.patch.object(asking, "_now", self.clock.now))
            stack.enter_context(mock.patch.object(overview, "disk_of", self._disk))
            stack.enter_context(logs.kept(self.data))
            ending = service.Ending()
            stack.enter_context(ending.heard())
            watching = service.Watching(self.data)
            telling = asking.Telling(self.data)
            work = service.Work(self.data, watching, ending, facts=_watched, ask=self._ask)
            tasks = [Task("notices", telling.round), Task("meanwhile", telling.round, every=TOLD_EVERY)]
            tasks += [Task("operator", self._operate, every=HOUR), Task("measure", self._measure, every=DAY)]
            runner = Runner(
                work.plan, work.sync, clock=self.clock, log=narrator(), tasks=tasks, changed=watching.changed
            )
            runner.run()
        self.facts.notices = [msgspec.json.decode(line) for line in self.box.read_bytes().splitlines()]
        self._check_gaps(watching.sources[0])
        return self.facts

    def _write(self, base_url: str) -> None:
        """What a user would have written."""
        service.make_ready(self.data)
        import collector

        shipped = (Path(collector.__file__).parent / "sources" / "openrouter.toml").read_text()
        quick = f'base_url = "{base_url}"\nretries = 0'
        text = shipped.replace('base_url = "https://openrouter.ai"', quick).replace('rate = "10/s"', "")
        (self.data / "world.toml").write_text(text)
        (self.data / "orlog.toml").write_text(TELL.format(box=self.box))

    def _ask(self, record: Record, source: Source, names: tuple[str, ...], stop: Any) -> int:
        record._db.execute("PRAGMA synchronous = OFF")  # to wait for the disk is most of what a sync takes here
        source = msgspec.structs.replace(source, timeout=TIMEOUT, patience=TIMEOUT)
        synced = sync_source(
            record, source, now=self.clock.now, choice=Choice(names, due=True), environment={}, stop=stop
        )
        self.clock.passes(TAKES)
        if synced is None:
            return 0
        ended = synced.recorded.status.value if synced.recorded else "archived"
        self.facts.syncs[ended] = self.facts.syncs.get(ended, 0) + 1
        self.facts.requests += synced.asked
        return synced.asked

    def _disk(self, _: Path) -> Disk:
        return FULL if within(self.clock.now(), DISK_FULL) else FREE

    def _operate(self) -> None:
        """What a person does who was told: once the clock is right again, believe what was archived meanwhile."""
        if self.clock.now() - START < WRONG_DATE[1]:
            return
        with Record.open(self.data, write=True) as record:
            for doubt in record.clock_doubts():
                accept(record, doubt.sync, now=self.clock.now())

    def _measure(self) -> None:
        gc.collect()
        day = (self.clock.now() - START) // DAY
        self.facts.memory[day] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        self.facts.handles[day] = sum(1 for _ in Path("/proc/self/fd").iterdir())

    # -- what the record says of when was asked

    def _check_gaps(self, source: Source) -> None:
        with Record.open(self.data) as record:
            asked: dict[Scope, list[tuple[datetime, bool]]] = defaultdict(list)
            for sync in record.archive.syncs():
                for attempt in record.archive.attempts(sync.id):
                    asked[attempt.scope].append((sync.opened_at, attempt.error is None))
        for resource in source.resources:
            assert resource.every is not None
            for scope, times in asked.items():
                if scope.resource == resource.name:
                    self._check_scope(scope, resource.every, [*times, (self.clock.now(), True)])

    def _check_scope(self, scope: Scope, every: timedelta, times: list[tuple[datetime, bool]]) -> None:
        for (before, answered), (after, _) in pairwise(times):
            if self._listed_throughout(scope, before, after):
                most = every if answered else every * 2**LONGEST_WAIT
                if any(before < until and after > since for since, until in self._outages()):
                    most += OUTAGE + LONGEST_COOLDOWN  # its host was left alone
                self.facts.checked += 1
                if after - before > most + leeway(every) + SLACK:
                    self.facts.late.append(f"{scope}: asked at {before}, and then at {after}")

    def _outages(self) -> list[tuple[datetime, datetime]]:
        """The scripted outage, and those that the world has in sixty days."""
        toggles = [timedelta(milliseconds=each) for each in self.world._faults._outages._toggles]
        starts = [OUTAGE_AT, *toggles[::2]]
        return [(START + each, START + each + OUTAGE) for each in starts]

    def _listed_throughout(self, scope: Scope, before: datetime, after: datetime) -> bool:
        """Whether there was something to ask for all the time: a model that is not listed is none."""
        model = dict(scope.params).get("model")
        return model is None or all(
            model in self._listed((before + step * HOUR - START) // HOUR)
            for step in range(-1, (after - before) // HOUR + 2)
        )

    @functools.cache  # noqa: B019 - one run
    def _listed(self, hour: int) -> frozenset[str]:
        return frozenset(self.world.documents("model", START + hour * HOUR))


def _watched(record: Record, source: Source, now: datetime) -> Iterator[Any]:
    yield from watched(record, source, now=now)


if __name__ == "__main__":
    print(msgspec.json.encode(Run(Path(sys.argv[1]), int(sys.argv[2])).run()).decode())  # noqa: T201
