"""Importing a git history: orlog beside git-history."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, Goal, Target, Unit
from bench.processes import Used, orlog, run
from bench.recording import FILE, RESOURCE, Recording

TIMES_FASTER = 15
PEAK = 200e6  # bytes
ROUNDS = 2  # of git-history, with orlog before and after each
PATIENCE = 90.0  # seconds: where git-history takes longer than that, once is enough
_OTHER = "git-history"


def measured(recorded: Recording, data: Path, git_history: str | None, *, quick: bool) -> Iterator[Figure]:
    """Import the recording over and over; the last record stays in `data`."""
    database = data.with_name("git-history.db")
    ours = [_import(recorded, data)]
    theirs: list[Used] = []
    while git_history is not None and len(theirs) < ROUNDS and all(used.wall < PATIENCE for used in theirs):
        database.unlink(missing_ok=True)
        theirs.append(run(_git_history(git_history, recorded, database)))
        ours += [_import(recorded, data), _import(recorded, data)]
    if not theirs and not quick:
        ours += [_import(recorded, data) for _ in range(3)]
    yield from _figures(ours, theirs)
    sizes = [float(database.stat().st_size)] if theirs else []
    yield Figure("import", "database", Unit.SIZE, [float(_size(data))], _OTHER if theirs else "", sizes)
    yield Figure("import", "", Unit.SIZE, [float(_size(data))], "its git objects", [_size(recorded.repo / ".git")])


def _figures(ours: list[Used], theirs: list[Used]) -> Iterator[Figure]:
    other = _OTHER if theirs else ""
    target = Target(Goal.RATIO_AT_LEAST, TIMES_FASTER)
    walls, their_walls = [used.wall for used in ours], [used.wall for used in theirs]
    yield Figure("import", "wall time", Unit.TIME, walls, other, their_walls, target, faster=True)
    cpus, their_cpus = [used.cpu for used in ours], [used.cpu for used in theirs]
    yield Figure("import", "CPU time", Unit.TIME, cpus, other, their_cpus, faster=True)
    peaks, their_peaks = [used.peak for used in ours], [used.peak for used in theirs]
    yield Figure("import", "peak memory", Unit.SIZE, peaks, other, their_peaks, Target(Goal.OURS_AT_MOST, PEAK))


def _import(recorded: Recording, data: Path) -> Used:
    shutil.rmtree(data, ignore_errors=True)
    return run(orlog("import", "git", recorded.repo, FILE, "--resource", RESOURCE, "--data", data))


def _git_history(program: str, recorded: Recording, database: Path) -> list[str | Path]:
    convert = 'json.loads(content)["data"]'
    arguments = ("--repo", recorded.repo, "--id", "id", "--convert", convert, "--branch", "main", "--silent")
    return [Path(program).absolute(), "file", database, recorded.repo / FILE, *arguments]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
