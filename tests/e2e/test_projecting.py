"""project and query from the command line: views that are made, brought up, rebuilt and asked, as a user types it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from cli.main import program
from eventstore import Record, WriterLock
from projector import VIEWS_FILE, Store
from tests.commandline import ROOT, command
from tests.commandline import orlog as shell
from tests.faults.mounted import Namespace, namespace
from tests.gitrepo import GitRepo
from tests.projecting import Said, lay, select

LAMP: Final = {"name": "Lamp", "price": 10, "tags": ["old", "iron"], "of": {"maker": "Ann"}}
MODEL: Final = {"name": "One", "pricing": {"prompt": "0.0000005", "completion": "dear"}}

OWN: Final = """
import msgspec
from projector import table

class Tag(msgspec.Struct):
    tag: str

class Tagged(msgspec.Struct):
    tags: list[str] = []

@table("tags", version=1, reads="shop.lamp", document=Tagged, row=Tag, key=["tag"])
def tags(lamp, document):
    for tag in document.tags:
        yield Tag(tag)
"""

ENDLESS: Final = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r"
FOREVER: Final = f"SELECT count(*) FROM ({ENDLESS})"


def lamps(**prices: int) -> Said:
    return Said("shop.lamp", {key: {**LAMP, "price": price} for key, price in prices.items()})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three hours: two lamps of which one becomes dearer and one goes, and a model with a price that is none."""
    with Record.open(tmp_path, write=True) as record:
        lay(record, 1, lamps(a=10, b=2), Said("openrouter.model", {"m/one": MODEL}))
        lay(record, 2, lamps(a=12, b=2))
        lay(record, 3, lamps(a=12))
    return tmp_path


def more(data: Path, number: int, *said: Said) -> None:
    with Record.open(data, write=True) as record:
        lay(record, number, *said)


def orlog(data: Path, *arguments: str | Path, stdin: str | None = None) -> Result:
    words = ["--data", str(data), *map(str, arguments)]
    result = CliRunner().invoke(program, words, prog_name="orlog", input=stdin)
    assert "Traceback" not in result.output
    assert "internal error" not in result.output
    return result


def answer(data: Path, *arguments: str | Path, stdin: str | None = None) -> Any:
    result = orlog(data, *arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def query(data: Path, sql: str, *arguments: str) -> Any:
    return answer(data, "query", sql, *arguments)


def error(data: Path, *arguments: str | Path) -> tuple[int, str]:
    result = orlog(data, *arguments)
    assert result.exit_code != 0
    assert result.stdout == ""
    return result.exit_code, result.stderr


def settings(data: Path, text: str, **modules: str) -> None:
    """Have orlog.toml say this, beside modules of such names."""
    (data / "orlog.toml").write_text(text, encoding="utf-8")
    for name, code in modules.items():
        (data / f"{name}.py").write_text(code, encoding="utf-8")


# -- query


def test_after_an_import_a_query_just_works(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"out.json": '[{"no": 1, "region": "Belden", "hit": 7}, {"no": 2, "region": "Vallejo", "hit": 90}]'})
    repo.commit({"out.json": '[{"no": 1, "region": "Belden", "hit": 9}]'})
    rules = tmp_path / "rules.toml"
    rules.write_text('[[resource]]\nname = "outages"\ncategory = "outage"\nitems = ""\nkey = "{no}"\n')
    data = tmp_path / "data"
    assert orlog(data, "import", "git", repo.folder, "out.json", "--resource", rules).exit_code == 0
    assert query(data, "select key, region, hit from outage") == [{"key": "1", "region": "Belden", "hit": 9}]
    ever = query(data, "select key, hit, valid_to is null as now from outage_history order by key, seq")
    assert [(each["key"], each["hit"], each["now"]) for each in ever] == [("1", 7, 0), ("1", 9, 1), ("2", 90, 0)]


def test_a_query_prints_an_object_for_each_row(data: Path) -> None:
    sql = "SELECT key, price, tags, parent FROM lamp"
    row = {"key": "a", "price": 12, "tags": '["old","iron"]', "parent": None}
    assert query(data, sql) == [row]
    assert orlog(data, "query", sql, "--format", "jsonl").stdout == f"{json.dumps(row, separators=(',', ':'))}\n"
    assert query(data, "SELECT key FROM lamp WHERE price > 100") == []


