"""All checks, in order."""

from __future__ import annotations

import sqlite3

from eventstore import generations
from eventstore.errors import Damaged
from eventstore.progress import Progress
from eventstore.verification import answers, chained, folded, journal
from eventstore.verification.finding import Finding


def run(db: sqlite3.Connection, *, deep: bool, root: str | None, progress: Progress) -> list[Finding]:
    """See `verify`; `db` reads texts leniently."""
    findings = [
        Finding("file", None, f"SQLite says: {row[0]}")
        for row in db.execute("PRAGMA integrity_check(20)")
        if row[0] != "ok"
    ]
    findings += journal.check(db, progress)
    findings += chained.check(db, progress)
    if root is not None:
        findings += chained.check_root(db, root)
    try:
        generation = generations.current(db)
    except Damaged as error:
        return [*findings, Finding("generation", None, str(error))]
    findings += chained.check_strays(db, generation)
    if deep:
        findings += answers.check(db, progress)
        findings += folded.check(db, generation, progress)
    return findings
