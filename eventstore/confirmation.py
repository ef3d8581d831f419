"""Who last confirmed what (L8). Confirmations are not stored: a complete listing confirms all that its scope holds.

Complete listings that said something new are rows of `listing`; those that said the same as the settled one before them
are bits of `repeat`, 64 scopes a row. What neither covers is stored: sightings (an incomplete listing showed the
entity, or another scope did) and entities left unconfirmed (there all the same, but unreadable or missing in a complete
listing).
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from eventstore.attempts import Attempts
from eventstore.duplicates import without_number

_NEWEST: Final = (1 << 63) - 1
PAGE_BITS: Final = 6  # 64 scopes a row: what fits an integer of SQLite's


def masks(scopes: Iterable[int]) -> dict[int, int]:
    """Bit masks of scopes, by page, as SQLite's signed integers."""
    found: dict[int, int] = defaultdict(int)
    for scope in scopes:
        found[scope >> PAGE_BITS] |= 1 << (scope & 63)
    return {page: mask - (1 << 64) if mask >> 63 else mask for page, mask in found.items()}


def unmasked(page: int, mask: int) -> Iterator[int]:
    """The scopes of a mask."""
    return ((page << PAGE_BITS) + bit for bit in range(64) if mask >> bit & 1)


class Evidence:
    """The listings of one generation, as they are asked for."""

    def __init__(self, db: sqlite3.Connection, generation: int, attempts: Attempts) -> None:
        self._db = db
        self._generation = generation
        self._attempts = attempts

    def confirming_attempt(self, *, entity: int, scope: int, since: int, until: int) -> int | None:
        """The attempt that last confirmed an entity, in entries `since` (that of its last event) to `until`."""
        g = self._generation
        sighting = self._db.execute(
            f"SELECT entry, scope FROM sighting_{g} WHERE entity = ? AND entry > ? AND entry <= ? "
            "ORDER BY entry DESC LIMIT 1",
            (entity, since, until),
        ).fetchone()
        if sighting is not None:
            since, scope = sighting
        exception = f"SELECT 1 FROM unconfirmed_{g} u WHERE u.entity = ? AND u.entry = l.entry"
        complete = self._complete(scope, since, until, exception, (entity,))
        if complete is not None:
            return complete[1]
        incomplete = self._db.execute(
            f"SELECT attempt FROM listing_{g} WHERE scope = ? AND complete = 0 AND entry = ?", (scope, since)
        ).fetchone()
        return None if incomplete is None else int(incomplete[0])

    def last_complete(self, *, scope: int, since: int, until: int) -> tuple[int, int] | None:
        """Entry and attempt of a scope's last complete listing in entries `since` to `until`.

        Evidence of what was there, and of what was absent.
        """
        return self._complete(scope, since, until)

    def last_absent(self, *, key: str, scope: int, since: int, until: int) -> int | None:
        """The attempt of a scope's last complete listing in entries `since` to `until` that could not hold a key.

        One with an unreadable item of that key (or of the key that it is a numbered one of) is no evidence, nor is what
        was listed when so much was missing that it was not believed.
        """
        g = self._generation
        unread = f"SELECT 1 FROM unread_{g} u WHERE u.scope = l.scope AND u.key IN (?, ?) AND u.entry = l.entry"
        while True:
            complete = self._complete(scope, since, until, unread, (key, without_number(key)))
            if complete is None or not self._doubted(scope, complete[0]):
                return None if complete is None else complete[1]
            until = complete[0] - 1

    def _doubted(self, scope: int, entry: int) -> bool:
        """Whether an entry has listings of a scope's resource that were not believed."""
        row = self._db.execute(
            f"SELECT 1 FROM scope c JOIN resource a ON a.address = c.source || '.' || c.resource "
            f"JOIN result_{self._generation} r ON r.resource = a.id "
            "WHERE c.id = ? AND r.entry = ? AND r.doubted > 0",
            (scope, entry),
        ).fetchone()
        return row is not None

    def doubted(self) -> list[int]:
        """The scopes whose last complete listing lacked so much that it was not believed."""
        g = self._generation
        rows = self._db.execute(
            f"SELECT DISTINCT t.scope FROM unconfirmed_{g} u JOIN entity_{g} t ON t.id = u.entity AND t.hash NOT NULL "
            f"WHERE u.doubted = 1 "
            f"AND u.entry = (SELECT max(entry) FROM listing_{g} WHERE scope = t.scope AND complete = 1)"
        )
        return [row[0] for row in rows]

    def said_again(self, scope: int, *, since: int) -> bool | None:
        """Whether a scope's first complete listing from an entry on repeats one before it; None: there is none."""
        g = self._generation
        listing = self._db.execute(
            f"SELECT min(entry) FROM listing_{g} WHERE scope = ? AND complete = 1 AND entry >= ?", (scope, since)
        ).fetchone()[0]
        repeat = self._db.execute(
            f"SELECT entry FROM repeat_{g} WHERE page = ? AND entry >= ? AND (mask >> ?) & 1 ORDER BY entry LIMIT 1",
            (scope >> PAGE_BITS, since, scope & 63),
        ).fetchone()
        if repeat is None:
            return None if listing is None else False
        return listing is None or repeat[0] < listing

    def last_entry(self, scope: int, *, until: int) -> int:
        """The entry of a scope's last complete listing up to `until`, 0 for never."""
        complete = self._complete(scope, 0, until)
        return 0 if complete is None else complete[0]

    def last_listed_in(self, scope: int) -> int | None:
        """The sync in which a scope was last listed, completely or not, None before the first."""
        entries = [self.last_entry(scope, until=_NEWEST)]
        incomplete = f"SELECT max(entry) FROM listing_{self._generation} WHERE scope = ? AND complete = 0"
        entries.append(self._db.execute(incomplete, (scope,)).fetchone()[0] or 0)
        row = self._db.execute("SELECT sync FROM entry WHERE id = ?", (max(entries),)).fetchone()
        return None if row is None else int(row[0])

    def _complete(  # a place in two dimensions, and what does not count there
        self, scope: int, since: int, until: int, exception: str = "", values: tuple[int | str, ...] = ()
    ) -> tuple[int, int] | None:
        repeat = self._db.execute(
            f"SELECT r.entry, n.sync FROM repeat_{self._generation} r JOIN entry n ON n.id = r.entry "
            "WHERE r.page = ? AND r.entry >= ? AND r.entry <= ? AND (r.mask >> ?) & 1 ORDER BY r.entry DESC LIMIT 1",
            (scope >> PAGE_BITS, since, until, scope & 63),
        ).fetchone()
        listing = self._db.execute(
            f"SELECT entry, attempt FROM listing_{self._generation} l WHERE scope = ? AND complete = 1 "
            f"AND entry >= ? AND entry <= ? {f'AND NOT EXISTS ({exception}) ' if exception else ''}"
            "ORDER BY entry DESC LIMIT 1",
            (scope, since if repeat is None else repeat[0], until, *values),
        ).fetchone()
        if listing is not None:
            return listing[0], listing[1]
        if repeat is None:
            return None
        attempt = self._attempts.first_for(repeat[1], scope)
        return None if attempt is None else (repeat[0], attempt)

    def has_exceptions(self) -> bool:
        """Whether anything was ever sighted or left unconfirmed; if not, a scope's entities share confirmation."""
        g = self._generation
        row = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM sighting_{g}) OR EXISTS (SELECT 1 FROM unconfirmed_{g})"
        ).fetchone()
        return bool(row[0])

    def settled(self, scope: int) -> tuple[int, int] | None:
        """Attempt and rules of a scope's settled listing, None where its last listing was not, or is no more."""
        g = self._generation
        row = self._db.execute(
            f"SELECT attempt, rules, settled, entry FROM listing_{g} WHERE scope = ? AND complete = 1 "
            "ORDER BY entry DESC LIMIT 1",
            (scope,),
        ).fetchone()
        if row is None or not row[2] or row[1] is None:
            return None
        since = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM listing_{g} WHERE scope = ? AND complete = 0 AND entry > ?) "
            f"OR EXISTS (SELECT 1 FROM disturbed_{g} WHERE scope = ? AND entry > ?)",
            (scope, row[3], scope, row[3]),
        ).fetchone()
        return None if since[0] else (row[0], row[1])


class Confirmations:
    """The confirming attempts of many entities at one entry, asked for once per scope where that is enough."""

    def __init__(self, evidence: Evidence, until: int) -> None:
        self._evidence = evidence
        self._until = until
        self._exceptions = evidence.has_exceptions()
        self._complete: dict[int, tuple[int, int] | None] = {}

    def of(self, entity: int, scope: int, since: int, special: int | None = None) -> int | None:
        """See `Evidence.confirming_attempt`. `special`: whether anything but listings of its scope tells, if known."""
        if not (self._exceptions if special is None else special):
            if scope not in self._complete:
                self._complete[scope] = self._evidence.last_complete(scope=scope, since=0, until=self._until)
            complete = self._complete[scope]
            if complete is not None and complete[0] >= since:
                return complete[1]
        return self._evidence.confirming_attempt(entity=entity, scope=scope, since=since, until=self._until)
