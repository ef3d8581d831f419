"""The archive: the journal of all input, append-only.

Each sync is opened with its plan and the rules of its resources, takes attempts as they arrive, and is closed with the
time its answers were in. Answers are kept byte for byte, once per content, as zstd deltas against the previous answer
of their scope. Nothing here knows what an answer means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from eventstore import chain
from eventstore.answers import Answers, Stored
from eventstore.canonical import JSON, canonical, parse
from eventstore.errors import Damaged, UnknownAttempt, UnknownSync
from eventstore.model import Attempt, Cause, Request, Rules, Scope, Sync, from_ms, to_ms

_ATTEMPT: Final = """
SELECT a.id, a.sync, s.source, s.resource, s.params, a.requested_at, a.received_at, a.status, w.hash, w.size, a.error,
       a.headers, a.answer
FROM attempt a JOIN scope s ON s.id = a.scope LEFT JOIN answer w ON w.id = a.answer
"""
_SYNC: Final = "SELECT id, cause, opened_at, at, interrupted, version, plan FROM sync"


class Archive:
    """What was asked and what came of it. Writing needs a `Record` opened for writing, inside its `transaction()`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._answers = Answers(connection)
        self._scopes: dict[Scope, int] = {}
        self._rules: dict[str, int] = {}
        self._last: dict[int, Stored] = {}  # answer of each scope

    # -- writing

    def open_sync(
        self,
        cause: Cause,
        *,
        opened_at: datetime,
        rules: Mapping[str, Rules],
        plan: JSON = None,
        version: str | None = None,
    ) -> int:
        """Open a sync and return its id. `rules` maps resource addresses (`SOURCE.RESOURCE`) to what governs them."""
        sync = self._next("sync")
        self._db.execute(
            "INSERT INTO sync (id, cause, opened_at, version, plan) VALUES (?, ?, ?, ?, ?)",
            (sync, cause.value, to_ms(opened_at), version, canonical(plan).decode()),
        )
        self._db.executemany(
            "INSERT INTO sync_rules (sync, resource, rules) VALUES (?, ?, ?)",
            [(sync, resource, self._rules_id(each)) for resource, each in sorted(rules.items())],
        )
        return sync

    def add(self, sync: int, requests: Sequence[Request]) -> list[int]:
        """Archive attempts of an open sync, in order; return their ids.

        Bodies are compressed in the background and written by `flush`, at the latest when the transaction ends.
        """
        first = self._next("attempt")
        rows = [self._attempt_row(first + n, sync, request) for n, request in enumerate(requests)]
        self._db.executemany(
            "INSERT INTO attempt (id, sync, scope, requested_at, received_at, status, answer, error, headers) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        return [row[0] for row in rows]

    def close_sync(self, sync: int, *, at: datetime, interrupted: bool = False) -> None:
        """Close a sync: its answers were in at `at`. What it holds is sealed by a digest."""
        self._db.execute("UPDATE sync SET at = ?, interrupted = ? WHERE id = ?", (to_ms(at), int(interrupted), sync))
        digest = chain.digest(chain.sync_lines(self._db, sync, self._answers.pending))
        self._db.execute("UPDATE sync SET digest = ? WHERE id = ?", (digest, sync))

    def flush(self) -> None:
        """Write the bodies that were still being compressed."""
        self._answers.flush()

    def forget(self) -> None:
        """Drop everything remembered: what a transaction wrote was rolled back."""
        self._answers.forget()
        self._scopes.clear()
        self._rules.clear()
        self._last.clear()

    def _attempt_row(self, attempt: int, sync: int, request: Request) -> tuple[Any, ...]:
        scope = self.scope_id(request.scope)
        answer = None if request.body is None else self._store(scope, request.body)
        headers = canonical(dict(request.headers)).decode() if request.headers else None
        times = to_ms(request.requested_at), to_ms(request.received_at)
        return (attempt, sync, scope, *times, request.status, answer, request.error, headers)

    def _store(self, scope: int, body: bytes) -> int:
        self._last[scope] = stored = self._answers.store(body, self._last_stored(scope))
        return stored.id

    def _last_stored(self, scope: int) -> Stored | None:
        if scope not in self._last:
            row = self._db.execute(
                "SELECT w.id, w.depth FROM attempt a JOIN answer w ON w.id = a.answer "
                "WHERE a.scope = ? AND a.answer IS NOT NULL ORDER BY a.id DESC LIMIT 1",
                (scope,),
            ).fetchone()
            if row is None:
                return None
            self._last[scope] = Stored(*row)
        return self._last[scope]

    def scope_id(self, scope: Scope) -> int:
        """The number of a scope, given on first use."""
        if scope not in self._scopes:
            params = canonical(dict(scope.params)).decode()
            values = scope.source, scope.resource, params
            row = self._db.execute(
                "SELECT id FROM scope WHERE source = ? AND resource = ? AND params = ?", values
            ).fetchone()
            if row is None:
                row = (self._next("scope"),)
                self._db.execute(
                    "INSERT INTO scope (id, source, resource, params) VALUES (?, ?, ?, ?)", (*row, *values)
                )
            self._scopes[scope] = row[0]
        return self._scopes[scope]

    def _rules_id(self, rules: Rules) -> int:
        if rules.hash not in self._rules:
            digest = bytes.fromhex(rules.hash)
            row = self._db.execute("SELECT id FROM rules WHERE hash = ?", (digest,)).fetchone()
            if row is None:
                row = (self._next("rules"),)
                self._db.execute("INSERT INTO rules (id, hash, text) VALUES (?, ?, ?)", (*row, digest, rules.text))
            self._rules[rules.hash] = row[0]
        return self._rules[rules.hash]

    def _next(self, table: str) -> int:
        row = self._db.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()
        return int(row[0])

    def stop(self) -> None:
        """End the background work, once nothing is pending or what is pending is not wanted."""
        self._answers.stop()

    # -- reading

    def sync(self, sync: int) -> Sync:
        """One sync. Raises `UnknownSync`."""
        row = self._db.execute(f"{_SYNC} WHERE id = ?", (sync,)).fetchone()
        if row is None:
            raise UnknownSync(f"there is no sync {sync}")
        return self._sync(row)

    def syncs(self, *, cause: Cause | None = None) -> Iterator[Sync]:
        """Syncs in the order in which they were opened: all, or those of one cause."""
        where, values = ("", ()) if cause is None else ("WHERE cause = ?", (cause.value,))
        for row in self._db.execute(f"{_SYNC} {where} ORDER BY id", values).fetchall():
            yield self._sync(row)

    def unfinished(self) -> list[Sync]:
        """Syncs that were never closed: one that is running, or that was killed."""
        return [self._sync(row) for row in self._db.execute(f"{_SYNC} WHERE at IS NULL ORDER BY id").fetchall()]

    def last_at(self) -> datetime | None:
        """The latest time at which a sync's answers were in, None before the first."""
        row = self._db.execute("SELECT max(at) FROM sync").fetchone()
        return None if row[0] is None else from_ms(row[0])

    def attempts(self, sync: int) -> list[Attempt]:
        """The attempts of a sync, in the order in which they were archived."""
        return [self._attempt(row) for row in self._db.execute(f"{_ATTEMPT} WHERE a.sync = ? ORDER BY a.id", (sync,))]

    def attempt(self, attempt: int) -> Attempt:
        """One attempt. Raises `UnknownAttempt`."""
        row = self._db.execute(f"{_ATTEMPT} WHERE a.id = ?", (attempt,)).fetchone()
        if row is None:
            raise UnknownAttempt(f"there is no attempt {attempt}")
        return self._attempt(row)

    def answer(self, attempt: int) -> bytes:
        """The exact bytes that an attempt brought. Raises `UnknownAttempt` where it brought none, `Damaged`."""
        row = self._db.execute("SELECT answer, error FROM attempt WHERE id = ?", (attempt,)).fetchone()
        if row is None or row[0] is None:
            why = f"brought no answer: {row[1] or 'no reason was kept'}" if row else "does not exist"
            raise UnknownAttempt(f"attempt {attempt} {why}")
        return self._answers.body(row[0])

    def last_attempts(self, source: str, resource: str) -> list[int]:
        """Of each scope of a resource the last attempt that brought an answer and no error, by scope."""
        return [
            row[0]
            for row in self._db.execute(
                "SELECT (SELECT max(a.id) FROM attempt a WHERE a.scope = s.id AND a.answer IS NOT NULL "
                "AND (a.status IS NULL OR a.status BETWEEN 200 AND 299)) AS last "
                "FROM scope s WHERE s.source = ? AND s.resource = ? AND last IS NOT NULL ORDER BY s.params",
                (source, resource),
            )
        ]

    def rules(self, resource: str) -> Rules | None:
        """The rules that govern a resource (`SOURCE.RESOURCE`) since its last sync, None before the first."""
        row = self._db.execute(
            "SELECT r.hash, r.text FROM sync_rules y JOIN rules r ON r.id = y.rules "
            "WHERE y.resource = ? ORDER BY y.sync DESC LIMIT 1",
            (resource,),
        ).fetchone()
        return Rules(row[0].hex(), row[1]) if row else None

    def rules_text(self, digest: str) -> str:
        """The text of rules by their hash (hexadecimal). Raises `Damaged` if it is not there."""
        row = self._db.execute("SELECT text FROM rules WHERE hash = ?", (bytes.fromhex(digest),)).fetchone()
        if row is None:
            raise Damaged(f"the rules {digest} are missing")
        return str(row[0])

    def resources(self) -> list[str]:
        """Addresses of all resources that were ever asked or imported."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT resource FROM sync_rules ORDER BY resource")]

    def versions(self, resource: str) -> frozenset[str]:
        """Names of the versions that were imported for a resource (`SOURCE.RESOURCE`)."""
        rows = self._db.execute(
            "SELECT s.version FROM sync_rules y JOIN sync s ON s.id = y.sync "
            "WHERE y.resource = ? AND s.version IS NOT NULL",
            (resource,),
        )
        return frozenset(row[0] for row in rows)

    def sizes(self) -> dict[str, int]:
        """`answers`: distinct contents; `bytes`: theirs as they came; `stored`: theirs as they are kept."""
        row = self._db.execute("SELECT count(*), coalesce(sum(size), 0), coalesce(sum(length(body)), 0) FROM answer")
        return dict(zip(("answers", "bytes", "stored"), row.fetchone(), strict=True))

    def _sync(self, row: tuple[Any, ...]) -> Sync:
        rules = self._db.execute(
            "SELECT y.resource, lower(hex(r.hash)) FROM sync_rules y JOIN rules r ON r.id = y.rules WHERE y.sync = ?",
            (row[0],),
        )
        at = None if row[3] is None else from_ms(row[3])
        return Sync(
            row[0], Cause(row[1]), from_ms(row[2]), at, bool(row[4]), row[5], parse(row[6]), dict(rules.fetchall())
        )

    def _attempt(self, row: tuple[Any, ...]) -> Attempt:
        number, sync, source, resource, params, requested, received, status, digest, size, error, headers, answer = row
        if answer is not None and digest is None:  # it is still being compressed
            digest, size = self._answers.pending[answer]
        return Attempt(
            number,
            sync,
            Scope.of(source, resource, parse(params)),
            from_ms(requested),
            from_ms(received),
            status,
            None if digest is None else digest.hex(),
            size,
            error,
            {} if headers is None else parse(headers),
        )