def test_a_query_prints_csv_that_is_read_back_as_it_was(data: Path) -> None:
    more(data, 4, Said("shop.lamp", {"a": {"name": 'the "best",\nthey say', "price": None}}))
    result = orlog(data, "query", "SELECT key, name, price, 0.1 AS n FROM lamp", "--format", "csv")
    assert list(csv.reader(io.StringIO(result.stdout))) == [
        ["key", "name", "price", "n"],
        ["a", 'the "best",\nthey say', "", "0.1"],
    ]


def test_a_query_as_a_table_has_nothing_that_a_terminal_obeys(data: Path) -> None:
    more(data, 4, Said("shop.lamp", {"a": {"name": "\x1b]0;owned\x07", "price": 3}}))
    shown = orlog(data, "query", "SELECT key, name, price FROM lamp", "--format", "table").stdout
    assert shown == "key  name        price\na    \ufffd]0;owned\ufffd      3\n"


def test_columns_of_one_name_are_all_told(data: Path) -> None:
    sql = "SELECT l.key, m.key FROM lamp l JOIN model m"
    assert query(data, sql) == [{"key": "a", "key_2": "m/one"}]


def test_parameters_are_text_that_no_quotes_end(data: Path) -> None:
    sql = "SELECT :word AS word, CAST(:n AS INTEGER) + 1 AS n"
    assert query(data, sql, "--param", "word", "it's", "-p", "n", "41") == [{"word": "it's", "n": 42}]


def test_a_query_is_read_from_stdin(data: Path) -> None:
    assert answer(data, "query", "-", stdin="-- what there is\nSELECT count(*) AS n FROM lamp;\n") == [{"n": 1}]


def test_arrays_and_columns_can_be_asked_for_by_the_functions_of_sqlite(data: Path) -> None:
    assert query(data, "SELECT value FROM lamp, json_each(tags)") == [{"value": "old"}, {"value": "iron"}]
    names = [each["name"] for each in query(data, "SELECT name FROM pragma_table_info('lamp')")]
    assert names[:3] == ["source", "key", "parent"]
    assert "of_maker" in names


def test_a_query_sees_what_was_recorded_a_moment_ago(data: Path) -> None:
    assert query(data, "SELECT price FROM lamp") == [{"price": 12}]
    more(data, 4, lamps(a=15))
    assert query(data, "SELECT price FROM lamp", "--as-is") == [{"price": 12}]
    assert query(data, "SELECT price FROM lamp") == [{"price": 15}]
    assert query(data, "SELECT price FROM lamp", "--as-is") == [{"price": 15}]


def test_a_query_of_views_that_nobody_made_says_who_makes_them(data: Path) -> None:
    code, said = error(data, "query", "--as-is", "SELECT 1")
    assert (code, said) == (
        1,
        f"error: there are no views in {data}\nhint: `orlog project run` makes them from the record\n",
    )
    assert not (data / VIEWS_FILE).exists()


def test_a_query_that_takes_too_long_is_ended(data: Path) -> None:
    began = time.monotonic()
    code, said = error(data, "query", FOREVER, "--timeout", "0.2")
    assert (code, said) == (
        1,
        "error: the query took longer than 0.2 s\nhint: ask for less, or allow more with --timeout\n",
    )
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM lamp",
        "DROP TABLE lamp",
        "CREATE TABLE mine (a)",
        "CREATE TEMP TABLE mine (a)",
        "UPDATE lamp SET price = 0",
        "UPDATE sqlite_master SET sql = ''",
        "DELETE FROM sqlite_master",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "SELECT * FROM pragma_journal_mode",
        "ATTACH 'other.db' AS other",
        "BEGIN",
        "VACUUM",
        "SELECT load_extension('mine')",
        "WITH a AS (SELECT 1) INSERT INTO lamp (key) SELECT * FROM a",
    ],
)
def test_what_writes_is_refused_and_changes_nothing(data: Path, sql: str) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    before = list(dump(data / VIEWS_FILE))
    code, said = error(data, "query", sql)
    assert code == 1
    assert "only reading is allowed" in said or "may not be modified" in said
    assert "hint: " in said
    assert list(dump(data / VIEWS_FILE)) == before


def dump(file: Path) -> Iterator[str]:
    with contextlib.closing(sqlite3.connect(file)) as db:
        yield from db.iterdump()


