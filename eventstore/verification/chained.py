"""The chain of roots (L9): every entry's digest, every root, and no row of the log that no entry commits to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from eventstore import chain, schema
from eventstore.progress import Progress
from eventstore.roots import Roots, stored_roots
from eventstore.segments import Window
from eventstore.skipped import among_skipped
from eventstore.verification import naming
from eventstore.verification.finding import Finding, digest_or_none

_ENTRIES = "SELECT id, generation, kind, sync, observed_at, seq, digest, root, again FROM entry ORDER BY id"


_FIRST_SYNCS = """
SELECT (SELECT sync FROM entry WHERE generation = ? AND kind = 'sync' AND seq >= s.first ORDER BY id LIMIT 1), s.first
FROM segment_{g} s ORDER BY s.first
"""


def check(db: sqlite3.Connection, progress: Progress) -> Iterator[Finding]:
    """Check every entry: its place, its root, and (but for superseded generations) all that it commits to."""
    states = dict(db.execute("SELECT id, state FROM generation").fetchall())
    current = max((number for number, state in states.items() if state == "current"), default=0)
    yield from _generations(states, current)
    entries = db.execute(_ENTRIES).fetchall()
    progress.start(len(entries), "roots")
    before = _Before(stored_roots(db))
    skipped = {first: (last, root) for first, last, root in db.execute("SELECT first, last, root FROM skipped")}
    expected = 1
    for row in entries:
        while expected in skipped and row[0] != expected:
            last, before.root = skipped[expected]
            expected = last + 1
        if row[0] != expected:
            there = len(entries) + sum(last - first + 1 for first, (last, _) in skipped.items())
            yield from _gap(db, current, expected, there, entries)
            return
        yield from before.check(db, row, current)
        expected += 1
        progress.advance()


def _gap(
    db: sqlite3.Connection, current: int, missing: int, there: int, entries: Sequence[tuple[Any, ...]]
) -> Iterator[Finding]:
    # one entry less than there were leaves the others' numbers as they are; any other number has been altered
    syncs = {row[3] for row in entries if not 0 < row[0] <= there + 1}
    syncs |= naming.of_missing(db, current, missing)
    for sync in sorted(syncs - {None}) or [None]:
        yield Finding("entry", sync, f"entry {missing} of the chain is missing")


class _Before:
    """What the entries so far leave for the next one: root, generation, last event and time."""

    def __init__(self, with_roots: AbstractSet[int]) -> None:
        self._with_roots = with_roots
        self._sealed: dict[int, Window] = {}  # by generation: one that is being built may have segments too
        self.root = chain.FIRST_ROOT
        self.generation = 1
        self.seq = 0
        self.observed_at: int | None = None

    def check(self, db: sqlite3.Connection, row: tuple[Any, ...], current: int) -> Iterator[Finding]:
        entry, generation, kind, sync, observed_at, seq, digest, root, again = row
        follows = chain.next_root(self.root, digest)
        if root not in (b"", follows):
            yield Finding("entry", sync, f"the root of entry {entry} does not follow from those before")
        elif not root and entry in self._with_roots:
            yield Finding("entry", sync, f"the root of entry {entry} is missing")
        yield from self._check_place(entry, generation, kind, sync)
        if kind == "sync" and generation >= current:
            yield from self._check_order(entry, sync, observed_at, seq)
        if not (kind == "sync" and generation < current) and self._digest(db, row) != (again or digest):
            yield Finding("entry", sync, f"what entry {entry} commits to ({_name(kind, sync)}) has been altered")
            if kind == "sync":
                for other in sorted(naming.of_altered(db, generation, entry, observed_at)):
                    yield Finding("entry", other, f"entry {entry}, which is altered, seems to be of this sync")
        self.root = root or follows
        if kind == "sync" and generation >= current:
            self.seq, self.observed_at = seq, observed_at

    def _check_place(self, entry: int, generation: int, kind: str, sync: int | None) -> Iterator[Finding]:
        if kind not in {"schema", "generation", "sync", "compaction", "receipt"}:
            yield Finding("entry", sync, f"entry {entry} is of no known kind")
        elif kind == "generation":
            self.generation = generation
            self.seq, self.observed_at = 0, None
        if generation != self.generation:
            yield Finding("entry", sync, f"entry {entry} stands in generation {generation}, not {self.generation}")

    def _check_order(self, entry: int, sync: int | None, observed_at: Any, seq: Any) -> Iterator[Finding]:
        if not isinstance(seq, int) or seq < self.seq:
            yield Finding("entry", sync, f"the events of entry {entry} end before they begin")
        if observed_at is None or (self.observed_at is not None and observed_at <= self.observed_at):
            yield Finding("entry", sync, f"entry {entry} is not later than the one before")

    def _digest(self, db: sqlite3.Connection, row: tuple[Any, ...]) -> bytes | None:
        entry, generation, kind, _, _, seq, *_ = row
        if kind == "schema":
            migrations = list(chain.schema_lines(db, seq))
            return digest_or_none(migrations) if len(migrations) == seq else None
        if kind == "generation":
            return digest_or_none(chain.generation_lines(db, generation)) if seq == 0 else None
        if kind == "compaction" and seq is None:
            return digest_or_none(chain.compaction_lines(db, entry))
        if kind == "receipt" and seq is None:
            return digest_or_none(chain.receipt_lines(db, entry))
        if kind == "sync" and isinstance(seq, int):
            return digest_or_none(self._entry_lines(db, generation, entry, seq))
        return None

    def _entry_lines(self, db: sqlite3.Connection, generation: int, entry: int, seq: int) -> Iterator[chain.Line]:
        window = self._sealed.setdefault(generation, Window(db, generation))
        sealed = window.between(self.seq, seq) if self.seq < seq else ()
        yield from chain.entry_lines(db, generation, entry, self.seq, seq, sealed)


def _name(kind: str, sync: int | None) -> str:
    return f"sync {sync}" if kind == "sync" else kind


def _generations(states: dict[int, str], current: int) -> Iterator[Finding]:
    for number, state in sorted(states.items()):
        right = {number < current: "superseded", number == current: "current", number > current: "building"}[True]
        if state != right:
            yield Finding("generation", None, f"generation {number} is marked {state}, it should be {right}")


def check_root(db: sqlite3.Connection, root: str) -> Iterator[Finding]:
    """Check that a root that was kept elsewhere is one of the chain's."""
    roots = Roots(db)
    known = {roots.of(row[0]).hex() for row in db.execute("SELECT id FROM entry ORDER BY id")}
    known |= {row[0].hex() for row in db.execute("SELECT root FROM skipped")}
    if root.strip().lower() not in known:
        went = among_skipped(db)
        said = f"the chain {'does not have' if went else 'never had'} the root {root}"
        yield Finding("root", None, f"{said}: this is another record, or it was altered{went}")


