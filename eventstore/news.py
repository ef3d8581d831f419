"""News: which attempts brought the answers, and which of these attempts are there no more.

Compaction drops syncs with their attempts. What these brought stays, for later ones may have brought the same again.
Nothing else tells any more which attempts they were, so each receipt commits to that.
"""

from __future__ import annotations

import bisect
import itertools
import operator
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from eventstore import chain
from eventstore.attempts import Attempts
from eventstore.compacted import Brought
from eventstore.forms import Forms, Stored


class News(NamedTuple):
    """A row of `news`: for a page of a scope, since this attempt, it is this answer with this status and headers.

    `headers` are as `Forms` stores them.
    """

    attempt: int
    scope: int
    page: int
    answer: int
    status: int | None
    headers: Stored


_NEWS: Final = "SELECT attempt, scope, page, answer, status, headers FROM news ORDER BY attempt, scope, page"
SYNCS: Final = "SELECT first, id FROM sync WHERE first IS NOT NULL ORDER BY first"
_LINE: Final = """
SELECT 'brought', s.source, s.resource, s.params, n.page, n.attempt, lower(hex(a.hash)), a.size, n.status, n.headers
FROM news n LEFT JOIN scope s ON s.id = n.scope LEFT JOIN answer a ON a.id = n.answer
WHERE n.attempt = ? AND n.scope = ? AND n.page = ?
"""
_first = operator.itemgetter(0)


def news(db: sqlite3.Connection) -> Iterator[News]:
    """All of it, by attempt."""
    yield from itertools.starmap(News, db.execute(_NEWS))


def brought_by_dropped(db: sqlite3.Connection) -> Brought | None:
    """What a receipt says of attempts that are there no more; None where no sync ever went."""
    if not db.execute("SELECT EXISTS (SELECT 1 FROM skipped)").fetchone()[0]:
        return None
    gone = list(_gone(db))
    return Brought(len(gone), chain.digest(brought_lines(db, gone)).hex())


def brought_lines(db: sqlite3.Connection, gone: Iterable[News]) -> Iterator[chain.Line]:
    """What a receipt commits to of these, in the order given: by attempt."""
    text = Forms(db).text
    for each in gone:
        for *line, headers in db.execute(_LINE, each[:3]):
            yield (*line, text(headers))


def _gone(db: sqlite3.Connection) -> Iterator[News]:
    attempts = Attempts(db)
    syncs = db.execute(SYNCS).fetchall()
    for each in news(db):
        place = bisect.bisect_right(syncs, each.attempt, key=_first) - 1
        if place < 0 or each.attempt >= syncs[place][0] + len(attempts.block(syncs[place][1]).rows):
            yield each
