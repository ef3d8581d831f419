"""Folding the log into views: as fast as it goes, after one sync, and beside pyeventsourcing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.catalogue import Catalogued
from bench.figures import Figure, Goal, Target, Unit
from bench.processes import ROOT, orlog, run
from bench.recording import recording
from bench.stepping import stepping
from eventstore import Cursor, Feed, Record
from projector import VIEWS_FILE, Catalogue, Runner, Store

OUTAGES_FILE = "pge-outages.json"
VIEWS = {"manifest": "manifest", "presence": "lifecycle"}  # the table that is filled, and the view that is asked for
EVENTS_PER_SECOND = 60_000
RATIO = 1.0
CATCH_UP_SECONDS = 0.05
CHANGED = 40  # entities that a sync changes
GROWTH = 1.3
LONGER = 8  # times the history
LONGER_QUICK = 2
ROUNDS = 11
ROUNDS_QUICK = 3
SYNCS = 25  # measured one by one
SYNCS_QUICK = 8
WARM_UP = 5  # syncs before any is measured

_OTHER = "pyeventsourcing"


def of_record(name: str, data: Path, folder: Path, program: str | None, *, quick: bool) -> Iterator[Figure]:
    """Fold the record in `data` from its first event on; `program` is the Python that has pyeventsourcing."""
    rounds = ROUNDS_QUICK if quick else ROUNDS
    with Record.open(data) as record:
        events = record.log.position().seq
        what = f"{name}, {events:,} events"
        for table, view in VIEWS.items():
            yield from _filled(record, table, f"{view}, {what}", folder, rounds)
        theirs: list[float] = []
        ours: list[float] = []
        with contextlib.ExitStack() as stack:
            read = None if program is None else stack.enter_context(_peer(program, data, folder))
            for _ in range(rounds):
                ours.append(_rate(events, lambda: _decoded(record), time.process_time))
                if read is not None:
                    theirs.append(events / read())
        target = Target(Goal.RATIO_AT_LEAST, RATIO)
        against = _OTHER if theirs else ""
        yield Figure("project", f"decode and apply, {what}", Unit.RATE, ours, against, theirs, target)


def _filled(record: Record, table: str, what: str, folder: Path, rounds: int) -> Iterator[Figure]:
    events = record.log.position().seq
    walls, cpus = [], []
    for _ in range(rounds + 1):  # the first one imports what the others find
        with _store(folder / f"views of {what}") as store:
            runner = Runner(record, store, Catalogue())
            cpu = time.process_time()
            walls.append(_rate(events, lambda runner=runner: runner.rebuild([table]), time.perf_counter))  # type: ignore[misc]
            cpus.append(events / (time.process_time() - cpu))
    yield Figure("project", what, Unit.RATE, walls[1:], target=Target(Goal.OURS_AT_LEAST, EVENTS_PER_SECOND))
    yield Figure("project", "… by CPU time", Unit.RATE, cpus[1:])


@contextlib.contextmanager
def _store(folder: Path) -> Iterator[Store]:
    """A new file of views."""
    for file in folder.glob("*"):
        file.unlink()
    with Store.open(folder / VIEWS_FILE, write=True) as store:
        yield store


def _rate(events: int, work: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return events / (clock() - start)


def _decoded(record: Record) -> None:
    for batch in Feed(record.log, Cursor(record.log.generation)).batches():
        for change in batch.changes:
            if change.after is not None:
                change.after.value  # noqa: B018  # it is parsed when it is asked for


@contextlib.contextmanager
def _peer(program: str, data: Path, folder: Path) -> Iterator[Callable[[], float]]:
    """The same events in pyeventsourcing: what reads all of them, and tells the seconds of CPU time it took."""
    database = folder / "pyeventsourcing.db"
    line: list[str | Path] = [program, "-m", "bench.pyeventsourcing", data / "record.db", database]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout
        if answers.readline() != "ready\n":
            raise RuntimeError(f"{program} cannot run bench/pyeventsourcing.py")

        def read() -> float:
            requests.write("read\n")
            requests.flush()
            return float(answers.readline().split()[1])

        yield read
    database.unlink()


def program() -> str | None:
    """The Python that has pyeventsourcing: the one beside git-history."""
    beside = os.environ.get("GIT_HISTORY")
    return None if beside is None else str(Path(beside).absolute().with_name("python"))


_OUTAGES = """
[[resource]]
name = "outages"
category = "outage"
items = ""
key = "{outageNumber}"
"""


def outages(bundle: str, folder: Path) -> Path | None:
    """The record of a recording of power outages; None where that is not there."""
    recorded = recording(bundle, folder / "outages", file=OUTAGES_FILE)
    if recorded is None:
        return None
    data, rules = folder / "outages" / "data", folder / "outages" / "outages.toml"
    rules.write_text(_OUTAGES)
    run(orlog("import", "git", recorded.repo, OUTAGES_FILE, "--resource", rules, "--data", data))
    return data


# -- catching up


def after_syncs(name: str, data: Path, folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Catch up all views after syncs of 40 changed entities, again and again, as history becomes 8 times as long.

    The record in `data` grows by that.
    """
    syncs = SYNCS_QUICK if quick else SYNCS
    views = folder / f"views of {name}" / VIEWS_FILE
    with Record.open(data, write=True) as record:
        _change(record, WARM_UP)
        before = record.log.position().seq
    first, few = _caught_up(data, views, syncs)
    with Record.open(data, write=True) as record:
        _change(record, (LONGER_QUICK if quick else LONGER) * before // CHANGED - before // CHANGED)
        longer = record.log.position().seq / before
    last, many = _caught_up(data, views, syncs)
    what = f"catch up with {CHANGED} changes, {name}"
    target = Target(Goal.OURS_AT_MOST, CATCH_UP_SECONDS)
    yield Figure("project", what, Unit.TIME, first, target=target)
    yield Figure("project", f"… history {longer:.1f} times as long", Unit.TIME, last, "before", first, target)
    target = Target(Goal.RATIO_AT_MOST, GROWTH)
    yield Figure("project", "… SQLite's steps", Unit.COUNT, many, "before", few, target)


def _change(record: Record, syncs: int) -> None:
    catalogued = Catalogued(record)
    for _ in range(syncs):
        catalogued.change(CHANGED)


def _caught_up(data: Path, views: Path, syncs: int) -> tuple[list[float], list[float]]:
    """Of so many syncs: how long it took to catch up with each, and SQLite's steps in as many others."""
    times, counts = [], []
    with Record.open(data, write=True) as record, Store.open(views, write=True) as store:
        catalogued, runner = Catalogued(record), Runner(record, store, Catalogue())
        runner.run()
        for _ in range(1 + syncs):  # the first one reads what the others find
            catalogued.change(CHANGED)
            times.append(1 / _rate(1, runner.run, time.perf_counter))
    with stepping() as steps, Record.open(data, write=True) as record, Store.open(views, write=True) as store:
        catalogued, runner = Catalogued(record), Runner(record, store, Catalogue())
        for _ in range(1 + syncs):
            catalogued.change(CHANGED)
            before = steps.count
            runner.run()
            counts.append(float(steps.count - before))
    return times[1:], counts[1:]
