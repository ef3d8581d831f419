"""Generations of the log: each a set of tables, one of them current; all are entries of the same chain (L9)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from eventstore import chain, roots, schema
from eventstore.canonical import canonical
from eventstore.errors import Damaged
from eventstore.model import to_ms
from eventstore.skipped import next_entry

# of a superseded generation only the roots are kept: there is nothing left that could prove the rest
_FORGOTTEN: Final = ", ".join(
    f"{column} = NULL"
    for column in ("sync", "observed_at", "seq", "status", "appeared", "changed", "disappeared", "unchanged", "again")
)


def current(db: sqlite3.Connection) -> int:
    """The number of the generation that readers see. Raises `Damaged` when the pointer is lost."""
    rows = db.execute("SELECT id FROM generation WHERE state = 'current'").fetchall()
    if len(rows) != 1:
        raise Damaged(f"{len(rows)} generations of the log are marked as current, where one must be")
    return int(rows[0][0])


def is_there(db: sqlite3.Connection, number: int) -> bool:
    """Whether a generation has its tables still."""
    query = "SELECT count(*) FROM generation WHERE id = ? AND state <> 'superseded'"
    return bool(db.execute(query, (number,)).fetchone()[0])


def begin(
    db: sqlite3.Connection, rules: Mapping[str, str], *, made_at: datetime, copied: datetime | None = None
) -> int:
    """Make the tables of the next generation, which nobody sees yet; what an earlier attempt left is cleared away.

    `copied`: up to that instant it will say what the current one says.
    """
    discard_unfinished(db)
    number = int(db.execute("SELECT max(id) + 1 FROM generation").fetchone()[0])
    for statement in schema.statements(schema.log_tables(number)):
        db.execute(statement)
    syncs = int(db.execute("SELECT coalesce(max(id), 0) FROM sync").fetchone()[0])
    db.execute(
        "INSERT INTO generation (id, state, made_at, syncs, rules, origin, copied) "
        "VALUES (?, 'building', ?, ?, ?, ?, ?)",
        (
            number,
            to_ms(made_at),
            syncs,
            canonical(dict(rules)).decode(),
            None if copied is None else current(db),
            None if copied is None else to_ms(copied),
        ),
    )
    commit(db, "generation", number, 0, chain.digest(chain.generation_lines(db, number)))
    return number


def adopt(db: sqlite3.Connection, number: int) -> None:
    """Make a finished generation the current one, and drop the tables of the one before."""
    previous = current(db)
    roots.store(db, "generation = ?", previous)
    db.execute("UPDATE generation SET state = 'superseded' WHERE id = ?", (previous,))
    db.execute(f"UPDATE entry SET {_FORGOTTEN} WHERE generation = ? AND kind = 'sync'", (previous,))
    db.execute("UPDATE generation SET state = 'current' WHERE id = ?", (number,))
    db.execute("DROP VIEW events")
    db.execute(schema.events_view(number))
    _drop(db, previous)


def discard_unfinished(db: sqlite3.Connection) -> None:
    """Remove a generation whose building was interrupted."""
    for (number,) in db.execute("SELECT id FROM generation WHERE state = 'building'").fetchall():
        _drop(db, number)
        db.execute("DELETE FROM entry WHERE generation = ?", (number,))
        db.execute("DELETE FROM skipped WHERE generation = ?", (number,))
        db.execute("DELETE FROM compaction WHERE generation = ?", (number,))
        db.execute("DELETE FROM generation WHERE id = ?", (number,))


def note_schema(db: sqlite3.Connection) -> None:
    """Commit the migrations that ran, and the first generation, to the chain."""
    migrations = db.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()[0]
    noted = db.execute("SELECT coalesce(max(seq), 0) FROM entry WHERE kind = 'schema'").fetchone()[0]
    number = current(db)
    if noted < migrations:
        commit(db, "schema", number, migrations, chain.digest(chain.schema_lines(db, migrations)))
    if not noted:
        commit(db, "generation", number, 0, chain.digest(chain.generation_lines(db, number)))


def commit(db: sqlite3.Connection, kind: str, generation: int, seq: int | None, digest: bytes) -> int:
    """Add an entry to the chain that is no sync's; return its number. Needs a transaction."""
    entry = next_entry(db)
    db.execute(
        "INSERT INTO entry (id, generation, kind, seq, digest, root) VALUES (?, ?, ?, ?, x'', x'')",
        (entry, generation, kind, seq),
    )
    roots.seal(db, entry, digest)
    return entry


def _drop(db: sqlite3.Connection, generation: int) -> None:
    for table in schema.LOG_TABLES:
        db.execute(f"DROP TABLE IF EXISTS {table}_{generation}")
