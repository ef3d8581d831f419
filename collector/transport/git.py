"""The versions of a file in a git repository, or of all files that match a pattern, as "git scraping" leaves them.

Each commit of the first-parent history that changed the file is a version. Its name is `git COMMIT:PATH`, so it is the
same in every clone. Its time is the committer time, in whole seconds, moved on where that does not increase.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import partial
from operator import eq
from pathlib import Path
from typing import Final

import msgspec

from collector.errors import BadPattern, GitFailed, NothingMatches
from collector.transport import Answer, Version
from collector.transport.gitcommand import Content, shown
from collector.transport.pattern import Pattern
from collector.transport.repository import Change, Changed, Kind, Rename, Repository

LACKING: Final = " (not all of it)"
"""What the name of a version ends in that the clone does not have the contents of."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 253_402_214_400  # 9999-12-31: leaves a day of milliseconds before times that Python does not have
_NEAR: Final = 3  # names offered for one that was not found
_NEAR_AMONG: Final = 5000  # of so many names: comparing takes 20 µs each


class _Step(msgspec.Struct, frozen=True):
    """A version before its contents are read."""

    name: str
    at: datetime
    changed: Changed


class GitHistory:
    """The history of `path`, relative to the top of the repository that `repo` is, or is inside of.

    `path` is a name or a pattern (`data/{model}.json`), whose fields become the answers' params. A file that was
    deleted answers 404; a link, a submodule and a content that is not in the clone answer with an `error`.

    `since` and `until` (aware, both inclusive) leave versions out and never change the time of another one.

    `follow`: before a commit that renamed another file to `path`, go on with that file. Such a commit is a version if
    it changed the content too. Without it `renamed_from` tells the name that the history would go on with.

    `shallow`: the clone lacks the beginning of the history. Raises the kinds of `TransportError`.
    """

    def __init__(
        self,
        repo: Path,
        path: str,
        *,
        ref: str = "HEAD",
        since: datetime | None = None,
        until: datetime | None = None,
        follow: bool = False,
    ) -> None:
        self._pattern = _pattern(path, follow=follow)
        self._repository = Repository(repo)
        self.shallow = self._repository.shallow
        self.renamed_from: str | None = None
        commit = self._repository.commit(ref)
        changed = self._changed(self._repository.walk(commit), follow=follow)
        if not changed:
            raise _never_there(self._pattern, self._repository.names(commit), self._repository.folder)
        times = map(_instant, stamps(each.seconds for each in changed))
        steps = (_Step(f"git {each.commit}:{path}", at, each) for each, at in zip(changed, times, strict=True))
        self._steps = [s for s in steps if (since is None or since <= s.at) and (until is None or s.at <= until)]

    def __len__(self) -> int:
        return len(self._steps)

    def versions(self, skip: Container[str] = frozenset()) -> Iterator[Version]:
        """Read the versions, oldest first, those in `skip` left out; one version's contents are held at a time.

        Close the iterator, or read it to its end: a git process runs behind it.
        """
        steps = [step for step in self._steps if step.name not in skip]
        files = (each.content for step in steps for each in step.changed.changes if each.kind is Kind.FILE)
        with contextlib.closing(self._repository.contents(files)) as contents:
            for step in steps:
                answers = tuple(self._answer(each, step.changed.commit, contents) for each in step.changed.changes)
                # under another name, so that it is imported once the clone has its contents
                lacking = any(answer.status is None and answer.error is not None for answer in answers)
                name = f"{step.name}{LACKING}" if lacking else step.name
                if name not in skip:
                    yield Version(name, step.at, answers)

    def _answer(self, change: Change, commit: str, contents: Iterator[Content]) -> Answer:
        params = self._params(change.path) or {}
        if change.kind is Kind.NOTHING:
            return Answer(params, 404, None, error=f"deleted in commit {commit[:7]}")
        if change.kind is not Kind.FILE:
            what = f"{shown(change.path)} is {change.kind.value} in commit {commit[:7]}"
            return Answer(params, None, None, error=what)
        content = next(contents)
        return Answer(params, None if content.body is None else 200, content.body, error=content.error)

    def _params(self, path: bytes) -> Mapping[str, str] | None:
        """The scope that a file speaks for, None where it does not match the pattern."""
        named = self._pattern.match(shown(path))
        return None if named is None else named.params

    def _changed(self, walk: list[bytes], *, follow: bool) -> list[Changed]:
        if self._pattern.plain is not None:
            return self._of_one(walk, _raw(self._pattern.plain), follow=follow)
        all_changed = self._repository.changed(walk, f":(top,glob){self._pattern.glob}")
        return _only(all_changed, lambda path: self._params(path) is not None)

    def _of_one(self, walk: list[bytes], path: bytes, *, follow: bool) -> list[Changed]:
        """The history of one file; from the latest rename back it is that of the file that was renamed."""
        newer: list[Changed] = []
        while True:
            pathspec = f":(top,literal){path.decode(errors='surrogateescape')}"
            changed = _only(self._repository.changed(walk, pathspec), partial(eq, path))
            at, rename = self._latest_rename(walk, changed, path, needed=follow)
            if rename is None:
                return changed + newer
            if not follow:
                self.renamed_from = shown(rename.old)
                return changed
            newer = changed[at + rename.same :] + newer
            walk, path = walk[: _place(walk, changed[at].commit)], rename.old

    def _latest_rename(
        self, walk: list[bytes], changed: list[Changed], path: bytes, *, needed: bool
    ) -> tuple[int, Rename | None]:
        """Which of the commits that `changed` the path was the last to rename another file to it."""
        added = {each.commit.encode() for each in changed if each.changes[0].added}
        lines = [line for line in walk if line.partition(b" ")[0] in added]
        try:
            renames = self._repository.renames(lines, path)
        except GitFailed:
            if needed:
                raise
            return 0, None  # a partial clone cannot compare contents; it was only to be mentioned
        found = [(at, renames[each.commit]) for at, each in enumerate(changed) if each.commit in renames]
        return found[-1] if found else (0, None)


