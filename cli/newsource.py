"""Making a source file of what a URL answers, and watching it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from cli import shelf, watchlist
from cli.failures import Failure

if TYPE_CHECKING:
    from collector import Place, Proposal

FOLDER: Final = "sources"


class Problem(msgspec.Struct, frozen=True):
    """What hinders the answer from being a complete listing: an issue's code and message."""

    code: str
    message: str


class Made(msgspec.Struct, frozen=True):
    """A source file that was written, and what it makes of the answer that it was made from (see `Proposal`)."""

    name: str
    file: str
    resource: str
    category: str
    count: int
    key: str
    keys: tuple[str, ...]
    complete: bool
    paged: bool
    watched: bool
    split: tuple[Place, ...]
    drop: tuple[Place, ...]
    issues: tuple[Problem, ...]
    findings: tuple[str, ...]


class Wanted(msgspec.Struct, frozen=True):
    """What somebody wants: a source of this name for what `url` answers, in `output` (None: in the data directory).

    `headers` as in a source file, `again` is after how many seconds to ask once more, `watch` whether orlog.toml is to
    name the file.
    """

    name: str
    url: str
    headers: Mapping[str, str] = {}
    output: Path | None = None
    again: float | None = None
    watch: bool = True


def make(directory: Path, wanted: Wanted, environ: Mapping[str, str]) -> Made:
    """Ask, propose, write the file, and watch it if it can be relied on. Never overwrites.

    Raises `Failure` and errors of the collector; then nothing was written, save where `orlog.toml` is what cannot be
    edited: the file is there then, and the error says which line to change.
    """
    from collector import check_name, inquire, propose

    check_name(wanted.name)
    file = wanted.output or directory / FOLDER / f"{wanted.name}.toml"
    _check_free(directory, wanted.name, file)
    answers = asyncio.run(inquire(wanted.url, headers=wanted.headers, environ=environ, again=wanted.again))
    proposal = propose(answers, url=wanted.url, name=wanted.name, headers=wanted.headers)
    _write(directory, file, proposal.text)
    watched = wanted.watch and (proposal.complete or proposal.paged)
    if watched:
        watchlist.add(directory, str(file))
    return _made(proposal, file, watched=watched)


def _check_free(directory: Path, name: str, file: Path) -> None:
    if file.suffix != watchlist.SUFFIX:
        raise Failure(f"{file}: a source file's name ends with .toml")
    if file.exists() or file.is_symlink():
        raise Failure(f"{file} is there already", hint="give another name, or another file with --output")
    taken = next((each for each in shelf.listed(directory) if each.name == name and each.watched), None)
    if taken is not None:
        where = "it comes with orlog" if taken.file is None else taken.file
        raise Failure(f"a source {name!r} is watched already ({where})", hint="give another name")


def _write(directory: Path, file: Path, text: str) -> None:
    directory.mkdir(mode=watchlist.PRIVATE, parents=True, exist_ok=True)
    file.parent.mkdir(mode=watchlist.PRIVATE, parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8", newline="\n") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())


def _made(proposal: Proposal, file: Path, *, watched: bool) -> Made:
    resource = proposal.source.resources[0]
    return Made(
        name=proposal.source.name,
        file=str(file),
        resource=resource.address,
        category=resource.extraction.category,
        count=proposal.count,
        key=resource.extraction.key,
        keys=proposal.keys,
        complete=proposal.complete,
        paged=proposal.paged,
        watched=watched,
        split=proposal.split,
        drop=proposal.drop,
        issues=tuple(Problem(issue.code, issue.message) for issue in proposal.issues),
        findings=proposal.findings,
    )
