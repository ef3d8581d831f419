"""Logs: JSON lines in a rotated file, lines on stderr; each says which sync it is about, and none stops anything."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from cli import logs, options
from cli.options import LogForm
from collector.narration import LOGGER, about, narrator
from eventstore import Kind, Scope
from tests.commandline import ROOT

HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e line\nlevel=info\r\x9b31m"


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / logs.FILE).read_text("ascii").splitlines()]


# -- the file


def test_a_line_is_json_that_says_when_how_grave_and_what_first(tmp_path: Path) -> None:
    with logs.kept(tmp_path):
        narrator(sync=12).warning("request failed", resource="shop.things", key="a", status=500, took=0.25)
    (line,) = lines(tmp_path)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {
        "level": "warning",
        "event": "request failed",
        "sync": 12,
        "resource": "shop.things",
        "key": "a",
        "status": 500,
        "took": 0.25,
    }


def test_lines_that_are_told_inside_of_a_sync_carry_its_id(tmp_path: Path) -> None:
    """P25: log lines carry the sync's id, also those of tasks that the sync starts."""

    async def request(key: str) -> None:
        await asyncio.sleep(0)
        with about(key=key):
            narrator().warning("request failed")

    async def sync(number: int) -> None:
        with about(sync=number):
            await asyncio.gather(request("a"), request("b"))

    async def both() -> None:
        await asyncio.gather(sync(1), sync(2))

    with logs.kept(tmp_path):
        asyncio.run(both())
        narrator().info("resting")
    *told, last = lines(tmp_path)
    assert sorted((line["sync"], line["key"]) for line in told) == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert "sync" not in last


def test_single_requests_are_told_only_where_that_is_wanted(tmp_path: Path) -> None:
    for debug in (False, True):
        with logs.kept(tmp_path, debug=debug):
            narrator().debug("request", wanted=debug)
    assert [line["wanted"] for line in lines(tmp_path)] == [True]


def test_what_is_no_json_is_told_as_text_and_long_texts_are_cut(tmp_path: Path) -> None:
    with logs.kept(tmp_path):
        narrator().info(
            "odd", kind=Kind.APPEARED, of=("a", {1: b"x"}), error=ValueError("v" * 9000), scope=Scope("s", "r")
        )
    (line,) = lines(tmp_path)
    assert (line["kind"], line["of"]) == ("appeared", ["a", {"1": "b'x'"}])
    assert line["error"] == "v" * logs.LONGEST + "…"
    assert "Scope" in line["scope"]


def test_a_traceback_is_in_the_file(tmp_path: Path) -> None:
    with logs.kept(tmp_path):
        try:
            json.loads(HOSTILE)
        except ValueError:
            narrator().exception("a bug")
    assert "JSONDecodeError: Expecting value" in lines(tmp_path)[0]["exception"]


def test_the_file_is_rotated_bounded_and_readable_by_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    with logs.kept(tmp_path):
        for number in range(100):
            narrator().info("sync ended", sync=number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [logs.FILE, *(f"{logs.FILE}.{n}" for n in range(1, logs.FILES_KEPT + 1))]
    assert sum(file.stat().st_size for file in files) <= 1000 * (1 + logs.FILES_KEPT)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert lines(tmp_path)[-1]["sync"] == 99


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    for number in (1, 2):
        with logs.kept(tmp_path):
            narrator().info("sync ended", sync=number)
    assert [line["sync"] for line in lines(tmp_path)] == [1, 2]


def test_two_processes_keep_one_log_though_one_of_them_rotates_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    one, other = logs._file(tmp_path), logs._file(tmp_path)
    for number in range(60):  # lines enough for three files and a bit
        handler = other if number % 7 == 0 else one
        handler.emit(logging.LogRecord(LOGGER, logging.INFO, "", 0, str(number), None, None))
    for handler in (one, other):
        handler.close()
    files = sorted(tmp_path.iterdir(), key=lambda file: file.name, reverse=True)
    assert len(files) == 1 + logs.FILES_KEPT
    told = [int(json.loads(line)["event"]) for file in files for line in file.read_text("ascii").splitlines()]
    assert told == list(range(60))[-len(told) :]


def test_a_log_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / logs.FILE).mkdir()
    with logs.kept(tmp_path):
        for _ in range(3):
            narrator().info("sync ended")
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [f"the log {tmp_path / logs.FILE} cannot be written: Is a directory"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_stops_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / logs.FILE).symlink_to("/dev/full")
    with logs.kept(tmp_path):
        for _ in range(3):
            narrator().info("sync ended")
    assert capfd.readouterr().err.count("No space left on device") == 1


