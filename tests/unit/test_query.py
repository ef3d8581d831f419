"""SQL over the views: for reading only, and bounded in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from projector import BadQuery, NoViews, Query, QueryTooLong
from tests.projecting import Said, Views, new_views

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "


@pytest.fixture
def views() -> Iterator[Views]:
    with new_views() as views:
        views.lay(0, Said("api.thing", {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": None}}))
        views.run()
        yield views


def ask(views: Views, sql: str, parameters: dict[str, Any] | None = None) -> tuple[tuple[str, ...], list[Any]]:
    with Query(views.path, sql, parameters) as query:
        return query.columns, list(query.rows())


def test_a_query_gives_columns_and_rows(views: Views) -> None:
    expected = ("key", "twice"), [("a", 2), ("b", 4), ("c", None)]
    assert ask(views, "SELECT key, n * 2 AS twice FROM thing ORDER BY key") == expected
    assert ask(views, "SELECT key FROM thing WHERE 0") == (("key",), [])


@pytest.mark.parametrize(
    "sql",
    [
        "WITH t AS (SELECT * FROM thing) SELECT count(*) FROM t",
        "SELECT count(*) FROM thing UNION SELECT 3",
        "SELECT row_number() OVER (ORDER BY key) FROM thing LIMIT 1 OFFSET 2",
        "VALUES (3)",
        f"{ENDLESS} SELECT i FROM n WHERE i = 3 LIMIT 1",
        "SELECT count(*) FROM lifecycle;",
        "SELECT count(*) FROM sqlite_master WHERE name IN ('thing', 'manifest', 'changes')",
        "SELECT value FROM json_each('[3]')",
        "-- a remark\nSELECT 3",
    ],
)
def test_whatever_only_reads_is_allowed(views: Views, sql: str) -> None:
    assert ask(views, sql)[1] == [(3,)]


def test_columns_of_a_view_may_be_asked_for(views: Views) -> None:
    names = [row[1] for row in ask(views, "PRAGMA table_info(thing)")[1]]
    assert names == [row[0] for row in ask(views, "SELECT name FROM pragma_table_info('thing')")[1]]
    assert "n" in names


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO thing (source, key, updated_at) VALUES ('x', 'y', 'z')",
        "WITH t AS (SELECT 1) INSERT INTO thing SELECT * FROM thing",
        "UPDATE thing SET n = 5",
        "UPDATE thing SET n = 5 RETURNING n",
        "DELETE FROM thing",
        "DROP TABLE thing",
        "CREATE TABLE mine (a)",
        "CREATE TEMP TABLE mine (a)",
        "CREATE TEMP VIEW mine AS SELECT 1",
        "CREATE INDEX mine ON thing (n)",
        "ALTER TABLE thing RENAME TO mine",
        "ATTACH 'other.db' AS other",
        "DETACH main",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "PRAGMA user_version = 7",
        "PRAGMA query_only = 0",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "REINDEX",
        "ANALYZE",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "SAVEPOINT mine",
        "SELECT load_extension('mine')",
        "SELECT LOAD_EXTENSION('mine')",
        "SELECT writefile('mine', 'x')",
    ],
)
def test_whatever_does_more_than_read_is_refused(
    views: Views, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = views.tables()
    with pytest.raises(BadQuery) as refused:
        ask(views, sql)
    assert refused.value.hint
    assert views.tables() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE thing", "SELECT 1;;SELECT 2"])
def test_several_statements_are_refused(views: Views, sql: str) -> None:
    with pytest.raises(BadQuery, match="one statement"):
        ask(views, sql)
    assert len(views.rows("thing")) == 3


@pytest.mark.parametrize("sql", ["", " ", "-- nothing", ";"])
def test_what_asks_for_nothing_is_refused(views: Views, sql: str) -> None:
    with pytest.raises(BadQuery, match="a SELECT is needed"):
        ask(views, sql)


@pytest.mark.parametrize(
    "sql, message",
    [
        ("SELEKT 1", 'near "SELEKT": syntax error'),
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("SELECT height FROM thing", "no such column: height"),
        ("SELECT json('{')", "malformed JSON"),
        ("SELECT abs(-9223372036854775808)", "integer overflow"),
        ("SELECT zeroblob(999999999)", "too big"),
        ("SELECT CAST(x'ff' AS TEXT)", "decode"),
        ("SELECT '\x00", "SQLite says"),
    ],
)
def test_what_sqlite_cannot_do_it_says_why(views: Views, sql: str, message: str) -> None:
    with pytest.raises(BadQuery, match=message):
        ask(views, sql)


@pytest.mark.parametrize(
    "sql",
    [
        f"{ENDLESS} SELECT count(*) FROM n",
        f"{ENDLESS} SELECT i FROM n WHERE i < 0",
        f"{ENDLESS} SELECT i FROM n",
    ],
)
def test_a_query_that_takes_too_long_is_given_up(views: Views, sql: str) -> None:
    with pytest.raises(QueryTooLong, match=r"longer than 0\.05 s"), Query(views.path, sql, seconds=0.05) as query:
        for _ in query.rows():
            pass


def test_parameters_are_values_and_never_sql(views: Views) -> None:
    assert ask(views, "SELECT key FROM thing WHERE n = :n", {"n": 2})[1] == [("b",)]
    text = "'; DROP TABLE thing; --"
    assert ask(views, "SELECT :text", {"text": text, "unused": 1})[1] == [(text,)]
    for parameters in ({}, {"n": object()}, {"n": 2**64}):
        with pytest.raises(BadQuery):
            ask(views, "SELECT :n", parameters)


def test_where_there_are_no_views_nothing_can_be_asked(tmp_path: Path) -> None:
    with pytest.raises(NoViews):
        Query(tmp_path / "views.db", "SELECT 1")
    assert list(tmp_path.iterdir()) == []


def test_what_is_read_is_of_one_moment_while_views_go_on(views: Views) -> None:
    with Query(views.path, "SELECT key, n FROM thing ORDER BY key") as query:
        rows = query.rows()
        first = next(rows)
        views.lay(1, Said("api.thing", {"a": {"n": 7}, "b": {"n": 7, "more": 1}, "z": {"n": 7}}))
        views.run()
        views.rebuild()
        assert [first, *rows] == [("a", 1), ("b", 2), ("c", None)]
    assert ask(views, "SELECT key, n FROM thing ORDER BY key")[1] == [("a", 7), ("b", 7), ("z", 7)]
