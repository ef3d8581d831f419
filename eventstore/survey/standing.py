"""How each resource stands: its newest sync, and what came of its syncs of late."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from eventstore.model import Cause, Status, from_ms

# a change of rules asks for nothing: it is no sync of a resource here
_NEWEST: Final = """
SELECT s.id, s.cause, s.opened_at, s.at, s.interrupted, n.id, n.status
FROM sync_rules y CROSS JOIN sync s ON s.id = y.sync
LEFT JOIN entry n ON n.sync = s.id AND n.generation = ? AND n.kind = 'sync'
WHERE y.resource = ? AND s.cause <> 'rules' ORDER BY y.sync DESC LIMIT 1
"""
_ASKED: Final = """
SELECT count(DISTINCT a.scope) FROM attempt a JOIN scope s ON s.id = a.scope
WHERE a.sync = ? AND s.source || '.' || s.resource = ?
"""
_LISTED: Final = """
SELECT count(*), coalesce(sum(l.complete), 0) FROM listing_{g} l JOIN scope s ON s.id = l.scope
WHERE l.entry = ? AND s.source || '.' || s.resource = ?
"""
_HEARD: Final = """
WITH reread (entry) AS (
    SELECT n.id FROM sync y CROSS JOIN entry n ON n.sync = y.id AND n.generation = {g} AND n.kind = 'sync'
    WHERE y.cause = 'rules'
)
SELECT s.source || '.' || s.resource,
       max(coalesce((SELECT max(entry) FROM listing_{g} WHERE scope = s.id AND complete = 1), 0)),
       max(max(coalesce((SELECT entry FROM listing_{g} WHERE scope = s.id AND complete = 1 AND entry NOT IN reread
                         ORDER BY entry DESC LIMIT 1), 0),
               coalesce((SELECT entry FROM listing_{g} WHERE scope = s.id AND complete = 0 AND entry NOT IN reread
                         ORDER BY entry DESC LIMIT 1), 0)))
FROM scope s GROUP BY 1
"""
_ARRIVED: Final = """
SELECT max(a.received_at) FROM listing_{g} l JOIN scope s ON s.id = l.scope JOIN attempt a ON a.id = l.attempt
WHERE l.entry = ? AND l.complete = 1 AND s.source || '.' || s.resource = ?
"""
# the newest entries only, by their number: the index over times would be walked whole
_FAILED: Final = """
SELECT count(*), min(n.observed_at) FROM entry n NOT INDEXED JOIN sync_rules y ON y.resource = ? AND y.sync = n.sync
JOIN sync c ON c.id = n.sync AND c.cause = 'sync'
WHERE n.generation = ? AND n.kind = 'sync' AND n.id > ? AND EXISTS (
    SELECT 1 FROM attempt a JOIN scope s ON s.id = a.scope
    WHERE a.sync = n.sync AND s.source || '.' || s.resource = y.resource
)
"""
_HOLDS: Final = """
SELECT EXISTS (SELECT 1 FROM category_{g} c JOIN entity_{g} t ON t.category = c.id AND t.hash IS NOT NULL
               WHERE c.source || '.' || c.resource = ?)
"""
_EMPTY: Final = """
SELECT gone.resource, n.observed_at FROM (
    SELECT c.source || '.' || c.resource AS resource, max(t.seq) AS seq
    FROM category_{g} c JOIN entity_{g} t ON t.category = c.id GROUP BY 1 HAVING count(t.hash) = 0
) gone JOIN event_{g} e ON e.seq = gone.seq JOIN entry n ON n.id = e.entry
"""


class Standing(msgspec.Struct, frozen=True):
    """How a resource (`SOURCE.RESOURCE`) stands.

    `sync` is its newest, with its cause, `opened_at`, and `at`, when its answers were in (None while it is open);
    `status` is how it ended for this resource, None where it is not recorded. `complete_at` is when its newest complete
    listing arrived, of whichever scope. `failures` counts the recorded syncs in a row (no imports), up to now, that
    asked for the resource and got no listing, the first of them at `failing_since`. `empty_since` is when the last of
    its entities disappeared, None while some are live or none ever was.
    """

    resource: str
    sync: int
    cause: Cause
    opened_at: datetime
    at: datetime | None
    status: Status | None
    complete_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    empty_since: datetime | None = None


class _Heard(NamedTuple):
    """The last entries in which a resource was listed: completely, and by an answer of that sync; 0 for never."""

    complete: int = 0
    answered: int = 0


def standings(db: sqlite3.Connection, generation: int) -> list[Standing]:
    """Tell of each resource that was ever asked or imported how it stands, by its name. See `Record.standings`."""
    heard = {resource: _Heard(*entries) for resource, *entries in db.execute(_HEARD.format(g=generation))}
    empty = dict(db.execute(_EMPTY.format(g=generation)).fetchall())
    found = []
    for (resource,) in db.execute("SELECT DISTINCT resource FROM sync_rules ORDER BY resource").fetchall():
        newest = db.execute(_NEWEST, (generation, resource)).fetchone()
        if newest is not None:
            of_resource = _Resource(db, generation, resource, heard.get(resource, _Heard()))
            found.append(of_resource.standing(newest, _time(empty.get(resource))))
    return found


class _Resource(NamedTuple):
    """What is asked about one resource."""

    db: sqlite3.Connection
    generation: int
    address: str
    heard: _Heard

    def standing(self, newest: tuple[Any, ...], empty_since: datetime | None) -> Standing:
        sync, cause, opened_at, at, interrupted, entry, status = newest
        failures, failing_since = self._failures()
        return Standing(
            self.address,
            sync,
            Cause(cause),
            from_ms(opened_at),
            _time(at),
            None if status is None else self._status(sync, entry, Status(status), interrupted=bool(interrupted)),
            self._complete_at(),
            failures,
            failing_since,
            empty_since,
        )

    def _status(self, sync: int, entry: int, whole: Status, *, interrupted: bool) -> Status:
        """How a sync ended for this resource, where it ended as `whole` for all that it asked."""
        resources = self.db.execute("SELECT count(*) FROM sync_rules WHERE sync = ?", (sync,)).fetchone()[0]
        if whole is not Status.PARTIAL or resources == 1 or interrupted:
            return whole
        asked = self.db.execute(_ASKED, (sync, self.address)).fetchone()[0]
        listed, complete = self.db.execute(_LISTED.format(g=self.generation), (entry, self.address)).fetchone()
        if not asked and self._holds_something():
            return Status.FAILED  # there was something to ask for
        if complete == asked:
            return Status.SUCCESS
        return Status.PARTIAL if listed else Status.FAILED

    def _holds_something(self) -> bool:
        query = _HOLDS.format(g=self.generation)
        return bool(self.db.execute(query, (self.address,)).fetchone()[0])

    def _complete_at(self) -> datetime | None:
        values = (self.heard.complete, self.address)
        return _time(self.db.execute(_ARRIVED.format(g=self.generation), values).fetchone()[0])

    def _failures(self) -> tuple[int, datetime | None]:
        count, since = self.db.execute(_FAILED, (self.address, self.generation, self.heard.answered)).fetchone()
        return count, _time(since)


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)
