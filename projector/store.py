"""`views.db`: the tables of all views, up to where in the log each was brought, and what did not fit.

A view is served from the table of its name; what is being rebuilt fills `_next_NAME` beside it, and takes its place in
one transaction. Rows and the place in the log move together. Everything in the file follows from the record.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from eventstore import Cursor, WriterLock, from_ms, to_ms, transaction
from projector import comparison, files, issues
from projector.columns import Stored
from projector.comparison import Compared
from projector.derivation import PARENT, Key, Row, Writes
from projector.inferred import Names
from projector.issues import Issue
from projector.projection import KEPT, Projection
from projector.tables import NEXT, Rows, Target, quoted

FILE: Final = "views.db"
LOCK: Final = "views.lock"
APPLICATION_ID: Final = 0x6F726C76  # "orlv"
VERSION: Final = 1  # PRAGMA user_version; a file of another version is made anew

_SCHEMA: Final = """
CREATE TABLE _view (
    name TEXT NOT NULL,
    building INTEGER NOT NULL, -- 1: it is not served yet
    version INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    shape TEXT NOT NULL,
    generation INTEGER NOT NULL, -- of the view: how often it was made
    log_generation INTEGER NOT NULL,
    chain INTEGER NOT NULL, -- the chain's last entry when its building began: what later ones thinned is in the rows
    entry INTEGER NOT NULL, -- of the chain: up to it the log is in the rows
    seq INTEGER NOT NULL,
    root TEXT, -- of that entry
    observed_at INTEGER, -- of that entry, ms since 1970
    PRIMARY KEY (name, building)
) STRICT, WITHOUT ROWID;
CREATE TABLE _column ( -- where columns follow from documents
    view TEXT NOT NULL,
    building INTEGER NOT NULL,
    position INTEGER NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (view, building, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE _issue (
    view TEXT NOT NULL,
    building INTEGER NOT NULL,
    source TEXT NOT NULL,
    category TEXT NOT NULL,
    key TEXT NOT NULL,
    path TEXT NOT NULL,
    message TEXT NOT NULL,
    count INTEGER NOT NULL,
    seq INTEGER NOT NULL, -- of the last event after which it was so, as the rest
    sync INTEGER NOT NULL,
    observed_at INTEGER NOT NULL,
    payload TEXT NOT NULL, -- SHA-256 of the document
    PRIMARY KEY (view, building, source, category, key, path, message)
) STRICT, WITHOUT ROWID;
"""


class Standing(msgspec.Struct, frozen=True):
    """How far a view has been brought, and what it was made by."""

    name: str
    building: bool
    version: int
    fingerprint: str
    shape: str
    generation: int
    chain: int
    cursor: Cursor
    root: str | None
    observed_at: datetime | None


class Store:
    """An open `views.db`. A context manager; `open` is the way in. Writing needs `transaction()`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: WriterLock | None) -> None:
        self.path = path
        self._db = connection
        self._lock = lock
        self._rows = Rows(connection)

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> Store:
        """Open the file; for writing, make it where it is missing.

        Raises `NoViews`, `ViewsBusy`, `ViewsUnusable`, `ViewsFull`.
        """
        lock = files.lock(path.with_name(LOCK)) if write else None
        try:
            connection = files.connect(path, write=write, application_id=APPLICATION_ID, version=VERSION)
            store = cls(path, connection, lock)
            if write:
                store._make()
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return store

    def _make(self) -> None:
        """Make what a new file holds; what one of another version held goes."""
        with files.explained(self.path):
            if self._pragma("user_version") == VERSION:
                return
            with self.transaction():
                files.clear(self._db)
                for statement in _SCHEMA.split(";\n"):
                    if statement.strip():
                        self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version = {VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is there at once, or not at all. Raises `ViewsFull`, `ViewsUnusable`."""
        with files.explained(self.path), transaction(self._db, write=True):
            yield

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """All that is read inside is of one moment."""
        with files.explained(self.path), transaction(self._db, write=False):
            yield

    def close(self) -> None:
        """Close the file and let go of the lock."""
        self._db.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # -- views

    def reached(self, log_generation: int) -> int | None:
        """Up to which event of a generation of the log all its views have been brought; None where there are none."""
        with self.reading():
            row = self._db.execute("SELECT min(seq) FROM _view WHERE log_generation = ?", (log_generation,)).fetchone()
        return None if row[0] is None else int(row[0])

    def standings(self) -> dict[tuple[str, bool], Standing]:
        """How far each view has been brought, by name and whether it is being built."""
        with self.reading():
            rows = self._db.execute(
                "SELECT name, building, version, fingerprint, shape, generation, chain, log_generation, entry, seq, "
                "root, observed_at FROM _view ORDER BY name, building"
            ).fetchall()
        return {(row[0], bool(row[1])): _standing(row) for row in rows}

    def target(self, projection: Projection[Any], *, building: bool) -> Target:
        """The table of a view that is there."""
        names = None
        if projection.columns is None:
            names = _names(projection)
            rows = self._db.execute(
                "SELECT path, name FROM _column WHERE view = ? AND building = ? ORDER BY position",
                (projection.name, building),
            )
            for path, name in rows:
                names.put(path, name)
        return Target(projection, building, names)

    def begin(self, projection: Projection[Any], log_generation: int, chain: int) -> Target:
        """Note that a view is to be built, and `reset` is to make its table; what an earlier attempt left goes."""
        self.discard(projection.name, building=True)
        target = Target(projection, True, _names(projection) if projection.columns is None else None)  # noqa: FBT003
        served = self._db.execute("SELECT generation FROM _view WHERE name = ?", (projection.name,)).fetchone()
        self._db.execute(
            "INSERT INTO _view (name, building, version, fingerprint, shape, generation, log_generation, chain, "
            "entry, seq) VALUES (?, 1, ?, ?, ?, ?, ?, ?, 0, 0)",
            (
                projection.name,
                projection.version,
                projection.fingerprint,
                projection.shape.value,
                1 if served is None else served[0] + 1,
                log_generation,
                chain,
            ),
        )
        return target

    def adopt(self, projection: Projection[Any]) -> None:
        """Serve what was built in place of what was served; readers see the one or the other, whole."""
        name = projection.name
        target = Target(projection, True, None)  # noqa: FBT003
        generation = self._db.execute("SELECT generation FROM _view WHERE name = ? AND building", (name,)).fetchone()[0]
        for number, columns in enumerate(projection.indexes, 1):
            self._index(target.table, f"_index_{name}_{generation}_{number}", columns)
        self.discard(name, building=False)
        self._db.execute(f"ALTER TABLE {quoted(target.table)} RENAME TO {quoted(name)}")
        for table, column in (("_view", "name"), ("_column", "view"), ("_issue", "view")):
            self._db.execute(f"UPDATE {table} SET building = 0 WHERE {column} = ? AND building", (name,))
        self._rows.forget()

    def discard(self, name: str, *, building: bool) -> None:
        """Have a view's table, and all that is known of it, be gone."""
        table = f"{NEXT}{name}" if building else name
        self._db.execute(f"DROP TABLE IF EXISTS {quoted(table)}")
        for each, column in (("_view", "name"), ("_column", "view"), ("_issue", "view")):
            self._db.execute(f"DELETE FROM {each} WHERE {column} = ? AND building = ?", (name, building))
        self._rows.forget()

    def give_up(self, name: str) -> None:
        """Keep what did not fit as issues of the view that is served, if there is one; the rest of the build goes."""
        self._db.execute("DELETE FROM _issue WHERE view = ? AND NOT building", (name,))
        self._db.execute("UPDATE _issue SET building = 0 WHERE view = ?", (name,))
        self.discard(name, building=True)

    def _index(self, table: str, name: str, columns: Sequence[str]) -> None:
        from sqlite_utils import Database  # noqa: PLC0415  # it takes longer to import than most runs

        Database(self._db, execute_plugins=False).table(table).create_index(columns, index_name=name)

    def combine(self, combined: Mapping[str, str]) -> None:
        """Have these SQL views (name to SELECT), and no others."""
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'view'"
        there = dict(self._db.execute(query).fetchall())
        wanted = {name: f"CREATE VIEW {quoted(name)} AS {sql}" for name, sql in combined.items()}
        if there == wanted:
            return
        for name in there:
            self._db.execute(f"DROP VIEW {quoted(name)}")
        for statement in wanted.values():
            self._db.execute(statement)

    def reach(self, target: Target, cursor: Cursor, *, root: str | None, observed_at: datetime | None) -> None:
        """Note up to where in the log a view has been brought."""
        self._db.execute(
            "UPDATE _view SET log_generation = ?, entry = ?, seq = ?, root = ?, observed_at = ? "
            "WHERE name = ? AND building = ?",
            (
                cursor.generation,
                cursor.entry,
                cursor.seq,
                root,
                None if observed_at is None else to_ms(observed_at),
                target.projection.name,
                target.building,
            ),
        )

    def shrink(self) -> None:
        """Give pages that hold nothing any more back to the disk."""
        with files.explained(self.path):
            self._db.execute("PRAGMA incremental_vacuum").fetchall()

    def settle(self) -> None:
        """Have all be in the one file, without others beside it: it is to be moved."""
        with files.explained(self.path):
            self._db.execute("PRAGMA journal_mode = DELETE").fetchall()

    # -- rows

    def reset(self, target: Target) -> None:
        """Make a target's table, empty."""
        self._rows.create(target)

    def write(self, target: Target, writes: Writes) -> None:
        """Carry out writes, and note what did not fit."""
        self._add_columns(target)
        self._rows.write(target, writes)
        issues.note(self._db, target.projection.name, writes.misfits, building=target.building)

    def _add_columns(self, target: Target) -> None:
        """Have a column for each field that documents were seen to have."""
        query = "SELECT count(*) FROM _column WHERE view = ? AND building = ?"
        name = target.projection.name
        there = 0 if target.names is None else self._db.execute(query, (name, target.building)).fetchone()[0]
        for position, (path, column) in enumerate(target.inferred[there:], there):
            self._rows.add_column(target, column)
            self._db.execute(
                "INSERT INTO _column (view, building, position, path, name) VALUES (?, ?, ?, ?, ?)",
                (name, target.building, position, path, column),
            )

    def row(self, target: Target, key: Key) -> Row | None:
        """The row of a primary key, None where there is none."""
        return self._rows.row(target, key)

    def rows(self, name: str) -> Iterator[Row]:
        """All rows of a view that is served, in the order of its primary key."""
        return self._rows.every(name)

    def values(self, target: Target, column: str) -> dict[Key, Stored]:
        """The values of one column by primary key."""
        return self._rows.values(target, column)

    def count(self, name: str) -> int:
        """How many rows a view that is served has."""
        return self._rows.count(name)

    # -- copies

    def copy(self, path: Path) -> None:
        """Write a copy of the file, as of one moment."""
        with files.explained(self.path), contextlib.closing(sqlite3.connect(path)) as copy:
            self._db.backup(copy)

    def compare(self, other: Path | None) -> list[Compared]:
        """How this file's views differ from another's (None: one without any), which it must be a successor of.

        Of each: rows inserted, updated, deleted and the same; columns that came, and that went.
        """
        with files.explained(self.path):
            place = ":memory:" if other is None else f"{other.absolute().as_uri()}?mode=ro"
            self._db.execute("ATTACH ? AS before", (place,))
            try:
                return comparison.compare_all(self._db)
            finally:
                self._db.execute("DETACH before")

    # -- issues

    def issues(self, view: str | None = None) -> list[Issue]:
        """What did not fit, of one view or all that are served; by view, then by entity."""
        with self.reading():
            return issues.listed(self._db, view)

    def issue_counts(self) -> dict[str, int]:
        """How many issues each view that is served has."""
        return issues.counts(self._db)


def _names(projection: Projection[Any]) -> Names:
    kept = (column.name for column in KEPT[projection.shape])
    names = Names.without((*projection.identity, *kept))
    names.put(PARENT, "parent")
    for path, name in projection.named or ():
        names.put(path, name)
    return names


def _standing(row: Sequence[Any]) -> Standing:
    name, building, version, fingerprint, shape, generation, chain, log_generation, entry, seq, root, at = row
    cursor = Cursor(log_generation, entry, seq)
    observed_at = None if at is None else from_ms(at)
    return Standing(name, bool(building), version, fingerprint, shape, generation, chain, cursor, root, observed_at)
