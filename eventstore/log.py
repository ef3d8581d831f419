"""The event log's public surface: `record` writes; `events`, `state`, `catalogue` and `history` read.

Everything that is learned enters as a `Listing`, everything that is known leaves as a `State` or an `Event`. Instants
are aware datetimes, or sequence numbers, which stand for the end of their sync; None is the head.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from eventstore import confirmation, generations, names, replay, sqlite
from eventstore.archive import Archive
from eventstore.canonical import Document, parse
from eventstore.errors import BrokenHistory
from eventstore.model import (
    Category,
    Entity,
    Entry,
    Event,
    Issue,
    Kind,
    Listing,
    Recorded,
    Rules,
    Scope,
    State,
    Status,
    Version,
    from_ms,
    to_ms,
)
from eventstore.positions import Instant, Position, find_position
from eventstore.recorder import Recorder

_EVENTS: Final = """
SELECT e.seq, c.source, c.name, t.key, e.parent, e.scope, e.kind, n.observed_at, e.not_before, n.sync, e.hash,
       CAST(e.body AS BLOB)
FROM event_{g} e JOIN entry n ON n.id = e.entry JOIN entity_{g} t ON t.id = e.entity
JOIN category_{g} c ON c.id = e.category
"""


class EventLog:
    """One generation of the log: the current one, or one that is being built. Made by `Record`."""

    def __init__(self, db: sqlite3.Connection, archive: Archive, path: Path, *, generation: int | None = None) -> None:
        self._db = db
        self._archive = archive
        self._path = path
        self._fixed = generation
        self._recorder: Recorder | None = None
        self._scopes: dict[int, Scope] = {}

    # -- writing

    def record(
        self, sync: int, listings: Sequence[Listing], *, issues: Sequence[Issue] = (), status: Status = Status.SUCCESS
    ) -> Recorded:
        """Append what the listings of a closed sync say, as events that carry one `observed_at`, and commit a root.

        Needs the record's `transaction()`. A sync that is not later than the head gets the head's time plus 1 ms; to
        lay older ones down in their place is `rebuild`'s work. Raises `CategoryTaken`.
        """
        generation = self.generation
        if self._recorder is None or self._recorder.generation != generation:
            self._recorder = Recorder(self._db, self._archive, generation)
        return self._recorder.record(sync, listings, issues, status)

    def begin_generation(self, rules: Mapping[str, Rules], *, made_at: datetime) -> EventLog:
        """Start the next generation, empty and seen by nobody; `rules` (by resource) are those it will be made under.

        Record every sync into it, in time order, in as many transactions as you like; then `adopt` it. One that was
        left unfinished is discarded.
        """
        hashes = {resource: each.hash for resource, each in rules.items()}
        number = generations.begin(self._db, hashes, made_at=made_at)
        return EventLog(self._db, self._archive, self._path, generation=number)

    def adopt(self, finished: EventLog) -> None:
        """Make a finished generation the current one; readers see the old one or the new one, whole."""
        generations.adopt(self._db, finished.generation)
        self.forget()

    def discard_unfinished(self) -> None:
        """Remove a generation whose building was given up: nothing may be recorded after its entries."""
        generations.discard_unfinished(self._db)

    def forget(self) -> None:
        """Drop everything remembered: what a transaction wrote was rolled back, or the log is another one now."""
        self._recorder = None
        self._scopes.clear()

    # -- positions

    @property
    def generation(self) -> int:
        """The number of the generation that is read and written."""
        return generations.current(self._db) if self._fixed is None else self._fixed

    def position(self, at: Instant | None = None) -> Position:
        """The place that an instant comes to. Raises `BeyondHead` for a number that the log has not reached."""
        with self._reading() as generation:
            return find_position(self._db, generation, at)

    # -- names

    def categories(self) -> list[Category]:
        """All categories of the log, by address."""
        with self._reading() as g:
            rows = self._db.execute(
                "SELECT c.source, c.name, c.resource, count(t.hash), count(t.id) "
                f"FROM category_{g} c LEFT JOIN entity_{g} t ON t.category = c.id "
                "GROUP BY c.id ORDER BY c.source, c.name"
            )
            return [Category(*row) for row in rows]

    def find_category(self, address: str) -> tuple[str, str]:
        """Source and name of a category, given as `CATEGORY` or `SOURCE.CATEGORY`. Raises `UnknownCategory`."""
        with self._reading() as generation:
            return names.find_category(self._db, generation, address)[:2]

    def entity(self, address: str, key: str) -> Entity:
        """An entity that the log knows, live or gone. Raises `UnknownCategory`, `UnknownEntity`."""
        with self._reading() as generation:
            category = names.find_category(self._db, generation, address)
            names.find_entity(self._db, generation, category, key)
            return Entity(category.source, category.name, key)

    # -- reading

    def state(self, entity: Entity, *, at: Instant | None = None) -> State | None:
        """An entity as it stood, None where it was not there then (or never was).

        Raises `BeyondHead`, and `BrokenHistory` where the record is damaged.
        """
        with self._reading() as generation:
            number = names.entity_id(self._db, generation, entity)
            if number is None:
                return None
            position = find_position(self._db, generation, at)
            folded = replay.fold_entity(self._db, generation, number, position.seq)
            if folded is None:
                return None
            attempt = confirmation.confirming_attempt(
                self._db,
                generation,
                entity=number,
                scope=folded.scope,
                since=folded.entry,
                until=position.entry,
            )
            since = self._db.execute("SELECT observed_at FROM entry WHERE id = ?", (folded.entry,)).fetchone()[0]
            return State(
                entity,
                folded.parent,
                self._scope(folded.scope),
                folded.seq,
                from_ms(since),
                folded.content,
                *self._confirmed(attempt, folded.seq),
            )

    def catalogue(self, category: str, *, at: Instant | None = None) -> dict[str, State]:
        """All entities of a category (`CATEGORY` or `SOURCE.CATEGORY`) that stood then, by key, in order of key.

        Raises `UnknownCategory`, `BeyondHead`, and `BrokenHistory` where the record is damaged.
        """
        with self._reading() as generation:
            source, name, number = names.find_category(self._db, generation, category)
            position = find_position(self._db, generation, at)
            folded = replay.fold_category(self._db, generation, number, position.seq)
            confirmed = confirmation.Confirmations(self._db, generation, position.entry)
            return {
                row.key: State(
                    Entity(source, name, row.key),
                    row.parent,
                    self._scope(row.scope),
                    row.seq,
                    from_ms(row.at),
                    content,
                    *self._confirmed(confirmed.of(row.entity, row.scope, row.entry), row.seq),
                )
                for row, content in folded
            }

    def events(
        self,
        category: str | None = None,
        key: str | None = None,
        *,
        since: datetime | None = None,
        until: Instant | None = None,
        after: int = 0,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events in `seq` order: of everything, a category, or one entity.

        `since` and `until` bound `observed_at`, both included; `after` leaves out events up to that number. Raises as
        `catalogue` and `entity` do. A rebuild meanwhile ends the iteration with an error: read inside `snapshot()` to
        be safe from it.
        """
        with self._reading() as generation:
            where, values = self._filter(generation, category, key, since, until, after)
            order = "DESC" if newest_first else "ASC"
            query = f"{_EVENTS.format(g=generation)} WHERE {where} ORDER BY e.seq {order}"
            rows = self._db.execute(query, values)
        with sqlite.explained(self._path):
            for row in rows:
                yield self._event(row)

    def history(self, entity: Entity) -> list[Version]:
        """All that ever happened to an entity, each with the document that resulted. Empty if it never was.

        Raises `BrokenHistory` where the record is damaged.
        """
        with self._reading() as generation:
            if names.entity_id(self._db, generation, entity) is None:
                return []
            events = list(self.events(f"{entity.source}.{entity.category}", entity.key))
        versions: list[Version] = []
        content: Document | None = None
        for event in events:
            content = replay.next_content(event, content)
            versions.append(Version(event, content))
        return versions

    # -- bookkeeping

    def entries(self, *, every_generation: bool = False) -> list[Entry]:
        """The entries of the chain, oldest first: of this generation, or of all that ever were."""
        with self._reading() as generation:
            where = "generation <= ?" if every_generation else "generation = ?"
            rows = self._db.execute(
                "SELECT id, generation, kind, root, sync, observed_at, seq, status, appeared, changed, disappeared, "
                f"unchanged FROM entry WHERE {where} ORDER BY id",
                (generation,),
            )
            return [_entry(row) for row in rows.fetchall()]

    def issues(self, *, sync: int | None = None) -> list[tuple[int, Issue]]:
        """Issues with the sync that found each, oldest first."""
        with self._reading() as generation:
            where = "" if sync is None else "WHERE n.sync = ?"
            rows = self._db.execute(
                "SELECT n.sync, i.code, i.message, i.attempt, i.key, i.path "
                f"FROM issue_{generation} i JOIN entry n ON n.id = i.entry {where} ORDER BY i.id",
                () if sync is None else (sync,),
            )
            return [(row[0], Issue(*row[1:])) for row in rows]

    def recorded_syncs(self) -> frozenset[int]:
        """Ids of the syncs that are in this generation; others are only archived, until a rebuild."""
        with self._reading() as generation:
            rows = self._db.execute("SELECT sync FROM entry WHERE generation = ? AND kind = 'sync'", (generation,))
            return frozenset(row[0] for row in rows)

    # -- helpers

    @contextlib.contextmanager
    def _reading(self) -> Iterator[int]:
        """One snapshot, with the generation that is current in it."""
        with sqlite.explained(self._path), sqlite.transaction(self._db, write=False):
            yield self.generation

    def _scope(self, number: int) -> Scope:
        scope = self._scopes.get(number)
        if scope is None:
            row = self._db.execute("SELECT source, resource, params FROM scope WHERE id = ?", (number,)).fetchone()
            scope = self._scopes[number] = Scope.of(row[0], row[1], parse(row[2]))
        return scope

    def _confirmed(self, attempt: int | None, seq: int) -> tuple[int, datetime]:
        row = self._db.execute("SELECT id, received_at FROM attempt WHERE id = ?", (attempt,)).fetchone()
        if row is None:
            raise BrokenHistory(f"event {seq} has no attempt that confirms it", seq=seq)
        return row[0], from_ms(row[1])

    def _filter(
        self,
        generation: int,
        category: str | None,
        key: str | None,
        since: datetime | None,
        until: Instant | None,
        after: int,
    ) -> tuple[str, list[Any]]:
        where, values = ["e.seq > ?", "e.seq <= ?"], [after, find_position(self._db, generation, until).seq]
        if since is not None:
            before = find_position(self._db, generation, from_ms(to_ms(since) - 1))
            where.append("e.seq > ?")
            values.append(before.seq)
        if category is not None:
            found = names.find_category(self._db, generation, category)
            where.append("e.category = ?")
            values.append(found.id)
            if key is not None:
                where[-1:], values[-1:] = ["e.entity = ?"], [names.find_entity(self._db, generation, found, key)]
        return " AND ".join(where), values

    def _event(self, row: tuple[Any, ...]) -> Event:
        seq, source, name, key, parent, scope, kind, observed_at, not_before, sync, digest, body = row
        return Event(
            seq,
            Entity(source, name, key),
            parent,
            self._scope(scope),
            Kind(kind),
            from_ms(observed_at),
            None if not_before is None else from_ms(not_before),
            sync,
            digest.hex(),
            body,
        )


def _entry(row: tuple[Any, ...]) -> Entry:
    number, generation, kind, root, sync, observed_at, seq, status, *counts = row
    return Entry(
        number,
        generation,
        kind,
        root.hex(),
        sync,
        None if observed_at is None else from_ms(observed_at),
        seq,
        None if status is None else Status(status),
        *counts,
    )
