"""Compactions that are killed at one write after another, and what the next one makes of what they left.

`python -m tests.faults.compacting FOLDER STEP` lays a history of two categories down that both are thinned, in more
than three segments each, and compacts it in a process that is killed at its first statement that writes; then in
another, killed at statement 1 + STEP; and so on. What was not synced to the disk is torn each time, as by a power cut.
Then it must read as it did before or as it will, and the next compaction must end where an undisturbed one ends. Prints
how often it died. A process of its own, for it forks.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from eventstore import Record, answers, from_ms, parse_policy, verify
from eventstore.compaction import drafting, dropping, sealing
from tests.faults.dying import dies
from tests.properties.histories import START
from tests.retaining import CATEGORIES, HOUR, Step, documents, lay

SYNCS: Final = 70
POLICY: Final = """
[category.thing]
seal_after = "2h"
tiers = [{ for = "6h", keep = "all" }, { for = "40h", keep = "hourly" }]
older = "daily"
[category.gauge]
seal_after = "5h"
tiers = [{ for = "10h", keep = "all" }, { for = "60h", keep = "daily" }]
older = "delete"
summarise = { every = "1d", fields = ["/half"] }
[archive]
for = "30h"
"""
KEPT_WHOLE: Final = 6 * HOUR  # milliseconds before the head: inside it nothing may ever differ
_WAL_HEADER: Final = 32  # https://www.sqlite.org/fileformat2.html#the_write_ahead_log
_FRAME_HEADER: Final = 24


def history() -> list[Step]:
    """Four syncs in an hour; much comes back, and goes."""
    dice = random.Random(7)
    at, found = START, []
    for _ in range(SYNCS):
        at += dice.choice((HOUR // 4, HOUR // 4, HOUR, 3 * HOUR))
        found.append(Step(at, {key: dice.randrange(4) for key in "abcde" if dice.random() < 4 / 5}))
    return found


def prepare(data: Path) -> None:
    with Record.open(data, write=True) as record:
        record._db.execute("PRAGMA synchronous = OFF")
        for step in history():
            lay(record, step)


def compact(data: Path) -> None:
    with Record.open(data, write=True) as record:
        record._db.execute("PRAGMA synchronous = OFF")  # `tear` cuts the power: waiting for the disk adds nothing
        record.compact(parse_policy(POLICY), lossy=True)


def all_there_is(data: Path) -> list[Any]:
    """Where it ended: the log, its segments, its bookkeeping, and what was reported."""
    with Record.open(data) as record:
        assert verify(record, deep=True) == []
        segments = record._db.execute("SELECT category, first, last, events FROM segment_1 ORDER BY 1, 2").fetchall()
        kept = [sync.id for sync in record.archive.syncs()], [entry.id for entry in record.log.entries()]
        gone = record._db.execute("SELECT answer, compaction, bytes FROM dropped ORDER BY 1, 2").fetchall()
        assert gone
        horizon = record.evidence_since()
        reports = [each.report for each in record.compactions()]
        return [list(record.log.events()), segments, kept, gone, horizon, reports]


def instants() -> Iterator[int]:
    last = history()[-1].at
    return (last - KEPT_WHOLE + n * HOUR // 2 for n in range(2 * KEPT_WHOLE // HOUR + 1))


def newest(data: Path) -> list[Any]:
    """What stands at every instant that all tiers keep whole (R1)."""
    with Record.open(data) as record:
        return [documents(record, category, from_ms(at)) for category in CATEGORIES for at in instants()]


def bucket_ends(data: Path) -> list[Any]:
    """What stands at the end of each day that is kept (R2)."""
    days = range(START // (24 * HOUR) + 1, history()[-1].at // (24 * HOUR) + 1)
    with Record.open(data) as record:
        return [documents(record, "thing", from_ms(day * 24 * HOUR - 1)) for day in days]


def tear(data: Path, dice: random.Random) -> None:
    """Lose, or garble, what the write-ahead log holds behind its last commit: that was not on the disk for sure."""
    wal = data / "record.db-wal"
    if not wal.exists() or wal.stat().st_size <= _WAL_HEADER:
        return
    held = wal.read_bytes()
    page = int.from_bytes(held[8:12], "big")
    frames = range(_WAL_HEADER, len(held) - _FRAME_HEADER - page + 1, _FRAME_HEADER + page)
    salt = held[16:24]
    commits = [at for at in frames if any(held[at + 4 : at + 8]) and held[at + 8 : at + 16] == salt]
    safe = commits[-1] + _FRAME_HEADER + page if commits else _WAL_HEADER
    end = dice.randint(safe, len(held))
    garbage = dice.randbytes(len(held) - end) if dice.random() < 1 / 2 else b""
    wal.write_bytes(held[:end] + garbage)


def main(folder: Path, step: int) -> int:
    sealing.SEGMENT_EVENTS = sealing.THINNED_EVENTS = 16  # type: ignore[misc]
    sealing.EVENTS_EACH = 1  # type: ignore[misc]
    drafting.BLOCK_BYTES = 200  # type: ignore[misc]
    dropping.TOGETHER = 5  # type: ignore[misc]
    answers.FULL_COPY_EVERY = 4  # type: ignore[misc]
    prepare(folder / "before")
    undisturbed, data = folder / "undisturbed", folder / "data"
    shutil.copytree(folder / "before", undisturbed)
    stood = newest(undisturbed), bucket_ends(undisturbed)
    compact(undisturbed)
    expected = all_there_is(undisturbed)
    assert expected[-1][-1].syncs > 0
    assert (newest(undisturbed), bucket_ends(undisturbed)) == stood
    dice = random.Random(step)
    deaths = 0
    while True:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(folder / "before", data)
        if not dies(partial(compact, data), 1 + deaths * step):
            return deaths
        deaths += 1
        tear(data, dice)
        with Record.open(data) as record:
            assert verify(record, deep=True) == [], deaths
        assert (newest(data), bucket_ends(data)) == stood, deaths
        compact(data)
        assert all_there_is(data) == expected, f"killed at write {1 + (deaths - 1) * step}"


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2])))  # noqa: T201
