"""Recording: what a sync's listings do to the log, carried out. `fold.decide` decides; this writes.

One recorder serves one writer: it remembers what is live between syncs, and must be thrown away after a rollback.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from eventstore import chain, confirmation, replay
from eventstore.archive import Archive
from eventstore.canonical import NOTHING_DIGEST, Document, encode
from eventstore.errors import CategoryTaken, EventStoreError
from eventstore.fold import Decision, Draft, Head, Seen, Sighting, decide
from eventstore.heads import Heads, Known
from eventstore.model import Issue, Kind, Listing, Recorded, Scope, Status, from_ms
from eventstore.patch import diff

REQUESTED_KEPT: Final = 10_000  # attempts whose time is remembered


class Recorder:
    """Writes one generation of the log. Needs a transaction around each call."""

    def __init__(self, db: sqlite3.Connection, archive: Archive, generation: int) -> None:
        self._db = db
        self._archive = archive
        self.generation = self._generation = generation
        self._heads = Heads(db, generation)
        self._categories: dict[tuple[str, str], int] = {}
        self._owners: dict[tuple[str, str], str] = {}  # resources, by category
        self._confirmed = confirmation.Confirmations(db, generation, 0)  # before the entry that is being written
        self._events_since: dict[int, int] = {}  # the last catalogue keyframe, by category
        self._live: dict[int, int] = {}  # entities, by category
        self._requested: dict[int, int] = {}  # when an attempt was asked, milliseconds

    def record(self, sync: int, listings: Sequence[Listing], issues: Sequence[Issue], status: Status) -> Recorded:
        """Append what a closed sync's listings say. See `EventLog.record`."""
        self._heads.trim()
        entry, first, observed_at = self._open_entry(sync, status)
        seen = [Seen(self._archive.scope_id(listing.scope), listing) for listing in listings]
        self._register_categories(entry, listings)
        decision = decide(seen, self._heads)
        self._confirmed = confirmation.Confirmations(self._db, self._generation, entry - 1)
        self._write_listings(entry, seen)
        last = self._write_events(entry, first, decision.drafts)
        self._write_exceptions(entry, decision)
        self._write_issues(entry, [*issues, *decision.issues])
        self._write_catalogues(last)
        counts = self._close_entry(entry, last, decision)
        root = seal(self._db, entry, chain.digest(chain.entry_lines(self._db, self._generation, entry, first, last)))
        found = len(issues) + len(decision.issues)
        return Recorded(status, from_ms(observed_at), last, *counts, found, root.hex())

    # -- the entry

    def _open_entry(self, sync: int, status: Status) -> tuple[int, int, int]:
        at = self._db.execute("SELECT at FROM sync WHERE id = ?", (sync,)).fetchone()
        if at is None or at[0] is None:
            raise EventStoreError(f"sync {sync} is not closed: it cannot be recorded yet")
        entry = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM entry").fetchone()[0]
        head = self._db.execute(
            "SELECT seq, observed_at FROM entry WHERE generation = ? AND kind = 'sync' "
            "ORDER BY observed_at DESC LIMIT 1",
            (self._generation,),
        ).fetchone()
        seq, observed_at = (0, at[0]) if head is None else (head[0], max(at[0], head[1] + 1))
        self._db.execute(
            "INSERT INTO entry (id, generation, kind, sync, observed_at, seq, status, digest, root) "
            "VALUES (?, ?, 'sync', ?, ?, ?, ?, x'', x'')",
            (entry, self._generation, sync, observed_at, seq, status.value),
        )
        return entry, seq, observed_at

    def _close_entry(self, entry: int, last: int, decision: Decision) -> tuple[int, int, int, int]:
        kinds = [draft.kind for draft in decision.drafts]
        counts = (
            kinds.count(Kind.APPEARED),
            kinds.count(Kind.CHANGED),
            kinds.count(Kind.DISAPPEARED),
            decision.unchanged,
        )
        self._db.execute(
            "UPDATE entry SET seq = ?, appeared = ?, changed = ?, disappeared = ?, unchanged = ? WHERE id = ?",
            (last, *counts, entry),
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
        absent = confirmation.last_absent(
            self._db, self._generation, key=draft.entity[2], scope=draft.scope, since=gone, until=entry - 1
        )
        if absent is not None:
            return self._asked(absent)
        return None if known is None else self._first_asked(gone)

    def _asked(self, attempt: int) -> int:
        if attempt not in self._requested:
            if len(self._requested) >= REQUESTED_KEPT:
                self._requested.clear()
            row = self._db.execute("SELECT requested_at FROM attempt WHERE id = ?", (attempt,)).fetchone()
            self._requested[attempt] = row[0]
        return self._requested[attempt]

    def _first_asked(self, entry: int) -> int | None:
        # it went with its parent: any answer of that sync may be the evidence, the earliest is safe
        row = self._db.execute(
            "SELECT min(a.requested_at) FROM attempt a JOIN entry n ON n.sync = a.sync WHERE n.id = ?", (entry,)
        ).fetchone()
        return None if row[0] is None else int(row[0])

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
            "SET parent_category = ?, parent = ?, scope = ?, seq = ?, hash = ? WHERE id = ?",
            (draft.parent_category, draft.parent, draft.scope, seq, _digest(draft.document), known.id),
        )

    # -- beside the events

    def _write_listings(self, entry: int, seen: Sequence[Seen]) -> None:
        self._db.executemany(
            f"INSERT INTO listing_{self._generation} (scope, entry, attempt, complete) VALUES (?, ?, ?, ?)",
            [(each.scope, entry, each.listing.attempt, int(each.listing.complete)) for each in seen],
        )
        self._db.executemany(
            f"INSERT INTO unread_{self._generation} (scope, key, entry) VALUES (?, ?, ?)",
            [
                (each.scope, key, entry)
                for each in seen
                if each.listing.complete
                for key in sorted(each.listing.present)
            ],
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
            f"INSERT INTO unconfirmed_{self._generation} (entity, entry) VALUES (?, ?)",
            [(self._heads.existing(entity).id, entry) for entity in decision.unconfirmed],
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
        self._live[category] = self._db.execute(live, (category,)).fetchone()[0]
        self._events_since[category] = self._db.execute(since, (category, category)).fetchone()[0]

    def _write_catalogues(self, seq: int) -> None:
        for category, events in self._events_since.items():
            if replay.catalogue_due(events, self._live[category]):
                rows = replay.fold_category(self._db, self._generation, category, seq)
                self._db.execute(
                    f"INSERT INTO catalogue_{self._generation} (category, seq, size, body) VALUES (?, ?, ?, ?)",
                    (category, seq, *replay.pack_keyframe(replay.catalogue_body(rows))),
                )
                self._events_since[category] = 0


def seal(db: sqlite3.Connection, entry: int, digest: bytes) -> bytes:
    """Give an entry its digest and the root that follows from the previous one; return the root."""
    previous = db.execute("SELECT root FROM entry WHERE id < ? ORDER BY id DESC LIMIT 1", (entry,)).fetchone()
    root = chain.next_root(previous[0] if previous else chain.FIRST_ROOT, digest)
    db.execute("UPDATE entry SET digest = ?, root = ? WHERE id = ?", (digest, root, entry))
    return root


def _digest(document: Document | None) -> bytes | None:
    return None if document is None else document.digest
