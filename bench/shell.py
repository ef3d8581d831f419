"""One document from the shell: a process each time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.figures import Figure, Goal, Target, Unit
from bench.processes import orlog, run
from bench.recording import CATEGORY, FILE, Recording
from eventstore import Record

SECONDS = 0.15
RUNS = 20


def measured(recorded: Recording, data: Path, *, quick: bool) -> Iterator[Figure]:
    """Time `orlog replay` of one document, now and in the middle of the record, in turns with the other two."""
    instant = recorded.times[len(recorded.times) // 2]
    with Record.open(data) as record:
        key = next(iter(record.log.catalogue(CATEGORY, at=instant).keys() & record.log.catalogue(CATEGORY).keys()))
    commands: list[Sequence[str | Path]] = [
        orlog("replay", CATEGORY, key, "--data", data),
        orlog("replay", CATEGORY, key, "--at", instant.isoformat(), "--data", data),
        [sys.executable, "-c", "pass"],
        ["git", "-C", recorded.repo, "show", f"{recorded.commit_at(instant)}:{FILE}"],
    ]
    rounds = [[run(command).wall for command in commands] for _ in range(RUNS // 4 if quick else RUNS)]
    now, then, bare, shown = zip(*rounds, strict=True)
    target = Target(Goal.OURS_AT_MOST, SECONDS)
    yield Figure("shell", "orlog replay, one document", Unit.TIME, now, "python -c pass", bare, target)
    yield Figure("shell", "orlog replay --at, one document", Unit.TIME, then, "git show", shown, target)
