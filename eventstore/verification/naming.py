"""Which sync an entry of the chain belongs to that no longer says so itself: it is altered, or gone."""

from __future__ import annotations

import sqlite3
from typing import Any

_UNCLAIMED = """
SELECT id, at FROM sync WHERE at IS NOT NULL
AND id NOT IN (SELECT sync FROM entry WHERE generation = ? AND kind = 'sync' AND sync IS NOT NULL)
"""
_SHOWN = """
SELECT a.sync FROM listing_{g} l JOIN attempt a ON a.id = l.attempt WHERE l.entry = ?
UNION SELECT a.sync FROM issue_{g} i JOIN attempt a ON a.id = i.attempt WHERE i.entry = ?
"""


def of_altered(db: sqlite3.Connection, generation: int, entry: int, observed_at: Any) -> set[int]:
    """Syncs that no entry names, but that this one has attempts of, or the time."""
    unclaimed = dict(db.execute(_UNCLAIMED, (generation,)).fetchall())
    return (_shown(db, generation, entry) & unclaimed.keys()) | {
        sync for sync, at in unclaimed.items() if at == observed_at
    }


def of_missing(db: sqlite3.Connection, generation: int, entry: int) -> set[int]:
    """Syncs that no entry names: those that the missing entry's rows lead to, all where none does."""
    unclaimed = {row[0] for row in db.execute(_UNCLAIMED, (generation,))}
    return (_shown(db, generation, entry) & unclaimed) or unclaimed


def _shown(db: sqlite3.Connection, generation: int, entry: int) -> set[int]:
    return {row[0] for row in db.execute(_SHOWN.format(g=generation), (entry, entry))}
