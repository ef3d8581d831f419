"""The consoles of the docs, run on the recording: `make tutorial` writes what the commands print into the pages.

A page's commands run one after another in one shell, in a folder that is empty but for the files that the pages show:
blocks of TOML and Python whose first line is a comment with a name. They print on a terminal of the page's width,
without colour, pager or progress. `git clone` gets the recording. Of a long output a page shows the first and the last
lines, with a line `…` between them.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
import tempfile
import termios
import tty
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

import pytest

from tests.recordings import data

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = tuple(ROOT / "docs" / name for name in ("tutorial.md", "json.md"))  # the second uses the first's record
REPOSITORY: Final = "https://github.com/simonw/pge-outages-pre-2024"
RECORDING: Final = "power-outages.bundle"

COLUMNS: Final = 88  # what a page has room for
LEFT_OUT: Final = "…"
_PROMPT: Final = "$ "
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE: Final = re.compile(r"# (\S+\.(?:toml|py))")
_BAR: Final = re.compile(r"^\w+ +[━╸╺]* *\d+/\d+ +[-:\d]+\n+", re.MULTILINE)  # rich's, as it stays in the end
_END: Final = re.compile(r"^=ended (\d+)=\n", re.MULTILINE)


class Shown(NamedTuple):
    """A command of a page, and the lines that the page shows below it."""

    command: str
    output: tuple[str, ...]


def commands(text: str) -> list[Shown]:
    """The commands of a page."""
    return [shown for language, block in _BLOCK.findall(text) if language == "console" for shown in _consoles(block)]


def files(text: str) -> dict[str, str]:
    """The files that a page shows, by name."""
    blocks = (block for language, block in _BLOCK.findall(text) if language in {"toml", "python"})
    return {found[1]: block for block in blocks if (found := _FILE.match(block))}


def agrees(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether lines of a page are what a command printed, but for the lines that the page leaves out."""
    head, tail = _ends(shown)
    if tail is None:
        return list(shown) == list(printed)
    room = len(printed) - len(head) - len(tail)
    return room >= 0 and list(printed) == [*head, *printed[len(head) : len(head) + room], *tail]


def refreshed(shown: Sequence[str], printed: Sequence[str]) -> list[str]:
    """The lines that a page is to show: as many of the first and of the last as it does now."""
    head, tail = _ends(shown)
    if tail is None or len(printed) <= len(head) + len(tail):
        return list(printed)
    return [*printed[: len(head)], LEFT_OUT, *printed[len(printed) - len(tail) :]]


def run(folder: Path, texts: Sequence[str]) -> list[list[str]]:
    """Run all commands of some pages in an empty folder; the lines that each printed, on stdout or stderr.

    Raises `AssertionError` where one fails.
    """
    for text in texts:
        for name, content in files(text).items():
            (folder / name).write_text(content, encoding="utf-8")
    lines = [shown.command.replace(REPOSITORY, str(data(RECORDING))) for shown in _all(texts)]
    with tempfile.TemporaryDirectory() as programs:
        script = "".join(f"{line}\nprintf '=ended %s=\\n' $?\n" for line in lines)
        said = _on_a_terminal(["bash", "-c", script], folder, _environment(Path(programs)))
    *parts, rest = _END.split(said)
    assert rest == ""
    for line, printed, code in zip(lines, parts[::2], parts[1::2], strict=True):
        if code != "0":
            raise AssertionError(f"{line}: exit code {code}\n{printed}")
    return [printed.splitlines() for printed in parts[::2]]


def rewritten(text: str, outputs: Iterator[list[str]]) -> str:
    """A page with what its commands have printed."""

    def block(found: re.Match[str]) -> str:
        if found[1] != "console":
            return found[0]
        lines = []
        for shown in _consoles(found[2]):
            lines += [f"{_PROMPT}{shown.command}", *refreshed(shown.output, next(outputs))]
        return "\n".join(["```console", *lines, "```"])

    return _BLOCK.sub(block, text)


def main() -> None:
    """Write the pages anew."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    with tempfile.TemporaryDirectory() as folder:
        try:
            outputs = iter(run(Path(folder), texts))
        except pytest.skip.Exception as absent:
            sys.exit(str(absent))
    for page, text in zip(PAGES, texts, strict=True):
        page.write_text(rewritten(text, outputs), encoding="utf-8")


def _consoles(block: str) -> Iterator[Shown]:
    for part in re.split(rf"^{re.escape(_PROMPT)}", block, flags=re.MULTILINE)[1:]:
        command, *output = part.splitlines()
        yield Shown(command, tuple(output))


def _all(texts: Sequence[str]) -> list[Shown]:
    return [shown for text in texts for shown in commands(text)]


def _ends(shown: Sequence[str]) -> tuple[Sequence[str], Sequence[str] | None]:
    """The lines before and behind those that are left out; None where none are."""
    if LEFT_OUT not in shown:
        return shown, None
    at = shown.index(LEFT_OUT)
    assert LEFT_OUT not in shown[at + 1 :], "one line … for each command"
    return shown[:at], shown[at + 1 :]


def _on_a_terminal(command: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    """What a command prints on a terminal, to its end."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)  # lines end as they were written
    termios.tcsetwinsize(theirs, (24, COLUMNS))
    with (
        os.fdopen(ours, "rb", buffering=0) as screen,
        subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs),
    ):
        os.close(theirs)
        return _BAR.sub("", b"".join(_until_it_ends(screen)).decode())


def _until_it_ends(screen: IO[bytes]) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # EIO is Linux's way to say that nobody will write any more
        while some := screen.read(1 << 16):
            yield some


def _environment(programs: Path) -> dict[str, str]:
    """What the shell sees: this checkout's orlog and Python, and nothing of this user."""
    for name, words in (("orlog", "-m cli"), ("python3", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(programs),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


if __name__ == "__main__":
    main()
