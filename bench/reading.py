"""Reading the past, in process: orlog beside `git show`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bench.figures import Figure, Goal, Target, Unit
from bench.recording import CATEGORY, SEED, Recording
from eventstore import Entity, Record, State

CATALOGUE_RATIO = 1.5
ENTITY_SECONDS = 1e-3
INSTANTS = 100
ENTITIES_EACH = 10  # reads of one entity at each instant


class Differs(Exception):
    """The record and git do not give the same documents: then no time means anything."""


def measured(recorded: Recording, data: Path, *, quick: bool) -> Iterator[Figure]:
    """Read the record in `data` at random instants."""
    instants = recorded.instants(INSTANTS // 4 if quick else INSTANTS)
    with Record.open(data) as record:
        for instant in instants[:5]:
            _compare(record, recorded, instant)
        yield catalogues(record, recorded, instants)
        yield entities(record, instants)


def catalogues(
    record: Record,
    recorded: Recording,
    instants: list[datetime],
    *,
    section: str = "read",
    ratio: float = CATALOGUE_RATIO,
) -> Figure:
    """Read all of it at each instant, in turns with `git show`."""
    ours: list[float] = []
    theirs: list[float] = []
    for turn, instant in enumerate(instants):
        reads = [(ours, partial(_catalogue, record, instant)), (theirs, partial(_git_show, recorded, instant))]
        for samples, read in reads if turn % 2 else reversed(reads):
            samples.append(_timed(read))
    target = Target(Goal.RATIO_AT_MOST, ratio)
    return Figure(section, "catalogue at an instant", Unit.TIME, ours, "git show + msgspec", theirs, target)


def entities(record: Record, instants: list[datetime], *, section: str = "read") -> Figure:
    """Read some entities at each instant."""
    draw = random.Random(SEED)
    samples: list[float] = []
    for instant in instants:
        there = [state.entity for state in record.log.catalogue(CATEGORY, at=instant).values()]
        drawn = draw.sample(there, min(ENTITIES_EACH, len(there)))
        samples += [_timed(partial(_document, record, entity, instant)) for entity in drawn]
    target = Target(Goal.OURS_AT_MOST, ENTITY_SECONDS)
    return Figure(section, "one entity at an instant", Unit.TIME, samples, target=target)


def _timed(read: Callable[[], object]) -> float:
    start = time.perf_counter()
    read()
    return time.perf_counter() - start


def _catalogue(record: Record, instant: datetime) -> dict[str, Any]:
    return {key: state.document for key, state in record.log.catalogue(CATEGORY, at=instant).items()}


def _document(record: Record, entity: Entity, instant: datetime) -> Any:
    state: State | None = record.log.state(entity, at=instant)
    return None if state is None else state.document


def _git_show(recorded: Recording, instant: datetime) -> Any:
    return msgspec.json.decode(recorded.show(instant))


def _compare(record: Record, recorded: Recording, instant: datetime) -> None:
    shown = {item["id"]: item for item in _git_show(recorded, instant)["data"]}
    if _catalogue(record, instant) != shown:
        raise Differs(f"the record differs from git at {instant}")
