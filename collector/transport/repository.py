"""A git repository, read through git's plumbing: no checkout, and no settings of the user's in what it says.

Porcelain (`git log`) lets the user's configuration change what it prints; `rev-list` and `diff-tree` do not.
"""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from collector.errors import NoRepository, NoSuchRef
from collector.transport.gitcommand import Content, Failed, Git, shown

_SLICE: Final = 1024  # commits given to one `git diff-tree`: bounds how much of its answer is held at once
_RENAMES: Final = 1000  # files among which one `git diff-tree` seeks inexact renames, whatever diff.renameLimit says

# A bundle; a URL, of whose slashes `Path` has made one; its short form, user@host:path
_URL: Final = re.compile(r".*\.bundle$|[a-z+]+:/|[\w.-]+@[\w.-]+:")
_CLONE: Final = "clone it first (`git clone`), then name the folder of the clone"

_RAW: Final = ("--stdin", "-r", "--root", "--no-abbrev", "--raw", "-z", "--format=%H %ct")


class Kind(enum.Enum):
    """What is at a path."""

    FILE = "a file"
    LINK = "a symbolic link"
    SUBMODULE = "a submodule"
    NOTHING = "nothing"


_KINDS: Final = {b"120000": Kind.LINK, b"160000": Kind.SUBMODULE, b"000000": Kind.NOTHING}


class Change(msgspec.Struct, frozen=True, gc=False):
    """What a commit left at one path: the object `content` names. `added`: its first parent had nothing there."""

    path: bytes
    kind: Kind
    content: str
    added: bool


class Changed(msgspec.Struct, frozen=True):
    """A commit with what it changed, sorted by path. `seconds` since 1970: its committer time, if it can be read."""

    commit: str
    seconds: int | None
    changes: tuple[Change, ...]


class Rename(NamedTuple):
    """Where a file came from; `same` if it came unchanged."""

    old: bytes
    same: bool


class Repository:
    """A repository: its folder, a folder inside of it, a linked work tree, a bare one, or its `.git`.

    `folder` is where git keeps it, `shallow` says that its history was cut off by `git clone --depth`. Raises
    `NoRepository` or `NoGit`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.shallow = _opened(folder)
        self._git = Git(self.folder, f"--git-dir={self.folder}")

    def commit(self, ref: str) -> str:
        """The name of the commit that `ref` means: a branch, a tag, whatever git resolves. Raises `NoSuchRef`."""
        if not ref.startswith(("-", "^")) and "\0" not in ref:
            said = self._git.ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
            if not isinstance(said, Failed):
                return said.decode().strip()
        raise self._no_such_ref(ref)

    def walk(self, commit: str) -> list[bytes]:
        """The first-parent history of `commit`, oldest first: of each the commit and, where it has one, that parent."""
        lines = self._git.run("rev-list", "--first-parent", "--parents", "--reverse", commit).splitlines()
        return [b" ".join(line.split(b" ", 2)[:2]) for line in lines]

    def changed(self, walk: Sequence[bytes], pathspec: str) -> Iterator[Changed]:
        """Those commits of a walk that changed something that `pathspec` matches."""
        paths: dict[bytes, bytes] = {}
        for start in range(0, len(walk), _SLICE):
            raw = self._diff(walk[start : start + _SLICE], "--no-renames", "--", pathspec)
            for commit, seconds, entries in _commits(raw, paths=1):
                changes = [_change(entry, paths) for entry in entries]
                yield Changed(commit, seconds, tuple(sorted(changes, key=lambda change: change.path)))

    def renames(self, walk: Sequence[bytes], path: bytes) -> dict[str, Rename]:
        """Those commits of a walk that renamed another file to `path`."""
        raw = self._diff(walk, "-M", f"-l{_RENAMES}", "--diff-filter=R")
        return {
            commit: Rename(entry.paths[0], same=entry.old == entry.new and entry.old_mode == entry.new_mode)
            for commit, _, entries in _commits(raw, paths=2)
            for entry in entries
            if entry.paths[1] == path
        }

    def names(self, commit: str) -> list[str]:
        """The paths of all files in a commit."""
        listed = self._git.run("ls-tree", "-r", "-z", "--full-tree", "--name-only", commit)
        return [shown(name) for name in listed.split(b"\0") if name]

    def contents(self, names: Iterable[str]) -> Generator[Content]:
        """Read contents by their object names, in order; closing the iterator ends the git process behind it."""
        return self._git.contents(names)

    def _diff(self, walk: Sequence[bytes], *arguments: str) -> bytes:
        # a line "commit parent" compares with that parent alone, also where the commit is a merge
        return self._git.run("diff-tree", *_RAW, *arguments, feed=b"\n".join(walk) + b"\n") if walk else b""

    def _no_such_ref(self, ref: str) -> NoSuchRef:
        listed = self._git.run("for-each-ref", "--format=%(refname:short)", "--sort=-committerdate", "--count=5")
        refs = ", ".join(shown(listed).split())
        if not refs:
            return NoSuchRef(f"{self.folder} has no commits yet", hint="commit something, or name another repository")
        what = "HEAD names a branch without commits" if ref == "HEAD" else f"no commit is called {ref!r}"
        return NoSuchRef(f"{what} in {self.folder}", hint=f"--ref takes one of these, for instance: {refs}")


class _Entry(NamedTuple):
    """A line of `--raw` output; https://git-scm.com/docs/diff-format has the format."""

    old_mode: bytes
    new_mode: bytes
    old: bytes
    new: bytes
    status: bytes
    paths: tuple[bytes, ...]


