"""How the rows of one table differ from those of the same one before, both attached to one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Columns: TypeAlias = Sequence[tuple[str, int]]
"""The columns of a table, each with its place in the primary key, 0 where it is no part of it."""

Compared: TypeAlias = tuple[str, tuple[int, int, int, int], tuple[str, ...], tuple[str, ...]]
"""A table's name; rows inserted, updated, deleted, and the same; columns that came, and that went."""


def compare_all(db: sqlite3.Connection) -> list[Compared]:
    """Compare all views that are served, or were; by name."""
    after, before = (_tables(db, schema) for schema in ("main", "before"))
    return [compare(db, name, after.get(name), before.get(name)) for name in sorted({*after, *before})]


def compare(db: sqlite3.Connection, table: str, after: Columns | None, before: Columns | None) -> Compared:
    """Compare a table of `main` with that of `before`; None where it is not there."""
    names, old = [name for name, _ in after or ()], [name for name, _ in before or ()]
    came = tuple(name for name in names if name not in old)
    went = tuple(name for name in old if name not in names)
    key = _key(after or ())
    if not after or not before or key != _key(before):
        return table, (_count(db, "main", table, after), 0, _count(db, "before", table, before), 0), came, went
    matched = _one(db, f"SELECT count(*) FROM main.{_q(table)} a JOIN before.{_q(table)} b ON {_equal(key)}")
    same = 0
    if not came and not went:
        rest = [name for name in names if name not in key]
        query = f"SELECT count(*) FROM main.{_q(table)} a JOIN before.{_q(table)} b ON {_equal([*key, *rest])}"
        same = _one(db, query)
    total, earlier = _count(db, "main", table, after), _count(db, "before", table, before)
    return table, (total - matched, matched - same, earlier - matched, same), came, went


def _tables(db: sqlite3.Connection, schema: str) -> dict[str, list[tuple[str, int]]]:
    """The tables of views that are served, each with its columns and their places in the primary key."""
    query = f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table' AND name NOT GLOB '[_]*' ORDER BY name"
    tables = [row[0] for row in db.execute(query) if not row[0].startswith("sqlite_")]
    return {
        name: [(row[1], row[5]) for row in db.execute(f"PRAGMA {schema}.table_info({_q(name)})")] for name in tables
    }


def _key(columns: Columns) -> list[str]:
    return [name for _, name in sorted((place, name) for name, place in columns if place)]


def _equal(names: Iterable[str]) -> str:
    return " AND ".join(f"a.{_q(name)} IS b.{_q(name)}" for name in names)


def _count(db: sqlite3.Connection, schema: str, table: str, columns: Columns | None) -> int:
    return 0 if columns is None else _one(db, f"SELECT count(*) FROM {schema}.{_q(table)}")


def _one(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
