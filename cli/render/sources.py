"""What a source file says, and what became of making or checking one, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.terminal.paper import Paper
from cli.text import counted, grouped, lasting, printable

if TYPE_CHECKING:
    from cli.checking import Checked, Extract
    from cli.newsource import Made
    from collector import ResourceSaid, SourceSaid


def made(new: Made, paper: Paper) -> Iterator[bytes]:
    """What was found of a URL's answer."""
    yield f"{paper.bold(printable(new.resource))}  {printable(new.file)}\n".encode()
    yield from _list("", (*new.findings, *(f"{each.code}: {each.message}" for each in new.issues)))
    if new.keys:
        yield from _list("", [f"keys: {', '.join(new.keys)}" + (", …" if new.count > len(new.keys) else "")])


def checked(found: Checked, paper: Paper) -> Iterator[bytes]:
    """What a source file says: the host, then each resource, then what a saved answer holds."""
    yield from _host(found.source, paper)
    for resource in found.source.resources:
        yield b"\n"
        yield from _resource(resource, paper)
    if found.answer is not None:
        yield b"\n"
        yield from _extract(found.answer, paper)


def _host(said: SourceSaid, paper: Paper) -> Iterator[bytes]:
    yield f"{paper.bold(printable(said.name))}  {printable(said.base_url or '(no base_url)')}\n".encode()
    yield from _list("", said.manners)
    yield from _list("not set: ", said.unset)
    yield from _warned(said.warnings, paper)


def _resource(said: ResourceSaid, paper: Paper) -> Iterator[bytes]:
    yield f"{paper.bold(printable(said.resource))}  yields {printable(said.category)}\n".encode()
    yield from _list("", _asking(said))
    yield from _list("", said.reads)
    yield from _list("not set: ", said.unset)
    yield from _warned(said.warnings, paper)


def _asking(said: ResourceSaid) -> Iterator[str]:
    if said.asks is None:
        return
    yield f"asks GET {said.asks}"
    if said.example is not None and said.example != said.asks:
        yield f"for instance GET {said.example}"
    how_often = "" if said.every is None else f" every {lasting(said.every)}"
    if said.each_of is not None:
        live = "how many there are is not known yet" if said.requests is None else counted(said.requests, "request")
        yield f"once for each {said.each_of}{how_often}: {live}"
    else:
        yield f"{counted(said.requests or 0, 'request')}{how_often}"
    if said.first:
        yield f"before that {counted(said.first, 'closed slice')}, each once"
    if said.per_day is not None:
        yield f"{counted(said.per_day, 'request')} a day"


def _extract(found: Extract, paper: Paper) -> Iterator[bytes]:
    how = "a complete listing" if found.complete else "no complete listing"
    yield f"{paper.bold('the saved answer')}  {how} of {printable(found.resource)}\n".encode()
    yield from _list("", (f"{grouped(count)} {category}" for category, count in found.entities.items()))
    if found.keys:
        yield from _list("", [f"keys: {', '.join(found.keys)}{', …' if found.count > len(found.keys) else ''}"])
    yield from _warned((f"{each.code}: {each.message}" for each in found.issues), paper)


def _list(before: str, lines: Iterator[str] | tuple[str, ...] | list[str]) -> Iterator[bytes]:
    yield from (f"  {before}{printable(line)}\n".encode() for line in lines)


def _warned(lines: Iterator[str] | tuple[str, ...], paper: Paper) -> Iterator[bytes]:
    yield from (f"  {paper.removed(f'warning: {printable(line)}')}\n".encode() for line in lines)
