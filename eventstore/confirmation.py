"""Who last confirmed what (L8). Confirmations are not stored: a complete listing confirms all that its scope holds.

What that does not cover is stored: sightings (an incomplete listing showed the entity, or another scope did) and
entities left unconfirmed (present in a complete listing, but unreadable there).
"""

from __future__ import annotations

import sqlite3

from eventstore.duplicates import without_number


def confirming_attempt(
    db: sqlite3.Connection, generation: int, *, entity: int, scope: int, since: int, until: int
) -> int | None:
    """The attempt that last confirmed an entity, in entries `since` (that of its last event) to `until`."""
    sighting = db.execute(
        f"SELECT entry, scope FROM sighting_{generation} "
        "WHERE entity = ? AND entry > ? AND entry <= ? ORDER BY entry DESC LIMIT 1",
        (entity, since, until),
    ).fetchone()
    if sighting is not None:
        since, scope = sighting
    complete = db.execute(
        f"SELECT attempt FROM listing_{generation} l "
        "WHERE scope = ? AND complete = 1 AND entry >= ? AND entry <= ? AND NOT EXISTS "
        f"(SELECT 1 FROM unconfirmed_{generation} u WHERE u.entity = ? AND u.entry = l.entry) "
        "ORDER BY entry DESC LIMIT 1",
        (scope, since, until, entity),
    ).fetchone()
    if complete is None:
        complete = db.execute(
            f"SELECT attempt FROM listing_{generation} WHERE scope = ? AND complete = 0 AND entry = ?",
            (scope, since),
        ).fetchone()
    return None if complete is None else int(complete[0])


def last_complete(
    db: sqlite3.Connection, generation: int, *, scope: int, since: int, until: int
) -> tuple[int, int] | None:
    """Entry and attempt of a scope's last complete listing in entries `since` to `until`.

    Evidence of what was there, and of what was absent.
    """
    row = db.execute(
        f"SELECT entry, attempt FROM listing_{generation} "
        "WHERE scope = ? AND complete = 1 AND entry >= ? AND entry <= ? ORDER BY entry DESC LIMIT 1",
        (scope, since, until),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def has_exceptions(db: sqlite3.Connection, generation: int) -> bool:
    """Whether anything was ever sighted or left unconfirmed; if not, a scope's entities share their confirmation."""
    row = db.execute(
        f"SELECT EXISTS (SELECT 1 FROM sighting_{generation}) OR EXISTS (SELECT 1 FROM unconfirmed_{generation})"
    ).fetchone()
    return bool(row[0])


def last_absent(  # a place in three dimensions: which key, which scope, from when to when
    db: sqlite3.Connection, generation: int, *, key: str, scope: int, since: int, until: int
) -> int | None:
    """The attempt of a scope's last complete listing in entries `since` to `until` that could not hold a key.

    One with an unreadable item of that key (or of the key that it is a numbered one of) is no evidence.
    """
    row = db.execute(
        f"SELECT attempt FROM listing_{generation} l "
        "WHERE scope = ? AND complete = 1 AND entry >= ? AND entry <= ? AND NOT EXISTS "
        f"(SELECT 1 FROM unread_{generation} u WHERE u.scope = l.scope AND u.key IN (?, ?) AND u.entry = l.entry) "
        "ORDER BY entry DESC LIMIT 1",
        (scope, since, until, key, without_number(key)),
    ).fetchone()
    return None if row is None else int(row[0])


class Confirmations:
    """The confirming attempts of many entities at one entry, asked for once per scope where that is enough."""

    def __init__(self, db: sqlite3.Connection, generation: int, until: int) -> None:
        self._db = db
        self._generation = generation
        self._until = until
        self._exceptions = has_exceptions(db, generation)
        self._complete: dict[int, tuple[int, int] | None] = {}

    def of(self, entity: int, scope: int, since: int) -> int | None:
        """See `confirming_attempt`."""
        if not self._exceptions:
            if scope not in self._complete:
                self._complete[scope] = last_complete(
                    self._db, self._generation, scope=scope, since=0, until=self._until
                )
            complete = self._complete[scope]
            if complete is not None and complete[0] >= since:
                return complete[1]
        return confirming_attempt(
            self._db, self._generation, entity=entity, scope=scope, since=since, until=self._until
        )
