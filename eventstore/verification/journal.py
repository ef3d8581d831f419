"""The archive's rows: each closed sync against its digest, and nothing that belongs to no sync."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator

from eventstore import chain
from eventstore.progress import Progress
from eventstore.verification.finding import Finding, digest_or_none


def check(db: sqlite3.Connection, progress: Progress) -> Iterator[Finding]:
    """Check every sync's row, rules and attempts."""
    syncs = db.execute("SELECT id, at, digest FROM sync ORDER BY id").fetchall()
    progress.start(len(syncs), "syncs")
    for sync, at, stored in syncs:
        if (at is None) != (stored is None):
            yield Finding("sync", sync, f"sync {sync} is neither open nor closed")
        elif at is not None and digest_or_none(chain.sync_lines(db, sync)) != stored:
            yield Finding("sync", sync, f"what is archived of sync {sync} is not what was archived")
        progress.advance()
    yield from _rules(db)
    yield from _strays(db)


def _rules(db: sqlite3.Connection) -> Iterator[Finding]:
    for number, stored, text in db.execute("SELECT id, hash, CAST(text AS BLOB) FROM rules").fetchall():
        if hashlib.sha256(text).digest() != stored:
            first = db.execute("SELECT min(sync) FROM sync_rules WHERE rules = ?", (number,)).fetchone()[0]
            yield Finding("rules", first, f"the text of rules {number} does not match its hash")


def _strays(db: sqlite3.Connection) -> Iterator[Finding]:
    for table in ("sync_rules", "attempt"):
        rows = db.execute(f"SELECT DISTINCT sync FROM {table} WHERE sync NOT IN (SELECT id FROM sync) ORDER BY sync")
        for (sync,) in rows.fetchall():
            yield Finding(table, sync, f"rows of sync {sync}, which is not there")
