"""SQLite as the record needs it: connections, transactions, and its errors in words that help."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from eventstore.errors import Damaged, DiskFull, EventStoreError, NotARecord, ReadOnlyRecord, RecordBusy

BUSY_SECONDS: Final = 10.0  # another process holds a lock of SQLite's own for milliseconds, unless it hangs

_READ_ONLY: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open a database file; for reading it must be there. Transactions are begun by hand."""
    mode = "rwc" if write else "ro"
    if not write and not _can_make_wal(path):
        mode = "ro&immutable=1"  # nobody can be writing where no -wal file can be made
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )
    connection.execute("PRAGMA foreign_keys = OFF")
    return connection


def _can_make_wal(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists()


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as errors of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, path) from error


def _explain(error: sqlite3.Error, path: Path) -> EventStoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(f"no room left for {path}: {error}")
    if code == sqlite3.SQLITE_IOERR:
        return DiskFull(f"the disk under {path} failed or is full: {error}")
    if code in _READ_ONLY:
        return ReadOnlyRecord(f"{path} cannot be written: {error}")
    if code == sqlite3.SQLITE_NOTADB:
        return NotARecord(f"{path} is not a record: {error}")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return RecordBusy(f"{path} is locked by another program: {error}", holder="another program")
    return Damaged(f"{path} is damaged: {error}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, *, write: bool) -> Iterator[None]:
    """One transaction: a snapshot for reading, or an immediate one for writing. Inside another, nothing of its own."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # the first error counts; closing rolls back what this could not
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
