"""News: that each answer was brought by an attempt that asked for it, or by one that went as the receipts say."""

from __future__ import annotations

import bisect
import operator
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from eventstore.attempts import Attempts, Block
from eventstore.canonical import parse
from eventstore.compacted import Brought, Report
from eventstore.errors import Damaged, Unreadable
from eventstore.forms import Forms, Stored
from eventstore.news import SYNCS, News, brought_lines, news
from eventstore.packing import text_of
from eventstore.verification.finding import Finding, digest_or_none

_OPEN: Final = """
SELECT id, scope, row_number() OVER (PARTITION BY sync, scope ORDER BY id) - 1, answered FROM attempt
"""
_NEXT: Final = "SELECT coalesce(min(attempt), 1 << 62) FROM news WHERE attempt > ? AND scope = ? AND page = ?"
_GOES_ON: Final = "SELECT EXISTS (SELECT 1 FROM compaction WHERE receipt IS NULL)"
_RECEIPT: Final = "SELECT report FROM compaction WHERE receipt IS NOT NULL ORDER BY receipt DESC LIMIT 1"
_first = operator.itemgetter(0)


class Unclaimed:
    """News of which the attempt has not been met that brought it, read as far as attempts have been met."""

    def __init__(self, db: sqlite3.Connection, attempts: Attempts) -> None:
        self._db = db
        self._attempts = attempts
        self._coming = news(db)
        self._ahead = next(self._coming, None)
        self._left: dict[int, list[News]] = defaultdict(list)  # by attempt
        self._came: dict[tuple[int, int], tuple[int, int | None]] = {}  # for each page of a scope
        self._odd: list[tuple[News, str]] = []  # as no writer writes them
        self._wrong: list[News] = []
        self._damaged: set[int] = set()
        self._last = 0

    def take(self, block: Block) -> None:
        """Take note of the attempts of a closed sync."""
        for row, page in block.pages():
            self._meet(row.id, row.scope, page, answered=row.answered)

    def leave(self, sync: int) -> None:
        """Take note that the attempts of a sync are not what they were: nothing follows from them."""
        self._damaged.add(sync)

    def _meet(self, attempt: int, scope: int, page: int, *, answered: bool) -> None:
        self._read(attempt)
        self._last = max(self._last, attempt)
        for each in self._left.pop(attempt, ()):
            if not answered or (each.scope, each.page) != (scope, page):
                self._wrong.append(each)

    def _read(self, until: int | None) -> None:
        """Read on to what an attempt brought, or to the end."""
        while self._ahead is not None and (until is None or self._ahead.attempt <= until):
            each = self._ahead
            self._left[each.attempt].append(each)
            page = each.scope, each.page
            if self._came.get(page) == (each.answer, each.status):
                what = f"of attempt {each.attempt} is the one before it for page {each.page} of scope {each.scope}"
                self._odd.append((each, f"the answer {what}, and no news"))
            self._came[page] = each.answer, each.status
            if not _canonical(self._attempts.forms, each.headers):
                what = f"the headers that came with the answer of attempt {each.attempt} are not as they were written"
                self._odd.append((each, what))
            self._ahead = next(self._coming, None)

    def check(self) -> Iterator[Finding]:
        """Check all news, once all closed syncs were met."""
        for attempt, scope, page, answered in self._db.execute(_OPEN).fetchall():
            self._meet(attempt, scope, page, answered=bool(answered))
        self._read(None)
        syncs = self._db.execute(SYNCS).fetchall()
        left = [each for rows in self._left.values() for each in rows if _within(syncs, each) not in self._damaged]
        went = self._db.execute("SELECT EXISTS (SELECT 1 FROM skipped)").fetchone()[0]
        gone = [each for each in left if went and 0 < each.attempt < self._last]
        for each in sorted({*self._wrong, *left} - set(gone)):
            what = f"attempt {each.attempt} did not bring an answer for page {each.page} of scope {each.scope}"
            yield Finding("news", self._reader(syncs, each), f"{what}, as it is said to")
        for each, what in self._odd:
            yield Finding("news", self._reader(syncs, each), what)
        said = self._said()
        if said is not None and not self._damaged:
            yield from self._went(syncs, gone, said)

    def _said(self) -> Brought | None:
        """What the last receipt says of attempts that went, None where one of before it was said, or one is due."""
        row = self._db.execute(_RECEIPT).fetchone()
        if row is None or self._db.execute(_GOES_ON).fetchone()[0]:
            return None
        try:
            return msgspec.json.decode(row[0], type=Report).brought
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None  # that it is altered is found beside

    def _went(self, syncs: Sequence[tuple[int, int]], gone: Sequence[News], said: Brought) -> Iterator[Finding]:
        digest = digest_or_none(brought_lines(self._db, gone))
        if digest is not None and digest.hex() == said.digest:
            return
        yield Finding(
            "news", None, "what attempts brought that went with their syncs is not what the last receipt says"
        )
        if len(gone) > said.attempts:
            # one of them was brought by an attempt that is there; which of them it is cannot be told any more
            readers = {self._reader(syncs, each) for each in gone}
            for sync in sorted(reader for reader in readers if reader is not None):
                yield Finding("news", sync, f"what sync {sync} brought may be what is altered")

    def _reader(self, syncs: Sequence[tuple[int, int]], each: News) -> int | None:
        """The first sync with an attempt that is said to have brought that; else the one that it falls into."""
        until = self._db.execute(_NEXT, each[:3]).fetchone()[0]
        begin = max(bisect.bisect_right(syncs, each.attempt, key=_first) - 1, 0)
        for first, sync in syncs[begin:]:
            if first >= until:
                break
            if sync not in self._damaged and _reads(self._attempts, sync, each, until):
                return sync
        return _within(syncs, each)


def _within(syncs: Sequence[tuple[int, int]], each: News) -> int | None:
    place = bisect.bisect_right(syncs, each.attempt, key=_first) - 1
    return None if place < 0 else syncs[place][1]


def _reads(attempts: Attempts, sync: int, each: News, until: int) -> bool:
    try:
        return any(
            row.answered and each.attempt <= row.id < until and (row.scope, page) == each[1:3]
            for row, page in attempts.block(sync).pages()
        )
    except (Damaged, Unreadable):
        return False


def _canonical(forms: Forms, stored: Stored) -> bool:
    try:
        headers = forms.text(stored)
        return headers is None or text_of(parse(headers)) == headers
    except (ValueError, TypeError, Unreadable, Damaged):
        return False
