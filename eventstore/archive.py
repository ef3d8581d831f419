"""The archive: the journal of all input, append-only.

Each sync is opened with its plan and the rules of its resources, takes attempts as they arrive, and is closed with the
time its answers were in; then its attempts are packed. Answers are kept byte for byte, once per content, as zstd deltas
against the previous answer of their scope. Nothing here knows what an answer means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from eventstore import chain, evidence, names, schema
from eventstore.answers import Answers
from eventstore.attempts import Attempts, Came
from eventstore.canonical import JSON, canonical, parse
from eventstore.errors import Damaged, UnknownAttempt, UnknownSync
from eventstore.forms import Stored
from eventstore.intake import Intake
from eventstore.model import Asked, Attempt, Cause, Request, Rules, Scope, Sync, from_ms, to_ms
from eventstore.packing import Row, encode
from eventstore.skipped import among_skipped

_SYNC: Final = """
SELECT id, cause, opened_at, at, interrupted, version, (SELECT text FROM plan WHERE id = sync.plan), report FROM sync
"""
_NUMBERED: Final = {"plan": "text", "resource": "address"}
_ASKED: Final = """
SELECT c.source, c.resource, c.params, a.sync, s.opened_at, a.attempt
FROM scope c JOIN asked a ON a.scope = c.id JOIN sync s ON s.id = a.sync WHERE c.source = ? AND c.resource = ?
ORDER BY c.id
"""


class Archive:
    """What was asked and what came of it. Writing needs a `Record` opened for writing, inside its `transaction()`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._answers = Answers(connection)
        self.attempt_rows = Attempts(connection)
        self._scopes: dict[Scope, int] = {}
        self._named: dict[int, Scope] = {}
        self._rules: dict[str, int] = {}
        self._numbers: dict[tuple[str, str], int] = {}  # by table and text
        self._intake = Intake(connection, self._answers, self.attempt_rows)

    @property
    def news(self) -> int:
        """How many answers were added that are not what their scope had brought before."""
        return self._intake.news

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
            (
                sync,
                cause.value,
                to_ms(opened_at),
                self.attempt_rows.forms.stored(version),
                self._number("plan", canonical(plan).decode()),
            ),
        )
        self._db.executemany(
            "INSERT INTO sync_rules (sync, resource, rules) VALUES (?, ?, ?)",
            [
                (sync, self._number("resource", address), self._rules_id(each))
                for address, each in sorted(rules.items())
            ],
        )
        return sync

    def add(self, sync: int, requests: Sequence[Request]) -> list[int]:
        """Archive attempts of an open sync, in order; return their ids.

        Bodies are compressed in the background and written by `flush`, at the latest when the transaction ends.
        """
        return self._intake.add(sync, [(self.scope_id(request.scope), request) for request in requests])

    def close_sync(self, sync: int, *, at: datetime, interrupted: bool = False, report: JSON = None) -> None:
        """Close a sync: its answers were in at `at`. Its attempts are packed; a digest seals all that it holds."""
        rows = self.attempt_rows.block(sync).rows
        opened_at = self._db.execute("SELECT opened_at FROM sync WHERE id = ?", (sync,)).fetchone()[0]
        self._db.execute(
            "UPDATE sync SET at = ?, interrupted = ?, report = ?, attempts = ? WHERE id = ?",
            (
                to_ms(at),
                int(interrupted),
                self._stored_report(report),
                encode(rows, opened_at) if rows else None,
                sync,
            ),
        )
        self._intake.packed(sync)
        self._db.executemany(
            "INSERT INTO asked (scope, sync, attempt) VALUES (?, ?, ?) "
            "ON CONFLICT (scope) DO UPDATE SET sync = excluded.sync, attempt = excluded.attempt",
            [(row.scope, sync, row.id) for row in rows],
        )
        digest = chain.digest(chain.sync_lines(self._db, sync, self.attempt_rows, self._answers.pending))
        self._db.execute("UPDATE sync SET digest = ? WHERE id = ?", (digest, sync))
        self.attempt_rows.verdict_given()

    def _stored_report(self, report: JSON) -> Stored:
        """Reports that tell of a doubt are found by that: they stay as they are."""
        text = None if report is None else canonical(report).decode()
        return text if text is not None and '"doubt"' in text else self.attempt_rows.forms.stored(text)

    def flush(self) -> None:
        """Write the bodies that were still being compressed, and the attempts of syncs that stay open."""
        self._answers.flush()
        self._intake.flush()

    def forget(self) -> None:
        """Drop everything remembered: what a transaction wrote was rolled back."""
        self._answers.forget()
        self.attempt_rows.forget()
        self._scopes.clear()
        self._named.clear()
        self._rules.clear()
        self._numbers.clear()
        self._intake.forget()

    def scope_id(self, scope: Scope) -> int:
        """The number of a scope, given on first use."""
        number = self.find_scope(scope)
        if number is None:
            number = self._scopes[scope] = self._next("scope")
            self._db.execute(
                "INSERT INTO scope (id, source, resource, params) VALUES (?, ?, ?, ?)", (number, *_stored(scope))
            )
        return number

    def find_scope(self, scope: Scope) -> int | None:
        """The number of a scope, None where nothing was ever archived of it."""
        if scope not in self._scopes:
            query = "SELECT id FROM scope WHERE source = ? AND resource = ? AND params = ?"
            row = self._db.execute(query, _stored(scope)).fetchone()
            if row is None:
                return None
            self._scopes[scope] = row[0]
        return self._scopes[scope]

    def _rules_id(self, rules: Rules) -> int:
        """The number of rules, given on first use."""
        number = self.find_rules(rules)
        if number is None:
            number = self._rules[rules.hash] = self._next("rules")
            values = number, bytes.fromhex(rules.hash), rules.text
            self._db.execute("INSERT INTO rules (id, hash, text) VALUES (?, ?, ?)", values)
        return number

    def find_rules(self, rules: Rules) -> int | None:
        """The number of rules, None where no sync went by them."""
        if rules.hash not in self._rules:
            row = self._db.execute("SELECT id FROM rules WHERE hash = ?", (bytes.fromhex(rules.hash),)).fetchone()
            if row is None:
                return None
            self._rules[rules.hash] = row[0]
        return self._rules[rules.hash]

    def _number(self, table: str, value: str) -> int:
        """The number of what comes again with each sync, given on first use."""
        if (table, value) not in self._numbers:
            column = _NUMBERED[table]
            row = self._db.execute(f"SELECT id FROM {table} WHERE {column} = ?", (value,)).fetchone()
            if row is None:
                row = (self._next(table),)
                self._db.execute(f"INSERT INTO {table} (id, {column}) VALUES (?, ?)", (*row, value))
            self._numbers[table, value] = row[0]
        return self._numbers[table, value]

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
            raise UnknownSync(f"there is no sync {sync}{among_skipped(self._db)}")
        return self._sync(row)

    def syncs(self, *, cause: Cause | None = None) -> Iterator[Sync]:
        """Syncs in the order in which they were opened: all, or those of one cause."""
        where, values = ("", ()) if cause is None else ("WHERE cause = ?", (cause.value,))
        if cause in {Cause.RULES, Cause.VERDICT}:  # for SQLite to see that their index will do
            where = f"{where} AND {schema.ASKING_NOTHING}"
        for row in self._db.execute(f"{_SYNC} {where} ORDER BY id", values).fetchall():
            yield self._sync(row)

    def unfinished(self) -> list[Sync]:
        """Syncs that were never closed: one that is running, or that was killed."""
        return [self._sync(row) for row in self._db.execute(f"{_SYNC} WHERE at IS NULL ORDER BY id").fetchall()]

    def last_at(self) -> datetime | None:
        """The latest time at which a sync's answers were in, None before the first. Clocks in doubt do not count."""
        row = self._db.execute(f"SELECT max(at) FROM sync WHERE NOT ({schema.DOUBTED})").fetchone()
        return None if row[0] is None else from_ms(row[0])

    def attempts(self, sync: int) -> list[Attempt]:
        """The attempts of a sync, in the order in which they were archived."""
        return [self._attempt(sync, row, page) for row, page in self.attempt_rows.block(sync).pages()]

    def attempt(self, attempt: int) -> Attempt:
        """One attempt. Raises `UnknownAttempt`."""
        sync, row = self.attempt_rows.row(attempt)
        return self._attempt(sync, row, self.attempt_rows.block(sync).page(row))

    def answer(self, attempt: int) -> bytes:
        """The exact bytes that an attempt brought, or confirmed.

        Raises `UnknownAttempt` where it brought none, `AnswerDropped` where compaction dropped it, `Damaged`.
        """
        row, came = self._came(attempt)
        if came is None:
            raise UnknownAttempt(f"attempt {attempt} brought no answer: {row.error or 'no reason was kept'}")
        if evidence.is_gone(self._db, came.answer):
            raise evidence.why_gone(self._db, attempt, came.answer)
        return self._answers.body(came.answer)

    def status(self, attempt: int) -> int | None:
        """The status that an attempt's answer came with; of a 304 that of the answer that it confirms."""
        row, came = self._came(attempt)
        return row.status if came is None else came.status

    def _came(self, attempt: int) -> tuple[Row, Came | None]:
        sync, row = self.attempt_rows.row(attempt)
        page = self.attempt_rows.block(sync).page(row)
        return row, self.attempt_rows.came(row.scope, page, attempt) if row.answered else None

    def asked(self, resource: str) -> dict[Scope, Asked]:
        """When each scope of a resource (`SOURCE.RESOURCE`) was last asked, the longest known first.

        What an open sync asks counts once it is closed.
        """
        rows = self._db.execute(_ASKED, _halves(resource))
        return {
            Scope.of(source, name, parse(params)): Asked(sync, from_ms(opened_at), attempt)
            for source, name, params, sync, opened_at, attempt in rows
        }

    def outcomes(self, sync: int) -> list[tuple[datetime, int | None]]:
        """When each attempt of a sync that asked a host was over, and the status that came, if any."""
        rows = self.attempt_rows.block(sync).rows
        shift = self.attempt_rows.shift(sync)
        return [(from_ms(row.received_at + shift), row.status) for row in rows if row.tries]

    def last_asked(self, scope: Scope) -> Asked | None:
        """When one scope was last asked, None where it never was."""
        row = self._db.execute(
            "SELECT a.sync, s.opened_at, a.attempt FROM scope c JOIN asked a ON a.scope = c.id "
            "JOIN sync s ON s.id = a.sync WHERE c.source = ? AND c.resource = ? AND c.params = ?",
            _stored(scope),
        ).fetchone()
        return None if row is None else Asked(row[0], from_ms(row[1]), row[2])

    def last_syncs(self, resources: Sequence[str], *, limit: int) -> list[int]:
        """The newest closed syncs that asked for any of these resources, the newest first."""
        found: set[int] = set()
        for resource in resources:
            found.update(
                row[0]
                for row in self._db.execute(
                    "SELECT s.id FROM sync_rules y CROSS JOIN sync s ON s.id = y.sync AND s.cause = 'sync' "
                    f"AND s.at IS NOT NULL WHERE y.resource = {schema.RESOURCE} ORDER BY y.sync DESC LIMIT ?",
                    (resource, limit),
                )
            )
        return sorted(found, reverse=True)[:limit]

    def last_answers(self, resource: str, syncs: Iterable[int]) -> list[list[int]]:
        """Of each scope of a resource the attempts (pages) of the first of these syncs that all brought an answer.

        By scope, in the order of their parameters; scopes that none of the syncs has an answer for are left out. What
        compaction dropped is no answer any more.
        """
        rows = self._db.execute(
            "SELECT id FROM scope s WHERE source = ? AND resource = ? "
            "AND EXISTS (SELECT 1 FROM news WHERE scope = s.id) ORDER BY params",
            _halves(resource),
        )
        found: dict[int, list[int]] = {row[0]: [] for row in rows}
        wanted = set(found)
        for sync in syncs:
            if not wanted:
                break
            pages: dict[int, list[Row]] = {}
            for row in self.attempt_rows.block(sync).rows:
                if row.scope in wanted:
                    pages.setdefault(row.scope, []).append(row)
            for scope, came in pages.items():
                if all(row.answered and row.error is None for row in came) and self._all_there(sync, came):
                    found[scope] = [row.id for row in came]
                    wanted.discard(scope)
        return [attempts for attempts in found.values() if attempts]

    def _all_there(self, sync: int, rows: Sequence[Row]) -> bool:
        """Whether the bytes that attempts of a sync brought are all there still."""
        if not evidence.anything_gone(self._db):
            return True
        block = self.attempt_rows.block(sync)
        came = (self.attempt_rows.came(row.scope, block.page(row), row.id) for row in rows)
        return not any(each is not None and evidence.is_gone(self._db, each.answer) for each in came)

    def same_answer(self, scope: Scope, one: int, other: int) -> bool:
        """Whether two attempts for a scope brought the same answer (their first page of it)."""
        number = self.find_scope(scope)
        return number is not None and self.attempt_rows.same_answer(number, one, other)

    def clock_doubts(self) -> list[Sync]:
        """Syncs that wait for a verdict: their clock was not believed, so that they are archived only."""
        accepted = {sync.plan["accept"] for sync in self.syncs(cause=Cause.VERDICT) if "accept" in sync.plan}
        rows = self._db.execute(f"{_SYNC} WHERE {schema.DOUBTED} ORDER BY id").fetchall()
        return [self._sync(row) for row in rows if row[0] not in accepted]

    def validators(self, attempt: int) -> dict[str, str]:
        """The headers of a conditional request for what an attempt brought (RFC 9110, section 13.1)."""
        headers = self.attempt(attempt).headers
        names = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
        return {names[name]: value for name, value in headers.items() if name in names}

    def rules(self, resource: str) -> Rules | None:
        """The rules that govern a resource (`SOURCE.RESOURCE`) since its last sync, None before the first."""
        row = self._db.execute(
            "SELECT r.hash, r.text FROM sync_rules y JOIN rules r ON r.id = y.rules "
            f"WHERE y.resource = {schema.RESOURCE} ORDER BY y.sync DESC LIMIT 1",
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
        return names.resources(self._db)

    def versions(self, resource: str) -> frozenset[str]:
        """Names of the versions that were imported for a resource (`SOURCE.RESOURCE`)."""
        rows = self._db.execute(
            f"SELECT s.version FROM sync_rules y JOIN sync s ON s.id = y.sync WHERE y.resource = {schema.RESOURCE}",
            (resource,),
        )
        return frozenset(name for row in rows if (name := self.attempt_rows.forms.text(row[0])) is not None)

    def scope(self, number: int) -> Scope:
        """The scope of a number. Raises `Damaged`."""
        if number not in self._named:
            row = self._db.execute("SELECT source, resource, params FROM scope WHERE id = ?", (number,)).fetchone()
            if row is None:
                raise Damaged(f"scope {number} is missing")
            self._named[number] = Scope.of(row[0], row[1], parse(row[2]))
        return self._named[number]

    def sizes(self) -> dict[str, int]:
        """`answers`: distinct contents; `bytes`: theirs as they came; `stored`: theirs as they are kept."""
        row = self._db.execute("SELECT count(*), coalesce(sum(size), 0), coalesce(sum(length(body)), 0) FROM answer")
        return dict(zip(("answers", "bytes", "stored"), row.fetchone(), strict=True))

    def _sync(self, row: tuple[Any, ...]) -> Sync:
        rules = self._db.execute(
            "SELECT a.address, lower(hex(r.hash)) FROM sync_rules y JOIN rules r ON r.id = y.rules "
            "JOIN resource a ON a.id = y.resource WHERE y.sync = ? ORDER BY a.address",
            (row[0],),
        )
        if row[6] is None:
            raise Damaged(f"the plan of sync {row[0]} is missing")
        text = self.attempt_rows.forms.text
        report = text(row[7])
        shift = self.attempt_rows.shift(row[0])
        return Sync(
            row[0],
            Cause(row[1]),
            from_ms(row[2] + shift),
            None if row[3] is None else from_ms(row[3] + shift),
            bool(row[4]),
            text(row[5]),
            parse(row[6]),
            dict(rules.fetchall()),
            None if report is None else parse(report),
        )

    def _attempt(self, sync: int, row: Row, page: int) -> Attempt:
        came = self.attempt_rows.came(row.scope, page, row.id) if row.answered else None
        digest, size = (None, None) if came is None else self._answers.known(came.answer)
        shift = self.attempt_rows.shift(sync)
        return Attempt(
            row.id,
            sync,
            self.scope(row.scope),
            from_ms(row.requested_at + shift),
            from_ms(row.received_at + shift),
            row.status,
            digest,
            size,
            row.error,
            row.own_headers if came is None else {**came.headers, **row.own_headers},
            row.url,
            row.tries,
        )


def _stored(scope: Scope) -> tuple[str, str, str]:
    return scope.source, scope.resource, canonical(dict(scope.params)).decode()


def _halves(resource: str) -> tuple[str, str]:
    source, _, name = resource.partition(".")
    return source, name
