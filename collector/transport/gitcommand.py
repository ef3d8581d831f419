"""Running git: no locks, no network, and nothing that the caller's environment could redirect or reword."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import msgspec

from collector.errors import GitFailed, NoGit, NoRepository

_GIT: Final = "git"  # the user's own, wherever the PATH finds it
_AHEAD: Final = 16  # contents asked for before they are read: git works meanwhile, and so few requests fit any pipe
_PIPE_BYTES: Final = (
    1 << 20
)  # fewer turns between git and us: reading 241 MB takes two thirds of the time that 64 kB need

# Of the caller's GIT_* variables only these stay. The others point to another repository, index or object store (git
# sets them for its hooks), or change how paths are read and what is printed.
_KEPT: Final = ("GIT_CONFIG", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_EXEC_PATH")
_SET: Final = {
    "LC_ALL": "C",  # messages are read, and passed on
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # what a partial clone lacks is not fetched: an import asks nobody. The second is for a git older than 2.45
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    # replaced objects and grafts would give two clones two histories
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
}


class Content(msgspec.Struct, frozen=True):
    """The exact bytes of a file, or why they cannot be had."""

    body: bytes | None
    error: str | None = None


class Failed(msgspec.Struct, frozen=True):
    """Git said no: the first thing that it complained of, and the advice that it gave with it."""

    reason: str
    advice: str


class Git:
    """Git, run in a folder; `options` stand before each command."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._command = (_GIT, *options)

    def ask(self, *arguments: str, feed: bytes = b"") -> bytes | Failed:
        """What a command printed, or why it failed. Raises `NoGit`, and `NoRepository` where the folder is gone."""
        with _started(self.folder):
            done = subprocess.run(
                [*self._command, *arguments],
                cwd=self.folder,
                env=_environment(),
                input=feed,
                capture_output=True,
                check=False,
            )
        return _failed(done.stderr) if done.returncode else done.stdout

    def run(self, *arguments: str, feed: bytes = b"") -> bytes:
        """What a command printed. Raises `GitFailed` too."""
        said = self.ask(*arguments, feed=feed)
        if isinstance(said, Failed):
            raise GitFailed(f"git {arguments[0]} failed in {self.folder}: {said.reason}")
        return said

    def contents(self, names: Iterable[str]) -> Generator[Content]:
        """Read contents by their object names, in order, while git looks for the next ones.

        One process serves them all; it ends when the iterator does, or is closed.
        """
        coming = iter(names)
        waiting: deque[str] = deque()
        while True:
            with _Batch((*self._command, "cat-file", "--batch"), self.folder) as batch:
                yield from batch.read(waiting, coming)
            if not waiting:
                return
            # git has died of this one (partial clone, damaged pack); the rest is asked of another process
            yield self._alone(waiting.popleft())

    def _alone(self, name: str) -> Content:
        said = self.ask("cat-file", "blob", name)
        if not isinstance(said, Failed):
            return Content(said)
        self.run("rev-parse", "--git-dir")  # raises if it is the repository that is gone
        return Content(None, f"content {name} cannot be read from this clone: {said.reason}")


class _Batch:
    """One `git cat-file --batch`."""

    def __init__(self, command: tuple[str, ...], folder: Path) -> None:
        with _started(folder):
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pipesize=_PIPE_BYTES,
                stderr=subprocess.DEVNULL,  # nobody would read its complaints meanwhile, and a full pipe would stop it
            )
        self._requests = _pipe(self._process.stdin)
        self._answers = _pipe(self._process.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answers.close()
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        self._process.terminate()
        self._process.wait()

    def read(self, waiting: deque[str], coming: Iterator[str]) -> Iterator[Content]:
        """Read what is `waiting`, then what is `coming`. Names that still wait at the end got no answer: git died."""
        self._ask(waiting)
        while True:
            more = list(islice(coming, _AHEAD - len(waiting)))
            waiting.extend(more)
            self._ask(more)
            content = self._answer() if waiting else None
            if content is None:
                return
            waiting.popleft()
            yield content

    def _ask(self, names: Iterable[str]) -> None:
        with contextlib.suppress(BrokenPipeError):  # `_answer` will notice
            self._requests.write(b"".join(name.encode() + b"\n" for name in names))
            self._requests.flush()

    def _answer(self) -> Content | None:
        """The answer to the oldest request, None where git died instead. The format is that of `git help cat-file`."""
        name, _, what = self._answers.readline().decode().rstrip("\n").partition(" ")
        if what == "missing":
            return Content(None, f"content {name} is not in this clone, or damaged")
        size = int(what.rpartition(" ")[2] or -1)
        body = self._answers.read(size) if size >= 0 else b""
        return Content(body) if self._answers.read(1) == b"\n" else None


def shown(name: bytes) -> str:
    r"""A name as text that anything can store and print: what is not UTF-8 in it is spelled out (`\xe9`)."""
    return name.decode(errors="backslashreplace")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None, "asked for with subprocess.PIPE"  # noqa: S101  for the type checker
    return pipe


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name.startswith(_KEPT)}
    return kept | _SET


@contextlib.contextmanager
def _started(folder: Path) -> Iterator[None]:
    """Say what it means that a process cannot start: it could not enter the folder, or there is no such program."""
    try:
        yield
    except OSError as error:
        if error.filename == _GIT:
            raise NoGit(f"git does not run: {error.strerror}") from error
        raise NoRepository(f"{folder} cannot be opened: {error.strerror}") from error


def _failed(complaint: bytes) -> Failed:
    """Git's words in short: its `fatal:` line (or its last), and what follows it."""
    lines = [line.strip() for line in shown(complaint).splitlines() if line.strip()] or ["it did not say why"]
    first = next((at for at, line in enumerate(lines) if line.startswith("fatal:")), len(lines) - 1)
    return Failed(lines[first].removeprefix("fatal:").strip(), " ".join(lines[first + 1 :]))
