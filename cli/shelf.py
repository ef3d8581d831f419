"""The sources that a data directory knows: those that come with orlog, and those that its `orlog.toml` names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from cli import config
from cli.failures import Failure
from cli.render import forms
from cli.terminal.paper import Paper
from collector import CollectorError, Source, load, shipped

_SUFFIX: Final = ".toml"


class Known(msgspec.Struct, frozen=True):
    """A source: its file (None: it comes with orlog), its resources, and whether `orlog.toml` names it."""

    name: str
    file: str | None
    resources: tuple[str, ...]
    watched: bool


class _Shelved(NamedTuple):
    source: Source
    file: Path | None
    watched: bool


def listed(directory: Path) -> list[Known]:
    """All sources by name; one of the user's own takes the place of a shipped one of its name."""
    return [_known(each) for each in _shelved(directory)]


def watched(directory: Path) -> list[Source]:
    """The sources that `orlog.toml` names, by name."""
    return [each.source for each in _shelved(directory) if each.watched]


def readable(directory: Path) -> tuple[list[Source], list[str]]:
    """Those of the sources that `orlog.toml` names whose files are right, and what is wrong with the others."""
    try:
        return watched(directory), []
    except (Failure, CollectorError, OSError) as error:
        wrong = [str(error)]
    found: list[Source] = []
    with contextlib.suppress(Failure, OSError):
        settings = config.read(directory)
        found = [source for name, source in shipped().items() if name in settings.sources]
        for path in config.source_files(settings, directory):
            try:
                found.append(load(path))
            except CollectorError as error:
                wrong.append(str(error))
    return found, list(dict.fromkeys(wrong))


def _shelved(directory: Path) -> list[_Shelved]:
    settings = config.read(directory)
    ours = shipped()
    found = {name: _Shelved(source, None, watched=name in settings.sources) for name, source in ours.items()}
    for path in config.source_files(settings, directory):
        source = load(path)
        found[source.name] = _Shelved(source, path, watched=True)
    missing = [each for each in settings.sources if not each.endswith(".toml") and each not in ours]
    if missing:
        hint = f"shipped are: {', '.join(ours)}; a source of your own is named by its file, as my.toml"
        raise Failure(f"{directory / config.FILE}: there is no source {missing[0]!r}", hint=hint)
    return [found[name] for name in sorted(found)]


def text(directory: Path, name: str) -> bytes:
    """The source file of a source, byte for byte."""
    known = {each.name: each for each in listed(directory)}
    if name not in known:
        raise Failure(f"there is no source {name!r}", hint=f"one of: {', '.join(known)}")
    file = known[name].file
    return _shipped_text(name) if file is None else Path(file).read_bytes()


def table(known: Sequence[Known], paper: Paper) -> Iterator[bytes]:
    """Sources for people."""
    header = ("SOURCE", "WATCHED", "FILE", "RESOURCES")
    lines = ((k.name, "yes" if k.watched else "no", k.file or "(shipped)", ", ".join(k.resources)) for k in known)
    return forms.table(header, lines, paper)


def _known(each: _Shelved) -> Known:
    names = tuple(resource.address for resource in each.source.resources)
    return Known(each.source.name, None if each.file is None else str(each.file), names, each.watched)


def _shipped_text(name: str) -> bytes:
    return resources.files("collector").joinpath("sources", f"{name}.toml").read_bytes()


def find(directory: Path, wanted: str) -> tuple[Source, str | None]:
    """Find a source by its name or file, and the name of the resource that `#NAME` or `.RESOURCE` behind it says."""
    file, _, fragment = wanted.partition("#")
    if file.lower().endswith(_SUFFIX):
        return load(Path(file)), fragment or None
    name, _, resource = wanted.partition(".")
    for each in _shelved(directory):
        if each.source.name == name:
            return each.source, resource or None
    known = ", ".join(each.source.name for each in _shelved(directory))
    raise Failure(f"there is no source {name!r}", hint=f"one of: {known}; or give the path of a source file")
