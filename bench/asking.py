"""What is asked of the record: since when, which values, what differs. In process, from a record that stays open."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from bench.figures import Figure, Goal, Target, Unit
from bench.longlog import CATEGORY, KEY, SOURCE, lay_down
from bench.recording import CATEGORY as RECORDED
from bench.recording import Recording
from eventstore import Entity, FieldChange, Record, blame, compare, periods

CHANGES: Final = 1000
POINTER: Final = "/pricing/prompt"  # it is another one after most of them
YEAR: Final = timedelta(days=365)
SECONDS: Final = 0.05
RUNS: Final = 20


def of_one_entity(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Ask about an entity of a generated log, of about a kilobyte, that changed 1000 times."""
    data = folder / "busy"
    lay_down(data, 1 + CHANGES, live=1)
    entity = Entity(SOURCE, CATEGORY, KEY.format(0))
    with Record.open(data) as record:
        count = len(record.log.history(entity)) - 1
        yield _figure(f"blame, {count} changes", lambda: blame(record.log.history(entity)), quick=quick)
        ask = partial(record.log.history, entity)
        yield _figure(f"history of a field, {count} changes", lambda: periods(ask(), POINTER), quick=quick)


def of_two_instants(recorded: Recording, data: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare the catalogue at the end of the recording with that of a year before, field by field."""
    after = recorded.times[-1]
    with Record.open(data) as record:
        differing = len(_differences(record, after - YEAR, after))
        what = f"compare a year apart, {differing} fields"
        yield _figure(what, lambda: _differences(record, after - YEAR, after), quick=quick)


def _differences(record: Record, before: datetime, after: datetime) -> list[FieldChange]:
    found = compare(record.log, before, after, category=RECORDED)
    return [change for each in found.changed for change in each.fields()]


def _figure(what: str, ask: Callable[[], object], *, quick: bool) -> Figure:
    samples = []
    for _ in range(RUNS // 4 if quick else RUNS):
        start = time.perf_counter()
        ask()
        samples.append(time.perf_counter() - start)
    return Figure("ask", what, Unit.TIME, samples, target=Target(Goal.OURS_AT_MOST, SECONDS))