# -- stderr


def shown(form: LogForm, monkeypatch: pytest.MonkeyPatch, folder: Path, stderr: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    with logs.kept(folder, shown=form):
        narrator(sync=7).warning("request failed", key=HOSTILE, resource="shop.things", status=500)
    return stderr.getvalue()


@pytest.mark.parametrize("form", LogForm)
def test_nothing_that_a_server_says_is_obeyed_by_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: LogForm
) -> None:
    text = shown(form, monkeypatch, tmp_path, io.StringIO())
    assert text.count("\n") == 1
    assert text.removesuffix("\n").isprintable()
    assert "sync" in text
    assert (tmp_path / logs.FILE).read_text("ascii").removesuffix("\n").isprintable()


def test_lines_for_people_are_coloured_on_a_terminal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" in shown(LogForm.TEXT, monkeypatch, tmp_path, Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    plain = shown(LogForm.TEXT, monkeypatch, tmp_path, Terminal())
    assert "\x1b[" not in plain
    assert "request failed" in plain
    assert "sync=7" in plain
    assert "status=500" in plain


def test_a_stderr_that_is_closed_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    with logs.kept(tmp_path, shown=LogForm.JSON):
        narrator().info("sync ended")
    monkeypatch.setattr(sys, "stderr", None)
    with logs.kept(tmp_path, shown=LogForm.JSON):
        narrator().info("sync ended")
    assert len(lines(tmp_path)) == 2


@pytest.mark.parametrize("arguments, form", [([], LogForm.JSON), (["--log", "text"], LogForm.TEXT)])
def test_without_a_terminal_lines_are_for_programs_unless_it_is_said(arguments: list[str], form: LogForm) -> None:
    chosen: list[LogForm] = []

    @click.command()
    @options.log_form()
    def command(log_form: LogForm) -> None:
        chosen.append(log_form)

    assert CliRunner().invoke(command, arguments).exit_code == 0
    assert chosen == [form]


# -- the library


def test_a_program_that_configures_nothing_hears_nothing() -> None:
    script = """
from collector.narration import narrator
narrator(sync=1).info("sync began")
narrator(sync=1).error("request failed")
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert (ended.stdout, ended.stderr) == (b"", b"")


def test_a_program_that_logs_hears_it_through_the_standard_library(caplog: pytest.LogCaptureFixture) -> None:
    narrator(sync=1).warning("request failed")
    assert "request failed" in caplog.text
    assert [line.name for line in caplog.records] == [LOGGER]


def test_the_module_of_narration_imports_no_structlog() -> None:
    script = "import sys, collector.narration; sys.exit('structlog' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)


def test_what_other_libraries_log_is_not_in_the_log(tmp_path: Path) -> None:
    with logs.kept(tmp_path, shown=LogForm.JSON):
        logging.getLogger("httpx").warning("HTTP Request: GET https://example.org/?token=t0ps3cret")
        narrator().info("sync ended")
    assert [line["event"] for line in lines(tmp_path)] == ["sync ended"]


def test_afterwards_logging_is_as_it_was(tmp_path: Path) -> None:
    logger = logging.getLogger(LOGGER)
    before = list(logger.handlers), logger.level, logger.propagate
    with logs.kept(tmp_path, shown=LogForm.TEXT):
        assert (list(logger.handlers), logger.level, logger.propagate) != before
    assert (list(logger.handlers), logger.level, logger.propagate) == before
