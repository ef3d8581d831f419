"""Roots of the chain as they are stored: of most entries the root follows from the digests, and is not.

It stands with every 64th entry, and with those whose digest nothing else can prove any more: what they commit to was
thinned, or is of a superseded generation.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from eventstore import chain

EVERY: Final = 64  # entries
_WITH_ROOTS: Final = f"""
SELECT id FROM entry WHERE id % {EVERY} = 0 OR again IS NOT NULL
OR generation IN (SELECT id FROM generation WHERE state = 'superseded')
"""
_STORED: Final = "SELECT id, root FROM entry WHERE id <= ? AND root <> x'' ORDER BY id DESC LIMIT 1"
_SKIPPED: Final = "SELECT last, root FROM skipped WHERE last <= ? ORDER BY first DESC LIMIT 1"
_DIGESTS: Final = "SELECT id, digest FROM entry WHERE id > ? AND id <= ? ORDER BY id"


class Roots:
    """Gives roots; those of entries in order are cheapest."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._entry, self._root = 0, chain.FIRST_ROOT

    def of(self, entry: int) -> bytes:
        """The root that stood once an entry was committed: one that is there, or the last of a run that is skipped."""
        if entry != self._entry and not self._follow(entry):
            known = [self._db.execute(query, (entry,)).fetchone() for query in (_STORED, _SKIPPED)]
            self._entry, self._root = max([(0, chain.FIRST_ROOT), *filter(None, known)])
            self._follow(entry)
        return self._root

    def _follow(self, entry: int) -> bool:
        """Go on to an entry, where nothing that is skipped lies in between; whether it was reached."""
        if self._entry < entry < self._entry + EVERY:
            for number, digest in self._db.execute(_DIGESTS, (self._entry, entry)):
                if number != self._entry + 1:
                    break
                self._entry, self._root = number, chain.next_root(self._root, digest)
        return self._entry == entry


def seal(db: sqlite3.Connection, entry: int, digest: bytes) -> bytes:
    """Give the last entry its digest and the root that follows from the one before; return the root."""
    root = chain.next_root(Roots(db).of(entry - 1), digest)
    stored = b"" if entry % EVERY else root
    db.execute("UPDATE entry SET digest = ?, root = ? WHERE id = ?", (digest, stored, entry))
    return root


def store(db: sqlite3.Connection, where: str, *values: int) -> None:
    """Store the roots of the entries for which a condition holds. Needs a transaction."""
    roots = Roots(db)
    entries = db.execute(f"SELECT id FROM entry WHERE root = x'' AND {where} ORDER BY id", values).fetchall()
    found = [(roots.of(entry), entry) for (entry,) in entries]
    db.executemany("UPDATE entry SET root = ? WHERE id = ?", found)


def stored_roots(db: sqlite3.Connection) -> frozenset[int]:
    """The entries that have to have their root with them."""
    return frozenset(row[0] for row in db.execute(_WITH_ROOTS))
