"""Recording: what a sync's listings do to the log, carried out. `fold.decide` decides; this writes.

One recorder serves one writer: it remembers what is live between syncs, and must be thrown away after a rollback.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from eventstore import chain, confirmation, outcome, replay, schema, segments
from eventstore.archive import Archive
from eventstore.canonical import NOTHING_DIGEST, Document, encode, parse
from eventstore.errors import CategoryTaken, EventStoreError
from eventstore.fold import Decision, Draft, Head, Seen, Sighting, decide
from eventstore.heads import Heads, Known
from eventstore.model import Issue, Kind, Listing, Recorded, Repeat, Result, Scope, Status, from_ms
from eventstore.patch import diff
from eventstore.roots import seal
from eventstore.skipped import next_entry

REQUESTED_KEPT: Final = 10_000  # attempts whose time is remembered

_RULES: Final = """
SELECT a.address, y.rules FROM sync_rules y JOIN resource a ON a.id = y.resource WHERE y.sync = ? ORDER BY a.address
"""


class Learned(msgspec.Struct, frozen=True):
    """What is to be recorded of a sync. See `EventLog.record`."""

    listings: Sequence[Listing]
    repeats: Sequence[Repeat] = ()
    issues: Sequence[Issue] = ()
    status: Status | None = None
    believed: bool = False


class Recorder:
    """Writes one generation of the log. Needs a transaction around each call."""

    def __init__(self, db: sqlite3.Connection, archive: Archive, generation: int) -> None:
        self._db = db
        self._archive = archive
        self.generation = self._generation = generation
        self._heads = Heads(db, generation)
        self._categories: dict[tuple[str, str], int] = {}
        self._owners: dict[tuple[str, str], str] = {}  # resources, by category
        self._evidence = confirmation.Evidence(db, generation, archive.attempt_rows)
        self._confirmed = confirmation.Confirmations(self._evidence, 0)  # before the entry that is being written
        self._rebuilt = _rules_of_rebuild(db, generation)
        self._events_since: dict[int, int] = {}  # the last catalogue keyframe, by category
        self._live: dict[int, int] = {}  # entities, by category
        self._requested: dict[int, int] = {}  # when an attempt was asked, milliseconds

    def record(self, sync: int, learned: Learned) -> Recorded:
        """Append what a closed sync's listings say. See `EventLog.record`."""
        self._heads.trim()
        entry, first, observed_at = self._open_entry(sync)
        seen, repeated, decision = self._decide(learned)
        self._register_categories(entry, [each.listing for each in seen])
        self._confirmed = confirmation.Confirmations(self._evidence, entry - 1)
        results, status = self._outcome(sync, learned.status, seen, repeated, decision)
        self._write_listings(entry, sync, seen, repeated, decision)
        last = self._write_events(entry, first, decision.drafts)
        self._write_exceptions(entry, decision)
        self._write_issues(entry, [*learned.issues, *decision.issues])
        self._write_results(entry, results)
        self._write_catalogues(last)
        counts = self._close_entry(entry, last, status, decision)
        root = seal(self._db, entry, chain.digest(chain.entry_lines(self._db, self._generation, entry, first, last)))
        found = len(learned.issues) + len(decision.issues)
        doubted = len(decision.doubted)
        return Recorded(status, from_ms(observed_at), last, *counts, found, root.hex(), tuple(results), doubted)

    def _decide(self, learned: Learned) -> tuple[list[Seen], set[int], Decision]:
        """Decide what to write; repeated answers that overlap with other listings are read first."""
        scope_id = self._archive.scope_id
        seen = [Seen(scope_id(listing.scope), listing) for listing in learned.listings]
        repeats = {scope_id(repeat.scope): repeat for repeat in learned.repeats}
        while True:
            decision = decide(seen, self._heads, repeated=repeats.keys(), believed=learned.believed)
            if not decision.overlaps:
                return seen, set(repeats), decision
            seen.extend(Seen(scope, repeats.pop(scope).read()) for scope in sorted(decision.overlaps))
            seen.sort(key=lambda each: each.listing.attempt)

    def _outcome(
        self, sync: int, status: Status | None, seen: Sequence[Seen], repeated: AbstractSet[int], decision: Decision
    ) -> tuple[list[Result], Status]:
        archived = self._archive.sync(sync)
        scopes = map(self._archive.scope, self._archive.attempt_rows.block(sync).scopes)
        found = outcome.results(
            archived.rules,
            asked=outcome.planned(archived.report, scopes),
            seen=seen,
            repeated=map(self._archive.scope, repeated),
            interrupted=archived.interrupted,
        )
        whole = outcome.whole(found, interrupted=archived.interrupted) if found else Status.SUCCESS
        whole = status or whole
        doubtful = whole is Status.SUCCESS and decision.doubted
        return outcome.with_doubts(found, decision, seen), Status.PARTIAL if doubtful else whole

    # -- the entry

    def _open_entry(self, sync: int) -> tuple[int, int, int]:
        row = self._db.execute("SELECT at FROM sync WHERE id = ?", (sync,)).fetchone()
        if row is None or row[0] is None:
            raise EventStoreError(f"sync {sync} is not closed: it cannot be recorded yet")
        at = row[0] + self._archive.attempt_rows.shift(sync)
        entry = next_entry(self._db)
        head = self._db.execute(
            "SELECT seq, observed_at FROM entry WHERE generation = ? AND kind = 'sync' "
            "ORDER BY observed_at DESC LIMIT 1",
            (self._generation,),
        ).fetchone()
        seq, observed_at = (0, at) if head is None else (head[0], max(at, head[1] + 1))
        self._db.execute(
            "INSERT INTO entry (id, generation, kind, sync, observed_at, seq, digest, root) "
            "VALUES (?, ?, 'sync', ?, ?, ?, x'', x'')",
            (entry, self._generation, sync, observed_at, seq),
        )
        return entry, seq, observed_at

    def _close_entry(self, entry: int, last: int, status: Status, decision: Decision) -> tuple[int, int, int, int]:
        kinds = [draft.kind for draft in decision.drafts]
        counts = (
            kinds.count(Kind.APPEARED),
            kinds.count(Kind.CHANGED),
            kinds.count(Kind.DISAPPEARED),
            decision.unchanged,
        )
        self._db.execute(
            "UPDATE entry SET seq = ?, status = ?, appeared = ?, changed = ?, disappeared = ?, unchanged = ? "
            "WHERE id = ?",
            (last, status.value, *counts, entry),
        )
        return counts

    # -- events

    def _write_events(self, entry: int, first: int, drafts: Sequence[Draft]) -> int:
        rows, keyframes = [], []
        for seq, draft in enumerate(drafts, first + 1):
            known, row = self._event(seq, entry, draft)
            rows.append(row)
            body = self._keyframe(draft, known)
            if body is not None:
                keyframes.append((known.id, seq, *replay.pack_keyframe(body)))
                known.patches = known.patch_bytes = 0
        self._db.executemany(
            f"INSERT INTO event_{self._generation} "
            "(seq, entry, entity, category, parent_category, parent, scope, kind, not_before, hash, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        self._db.executemany(
            f"INSERT INTO keyframe_{self._generation} (entity, seq, size, body) VALUES (?, ?, ?, ?)",
            keyframes,
        )
        return first + len(rows)

    def _keyframe(self, draft: Draft, known: Known) -> bytes | None:
        """The body of the keyframe that is due after an event, None where none is."""
        if draft.kind is not Kind.CHANGED or draft.document is None:
            return None
        body = draft.document.canonical
        return body if replay.keyframe_due(known.patches, known.patch_bytes, len(body)) else None

    def _event(self, seq: int, entry: int, draft: Draft) -> tuple[Known, tuple[Any, ...]]:
        known = self._heads.known(draft.entity)
        self._load_counts(self._categories[draft.entity[:2]] if known is None else known.category)
        not_before = self._not_before(entry, draft, known)
        body = self._body(draft, known)
        digest = NOTHING_DIGEST if draft.document is None else draft.document.digest
        head = self._head(draft)
        if known is None:
            known = self._new_entity(seq, entry, draft)
        else:
            self._update_entity(seq, known, draft)
        known.seq, known.entry, known.scope, known.content = seq, entry, draft.scope, draft.document
        self._heads.update(draft.entity, known, head)
        self._count(known.category, draft.kind)
        text = None if body is None else body.decode()
        parent = draft.parent_category, draft.parent
        origin = draft.scope, draft.kind.value, not_before
        return known, (seq, entry, known.id, known.category, *parent, *origin, digest, text)

    def _body(self, draft: Draft, known: Known | None) -> bytes | None:
        if draft.document is None:
            return None
        if draft.kind is Kind.APPEARED or known is None or draft.head is None:
            if known is not None:
                known.patches = known.patch_bytes = 0
            return draft.document.canonical
        patch = encode(diff(self._heads.document(draft.head).value, draft.document.value))
        known.patches += 1
        known.patch_bytes += len(patch)
        return patch

    def _head(self, draft: Draft) -> Head | None:
        if draft.document is None:
            return None
        return Head(*draft.entity, draft.parent_category, draft.parent, draft.scope, draft.document.digest)

    def _not_before(self, entry: int, draft: Draft, known: Known | None) -> int | None:
        """When the opposite was last confirmed: the old value, or (of what appears) the absence."""
        if known is not None and known.head is not None:
            attempt = self._confirmed.of(known.id, known.scope, known.entry)
            return None if attempt is None else self._asked(attempt)
        gone = 0 if known is None else known.entry
        absent = self._evidence.last_absent(key=draft.entity[2], scope=draft.scope, since=gone, until=entry - 1)
        if absent is not None:
            return self._asked(absent)
        return None if known is None else self._first_asked(gone)

    def _asked(self, attempt: int) -> int:
        if attempt not in self._requested:
            if len(self._requested) >= REQUESTED_KEPT:
                self._requested.clear()
            self._requested[attempt] = self._archive.attempt_rows.times(attempt)[0]
        return self._requested[attempt]

    def _first_asked(self, entry: int) -> int | None:
        # it went with its parent: any answer of that sync may be the evidence, the earliest is safe
        sync = self._db.execute("SELECT sync FROM entry WHERE id = ?", (entry,)).fetchone()[0]
        rows = self._archive.attempt_rows.block(sync).rows
        return min((row.requested_at for row in rows), default=None)

    def _new_entity(self, seq: int, entry: int, draft: Draft) -> Known:
        source, category, key = draft.entity
        category_id = self._categories[source, category]
        cursor = self._db.execute(
            f"INSERT INTO entity_{self._generation} "
            "(category, key, parent_category, parent, scope, seq, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (category_id, key, draft.parent_category, draft.parent, draft.scope, seq, _digest(draft.document)),
        )
        number = int(cursor.lastrowid or 0)
        return Known(number, category_id, seq, entry, draft.scope, None)

    def _update_entity(self, seq: int, known: Known, draft: Draft) -> None:
        self._db.execute(
            f"UPDATE entity_{self._generation} "
            "SET parent_category = ?, parent = ?, scope = ?, seq = ?, hash = ?, entry = NULL, origin = NULL "
            "WHERE id = ?",
            (draft.parent_category, draft.parent, draft.scope, seq, _digest(draft.document), known.id),
        )

    # -- beside the events

    def _write_listings(
        self, entry: int, sync: int, seen: Sequence[Seen], repeated: AbstractSet[int], decision: Decision
    ) -> None:
        g = self._generation
        rules = self._rules(sync)
        self._db.executemany(
            f"INSERT INTO listing_{g} (scope, entry, attempt, complete, rules, settled) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    each.scope,
                    entry,
                    each.listing.attempt,
                    int(each.listing.complete),
                    rules.get(f"{each.listing.scope.source}.{each.listing.scope.resource}"),
                    int(each.scope in decision.settled),
                )
                for each in seen
            ],
        )
        self._db.executemany(
            f"INSERT INTO unread_{g} (scope, key, entry) VALUES (?, ?, ?)",
            [
                (each.scope, key, entry)
                for each in seen
                if each.listing.complete
                for key in sorted(each.listing.present)
            ],
        )
        self._db.executemany(
            f"INSERT INTO repeat_{g} (page, entry, mask) VALUES (?, ?, ?)",
            [(page, entry, mask) for page, mask in confirmation.masks(repeated).items()],
        )
        self._db.executemany(
            f"INSERT INTO disturbed_{g} (scope, entry) VALUES (?, ?)",
            [(scope, entry) for scope in sorted(decision.disturbed)],
        )

    def _rules(self, sync: int) -> dict[str, int]:
        """The numbers of the rules that a sync is read by, by resource: in a rebuild those that it was begun with."""
        if self._rebuilt is None:
            rows = self._db.execute(_RULES, (sync,))
            return dict(rows.fetchall())
        return self._rebuilt

    def _write_results(self, entry: int, results: Sequence[Result]) -> None:
        self._db.executemany(
            f"INSERT INTO result_{self._generation} (resource, entry, status, asked, listed, complete, doubted) "
            f"VALUES ({schema.RESOURCE}, ?, ?, ?, ?, ?, ?)",
            [(r.resource, entry, r.status.value, r.asked, r.listed, r.complete, r.doubted) for r in results],
        )

    def _write_exceptions(self, entry: int, decision: Decision) -> None:
        for sighting in decision.sightings:
            known = self._heads.existing(sighting.entity)
            self._db.execute(
                f"INSERT INTO sighting_{self._generation} (entity, entry, scope, parent_category, parent) "
                "VALUES (?, ?, ?, ?, ?)",
                (known.id, entry, sighting.scope, sighting.parent_category, sighting.parent),
            )
            if known.head is not None and known.head.scope != sighting.scope:
                self._move(sighting, known, known.head)
        self._db.executemany(
            f"INSERT INTO unconfirmed_{self._generation} (entity, entry, doubted) VALUES (?, ?, ?)",
            [
                (self._heads.existing(entity).id, entry, doubted)
                for doubted, entities in enumerate((decision.unconfirmed, decision.doubted))
                for entity in entities
            ],
        )

    def _move(self, sighting: Sighting, known: Known, head: Head) -> None:
        """Let another scope hold an entity, with the parent that it has there."""
        place = sighting.parent_category, sighting.parent, sighting.scope
        self._db.execute(
            f"UPDATE entity_{self._generation} SET parent_category = ?, parent = ?, scope = ? WHERE id = ?",
            (*place, known.id),
        )
        self._heads.update(sighting.entity, known, Head(*sighting.entity, *place, head.digest))

    def _write_issues(self, entry: int, issues: Sequence[Issue]) -> None:
        self._db.executemany(
            f"INSERT INTO issue_{self._generation} "
            "(entry, attempt, code, key, path, message) VALUES (?, ?, ?, ?, ?, ?)",
            [(entry, issue.attempt, issue.code, issue.key, issue.path, issue.message) for issue in issues],
        )

    def _register_categories(self, entry: int, listings: Sequence[Listing]) -> None:
        for listing in listings:
            for name in listing.categories:
                self._register_category(entry, listing.scope, name)

    def _register_category(self, entry: int, scope: Scope, name: str) -> None:
        if (scope.source, name) not in self._owners:
            table = f"category_{self._generation}"
            query = f"SELECT id, resource FROM {table} WHERE source = ? AND name = ?"
            row = self._db.execute(query, (scope.source, name)).fetchone()
            if row is None:
                insert = f"INSERT INTO {table} (source, name, resource, entry) VALUES (?, ?, ?, ?)"
                row = (self._db.execute(insert, (scope.source, name, scope.resource, entry)).lastrowid, scope.resource)
            self._categories[scope.source, name], self._owners[scope.source, name] = row
        owner = self._owners[scope.source, name]
        if owner != scope.resource:
            taken = f"category {name} of {scope.source} belongs to its resource {owner}"
            raise CategoryTaken(f"{taken}; {scope.resource} cannot yield it too")

    # -- catalogue keyframes

    def _count(self, category: int, kind: Kind) -> None:
        self._events_since[category] += 1
        self._live[category] += {Kind.APPEARED: 1, Kind.CHANGED: 0, Kind.DISAPPEARED: -1}[kind]

    def _load_counts(self, category: int) -> None:
        if category in self._live:
            return
        g = self._generation
        live = f"SELECT count(*) FROM entity_{g} WHERE category = ? AND hash IS NOT NULL"
        since = (
            f"SELECT count(*) FROM event_{g} WHERE category = ? AND seq > "
            f"(SELECT coalesce(max(seq), 0) FROM catalogue_{g} WHERE category = ?)"
        )
        sealed = f"SELECT NOT EXISTS (SELECT 1 FROM catalogue_{g} WHERE category = ?)"
        self._live[category] = self._db.execute(live, (category,)).fetchone()[0]
        self._events_since[category] = self._db.execute(since, (category, category)).fetchone()[0]
        if self._db.execute(sealed, (category,)).fetchone()[0]:
            segment = segments.close_of(self._db, g, category)
            self._events_since[category] += 0 if segment is None else segment.since

    def _write_catalogues(self, seq: int) -> None:
        for category, events in self._events_since.items():
            if replay.catalogue_due(events, self._live[category]):
                rows = replay.fold_category(self._db, self._generation, category, seq)
                self._db.execute(
                    f"INSERT INTO catalogue_{self._generation} (category, seq, size, body) VALUES (?, ?, ?, ?)",
                    (category, seq, *replay.pack_keyframe(replay.catalogue_body(rows))),
                )
                self._events_since[category] = 0


def _rules_of_rebuild(db: sqlite3.Connection, generation: int) -> dict[str, int] | None:
    """The numbers of the rules that a generation is being built by, None for one that is there."""
    row = db.execute("SELECT rules FROM generation WHERE id = ? AND state = 'building'", (generation,)).fetchone()
    if row is None:
        return None
    numbers = {digest.hex(): number for number, digest in db.execute("SELECT id, hash FROM rules")}
    return {resource: numbers[digest] for resource, digest in parse(row[0]).items() if digest in numbers}


def _digest(document: Document | None) -> bytes | None:
    return None if document is None else document.digest
