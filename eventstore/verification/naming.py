"""Which sync an entry of the chain belongs to that no longer says so itself: it is altered, or gone."""

from __future__ import annotations

import sqlite3
from typing import Any

_UNCLAIMED = """
SELECT id, at FROM sync WHERE at IS NOT NULL
AND id NOT IN (SELECT sync FROM entry WHERE generation = ? AND kind = 'sync' AND sync IS NOT NULL)
"""
_SHOWN = """
SELECT attempt FROM listing_{g} WHERE entry = ? UNION SELECT attempt FROM issue_{g} WHERE entry = ?
"""
_SYNC_OF = "SELECT id FROM sync WHERE first <= ? ORDER BY first DESC LIMIT 1"


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
    attempts = db.execute(_SHOWN.format(g=generation), (entry, entry)).fetchall()
    rows = (db.execute(_SYNC_OF, attempt).fetchone() for attempt in attempts)
    return {row[0] for row in rows if row is not None}
