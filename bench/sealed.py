"""Everything sealed, nothing thinned, all answers kept: size beside git's, and reading as in `reading`."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, Goal, Target, Unit
from bench.processes import orlog, run
from bench.reading import catalogues, entities
from bench.recording import CATEGORY, FILE, RESOURCE, SEED, Recording, git
from eventstore import Record

POLICY = '[default]\nkeep = "all"\nseal_after = "1m"\n'
TIMES_IMPORT = 3
CATALOGUE_RATIO = 1.0
HISTORY_SECONDS = 5e-3
HISTORIES = 200


def measured(recorded: Recording, folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Import the recording into `folder`, seal all of it, and measure."""
    data = folder / "sealed"
    imported = run(orlog("import", "git", recorded.repo, FILE, "--resource", RESOURCE, "--data", data)).wall
    (data / "retention.toml").write_text(POLICY, encoding="utf-8")
    compacted = run(orlog("compact", "--data", data)).wall
    target = Target(Goal.RATIO_AT_MOST, TIMES_IMPORT)
    yield Figure("sealed", "compacting", Unit.TIME, [compacted], "importing", [imported], target)
    yield Figure("sealed", "record", Unit.SIZE, [float(_size(data))], "git gc", [_packed(recorded, folder)], _AT_MOST)
    instants = recorded.instants(25 if quick else 100)
    with Record.open(data) as record:
        yield catalogues(record, recorded, instants, section="sealed", ratio=CATALOGUE_RATIO)
        yield entities(record, instants, section="sealed")
        yield _histories(record)


_AT_MOST = Target(Goal.RATIO_AT_MOST, 1.0)


def _histories(record: Record) -> Figure:
    draw = random.Random(SEED)
    found = [state.entity for state in record.log.catalogue(CATEGORY).values()]
    samples = []
    for entity in draw.sample(found, min(HISTORIES, len(found))):
        start = time.perf_counter()
        record.log.history(entity)
        samples.append(time.perf_counter() - start)
    target = Target(Goal.OURS_AT_MOST, HISTORY_SECONDS)
    return Figure("sealed", "one entity's history", Unit.TIME, samples, target=target)


def _size(data: Path) -> int:
    return (data / "record.db").stat().st_size


def _packed(recorded: Recording, folder: Path) -> float:
    """The pack and its index that `git gc --aggressive` makes of the same versions."""
    repo = folder / "packed"
    shutil.copytree(recorded.repo, repo)
    git(repo, "gc", "--aggressive", "--quiet")
    return float(sum(file.stat().st_size for file in (repo / ".git" / "objects" / "pack").glob("pack-*.[ip]*")))
