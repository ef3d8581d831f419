"""Instants, and the places in the log that they come to: the state at an instant is the fold of a prefix (L2)."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from eventstore.canonical import parse
from eventstore.errors import BeyondHead
from eventstore.model import from_ms, to_ms
from eventstore.schema import RESOURCE
from eventstore.skipped import find_skipped

Instant: TypeAlias = datetime | int
"""An aware datetime, or a sequence number, which stands for the end of its sync."""

_SELECT: Final = "SELECT seq, id, observed_at FROM entry WHERE generation = ? AND kind = 'sync'"


class Position(msgspec.Struct, frozen=True):
    """A place in the log: everything up to event `seq`, recorded up to `entry`.

    `observed_at` is None before the first sync.
    """

    seq: int
    entry: int
    observed_at: datetime | None


def find_position(db: sqlite3.Connection, generation: int, at: Instant | None) -> Position:
    """The place that an instant comes to; None is the head. Raises `BeyondHead`."""
    if at is None:
        # by time, which increases with the entry (L2): for that there is an index
        row = db.execute(f"{_SELECT} ORDER BY observed_at DESC LIMIT 1", (generation,)).fetchone()
    elif isinstance(at, datetime):
        query = f"{_SELECT} AND observed_at <= ? ORDER BY observed_at DESC LIMIT 1"
        row = db.execute(query, (generation, to_ms(at))).fetchone()
    elif at <= 0:
        row = None
    else:
        entry = entry_of(db, generation, at)
        row = None if entry is None else db.execute(f"{_SELECT} AND id = ?", (generation, entry)).fetchone()
        skipped = None if entry is None else find_skipped(db, "generation = ? AND last < ?", generation, entry)
        if skipped is not None and skipped.seq >= at:  # the end of its sync is no more: never is too much told
            return _before(db, generation, skipped.first)
        if row is None:
            head = find_position(db, generation, None).seq
            raise BeyondHead(f"the log has not reached @{at}: it ends at @{head}")
    return Position(0, 0, None) if row is None else Position(row[0], row[1], from_ms(row[2]))


def _before(db: sqlite3.Connection, generation: int, entry: int) -> Position:
    row = db.execute(f"{_SELECT} AND id < ? ORDER BY id DESC LIMIT 1", (generation, entry)).fetchone()
    return Position(0, 0, None) if row is None else Position(row[0], row[1], from_ms(row[2]))


def entry_of(db: sqlite3.Connection, generation: int, seq: int) -> int | None:
    """The entry that an event is in, None where the log has not reached it.

    Events are numbered in the order of entries, so that it is found by halving.
    """
    oldest, newest = (f"{_SELECT} ORDER BY observed_at {order} LIMIT 1" for order in ("", "DESC"))
    ends = [db.execute(query, (generation,)).fetchone() for query in (oldest, newest)]
    first, last = (1, 0) if ends[0] is None else (ends[0][1], ends[1][1])
    found: int | None = None
    while first <= last:
        middle = (first + last) // 2
        row = db.execute(
            "SELECT id, seq FROM entry WHERE id >= ? AND id <= ? AND kind = 'sync' ORDER BY id LIMIT 1",
            (middle, last),
        ).fetchone()
        if row is None:
            last = middle - 1
        elif row[1] >= seq:
            found, last = row[0], middle - 1
        else:
            first = row[0] + 1
    return found


_LISTED: Final = """
SELECT max(max(
    coalesce((SELECT max(entry) FROM listing_{g} WHERE scope = s.id AND complete = 1 AND entry <= ?), 0),
    coalesce((SELECT max(entry) FROM listing_{g} WHERE scope = s.id AND complete = 0 AND entry <= ?), 0)
)) FROM scope s WHERE s.source = ? AND s.resource = ?
"""
_RULES: Final = f"""
SELECT lower(hex(r.hash)), n.sync, n.observed_at FROM entry n
JOIN sync_rules sr ON sr.sync = n.sync AND sr.resource = {RESOURCE} JOIN rules r ON r.id = sr.rules WHERE n.id = ?
"""


def rules_at(db: sqlite3.Connection, generation: int, position: Position) -> dict[str, str]:
    """The hash of the rules by which each resource was last read up to a place in the log, by its address."""
    found: dict[str, str] = {}
    resources = db.execute(f"SELECT DISTINCT source, resource FROM category_{generation} ORDER BY 1, 2").fetchall()
    for source, resource in resources:
        values = (position.entry, position.entry, source, resource)
        entry = db.execute(_LISTED.format(g=generation), values).fetchone()[0]
        address = f"{source}.{resource}"
        row = db.execute(_RULES, (address, entry)).fetchone()
        if row is not None:
            found[address] = _governed(db, generation, address, *row)
    return found


def _governed(db: sqlite3.Connection, generation: int, address: str, own: str, sync: int, at: int) -> str:
    """By which rules a sync's answers were read: its own, or those of the rebuild that laid it down."""
    query = "SELECT syncs, rules, origin, copied FROM generation WHERE id = ?"
    syncs, rules, origin, copied = db.execute(query, (generation,)).fetchone()
    while copied is not None and at <= copied:
        syncs, rules, origin, copied = db.execute(query, (origin,)).fetchone()
    return str(parse(rules).get(address, own)) if sync <= syncs else own
