"""orlog from its command line: what it prints where, how it ends, and that no traceback reaches a user."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import program
from eventstore import (
    Cause,
    Document,
    Issue,
    Item,
    Listing,
    Record,
    Request,
    Rules,
    Scope,
    Status,
    Unreadable,
    canonical_bytes,
    parse,
)
from tests.gitrepo import GitRepo

ROOT = Path(__file__).parents[2]
SCOPE = Scope("shop", "things")
RULES = {"shop.things": Rules(hashlib.sha256(b"{}").hexdigest(), "{}")}

# what a replay of one entity must never import: each costs more than the replay
HEAVY = {"asyncio", "collector", "email", "httpx", "importlib.metadata", "jsonpatch", "platformdirs", "rich"}
HEAVY |= {"ssl", "sqlite_utils", "subprocess", "tempfile", "tomllib"}

FIVE_LINES = """\
[[resource]]
name = "things"
category = "thing"
items = ""
key = "{id}"
"""


def day(number: float) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number - 1)


def orlog(*arguments: str | Path) -> Result:
    return CliRunner().invoke(program, [str(each) for each in arguments], prog_name="orlog")


def shell(*arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=False, **{"capture_output": True, "timeout": 60, **more})


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def lines(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.split("\n")[:-1]]


# -- a record of four days: what is laid down, by day
#
#    1  a {"n":1}    b#1 {"n":1.0}   big
#    2  a {"n":2}    b#1 is gone
#    3  only archived: it failed
#    4  a is gone    b#1 is back     an issue; an answer that is no text
#       a sync that was never closed

BIG = Document.of({"exact": 10**30, "minus": -0.0, "text": "ü\x1b\u2028"})


def lay(record: Record, number: float, documents: dict[str, Document], *, issue: bool = False) -> None:
    body = b"\xff\x00" if issue else canonical_bytes({key: document.value for key, document in documents.items()})
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=day(number), rules=RULES)
        request = Request(SCOPE, day(number), day(number), 200, body, headers={"ETag": "x"})
        (attempt,) = record.archive.add(sync, [request])
        record.archive.close_sync(sync, at=day(number))
        items = tuple(Item(key, (("thing", document),)) for key, document in documents.items())
        listing = Listing(SCOPE, ("thing",), attempt, complete=True, items=items)
        issues = [Issue("unreadable-item", "number 3 is no object", attempt, None, "/3")] if issue else []
        status = Status.PARTIAL if issue else Status.SUCCESS
        record.log.record(sync, [listing], issues=issues, status=status)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    one, two = Document.of({"n": 1}), Document.of({"n": 2})
    with Record.open(folder, write=True) as record:
        lay(record, 1, {"a": one, r"b\#1": Document.of({"n": 1.0}), "big": BIG})
        lay(record, 2, {"a": two, "big": BIG})
        with record.transaction():
            sync = record.archive.open_sync(Cause.SYNC, opened_at=day(3), rules=RULES)
            record.archive.add(sync, [Request(SCOPE, day(3), day(3), error="timed out")])
            record.archive.close_sync(sync, at=day(3))
        lay(record, 4, {r"b\#1": one, "big": BIG}, issue=True)
        with record.transaction():
            record.archive.open_sync(Cause.SYNC, opened_at=day(5), rules=RULES)
    return folder


# -- replay


def test_replay_brings_all_documents_of_an_instant_exactly_as_recorded(data: Path) -> None:
    result = orlog("--data", data, "replay", "thing", "--at", "2025-01-01T12:00")
    assert result.exit_code == 0
    assert result.stdout_bytes == b'{"a":{"n":1},\n"b\\\\#1":{"n":1.0},\n"big":' + BIG.canonical + b"}\n"
    assert result.stderr == ""


def test_replay_brings_one_document_as_it_stood_at_an_instant(data: Path) -> None:
    assert orlog("--data", data, "replay", "thing", "big").stdout_bytes == BIG.canonical + b"\n"
    assert orlog("--data", data, "replay", "shop.thing", "a", "--at", "2025-01-02").stdout == '{"n":2}\n'
    assert orlog("--data", data, "replay", "thing", "a", "--at", "@1").stdout == '{"n":1}\n'
    assert orlog("--data", data, "replay", "thing", "big", "--at", "-7d").stdout_bytes == BIG.canonical + b"\n"


def test_a_key_may_be_given_as_the_value_it_is_made_of(data: Path) -> None:
    assert orlog("--data", data, "replay", "thing", "b#1").stdout == '{"n":1}\n'
    assert orlog("--data", data, "replay", "thing", r"b\#1").stdout == '{"n":1}\n'
    assert len(lines(orlog("--data", data, "log", "thing", "b#1"))) == 3


def test_replay_before_the_beginning_is_an_empty_object(data: Path) -> None:
    assert orlog("--data", data, "replay", "thing", "--at", "2024-12-31").stdout == "{}\n"


def test_a_document_that_was_not_there_is_an_error_that_says_when_it_was(data: Path) -> None:
    result = orlog("--data", data, "replay", "thing", "b#1", "--at", "2025-01-03")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: thing b\\#1 was not there at 2025-01-03T00:00:00.000Z; it was there from 2025-01-01T00:00:00.000Z "
        "until 2025-01-02T00:00:00.000Z; since 2025-01-04T00:00:00.000Z\n"
        "hint: `orlog log shop.thing 'b\\#1'` shows all that happened to it\n"
    )


def test_an_unknown_key_is_an_error_that_names_near_ones(data: Path) -> None:
    result = orlog("--data", data, "replay", "thing", "bi")
    assert result.exit_code == 1
    assert "no thing bi was ever recorded" in result.stderr
    assert "big" in result.stderr


def test_an_unknown_category_is_an_error_that_names_those_there_are(data: Path) -> None:
    result = orlog("--data", data, "replay", "thin")
    assert result.exit_code == 1
    assert "hint: one of: shop.thing" in result.stderr


def test_a_time_that_is_none_is_wrong_usage_and_says_what_would_be_one(data: Path) -> None:
    for command in (["replay", "thing", "--at"], ["log", "--since"], ["log", "--until"]):
        result = orlog("--data", data, *command, "soon")
        assert result.exit_code == 2
        assert "'soon' is no time; write one as 2025-01-31" in result.stderr


def test_a_place_that_the_log_has_not_reached_is_an_error(data: Path) -> None:
    for command in (["replay", "thing", "--at"], ["log", "--until"]):
        result = orlog("--data", data, *command, "@999")
        assert result.exit_code == 1
        assert "it ends at @7" in result.stderr


def test_bytes_that_are_no_text_are_wrong_usage(data: Path) -> None:
    for command in (["replay", os.fsdecode(b"\xff")], ["log", "thing", os.fsdecode(b"\xff")]):
        result = shell("--data", data, *command)
        assert result.returncode == 2
        assert b"is not UTF-8 text" in result.stderr


# -- log


def test_the_log_in_a_pipe_is_json_lines_in_order(data: Path) -> None:
    events = lines(orlog("--data", data, "log"))
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert [(event["key"], event["kind"]) for event in events[3:]] == [
        ("a", "changed"),
        (r"b\#1", "disappeared"),
        (r"b\#1", "appeared"),
        ("a", "disappeared"),
    ]
    assert events[3]["patch"] == [{"op": "replace", "path": "/n", "value": 2}]
    assert events[3]["not_before"] == "2025-01-01T00:00:00.000Z"
    assert events[3]["observed_at"] == "2025-01-02T00:00:00.000Z"


def seqs(result: Result) -> list[int]:
    return [event["seq"] for event in lines(result)]


def test_the_log_can_be_narrowed_in_time_by_key_and_in_number(data: Path) -> None:
    assert seqs(orlog("--data", data, "log", "thing", "a")) == [1, 4, 7]
    assert seqs(orlog("--data", data, "log", "--since", "2025-01-02", "--until", "2025-01-02")) == [4, 5]
    assert seqs(orlog("--data", data, "log", "--since", "@4", "--until", "@4")) == [4, 5]
    assert seqs(orlog("--data", data, "log", "--newest-first", "--limit", "2")) == [7, 6]
    assert seqs(orlog("--data", data, "log", "--reverse", "--limit", "1")) == [7]
    assert seqs(orlog("--data", data, "log", "--since", "now")) == []


def test_the_log_as_json_is_a_list_of_the_same_events(data: Path) -> None:
    assert answer(orlog("--data", data, "log", "--format", "json")) == lines(orlog("--data", data, "log"))


def test_folding_the_printed_log_gives_what_replay_prints(data: Path) -> None:
    documents: dict[str, Any] = {}
    for event in lines(orlog("--data", data, "log", "thing")):
        if event["kind"] == "appeared":
            documents[event["key"]] = event["document"]
        elif event["kind"] == "changed":
            (operation,) = event["patch"]
            documents[event["key"]][operation["path"][1:]] = operation["value"]
        else:
            del documents[event["key"]]
    assert documents == answer(orlog("--data", data, "replay", "thing"))


# -- status, syncs, issues, response, roots, sources


def test_status_counts_what_is_recorded(data: Path) -> None:
    result = orlog("--data", data, "status")
    seen = answer(result)
    assert seen["data"] == str(data)
    assert (seen["first"], seen["last"], seen["seq"]) == ("2025-01-01T00:00:00.000Z", "2025-01-04T00:00:00.000Z", 7)
    (category,) = seen["categories"]
    assert (category["name"], category["live"], category["ever"], category["stale"]) == ("thing", 2, 3, 0)
    assert seen["syncs"] == {"recorded": 3, "archived": 1, "doubted": 0, "open": 1}
    (resource,) = seen["resources"]
    assert (resource["resource"], resource["watch"], resource["status"]) == ("shop.things", "unwatched", "open")
    assert (resource["sync"], resource["at"], resource["complete_at"]) == (5, None, "2025-01-04T00:00:00.000Z")
    assert (seen["issues"], seen["answers"], seen["alerts"]) == (1, 3, [])
    sizes = seen["sizes"]
    assert sizes.pop("received") > 0
    assert sizes.pop("file") == sum(sizes.values()) == (data / "record.db").stat().st_size
    assert "`orlog rebuild log`" in result.stderr


def test_status_ends_with_4_where_an_alert_stands(tmp_path: Path) -> None:
    with Record.open(tmp_path, write=True) as record:
        lay(record, 1, {"a": BIG})
        for number in (2, 3, 4):
            assert orlog("--data", tmp_path, "status").exit_code == 0
            with record.transaction():
                sync = record.archive.open_sync(Cause.SYNC, opened_at=day(number), rules=RULES)
                record.archive.add(sync, [Request(SCOPE, day(number), day(number), error="timed out")])
                record.archive.close_sync(sync, at=day(number))
                record.log.record(sync, [], status=Status.FAILED)
    result = orlog("--data", tmp_path, "status")
    assert result.exit_code == 4
    (alert,) = json.loads(result.stdout)["alerts"]
    assert (alert["code"], alert["resource"], alert["since"]) == ("failing", "shop.things", "2025-01-02T00:00:00.000Z")
    assert "hint: failing (shop.things): `orlog issues` says why" in result.stderr
    table = orlog("--data", tmp_path, "status", "--format", "table")
    assert table.exit_code == 4
    assert table.stdout.startswith("ALERT ")


def test_status_tells_what_orlog_toml_watches(data: Path, tmp_path: Path) -> None:
    (tmp_path / "record.db").write_bytes((data / "record.db").read_bytes())
    (tmp_path / "shop.toml").write_text(f'{FIVE_LINES}every = "1h"\n')
    (tmp_path / "orlog.toml").write_text('sources = ["shop.toml"]')
    (resource,) = answer(orlog("--data", tmp_path, "status"))["resources"]
    assert (resource["watch"], resource["every"]) == ("watched", 3600)
    assert resource["due_since"] == "2025-01-05T01:00:00.000Z"


def test_syncs_are_listed_with_what_became_of_them(data: Path) -> None:
    listed = answer(orlog("--data", data, "syncs"))
    assert [sync["status"] for sync in listed] == ["success", "success", "archived", "partial", "open"]
    assert [sync["errors"] for sync in listed] == [[], [], [{"attempt": 3, "error": "timed out"}], [], []]
    assert [sync["changed"] for sync in listed] == [0, 1, None, 0, None]


def test_syncs_can_be_narrowed_to_a_status_and_to_the_newest(data: Path) -> None:
    """P21: syncs can be listed and filtered."""

    def ids(*options: str) -> list[int]:
        return [sync["id"] for sync in answer(orlog("--data", data, "syncs", *options))]

    assert ids("--limit", "2") == [4, 5]
    assert ids("--status", "success", "--limit", "1") == [2]
    assert [ids("--status", status) for status in ("archived", "open", "failed")] == [[3], [5], []]
    assert orlog("--data", data, "syncs", "--status", "odd").exit_code == 2


def test_an_issue_leads_to_the_bytes_it_is_about(data: Path) -> None:
    (issue,) = answer(orlog("--data", data, "issues"))
    assert (issue["sync"], issue["code"], issue["path"]) == (4, "unreadable-item", "/3")
    result = orlog("--data", data, "response", str(issue["attempt"]))
    assert (result.exit_code, result.stdout_bytes) == (0, b"\xff\x00")
    assert answer(orlog("--data", data, "issues", "--sync", "1")) == []


def test_a_response_has_headers_and_they_name_its_hash(data: Path) -> None:
    headers = answer(orlog("--data", data, "response", "1", "--headers"))
    body = orlog("--data", data, "response", "1").stdout_bytes
    assert headers["hash"] == hashlib.sha256(body).hexdigest()
    assert (headers["size"], headers["status"], headers["headers"]) == (len(body), 200, {"ETag": "x"})
    assert headers["received_at"] == "2025-01-01T00:00:00.000Z"


def test_an_attempt_that_brought_nothing_says_why(data: Path) -> None:
    result = orlog("--data", data, "response", "3")
    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    assert "timed out" in result.stderr
    assert orlog("--data", data, "response", "99").exit_code == 1
    assert orlog("--data", data, "response", str(10**30)).exit_code == 2


def test_sources_lists_the_shipped_ones_and_prints_their_files(data: Path) -> None:
    listed = answer(orlog("--data", data, "sources"))
    shipped = ["binance", "openrouter", "openrouter-frontend", "toastmasters"]
    assert [(each["name"], each["file"], each["watched"]) for each in listed] == [
        (name, None, False) for name in shipped
    ]
    shown = orlog("--data", data, "sources", "show", "openrouter")
    assert shown.stdout_bytes == (ROOT / "collector" / "sources" / "openrouter.toml").read_bytes()
    assert orlog("--data", data, "sources", "show", "openruter").exit_code == 1


def test_sources_that_the_configuration_names_are_listed_too(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(FIVE_LINES, encoding="utf-8")
    (tmp_path / "orlog.toml").write_text('sources = ["openrouter", "my.toml"]\n', encoding="utf-8")
    listed = answer(orlog("--data", tmp_path, "sources"))
    assert [each["name"] for each in listed if each["watched"]] == ["my", "openrouter"]
    assert next(each["resources"] for each in listed if each["name"] == "my") == ["my.things"]
    assert orlog("--data", tmp_path, "sources", "show", "my").stdout == FIVE_LINES


def test_a_configuration_that_names_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "orlog.toml").write_text('sources = ["openruter"]\n', encoding="utf-8")
    result = orlog("--data", tmp_path, "sources")
    assert result.exit_code == 1
    assert "there is no source 'openruter'" in result.stderr
    (tmp_path / "orlog.toml").write_text('source = "x"\n', encoding="utf-8")
    result = orlog("--data", tmp_path, "sources")
    assert result.exit_code == 1
    assert "orlog.toml: " in result.stderr


@pytest.mark.parametrize(
    "command", ["replay thing", "replay thing a --at @1", "log", "status", "syncs", "issues", "roots"]
)
def test_a_table_is_printed_where_it_is_asked_for(data: Path, command: str) -> None:
    result = orlog("--data", data, *command.split(), "--format", "table")
    assert result.exit_code == 0
    assert result.stdout
    assert "\x1b" not in result.stdout
    with pytest.raises(Unreadable):
        parse(result.stdout) if "replay thing a" not in command else parse(result.stderr)


# -- init and where the data are


def test_init_makes_a_data_directory_that_only_its_user_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    result = orlog("init", folder)
    assert (result.exit_code, result.stdout) == (0, "")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "record.db").exists()
    assert 'sources = ["openrouter"]' in (folder / "orlog.toml").read_text(encoding="utf-8")
    assert f"export ORLOG_DATA={folder}" in result.stderr
    assert answer(orlog("--data", folder, "status"))["seq"] == 0


def test_init_again_changes_nothing(tmp_path: Path) -> None:
    orlog("--data", tmp_path, "init")
    (tmp_path / "orlog.toml").write_text("sources = []\n", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert orlog("--data", tmp_path, "init").exit_code == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_data_directory_is_that_of_the_command_then_the_option_then_the_environment(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORLOG_DATA", str(data))
    assert answer(orlog("status"))["data"] == str(data)
    assert answer(orlog("--data", tmp_path, "status", "--data", data))["data"] == str(data)
    assert orlog("--data", tmp_path, "status").exit_code == 1


def test_an_empty_data_directory_is_not_taken_for_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert orlog("--data", "", "init").exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_without_any_the_data_directory_is_the_user_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    result = orlog("init")
    assert result.exit_code == 0
    (record,) = tmp_path.rglob("record.db")
    assert record.parent.name == "orlog"


def test_where_there_is_no_record_a_reader_is_told_how_to_make_one(tmp_path: Path) -> None:
    for command in ("replay thing", "log", "status", "syncs", "issues", "roots", "verify", "response 1", "rebuild log"):
        result = orlog("--data", tmp_path, *command.split())
        assert (result.exit_code, result.stdout) == (1, ""), command
        assert "hint: `orlog init` makes an empty record" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_record_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "record.db").write_text("this is no database, whatever its name says\n" * 100, encoding="utf-8")
    for command in ("status", "replay thing", "init", "verify"):
        result = orlog("--data", tmp_path, *command.split())
        assert result.exit_code == 1
        assert result.stderr.startswith("error: ")


# -- import, rebuild, verify


@pytest.fixture
def scraped(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "scraped")
    repo.commit({"things.json": '[{"id":"a","n":1},{"id":"b","n":1}]'})
    repo.commit({"things.json": '[{"id":"a","n":2},{"id":"b","n":1}]'})
    repo.commit({"things.json": '[{"id":"a","n":2},{"n":3}]'})
    repo.commit({"things.json": '[{"id":"c","n":1}]'})
    return repo


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(FIVE_LINES, encoding="utf-8")
    return path


def test_import_git_lays_down_what_the_commits_said(scraped: GitRepo, rules: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    result = orlog("--data", data, "import", "git", scraped.folder, "things.json", "--resource", rules)
    done = answer(result)
    assert (done["archived"], done["recorded"], done["deferred"], done["already"]) == (4, 4, 0, 0)
    assert (done["appeared"], done["changed"], done["disappeared"], done["issues"]) == (3, 1, 2, 1)
    assert "archived 4 versions (4 recorded)" in result.stderr
    assert "1 issue: `orlog issues`" in result.stderr
    assert answer(orlog("--data", data, "replay", "thing")) == {"c": {"id": "c", "n": 1}}


def test_import_again_adds_nothing_and_says_so(scraped: GitRepo, rules: Path, tmp_path: Path) -> None:
    command = ("--data", tmp_path / "data", "import", "git", scraped.folder, "things.json", "--resource", rules)
    orlog(*command)
    result = orlog(*command)
    assert (answer(result)["archived"], answer(result)["already"]) == (0, 4)
    assert "archived 0 versions, 4 were there already" in result.stderr


def test_an_older_range_waits_for_a_rebuild_which_lays_it_down(scraped: GitRepo, rules: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    what = ("import", "git", scraped.folder, "things.json", "--resource", rules)
    orlog("--data", whole, *what)
    # the second commit was made two hours after NOON
    assert answer(orlog("--data", parts, *what, "--since", "2023-11-15T00:30:00"))["recorded"] == 2
    older = orlog("--data", parts, *what, "--until", "2023-11-15T00:30:00")
    assert answer(older)["deferred"] == 2
    assert "`orlog rebuild log` lays 2 versions down" in older.stderr
    rebuilt = orlog("--data", parts, "rebuild", "log")
    assert (answer(rebuilt)["syncs"], answer(rebuilt)["generation"]) == (4, 2)
    assert "rebuilt the log as generation 2: 4 syncs" in rebuilt.stderr

    def told(data: Path) -> list[Any]:
        return [{**event, "sync": None} for event in lines(orlog("--data", data, "log"))]

    assert told(parts) == told(whole)


def test_import_files_reads_times_from_names(rules: Path, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"2025-01-0{number}.json").write_text(f'[{{"id":"a","n":{number}}}]', encoding="utf-8")
    (folder / "notes.txt").write_text("no answer", encoding="utf-8")
    data = tmp_path / "data"
    pattern = "{time:%Y-%m-%d}.json"
    result = orlog("--data", data, "import", "files", folder, "--resource", rules, "--pattern", pattern)
    assert answer(result)["recorded"] == 2
    assert "1 file left out" in result.stderr
    assert orlog("--data", data, "replay", "thing", "a", "--at", "2025-01-01").stdout == '{"id":"a","n":1}\n'


@pytest.mark.parametrize(
    "repo, path, resource, said",
    [
        ("nowhere", "things.json", "my.toml", "nowhere"),
        ("scraped", "thing.json", "my.toml", "thing.json"),
        ("scraped", "things.json", "openruter.models", "openruter.models"),
        ("scraped", "things.json", "your.toml", "your.toml"),
        ("scraped", "things.json", "typo.toml", "did you mean 'category'?"),
    ],
)
def test_an_import_that_cannot_be_makes_no_data_directory(  # noqa: PLR0913, PLR0917
    scraped: GitRepo,
    rules: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    repo: str,
    path: str,
    resource: str,
    said: str,
) -> None:
    assert scraped.folder.exists()
    rules.with_name("typo.toml").write_text(FIVE_LINES.replace("category", "categry"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = orlog("--data", "data", "import", "git", repo, path, "--resource", resource)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_resource_of_a_configured_source_is_found_by_its_address(scraped: GitRepo, tmp_path: Path) -> None:
    data = tmp_path / "data"
    orlog("init", data)
    (data / "my.toml").write_text(FIVE_LINES, encoding="utf-8")
    (data / "orlog.toml").write_text('sources = ["my.toml"]\n', encoding="utf-8")
    command = ("--data", data, "import", "git", scraped.folder, "things.json", "--resource", "my.things")
    assert answer(orlog(*command))["recorded"] == 4


def test_verify_finds_nothing_wrong_with_a_sound_record(scraped: GitRepo, rules: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    orlog("--data", data, "import", "git", scraped.folder, "things.json", "--resource", rules)
    for options in ([], ["--deep"]):
        result = orlog("--data", data, "verify", *options)
        assert answer(result) == []
        assert result.stderr.startswith("no damage found")


def test_a_root_that_was_kept_proves_the_record_and_another_does_not(data: Path) -> None:
    listed = answer(orlog("--data", data, "roots"))
    assert [entry["sync"] for entry in listed][-3:] == [1, 2, 4]
    assert orlog("--data", data, "verify", "--root", listed[-2]["root"]).exit_code == 0
    for wrong in ("0" * 64, "no root"):
        result = orlog("--data", data, "verify", "--root", wrong)
        assert result.exit_code == 5
        assert len(json.loads(result.stdout)) == 1


def test_damage_ends_with_exit_code_5(scraped: GitRepo, rules: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    orlog("--data", data, "import", "git", scraped.folder, "things.json", "--resource", rules)
    connection = sqlite3.connect(data / "record.db")
    changed = connection.execute("UPDATE event_1 SET body = replace(body, '1', '7') WHERE body LIKE '%\"c\"%'")
    assert changed.rowcount == 1
    connection.commit()
    connection.close()
    verified = orlog("--data", data, "verify", "--deep")
    assert verified.exit_code == 5
    assert json.loads(verified.stdout)
    assert "damage: " in verified.stderr
    replayed = orlog("--data", data, "replay", "thing", "c")
    assert (replayed.exit_code, replayed.stdout) == (5, "")
    assert "hint: `orlog verify --deep`" in replayed.stderr


# -- the shell


def test_a_replay_imports_nothing_heavy(data: Path) -> None:
    code = (
        "import sys\n"
        "from cli.main import program\n"
        "try:\n"
        f"    program.main(['--data', {str(data)!r}, 'replay', 'thing', 'big', '--at', '2025-01-02'])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert done.stdout == BIG.canonical + b"\n"
    assert HEAVY & set(done.stderr.decode().split()) == set()


def test_the_help_imports_neither_eventstore_nor_collector() -> None:
    code = (
        "import sys\n"
        "from cli.main import program\n"
        "try:\n"
        "    program.main(['--help'])\n"
        "finally:\n"
        "    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert {"eventstore", "collector", "msgspec", "rich"} & set(done.stderr.decode().split()) == set()


def test_the_version_is_printed() -> None:
    result = orlog("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("orlog")


@pytest.mark.parametrize("command", ["log", "replay thing", "status", "--help"])
def test_a_full_disk_under_stdout_is_an_error_of_one_line(data: Path, command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        result = shell("--data", data, *command.split(), stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert result.returncode == 1
    (said,) = [line for line in result.stderr.splitlines() if not line.startswith(b"hint: ")]
    assert said.startswith(b"error: ")
    assert said.endswith(b"No space left on device")


def test_a_full_disk_under_stderr_leaves_the_data(data: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        asked = ("replay", "thing", "big", "--format", "table")
        result = shell("--data", data, *asked, stdout=subprocess.PIPE, stderr=full, capture_output=False)
    assert result.returncode == 0
    assert result.stdout.startswith(b"{\n")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    with Record.open(tmp_path, write=True) as record:
        lay(record, 1, {f"{n:05}": Document.of({"n": "x" * 100}) for n in range(3000)})
    command = [sys.executable, "-m", "cli", "--data", str(tmp_path), "log"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["seq"] == 1
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_stdout_that_is_closed_is_an_error(data: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec '{sys.executable}' -m cli --data '{data}' log >&-"],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (1, b"error: stdout is closed\n")


def test_an_interrupted_command_ends_at_once_without_a_traceback(data: Path) -> None:
    code = "import sys; from cli.main import program; from cli import output; import time\n"
    code += "output.write = lambda chunks: (print('here', file=sys.stderr, flush=True), time.sleep(60))\n"
    code += f"program.main(['--data', {str(data)!r}, 'log'])\n"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"here\n"
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert b"interrupted" in said
    assert b"Traceback" not in said


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def on_terminal(terminal: tuple[int, int], *arguments: str | Path, **environment: str) -> str:
    ours, theirs = terminal
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PAGER": "cat", **environment}
    with subprocess.Popen(command, cwd=ROOT, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        seen = b""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed: all has been read
                break
            if not piece:
                break
            seen += piece
    assert process.returncode == 0, seen.decode()
    return seen.decode().replace("\r\n", "\n")


def test_a_terminal_shows_a_document_indented_beneath_since_when(data: Path, terminal: tuple[int, int]) -> None:
    shown = on_terminal(terminal, "--data", data, "replay", "thing", "b#1")
    assert shown.endswith('{\n  \x1b[1m"n"\x1b[0m: 1\n}\n')
    assert "\x1b[2mshop.thing b\\#1: so since 2025-01-04 00:00:00 UTC" in shown


def test_a_terminal_shows_no_colours_where_the_user_wants_none(data: Path, terminal: tuple[int, int]) -> None:
    assert "\x1b" not in on_terminal(terminal, "--data", data, "replay", "thing", "b#1", NO_COLOR="1")


def test_a_terminal_shows_a_table(data: Path, terminal: tuple[int, int]) -> None:
    shown = on_terminal(terminal, "--data", data, "replay", "thing", NO_COLOR="1")
    assert shown.splitlines()[0].split() == ["KEY", "SINCE", "(UTC)", "EVENT", "CONFIRMED"]


def test_on_a_terminal_a_table_goes_through_the_pager(data: Path, terminal: tuple[int, int]) -> None:
    shown = on_terminal(terminal, "--data", data, "replay", "thing", PAGER="sed 's/^/paged: /'", NO_COLOR="1")
    assert all(line.startswith("paged: ") for line in shown.splitlines())


def test_a_terminal_shows_the_progress_of_an_import(
    scraped: GitRepo, rules: Path, tmp_path: Path, terminal: tuple[int, int]
) -> None:
    command = ("import", "git", scraped.folder, "things.json", "--resource", rules)
    shown = on_terminal(terminal, "--data", tmp_path / "data", *command)
    assert "versions" in shown
    assert "4/4" in shown
    assert "archived 4 versions" in shown


# -- completion


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(name: str) -> None:
    result = orlog("completion", name)
    assert result.exit_code == 0
    assert "_ORLOG_COMPLETE" in result.stdout


def test_completion_without_a_shell_is_for_the_one_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert orlog("completion").stdout == orlog("completion", "fish").stdout
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert orlog("completion").exit_code == 1


def completed(words: str, data: Path) -> list[str]:
    number = str(len(words.split()) - (not words.endswith(" ")))
    environment = {"_ORLOG_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": number}
    done = shell(env={**os.environ, **environment, "ORLOG_DATA": str(data)})
    assert done.stderr == b""
    return [line.partition(",")[2] for line in done.stdout.decode().splitlines() if line]


def test_tab_completes_commands_categories_and_keys(data: Path, tmp_path: Path) -> None:
    assert completed("orlog rep", data) == ["replay"]
    assert completed("orlog replay sh", data) == ["shop.thing"]
    assert completed("orlog replay thing b", data) == [r"b\#1", "big"]
    assert completed("orlog replay th", tmp_path / "nowhere") == []
