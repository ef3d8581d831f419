"""Taking attempts in: what is news of a scope, what it brought before, and what a 304 confirms."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eventstore.answers import Answers, Stored, depth_of
from eventstore.attempts import Attempts, Came
from eventstore.errors import EventStoreError
from eventstore.model import Request, to_ms
from eventstore.packing import NOT_MODIFIED, Row, split_headers, text_of, to_the_second, values_of


class _Kept(NamedTuple):
    """An answer as it came, and where it is kept."""

    stored: Stored
    status: int | None
    headers: Mapping[str, str]


class Intake:
    """Writes the attempts of open syncs, and what was news of them. Needs a transaction around each call."""

    def __init__(self, db: sqlite3.Connection, answers: Answers, attempts: Attempts) -> None:
        self._db = db
        self._answers = answers
        self._attempts = attempts
        self._last: dict[tuple[int, int], _Kept | None] = {}  # of each scope's page
        self._pages: dict[int, dict[int, int]] = {}  # by open sync: how many attempts each scope has
        self._packed: list[int] = []  # syncs whose attempts still stand as rows too
        self._next: int | None = None
        self.news = 0
        """How many answers were taken in that are not what their scope had brought before."""

    def add(self, sync: int, requests: Sequence[tuple[int, Request]]) -> list[int]:
        """Take in attempts of an open sync, each with the number of its scope; return their ids."""
        if self._next is None:
            self._next = self._attempts.next_id()
        known = self._attempts.block(sync).rows if requests and sync not in self._pages else ()
        if known and known[-1].id + 1 != self._next:
            raise EventStoreError(f"sync {sync} cannot take attempts any more: another one took some after it")
        rows = [self._row(self._next + n, sync, *each) for n, each in enumerate(requests)]
        if rows:
            self._next += len(rows)
            self._db.execute("UPDATE sync SET first = ? WHERE id = ? AND first IS NULL", (rows[0].id, sync))
            self._attempts.pending.setdefault(sync, []).extend(rows)
        return [row.id for row in rows]

    def packed(self, sync: int) -> None:
        """Take note that a sync was closed, and its attempts packed."""
        self._packed.append(sync)
        self._attempts.pending.pop(sync, None)
        self._pages.pop(sync, None)

    def flush(self) -> None:
        """Write the attempts of syncs that stay open."""
        for sync, rows in self._attempts.pending.items():
            self._db.executemany(
                "INSERT INTO attempt (id, sync, scope, requested_at, received_at, status, answered, error, headers, "
                "url, tries) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [values_of(row, sync) for row in rows],
            )
        self._attempts.pending.clear()
        # last of all, so that the room they took stays for the next sync's
        for sync in self._packed:
            self._db.execute("DELETE FROM attempt WHERE sync = ?", (sync,))
        self._packed.clear()

    def forget(self) -> None:
        """Drop everything remembered."""
        self._last.clear()
        self._pages.clear()
        self._packed.clear()
        self._next = None

    def _row(self, attempt: int, sync: int, scope: int, request: Request) -> Row:
        page = self._page(sync, scope)
        with_answer, own = split_headers(request.headers)
        requested_at, received_at = to_ms(request.requested_at), to_ms(request.received_at)
        answered = request.body is not None
        if request.body is not None:
            last = self._last_came(scope, page)
            stored = self._answers.store(request.body, None if last is None else last.stored)
            came = _Kept(stored, request.status, with_answer)
            own |= self._brought(scope, page, attempt, came)
        elif request.status == NOT_MODIFIED and request.error is None:
            answered = self._confirm(scope, page, attempt, request.confirms)
            # a thousand of them would be as many times to keep
            requested_at, received_at = to_the_second(requested_at), to_the_second(received_at)
        url = None if request.error is None else request.url
        status, error, tries = request.status, request.error, request.tries
        return Row(attempt, scope, requested_at, received_at, status, answered, error, own, url, tries)

    def _page(self, sync: int, scope: int) -> int:
        if sync not in self._pages:
            self._pages[sync] = Counter(row.scope for row in self._attempts.block(sync).rows)
        page = self._pages[sync].get(scope, 0)
        self._pages[sync][scope] = page + 1
        return page

    def _brought(self, scope: int, page: int, attempt: int, came: _Kept) -> Mapping[str, str]:
        """Note an answer where it is news; return those headers that are others than those that came with it first."""
        last = self._last_came(scope, page)
        if last is not None and (last.stored.id, last.status) == (came.stored.id, came.status):
            return {} if came.headers == last.headers else came.headers
        self._last[scope, page] = came
        self.news += 1
        self._db.execute(
            "INSERT INTO news (scope, page, attempt, answer, status, headers) VALUES (?, ?, ?, ?, ?, ?)",
            (scope, page, attempt, came.stored.id, came.status, self._attempts.forms.stored(text_of(came.headers))),
        )
        return {}

    def _confirm(self, scope: int, page: int, attempt: int, confirms: int | None) -> bool:
        """Note that the answer is the one that an earlier attempt brought; whether there is one."""
        last = self._last_came(scope, page)
        came = None if confirms is None else self._attempts.came(scope, page, confirms)
        if came is not None:
            depth = self._db.execute("SELECT depth FROM answer WHERE id = ?", (came.answer,)).fetchone()
            stored = Stored(came.answer, 0 if depth is None else depth_of(depth[0]))
            self._brought(scope, page, attempt, _Kept(stored, came.status, came.headers))
        return last is not None or came is not None

    def _last_came(self, scope: int, page: int) -> _Kept | None:
        if (scope, page) not in self._last:
            row = self._db.execute(
                "SELECT n.answer, w.depth, n.status, n.headers FROM news n JOIN answer w ON w.id = n.answer "
                "WHERE n.scope = ? AND n.page = ? ORDER BY n.attempt DESC LIMIT 1",
                (scope, page),
            ).fetchone()
            if row is None:
                self._last[scope, page] = None
            else:
                answer, depth, status, headers = row
                came = Came(answer, status, headers, self._attempts.forms)
                self._last[scope, page] = _Kept(Stored(answer, depth_of(depth)), status, came.headers)
        return self._last[scope, page]
