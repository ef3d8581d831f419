"""The files in `deploy/` can be read, and name commands, options and files that there are."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from cli import config
from tests.parsing import parse

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
CONTAINERFILE = (DEPLOY / "Containerfile").read_text("utf-8")
COMPOSE = (DEPLOY / "compose.yaml").read_text("utf-8")
CRONTAB = (DEPLOY / "orlog.crontab").read_text("utf-8")
PAGE = (ROOT / "docs" / "running.md").read_text("utf-8")


def unit(path: Path) -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(path.read_text("utf-8"))
    return found


def lists(text: str) -> list[list[str]]:
    """The lists of words, as TOML, JSON and YAML write them, that stand behind a name or an instruction."""
    return [tomllib.loads(f"x = {found}")["x"] for found in re.findall(r"(?:CMD|command:) (\[.*\])", text)]


def commands() -> dict[str, list[str]]:
    """Each command line of orlog's in these files, without `orlog`."""
    found = {path.name: shlex.split(unit(path)["Service"]["ExecStart"])[1:] for path in DEPLOY.glob("*.service")}
    (found["Containerfile"],) = lists(CONTAINERFILE)
    (found["compose.yaml"],) = lists(COMPOSE)
    (found["crontab"],) = (shlex.split(line) for line in re.findall(r"(?m)^[*].*/orlog ([^>]*)", CRONTAB))
    (found["health check"],) = (shlex.split(line) for line in re.findall(r'"CMD-SHELL", "orlog ([^>]*)', COMPOSE))
    return found


@pytest.mark.parametrize("name", commands())
def test_what_is_run_is_a_command_with_its_options(name: str) -> None:
    words = commands()[name]
    assert parse(words).command.name == words[0]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_nothing_wrong_with_a_unit(path: Path, tmp_path: Path) -> None:
    for each in UNITS:  # the timer needs its service; the program and its manual are not installed here
        text = re.sub(r"/opt/orlog/bin/orlog", "/bin/sh", each.read_text("utf-8"))
        (tmp_path / each.name).write_text(re.sub(r"(?m)^Documentation=.*\n", "", text), "utf-8")
    ended = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / path.name], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("name", ["orlog.service", "orlog-sync.service"])
def test_a_service_has_no_right_that_it_does_not_need(name: str) -> None:
    service = unit(DEPLOY / name)["Service"]
    assert service["ProtectSystem"] == "strict"
    assert (service["NoNewPrivileges"], service["DynamicUser"], service["CapabilityBoundingSet"]) == ("yes", "yes", "")
    assert service["Environment"] == f"ORLOG_DATA=%S/{service['StateDirectory']}"


def test_both_services_are_locked_up_alike() -> None:
    one, other = (unit(DEPLOY / name)["Service"] for name in ("orlog.service", "orlog-sync.service"))
    own = {"Type", "ExecStart", "Restart", "RestartSec", "TimeoutStartSec"}
    assert {**one} | dict.fromkeys(own) == {**other} | dict.fromkeys(own)


def test_the_image_holds_what_the_wheel_is_made_of() -> None:
    copied = {word for line in re.findall(r"(?m)^COPY (?!--)(.*) \S+$", CONTAINERFILE) for word in line.split()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert copied >= {*wheel["packages"], *wheel["force-include"], project["project"]["readme"], "pyproject.toml"}
    assert all((ROOT / name).exists() for name in copied)
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text("utf-8")
    assert {line[1:] for line in ignored.splitlines() if line.startswith("!")} == copied


def test_containers_run_as_nobody_of_the_host_and_are_stopped_politely() -> None:
    assert re.search(r"(?m)^USER [1-9]\d{4}:", CONTAINERFILE)
    assert "STOPSIGNAL SIGTERM" in CONTAINERFILE
    assert "read_only: true" in COMPOSE
    assert "cap_drop: [ALL]" in COMPOSE


def test_the_notifications_that_the_page_shows_can_be_read() -> None:
    (text,) = re.findall(r"(?s)```toml\n(.*?)```", PAGE)
    shown = config.parse(text.encode(), file="orlog.toml")
    environ = {"CHAT_WEBHOOK": "https://chat.example/1", "CHAT_TOKEN": "x"}
    chat, prices = config.targets(shown, environ, file="orlog.toml")
    assert (chat.alerts, chat.changes) == (True, ())
    assert (prices.alerts, len(prices.changes)) == (False, 2)


def test_the_page_names_every_key_of_a_notification() -> None:
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", PAGE)) >= set(config.Notify.__struct_fields__)
