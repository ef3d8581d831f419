"""File systems of one's own, for tests: read-only ones and full ones, seen by nobody else and gone afterwards."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.commandline import ROOT, Ended, command, run

_WAIT_FOR_EVER: Final = "echo ready; exec cat"


class Namespace:
    """A mount namespace that another process keeps; what is mounted inside can be seen under `path`."""

    def __init__(self, keeper: int) -> None:
        self._enter = ("nsenter", "--preserve-credentials", "-U", "-m", "-t", str(keeper))
        self._root = Path(f"/proc/{keeper}/root")

    def path(self, inside: Path) -> Path:
        """Where a path inside of the namespace is to be found from outside."""
        return self._root / inside.relative_to("/")

    def run(self, *arguments: str | Path) -> None:
        """Run a program inside."""
        subprocess.run([*self._enter, *map(str, arguments)], check=True, capture_output=True)

    def orlog(self, *arguments: str | Path) -> Ended:
        """Run orlog inside; whatever comes of it, no traceback may reach the user."""
        return run([*self._enter, f"--wdns={ROOT}", *command(*arguments)])


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    """A new mount namespace; the test is skipped, saying so, where this user may make none."""
    tools = [shutil.which(name) for name in ("unshare", "nsenter", "mount")]
    if None in tools:
        pytest.skip("needs Linux's unshare, nsenter and mount")
    keeper = subprocess.Popen(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", _WAIT_FOR_EVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with keeper:
        assert keeper.stdout is not None
        if keeper.stdout.readline() != b"ready\n":
            pytest.skip("this user may not make a mount namespace (`unshare --map-root-user --mount`)")
        yield Namespace(keeper.pid)
        # leaving closes its stdin, which ends it
