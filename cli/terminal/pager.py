"""Long output goes through a pager, as git's does.

Not click's: it starts less without -F, knows no variable of ours, and recodes what it is given.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from subprocess import Popen

VARIABLES: Final = ("ORLOG_PAGER", "PAGER")
DEFAULT: Final = "less"
NONE: Final = ("", "cat")
SHELL: Final = frozenset("|&;<>()$`*?[#~=%\n")  # as POSIX has it of PAGER; without these no shell is needed
SETTINGS: Final = {"LESS": "FRX", "LV": "-c"}  # as git has it: short output stays on the terminal, colours are colours


def show(chunks: Iterable[bytes], environ: Mapping[str, str]) -> bool:
    """Show what is written to stdout page by page; False where no pager is wanted or can be started: nothing is read.

    What a reader who leaves the pager has not seen is not computed. An error in computing the chunks is raised once the
    pager has ended, so that what there is can be read.
    """
    pager = _started(command(environ), environ)
    if pager is None:
        return False
    with _kept_until_it_ends(pager) as stdin:
        for chunk in chunks:
            try:
                stdin.write(chunk)
            except BrokenPipeError:
                break
    return True


def command(environ: Mapping[str, str]) -> list[str]:
    """The pager that the environment asks for: ORLOG_PAGER, otherwise PAGER, otherwise less; empty for none.

    A terminal that cannot move its cursor (TERM is dumb, or not set) gets one only where one is named.
    """
    default = "" if environ.get("TERM", "dumb") == "dumb" else DEFAULT
    named = next((environ[name] for name in VARIABLES if name in environ), default).strip()
    if named in NONE:
        return []
    if SHELL.intersection(named):
        return ["/bin/sh", "-c", named]
    try:
        return shlex.split(named)
    except ValueError:  # a quotation that never ends names no program
        return []


def _started(line: list[str], environ: Mapping[str, str]) -> Popen[bytes] | None:
    if not line:
        return None
    import subprocess

    sys.stdout.flush()  # what was said before comes before it
    try:
        return subprocess.Popen(line, stdin=subprocess.PIPE, env={**SETTINGS, **environ})
    except OSError:
        return None


@contextlib.contextmanager
def _kept_until_it_ends(pager: Popen[bytes]) -> Iterator[IO[bytes]]:
    """The pager's stdin. However the work ends, the pager stays for as long as its reader likes."""
    if pager.stdin is None:
        raise ValueError("the pager was started without a pipe")
    # Ctrl-C is the pager's: less stops a search by it, and must get the rest all the same; who leaves it ends the work
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield pager.stdin
    finally:
        try:
            with contextlib.suppress(BrokenPipeError):
                pager.stdin.close()
            pager.wait()
        finally:
            signal.signal(signal.SIGINT, before)
