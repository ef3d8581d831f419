"""Tamper evidence (L9): what each root commits to, as lines of canonical JSON.

A sync has two digests, each SHA-256 over lines that end in a newline: the archive's covers all that was archived of it
(`sync_lines`), the log's covers the archive's and all that recording made of it (`entry_lines`). A root is SHA-256 of
the previous root and the log's digest; the first previous root is 32 zero bytes. In lines, bytes stand as hexadecimal
and times as milliseconds. Lines are read back from the tables, so that what is written and what is verified cannot
differ.
"""

from __future__ import annotations

import hashlib
import operator
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from eventstore.attempts import Attempts
from eventstore.stored import Stored

Line: TypeAlias = tuple[str | int | bytes | None, ...]

FIRST_ROOT: Final = bytes(32)

_encode = msgspec.json.Encoder().encode

_SYNC: Final = """
SELECT 'sync', s.id, s.cause, s.opened_at, s.at, s.interrupted, s.version, p.text, s.report
FROM sync s LEFT JOIN plan p ON p.id = s.plan WHERE s.id = ?
"""
_RULES: Final = """
SELECT 'rules', a.address, lower(hex(r.hash))
FROM sync_rules y JOIN rules r ON r.id = y.rules LEFT JOIN resource a ON a.id = y.resource
WHERE y.sync = ? ORDER BY a.address
"""
_SCOPE: Final = "SELECT source, resource, params FROM scope WHERE id = ?"
_ANSWER: Final = "SELECT lower(hex(hash)), size FROM answer WHERE id = ?"
_ENTRY: Final = """
SELECT 'recorded', n.generation, n.sync, lower(hex(s.digest)), n.observed_at, n.seq, n.status, n.appeared, n.changed,
       n.disappeared, n.unchanged
FROM entry n LEFT JOIN sync s ON s.id = n.sync WHERE n.id = ?
"""
_LISTINGS: Final = """
SELECT 'listing', s.source, s.resource, s.params, l.attempt, l.complete, lower(hex(r.hash)), l.settled
FROM listing_{g} l LEFT JOIN scope s ON s.id = l.scope LEFT JOIN rules r ON r.id = l.rules
WHERE l.entry = ? ORDER BY s.source, s.resource, s.params
"""
_REPEATS: Final = "SELECT 'repeat', page, mask FROM repeat_{g} WHERE entry = ? ORDER BY page"
_DISTURBED: Final = """
SELECT 'disturbed', s.source, s.resource, s.params FROM disturbed_{g} d LEFT JOIN scope s ON s.id = d.scope
WHERE d.entry = ? ORDER BY s.source, s.resource, s.params
"""
_RESULTS: Final = """
SELECT 'result', a.address, r.status, r.asked, r.listed, r.complete, r.doubted
FROM entry n JOIN sync_rules y ON y.sync = n.sync JOIN result_{g} r ON r.resource = y.resource AND r.entry = n.id
LEFT JOIN resource a ON a.id = r.resource WHERE n.id = ? ORDER BY a.address
"""
_CATEGORIES: Final = """
SELECT 'category', id, source, name, resource FROM category_{g} WHERE entry = ? ORDER BY id
"""
_SIGHTINGS: Final = """
SELECT 'sighting', c.source, c.name, t.key, s.source, s.resource, s.params, i.parent_category, i.parent
FROM sighting_{g} i LEFT JOIN entity_{g} t ON t.id = i.entity LEFT JOIN category_{g} c ON c.id = t.category
LEFT JOIN scope s ON s.id = i.scope WHERE i.entry = ? ORDER BY c.source, c.name, t.key
"""
_UNREAD: Final = """
SELECT 'unread', s.source, s.resource, s.params, u.key FROM unread_{g} u LEFT JOIN scope s ON s.id = u.scope
WHERE u.entry = ? ORDER BY s.source, s.resource, s.params, u.key
"""
_UNCONFIRMED: Final = """
SELECT 'unconfirmed', c.source, c.name, t.key, u.doubted
FROM unconfirmed_{g} u LEFT JOIN entity_{g} t ON t.id = u.entity LEFT JOIN category_{g} c ON c.id = t.category
WHERE u.entry = ? ORDER BY c.source, c.name, t.key
"""
_EVENTS: Final = """
SELECT CAST(e.body AS BLOB), e.seq, c.source, c.name, t.key, t.category = e.category, e.parent_category, e.parent,
       s.source, s.resource, s.params, e.kind, e.not_before, lower(hex(e.hash))
FROM event_{g} e LEFT JOIN entity_{g} t ON t.id = e.entity LEFT JOIN category_{g} c ON c.id = e.category
LEFT JOIN scope s ON s.id = e.scope WHERE e.seq > ? AND e.seq <= ? AND e.entry = ? ORDER BY e.seq
"""
_NAMES: Final = """
SELECT c.source, c.name, t.key, t.category = c.id
FROM entity_{g} t LEFT JOIN category_{g} c ON c.id = ? WHERE t.id = ?
"""
_ISSUES: Final = """
SELECT 'issue', id, attempt, code, key, path, message FROM issue_{g} WHERE entry = ? ORDER BY id
"""


def digest(lines: Iterable[Line]) -> bytes:
    """SHA-256 over the lines."""
    hasher = hashlib.sha256()
    for line in lines:
        hasher.update(_encode(line))
        hasher.update(b"\n")
    return hasher.digest()


def next_root(previous: bytes, entry_digest: bytes) -> bytes:
    """The root that an entry commits."""
    return hashlib.sha256(previous + entry_digest).digest()


