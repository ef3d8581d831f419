"""What is stale: live, but not confirmed when its resource was last asked (L8). No document is read."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from eventstore.confirmation import Confirmations
from eventstore.model import Cause, from_ms
from eventstore.positions import find_position

_HOLDING: Final = """
SELECT t.scope, s.source || '.' || s.resource
FROM (SELECT DISTINCT scope FROM entity_{g} WHERE hash IS NOT NULL) t JOIN scope s ON s.id = t.scope
"""
_LAST: Final = """
SELECT n.id, n.sync, s.cause
FROM entry n CROSS JOIN sync s ON s.id = n.sync CROSS JOIN sync_rules y ON y.resource = ? AND y.sync = n.sync
WHERE n.generation = ? AND n.kind = 'sync' AND s.cause <> 'rules' ORDER BY n.observed_at DESC LIMIT 1
"""
_LAST_OF_SCOPE: Final = """
SELECT n.id FROM attempt a CROSS JOIN entry n ON n.sync = a.sync AND n.generation = ? AND n.kind = 'sync'
WHERE a.scope = ? AND a.answer IS NOT NULL ORDER BY n.id DESC LIMIT 1
"""
_LIVE: Final = """
SELECT t.id, t.category, e.scope, e.entry FROM entity_{g} t JOIN event_{g} e ON e.seq = t.seq
WHERE t.scope = ? AND t.hash IS NOT NULL
"""
_ATTEMPT: Final = """
SELECT a.received_at, n.id FROM attempt a LEFT JOIN entry n ON n.sync = a.sync AND n.generation = ? AND n.kind = 'sync'
WHERE a.id = ?
"""


class Staleness(msgspec.Struct, frozen=True):
    """How many live entities of a category (`SOURCE.CATEGORY`) are stale.

    Stale is what the last recorded sync of its resource did not confirm. (An imported version may hold a few of many
    files: there it is what the last version that holds its scope did not confirm.) `since` is when the one that has
    gone longest without was last confirmed, None where none is stale.
    """

    category: str
    stale: int
    since: datetime | None


class _Unconfirmed(NamedTuple):
    category: int
    confirmed_at: int  # milliseconds


def staleness(db: sqlite3.Connection, generation: int) -> list[Staleness]:
    """Count what is stale of each category, by address. See `Record.staleness`.

    Scopes that were just listed completely cost a look each, entities only where one was not.
    """
    found: dict[int, list[int]] = defaultdict(list)
    for category, confirmed_at in _Reader(db, generation).unconfirmed():
        found[category].append(confirmed_at)
    rows = db.execute(f"SELECT id, source || '.' || name FROM category_{generation} ORDER BY source, name").fetchall()
    return [
        Staleness(address, len(found[number]), from_ms(min(found[number])) if found[number] else None)
        for number, address in rows
    ]


class _Reader:
    def __init__(self, db: sqlite3.Connection, generation: int) -> None:
        self._db = db
        self._generation = generation
        self._confirmations = Confirmations(db, generation, find_position(db, generation, None).entry)

    def unconfirmed(self) -> Iterator[_Unconfirmed]:
        for due, scopes in self._scopes().items():
            complete = self._column(
                f"SELECT scope FROM listing_{self._generation} WHERE entry = ? AND complete = 1", due
            )
            unread = self._column(f"SELECT entity FROM unconfirmed_{self._generation} WHERE entry = ?", due)
            for scope in scopes:
                if scope not in complete:
                    yield from self._older(due, scope, None)
                elif unread:
                    yield from self._older(due, scope, unread)

    def _scopes(self) -> dict[int, list[int]]:
        """The scopes that hold something, by the entry that should have confirmed it."""
        resources: dict[str, list[int]] = defaultdict(list)
        for scope, resource in self._db.execute(_HOLDING.format(g=self._generation)):
            resources[resource].append(scope)
        due: dict[int, list[int]] = defaultdict(list)
        for resource, scopes in resources.items():
            for entry, scope in self._due(resource, scopes):
                due[entry].append(scope)
        return due

    def _due(self, resource: str, scopes: list[int]) -> Iterator[tuple[int, int]]:
        last = self._db.execute(_LAST, (resource, self._generation)).fetchone()
        if last is None:
            return  # its syncs do not say by which rules: it was never asked as a resource
        entry, sync, cause = last
        if Cause(cause) is Cause.SYNC:
            yield from ((entry, scope) for scope in scopes)
            return
        asked = self._column("SELECT scope FROM attempt WHERE sync = ?", sync)
        for scope in scopes:
            row = None if scope in asked else self._db.execute(_LAST_OF_SCOPE, (self._generation, scope)).fetchone()
            yield (entry if row is None else row[0]), scope

    def _older(self, due: int, scope: int, only: frozenset[int] | None) -> Iterator[_Unconfirmed]:
        for entity, category, event_scope, since in self._db.execute(_LIVE.format(g=self._generation), (scope,)):
            if only is None or entity in only:
                attempt = self._confirmations.of(entity, event_scope, since)
                row = self._db.execute(_ATTEMPT, (self._generation, attempt)).fetchone()
                if row is not None and row[1] is not None and row[1] < due:
                    yield _Unconfirmed(category, row[0])

    def _column(self, query: str, value: int) -> frozenset[int]:
        return frozenset(row[0] for row in self._db.execute(query, (value,)))
