"""The archive's rows: each closed sync against its digest, and nothing that belongs to no sync."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator

from eventstore import chain
from eventstore.attempts import Attempts, Block
from eventstore.progress import Progress
from eventstore.verification.brought import Unclaimed
from eventstore.verification.finding import Finding, digest_or_none


def check(db: sqlite3.Connection, progress: Progress) -> Iterator[Finding]:
    """Check every sync's row, rules and attempts."""
    syncs = db.execute("SELECT id, at, digest FROM sync ORDER BY id").fetchall()
    progress.start(len(syncs), "syncs")
    attempts = Attempts(db)
    derived = _Derived()
    unclaimed = Unclaimed(db, attempts)
    for sync, at, stored in syncs:
        if (at is None) != (stored is None):
            unclaimed.leave(sync)
            yield Finding("sync", sync, f"sync {sync} is neither open nor closed")
        elif at is not None and digest_or_none(chain.sync_lines(db, sync, attempts)) != stored:
            unclaimed.leave(sync)
            yield Finding("sync", sync, f"what is archived of sync {sync} is not what was archived")
        elif at is not None:
            derived.take(sync, attempts.block(sync))
            unclaimed.take(attempts.block(sync))
        progress.advance()
    yield from _rules(db)
    yield from derived.check(db)
    yield from unclaimed.check()
    yield from _strays(db)


class _Derived:
    """What follows from all attempts: when each scope was asked last."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[int, int]] = {}

    def take(self, sync: int, block: Block) -> None:
        for row in block.rows:
            self._asked[row.scope] = (sync, row.id)

    def check(self, db: sqlite3.Connection) -> Iterator[Finding]:
        asked = {
            scope: (sync, attempt) for scope, sync, attempt in db.execute("SELECT scope, sync, attempt FROM asked")
        }
        for scope in sorted(asked.keys() | self._asked.keys()):
            if asked.get(scope) != self._asked.get(scope):
                sync = (self._asked.get(scope) or asked[scope])[0]
                yield Finding("asked", sync, f"when scope {scope} was last asked is not what its attempts say")


def _rules(db: sqlite3.Connection) -> Iterator[Finding]:
    for number, stored, text in db.execute("SELECT id, hash, CAST(text AS BLOB) FROM rules").fetchall():
        if hashlib.sha256(text).digest() != stored:
            first = db.execute("SELECT min(sync) FROM sync_rules WHERE rules = ?", (number,)).fetchone()[0]
            yield Finding("rules", first, f"the text of rules {number} does not match its hash")


def _strays(db: sqlite3.Connection) -> Iterator[Finding]:
    for table, where in (("sync_rules", ""), ("attempt", "WHERE at IS NULL")):
        known = f"SELECT id FROM sync {where}"
        rows = db.execute(f"SELECT DISTINCT sync FROM {table} WHERE sync NOT IN ({known}) ORDER BY sync")
        for (sync,) in rows.fetchall():
            yield Finding(table, sync, f"rows of sync {sync}, which is not there")
