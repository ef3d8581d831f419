"""Tables of views, and the SQL that fills them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from projector.columns import Column, Stored
from projector.derivation import PARENT, Close, Key, Row, Writes, closing
from projector.inferred import Names
from projector.projection import KEPT, Projection

NEXT: Final = "_next_"  # before the name of a view: its table while it is built


class Target(msgspec.Struct):
    """A table that is written: a view's, as it is served or as it is built. `names`: its columns, where they follow."""

    projection: Projection[Any]
    building: bool
    names: Names | None

    @property
    def table(self) -> str:
        """The name of the table."""
        return f"{NEXT}{self.projection.name}" if self.building else self.projection.name

    @property
    def inferred(self) -> list[tuple[str, str]]:
        """The columns that follow from documents (path and name), in the order in which they came."""
        return [] if self.names is None else [each for each in self.names.of.items() if each[0] != PARENT]

    @property
    def columns(self) -> list[Column]:
        """All columns that the table has from the beginning: whose the row is, its own, and since when."""
        own = self.projection.columns
        mine = [Column(name, "TEXT", nullable=False) for name in self.projection.identity]
        middle = [Column("parent", "TEXT")] if own is None else list(own)
        keys = set(self.projection.primary_key)
        every = [*mine, *middle, *KEPT[self.projection.shape]]
        return [Column(each.name, each.type, nullable=False) if each.name in keys else each for each in every]


class Rows:
    """Writes and reads the rows of targets. Needs a transaction around what it writes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._statements: dict[tuple[str, tuple[str, ...]], str] = {}

    def forget(self) -> None:
        """Drop the statements that were put together: a table has another's name."""
        self._statements.clear()

    def create(self, target: Target) -> None:
        """Make a target's table, empty."""
        self._db.execute(f"DROP TABLE IF EXISTS {quoted(target.table)}")
        self._db.execute(_create(target))

    def add_column(self, target: Target, name: str) -> None:
        """Make room for a field."""
        self._db.execute(f"ALTER TABLE {quoted(target.table)} ADD COLUMN {quoted(name)} ANY")

    def write(self, target: Target, writes: Writes) -> None:
        """Carry out writes, in their order."""
        if writes.closes:
            self._close(target, writes.closes)
        if writes.drops:
            key = _matching(target.projection.primary_key)
            self._db.executemany(f"DELETE FROM {quoted(target.table)} WHERE {key}", list(writes.drops))
        if writes.puts:
            columns = self._columns(target)
            values = [[row.get(name) for name in columns] for row in writes.puts.values()]
            self._db.executemany(self._statement(target, columns, lambda: _insert(target, columns)), values)
        for names, rows in _by_columns(writes.sets).items():
            changed = ", ".join(f"{quoted(name)} = ?" for name in names)
            key = _matching(target.projection.primary_key)
            self._db.executemany(f"UPDATE {quoted(target.table)} SET {changed} WHERE {key}", rows)

    def _columns(self, target: Target) -> tuple[str, ...]:
        return (*(column.name for column in target.columns), *(name for _, name in target.inferred))

    def _statement(self, target: Target, columns: tuple[str, ...], make: Callable[[], str]) -> str:
        """A statement about some columns of a target, put together once."""
        known = self._statements.get((target.table, columns))
        if known is None:
            known = self._statements[target.table, columns] = make()
        return known

    def _close(self, target: Target, closes: Iterable[Close]) -> None:
        table = quoted(target.table)
        mine = _matching(target.projection.primary_key[:-1])
        self._db.executemany(
            f"UPDATE {table} SET valid_to = ?, valid_to_not_before = ?, until_seq = ?, until_sync = ? WHERE {mine} "
            f"AND seq = (SELECT max(seq) FROM {table} WHERE {mine} AND seq < ?)",
            [(*closing(each).values(), *each.key, *each.key, each.until_seq) for each in closes],
        )

    def row(self, target: Target, key: Key) -> Row | None:
        """The row of a primary key, None where there is none."""
        query = self._statement(target, (), lambda: _one_row(target))
        cursor = self._db.execute(query, key)
        found = cursor.fetchone()
        return None if found is None else dict(zip((each[0] for each in cursor.description), found, strict=True))

    def every(self, name: str) -> Iterator[Row]:
        """All rows of a view that is served, in the order of its primary key."""
        cursor = self._db.execute(f"SELECT * FROM {quoted(name)} ORDER BY {_order(self._db, name)}")
        names = [each[0] for each in cursor.description]
        for values in cursor:
            yield dict(zip(names, values, strict=True))

    def values(self, target: Target, column: str) -> dict[Key, Stored]:
        """The values of one column by primary key."""
        key = ", ".join(map(quoted, target.projection.primary_key))
        rows = self._db.execute(f"SELECT {quoted(column)}, {key} FROM {quoted(target.table)}")
        return {tuple(row[1:]): row[0] for row in rows}

    def count(self, name: str) -> int:
        """How many rows a view that is served has."""
        return int(self._db.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0])


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _one_row(target: Target) -> str:
    return f"SELECT * FROM {quoted(target.table)} WHERE {_matching(target.projection.primary_key)}"


def _insert(target: Target, columns: Sequence[str]) -> str:
    names, places = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
    return f"INSERT OR REPLACE INTO {quoted(target.table)} ({names}) VALUES ({places})"


def _matching(columns: Iterable[str]) -> str:
    return " AND ".join(f"{quoted(column)} = ?" for column in columns)


def _order(db: sqlite3.Connection, table: str) -> str:
    info = db.execute(f"PRAGMA table_info({quoted(table)})").fetchall()
    keys = sorted((row[5], row[1]) for row in info if row[5])
    return ", ".join(quoted(name) for _, name in keys)


def _by_columns(sets: Mapping[Key, Row]) -> dict[tuple[str, ...], list[list[Any]]]:
    found: dict[tuple[str, ...], list[list[Any]]] = {}
    for key, row in sets.items():
        found.setdefault(tuple(row), []).append([*row.values(), *key])
    return found


def _create(target: Target) -> str:
    columns = [f"{quoted(each.name)} {each.type}{'' if each.nullable else ' NOT NULL'}" for each in target.columns]
    key = ", ".join(map(quoted, target.projection.primary_key))
    return f"CREATE TABLE {quoted(target.table)} ({', '.join(columns)}, PRIMARY KEY ({key})) STRICT"
