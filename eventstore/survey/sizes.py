"""How large the parts of a record are."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

# Of a BLOB SQLite takes the length from the row's header, of a TEXT only by reading all of it. Still it is 0.4 ms for
# each MB of events; `octet_length` needs SQLite 3.43, and counting pages (dbstat) is not in every build.
_ANSWERS: Final = "SELECT coalesce(sum(size), 0), coalesce(sum(length(body)), 0) FROM answer"
_EVENTS: Final = "SELECT coalesce(sum(length(CAST(body AS BLOB))), 0) FROM event_{g}"
_SEALED: Final = """
SELECT (SELECT coalesce(sum(length(body)), 0) FROM block_{g}) + (SELECT coalesce(sum(length(body)), 0) FROM segment_{g})
"""
_KEYFRAMES: Final = """
SELECT (SELECT coalesce(sum(length(body)), 0) FROM keyframe_{g}) + (SELECT coalesce(sum(length(body)), 0)
FROM catalogue_{g})
"""


class Sizes(msgspec.Struct, frozen=True):
    """The parts of a record in bytes; all but `received` add up to `file`.

    `received`: the different answers as they came. `answers`: the same as they are kept. `events`: patches and
    documents that are rows. `sealed`: older ones, in segments. `keyframes`: full documents kept to shorten replay, of
    entities and of whole categories. `other`: indexes, confirmations, all other bookkeeping, and what pages do not use.
    `free`: pages that wait to be used again. `waiting`: copies of pages in the write-ahead log (-wal) beside the file.
    `file`: all of it.
    """

    received: int
    answers: int
    events: int
    sealed: int
    keyframes: int
    other: int
    free: int
    waiting: int
    file: int


def measure(db: sqlite3.Connection, generation: int, *, file: int) -> Sizes:
    """Measure the parts of a record whose files have `file` bytes. See `Record.sizes`. Needs a snapshot."""
    received, answers = db.execute(_ANSWERS).fetchone()
    events = _number(db, _EVENTS.format(g=generation))
    sealed = _number(db, _SEALED.format(g=generation))
    keyframes = _number(db, _KEYFRAMES.format(g=generation))
    page = _number(db, "PRAGMA page_size")
    free = _number(db, "PRAGMA freelist_count") * page
    database = _number(db, "PRAGMA page_count") * page
    other = database - answers - events - sealed - keyframes - free
    return Sizes(received, answers, events, sealed, keyframes, other, free, file - database, file)


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
