"""What came of asking: which scopes nothing complete was heard of lately, and until when slices are known."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Final

from eventstore.attempts import Attempts, Block
from eventstore.confirmation import PAGE_BITS, unmasked
from eventstore.schema import RESOURCE

MOST: Final = 6  # syncs looked back on: whoever waits longer with each failure waits no longer after so many

_SYNCS: Final = f"""
SELECT s.id, n.id FROM sync_rules y CROSS JOIN sync s ON s.id = y.sync AND s.cause = 'sync' AND s.at IS NOT NULL
LEFT JOIN entry n ON n.sync = s.id AND n.generation = ? AND n.kind = 'sync'
WHERE y.resource = {RESOURCE} ORDER BY y.sync DESC LIMIT ?
"""
# by the sync that asked: what was read again under new rules was not asked again
_COMPLETE: Final = """
SELECT s.params, s.id, max(l.entry), (SELECT id FROM sync WHERE first <= l.attempt ORDER BY first DESC LIMIT 1)
FROM scope s JOIN listing_{g} l ON l.scope = s.id AND l.complete = 1
WHERE s.source = ? AND s.resource = ? GROUP BY s.id
"""
_REPEATED: Final = """
SELECT r.page, r.mask, n.sync FROM repeat_{g} r JOIN entry n ON n.id = r.entry WHERE r.page BETWEEN ? AND ?
"""


def last_syncs(db: sqlite3.Connection, generation: int, resource: str, limit: int) -> list[tuple[int, int | None]]:
    """The newest closed syncs that asked for a resource, the newest first, with their entries (None: not recorded)."""
    return db.execute(_SYNCS, (generation, resource, limit)).fetchall()


def unheard(db: sqlite3.Connection, generation: int, attempts: Attempts, resource: str) -> dict[int, int]:
    """Of each scope whose last asking brought no complete listing: how often in a row, six at most."""
    counts: Counter[int] = Counter()
    heard: set[int] = set()
    source, _, name = resource.partition(".")
    ours = {row[0] for row in db.execute("SELECT id FROM scope WHERE source = ? AND resource = ?", (source, name))}
    for sync, entry in last_syncs(db, generation, resource, MOST):
        block = attempts.block(sync)
        complete = _answered(block) if entry is None else complete_in(db, generation, entry)
        for scope in (block.scopes.keys() & ours) - heard:
            if scope in complete:
                heard.add(scope)
            else:
                counts[scope] += 1
    return dict(counts)


def complete_in(db: sqlite3.Connection, generation: int, entry: int) -> frozenset[int]:
    """The scopes that were listed completely in an entry."""
    listed = f"SELECT scope FROM listing_{generation} WHERE entry = ? AND complete = 1"
    repeats = db.execute(f"SELECT page, mask FROM repeat_{generation} WHERE entry = ?", (entry,))
    scopes = frozenset(row[0] for row in db.execute(listed, (entry,)))
    return scopes.union(*(unmasked(page, mask) for page, mask in repeats))


def complete_asks(db: sqlite3.Connection, generation: int, attempts: Attempts, resource: str) -> dict[str, int]:
    """When the sync was opened that last brought a complete listing of each scope, by its params as they are stored."""
    source, _, name = resource.partition(".")
    rows = db.execute(_COMPLETE.format(g=generation), (source, name)).fetchall()
    found: dict[str, int] = {params: sync for params, _, _, sync in rows}
    names = {scope: params for params, scope, _, _ in rows}
    pages = min(names, default=0) >> PAGE_BITS, max(names, default=-1) >> PAGE_BITS
    for page, mask, sync in db.execute(_REPEATED.format(g=generation), pages):
        for scope in unmasked(page, mask):
            if scope in names:
                found[names[scope]] = max(sync, found[names[scope]])
    opened = {sync: _opened_at(db, attempts, sync) for sync in set(found.values())}
    return {params: opened[sync] for params, sync in found.items()}


def _opened_at(db: sqlite3.Connection, attempts: Attempts, sync: int) -> int:
    opened_at: int = db.execute("SELECT opened_at FROM sync WHERE id = ?", (sync,)).fetchone()[0]
    return opened_at + attempts.shift(sync)


def _answered(block: Block) -> set[int]:
    # not recorded, for the clock was in doubt: that is no fault of what answered
    return {row.scope for row in block.rows if row.error is None}
