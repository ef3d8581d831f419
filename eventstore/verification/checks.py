"""All checks, in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from eventstore import generations
from eventstore.errors import Damaged
from eventstore.progress import Progress
from eventstore.verification import answers, chained, dropped, folded, journal
from eventstore.verification.finding import Finding


def run(db: sqlite3.Connection, *, deep: bool, root: str | None, progress: Progress) -> Iterator[Finding]:
    """See `verify`; `db` reads texts leniently."""
    for (said,) in db.execute("PRAGMA integrity_check(20)").fetchall():
        if said != "ok":
            yield Finding("file", None, f"SQLite says: {said}")
    yield from journal.check(db, progress)
    yield from chained.check(db, progress)
    if root is not None:
        yield from chained.check_root(db, root)
    try:
        generation = generations.current(db)
    except Damaged as error:
        yield Finding("generation", None, str(error))
        return
    yield from chained.check_strays(db, generation)
    yield from dropped.check(db)
    if deep:
        yield from answers.check(db, progress)
        yield from folded.check(db, generation, progress)