@pytest.mark.parametrize(
    "sql, wrong, hint",
    [
        ("SELECT * FROM lamps", "no such table: lamps", "one of: changes, lamp, lamp_history, lifecycle, manifest,"),
        ("SELECT prize FROM lamp", "no such column: prize", "pragma_table_info('VIEW')"),
        ("SELECT :key", "binding parameter :key", "--param NAME VALUE"),
        ("SELECT ?", "has no name", "as in :NAME"),
        ("SELECT 1; SELECT 2", "one statement at a time", "write one SELECT"),
        ("SELEC 1", "syntax error", "orlog project status"),
        ("", "that asks for nothing", "orlog project status"),
        ("SELECT json('{')", "malformed JSON", ""),
        ("SELECT readfile('/etc/passwd')", "no such function: readfile", ""),
        ("SELECT CAST(x'ff' AS TEXT)", "Could not decode", ""),
    ],
)
def test_sql_that_cannot_be_run_is_told_with_what_helps(data: Path, sql: str, wrong: str, hint: str) -> None:
    code, said = error(data, "query", sql)
    assert code == 1
    assert wrong in said.splitlines()[0]
    assert hint in said


def test_a_reader_that_leaves_ends_the_query_in_silence(data: Path) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    line = command("--data", data, "query", ENDLESS, "--format", "csv")
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().strip() == b"n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_reader_that_left_before_the_few_rows_came_ends_the_query_in_silence(data: Path) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    reading, writing = os.pipe()
    os.close(reading)  # before anything is written: what is so short is written at once, at the end
    line = command("--data", data, "query", "SELECT name FROM pragma_table_info('lamp')", "--format", "csv")
    ended = subprocess.run(line, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_an_interrupted_query_ends_as_interrupted(data: Path) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    program_text = "import sys, cli.commands.query as q, projector\n"
    program_text += "class Told(projector.Query):\n"
    program_text += "    def _late(self):\n"
    program_text += "        if not hasattr(self, 'told'):\n"
    program_text += "            self.told = print('at work', flush=True)\n"
    program_text += "        return super()._late()\n"
    program_text += "projector.Query = Told\n"
    program_text += "from cli.main import program\n"
    program_text += f"program.main(['--data', {str(data)!r}, 'query', {FOREVER!r}])\n"
    line = [command()[0], "-c", program_text]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"at work\n"
        process.send_signal(signal.SIGINT)
        said = process.stderr.read().strip()
    assert (process.returncode, said) == (130, b"interrupted; what was committed before is kept")


# -- wrong arguments, and nothing to read


@pytest.mark.parametrize(
    "line",
    [
        ["query"],
        ["query", "SELECT", "1"],
        ["query", "SELECT 1", "--format", "xml"],
        ["query", "SELECT 1", "--timeout", "0"],
        ["query", "SELECT 1", "--timeout", "soon"],
        ["query", "SELECT 1", "--param", "a", "b", "c"],
        ["project", "renew"],
        ["project", "status", "prices"],
        ["project", "status", "--format", "csv"],
        ["project", "run", "prices"],
        ["project", "run", "--dry-run", "--output", "-"],
        ["project", "rebuild", "--at", "2025-01-01"],
        ["project", "rebuild", "--at", "soon", "--output", "views.out"],
        ["project", "rebuild", "--dry-run", "--output", "views.out"],
        ["project", "rebuild", "--dry-run", "--at", "2025-01-01"],
        ["project", "rebuild", "--output", "."],
        ["project", "issues", "one", "two"],
    ],
)
def test_what_was_typed_wrongly_is_wrong_usage(data: Path, line: list[str]) -> None:
    code, said = error(data, *line)
    assert code == 2
    assert said.startswith("Usage: orlog ")
    assert not (data / VIEWS_FILE).exists()


def test_time_without_a_file_is_told_what_is_missing(data: Path) -> None:
    _, said = error(data, "project", "rebuild", "--at", "2025-01-01")
    assert "--at needs --output FILE" in said


@pytest.mark.parametrize(
    "line",
    [
        ["query", "SELECT 1"],
        ["query", "SELECT 1", "--as-is"],
        ["project", "status"],
        ["project", "run"],
        ["project", "run", "--dry-run"],
        ["project", "rebuild"],
        ["project", "rebuild", "--output", "views.out"],
        ["project", "issues"],
    ],
)
def test_where_there_is_no_record_none_is_made(tmp_path: Path, line: list[str]) -> None:
    code, said = error(tmp_path / "nowhere", *line)
    assert code == 1
    assert "hint: `orlog " in said
    assert not (tmp_path / "nowhere").exists()


def test_a_record_of_nothing_has_views_of_nothing(tmp_path: Path) -> None:
    Record.open(tmp_path, write=True).close()
    assert query(tmp_path, "SELECT count(*) AS n FROM changes") == [{"n": 0}]
    assert {each["rows"] for each in answer(tmp_path, "project", "status")} == {0}


# -- project status


def test_status_says_how_far_each_view_is_behind(data: Path) -> None:
    found = answer(data, "project", "status")
    assert {each["stale"] for each in found} == {"missing"}
    assert orlog(data, "project", "run").exit_code == 0
    found = {each["name"]: each for each in answer(data, "project", "status")}
    assert {"lamp", "lamp_history", "models", "prices", "changes", "manifest", "presence", "syncs"} <= set(found)
    assert (found["lamp"]["rows"], found["lamp"]["lag_events"], found["lamp"]["stale"]) == (1, 0, None)
    assert found["prices"]["issues"] == 1
    more(data, 5, lamps(a=15))
    found = {each["name"]: each for each in answer(data, "project", "status")}
    assert (found["lamp"]["lag_events"], found["lamp"]["lag_seconds"]) == (1, 7200.0)


def test_status_as_a_table_says_what_to_do_and_what_else_can_be_asked(data: Path) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    more(data, 5, lamps(a=15))
    result = orlog(data, "project", "status", "--format", "table")
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("lamp ")]
    assert [words[:2] + words[4:] for words in lines] == [["lamp", "1", "1", "event,", "2", "h", "-", "1"]]
    assert result.stderr == (
        "SQL views of these, to be asked like them: lifecycle\n"
        "hint: `orlog project run` brings all views up to the record\n"
        "hint: `orlog project issues` lists what did not fit\n"
    )


