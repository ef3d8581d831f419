"""Compaction: what a retention policy says, carried out so that it may be killed anywhere, and done twice.

`compact` seals (events of old move from rows into segments) and thins (of the changes in a bucket only what they came
to is left). It begins with a compaction point and ends with a receipt, both entries of the chain, kept for good.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from eventstore.compacted import Compacted, Compaction, Report, ThinnedRange
from eventstore.compaction.answers import Packing
from eventstore.compaction.carrying import Point, Work
from eventstore.compaction.summing import days_due, sum_up
from eventstore.model import from_ms, to_ms
from eventstore.names import NumberedCategory
from eventstore.positions import find_position
from eventstore.progress import Progress
from eventstore.retention import Plan, Policy, plan

__all__ = [
    "Packing",
    "Work",
    "compact",
    "compactions",
    "days_due",
    "end_begun",
    "lossy_before",
    "planned",
    "repeated",
    "sum_up",
    "syncs_dropped_since",
    "thinned_since",
    "vacuum",
    "without_loss",
]

VACUUMED_TOGETHER: Final = 4096  # pages moved in one transaction: what others wait for


def planned(db: sqlite3.Connection, generation: int, policy: Policy, keep_from: int | None = None) -> Plan | None:
    """What a policy says of the log as it stands, None before the first sync. Raises `BeyondHead` for `keep_from`."""
    head = find_position(db, generation, None)
    if head.observed_at is None:
        return None
    rows = db.execute(f"SELECT source, name, id, resource FROM category_{generation} ORDER BY id").fetchall()
    held = None if keep_from is None else find_position(db, generation, keep_from)
    return plan(
        policy,
        [NumberedCategory(*row) for row in rows],
        head=(head.seq, to_ms(head.observed_at)),
        seq_at=lambda ms: find_position(db, generation, from_ms(ms)).seq,
        keep_from=None if held is None or held.observed_at is None else (held.seq, to_ms(held.observed_at)),
    )


def compact(work: Work, packing: Packing, wanted: Plan, progress: Progress, *, receipted: bool = False) -> Compacted:
    """Carry out what was begun and not ended, then what is wanted; the same again changes nothing.

    There is a receipt where anything was done, or always (`receipted`). Answers are packed first: which bytes others
    need, and so cannot go, follows from how they are packed.
    """
    answers = sum(_packed(packing, wanted.answers_until, progress))
    left = end_begun(work, progress)
    reports = [] if left is None else [left]
    if receipted or not work.idle(wanted):
        number = work.begin(wanted)
        work.carry_out(number, wanted, progress)
        reports.append(work.end(number, wanted))
    return Compacted(tuple(reports), answers)


def end_begun(work: Work, progress: Progress) -> Report | None:
    """Carry out what was begun and not ended, by the plan that it was begun with; None where nothing was."""
    begun = work.open()
    if begun is None:
        return None
    number, left = begun
    work.carry_out(number, left, progress, resumed=True)
    return work.end(number, left)


def _packed(packing: Packing, until: int, progress: Progress) -> Iterator[int]:
    progress.start(len(packing.waiting(until)), "answers")
    for went in packing.steps(until):
        progress.advance(went)
        yield went


def repeated(db: sqlite3.Connection, before: int, generation: int) -> list[Plan]:
    """The plans by which a generation was compacted, for the one that is to take its place, the oldest first.

    Of those under one policy in a row only the last: it does all that the others did.
    """
    rows = db.execute(
        "SELECT plan FROM compaction WHERE generation = ? AND receipt IS NOT NULL ORDER BY id", (before,)
    ).fetchall()
    plans = [msgspec.json.decode(row[0], type=Point).plan for row in rows]
    last = [list(each)[-1] for _, each in itertools.groupby(plans, key=lambda plan: (plan.policy, _loses(plan)))]
    return [_translated(db, before, generation, each) for each in last]


def _translated(db: sqlite3.Connection, before: int, generation: int, last: Plan) -> Plan:
    """A plan for another generation: numbers may be others there, so what was to be sealed is told by time."""
    there = set(db.execute(f"SELECT source, name FROM category_{generation}").fetchall())
    categories = []
    for each in last.categories:
        sealed_until = find_position(db, before, each.until).observed_at
        until = 0 if sealed_until is None else find_position(db, generation, sealed_until).seq
        if (each.source, each.name) in there:
            categories.append(msgspec.structs.replace(each, until=until, resource=""))  # syncs went for both
    head = find_position(db, generation, from_ms(last.now)).seq
    return msgspec.structs.replace(
        last, head=head, keep_from=None, answers_until=0, archive_until=None, categories=tuple(categories)
    )


def without_loss(wanted: Plan) -> Plan:
    """The same plan, but that nothing is thinned or dropped."""
    kept = tuple(msgspec.structs.replace(each, zones=()) for each in wanted.categories)
    return msgspec.structs.replace(wanted, categories=kept, archive_until=None)


def compactions(db: sqlite3.Connection) -> list[Compaction]:
    """All compactions that were ever begun, the oldest first."""
    rows = db.execute("SELECT id, generation, plan, receipt, report FROM compaction ORDER BY id").fetchall()
    return [
        Compaction(
            number,
            generation,
            msgspec.json.decode(text, type=Point).plan,
            None if receipt is None else msgspec.json.decode(report, type=Report),
        )
        for number, generation, text, receipt, report in rows
    ]


def lossy_before(db: sqlite3.Connection) -> bool:
    """Whether anything was ever thinned or dropped in this record: then somebody has said yes to that."""
    return any(_loses(each.plan) for each in compactions(db))


def _loses(plan: Plan) -> bool:
    return plan.archive_until is not None or any(each.zones for each in plan.categories)


def thinned_since(db: sqlite3.Connection, generation: int, entry: int) -> list[ThinnedRange]:
    """What was thinned by compactions that have not ended by an entry of the chain, by category and number."""
    rows = db.execute(
        f"SELECT c.source || '.' || c.name, t.first, t.last FROM thinned_{generation} t "
        f"JOIN category_{generation} c ON c.id = t.category JOIN compaction p ON p.id = t.compaction "
        "WHERE p.receipt IS NULL OR p.receipt > ? ORDER BY 1, 2",
        (entry,),
    )
    return [ThinnedRange(*row) for row in rows]


def syncs_dropped_since(db: sqlite3.Connection, generation: int, entry: int) -> bool:
    """Whether compactions that have not ended by an entry of the chain dropped any sync."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM skipped k JOIN compaction p ON p.id = k.compaction "
        "WHERE k.generation = ? AND (p.receipt IS NULL OR p.receipt > ?))",
        (generation, entry),
    ).fetchone()
    return bool(row[0])


def vacuum(db: sqlite3.Connection) -> None:
    """Give the space of pages that nothing is in back to the disk.

    Where that is more than what is left, this is written anew: all pages are full then. Readers read on meanwhile.
    """
    free, pages = (int(db.execute(f"PRAGMA {what}").fetchone()[0]) for what in ("freelist_count", "page_count"))
    if free > pages - free:
        with contextlib.suppress(sqlite3.OperationalError):  # no room for it: page by page then
            db.execute("VACUUM")
    while int(db.execute("PRAGMA freelist_count").fetchone()[0]) > 0:
        db.executescript(f"PRAGMA incremental_vacuum({VACUUMED_TOGETHER})")  # `execute` would free one page each time
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
