"""The real command line, in a process of its own, as a user's shell would run it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from cli.main import program

ROOT: Final = Path(__file__).resolve().parents[1]

Ended = subprocess.CompletedProcess[bytes]


def command(*arguments: str | Path) -> list[str]:
    """The command line of `orlog ARGUMENTS`; to be run in `ROOT`."""
    return [sys.executable, "-m", "cli", *map(str, arguments)]


def orlog(*arguments: str | Path) -> Ended:
    """Run orlog to its end; whatever comes of it, no traceback may reach the user."""
    return run(command(*arguments))


def run(line: Sequence[str], *, timeout: float = 120) -> Ended:
    """Run a command line that comes to run orlog, and look at what it says as `orlog` does."""
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, check=False, timeout=timeout)
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    assert b"internal error" not in ended.stderr, ended.stderr.decode()
    return ended


def output(*arguments: str | Path) -> bytes:
    """What orlog prints where all goes well."""
    ended = orlog(*arguments)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


def printed(*arguments: str | Path) -> bytes:
    """The same in this process: for many commands, of which each would take a third of a second to start."""
    result = CliRunner().invoke(program, [*map(str, arguments)], prog_name="orlog")
    assert result.exit_code == 0, result.stderr
    return result.stdout_bytes


def refusal(ended: Ended) -> tuple[int, str, str]:
    """Exit code, error and hint of a command that was refused: two lines on stderr, none on stdout."""
    said = ended.stderr.decode().splitlines()
    errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
    hints = [line.removeprefix("hint: ") for line in said if line.startswith("hint: ")]
    assert len(errors) == 1, ended.stderr.decode()
    assert len(hints) == 1, ended.stderr.decode()
    assert ended.stdout == b""
    return ended.returncode, errors[0], hints[0]
