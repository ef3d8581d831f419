"""What a source file says, with what the record knows: how many entities there are, and what a saved answer holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from cli.failures import Failure
from cli.newsource import Problem

if TYPE_CHECKING:
    from collector import Parents, Resource, Source, SourceSaid
    from eventstore import Record

SHOWN: Final = 5  # keys, to see what they look like


class Extract(msgspec.Struct, frozen=True):
    """What a saved answer holds under a resource's rules: how many items, entities by category, the first few keys."""

    resource: str
    complete: bool
    count: int
    entities: dict[str, int]
    keys: tuple[str, ...]
    issues: tuple[Problem, ...]


class Checked(msgspec.Struct, frozen=True):
    """What a source file says, and what a saved answer holds, where one was given."""

    source: SourceSaid
    answer: Extract | None


def check(
    source: Source,
    live: Mapping[str, Parents],
    environ: Container[str],
    *,
    now: datetime,
    answer: tuple[Resource, bytes] | None,
) -> Checked:
    """Explain a source; `answer` is one of its resources, and the bytes of an answer to extract from."""
    from collector import explain

    said = explain(source, live, environ, now=now)
    return Checked(said, None if answer is None else extract(*answer, live, now=now))


def extract(resource: Resource, body: bytes, live: Mapping[str, Parents], *, now: datetime) -> Extract:
    """Extract from a saved answer, as that of the scope that serves as an example."""
    from collector import Body, Extractor, Parents, example_scope

    parent = resource.extraction.for_each
    known = live.get(parent or "", Parents(0))
    if parent is not None and known.key is None:
        known = Parents(0, key=parent)  # nobody knows whose answer it is: keys show where the parent's would stand
    scope = example_scope(resource, known, now=now) or resource.scope({})
    found = Extractor(resource.extraction).extract(scope, [Body(1, 200, body)])
    items = () if found.listing is None else found.listing.items
    return Extract(
        resource=resource.address,
        complete=found.listing is not None and found.listing.complete,
        count=len(items),
        entities=dict(Counter(category for item in items for category, _ in item.parts)),
        keys=tuple(item.key for item in items[:SHOWN]),
        issues=tuple(Problem(issue.code, issue.message) for issue in found.issues),
    )


def parents(record: Record, source: Source) -> dict[str, Parents]:
    """The live entities of the categories that resources of a source are asked for each of."""
    from collector import Parents
    from eventstore import UnknownCategory

    found: dict[str, Parents] = {}
    for category in {each.extraction.for_each for each in source.resources} - {None}:
        try:
            states = record.log.catalogue(f"{source.name}.{category}")
        except UnknownCategory:  # nothing of it was ever recorded
            continue
        key = next(iter(states), None)
        found[str(category)] = Parents(len(states), key, None if key is None else states[key].document)
    return found


def only(source: Source, name: str | None) -> Resource:
    """The resource of this name, or the only one. Raises `Failure`, and `UnknownResource`."""
    if name is not None:
        return source.resource(name)
    if len(source.resources) > 1:
        hint = f"one of: {', '.join(each.address for each in source.resources)}"
        raise Failure(f"{source.name} has {len(source.resources)} resources: say whose answer it is", hint=hint)
    return source.resources[0]


def saved(file: Path) -> bytes:
    """The bytes of a saved answer. Raises `Failure`."""
    try:
        return file.read_bytes()
    except OSError as error:
        hint = "name a file that holds an answer as it came"
        raise Failure(f"cannot read {file}: {error.strerror}", hint=hint) from None