def test_a_view_of_another_version_is_stale_until_it_is_built_anew(data: Path) -> None:
    """P12, P28: what is served says by which version it was made."""
    settings(data, '[project]\nmodules = ["own.py"]\n', own=OWN)
    assert query(data, "SELECT tag FROM tags ORDER BY tag") == [{"tag": "iron"}, {"tag": "old"}]
    newer = OWN.replace("version=1", "version=2").replace("Tag(tag)", "Tag(tag.upper())")
    settings(data, '[project]\nmodules = ["own.py"]\n', own=newer)
    stale = orlog(data, "project", "status", "--format", "table")
    assert "1, stale: another version" in next(line for line in stale.stdout.splitlines() if line.startswith("tags "))
    kept = orlog(data, "project", "run", "--keep-stale")
    assert "tags" not in [each["view"] for each in json.loads(kept.stdout)]
    assert query(data, "SELECT tag FROM tags ORDER BY tag", "--as-is")[0] == {"tag": "iron"}
    ran = orlog(data, "project", "run")
    assert "built anew, for it is another version, of 4 events: tags\n" in ran.stderr
    assert query(data, "SELECT tag FROM tags ORDER BY tag", "--as-is")[0] == {"tag": "IRON"}
    versions = {each["name"]: each["version"] for each in answer(data, "project", "status")}
    assert versions["tags"] == 2


# -- project run and rebuild


def test_a_run_folds_what_is_new_and_no_more(data: Path) -> None:
    first = orlog(data, "project", "run")
    assert {each["rebuilt"] for each in json.loads(first.stdout)} == {"missing"}
    assert first.stderr.startswith("built of ")
    assert first.stderr.endswith("1 value did not fit: `orlog project issues` lists them\n")
    again = orlog(data, "project", "run")
    assert {(each["rebuilt"], each["events"]) for each in json.loads(again.stdout)} == {(None, 0)}
    assert "nothing was new" in again.stderr
    more(data, 4, lamps(a=15))
    news = {each["view"]: each for each in answer(data, "project", "run")}
    assert news["lamp"]["rows"] == {"inserted": 0, "updated": 1, "deleted": 0, "same": 0}


