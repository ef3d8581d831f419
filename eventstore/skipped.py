"""Runs of entries that the chain skips: compaction dropped their syncs, for bookkeeping is bounded too (R8)."""

from __future__ import annotations

import sqlite3

import msgspec


class Skipped(msgspec.Struct, frozen=True):
    """Entries `first` to `last` of the chain, which went. `seq`, `observed_at` and `root` are the last one's.

    No event is left of those that they brought. `compaction` is the last that made the run longer.
    """

    first: int
    last: int
    generation: int
    seq: int
    observed_at: int
    root: bytes
    compaction: int


def find_skipped(db: sqlite3.Connection, where: str, *values: int) -> Skipped | None:
    """The newest run for which a condition holds."""
    row = db.execute(
        "SELECT first, last, generation, seq, observed_at, root, compaction FROM skipped "
        f"WHERE {where} ORDER BY first DESC LIMIT 1",
        values,
    ).fetchone()
    return None if row is None else Skipped(*row)


def among_skipped(db: sqlite3.Connection) -> str:
    """What else is to be said of a sync that is not there: it may have gone. Empty where none has."""
    went = db.execute("SELECT coalesce(sum(last - first + 1), 0) FROM skipped").fetchone()[0]
    return f", or it went with the {went} syncs that compaction dropped" if went else ""
