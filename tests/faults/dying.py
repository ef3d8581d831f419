"""A process that dies at one SQL statement that writes after another, and what the next one makes of what it left.

`python -m tests.faults.dying WORK FOLDER STEP` does WORK in a process that is killed at its first such statement; then
in another, which is killed at statement 1 + STEP; and so on, until it comes to its end. After each death the work is
done again and must end where it would have ended. Prints how often it died. A process of its own, for it forks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

from collector import Answer, Clock, FilesHistory, Resource, Source, import_history, rebuild_log, resolve, sync_source
from eventstore import Record, answers, parse_policy, sqlite, verify
from eventstore.compaction import answers as packing
from projector import files

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
WRITES: Final = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "COMMIT")
RULES: Final = '[[resource]]\nname = "things"\ncategory = "thing"\nitems = ""\nkey = "{id}"\npath = "/things"\n'

DROPPING: Final = '[default]\nkeep = "all"\nseal_after = "1h"\n[archive]\nfor = "1h"\n'


class Things:
    """A transport that answers with two things."""

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        assert not validators  # nothing here has a tag
        return Answer(params, 200, b'[{"id": "a", "n": "' + path.encode() + b'"}, {"id": "sync"}]')

    async def aclose(self) -> None:
        pass


def things(folder: Path) -> Resource:
    return resolve(str(folder / "shop.toml"))


def prepare(folder: Path) -> None:
    """Write the rules, and answers to import."""
    (folder / "shop.toml").write_text(RULES)
    (folder / "saved").mkdir()
    for number in range(4):
        text = f'[{{"id": "a", "n": {number}}}, {{"id": "b{number}"}}, {{"id": "twin"}}, {{"id": "twin", "n": 1}}]'
        at = START + timedelta(hours=number)
        (folder / "saved" / f"{at:%Y-%m-%dT%H}.json").write_text(text if number != 2 else text[:-1])


def lay_down(folder: Path, data: Path) -> None:
    with Record.open(data, write=True) as record:
        import_history(record, things(folder), FilesHistory(folder / "saved", pattern="{time:%Y-%m-%dT%H}.json"))


def rebuild(_: Path, data: Path) -> None:
    with Record.open(data, write=True) as record:
        rebuild_log(record, now=START)


def drop(folder: Path, data: Path) -> None:
    """Import, then let the first answers go: each is stored by itself, so that nothing needs them."""
    alone = mock.patch.multiple(packing, PACKED_CHAIN=1, PACK_ANSWERS=1)
    with mock.patch.object(answers, "FULL_COPY_EVERY", 1), alone:
        lay_down(folder, data)
        with Record.open(data, write=True) as record:
            record.compact(parse_policy(DROPPING), lossy=True)
            until = record.copied_until()
            assert until is not None
            assert 0 < until.seq < record.log.position().seq


def sync(folder: Path, data: Path) -> None:
    resource = things(folder)
    clock = Clock(START + timedelta(days=1))
    with Record.open(data, write=True) as record:
        sync_source(record, Source(resource.source, (resource,)), transport=Things(), now=clock)


WORKS: Final[dict[str, tuple[list[Callable[[Path, Path], None]], Callable[[Path, Path], None]]]] = {
    "import": ([], lay_down),
    "rebuild": ([lay_down], rebuild),
    "rebuild above the horizon": ([drop], rebuild),
    "sync": ([lay_down], sync),
}


@contextlib.contextmanager
def at_each_write(told: Callable[[str], None]) -> Iterator[None]:
    """Have it told each statement that writes, before it does, of any connection that this process opens meanwhile."""
    connect = sqlite.connect

    def traced(statement: str) -> None:
        if statement.lstrip().startswith(WRITES):
            told(statement)

    def connected(path: Path, *, write: bool) -> sqlite3.Connection:
        connection = connect(path, write=write)
        connection.set_trace_callback(traced)
        return connection

    with mock.patch.object(sqlite, "connect", connected), mock.patch.object(files, "open_sqlite", connected):
        yield


def die_at(write: int) -> contextlib.AbstractContextManager[None]:
    """Have this process killed when it comes to that statement that writes."""
    left = [write]

    def count(_: str) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return at_each_write(count)


def dies(work: Callable[[], object], write: int) -> bool:
    """Do the work in a process that is killed at that statement; whether it came so far."""
    child = os.fork()
    if child == 0:
        try:
            with die_at(write):
                work()
        except BaseException:  # noqa: BLE001 - a fork must not go on with what its parent does
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    return status != 0


def left_sound(data: Path) -> None:
    """Whatever is there can be read, and is right."""
    if (data / "record.db").exists():
        with Record.open(data) as record:
            assert verify(record, deep=True) == []


def ended(data: Path) -> list[Any]:
    """Where the work ended: the log, and what stands."""
    with Record.open(data) as record:
        assert verify(record, deep=True) == []
        assert record.archive.unfinished() == []
        events = [(event.entity, event.kind, event.hash, event.body) for event in record.log.events()]
        return [events, {key: state.hash for key, state in record.log.catalogue("thing").items()}]


def main(name: str, folder: Path, step: int) -> int:
    prepare(folder)
    before, work = WORKS[name]
    for each in before:
        each(folder, folder / "before")
    undisturbed = copied(folder, "undisturbed")
    work(folder, undisturbed)
    expected = ended(undisturbed)
    deaths = 0
    while True:
        data = copied(folder, "data")
        if not dies(partial(work, folder, data), 1 + deaths * step):
            return deaths
        deaths += 1
        left_sound(data)
        work(folder, data)
        assert ended(data) == expected, f"killed at write {1 + (deaths - 1) * step}"


def copied(folder: Path, name: str) -> Path:
    shutil.rmtree(folder / name, ignore_errors=True)
    if (folder / "before").exists():
        shutil.copytree(folder / "before", folder / name)
    return folder / name


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))  # noqa: T201
