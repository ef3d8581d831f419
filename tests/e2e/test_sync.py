"""`orlog sync` from its command line, against an API on loopback: what is asked for, said, and told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.asking import Telling
from cli.failures import Failure
from cli.main import program
from collector.world.loopback import Asked, LoopbackServer, Play

SOURCE = """\
[source]
base_url = "{url}"
retries = 0
{more}
[[resource]]
name = "things"
category = "thing"
path = "{path}"
items = ""
key = "{{id}}"
every = "1h"
"""
WITH_TOKEN = 'headers = { Authorization = "Bearer ${ORLOG_TEST_TOKEN}" }'


@pytest.fixture
def api() -> Iterator[str]:
    def played(asked: Asked) -> Play:
        page = Play(body=b"<!doctype html><title>Log in</title>")
        return Play(body=b'[{"id": 1}]') if asked.path == "/things" else page

    with LoopbackServer(played) as server:
        yield server.base_url


def watch(data: Path, url: str, **sources: str) -> None:
    """Watch sources: by name what their file says of the host, and the path they ask for."""
    data.mkdir()
    for name, more in sources.items():
        path = "/page" if name == "page" else "/things"
        (data / f"{name}.toml").write_text(SOURCE.format(url=url, path=path, more=more))
    (data / "orlog.toml").write_text(f"sources = {json.dumps([f'{name}.toml' for name in sources])}\n")


def orlog(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(program, ["--data", str(data), *arguments], prog_name="orlog")


def logged(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / "orlog.log").read_text().splitlines()]


def test_what_is_wrong_with_one_source_keeps_no_other_from_being_synced(tmp_path: Path, api: str) -> None:
    data = tmp_path / "data"
    watch(data, api, first="", second=WITH_TOKEN, third="")
    result = orlog(data, "sync", "--format", "json")
    assert result.exit_code == 1
    assert [(each["source"], each["status"]) for each in json.loads(result.stdout)] == [
        ("first", "success"),
        ("third", "success"),
    ]
    assert result.stderr.startswith("error: second: source.headers.Authorization")
    assert "ORLOG_TEST_TOKEN is not set" in result.stderr


def test_where_nothing_is_due_only_a_table_needs_words_for_it(tmp_path: Path, api: str) -> None:
    data = tmp_path / "data"
    watch(data, api, shop="")
    assert orlog(data, "sync", "--format", "json").exit_code == 0
    silent = orlog(data, "sync", "--due", "--format", "json")
    assert (silent.exit_code, silent.stdout, silent.stderr) == (0, "[]\n", "")
    said = orlog(data, "sync", "--due", "--format", "table")
    assert (said.exit_code, said.stdout, said.stderr) == (0, "", "nothing is due\n")
    planned = orlog(data, "sync", "--due", "--dry-run", "--format", "json")
    assert (planned.exit_code, planned.stdout, planned.stderr) == (0, "[]\n", "nothing would be asked for\n")


def test_a_rehearsal_that_lists_nothing_ends_with_1_as_the_sync_would(tmp_path: Path, api: str) -> None:
    data = tmp_path / "data"
    watch(data, api, shop="", page="")
    assert orlog(data, "sync", "shop", "--dry-run", "--fetch").exit_code == 0
    assert orlog(data, "sync", "page", "--dry-run", "--fetch").exit_code == 1
    assert orlog(data, "sync", "page").exit_code == 1


def test_alerts_are_logged_by_short_runs_too_when_they_begin_and_when_they_end(tmp_path: Path, api: str) -> None:
    data = tmp_path / "data"
    watch(data, api, page="")
    for _ in range(3):
        assert orlog(data, "sync").exit_code == 1
    file = data / "page.toml"
    file.write_text(file.read_text().replace("/page", "/things"))
    assert orlog(data, "sync").exit_code == 0
    told = [(each["event"], each["code"]) for each in logged(data) if "alert" in each["event"]]
    assert told == [("alert", "failing"), ("alert cleared", "failing")]


def test_a_broken_edit_keeps_nobody_from_being_told(tmp_path: Path, api: str) -> None:
    data, box = tmp_path / "data", tmp_path / "box"
    watch(data, api, page="")
    file = data / "orlog.toml"
    tell = f'\n[[notify]]\ncommand = ["sh", "-c", "cat >> {box}"]\n'
    file.write_text(file.read_text() + tell)
    assert orlog(data, "sync").exit_code == 1
    telling = Telling(data)
    telling.round()
    good = file.read_text()
    for _ in range(2):
        file.write_text(good.replace(tell, ""))  # the command below is not the one that tells
        assert orlog(data, "sync").exit_code == 1
        file.write_text(good)
    file.write_text(f"{good}\n[[notify]\n")
    with pytest.raises(Failure, match=r"orlog\.toml"):
        telling.round()
    told = [json.loads(line)["code"] for line in box.read_text().splitlines()]
    assert sorted(told) == ["configuration", "failing"]
    with pytest.raises(Failure, match=r"orlog\.toml"):
        Telling(data).round()  # it has never known whom to tell
    file.write_text(good)
    telling.round()
    *_, cleared = map(json.loads, box.read_text().splitlines())
    assert (cleared["kind"], cleared["code"], len(box.read_text().splitlines())) == ("cleared", "configuration", 3)
