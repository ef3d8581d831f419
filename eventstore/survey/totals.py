"""How much is recorded, counted."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from eventstore.model import from_ms
from eventstore.positions import find_position


class Totals(msgspec.Struct, frozen=True):
    """What a record holds, counted.

    `first` and `last` are the times of the first and the last recorded sync, None before any; `seq` is the last event's
    number. Of the syncs, `recorded` ones are in the log, `archived` ones are closed and not in it (until it is
    rebuilt), `open` ones are running or were killed. `answers` are different contents; `issues` are this generation's.
    """

    generation: int
    seq: int
    first: datetime | None
    last: datetime | None
    recorded: int
    archived: int
    open: int
    answers: int
    issues: int


def totals(db: sqlite3.Connection, generation: int) -> Totals:
    """Count what a generation of the log and the archive hold. See `Record.totals`."""
    position = find_position(db, generation, None)
    recorded, first = db.execute(
        "SELECT count(*), min(observed_at) FROM entry WHERE generation = ? AND kind = 'sync'", (generation,)
    ).fetchone()
    syncs, unfinished = db.execute(
        "SELECT (SELECT count(*) FROM sync), (SELECT count(*) FROM sync WHERE at IS NULL)"
    ).fetchone()
    answers, issues = db.execute(
        f"SELECT (SELECT count(*) FROM answer), (SELECT count(*) FROM issue_{generation})"
    ).fetchone()
    return Totals(
        generation,
        position.seq,
        None if first is None else from_ms(first),
        position.observed_at,
        recorded,
        syncs - unfinished - recorded,  # only what is closed is ever recorded
        unfinished,
        answers,
        issues,
    )
