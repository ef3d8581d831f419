"""Every event folded again by the `jsonpatch` library, and all that is derived from events compared with the result."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from typing import Final

import jsonpatch
import msgspec

from eventstore import replay, segments
from eventstore.canonical import JSON, NOTHING_DIGEST, Document, canonical, encode, parse
from eventstore.compression import unpack
from eventstore.errors import Damaged, Unreadable
from eventstore.positions import entry_of
from eventstore.progress import Progress
from eventstore.reading import merged
from eventstore.segments import Segment
from eventstore.stored import Stored
from eventstore.verification.finding import Finding
from eventstore.verification.opened import Opened

_ROWS: Final = """
SELECT seq, entry, entity, category, parent_category, parent, scope, kind, not_before, hash, CAST(body AS BLOB)
FROM event_{g} ORDER BY seq
"""


class _Entity(msgspec.Struct):
    """An entity as the events so far leave it; `value` counts only while it is live."""

    category: int
    key: str
    seq: int
    entry: int
    at: int
    parent_category: str | None
    parent: str | None
    scope: int
    sync: int | None
    live: bool = False
    value: JSON = None
    digest: bytes = NOTHING_DIGEST
    patches: int = 0
    patch_bytes: int = 0
    sealed: tuple[int, int] | None = None  # entry and scope of its last event, where that is sealed


def check(db: sqlite3.Connection, generation: int, progress: Progress) -> list[Finding]:
    """Fold the whole log; memory holds what is live."""
    folding = _Folding(db, generation)
    sealed = segments.listed(db, generation)
    total = db.execute(f"SELECT count(*) FROM event_{generation}").fetchone()[0]
    progress.start(total + sum(each.events for each in sealed), "events")
    rows = itertools.starmap(Stored, db.execute(_ROWS.format(g=generation)))
    for event in merged(sealed, folding.open, rows):
        folding.come_to(event.entry)
        folding.event(event)
        progress.advance()
    folding.end_entry()
    folding.leftovers()
    return folding.findings


class _Folding:
    """The fold, with what was found so far."""

    def __init__(self, db: sqlite3.Connection, generation: int) -> None:
        self.findings: list[Finding] = []
        self._db = db
        self._generation = generation
        self._entities: dict[int, _Entity] = {}
        self._live: dict[int, dict[int, _Entity]] = {}
        self._entry: int | None = None
        self._touched: dict[int, tuple[int, int | None]] = {}  # last seq and sync in this entry, by category
        self._keyframes = self._sync_of("keyframe", "entity")
        self._catalogues = self._sync_of("catalogue", "category")
        self._keys = dict(db.execute(f"SELECT id, key FROM entity_{generation}").fetchall())
        self._entries = {
            entry: (sync, at) for entry, sync, at in db.execute("SELECT id, sync, observed_at FROM entry").fetchall()
        }
        self._ends = dict(db.execute("SELECT id, seq FROM entry").fetchall())
        self._segments = Opened(db, generation, self._find)
        self._since = self._segments.since

    def _sync_of(self, table: str, owner: str) -> set[tuple[int, int]]:
        return set(self._db.execute(f"SELECT {owner}, seq FROM {table}_{self._generation}").fetchall())

    def _find(self, where: str, sync: int | None, message: str) -> None:
        self.findings.append(Finding(where, sync, message))

    def come_to(self, entry: int) -> None:
        """The next event is in an entry: the one before is over if that is another."""
        if self._entry is not None and entry != self._entry:
            self.end_entry()
        self._entry = entry

    def open(self, segment: Segment) -> list[Stored]:
        """Check that a segment begins with what stands now, and give its events."""
        self.come_to(segment.head.entries[0])
        self._segments.open(segment, self._entities)
        return segments.events_of(self._db, self._generation, segment)

    def event(self, event: Stored) -> None:
        sync, at = self._entries.get(event.entry, (None, 0))
        number = event.entity
        entity = self._entities.get(number)
        if entity is None:
            # an entity that is missing has no key any more
            key = self._keys.get(number, "")
            place = event.parent_category, event.parent, event.scope
            entity = _Entity(event.category, key, event.seq, event.entry, at, *place, sync)
            self._entities[number] = entity
        wrong = self._fold(entity, event.kind, event.body, event.hash)
        if wrong:
            self._find("event", sync, f"event {event.seq}: {wrong}")
        entity.seq, entity.entry, entity.at, entity.sync, entity.digest = event.seq, event.entry, at, sync, event.hash
        entity.parent_category, entity.parent, entity.scope = event.parent_category, event.parent, event.scope
        live = self._live.setdefault(event.category, {})
        if entity.live:
            live[number] = entity
        else:
            live.pop(number, None)
        self._since[event.category] = self._since.get(event.category, 0) + 1
        self._touched[event.category] = (event.seq, sync)
        sealed = self._segments.holds(event)
        entity.sealed = (event.entry, event.scope) if sealed else None
        if event.kind == "changed" and not wrong:
            self._keyframe(number, entity, sealed=sealed)

    def _fold(self, entity: _Entity, kind: str, body: bytes | None, digest: bytes) -> str | None:
        """Bring the entity up to date; say what is wrong with the event."""
        lifecycle = {"appeared": not entity.live, "changed": entity.live, "disappeared": entity.live}
        if not lifecycle.get(kind):
            return f"{kind} cannot follow what was before"
        if kind == "disappeared":
            entity.live, entity.value = False, None
            return None if digest == NOTHING_DIGEST and body is None else "a disappearance with a document"
        entity.live = True
        if body is None:
            return "it has no body"
        try:
            value = parse(body)
            if canonical(value) != body:
                return "its body is not canonical"
            if kind == "changed":
                value = jsonpatch.apply_patch(entity.value, value, in_place=True)
        except (Unreadable, jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
            return f"it does not apply: {error}"
        entity.value = value
        entity.patches = entity.patches + 1 if kind == "changed" else 0
        entity.patch_bytes = entity.patch_bytes + len(body) if kind == "changed" else 0
        return None if hashlib.sha256(encode(value)).digest() == digest else "the document is not what its hash says"

    def _keyframe(self, number: int, entity: _Entity, *, sealed: bool) -> None:
        document = encode(entity.value)
        if not replay.keyframe_due(entity.patches, entity.patch_bytes, len(document)):
            return
        entity.patches = entity.patch_bytes = 0
        if sealed:
            self._segments.compare(entity.seq, document, entity.sync)
            return
        self._compare("keyframe", "entity", number, entity.seq, document, entity.sync)

    def end_entry(self) -> None:
        """Check the catalogue keyframes that were due when an entry was closed."""
        for category, (touched, sync) in self._touched.items():
            live = self._live.get(category, {})
            if replay.catalogue_due(self._since[category], len(live)):
                self._since[category] = 0
                # of what another category said last in this entry, thinning may have left nothing
                last = self._ends.get(self._entry) or touched
                if not self._segments.reach(category, touched):
                    self._compare("catalogue", "category", category, last, _catalogue(live), sync)
            self._segments.close(category, touched, self._entities)
        self._touched.clear()

    def _compare(self, table: str, owner: str, number: int, seq: int, expected: bytes, sync: int | None) -> None:
        kept = self._keyframes if table == "keyframe" else self._catalogues
        if (number, seq) not in kept:
            self._find(table, sync, f"the {table} of {owner} {number} at event {seq} is missing; nothing is lost")
            return
        kept.discard((number, seq))
        size, packed = self._db.execute(
            f"SELECT size, body FROM {table}_{self._generation} WHERE {owner} = ? AND seq = ?",
            (number, seq),
        ).fetchone()
        try:
            same = unpack(packed, size) == expected
        except Damaged:
            same = False
        if not same:
            self._find(table, sync, f"the {table} of {owner} {number} at event {seq} is not what the events give")

    def leftovers(self) -> None:
        """Find keyframes that nothing asked for, and compare what is live with the fold."""
        for table, kept in (("keyframe", self._keyframes), ("catalogue", self._catalogues)):
            for number, seq in sorted(kept):
                self._find(table, self._sync_at(seq), f"the {table} of {number} at event {seq} should not be there")
        self._heads()

    def _sync_at(self, seq: int) -> int | None:
        entry = entry_of(self._db, self._generation, seq)
        return None if entry is None else self._entries.get(entry, (None, 0))[0]

    def _heads(self) -> None:
        moved = {
            number: place
            for number, *place in self._db.execute(
                f"SELECT s.entity, s.parent_category, s.parent, s.scope FROM sighting_{self._generation} s "
                f"JOIN entity_{self._generation} t ON t.id = s.entity "
                f"LEFT JOIN event_{self._generation} e ON e.seq = t.seq "
                "WHERE s.entry > coalesce(e.entry, t.entry) ORDER BY s.entry"
            ).fetchall()
        }
        rows = self._db.execute(
            "SELECT id, category, parent_category, parent, scope, seq, hash, entry, origin "
            f"FROM entity_{self._generation} ORDER BY id"
        )
        for number, *stored in rows.fetchall():
            entity = self._entities.pop(number, None)
            if entity is None:
                self._find("entity", None, f"entity {number} has no events")
                continue
            digest = entity.digest if entity.live else None
            place = moved.get(number, [entity.parent_category, entity.parent, entity.scope])
            if stored != [entity.category, *place, entity.seq, digest, *(entity.sealed or (None, None))]:
                self._find("entity", entity.sync, f"{entity.key}: what is live is not what the events give")
        for number, entity in self._entities.items():
            self._find("entity", entity.sync, f"entity {number} is missing")
        self._segments.leftovers()


def _catalogue(live: dict[int, _Entity]) -> bytes:
    rows = [
        (
            replay.Row(number, each.key, each.parent, each.scope, each.seq, each.entry, each.at, msgspec.Raw(b"")),
            Document.folded(each.value),
        )
        for number, each in live.items()
    ]
    rows.sort(key=lambda pair: pair[0].key)
    try:
        return replay.catalogue_body(rows)
    except UnicodeEncodeError:  # a key is no text any more
        return b""
