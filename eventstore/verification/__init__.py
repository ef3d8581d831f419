"""Verification: that everything stored is what was stored, and that the log follows from its own events.

Without `deep`: the database's own structure, the digest of every sync, the chain of roots, and that no row stands
outside of them. With it also: every answer's bytes, every event folded by the `jsonpatch` library (the hot path's own
patch code is not its own witness), what is live at the end, and every keyframe.
"""

from __future__ import annotations

import sqlite3

from eventstore import sqlite
from eventstore.errors import EventStoreError
from eventstore.progress import Progress, Silent
from eventstore.record import Record
from eventstore.verification.finding import Finding

__all__ = ["Finding", "verify"]


def verify(
    record: Record, *, deep: bool = False, root: str | None = None, progress: Progress | None = None
) -> list[Finding]:
    """Check a record and return what is wrong with it, nothing where all is well.

    `root` (hexadecimal) is one that was kept elsewhere: it must be one of the chain's. What is damaged is named with
    the sync it belongs to, as far as that can still be told.
    """
    from eventstore.verification import checks  # noqa: PLC0415  # jsonpatch takes longer to import than most reads

    progress = progress or Silent()
    connection = sqlite.connect(record.path, write=False)
    connection.text_factory = _text
    findings: list[Finding] = []
    try:
        with sqlite.transaction(connection, write=False):
            for finding in checks.run(connection, deep=deep, root=root, progress=progress):
                findings.append(finding)  # noqa: PERF402  # what was found before it cannot be read on counts
    except (sqlite3.Error, EventStoreError, OverflowError) as error:
        findings.append(Finding("file", None, f"the record cannot be read to its end: {error}"))
    finally:
        connection.close()
        progress.finish()
    return findings


def _text(stored: bytes) -> str:
    return stored.decode(errors="surrogateescape")  # a flipped byte must be found, not stop the reading
