"""What is live at the log's end, read from the tables when first asked for and kept while one writer records."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from eventstore.canonical import Document
from eventstore.errors import Damaged
from eventstore.fold import EntityKey, Head
from eventstore.replay import fold_entity

KEPT: Final = 200_000  # entities; beyond, everything is read anew: some 100 MB

_HEAD: Final = """
SELECT t.id, c.source, c.name, t.key, t.parent_category, t.parent, t.scope, t.hash, t.seq,
       coalesce(e.entry, t.entry), coalesce(e.scope, t.origin), c.id
FROM entity_{g} t JOIN category_{g} c ON c.id = t.category LEFT JOIN event_{g} e ON e.seq = t.seq
"""


class Known(msgspec.Struct):
    """An entity that the log knows, live (then with a head) or gone.

    `entry` and `scope` are those of its last event. `content` and the counts of patches since the last full document
    are filled in when the document is first needed.
    """

    id: int
    category: int
    seq: int
    entry: int
    scope: int
    head: Head | None
    content: Document | None = None
    patches: int = 0
    patch_bytes: int = 0


class Heads:
    """`fold.Live` over the tables of one generation, with what the recorder needs to know besides."""

    def __init__(self, db: sqlite3.Connection, generation: int) -> None:
        self._db = db
        self._generation = generation
        self._select = _HEAD.format(g=generation)
        self._known: dict[EntityKey, Known] = {}
        self._held: dict[int, dict[EntityKey, Head]] = {}

    def held_by(self, scope: int) -> Mapping[EntityKey, Head]:
        """See `fold.Live`. The mapping is the cache itself: it must not be read while `update` runs."""
        if scope not in self._held:
            self._held[scope] = {}
            for row in self._db.execute(f"{self._select} WHERE t.scope = ? AND t.hash IS NOT NULL", (scope,)):
                self._remember(row)
        return self._held[scope]

    def get(self, entity: EntityKey) -> Head | None:
        """See `fold.Live`."""
        known = self._known.get(entity) or self.known(entity)
        return None if known is None else known.head

    def children(self, source: str, category: str, key: str) -> Iterable[Head]:
        """See `fold.Live`."""
        rows = self._db.execute(
            f"{self._select} WHERE t.parent_category = ? AND t.parent = ? AND t.hash IS NOT NULL AND c.source = ?",
            (category, key, source),
        )
        found = [self._remember(row) for row in rows.fetchall()]
        return sorted((known.head for known in found if known.head is not None), key=lambda head: head.entity)

    def document(self, head: Head) -> Document:
        """See `fold.Live`."""
        known = self._known[head.entity]
        if known.content is None:
            folded = fold_entity(self._db, self._generation, known.id, known.seq)
            if folded is None:
                raise Damaged(f"{head.category} {head.key} should be there at event {known.seq}, but is not")
            known.content, known.patches, known.patch_bytes = folded.content, folded.patches, folded.patch_bytes
        return known.content

    def doubted(self, entity: EntityKey) -> bool:
        """See `fold.Live`."""
        known = self._known[entity]
        if known.head is None:
            return False
        g = self._generation
        row = self._db.execute(
            f"SELECT 1 FROM unconfirmed_{g} WHERE entity = ? AND doubted = 1 AND entry = "
            f"(SELECT max(entry) FROM listing_{g} WHERE scope = ? AND complete = 1)",
            (known.id, known.head.scope),
        ).fetchone()
        return row is not None

    def known(self, entity: EntityKey) -> Known | None:
        """An entity as the log knows it, None where it never held it."""
        known = self._known.get(entity)
        if known is None:
            row = self._db.execute(f"{self._select} WHERE c.source = ? AND c.name = ? AND t.key = ?", entity).fetchone()
            known = None if row is None else self._remember(row)
        return known

    def existing(self, entity: EntityKey) -> Known:
        """An entity that must be known. Raises `Damaged`."""
        known = self.known(entity)
        if known is None:
            raise Damaged(f"{entity[1]} {entity[2]} should be known, but is not")
        return known

    def update(self, entity: EntityKey, known: Known, head: Head | None) -> None:
        """Take note of what was just recorded of an entity."""
        if known.head is not None and known.head.scope in self._held:
            self._held[known.head.scope].pop(entity, None)
        known.head = head
        self._known[entity] = known
        if head is not None and head.scope in self._held:
            self._held[head.scope][entity] = head

    def trim(self) -> None:
        """Forget all, should it have grown too much; to be called between two syncs."""
        if len(self._known) > KEPT:
            self._known.clear()
            self._held.clear()

    def _remember(self, row: tuple[Any, ...]) -> Known:
        number, source, category, key, parent_category, parent, scope, digest, seq, entry, event_scope, category_id = (
            row
        )
        entity = (source, category, key)
        known = self._known.get(entity)
        if known is None:
            head = None if digest is None else Head(source, category, key, parent_category, parent, scope, digest)
            known = self._known[entity] = Known(number, category_id, seq, entry, event_scope, head)
        if known.head is not None and known.head.scope in self._held:
            self._held[known.head.scope][entity] = known.head
        return known