def test_a_run_on_a_terminal_says_it_in_words_alone(data: Path) -> None:
    result = orlog(data, "project", "run", "--format", "table")
    assert result.stdout == ""
    assert "lamp_history" in result.stderr


def test_a_dry_run_says_what_would_come_of_rows_and_writes_nothing(data: Path) -> None:
    found = {each["view"]: each for each in answer(data, "project", "run", "--dry-run")}
    assert found["lamp"]["rows"] == {"inserted": 1, "updated": 0, "deleted": 0, "same": 0}
    assert "price" in found["lamp"]["columns"]
    assert not (data / VIEWS_FILE).exists()
    assert orlog(data, "project", "run").exit_code == 0
    more(data, 4, Said("shop.lamp", {"a": {**LAMP, "price": 15, "new": 1}, "c": LAMP}))
    before = list(dump(data / VIEWS_FILE))
    found = {each["view"]: each for each in answer(data, "project", "run", "--dry-run")}
    assert found["lamp"] == {
        "view": "lamp",
        "rows": {"inserted": 1, "updated": 1, "deleted": 0, "same": 0},
        "columns": ["new"],
        "gone": [],
    }
    assert list(dump(data / VIEWS_FILE)) == before


def test_a_dry_run_of_a_rebuild_is_about_the_views_that_are_named(data: Path) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    assert [each["view"] for each in answer(data, "project", "rebuild", "--dry-run", "lamp")] == ["lamp"]
    shown = orlog(data, "project", "rebuild", "--dry-run", "lamp", "changes", "--format", "table").stdout
    assert [line.split()[0] for line in shown.splitlines()] == ["VIEW", "changes", "lamp"]
    assert len(answer(data, "project", "rebuild", "--dry-run")) > 2


def test_a_rebuild_makes_the_views_that_are_named_and_the_rows_that_were(data: Path) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    before = query(data, "SELECT * FROM lamp_history")
    ran = answer(data, "project", "rebuild", "lamp_history")
    assert [(each["view"], each["rebuilt"]) for each in ran] == [("lamp_history", "asked")]
    assert query(data, "SELECT * FROM lamp_history") == before
    generations = {each["name"]: each["generation"] for each in answer(data, "project", "status")}
    assert (generations["lamp_history"], generations["lamp"]) == (2, 1)


@pytest.mark.parametrize("line", [["rebuild"], ["rebuild", "--dry-run"], ["issues"]])
def test_a_view_that_there_is_not_is_told_with_those_there_are(data: Path, line: list[str]) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    code, said = error(data, "project", *line, "lmap")
    assert (code, said.startswith("error: there is no view lmap\nhint: one of: changes, lamp,")) == (1, True)
    code, said = error(data, "project", *line, "lifecycle")
    assert (code, said.startswith("error: lifecycle is made of other views by SQL\n")) == (1, True)


def test_views_as_of_a_time_are_a_database_of_their_own(data: Path, tmp_path: Path) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    before = list(dump(data / VIEWS_FILE))
    for number, at in enumerate(("2023-11-14T23:30", "@3")):
        file = tmp_path / f"then{number}.db"
        result = orlog(data, "project", "rebuild", "--at", at, "--output", file)
        assert result.exit_code == 0, result.stderr
        assert select(file, "SELECT key, price FROM lamp ORDER BY key") == [("a", 10), ("b", 2)]
        assert select(file, "SELECT count(*) FROM lifecycle") == [(3,)]
    assert list(dump(data / VIEWS_FILE)) == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "then"))) == [
        "then0.db",
        "then1.db",
    ]