def stamps(seconds: Iterable[int | None]) -> Iterator[int]:
    """Milliseconds since 1970 that strictly increase, from the committer times of a whole history, oldest first.

    A time that is not later than the one before is that plus 1 ms; so is one that cannot be read, or lies after 9999.
    """
    last = -1
    for second in seconds:
        known = second is not None and second <= _LAST_SECOND
        last = max(second * 1000, last + 1) if second is not None and known else last + 1
        yield last


def _instant(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _only(all_changed: Iterable[Changed], wanted: Callable[[bytes], bool]) -> list[Changed]:
    """Those commits that changed a wanted path, with these paths alone."""
    kept = ((each, tuple(change for change in each.changes if wanted(change.path))) for each in all_changed)
    return [Changed(each.commit, each.seconds, changes) for each, changes in kept if changes]


def _place(walk: list[bytes], commit: str) -> int:
    return next(at for at, line in enumerate(walk) if line.startswith(commit.encode()))


def _raw(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _pattern(path: str, *, follow: bool) -> Pattern:
    normal = posixpath.normpath(path)
    if normal in (".", "..") or normal.startswith(("/", "../")) or "\0" in normal:
        raise BadPattern(f"{path!r} names no file", hint="PATH is relative to the top of the repository")
    pattern = Pattern(normal)
    if follow and pattern.plain is None:
        raise BadPattern(f"{path!r} is a pattern: renames can be followed for one file only", hint="name that file")
    return pattern


def _never_there(pattern: Pattern, names: list[str], folder: Path) -> NothingMatches:
    wanted = pattern.text if pattern.plain is None else pattern.plain
    what = f"no commit has a file {wanted!r} in {folder}"
    if any(name.startswith(f"{wanted}/") for name in names):
        return NothingMatches(f"{what}, it is a folder", hint=f"name its files with a pattern: {wanted}/{{name}}.json")
    return NothingMatches(what, near=_near(wanted, names))


def _near(wanted: str, names: list[str]) -> tuple[str, ...]:
    base = posixpath.basename(wanted).casefold()
    same = [name for name in names if posixpath.basename(name).casefold() == base]
    near = same or get_close_matches(wanted, names[:_NEAR_AMONG], n=_NEAR) or names
    return tuple(near[:_NEAR])
