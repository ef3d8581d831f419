"""Compaction: what a retention policy says, carried out so that it may be killed anywhere, and done twice.

`compact` seals (events of old move from rows into segments) and thins (of the changes in a bucket only what they came
to is left). It begins with a compaction point and ends with a receipt, both entries of the chain, kept for good.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from eventstore.compaction.answers import Packing
from eventstore.compaction.carrying import Held, Point, Report, Tally, Work
from eventstore.model import from_ms, to_ms
from eventstore.names import NumberedCategory
from eventstore.positions import find_position
from eventstore.progress import Progress
from eventstore.retention import Plan, Policy, plan

__all__ = [
    "Compacted",
    "Compaction",
    "Held",
    "Packing",
    "Report",
    "Tally",
    "Thinned",
    "Work",
    "compact",
    "compactions",
    "lossy_before",
    "planned",
    "thinned_since",
    "vacuum",
    "without_loss",
]

VACUUMED_TOGETHER: Final = 4096  # pages moved in one transaction: what others wait for


class Compacted(msgspec.Struct, frozen=True):
    """What compacting did: the reports of what it ended, the oldest first, and how many answers it packed.

    `withheld`: by the policy something would have been lost as well, and nobody has said yes to that.
    """

    reports: tuple[Report, ...]
    answers: int
    withheld: bool = False


class Compaction(msgspec.Struct, frozen=True):
    """A compaction that was begun: its plan, and its report where it has come to its end."""

    id: int
    generation: int
    plan: Plan
    report: Report | None


class Thinned(msgspec.Struct, frozen=True):
    """Of the events of a category (`SOURCE.CATEGORY`) from `first` to `last` less is left than there was."""

    category: str
    first: int
    last: int


def planned(db: sqlite3.Connection, generation: int, policy: Policy, keep_from: int | None = None) -> Plan | None:
    """What a policy says of the log as it stands, None before the first sync. Raises `BeyondHead` for `keep_from`."""
    head = find_position(db, generation, None)
    if head.observed_at is None:
        return None
    rows = db.execute(f"SELECT source, name, id FROM category_{generation} ORDER BY id").fetchall()
    held = None if keep_from is None else find_position(db, generation, keep_from)
    return plan(
        policy,
        [NumberedCategory(*row) for row in rows],
        head=(head.seq, to_ms(head.observed_at)),
        seq_at=lambda ms: find_position(db, generation, from_ms(ms)).seq,
        keep_from=None if held is None or held.observed_at is None else (held.seq, to_ms(held.observed_at)),
    )


def compact(work: Work, packing: Packing, wanted: Plan, progress: Progress) -> Compacted:
    """Carry out what was begun and not ended, then what is wanted; the same again changes nothing."""
    reports = []
    begun = work.open()
    if begun is not None:
        number, left = begun
        work.carry_out(number, left, progress)
        reports.append(work.end(number, left))
    if not work.idle(wanted):
        number = work.begin(wanted)
        work.carry_out(number, wanted, progress)
        reports.append(work.end(number, wanted))
    return Compacted(tuple(reports), sum(_packed(packing, wanted.answers_until, progress)))


def _packed(packing: Packing, until: int, progress: Progress) -> Iterator[int]:
    progress.start(len(packing.waiting(until)), "answers")
    for went in packing.steps(until):
        progress.advance(went)
        yield went


def without_loss(wanted: Plan) -> Plan:
    """The same plan, but that nothing is thinned."""
    kept = tuple(msgspec.structs.replace(each, zones=()) for each in wanted.categories)
    return msgspec.structs.replace(wanted, categories=kept)


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
    """Whether anything was ever thinned in this record: then somebody has said yes to that."""
    return any(category.zones for each in compactions(db) for category in each.plan.categories)


def thinned_since(db: sqlite3.Connection, generation: int, entry: int) -> list[Thinned]:
    """What was thinned by compactions that have not ended by an entry of the chain, by category and number."""
    rows = db.execute(
        f"SELECT c.source || '.' || c.name, t.first, t.last FROM thinned_{generation} t "
        f"JOIN category_{generation} c ON c.id = t.category JOIN compaction p ON p.id = t.compaction "
        "WHERE p.receipt IS NULL OR p.receipt > ? ORDER BY 1, 2",
        (entry,),
    )
    return [Thinned(*row) for row in rows]


def vacuum(db: sqlite3.Connection) -> None:
    """Give the space of pages that nothing is in back to the disk."""
    while int(db.execute("PRAGMA freelist_count").fetchone()[0]) > 0:
        db.executescript(f"PRAGMA incremental_vacuum({VACUUMED_TOGETHER})")  # `execute` would free one page each time
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