def test_views_as_of_a_time_are_json_lines_where_the_file_says_so(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "then.jsonl"
    assert orlog(data, "project", "rebuild", "lamp", "--at", "@3", "--output", file).exit_code == 0
    found = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert {each["view"] for each in found} == {"lamp"}
    assert [(each["row"]["key"], each["row"]["price"]) for each in found] == [("a", 10), ("b", 2)]
    assert not (data / VIEWS_FILE).exists()


def test_views_of_now_can_be_written_to_a_file_too(data: Path, tmp_path: Path) -> None:
    assert orlog(data, "project", "rebuild", "--output", tmp_path / "now.db").exit_code == 0
    assert select(tmp_path / "now.db", "SELECT key, price FROM lamp") == [("a", 12)]


def test_a_file_that_is_there_is_never_written_over(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "then.db"
    file.write_text("mine")
    code, said = error(data, "project", "rebuild", "--at", "now", "--output", file)
    assert (code, said) == (1, f"error: {file} is there already\nhint: name another file, or move this one away\n")
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "at, file, wrong",
    [
        ("@99", "then.db", "the log has not reached @99"),
        ("now", "nowhere/then.db", "nowhere cannot be written: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_made_is_not_there(data: Path, tmp_path: Path, at: str, file: str, wrong: str) -> None:
    code, said = error(data, "project", "rebuild", "--at", at, "--output", tmp_path / file)
    assert (code, wrong in said) == (1, True)
    assert not (tmp_path / file).exists()


def test_rows_that_are_written_are_appended_to_a_file_of_json_lines(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    assert orlog(data, "project", "run", "--output", file).exit_code == 0
    first = file.read_text("utf-8")
    assert '{"view":"lamp","op":"reset"}\n' in first
    more(data, 4, lamps(a=15))
    assert orlog(data, "project", "run", "--output", file).exit_code == 0
    both = file.read_text("utf-8")
    assert both.startswith(first)
    found = [json.loads(line) for line in both[len(first) :].splitlines()]
    (put,) = [each for each in found if each["view"] == "lamp"]
    assert (put["op"], put["row"]["key"], put["row"]["price"]) == ("put", "a", 15)


def test_rows_that_are_written_come_on_stdout_and_nothing_else_does(data: Path) -> None:
    result = orlog(data, "project", "run", "--output", "-")
    assert result.exit_code == 0
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert {each["op"] for each in found} >= {"reset", "put"}
    assert all("view" in each for each in found)
    again = orlog(data, "project", "run", "--output", "-")
    assert (again.stdout, again.exit_code) == ("", 0)


def test_a_file_for_rows_that_cannot_be_written_is_told_before_anything_is_done(data: Path, tmp_path: Path) -> None:
    code, said = error(data, "project", "run", "--output", tmp_path / "nowhere" / "rows.jsonl")
    assert (code, "No such file or directory" in said) == (1, True)
    assert not (data / VIEWS_FILE).exists()


# -- project issues


def test_what_did_not_fit_is_listed_with_the_command_that_shows_it(data: Path) -> None:
    """P22: what fits no row is named with its place, and the rest is there."""
    assert orlog(data, "project", "run").exit_code == 0
    (issue,) = answer(data, "project", "issues")
    assert (issue["view"], issue["path"], issue["count"]) == ("prices", "$.pricing.completion", 1)
    assert issue["see"] == ["orlog", "replay", "openrouter.model", "m/one", "--at", f"@{issue['seq']}"]
    assert answer(data, *issue["see"][1:]) == MODEL
    assert answer(data, "project", "issues", "prices") == [issue]
    assert answer(data, "project", "issues", "lamp") == []
    assert query(data, "SELECT kind, price FROM prices") == [{"kind": "prompt", "price": "0.0000005"}]
    shown = orlog(data, "project", "issues", "--format", "table").stdout
    assert shown.splitlines()[1].endswith(f"orlog replay openrouter.model m/one --at @{issue['seq']}")


def test_issues_of_views_that_nobody_made_say_who_makes_them(data: Path) -> None:
    code, said = error(data, "project", "issues")
    assert (code, "hint: `orlog project run`" in said) == (1, True)


# -- what orlog.toml says


def test_own_views_come_from_a_file_beside_orlog_toml(data: Path) -> None:
    settings(data, '[project]\nmodules = ["views/own.py"]\n')
    (data / "views").mkdir()
    (data / "views" / "own.py").write_text(OWN)
    assert query(data, "SELECT key, tag FROM tags ORDER BY tag") == [
        {"key": "a", "tag": "iron"},
        {"key": "a", "tag": "old"},
    ]


def test_own_views_come_from_a_module_that_python_finds(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "views_of_a_package.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path / "installed")
    settings(data, '[project]\nmodules = ["views_of_a_package"]\n')
    assert len(query(data, "SELECT * FROM tags")) == 2


BROKEN: Final = {
    "nothing declared": ("x = 1\n", "own.py declares no projection"),
    "a slip": ("from projector import tabel\n", "cannot be imported: ImportError: cannot import name 'tabel'"),
    "no Python": ("1/\n", "cannot be imported: SyntaxError"),
    "an exit": ("import sys; sys.exit(3)\n", "cannot be imported: SystemExit: 3"),
    "a bad name": (OWN.replace('"tags"', '"_tags"'), "'_tags' cannot be the name of a view"),
    "a taken field": (OWN.replace("tag: str", "key: str"), "tags: every row has key already"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_module_is_told_and_what_is_served_is_read_all_the_same(data: Path, name: str) -> None:
    code, wrong = BROKEN[name]
    assert orlog(data, "project", "run").exit_code == 0
    settings(data, '[project]\nmodules = ["own.py"]\n', own=code)
    for line in (["run"], ["status"], ["rebuild"], ["run", "--dry-run"]):
        exit_code, said = error(data, "project", *line)
        assert (exit_code, wrong in said, "hint: " in said) == (1, True, True), said
    more(data, 4, lamps(a=15))
    result = orlog(data, "query", "SELECT price FROM lamp")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [{"price": 12}])
    assert result.stderr.startswith("the views are as they were last brought up: ")
    assert wrong in result.stderr


def test_a_module_that_is_not_there_is_an_error_where_nothing_is_served(data: Path) -> None:
    settings(data, '[project]\nmodules = ["nowhere.py"]\n')
    code, said = error(data, "query", "SELECT 1")
    assert (code, f"there is no file {data / 'nowhere.py'}" in said) == (1, True)


@pytest.mark.parametrize(
    "text, wrong",
    [
        ('moduls = ["own.py"]', "orlog.toml: project: Object contains unknown field `moduls`"),
        ('modules = "own.py"', "orlog.toml: project.modules: Expected `array`, got `str`"),
        ('noise = { "shop.lamp" = { set = ["/tags"] } }', "project.noise of shop.lamp: Object contains unknown field"),
        ('noise = { "shop.lamp" = { sets = ["tags"] } }', "noise of shop.lamp: 'tags' is no JSON Pointer"),
        ('columns = { lamp = { cost = "price" } }', "columns of lamp: cost: 'price' is no JSON Pointer"),
        ('columns = { lamp = { key = "/price" } }', "columns of lamp: every row has 'key' already"),
        ('columns = { lamp = { a = "/price", b = "/price" } }', "columns of lamp: two columns of the same place"),
    ],
)
def test_what_orlog_toml_says_wrongly_is_told_and_what_is_served_is_read_all_the_same(
    data: Path, text: str, wrong: str
) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    settings(data, f"[project]\n{text}\n")
    code, said = error(data, "project", "run")
    assert (code, wrong in said, "hint: " in said) == (1, True, True), said
    result = orlog(data, "query", "SELECT price FROM lamp")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [{"price": 12}])
    assert wrong in result.stderr


def test_columns_and_noise_are_as_orlog_toml_says(data: Path) -> None:
    settings(
        data,
        "[project]\n"
        'columns = { lamp = { cost = "/price", maker = "/of/maker" } }\n'
        'noise = { "shop.lamp" = { ignore = ["/price"] } }\n',
    )
    assert query(data, "SELECT cost, maker FROM lamp") == [{"cost": 12, "maker": "Ann"}]
    assert query(data, "SELECT * FROM changes") == []
    settings(data, "")
    assert query(data, "SELECT price FROM lamp") == [{"price": 12}]
    assert query(data, "SELECT path, before, after FROM changes") == [{"path": "/price", "before": "10", "after": "12"}]


def test_views_that_orlog_toml_does_without_are_not_there(data: Path) -> None:
    assert orlog(data, "project", "run").exit_code == 0
    settings(data, '[project]\nwithout = ["lamp", "lifecycle", "changes"]\n')
    ran = answer(data, "project", "run")
    assert not {"lamp", "changes"} & {each["view"] for each in ran}
    for name in ("lamp", "lifecycle", "changes"):
        assert f"no such table: {name}" in error(data, "query", f"SELECT * FROM {name}")[1]
    assert len(query(data, "SELECT * FROM lamp_history")) == 3
    settings(data, "")
    assert query(data, "SELECT key FROM lamp") == [{"key": "a"}]


def test_status_says_what_orlog_toml_names_in_vain(data: Path) -> None:
    settings(
        data,
        "[project]\n"
        'columns = { lmap = { a = "/a" }, lamp = { cost = "/price" } }\n'
        'noise = { "shop.lmap" = { ignore = ["/a"] }, lamp = {}, "shop.lamp" = {} }\n'
        'without = ["lifecicle", "lifecycle", "changes"]\n',
    )
    said = orlog(data, "project", "status", "--format", "table").stderr
    assert [line for line in said.splitlines() if line.startswith("orlog.toml")] == [
        "orlog.toml: project.columns names lmap, and there is no such category",
        "orlog.toml: project.noise names shop.lmap, and there is no such category",
        "orlog.toml: project.without names lifecicle, and there is no such view",
    ]


def test_a_view_whose_function_gives_up_leaves_the_others_and_says_why(data: Path) -> None:
    failing = OWN.replace("for tag in document.tags:", "for tag in 1 / 0:")
    settings(data, '[project]\nmodules = ["own.py"]\n', own=failing)
    code, said = error(data, "project", "run")
    assert (code, "no row came of tags" in said, "`orlog project issues` says why" in said) == (1, True, True)
    (issue, *_) = answer(data, "project", "issues", "tags")
    assert "ZeroDivisionError" in issue["message"]
    result = orlog(data, "query", "SELECT price FROM lamp")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [{"price": 12}])
    assert "no row came of tags" in result.stderr
    assert "hint: `orlog project issues` says why" in result.stderr


# -- other processes, and disks


def test_views_that_another_process_brings_up_are_read_as_they_are(data: Path) -> None:
    """P13, P27: what is served is whole, whoever is at work; who is, is said."""
    assert orlog(data, "project", "run").exit_code == 0
    more(data, 4, lamps(a=15))
    lock = WriterLock(data / "views.lock")
    lock.acquire()
    try:
        result = shell("--data", data, "query", "SELECT price FROM lamp")
        assert (result.returncode, json.loads(result.stdout)) == (0, [{"price": 12}])
        said = result.stderr.decode()
        assert said.startswith("the views are as they were last brought up: the views are being written by process ")
        refused = shell("--data", data, "project", "run")
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert b"hint: wait until it has finished; readers need not wait" in refused.stderr
        assert shell("--data", data, "project", "status").returncode == 0
    finally:
        lock.release()
    assert query(data, "SELECT price FROM lamp") == [{"price": 15}]


def test_views_that_another_process_makes_for_the_first_time_are_not_there_yet(data: Path) -> None:
    with Store.open(data / VIEWS_FILE, write=True):
        code, said = error(data, "query", "SELECT price FROM lamp")
    assert code == 1
    assert said.startswith("the views are as they were last brought up: the views are being written by process ")
    assert "error: SQLite says: no such table: lamp\nhint: `orlog project run` makes the views" in said


@pytest.fixture
def read_only(data: Path) -> Iterator[Namespace]:
    """A namespace in which the data directory, with views that are behind, cannot be written."""
    assert orlog(data, "project", "run").exit_code == 0
    more(data, 4, lamps(a=15))
    with namespace() as inside:
        inside.run("mount", "--bind", data, data)
        inside.run("mount", "-o", "remount,ro,bind", data)
        yield inside


def test_views_in_a_read_only_directory_are_read_as_they_are(data: Path, read_only: Namespace) -> None:
    result = read_only.orlog("--data", data, "query", "SELECT price FROM lamp")
    assert (result.returncode, json.loads(result.stdout)) == (0, [{"price": 12}]), result.stderr
    assert result.stderr.startswith(b"the views are as they were last brought up: ")
    assert b"Read-only file system" in result.stderr
    assert read_only.orlog("--data", data, "project", "status").returncode == 0
    assert read_only.orlog("--data", data, "project", "issues").returncode == 0
    refused = read_only.orlog("--data", data, "project", "run")
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"Read-only file system" in refused.stderr


def test_a_file_that_is_no_file_of_views_is_left_alone(data: Path) -> None:
    (data / VIEWS_FILE).write_text("mine, and long enough to be looked at as a database would be" * 20)
    for line in (["query", "SELECT 1"], ["project", "run"], ["project", "status"]):
        code, said = error(data, *line)
        assert (code, "hint: views follow from the record: move the file away" in said) == (1, True), said
    assert (data / VIEWS_FILE).read_text().startswith("mine")
