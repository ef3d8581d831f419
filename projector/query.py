"""SQL over the views: for reading only, and bounded in time."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from projector import files
from projector.errors import BadQuery, QueryTooLong
from projector.store import APPLICATION_ID, VERSION

SECONDS: Final = 30.0  # what a query may take, unless it is given more
STEPS: Final = 10_000  # of SQLite's machine between two looks at the clock, well below a millisecond
LONGEST: Final = 100_000_000  # bytes of one value

_ALLOWED: Final = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_SCHEMA: Final = "sqlite_master"
_PRAGMAS: Final = {"table_info", "table_xinfo", "table_list", "index_list", "index_info"}
_FORBIDDEN: Final = {"load_extension", "writefile", "edit", "fts3_tokenizer"}

_NO_TABLE: Final = "no such table"
_HINTS: Final = (
    ("no such column", "`SELECT name FROM pragma_table_info('VIEW')` shows the columns of a view"),
    ("binding parameter", "--param NAME VALUE says what :NAME stands for"),
    ("has no name", "give each parameter a name, as in :NAME"),
    ("one statement", "write one SELECT"),
)


class Query:
    """The rows of one SELECT; a context manager. `columns` are their names, in order."""

    def __init__(
        self, path: Path, sql: str, parameters: Mapping[str, Any] | None = None, *, seconds: float = SECONDS
    ) -> None:
        """Raises `NoViews`, `ViewsUnusable`, `BadQuery`."""
        self._db = files.connect(path, write=False, application_id=APPLICATION_ID, version=VERSION)
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._db.set_authorizer(_authorize)
        self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        self._db.set_progress_handler(self._late, STEPS)
        try:
            with self._explained():
                self._cursor = self._db.execute(sql, dict(parameters or {}))
            self.columns = _columns(self._cursor)
        except BaseException:
            self._db.close()
            raise

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows, as they come. Raises `QueryTooLong`, `BadQuery`."""
        with self._explained():
            for row in self._cursor:  # noqa: UP028  # `yield from` closes a cursor whose file may have been closed before
                yield row

    def _late(self) -> int:
        return time.monotonic() > self._until

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if code == sqlite3.SQLITE_INTERRUPT:
                if (
                    not self._late()
                ):  # Ctrl-C was heard while SQLite asked what time it is: it tells no errors from that
                    raise KeyboardInterrupt from None
                raise QueryTooLong(f"the query took longer than {self._seconds:g} s") from None
            if code == sqlite3.SQLITE_AUTH or "not authorized" in str(error) or "prohibited" in str(error):
                raise BadQuery(f"only reading is allowed: {error}", hint="write one SELECT") from None
            raise BadQuery(f"SQLite says: {error}", hint=self._hint(str(error))) from None

    def _hint(self, said: str) -> str | None:
        """What to do about what SQLite says, None for what one does of any wrong query."""
        if said.startswith(_NO_TABLE):
            query = f"SELECT name FROM {_SCHEMA} WHERE type IN ('table', 'view') AND name NOT GLOB '[_]*' ORDER BY name"
            names = [name for (name,) in self._db.execute(query)]
            return f"one of: {', '.join(names)}" if names else "`orlog project run` makes the views from the record"
        return next((hint for words, hint in _HINTS if words in said), None)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _columns(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    if cursor.description is None:
        raise BadQuery("that asks for nothing: a SELECT is needed")
    return tuple(each[0] for each in cursor.description)


def _authorize(action: int, one: str | None, two: str | None, _: str | None, __: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION and (two or "").lower() in _FORBIDDEN:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_UPDATE and one == _SCHEMA:  # so it asks for `json_each`; the table itself is guarded
        return sqlite3.SQLITE_OK
    if action in _ALLOWED or (action == sqlite3.SQLITE_PRAGMA and (one or "").lower() in _PRAGMAS):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
