"""Runs of entries that the chain skips: compaction dropped their syncs, for bookkeeping is bounded too (R8)."""

from __future__ import annotations

import sqlite3

import msgspec


class Skipped(msgspec.Struct, frozen=True):
    """Entries `first` to `last` of the chain, which went. `seq` and `root` are the last one's.

    No event is left of those that they brought. `until` is the end of the last one's bucket (milliseconds): from then
    on all that anything follows from is there. `compaction` is the last that made the run longer.
    """

    first: int
    last: int
    generation: int
    seq: int
    until: int
    root: bytes
    compaction: int


def find_skipped(db: sqlite3.Connection, where: str, *values: int) -> Skipped | None:
    """The newest run for which a condition holds."""
    row = db.execute(
        "SELECT first, last, generation, seq, until, root, compaction FROM skipped "
        f"WHERE {where} ORDER BY first DESC LIMIT 1",
        values,
    ).fetchone()
    return None if row is None else Skipped(*row)


def skipped_runs(db: sqlite3.Connection, generation: int, *, until: int | None = None) -> list[Skipped]:
    """The runs of a generation, in order: all, or those that begin by an entry."""
    rows = db.execute(
        "SELECT first, last, generation, seq, until, root, compaction FROM skipped "
        "WHERE generation = ? AND first <= ? ORDER BY first",
        (generation, (1 << 63) - 1 if until is None else until),
    )
    return [Skipped(*row) for row in rows]


def next_entry(db: sqlite3.Connection) -> int:
    """The number of the next entry of the chain."""
    query = "SELECT max(coalesce((SELECT max(id) FROM entry), 0), coalesce((SELECT max(last) FROM skipped), 0)) + 1"
    return int(db.execute(query).fetchone()[0])


def among_skipped(db: sqlite3.Connection) -> str:
    """What else is to be said of a sync that is not there: it may have gone. Empty where none has."""
    went = db.execute("SELECT EXISTS (SELECT 1 FROM skipped)").fetchone()[0]
    return ", or compaction dropped it with others of its bucket" if went else ""
