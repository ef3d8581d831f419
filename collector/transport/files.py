"""A folder of saved answers as a history.

A pattern reads the scope and the time from each name, `{model}/{time:%Y-%m-%dT%H%M%SZ}.json`; without a time in it the
file's own (its last modification) counts, without a pattern every file that is not hidden is an answer without params.
Files that end in `.gz` hold answers compressed; a pattern may leave the `.gz` out.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from collector.errors import NoSuchFolder, NothingMatches
from collector.transport import Answer, Version
from collector.transport.pattern import Pattern

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST_MS: Final = 253_402_214_400_000  # 9999-12-31; a file system may know later times, Python does not
_NEAR: Final = 5  # names shown where none matches


class Saved(msgspec.Struct, frozen=True):
    """A file that holds an answer: its path in the folder, the scope it speaks for, and when (ms since 1970)."""

    path: str
    params: Mapping[str, str]
    ms: int


class FilesHistory:
    """The answers saved in `folder`, all of one time as one version; `unmatched` counts the files the pattern left out.

    A version's name is `files TIME HASH`, where the hash covers what the answers say: their scopes, contents and
    errors. So a file that changed makes a new version of its time, and one that was moved, copied or compressed does
    not. That is why versions in `skip` are read too, if not handed out.

    Where two files speak for one scope at one time, the one whose path sorts later counts 1 ms later. A file that
    cannot be read or decompressed is an answer with an `error`. Raises `NoSuchFolder`, `NothingMatches`, `BadPattern`.
    """

    def __init__(self, folder: Path, *, pattern: str | None = None) -> None:
        self._folder = folder
        reads = None if pattern is None else Pattern(pattern, timed=True)
        names = sorted(_names(folder))
        if not names:
            raise NothingMatches(f"there is no file in {folder}", hint=NoSuchFolder.hint)
        saved = [file for name in names if (file := _saved(folder, name, reads)) is not None]
        if not saved:
            raise NothingMatches(f"no file in {folder} {_fits(pattern)}", near=tuple(names[:_NEAR]))
        self.unmatched = len(names) - len(saved)
        self._versions = placed(saved)

    def __len__(self) -> int:
        return len(self._versions)

    def versions(self, skip: Container[str] = frozenset()) -> Iterator[Version]:
        """Read the versions, oldest first, those in `skip` left out; one version's contents are held at a time."""
        for ms, files in self._versions:
            at = _EPOCH + ms * _MILLISECOND
            answers = tuple(_answer(self._folder, file) for file in files)
            name = f"files {at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z {_hash(answers)}"
            if name not in skip:
                yield Version(name, at, answers)


def _fits(pattern: str | None) -> str:
    return "can be read without a pattern, they are hidden" if pattern is None else f"matches {pattern}"


def placed(files: Iterable[Saved]) -> list[tuple[int, list[Saved]]]:
    """Put files together that are of one time, in order of times, then of paths; no scope twice at one time."""
    versions: dict[int, list[Saved]] = {}
    free: dict[tuple[tuple[str, str], ...], int] = {}  # of each scope, from when on it has no answer yet
    for file in sorted(files, key=lambda file: (file.ms, file.path)):
        scope = tuple(sorted(file.params.items()))
        ms = max(file.ms, free.get(scope, file.ms))
        free[scope] = ms + 1
        versions.setdefault(ms, []).append(file)
    return [(ms, sorted(versions[ms], key=lambda file: file.path)) for ms in sorted(versions)]


def _names(folder: Path) -> Iterator[str]:
    """The paths in `folder`, with slashes, of all that is no folder, in no order. Links to folders are left out."""
    for where, _, names in os.walk(folder, onerror=_unreadable):
        inside = Path(where).relative_to(folder)
        yield from ((inside / name).as_posix() for name in names)


def _unreadable(error: OSError) -> NoReturn:
    permit = "give this user permission to read it" if isinstance(error, PermissionError) else None
    raise NoSuchFolder(f"{error.filename} cannot be read: {error.strerror}", hint=permit)


def _saved(folder: Path, path: str, pattern: Pattern | None) -> Saved | None:
    """What a file's name and date say, None if it holds no answer."""
    text = os.fsencode(path).decode(errors="backslashreplace")  # params must be text
    named = None
    if pattern is not None:
        named = pattern.match(text) or pattern.match(text.removesuffix(".gz"))
    if named is None and (pattern is not None or any(part.startswith(".") for part in path.split("/"))):
        return None
    try:
        about = (folder / path).stat()
    except PermissionError as error:
        _unreadable(error)
    except OSError:
        return None  # it has vanished, or is a link to nothing
    if not stat.S_ISREG(about.st_mode):
        return None  # a pipe would keep the reader waiting
    params, at = ({}, None) if named is None else named
    return Saved(path, params, _milliseconds(about) if at is None else (at - _EPOCH) // _MILLISECOND)


def _milliseconds(about: os.stat_result) -> int:
    return max(0, min(about.st_mtime_ns // 1_000_000, _LAST_MS))


def _answer(folder: Path, file: Saved) -> Answer:
    try:
        body = (folder / file.path).read_bytes()
        return Answer(file.params, 200, _decompressed(body) if file.path.endswith(".gz") else body)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return Answer(file.params, None, None, error=f"{file.path} cannot be decompressed: {error}")
    except OSError as error:
        return Answer(file.params, None, None, error=f"{file.path} cannot be read: {error.strerror}")


def _decompressed(body: bytes) -> bytes:
    if not body:
        raise EOFError("it is empty")  # which Python takes for the compressed form of nothing, and gzip does not
    return gzip.decompress(body)


def _hash(answers: Iterable[Answer]) -> str:
    """Half of a SHA-256 of what the answers say, in hexadecimal; the order of the answers does not matter."""
    said = sorted(
        msgspec.json.encode([sorted(each.params.items()), hashlib.sha256(each.body or b"").hexdigest(), each.error])
        for each in answers
    )
    return hashlib.sha256(b"\n".join(said)).hexdigest()[:32]