def _commits(raw: bytes, *, paths: int) -> Iterator[tuple[str, int | None, list[_Entry]]]:
    """Read what `diff-tree -z --format='%H %ct'` printed; `paths` follow each entry."""
    tokens = iter(raw.split(b"\0"))
    commit, seconds, entries = b"", b"", list[_Entry]()
    for token in tokens:
        head = token.removeprefix(b"\n")
        if head.startswith(b":"):
            old_mode, new_mode, old, new, status = head[1:].split(b" ")
            entries.append(_Entry(old_mode, new_mode, old, new, status, tuple(islice(tokens, paths))))
        else:  # the next commit; after the last one an empty token
            if entries:
                yield commit.decode(), _seconds(seconds), entries
            (commit, _, seconds), entries = head.partition(b" "), []


def _change(entry: _Entry, paths: dict[bytes, bytes]) -> Change:
    path = paths.setdefault(entry.paths[0], entry.paths[0])  # each path is held once, however often it changes
    return Change(path, _KINDS.get(entry.new_mode, Kind.FILE), entry.new.decode(), added=entry.status == b"A")


def _seconds(text: bytes) -> int | None:
    """A committer time as git prints it: exactly as it was written, or nothing where that cannot be read."""
    return int(text) if text.isdigit() and len(text) <= len("253402300799") else None


def _opened(folder: Path) -> tuple[Path, bool]:
    """Where git keeps the repository that `folder` is or is inside of, and whether it is shallow."""
    try:
        said = Git(folder).ask("rev-parse", "--is-shallow-repository", "--absolute-git-dir")
    except NoRepository as error:
        raise NoRepository(str(error), hint=_CLONE if _URL.match(str(folder)) else None) from error
    if isinstance(said, Failed):
        raise _refused(folder, said)
    shallow, _, path = said.partition(b"\n")
    return Path(os.fsdecode(path.removesuffix(b"\n"))), shallow == b"true"


def _refused(folder: Path, said: Failed) -> NoRepository:
    if "not a git repository" in said.reason:
        return NoRepository(f"{folder} is no git repository, nor inside of one")
    return NoRepository(f"git refuses to read {folder}: {said.reason}", hint=said.advice or None)
