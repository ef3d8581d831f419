"""The sources that `orlog.toml` names: putting one there, and taking one out."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from cli import config, settings
from cli.failures import Failure
from collector import CollectorError, load, shipped

SUFFIX: Final = ".toml"
PRIVATE: Final = 0o700  # as the record makes a data directory: nobody else reads it

_EMPTY: Final = config.TEMPLATE.replace('\nsources = ["openrouter"]\n', "\nsources = []\n")


class Removed(msgspec.Struct, frozen=True):
    """A source that is watched no longer: what `orlog.toml` named, and the sync that is the receipt in the record."""

    name: str
    entries: tuple[str, ...]
    sync: int | None


def add(directory: Path, wanted: str) -> tuple[str, bool]:
    """Have `orlog.toml` name a shipped source or a source file; return the entry, and whether that is new.

    Raises `Failure` where there is no such source, another one of its name, or a file that cannot be edited, and what
    is wrong with a source file.
    """
    if not wanted.endswith(SUFFIX):
        return _add_shipped(directory, wanted)
    file = Path(wanted)
    if not file.exists() and (directory / wanted).exists():
        file = directory / wanted  # as orlog.toml names it
    name = load(file).name
    named = entries(directory, name)
    same = next((each for each in named if _is_file(directory, each, file)), None)
    if same is not None:
        return same, False
    other = next((each for each in named if each.endswith(SUFFIX)), None)
    if other is not None:
        raise Failure(f"{other} is a source {name!r} too, and is watched", hint="give one of them another name")
    return _named(directory, _entry(directory, file)), True


def remove(directory: Path, wanted: str, receipt: Callable[[str], int | None]) -> Removed:
    """Have `orlog.toml` not name a source any more; `receipt` lays one down for the source's name and returns its sync.

    The receipt comes first: killed in between, it is all done again. Raises `Failure` where the file cannot be edited.
    """
    found = entries(directory, wanted)
    if not found:
        return Removed(wanted, (), None)
    path = directory / config.FILE
    try:
        text = settings.without_sources(path.read_bytes().decode(), list(found))
    except settings.CannotEdit as error:
        raise _by_hand(path, error, f"take {', '.join(map(settings.quoted, found))} out of") from None
    name = next(iter(found.values()))
    sync = receipt(name)
    _replace(path, text)
    return Removed(name, tuple(found), sync)


def receipt(directory: Path, name: str, *, now: datetime) -> int | None:
    """Lay down in the record that a source is watched no longer; return the sync, None where there is no record."""
    from collector import give_verdict
    from eventstore import NoRecord, Record

    with contextlib.suppress(NoRecord):
        Record.open(directory).close()  # opening it for writing would make one
        with Record.open(directory, write=True) as record:
            return give_verdict(record, {"remove": name}, now=now)
    return None


def entries(directory: Path, wanted: str) -> dict[str, str]:
    """What `orlog.toml` names that is meant by a source's name, or by the path of its file: entries to sources' names.

    A file that cannot be read has the name that its own gives it: it can be removed all the same.
    """
    named = {each: _name(directory, each) for each in config.read(directory).sources}
    file = Path(wanted) if wanted.endswith(SUFFIX) else None
    return {each: name for each, name in named.items() if wanted in {each, name} or _is_file(directory, each, file)}


def _add_shipped(directory: Path, name: str) -> tuple[str, bool]:
    if name not in shipped():
        hint = f"shipped are: {', '.join(shipped())}; a source of your own is named by its file, as my.toml"
        raise Failure(f"there is no source {name!r}", hint=hint)
    if name in config.read(directory).sources:
        return name, False
    return _named(directory, name), True


def _entry(directory: Path, file: Path) -> str:
    """How `orlog.toml` names a source file: relative to it where it lies below, otherwise from the root."""
    path, base = file.absolute(), directory.absolute()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)


def _named(directory: Path, entry: str) -> str:
    """Write an entry at the end of the list."""
    path = directory / config.FILE
    try:
        if path.exists():
            _replace(path, settings.with_source(path.read_bytes().decode(), entry))
        else:
            directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            path.write_bytes(settings.with_source(_EMPTY, entry).encode())
    except settings.CannotEdit as error:
        raise _by_hand(path, error, f"add {settings.quoted(entry)} to") from None
    return entry


def _by_hand(path: Path, error: settings.CannotEdit, what: str) -> Failure:
    place = "sources" if error.line is None else f"sources in line {error.line}"
    return Failure(f"{path} is written in a way that orlog does not dare to edit", hint=f"{what} {place} yourself")


def _replace(path: Path, text: str) -> None:
    """Write a file beside the old one and put it in its place at once; links stay links, permissions as they are."""
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(target.stat().st_mode & 0o777)
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _name(directory: Path, entry: str) -> str:
    if not entry.endswith(SUFFIX):
        return entry
    try:
        return load(directory / entry).name
    except CollectorError:
        return Path(entry).stem


def _is_file(directory: Path, entry: str, file: Path | None) -> bool:
    return file is not None and entry.endswith(SUFFIX) and (directory / entry).resolve() == file.resolve()
