"""The event log's public surface: `record` writes; `events`, `changes`, `state`, `catalogue` and `history` read.

Everything that is learned enters as a `Listing`, everything that is known leaves as a `State` or an `Event`. Instants
are aware datetimes, or sequence numbers, which stand for the end of their sync; None is the head.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from eventstore import confirmation, generations, names, replay, schema, sqlite
from eventstore.archive import Archive
from eventstore.canonical import JSON, Document
from eventstore.compacted import ThinnedRange
from eventstore.errors import BrokenHistory, UnknownCategory
from eventstore.fields import tokens
from eventstore.model import (
    Category,
    Entity,
    Entry,
    Event,
    Issue,
    Kind,
    Listing,
    Recorded,
    Repeat,
    Rules,
    Scope,
    State,
    Status,
    Version,
    from_ms,
)
from eventstore.positions import Instant, Position, find_position, rules_at
from eventstore.reading import Events
from eventstore.recorder import Learned, Recorder
from eventstore.roots import Roots
from eventstore.selection import Selection
from eventstore.skipped import skipped_runs
from eventstore.walk import Change, Walk, concerns, may_concern

_ENTRIES: Final = (
    "SELECT id, generation, kind, sync, observed_at, seq, status, appeared, changed, disappeared, unchanged FROM entry"
)
_NEWEST: Final = (1 << 63) - 1
_SYNC_ENTRY: Final = "SELECT id, seq FROM entry WHERE generation = ? AND kind = 'sync'"


class EventLog:
    """One generation of the log: the current one, or one that is being built. Made by `Record`."""

    def __init__(self, db: sqlite3.Connection, archive: Archive, path: Path, *, generation: int | None = None) -> None:
        self._db = db
        self._archive = archive
        self._path = path
        self._fixed = generation
        self._recorder: Recorder | None = None

    # -- writing

    def record(
        self,
        sync: int,
        listings: Sequence[Listing],
        *,
        repeats: Sequence[Repeat] = (),
        issues: Sequence[Issue] = (),
        status: Status | None = None,
        believed: bool = False,
    ) -> Recorded:
        """Append what the listings of a closed sync say, as events that carry one `observed_at`, and commit a root.

        `repeats` are scopes whose answer says what it said before (see `settled`). `status` follows from what was asked
        and listed unless it is given. Where too much would disappear at once, nothing of that category does, and the
        sync is partial, unless a person has said that it is so (`believed`). Needs the record's `transaction()`. A sync
        that is not later than the head gets the head's time plus 1 ms; to lay older ones down in their place is
        `rebuild`'s work. Raises `CategoryTaken`.
        """
        generation = self.generation
        if self._recorder is None or self._recorder.generation != generation:
            self._recorder = Recorder(self._db, self._archive, generation)
        return self._recorder.record(sync, Learned(listings, repeats, issues, status, believed))

    def settled(self, scope: Scope, rules: Rules) -> int | None:
        """The attempt that a scope's settled listing was read from by these rules, None where nothing is settled.

        Settled is a complete listing of one answer, after which nothing else touched what it shows: the same answer
        again, read by the same rules, would change nothing.
        """
        number = self._archive.find_scope(scope)
        found = None if number is None else self._evidence(self.generation).settled(number)
        if found is None or found[1] != self._archive.find_rules(rules):
            return None
        return found[0]

    def last_listed_in(self, scope: Scope) -> int | None:
        """The sync in which a scope was last listed, completely or not, None before the first."""
        with self.reading() as generation:
            number = self._archive.find_scope(scope)
            return None if number is None else self._evidence(generation).last_listed_in(number)

    def begin_generation(
        self, rules: Mapping[str, Rules], *, made_at: datetime, copied: datetime | None = None
    ) -> EventLog:
        """Start the next generation, empty and seen by nobody; `rules` (by resource) are those it will be made under.

        Record every sync into it, in time order, in as many transactions as you like; then `adopt` it. One that was
        left unfinished is discarded. Where it is to say the same up to an instant (`copied`), `Record.copy_log` comes
        first.
        """
        hashes = {resource: each.hash for resource, each in rules.items()}
        number = generations.begin(self._db, hashes, made_at=made_at, copied=copied)
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

    # -- positions

    @contextlib.contextmanager
    def reading(self) -> Iterator[int]:
        """All that is read inside is of one moment, whatever is written meanwhile; gives the generation of it."""
        with sqlite.explained(self._path), sqlite.transaction(self._db, write=False):
            yield self.generation

    @property
    def generation(self) -> int:
        """The number of the generation that is read and written."""
        return generations.current(self._db) if self._fixed is None else self._fixed

    def position(self, at: Instant | None = None) -> Position:
        """The place that an instant comes to. Raises `BeyondHead` for a number that the log has not reached."""
        with self.reading() as generation:
            return find_position(self._db, generation, at)

    # -- names

    def categories(self) -> list[Category]:
        """All categories of the log, by address."""
        with self.reading() as g:
            rows = self._db.execute(
                "SELECT c.source, c.name, c.resource, count(t.hash), count(t.id) "
                f"FROM category_{g} c LEFT JOIN entity_{g} t ON t.category = c.id "
                "GROUP BY c.id ORDER BY c.source, c.name"
            )
            return [Category(*row) for row in rows]

    def category_names(self) -> list[tuple[str, str]]:
        """Source and name of each category, by address; nothing is counted for it."""
        with self.reading() as generation:
            return self._db.execute(f"SELECT source, name FROM category_{generation} ORDER BY source, name").fetchall()

    def find_category(self, address: str) -> tuple[str, str]:
        """Source and name of a category, given as `CATEGORY` or `SOURCE.CATEGORY`. Raises `UnknownCategory`."""
        with self.reading() as generation:
            return names.find_category(self._db, generation, address)[:2]

    def entity(self, address: str, key: str) -> Entity:
        """An entity that the log knows, live or gone. Raises `UnknownCategory`, `UnknownEntity`."""
        with self.reading() as generation:
            category = names.find_category(self._db, generation, address)
            names.find_entity(self._db, generation, category, key)
            return Entity(category.source, category.name, key)

    # -- reading

    def state(self, entity: Entity, *, at: Instant | None = None) -> State | None:
        """An entity as it stood, None where it was not there then (or never was).

        Raises `BeyondHead`, and `BrokenHistory` where the record is damaged.
        """
        with self.reading() as generation:
            number = names.entity_id(self._db, generation, entity)
            if number is None:
                return None
            position = find_position(self._db, generation, at)
            folded = replay.fold_entity(self._db, generation, number, position.seq)
            if folded is None:
                return None
            attempt = self._evidence(generation).confirming_attempt(
                entity=number,
                scope=folded.scope,
                since=folded.entry,
                until=position.entry,
            )
            since = self._db.execute("SELECT observed_at FROM entry WHERE id = ?", (folded.entry,)).fetchone()[0]
            return State(
                entity,
                folded.parent,
                self._archive.scope(folded.scope),
                folded.seq,
                from_ms(since),
                folded.content,
                *self._confirmed(attempt, folded.seq),
            )

    def catalogue(self, category: str, *, at: Instant | None = None) -> dict[str, State]:
        """All entities of a category (`CATEGORY` or `SOURCE.CATEGORY`) that stood then, by key, in order of key.

        Raises `UnknownCategory`, `BeyondHead`, and `BrokenHistory` where events do not fold. Hashes are not compared,
        for speed: `state` does, and `verify`.
        """
        with self.reading() as generation:
            source, name, number, _ = names.find_category(self._db, generation, category)
            position = find_position(self._db, generation, at)
            folded = replay.fold_category(self._db, generation, number, position.seq)
            confirmed = confirmation.Confirmations(self._evidence(generation), position.entry)
            return {
                row.key: State(
                    Entity(source, name, row.key),
                    row.parent,
                    self._archive.scope(row.scope),
                    row.seq,
                    from_ms(row.at),
                    content,
                    *self._confirmed(confirmed.of(row.entity, row.scope, row.entry), row.seq),
                )
                for row, content in folded
            }

    def events(  # noqa: PLR0913  # a filter for each thing that is asked
        self,
        category: str | None = None,
        key: str | None = None,
        *,
        pattern: str | None = None,
        kinds: Collection[Kind] | None = None,
        since: datetime | None = None,
        until: Instant | None = None,
        after: int = 0,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events in `seq` order: of everything, a category, one entity, or those whose keys match a pattern.

        In `pattern` a `*` stands for any text, `?` for one character, `[abc]` for one of these. `since` and `until`
        bound `observed_at`, both included; `after` leaves out events up to that number. Raises as `catalogue` and
        `entity` do. Until the iterator has ended or is closed, all that this record reads is of the time when it began.
        """
        wanted = Selection(
            category=category, key=key, pattern=pattern, kinds=kinds, since=since, until=until, after=after
        )
        return self._events(wanted, newest_first=newest_first)

    def between(self, after: int, until: int, *, category: str | None = None) -> Iterator[Event]:
        """Events numbered behind `after`, up to `until`, as the log has them now.

        For who has read what was before as it is now: what was thinned there makes no difference to them.
        """
        wanted = Selection(
            category=category,
            key=None,
            pattern=None,
            kinds=None,
            since=None,
            until=None,
            after=0,
            stretch=(after, until),
        )
        return self._events(wanted, newest_first=False)

    def changes(  # noqa: PLR0913  # a filter for each thing that is asked
        self,
        category: str | None = None,
        key: str | None = None,
        *,
        pattern: str | None = None,
        path: str | None = None,
        kinds: Collection[Kind] | None = None,
        since: datetime | None = None,
        until: Instant | None = None,
        after: int = 0,
        newest_first: bool = False,
    ) -> Iterator[Change]:
        """Events as `events` gives them, each with the documents before and after it.

        `path`, a JSON Pointer, leaves only those after which another value stands there than before, or none. Raises
        as `events` does, `NotAPointer`, `BrokenHistory` where the record is damaged, and `LogRebuilt` where the log was
        rebuilt behind the last event: inside `reading()` it is not.
        """
        place = None if path is None else tokens(path)
        wanted = Selection(
            category=category, key=key, pattern=pattern, kinds=kinds, since=since, until=until, after=after
        )
        walk = self.walk()
        with sqlite.explained(self._path):
            for event in self._events(wanted, newest_first=newest_first):
                if place is None:
                    yield walk.around(event)
                elif may_concern(event, place) and concerns(change := walk.around(event), place):
                    yield change

    def walk(self, *, every: bool = False, checked: bool = True, remembered: int | None = None) -> Walk:
        """What puts the documents around events of this generation; see `Walk`."""
        return Walk(self._db, self.generation, every=every, checked=checked, remembered=remembered)

    def history(self, entity: Entity, *, at: Instant | None = None) -> list[Version]:
        """All that happened to an entity up to an instant, each with the document that resulted. Empty if it never was.

        Documents share what did not change between them. Raises `BeyondHead`, and `BrokenHistory` where the record is
        damaged.
        """
        with self.reading() as generation:
            if names.entity_id(self._db, generation, entity) is None:
                return []
            events = list(self.events(entity.address, entity.key, until=at))
        versions: list[Version] = []
        content: Document | None = None
        for event in events:
            content = replay.next_content(event, content)
            versions.append(Version(event, content))
        return versions

    def confirmed(self, *, at: Instant | None = None) -> dict[Entity, datetime]:
        """When each entity that stood then was last confirmed (L8). Raises `BeyondHead`.

        No document is folded where nothing has happened since.
        """
        with self.reading() as generation:
            position = find_position(self._db, generation, at)
            if position.seq < find_position(self._db, generation, None).seq:
                addresses = [f"{source}.{name}" for source, name in self.category_names()]
                states = (state for each in addresses for state in self.catalogue(each, at=at).values())
                return {state.entity: state.confirmed_at for state in states}
            evidence = self._evidence(generation)
            confirmed = confirmation.Confirmations(evidence, position.entry)
            times: dict[int | None, datetime] = {}  # of attempts: each confirms many
            found: dict[Entity, datetime] = {}
            for each in replay.standing(self._db, generation, exceptions=evidence.has_exceptions()):
                attempt = confirmed.of(each.id, each.scope, each.entry, each.special)
                if attempt not in times:
                    times[attempt] = self._confirmed(attempt, each.seq)[1]
                found[Entity(each.source, each.category, each.key)] = times[attempt]
            return found

    # -- bookkeeping

    def live_keys(self, address: str) -> list[str]:
        """The keys of a category's live entities, in order. Raises `UnknownCategory`."""
        with self.reading() as g:
            number = names.find_category(self._db, g, address).id
            rows = self._db.execute(
                f"SELECT key FROM entity_{g} WHERE category = ? AND hash IS NOT NULL ORDER BY key", (number,)
            )
            return [row[0] for row in rows]

    def live_documents(self, address: str) -> dict[str, JSON]:
        """The documents of a category's live entities by key, as JSON values; empty where the category is not known."""
        try:
            return {key: state.document for key, state in self.catalogue(address).items()}
        except UnknownCategory:
            return {}

    def holding(self, resource: str) -> list[Scope]:
        """The scopes of a resource (`SOURCE.RESOURCE`) that hold live entities."""
        source, _, name = resource.partition(".")
        with self.reading() as g:
            rows = self._db.execute(
                f"SELECT DISTINCT t.scope FROM entity_{g} t JOIN scope s ON s.id = t.scope "
                "WHERE t.hash IS NOT NULL AND s.source = ? AND s.resource = ?",
                (source, name),
            )
            return [self._archive.scope(row[0]) for row in rows.fetchall()]

    def seq_before(self, sync: int) -> int:
        """The number of the last event before those of a sync; that of the last event where it is not recorded."""
        with self.reading() as generation:
            entry = f"{_SYNC_ENTRY} AND sync = ?"
            row = self._db.execute(entry, (generation, sync)).fetchone()
            before = 0 if row is None else self._seq_before(generation, row[0])
            return self.position().seq if row is None or row[1] == before else before

    def seq_of(self, sync: int) -> int:
        """The number of the last event up to and with a sync, 0 where the sync is not recorded."""
        with self.reading() as generation:
            query = "SELECT seq FROM entry WHERE sync = ? AND generation = ? AND kind = 'sync'"
            row = self._db.execute(query, (sync, generation)).fetchone()
            return 0 if row is None else int(row[0])

    def entries(self, *, every_generation: bool = False) -> list[Entry]:
        """The entries of the chain, oldest first: of this generation, or of all that ever were."""
        with self.reading() as generation:
            where = "generation <= ?" if every_generation else "generation = ?"
            rows = self._db.execute(f"{_ENTRIES} WHERE {where} ORDER BY id", (generation,))
            return self._of_chain(rows.fetchall())

    def chain_end(self) -> int:
        """The number of the last entry of the chain, whatever its kind; 0 where there is none."""
        with self.reading():
            return int(self._db.execute("SELECT coalesce(max(id), 0) FROM entry").fetchone()[0])

    def recorded(self, *, after: int = 0, until: Position | None = None, limit: int) -> list[Entry]:
        """The entries of recorded syncs of this generation behind entry `after`, up to a place, at most `limit`."""
        with self.reading() as generation:
            rows = self._db.execute(
                # by number: the index of times would have all entries sorted
                f"{_ENTRIES} WHERE id > ? AND id <= ? AND +generation = ? AND kind = 'sync' ORDER BY id LIMIT ?",
                (after, _NEWEST if until is None else until.entry, generation, limit),
            )
            return self._of_chain(rows.fetchall())

    def gaps(self, *, seq: int, entry: int) -> tuple[list[ThinnedRange], list[tuple[int, int]]]:
        """What compaction took that begins by event number `seq`; and by an entry of the chain, entries from and to."""
        with self.reading() as generation:
            thinned = self._db.execute(
                f"SELECT c.source || '.' || c.name, t.first, t.last FROM thinned_{generation} t "
                f"JOIN category_{generation} c ON c.id = t.category WHERE t.first <= ? ORDER BY t.category, t.last",
                (seq,),
            ).fetchall()
            skipped = skipped_runs(self._db, generation, until=entry)
        return [ThinnedRange(*row) for row in thinned], [(run.first, run.last) for run in skipped]

    def issues(self, *, sync: int | None = None) -> list[tuple[int, Issue]]:
        """Issues with the sync that found each, oldest first."""
        with self.reading() as generation:
            where = "" if sync is None else "WHERE n.sync = ?"
            rows = self._db.execute(
                "SELECT n.sync, i.code, i.message, i.attempt, i.key, i.path "
                f"FROM issue_{generation} i JOIN entry n ON n.id = i.entry {where} ORDER BY i.id",
                () if sync is None else (sync,),
            )
            return [(row[0], Issue(*row[1:])) for row in rows]

    def rules(self, *, at: Instant | None = None) -> dict[str, str]:
        """By which rules each resource (`SOURCE.RESOURCE`) was read at an instant.

        Values are hashes, whose text `Archive.rules_text` knows. What a rebuild laid down it read by those that were
        the newest then. Raises `BeyondHead`.
        """
        with self.reading() as generation:
            return rules_at(self._db, generation, find_position(self._db, generation, at))

    def syncs_asking(self, resource: str) -> list[int]:
        """The syncs and imports of this generation that asked for a resource (`SOURCE.RESOURCE`), the newest first."""
        with self.reading() as generation:
            rows = self._db.execute(
                "SELECT n.sync FROM sync_rules y CROSS JOIN entry n ON n.sync = y.sync AND n.generation = ? "
                "AND n.kind = 'sync' JOIN sync s ON s.id = n.sync AND s.cause IN ('sync', 'import') "
                f"WHERE y.resource = {schema.RESOURCE} ORDER BY n.id DESC",
                (generation, resource),
            )
            return [row[0] for row in rows]

    def doubted(self, resource: str) -> frozenset[Scope]:
        """The scopes of a resource (`SOURCE.RESOURCE`) of which the last complete listing was not believed."""
        with self.reading() as generation:
            scopes = (self._archive.scope(number) for number in self._evidence(generation).doubted())
            return frozenset(scope for scope in scopes if f"{scope.source}.{scope.resource}" == resource)

    def recorded_syncs(self) -> frozenset[int]:
        """Ids of the syncs that are in this generation; others are only archived, until a rebuild."""
        with self.reading() as generation:
            rows = self._db.execute("SELECT sync FROM entry WHERE generation = ? AND kind = 'sync'", (generation,))
            return frozenset(row[0] for row in rows)

    # -- helpers

    def _of_chain(self, rows: Sequence[tuple[Any, ...]]) -> list[Entry]:
        roots = Roots(self._db)
        return [_entry(row, roots.of(row[0])) for row in rows]

    def _seq_before(self, generation: int, entry: int) -> int:
        before = f"{_SYNC_ENTRY} AND id < ? ORDER BY id DESC LIMIT 1"
        row = self._db.execute(before, (generation, entry)).fetchone()
        return 0 if row is None else int(row[1])

    def _evidence(self, generation: int) -> confirmation.Evidence:
        return confirmation.Evidence(self._db, generation, self._archive.attempt_rows)

    def _confirmed(self, attempt: int | None, seq: int) -> tuple[int, datetime]:
        if attempt is None:
            raise BrokenHistory(f"event {seq} has no attempt that confirms it", seq=seq)
        return attempt, from_ms(self._archive.attempt_rows.times(attempt)[1])

    def _events(self, wanted: Selection, *, newest_first: bool) -> Iterator[Event]:
        with self.reading() as generation:
            events = Events(self._db, generation, self._archive).selected(wanted, newest_first=newest_first)
            event = next(events, None)
        with sqlite.explained(self._path):
            while event is not None:
                yield event
                event = next(events, None)


def _entry(row: tuple[Any, ...], root: bytes) -> Entry:
    number, generation, kind, sync, observed_at, seq, status, *counts = row
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
