"""Syncs that are killed at one write after another, and what the next one makes of what they left.

`python -m tests.faults.killed FOLDER SEED KILLS` lays six syncs of a generated world down, then kills one of them at a
write, so often, each time from the state before it. Prints, as JSON, how often each sync was killed, and which
statuses the server gave. A process of its own, for it forks.

A killed process leaves two files behind: what the server showed, and what the sync had been told was archived.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest import mock

import msgspec

from collector import Answer, Choice, Clock, Source, World, WorldTransport, shipped, sync_source
from collector.syncing import fetching
from eventstore import JSON, Cause, Document, Record, Request, Status, verify
from tests.faults.dying import at_each_write, dies

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
STEP: Final = timedelta(hours=4)
SYNCS: Final = 6
TOGETHER: Final = 4  # answers archived in one transaction: several in each sync
KILLED_TWICE: Final = 4  # of so many, one is killed a second time, by then at the work of closing what the first left
# by category: where it stands in the world, what its own resource drops, and what goes into a category of its own
WHOLE: Final[dict[str, tuple[str, ...]]] = {"model": ("benchmarks",), "endpoint": ("model_name",), "provider": ()}

Sequences = dict[tuple[str, str], list[str]]
"""By category and key: the hashes of an entity's documents, no two neighbours the same."""


class Shown(NamedTuple):
    """A request that the server answered at an hour."""

    hour: int
    path: str
    status: int | None


class Told(NamedTuple):
    """An attempt as a sync knew it when it had been archived; `body` is a hash."""

    resource: str
    params: tuple[tuple[str, str], ...]
    status: int | None
    error: str | None
    body: str | None


class Server:
    """A transport that keeps a file of what it showed, which outlives its process."""

    def __init__(self, world: World, hour: int, shown: Path) -> None:
        self._transport = WorldTransport(world, Clock(START + hour * STEP))
        self._hour = hour
        self._shown = shown

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        await asyncio.sleep(0)  # others are asked for meanwhile
        answer = await self._transport.ask(path, params, validators=validators)
        append(self._shown, [Shown(self._hour, path, answer.status)])
        return answer

    async def aclose(self) -> None:
        await self._transport.aclose()


class Case(NamedTuple):
    """The world, the source, and the folders of one run; `data(k)` is the state before sync k."""

    folder: Path
    world: World
    source: Source

    def data(self, sync: int) -> Path:
        return self.folder / f"before-{sync}"

    def shown(self, sync: int) -> Path:
        return self.folder / f"shown-{sync}"


def case_of(folder: Path, seed: int) -> Case:
    """A small world in which much happens: each hour is as ten of those of ninety days, and a tenth fails."""
    source = shipped()["openrouter"]
    hourly = tuple(msgspec.structs.replace(each, every=STEP) for each in source.resources)
    world = World(seed, start=START, days=1, models=8, failures=0.1)
    return Case(folder, world, msgspec.structs.replace(source, resources=hourly))


def sync(case: Case, data: Path, hour: int, *, due: bool = False) -> None:
    """One sync at an hour of the world, all of which it takes no time."""
    clock = Clock(START + hour * STEP)
    with Record.open(data, write=True) as record:
        server = Server(case.world, hour, data / "shown")
        with mock.patch.object(fetching.Fetching, "archive", told_of(data / "told")):
            sync_source(record, case.source, now=clock, choice=Choice(due=due), transport=server)


def told_of(file: Path) -> Any:
    """`Fetching.archive`, with a file of what it has archived when it returns."""
    archive = fetching.Fetching.archive

    def told(self: fetching.Fetching) -> None:
        came = [request for _, request in self._came]
        archive(self)
        append(file, map(as_told, came))

    return told


def as_told(request: Request) -> Told:
    body = None if request.body is None else hashlib.sha256(request.body).hexdigest()
    address = f"{request.scope.source}.{request.scope.resource}"
    return Told(address, request.scope.params, request.status, request.error, body)