def sync_lines(
    db: sqlite3.Connection, sync: int, attempts: Attempts, pending: Mapping[int, tuple[bytes, int]] | None = None
) -> Iterator[Line]:
    """All that the archive holds of a sync. `pending`: digest and size of answers that are not written yet, by id."""
    text = attempts.forms.text
    for *row, version, plan, report in db.execute(_SYNC, (sync,)):
        yield (*row, text(version), plan, text(report))
    yield from db.execute(_RULES, (sync,))
    for row, page in attempts.block(sync).pages():
        scope = db.execute(_SCOPE, (row.scope,)).fetchone() or (None, None, None)
        came = attempts.came(row.scope, page, row.id) if row.answered else None
        answer: tuple[str | None, int | None] = (None, None)
        if came is not None and pending and came.answer in pending:
            answer = pending[came.answer][0].hex(), pending[came.answer][1]
        elif came is not None:
            answer = db.execute(_ANSWER, (came.answer,)).fetchone() or answer
        headers = row.own_headers if came is None else {**came.headers, **row.own_headers}
        times = row.requested_at, row.received_at
        status = row.status, None if came is None else came.status
        failure = row.error, row.url, row.tries
        yield ("attempt", row.id, *scope, *times, *status, int(row.answered), *answer, *failure, _sorted(headers))


def _sorted(headers: Mapping[str, str]) -> str:
    return _encode(sorted(headers.items())).decode()


def entry_lines(
    db: sqlite3.Connection, generation: int, entry: int, first: int, last: int, sealed: Sequence[Stored] = ()
) -> Iterator[Line]:
    """All that recording made of a sync in one generation.

    Its events are those with `first < seq <= last`, in rows and among `sealed` ones.
    """
    yield from db.execute(_ENTRY, (entry,))
    queries = _LISTINGS, _REPEATS, _DISTURBED, _RESULTS, _CATEGORIES, _SIGHTINGS, _UNCONFIRMED, _UNREAD, _ISSUES
    for query in queries:
        yield from db.execute(query.format(g=generation), (entry,))
    rows = db.execute(_EVENTS.format(g=generation), (first, last, entry)).fetchall()
    rows += [_as_row(db, generation, each) for each in sealed if each.entry == entry]
    starts = {each.seq: each.starts for each in sealed if each.starts is not None}
    for body, *event in sorted(rows, key=_number):
        # the body's own hash too: a patch could be altered and still lead to the same document
        line = "event", *event, None if body is None else hashlib.sha256(body).hexdigest()
        yield (*line, starts[event[0]]) if event[0] in starts else line


_number = operator.itemgetter(1)


def _as_row(db: sqlite3.Connection, generation: int, event: Stored) -> tuple[Any, ...]:
    names = db.execute(_NAMES.format(g=generation), (event.category, event.entity)).fetchone() or (None,) * 4
    scope = db.execute(_SCOPE, (event.scope,)).fetchone() or (None, None, None)
    parent = event.parent_category, event.parent
    return (event.body, event.seq, *names, *parent, *scope, event.kind, event.not_before, event.hash.hex())


def generation_lines(db: sqlite3.Connection, generation: int) -> Iterator[Line]:
    """What the entry of a generation commits to: its number, the rules that it was laid down under, what was copied."""
    yield from db.execute("SELECT 'generation', id, made_at, syncs, rules FROM generation WHERE id = ?", (generation,))
    yield from db.execute(
        "SELECT 'copied', origin, copied FROM generation WHERE id = ? AND (origin NOT NULL OR copied NOT NULL)",
        (generation,),
    )


def compaction_lines(db: sqlite3.Connection, entry: int) -> Iterator[Line]:
    """What the entry that begins a compaction commits to: what is to be done."""
    yield from db.execute("SELECT 'compaction', id, generation, plan FROM compaction WHERE point = ?", (entry,))


def receipt_lines(db: sqlite3.Connection, entry: int) -> Iterator[Line]:
    """What the entry that ends a compaction commits to: what came of it, and all that is thinned by then."""
    yield from db.execute(
        "SELECT 'receipt', id, generation, report, lower(hex(covers)) FROM compaction WHERE receipt = ?", (entry,)
    )


def covered_lines(db: sqlite3.Connection, generation: int) -> Iterator[Line]:
    """All that is thinned: the digest of each entry as it now stands, of which numbers less is left, and where.

    And the entries that the chain skips.
    """
    yield from db.execute(
        "SELECT 'again', id, lower(hex(again)) FROM entry WHERE generation = ? AND again IS NOT NULL ORDER BY id",
        (generation,),
    )
    yield from db.execute(
        f"SELECT 'thinned', category, first, last, compaction FROM thinned_{generation} ORDER BY category, last"
    )
    yield from db.execute(
        "SELECT 'skipped', first, last, seq, until, lower(hex(root)), compaction FROM skipped "
        "WHERE generation = ? ORDER BY first",
        (generation,),
    )
    yield from db.execute(
        "SELECT 'segment', id, category, first, last, events, composed, since "
        f"FROM segment_{generation} WHERE live = 1 AND composed <> 0 ORDER BY id"
    )


def dropped_lines(db: sqlite3.Connection, compaction: int) -> Iterator[Line]:
    """The answers whose bytes a compaction dropped; its receipt has the digest of that."""
    yield from db.execute(
        "SELECT 'dropped', d.answer, lower(hex(a.hash)), a.size, d.bytes FROM dropped d "
        "LEFT JOIN answer a ON a.id = d.answer WHERE d.compaction = ? ORDER BY d.answer",
        (compaction,),
    )


def schema_lines(db: sqlite3.Connection, migrations: int) -> Iterator[Line]:
    """What the entry of a migration commits to: the names and times of the first so many migrations."""
    yield from db.execute(
        "SELECT 'migration', id, migration_set, name, applied_at FROM _sqlite_migrations ORDER BY id LIMIT ?",
        (migrations,),
    )
