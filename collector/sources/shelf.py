"""Finding a resource by what a user types: `SOURCE.RESOURCE`, `FILE.toml#NAME` or `FILE.toml`."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Final

from collector.errors import CollectorError, UnknownResource
from collector.sources.source import Resource, Source
from collector.sources.sourcefile import fitting, load, read
from collector.wording import near

_FILE: Final = re.compile(r"(?P<file>.*\.toml)(?:#(?P<name>[^#]*))?", re.DOTALL | re.IGNORECASE)


@functools.cache
def shipped() -> Mapping[str, Source]:
    """Read the sources that come with orlog, by name."""
    files = sorted(resources.files("collector").joinpath("sources").iterdir(), key=lambda file: file.name)
    sources = [
        read(file.read_text(encoding="utf-8"), file=file.name, name=Path(file.name).stem)
        for file in files
        if file.name.endswith(".toml")
    ]
    return MappingProxyType({source.name: source for source in sources})


def resolve(text: str, folders: Sequence[Path] = ()) -> Resource:
    """Find the resource that `text` names: in a file, in the source files of `folders`, among those shipped.

    Of sources with one name the first folder's is taken, the shipped one last. Raises `UnknownResource` with what would
    do, and `NoSource` or `BadSource` for a file that is named and wrong.
    """
    file = _FILE.fullmatch(text)
    if file:
        return _of_file(load(Path(file["file"])), file["file"], file["name"])
    source, _, name = text.partition(".")
    own, broken = _sources(folders)
    if source not in own and source in broken:
        raise broken[source]
    sources = {**shipped(), **own}
    if source in sources and name:
        return sources[source].resource(name)
    raise _unknown(text, sources.values())


def _of_file(source: Source, file: str, name: str | None) -> Resource:
    if not name and len(source.resources) == 1:
        return source.resources[0]
    choices = {f"{file}#{resource.name}": resource for resource in source.resources}
    wanted = f"{file}#{name}"
    if wanted in choices:
        return choices[wanted]
    message = f"{file} has no resource {name!r}" if name else f"{file} has {len(choices)} resources: say which"
    raise UnknownResource(message, choices=tuple(choices), near=near(wanted, choices) if name else ())


def _sources(folders: Sequence[Path]) -> tuple[dict[str, Source], dict[str, CollectorError]]:
    sources: dict[str, Source] = {}
    broken: dict[str, CollectorError] = {}  # by the name that the source has unless its file says otherwise
    for path in (path for folder in folders for path in sorted(folder.glob("*.toml"))):
        try:
            source = load(path)
        except CollectorError as error:  # another source may be meant
            broken.setdefault(fitting(path.stem), error)
        else:
            sources.setdefault(source.name, source)
    return sources, broken


def _unknown(text: str, sources: Iterable[Source]) -> UnknownResource:
    choices = tuple(sorted(resource.address for source in sources for resource in source.resources))
    return UnknownResource(f"there is no resource {text!r}", choices=choices, near=near(text, choices))
