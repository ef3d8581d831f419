"""What is stale: live, but not confirmed when its scope was last asked (L8). No document is read."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from eventstore.attempts import Attempts
from eventstore.confirmation import Confirmations, Evidence
from eventstore.model import from_ms
from eventstore.positions import find_position
from eventstore.survey.asks import complete_in

# each scope that holds something, with the entry of the last sync that asked for it
_DUE: Final = """
SELECT t.scope, n.id FROM (SELECT DISTINCT scope FROM entity_{g} WHERE hash IS NOT NULL) t
JOIN asked a ON a.scope = t.scope JOIN entry n ON n.sync = a.sync AND n.generation = {g} AND n.kind = 'sync'
"""
_LIVE: Final = """
SELECT t.id, t.category, coalesce(e.scope, t.origin), coalesce(e.entry, t.entry)
FROM entity_{g} t LEFT JOIN event_{g} e ON e.seq = t.seq
WHERE t.scope = ? AND t.hash IS NOT NULL
"""


class Staleness(msgspec.Struct, frozen=True):
    """How many live entities of a category (`SOURCE.CATEGORY`) are stale.

    Stale is what the last sync that asked for its scope did not confirm. `since` is when the one that has gone longest
    without was last confirmed, None where none is stale.
    """

    category: str
    stale: int
    since: datetime | None


class _Unconfirmed(NamedTuple):
    category: int
    confirmed_at: int  # milliseconds


def staleness(db: sqlite3.Connection, generation: int, attempts: Attempts) -> list[Staleness]:
    """Count what is stale of each category, by address. See `Record.staleness`.

    Scopes that were just listed completely cost a look each, entities only where one was not.
    """
    found: dict[int, list[int]] = defaultdict(list)
    for category, confirmed_at in _Reader(db, generation, attempts).unconfirmed():
        found[category].append(confirmed_at)
    rows = db.execute(f"SELECT id, source || '.' || name FROM category_{generation} ORDER BY source, name").fetchall()
    return [
        Staleness(address, len(found[number]), from_ms(min(found[number])) if found[number] else None)
        for number, address in rows
    ]


class _Reader:
    def __init__(self, db: sqlite3.Connection, generation: int, attempts: Attempts) -> None:
        self._db = db
        self._generation = generation
        self._attempts = attempts
        self._confirmations = Confirmations(
            Evidence(db, generation, attempts), find_position(db, generation, None).entry
        )
        entries = db.execute("SELECT sync, id FROM entry WHERE generation = ? AND kind = 'sync'", (generation,))
        self._entries: dict[int, int] = dict(entries.fetchall())

    def unconfirmed(self) -> Iterator[_Unconfirmed]:
        due: dict[int, list[int]] = defaultdict(list)
        for scope, entry in self._db.execute(_DUE.format(g=self._generation)).fetchall():
            due[entry].append(scope)
        for entry, scopes in due.items():
            complete = complete_in(self._db, self._generation, entry)
            left = self._column(f"SELECT entity FROM unconfirmed_{self._generation} WHERE entry = ?", entry)
            for scope in scopes:
                if scope not in complete:
                    yield from self._older(entry, scope, None)
                elif left:
                    yield from self._older(entry, scope, left)

    def _older(self, due: int, scope: int, only: frozenset[int] | None) -> Iterator[_Unconfirmed]:
        for entity, category, event_scope, since in self._db.execute(_LIVE.format(g=self._generation), (scope,)):
            if only is None or entity in only:
                attempt = self._confirmations.of(entity, event_scope, since)
                if attempt is None:
                    continue
                entry = self._entries.get(self._attempts.sync_of(attempt))
                if entry is not None and entry < due:
                    yield _Unconfirmed(category, self._attempts.times(attempt)[1])

    def _column(self, query: str, value: int) -> frozenset[int]:
        return frozenset(row[0] for row in self._db.execute(query, (value,)))
