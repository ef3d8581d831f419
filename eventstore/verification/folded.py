"""Every event folded again by the `jsonpatch` library, and all that is derived from events compared with the result."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any, Final

import jsonpatch
import msgspec

from eventstore import replay
from eventstore.canonical import JSON, NOTHING_DIGEST, Document, canonical, encode, parse
from eventstore.compression import unpack
from eventstore.errors import Damaged, Unreadable
from eventstore.progress import Progress
from eventstore.verification.finding import Finding

_EVENTS: Final = """
SELECT e.seq, e.entry, e.entity, e.category, e.parent_category, e.parent, e.scope, e.kind, e.hash,
       CAST(e.body AS BLOB), n.sync, n.observed_at, t.key
FROM event_{g} e LEFT JOIN entry n ON n.id = e.entry LEFT JOIN entity_{g} t ON t.id = e.entity ORDER BY e.seq
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


def check(db: sqlite3.Connection, generation: int, progress: Progress) -> list[Finding]:
    """Fold the whole log; memory holds what is live."""
    folding = _Folding(db, generation)
    total = db.execute(f"SELECT count(*) FROM event_{generation}").fetchone()[0]
    progress.start(total, "events")
    entry = None
    for row in db.execute(_EVENTS.format(g=generation)):
        if entry is not None and row[1] != entry:
            folding.end_entry()
        entry = row[1]
        folding.event(row)
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
        self._since: dict[int, int] = {}  # events since the last catalogue keyframe, by category
        self._live: dict[int, dict[int, _Entity]] = {}
        self._touched: dict[int, tuple[int, int | None]] = {}  # last seq and sync in this entry, by category
        self._keyframes = self._sync_of("keyframe", "entity")
        self._catalogues = self._sync_of("catalogue", "category")

    def _sync_of(self, table: str, owner: str) -> set[tuple[int, int]]:
        return set(self._db.execute(f"SELECT {owner}, seq FROM {table}_{self._generation}").fetchall())

    def _find(self, where: str, sync: int | None, message: str) -> None:
        self.findings.append(Finding(where, sync, message))

    def event(self, row: tuple[Any, ...]) -> None:
        seq, entry, number, category, parent_category, parent, scope, kind, digest, body, sync, at, key = row
        entity = self._entities.get(number)
        if entity is None:
            # an entity or entry that is missing leaves its columns NULL
            entity = _Entity(category, key or "", seq, entry, at, parent_category, parent, scope, sync)
            self._entities[number] = entity
        wrong = self._fold(entity, kind, body, digest)
        if wrong:
            self._find("event", sync, f"event {seq}: {wrong}")
        entity.seq, entity.entry, entity.at, entity.sync = seq, entry, at, sync
        entity.parent_category, entity.parent, entity.scope, entity.digest = parent_category, parent, scope, digest
        live = self._live.setdefault(category, {})
        if entity.live:
            live[number] = entity
        else:
            live.pop(number, None)
        self._since[category] = self._since.get(category, 0) + 1
        self._touched[category] = (seq, sync)
        if kind == "changed" and not wrong:
            self._keyframe(number, entity)

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

    def _keyframe(self, number: int, entity: _Entity) -> None:
        document = encode(entity.value)
        if not replay.keyframe_due(entity.patches, entity.patch_bytes, len(document)):
            return
        entity.patches = entity.patch_bytes = 0
        self._compare("keyframe", "entity", number, entity.seq, document, entity.sync)

    def end_entry(self) -> None:
        """Check the catalogue keyframes that were due when an entry was closed."""
        for category, (_, sync) in self._touched.items():
            live = self._live.get(category, {})
            if replay.catalogue_due(self._since[category], len(live)):
                self._since[category] = 0
                last = max(seq for seq, _ in self._touched.values())
                self._compare("catalogue", "category", category, last, _catalogue(live), sync)
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
        row = self._db.execute(
            f"SELECT n.sync FROM event_{self._generation} e JOIN entry n ON n.id = e.entry WHERE e.seq = ?",
            (seq,),
        ).fetchone()
        return None if row is None else row[0]

    def _heads(self) -> None:
        moved = {
            number: place
            for number, *place in self._db.execute(
                f"SELECT s.entity, s.parent_category, s.parent, s.scope FROM sighting_{self._generation} s "
                f"JOIN entity_{self._generation} t ON t.id = s.entity JOIN event_{self._generation} e ON e.seq = t.seq "
                "WHERE s.entry > e.entry ORDER BY s.entry"
            ).fetchall()
        }
        rows = self._db.execute(
            f"SELECT id, category, parent_category, parent, scope, seq, hash FROM entity_{self._generation} ORDER BY id"
        )
        for number, *stored in rows.fetchall():
            entity = self._entities.pop(number, None)
            if entity is None:
                self._find("entity", None, f"entity {number} has no events")
                continue
            digest = entity.digest if entity.live else None
            place = moved.get(number, [entity.parent_category, entity.parent, entity.scope])
            if stored != [entity.category, *place, entity.seq, digest]:
                self._find("entity", entity.sync, f"{entity.key}: what is live is not what the events give")
        for number, entity in self._entities.items():
            self._find("entity", entity.sync, f"entity {number} is missing")


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
