"""What in the documents did not fit a view."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from eventstore import from_ms, to_ms
from projector.derivation import Found


class Issue(msgspec.Struct, frozen=True):
    """Something in an entity's documents that did not fit a view: `message` says what, `path` where.

    The same of one entity is one issue; `count` says after how many events it was so, the rest is of the last of them:
    `payload` is the SHA-256 of its document in hexadecimal.
    """

    view: str
    source: str
    category: str
    key: str
    path: str
    message: str
    count: int
    seq: int
    sync: int
    observed_at: datetime
    payload: str

    @property
    def see(self) -> tuple[str, ...]:
        """The words behind `orlog` that show the document."""
        return ("replay", f"{self.source}.{self.category}", self.key, "--at", f"@{self.seq}")


def note(db: sqlite3.Connection, view: str, misfits: Iterable[Found], *, building: bool) -> None:
    """Take up what did not fit a view; the same again, after no later event, changes nothing."""
    db.executemany(
        "INSERT INTO _issue (view, building, source, category, key, path, message, count, seq, sync, observed_at, "
        "payload) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + 1, "
        "seq = excluded.seq, sync = excluded.sync, observed_at = excluded.observed_at, payload = excluded.payload "
        "WHERE excluded.seq > seq",
        [_values(view, found, building=building) for found in misfits],
    )


def listed(db: sqlite3.Connection, view: str | None) -> list[Issue]:
    """What did not fit, of one view or all that are served; by view, then by entity."""
    where, values = ("", ()) if view is None else ("AND view = ?", (view,))
    rows = db.execute(
        "SELECT view, source, category, key, path, message, count, seq, sync, observed_at, payload "
        f"FROM _issue WHERE NOT building {where} ORDER BY view, category, key, source, path, message",
        values,
    )
    return [_issue(*row) for row in rows]


def counts(db: sqlite3.Connection) -> dict[str, int]:
    """How many issues each view that is served has."""
    return dict(db.execute("SELECT view, count(*) FROM _issue WHERE NOT building GROUP BY view").fetchall())


def _values(view: str, found: Found, *, building: bool) -> tuple[Any, ...]:
    subject, event = found.subject, found.event
    return (
        view,
        building,
        subject.source,
        subject.category,
        subject.key,
        found.misfit.path,
        found.misfit.message,
        event.seq,
        event.sync,
        to_ms(event.observed_at),
        event.hash,
    )


def _issue(  # noqa: PLR0913, PLR0917  # the columns, as they are asked for
    view: str,
    source: str,
    category: str,
    key: str,
    path: str,
    message: str,
    count: int,
    seq: int,
    sync: int,
    at: int,
    payload: str,
) -> Issue:
    return Issue(view, source, category, key, path, message, count, seq, sync, from_ms(at), payload)
