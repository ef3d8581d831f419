"""How the work of a read grows with the length of history: counted on two logs, one 100 times as long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from bench.counting import Counts, counted
from bench.figures import Figure, Goal, Target, Unit
from bench.longlog import CATEGORY, EVERY, KEY, LIVE, SOURCE, lay_down, time_of
from eventstore import Entity, Record

SYNCS: Final = 300
TIMES: Final = 100
TIMES_QUICK: Final = 10
WARM_UP: Final = 100  # syncs of both logs: before, the short one has no keyframes yet, and so less to read
ENTITY_READS: Final = 1000
CATALOGUE_READS: Final = 200
GROWTH: Final = 1.3

_RECORD: Final = "record.db"
_BOUNDED: Final = {"rows": "rows read", "steps": "SQLite's steps", "parsed": "bytes parsed"}

Read: TypeAlias = Callable[[Record, random.Random, datetime | None], object]


class _Log(msgspec.Struct, frozen=True):
    """A generated log: its data directory, and how many syncs it has."""

    data: Path
    syncs: int

    def instant(self, draw: random.Random) -> datetime:
        """Any instant from the warm-up to the last sync, each as likely."""
        return time_of(WARM_UP) + draw.random() * (self.syncs - 1 - WARM_UP) * EVERY


class _Reads(msgspec.Struct, frozen=True):
    """A kind of read, and how often it is done: at the head, or at random instants.

    Unless `bounded` its growth has no target: one catalogue's work depends on how long ago its keyframe happened to be.
    """

    what: str
    read: Read
    count: int
    at_head: bool = False
    bounded: bool = True

    def draws(self, log: _Log) -> Iterator[tuple[random.Random, datetime | None]]:
        """Randomness to choose by, and an instant, for each read."""
        draw = random.Random(log.syncs)
        for _ in range(self.count):
            yield draw, None if self.at_head else log.instant(draw)


def measured(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Lay both logs down in `folder`, and do the same number of reads on each."""
    times = TIMES_QUICK if quick else TIMES
    short, long = _Log(folder / "short", SYNCS), _Log(folder / "long", SYNCS * times)
    built = [[_laid_down(log) / log.syncs] for log in (long, short)]
    yield Figure(_section(short, long), "recording a sync", Unit.TIME, built[0], _against(short), built[1])
    for reads in (
        _Reads("one entity", _entity, ENTITY_READS),
        _Reads("one entity now", _entity, ENTITY_READS, at_head=True),
        _Reads("catalogue", _catalogue, CATALOGUE_READS),
        _Reads("catalogue now", _catalogue, CATALOGUE_READS, at_head=True, bounded=False),
    ):
        yield from _figures(reads, short, long)


def _figures(reads: _Reads, short: _Log, long: _Log) -> Iterator[Figure]:
    section, against = _section(short, long), _against(short)
    ours, theirs = _counts(reads, long), _counts(reads, short)
    target = Target(Goal.RATIO_AT_MOST, GROWTH) if reads.bounded else None
    for field, name in _BOUNDED.items():
        samples = [[float(getattr(counts, field)) for counts in each] for each in (ours, theirs)]
        yield Figure(section, f"{reads.what}: {name}", Unit.COUNT, samples[0], against, samples[1], target)
    yield Figure(section, f"{reads.what}: time", Unit.TIME, _times(reads, long), against, _times(reads, short))


def _section(short: _Log, long: _Log) -> str:
    return f"growth x {long.syncs // short.syncs}"


def _against(short: _Log) -> str:
    return f"{short.syncs} syncs"


def _laid_down(log: _Log) -> float:
    start = time.perf_counter()
    lay_down(log.data, log.syncs)
    return time.perf_counter() - start


def _counts(reads: _Reads, log: _Log) -> list[Counts]:
    each = []
    with counted(log.data / _RECORD) as (record, counts):
        for draw, instant in reads.draws(log):
            before = msgspec.structs.astuple(counts)
            reads.read(record, draw, instant)
            each.append(Counts(*map(int.__sub__, msgspec.structs.astuple(counts), before)))
    return each


def _times(reads: _Reads, log: _Log) -> list[float]:
    times = []
    with Record.open(log.data) as record:
        for draw, instant in reads.draws(log):
            start = time.perf_counter()
            reads.read(record, draw, instant)
            times.append(time.perf_counter() - start)
    return times


def _entity(record: Record, draw: random.Random, instant: datetime | None) -> object:
    entity = Entity(SOURCE, CATEGORY, KEY.format(draw.randrange(LIVE)))
    state = record.log.state(entity, at=instant)
    assert state is not None, f"{entity} is always there"
    return state.document


def _catalogue(record: Record, draw: random.Random, instant: datetime | None) -> object:
    del draw
    states = record.log.catalogue(f"{SOURCE}.{CATEGORY}", at=instant)
    assert len(states) == LIVE, "all are always there"
    return [state.document for state in states.values()]
