"""Attempts: rows while their sync is open, one packed block once it is closed.

Which answer an attempt brought stands in `news` only where it was another than that of the attempt before.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from eventstore.canonical import parse
from eventstore.errors import UnknownAttempt
from eventstore.forms import Forms, Stored
from eventstore.packing import Headers, Row, decode
from eventstore.schema import ASKING_NOTHING
from eventstore.skipped import among_skipped

KEPT_BLOCKS: Final = 64  # decoded; reading a catalogue needs those of the syncs that confirm its scopes


class Came(NamedTuple):
    """The answer that an attempt brought, with the status and headers that came with it when it was new.

    The headers are `kept` as a text that the `forms` know.
    """

    answer: int
    status: int | None
    kept: Stored
    forms: Forms

    @property
    def headers(self) -> Headers:
        """Most who look for an answer do not ask for them."""
        text = self.forms.text(self.kept)
        return {} if text is None else parse(text)


class Block:
    """The attempts of one sync, in order."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._first: dict[int, int] | None = None
        self._pages: list[int] | None = None

    @property
    def scopes(self) -> dict[int, int]:
        """The first attempt for each scope."""
        if self._first is None:
            self._first = {}
            for row in self.rows:
                self._first.setdefault(row.scope, row.id)
        return self._first

    def pages(self) -> Iterator[tuple[Row, int]]:
        """Each attempt with the page of its scope that it asked for."""
        return zip(self.rows, self._numbered(), strict=True)

    def page(self, row: Row) -> int:
        """The page that one of its attempts asked for."""
        return self._numbered()[row.id - self.rows[0].id]

    def _numbered(self) -> list[int]:
        if self._pages is None:
            seen: Counter[int] = Counter()
            self._pages = []
            for row in self.rows:
                self._pages.append(seen[row.scope])
                seen[row.scope] += 1
        return self._pages


class Attempts:
    """All attempts of a record, read: those of open syncs from their rows, the others from their blocks."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.forms = Forms(db)
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self._shifts: dict[int, int] | None = None
        self.pending: dict[int, list[Row]] = {}  # of open syncs, not written yet

    def forget(self) -> None:
        """Drop what is remembered."""
        self.forms.forget()
        self._blocks.clear()
        self._shifts = None
        self.pending.clear()

    def block(self, sync: int) -> Block:
        """The attempts of a sync. Raises `Damaged`."""
        block = self._blocks.get(sync)
        if block is not None:
            self._blocks.move_to_end(sync)
            return block
        row = self._db.execute("SELECT at, first, opened_at, attempts FROM sync WHERE id = ?", (sync,)).fetchone()
        if row is None or row[0] is None or row[3] is None:
            return Block([*self._open_rows(sync), *self.pending.get(sync, ())])
        block = self._blocks[sync] = Block(decode(row[3], row[1], row[2]))
        if len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return block

    def _open_rows(self, sync: int) -> Iterator[Row]:
        rows = self._db.execute(
            "SELECT id, scope, requested_at, received_at, status, answered, error, headers, url, tries FROM attempt "
            "WHERE sync = ? ORDER BY id",
            (sync,),
        )
        for attempt, scope, requested, received, status, answered, error, headers, url, tries in rows.fetchall():
            kept = {} if headers is None else parse(headers)
            yield Row(attempt, scope, requested, received, status, bool(answered), error, kept, url, tries)

    def sync_of(self, attempt: int) -> int:
        """The sync that an attempt belongs to. Raises `UnknownAttempt`."""
        row = self._db.execute(
            "SELECT id FROM sync WHERE first <= ? ORDER BY first DESC LIMIT 1", (attempt,)
        ).fetchone()
        if row is not None and any(each.id == attempt for each in self._near(row[0], attempt)):
            return int(row[0])
        raise UnknownAttempt(f"there is no attempt {attempt}{among_skipped(self._db)}")

    def _near(self, sync: int, attempt: int) -> Sequence[Row]:
        rows = self.block(sync).rows
        place = attempt - rows[0].id if rows else 0
        return rows[place : place + 1]

    def row(self, attempt: int) -> tuple[int, Row]:
        """An attempt and its sync. Raises `UnknownAttempt`."""
        sync = self.sync_of(attempt)
        return sync, self._near(sync, attempt)[0]

    def first_for(self, sync: int, scope: int) -> int | None:
        """A sync's first attempt for a scope."""
        return self.block(sync).scopes.get(scope)

    def came(self, scope: int, page: int, attempt: int) -> Came | None:
        """The answer that a scope had last brought with an attempt."""
        row = self._db.execute(
            "SELECT answer, status, headers FROM news WHERE scope = ? AND page = ? AND attempt <= ? "
            "ORDER BY attempt DESC LIMIT 1",
            (scope, page, attempt),
        ).fetchone()
        return None if row is None else Came(row[0], row[1], row[2], self.forms)

    def same_answer(self, scope: int, one: int, other: int) -> bool:
        """Whether two attempts for a scope brought the same as their first page."""
        news = self._db.execute(
            "SELECT max(attempt) FROM news WHERE scope = ? AND page = 0 AND attempt <= ?", (scope, max(one, other))
        ).fetchone()[0]
        if news is None or news <= min(one, other):
            return news is not None
        before, after = self.came(scope, 0, one), self.came(scope, 0, other)
        return before is not None and after is not None and before[:2] == after[:2]

    def times(self, attempt: int) -> tuple[int, int]:
        """When an attempt was asked, and when its answer arrived, in milliseconds, a wrong clock corrected."""
        sync, row = self.row(attempt)
        shift = self.shift(sync)
        return row.requested_at + shift, row.received_at + shift

    def shift(self, sync: int) -> int:
        """By how many milliseconds a person's verdict corrects the times of a sync."""
        if self._shifts is None:
            plans = self._db.execute(
                "SELECT p.text FROM sync s JOIN plan p ON p.id = s.plan "
                f"WHERE cause = 'verdict' AND {ASKING_NOTHING} AND at IS NOT NULL ORDER BY s.id"
            )
            self._shifts = {}
            for plan in map(parse, (row[0] for row in plans.fetchall())):
                if isinstance(plan, dict) and isinstance(plan.get("shift_ms"), int):
                    self._shifts[plan["accept"]] = plan["shift_ms"]
        return self._shifts.get(sync, 0)

    def verdict_given(self) -> None:
        """Take note that a verdict was laid down."""
        self._shifts = None

    def next_id(self) -> int:
        """The number of the next attempt."""
        waiting = [rows[-1].id for rows in self.pending.values() if rows]
        written = self._db.execute("SELECT max(id) FROM attempt").fetchone()[0]
        last = max([*waiting, written or 0])
        if last:
            return last + 1
        row = self._db.execute("SELECT id FROM sync WHERE first IS NOT NULL ORDER BY first DESC LIMIT 1").fetchone()
        return 1 if row is None else self.block(row[0]).rows[-1].id + 1
