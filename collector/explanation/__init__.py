"""What a source file says, in sentences: what will be asked, how often, how answers are read. Pure."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.explanation import host, load, reads
from collector.explanation.load import Parents, example_scope
from collector.sources.source import Resource, Source
from collector.sources.template import From, Template

__all__ = ["Parents", "ResourceSaid", "SourceSaid", "example_scope", "explain"]

_DAY: Final = timedelta(days=1)


class ResourceSaid(msgspec.Struct, frozen=True):
    """What a file says about one resource.

    `asks` is the URL with its places, `example` one that would be asked for. A sync makes `requests`, once for each
    entity of `each_of` (None: it is asked once); together `per_day`. Either is None where that cannot be said. `first`
    counts closed slices, which are asked for once. `every` is in seconds. `reads` says how answers are read, `unset`
    what the file does not say and what holds then.
    """

    resource: str
    category: str
    asks: str | None
    example: str | None
    each_of: str | None
    requests: int | None
    first: int
    every: int | None
    per_day: int | None
    reads: tuple[str, ...]
    unset: tuple[str, ...]
    warnings: tuple[str, ...]


class SourceSaid(msgspec.Struct, frozen=True):
    """What a source file says. `manners` and `unset` are about how its host is treated."""

    name: str
    base_url: str | None
    manners: tuple[str, ...]
    unset: tuple[str, ...]
    warnings: tuple[str, ...]
    resources: tuple[ResourceSaid, ...]


def explain(source: Source, live: Mapping[str, Parents], environ: Container[str], *, now: datetime) -> SourceSaid:
    """Explain a source. `live` has the entities that its categories have now, by category.

    `environ` are the names of variables that are set.
    """
    return SourceSaid(
        name=source.name,
        base_url=source.base_url,
        manners=tuple(host.manners(source)),
        unset=tuple(host.unset(source)),
        warnings=tuple(host.warnings(source, environ)),
        resources=tuple(_said(source, resource, live, now) for resource in source.resources),
    )


def _said(source: Source, resource: Resource, live: Mapping[str, Parents], now: datetime) -> ResourceSaid:
    parents = live.get(resource.extraction.for_each or "", Parents(0))
    asked = source.base_url is not None and resource.path is not None
    requests, first = load.requests(resource, parents, now=now) if asked else (None, 0)
    path = load.example_path(resource, parents, now=now) if asked else None
    per_day = None if requests is None or resource.every is None else math.ceil(requests * (_DAY / resource.every))
    return ResourceSaid(
        resource=resource.address,
        category=resource.extraction.category,
        asks=f"{source.base_url}{resource.path}" if asked else None,
        example=None if path is None else f"{source.base_url}{path}",
        each_of=resource.extraction.for_each,
        requests=requests,
        first=first,
        every=None if resource.every is None else int(resource.every.total_seconds()),
        per_day=per_day,
        reads=tuple(reads.reads(resource)),
        unset=tuple(reads.unset(resource)),
        warnings=tuple(_warnings(source, resource, requests)),
    )


def _warnings(source: Source, resource: Resource, requests: int | None) -> Iterator[str]:
    rules = resource.extraction
    if resource.path is None:
        yield "no path: it is never asked, and only imported"
    elif resource.every is None:
        yield "no every: `orlog run` and `orlog sync --due` never ask for it"
    if rules.for_each is not None and source.rate is None:
        yield f"no rate: it is asked for once for each {rules.for_each}, as fast as answers come"
    yield from _slow(source, resource, requests)
    given = [*resource.params, *([] if rules.for_each is None else [rules.for_each])]
    named = {place.path[0] for place in Template.parse(rules.key).placeholders if place.source is From.NAME}
    for name in given:
        if name not in named and (name == rules.for_each or len(resource.params[name]) > 1):
            yield f"the key does not name {{{name}}}: items of two of them must never have the same key"


def _slow(source: Source, resource: Resource, requests: int | None) -> Iterator[str]:
    if source.rate is None or requests is None:
        return
    takes = requests / source.rate
    budget = host.DEFAULTS.budget if source.budget is None else source.budget.total_seconds()
    if takes > budget:
        yield f"{requests} requests take {takes:.0f} s at this rate, more than the budget of a sync: {budget:.0f} s"
    elif resource.every is not None and takes > resource.every.total_seconds():
        yield f"{requests} requests take {takes:.0f} s at this rate, which is longer than every"
