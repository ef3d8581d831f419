"""Dropped answers: those whose bytes are gone, against what the receipts of compactions say of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from eventstore import chain
from eventstore.answers import GONE
from eventstore.compacted import Report
from eventstore.verification.finding import Finding, digest_or_none

_GONE: Final = f"SELECT id FROM answer WHERE {GONE} AND id NOT IN (SELECT answer FROM dropped) ORDER BY id"
# a compaction without a receipt is the one that the next of this generation ends
_STRAYS: Final = """
SELECT count(*) FROM dropped
WHERE compaction NOT IN (SELECT id FROM compaction WHERE receipt IS NOT NULL OR generation = ?)
OR answer NOT IN (SELECT id FROM answer)
"""


def check(db: sqlite3.Connection, generation: int) -> Iterator[Finding]:
    """Check that what is gone was dropped, and that what each receipt says was dropped is what is noted."""
    for (number,) in db.execute(_GONE).fetchall():
        yield Finding("answer", None, f"answer {number}: its bytes are gone, and no compaction dropped them")
    strays = db.execute(_STRAYS, (generation,)).fetchone()[0]
    if strays:
        yield Finding("dropped", None, f"{strays} notes of dropped answers lead nowhere")
    receipts = db.execute("SELECT id, report FROM compaction WHERE receipt IS NOT NULL ORDER BY id").fetchall()
    for number, text in receipts:
        if _said(text) != _noted(db, number):
            yield Finding("dropped", None, f"what compaction {number} dropped is not what its receipt says")


def _said(text: str) -> str | None:
    try:
        report = msgspec.json.decode(text, type=Report)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return "unreadable"
    return None if report.dropped is None else report.dropped.digest


def _noted(db: sqlite3.Connection, compaction: int) -> str | None:
    lines = list(chain.dropped_lines(db, compaction))
    digest = digest_or_none(lines) if lines else None
    return None if digest is None else digest.hex()
