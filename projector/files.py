"""SQLite as the views need it: connections, transactions, and its errors in words that help."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from eventstore import ReadOnlyRecord, RecordBusy, WriterLock, open_sqlite
from projector.errors import NoViews, ProjectorError, ViewsBusy, ViewsFull, ViewsUnusable

CACHE_KB: Final = 16_384  # what one sync writes to all views: else pages are written before it ends, and read again
CHECKPOINT_PAGES: Final = 4096  # 16 MB: pages are copied into the file, and the disk waited for, once for many syncs

_FULL: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def lock(path: Path) -> WriterLock:
    """Be the one that writes. Raises `ViewsBusy`, `ViewsUnusable`."""
    found = WriterLock(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found.acquire()
    except RecordBusy as busy:
        message = f"the views are being written by {busy.holder}"
        raise ViewsBusy(message, holder=busy.holder) from None
    except ReadOnlyRecord as error:
        raise ViewsUnusable(str(error), hint="") from None
    except OSError as error:
        raise ViewsUnusable(f"{path.parent} cannot be written: {error.strerror or error}", hint="") from None
    return found


def connect(path: Path, *, write: bool, application_id: int, version: int) -> sqlite3.Connection:
    """Open a file of views; for reading it must be there, and of this version. Transactions are begun by hand.

    Raises `NoViews`, `ViewsUnusable`.
    """
    if not write and not path.exists():
        raise NoViews(f"there are no views in {path.parent}")
    with explained(path):
        connection = open_sqlite(path, write=write)
        try:
            _check(connection, path, application_id)
            if write:
                _prepare(connection, path)
            else:
                _check_version(connection, path, version)
        except BaseException:
            connection.close()
            raise
    return connection


def _check(connection: sqlite3.Connection, path: Path, application_id: int) -> None:
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found != application_id and (found or tables):
        raise ViewsUnusable(f"{path} is a database, but no file of views")


def _check_version(connection: sqlite3.Connection, path: Path, version: int) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found != version:
        raise NoViews(f"the views in {path} were made by another version of orlog")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    # what a power cut takes is projected again: a checkpoint of the file is all that waits for the disk
    connection.execute("PRAGMA synchronous = NORMAL")
    # a table that takes another's name must not be followed by the SQL views that are meant for the name
    connection.execute("PRAGMA legacy_alter_table = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    path.chmod(0o600)


def clear(connection: sqlite3.Connection) -> None:
    """Have nothing be in the file."""
    query = "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'table') AND name NOT LIKE 'sqlite_%'"
    for kind, name in connection.execute(query).fetchall():
        connection.execute(f'DROP {kind} "{name}"')


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as errors of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, path) from error


def _explain(error: sqlite3.Error, path: Path) -> ProjectorError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _FULL:
        return ViewsFull(f"no room left for {path}: {error}")
    if code in _BUSY:
        return ViewsBusy(f"{path} is locked by another program: {error}", holder="another program")
    return ViewsUnusable(f"{path} cannot be used: {error}")