def append(file: Path, lines: Any) -> None:
    """Write lines at the end of a file, all at once: what was written outlives the process."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read(file: Path, kind: type) -> list[Any]:
    return [msgspec.convert(json.loads(line), kind) for line in file.read_text().splitlines()] if file.exists() else []


# -- what must be true


def showed(case: Case, shown: list[Shown]) -> Sequences:
    """What the server showed of each entity, in order: told by the world itself, not read from answers."""
    found: Sequences = {}
    for each in shown:
        at = START + each.hour * STEP
        if case.world.fails(each.path, at) is None:
            for category, key, document in said(case.world, each.path, at):
                for name, part in parts(category, document).items():
                    digest = Document.of(part).digest.hex()
                    sequence = found.setdefault((name, key), [])
                    if sequence[-1:] != [digest]:
                        sequence.append(digest)
    return found


def said(world: World, path: str, at: datetime) -> list[tuple[str, str, dict[str, JSON]]]:
    """What an honest answer to a request shows: category, key and whole document."""
    if not path.endswith("/endpoints"):
        category = path.rpartition("/")[2].removesuffix("s")
        return [(category, key, document) for key, document in world.documents(category, at).items()]
    model = path.removeprefix("/api/v1/models/").removesuffix("/endpoints").replace("%3A", ":")
    found = world.documents("endpoint", at).items()
    return [("endpoint", key, document) for key, document in found if key.startswith(f"{model}#")]


def parts(category: str, document: dict[str, JSON]) -> dict[str, dict[str, JSON]]:
    """A document as the shipped rules take it apart, by category."""
    (extraction,) = (
        each.extraction for each in shipped()["openrouter"].resources if each.extraction.category == category
    )
    dropped = {pointer[1:] for pointer in extraction.drop}
    split = {pointer[1:]: name for name, pointers in extraction.split.items() for pointer in pointers}
    found: dict[str, dict[str, JSON]] = {category: {}}
    for member, value in document.items():
        if member not in dropped:
            found.setdefault(split.get(member, category), {})[member] = value
    return found


def recorded(record: Record) -> Sequences:
    """What the log says of each entity."""
    found: Sequences = {}
    for event in record.log.events():
        if event.body is not None:
            found.setdefault((event.entity.category, event.entity.key), []).append(event.hash)
    return {entity: deduped(hashes) for entity, hashes in found.items()}


def untwinned(sequences: Sequences) -> dict[tuple[str, str], Any]:
    """Sequences, but of two that share a key only which documents they had: their numbers are a guess."""
    found: dict[tuple[str, str], Any] = dict(sequences)
    for category, key in [each for each in sequences if each[1].endswith("#2")]:
        first = category, key.removesuffix("#2")
        found[first] = {*found.pop((category, key)), *sequences.get(first, ())}
    return found


def deduped(hashes: list[str]) -> list[str]:
    """One that disappeared and came back as it was shows the same document twice."""
    return [each for place, each in enumerate(hashes) if hashes[:place][-1:] != [each]]


def archived(record: Record) -> dict[int, list[tuple[int, Told]]]:
    """All attempts of each sync, with their bytes."""
    syncs = [each.id for each in record.archive.syncs()]
    return {each: [(a.id, held(record, a)) for a in record.archive.attempts(each)] for each in syncs}


def held(record: Record, attempt: Any) -> Told:
    address = f"{attempt.scope.source}.{attempt.scope.resource}"
    fresh = attempt.answer is not None and attempt.status != 304
    body = hashlib.sha256(record.archive.answer(attempt.id)).hexdigest() if attempt.answer is not None else None
    assert body == attempt.answer
    return Told(address, attempt.scope.params, attempt.status, attempt.error, body if fresh else None)


# -- killing


def kill(case: Case, number: int, write: int, dice: random.Random) -> bool:
    """Kill a sync at a write, look at what it left, and let the next one go on; whether the write was reached."""
    data = copied(case, number)
    if not dies(partial(sync, case, data, number), write):
        return False
    left = look(data, 1)
    if dice.randrange(KILLED_TWICE) == 0 and dies(partial(sync, case, data, number), dice.randrange(1, 40)):
        left = look(data, 2)
    sync(case, data, number, due=dice.random() < 1 / 2)
    with Record.open(data) as record:
        assert verify(record, deep=True) == []
        assert record.archive.unfinished() == []
        after = archived(record)
        assert {each: after[each] for each in left.attempts} == left.attempts
        entries = {entry.sync: entry for entry in record.log.entries()}
        for each in left.open:
            assert record.archive.sync(each).interrupted
            assert entries[each].status is Status.PARTIAL
        asked = [each.id for each in record.archive.syncs(cause=Cause.SYNC)]
        assert sorted(asked) == sorted(each for each in entries if each is not None), "all that is archived is recorded"
        assert untwinned(recorded(record)) == untwinned(showed(case, read(data / "shown", Shown)))
    return True


class Left(NamedTuple):
    """What a killed process left: attempts by sync, and the syncs that are open."""

    attempts: dict[int, list[tuple[int, Told]]]
    open: list[int]


def look(data: Path, deaths: int) -> Left:
    """What is left can be read, is right, and is all that was archived."""
    if not (data / "record.db").exists():
        return Left({}, [])
    told = Counter(read(data / "told", Told))
    showed = read(data / "shown", Shown)
    with Record.open(data) as record:
        assert verify(record, deep=True) == []
        found = Left(archived(record), [each.id for each in record.archive.unfinished()])
    there = Counter(each for attempts in found.attempts.values() for _, each in attempts)
    assert not told - there, "nothing archived is lost"
    lost = len(showed) - there.total()
    assert 0 <= lost <= deaths * TOGETHER, "no more is lost than what was to be archived together"
    return found


def copied(case: Case, number: int) -> Path:
    data = case.folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(case.data(number), data)
    return data


def prepare(case: Case) -> list[int]:
    """Lay all syncs down, keep the state before each, and say how many writes each was."""
    writes = [0] * SYNCS
    data = case.folder / "undisturbed"
    data.mkdir(parents=True)

    def count(_: str) -> None:
        writes[number] += 1

    with at_each_write(count):
        for number in range(SYNCS):
            shutil.copytree(data, case.data(number))
            sync(case, data, number)
    with Record.open(data) as record:
        assert untwinned(recorded(record)) == untwinned(showed(case, read(data / "shown", Shown)))
    return writes


def main(folder: Path, seed: int, kills: int) -> None:
    fetching.ARCHIVED_TOGETHER = TOGETHER  # type: ignore[misc]
    case = case_of(folder, seed)
    writes = prepare(case)
    dice = random.Random(seed)
    drawn = sorted(dice.sample(range(sum(writes)), kills))
    reached: Counter[int] = Counter()
    for each in drawn:
        number = next(n for n in range(SYNCS) if each < sum(writes[: n + 1]))
        write = each - sum(writes[:number]) + 1
        try:
            reached[number] += kill(case, number, write, dice)
        except BaseException:
            print(f"killed at write {write} of sync {number}", file=sys.stderr)  # noqa: T201
            raise
    statuses = Counter(str(each.status) for each in read(case.folder / "undisturbed" / "shown", Shown))
    print(json.dumps({"killed": reached, "statuses": statuses}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
