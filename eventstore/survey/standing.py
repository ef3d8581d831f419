"""How each resource stands: its newest sync, and what came of its syncs of late."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from eventstore import names
from eventstore.attempts import Attempts
from eventstore.model import Cause, Status, from_ms
from eventstore.schema import RESOURCE

# neither a change of rules nor a verdict asks for anything: they are no syncs of a resource here
_NEWEST: Final = f"""
SELECT s.id, s.cause, s.opened_at, s.at, n.id
FROM sync_rules y CROSS JOIN sync s ON s.id = y.sync
LEFT JOIN entry n ON n.sync = s.id AND n.generation = ? AND n.kind = 'sync'
WHERE y.resource = {RESOURCE} AND s.cause IN ('sync', 'import') ORDER BY y.sync DESC LIMIT 1
"""
_STATUS: Final = f"SELECT status FROM result_{{g}} WHERE resource = {RESOURCE} AND entry = ?"
_LISTED: Final = f"""
SELECT r.entry FROM result_{{g}} r JOIN entry n ON n.id = r.entry JOIN sync s ON s.id = n.sync AND s.cause <> 'rules'
WHERE r.resource = {RESOURCE} AND r.listed > 0 ORDER BY r.entry DESC LIMIT 1
"""
# by the last complete listing of their scope; of the newest sync where there are several, and whether each scope of it
# was listed since, though not completely
_DOUBTED: Final = """
SELECT c.source || '.' || c.resource, count(*), n.observed_at, n.sync,
       min(EXISTS (SELECT 1 FROM listing_{g} WHERE scope = t.scope AND complete = 0 AND entry > u.entry))
FROM unconfirmed_{g} u JOIN entity_{g} t ON t.id = u.entity AND t.hash NOT NULL
JOIN category_{g} c ON c.id = t.category JOIN entry n ON n.id = u.entry
WHERE u.doubted = 1 AND u.entry = (SELECT max(entry) FROM listing_{g} WHERE scope = t.scope AND complete = 1)
GROUP BY 1, u.entry ORDER BY u.entry
"""
_COMPLETE: Final = f"""
SELECT n.sync, n.id FROM result_{{g}} r JOIN entry n ON n.id = r.entry
WHERE r.resource = {RESOURCE} AND r.complete > 0 ORDER BY r.entry DESC LIMIT 1
"""
_READ: Final = """
SELECT l.attempt FROM listing_{g} l JOIN scope s ON s.id = l.scope
WHERE l.entry = ? AND l.complete = 1 AND s.source = ? AND s.resource = ?
"""
_FAILED: Final = f"""
SELECT count(*), min(n.observed_at) FROM result_{{g}} r JOIN entry n ON n.id = r.entry
JOIN sync s ON s.id = n.sync AND s.cause = 'sync' WHERE r.resource = {RESOURCE} AND r.entry > ? AND r.asked > 0
"""
_EMPTY: Final = """
SELECT gone.resource, n.observed_at FROM (
    SELECT c.source || '.' || c.resource AS resource, max(t.seq) AS seq, t.entry
    FROM category_{g} c JOIN entity_{g} t ON t.category = c.id GROUP BY 1 HAVING count(t.hash) = 0
) gone LEFT JOIN event_{g} e ON e.seq = gone.seq JOIN entry n ON n.id = coalesce(e.entry, gone.entry)
"""


class Standing(msgspec.Struct, frozen=True):
    """How a resource (`SOURCE.RESOURCE`) stands.

    `sync` is its newest, with its cause, `opened_at`, and `at`, when its answers were in (None while it is open);
    `status` is how it ended for this resource, None where it is not recorded. `complete_at` is when its newest complete
    listing arrived, of whichever scope. `failures` counts the recorded syncs in a row (no imports), up to now, that
    asked for the resource and got no listing, the first of them at `failing_since`. `empty_since` is when the last of
    its entities disappeared, None while some are live or none ever was. `doubted` entities would have disappeared at
    `doubted_since`, going by the last complete listing of their scope; that was too much to be believed. `doubted_sync`
    brought it; None where all of these scopes were listed since, though not completely: it is not the last word then.
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
    doubted: int = 0
    doubted_since: datetime | None = None
    doubted_sync: int | None = None


def standings(db: sqlite3.Connection, generation: int, attempts: Attempts) -> list[Standing]:
    """Tell of each resource that was ever asked or imported how it stands, by its name. See `Record.standings`."""
    empty = dict(db.execute(_EMPTY.format(g=generation)).fetchall())
    doubted = {resource: found for resource, *found in db.execute(_DOUBTED.format(g=generation))}
    found = []
    for resource in names.resources(db):
        newest = db.execute(_NEWEST, (generation, resource)).fetchone()
        if newest is not None:
            of_resource = _Resource(db, generation, attempts, resource)
            found.append(of_resource.standing(newest, _time(empty.get(resource)), doubted.get(resource)))
    return found


class _Resource(NamedTuple):
    """What is asked about one resource."""

    db: sqlite3.Connection
    generation: int
    attempts: Attempts
    address: str

    def standing(
        self, newest: tuple[Any, ...], empty_since: datetime | None, doubted: Sequence[Any] | None
    ) -> Standing:
        sync, cause, opened_at, at, entry = newest
        listed = self._one(_LISTED, self.address) or (0,)
        failures, failing_since = self._one(_FAILED, self.address, listed[0]) or (0, None)
        count, since, doubtful, listed_since = doubted or (0, None, None, 0)
        status = self._one(_STATUS, self.address, entry)
        shift = self.attempts.shift(sync)
        return Standing(
            self.address,
            sync,
            Cause(cause),
            from_ms(opened_at + shift),
            None if at is None else from_ms(at + shift),
            None if status is None else Status(status[0]),
            self._complete_at(),
            failures,
            _time(failing_since),
            empty_since,
            count,
            _time(since),
            None if listed_since else doubtful,
        )

    def _complete_at(self) -> datetime | None:
        found = self._one(_COMPLETE, self.address)
        if found is None:
            return None
        source, _, name = self.address.partition(".")
        scopes = self.db.execute("SELECT id FROM scope WHERE source = ? AND resource = ?", (source, name))
        ours = {row[0] for row in scopes}
        rows = self.attempts.block(found[0]).rows
        attempts = {row.id for row in rows if row.scope in ours and row.answered and row.error is None}
        # what was only read again was asked for by other syncs
        read = self.db.execute(_READ.format(g=self.generation), (found[1], source, name))
        attempts.update(row[0] for row in read)
        return max((from_ms(self.attempts.times(attempt)[1]) for attempt in attempts), default=None)

    def _one(self, query: str, *values: str | int | None) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self.db.execute(query.format(g=self.generation), values).fetchone()
        return row


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)
