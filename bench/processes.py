"""Whole processes, measured from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2)


class Used(msgspec.Struct, frozen=True):
    """What a process and the children it waited for used: seconds, and bytes of memory at the peak."""

    wall: float
    cpu: float
    peak: int


class Failed(Exception):
    """A process that was to be measured failed."""


def run(command: Sequence[str | Path]) -> Used:
    """Run a command from the project's root, what it prints thrown away. Raises `Failed`.

    Linux counts what this process held at its peak into the child's, as they are one until the child calls exec: so
    memory is measured before anything large is loaded here.
    """
    with tempfile.TemporaryFile() as complaints:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=complaints, env=_environment())
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            complaints.seek(0)
            raise Failed(f"{command[0]} ended with {process.returncode}: {complaints.read().decode(errors='replace')}")
    return Used(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _RSS_UNIT)


def orlog(*arguments: str | Path) -> list[str | Path]:
    """The command that runs this checkout's orlog."""
    return [sys.executable, "-m", "cli", *arguments]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("ORLOG_", "GIT_"))}