def check_strays(db: sqlite3.Connection, generation: int) -> Iterator[Finding]:
    """Find rows of the log that belong to no entry of its generation."""
    entries = f"SELECT id FROM entry WHERE generation = {int(generation)} AND kind = 'sync'"
    tables = ("category", "event", "listing", "repeat", "disturbed", "result", "sighting", "unconfirmed", "unread")
    for table in (*tables, "issue"):
        rows = db.execute(f"SELECT count(*) FROM {table}_{generation} WHERE entry NOT IN ({entries})")
        count = rows.fetchone()[0]
        if count:
            yield Finding(table, None, f"{count} rows of {table} belong to no entry of the log")
    yield from _events_without_gaps(db, generation)
    yield from _covered(db, generation)
    yield from _tables(db, generation)


def _covered(db: sqlite3.Connection, generation: int) -> Iterator[Finding]:
    """Compare all that is thinned with what the last receipt commits to, unless a compaction goes on."""
    row = db.execute(
        "SELECT receipt, covers FROM compaction WHERE generation = ? ORDER BY id DESC LIMIT 1", (generation,)
    ).fetchone()
    covers = None if row is None else row[1]
    thinned = list(chain.covered_lines(db, generation))
    if (row is None and thinned) or (row is not None and row[0] is not None and digest_or_none(thinned) != covers):
        yield Finding("thinned", None, "what is thinned is not what the last receipt says")
        # which of them it is cannot be told any more
        for sync, first in db.execute(_FIRST_SYNCS.format(g=generation), (generation,)).fetchall():
            yield Finding("segment", sync, f"the segment that begins at @{first} may be what is altered")
    strays = db.execute(
        "SELECT count(*) FROM compaction WHERE point NOT IN (SELECT id FROM entry WHERE kind = 'compaction') "
        "OR receipt IS NOT NULL AND receipt NOT IN (SELECT id FROM entry WHERE kind = 'receipt')"
    ).fetchone()[0]
    if strays:
        yield Finding("compaction", None, f"{strays} compactions belong to no entry of the chain")


def _events_without_gaps(db: sqlite3.Connection, generation: int) -> Iterator[Finding]:
    count, first, last = db.execute(
        "SELECT sum(events), min(first), max(last) FROM ("
        f"SELECT count(*) AS events, min(seq) AS first, max(seq) AS last FROM event_{generation} "
        f"UNION ALL SELECT events, first, last FROM segment_{generation} WHERE live = 1)"
    ).fetchone()
    head = db.execute(
        "SELECT coalesce(max(seq), 0) FROM entry WHERE generation = ? AND kind = 'sync'", (generation,)
    ).fetchone()[0]
    thinned = db.execute(f"SELECT max(last) FROM thinned_{generation}").fetchone()[0]
    if max(last or 0, thinned or 0) != head or (not thinned and (count or 0, first or 1) != (head, 1)):
        yield Finding("event", None, f"{count} events are numbered {first} to {last}; 1 to {head} were recorded")


def _tables(db: sqlite3.Connection, generation: int) -> Iterator[Finding]:
    there = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in schema.LOG_TABLES:
        if f"{table}_{generation}" not in there:
            yield Finding(table, None, f"table {table}_{generation} is missing")
