"""P1: reading never asks an API: no command but those that say so reaches for the network."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner, Result

from cli.main import program
from collector import World, play
from eventstore import Record

START = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = "model"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    with Record.open(folder, write=True) as record:
        play(record, World(7, start=START, days=2, models=3), until=START.replace(hour=12))
    (folder / "orlog.toml").write_text('sources = ["openrouter"]\n')
    return folder


@pytest.fixture(autouse=True)
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What reached for the network, which there is none of."""
    found: list[str] = []

    def refuse(*arguments: Any, **_: Any) -> NoReturn:
        found.append(str(arguments))
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return found


def orlog(*arguments: str | Path) -> Result:
    return CliRunner().invoke(program, [str(each) for each in arguments])


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "syncs",
        "issues",
        "roots",
        "metrics",
        "verify --deep",
        "sources",
        "sources check openrouter",
        "sync --dry-run",
        "replay model",
        "log --since 2026-01-01",
        "diff model --from 2026-01-01",
        "response 1",
        "project status",
        "project run --dry-run",
        "project run",
        "project rebuild prices",
        "rebuild log",
    ],
)
def test_reading_asks_for_nothing(data: Path, reached: list[str], line: str) -> None:
    result = orlog("--data", data, *line.split())
    assert (result.exit_code in {0, 4}, reached) == (True, []), result.output


@pytest.mark.parametrize("command", ["replay", "blame", "history"])
def test_reading_one_entity_asks_for_nothing(data: Path, reached: list[str], command: str) -> None:
    with Record.open(data) as record:
        key = record.log.live_keys(MODEL)[0]
    assert (orlog("--data", data, command, MODEL, key).exit_code, reached) == (0, [])


def test_reading_views_asks_for_nothing_whether_they_are_brought_up_or_not(data: Path, reached: list[str]) -> None:
    for more in ([], ["--as-is"]):
        result = orlog("--data", data, "query", "SELECT key FROM models", *more, "--format", "csv")
        assert (result.exit_code, result.stdout.splitlines()[0], reached) == (0, "key", []), result.output
    assert (orlog("--data", data, "project", "issues").exit_code, reached) == (0, [])


def test_what_says_that_it_asks_does(tmp_path: Path, reached: list[str]) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        '[source]\nbase_url = "http://shop.example"\nretries = 0\n'
        '[[resource]]\nname = "things"\ncategory = "thing"\npath = "/things"\nitems = ""\nkey = "{id}"\n'
    )
    assert orlog("--data", tmp_path / "data", "sync", file).exit_code == 1
    assert reached
