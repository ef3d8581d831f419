"""How often a resource will be asked for, and for what."""

from __future__ import annotations

import math
from datetime import datetime

import msgspec

from collector.errors import BadRules
from collector.sources.slices import START
from collector.sources.source import Resource
from eventstore import JSON, Scope


class Parents(msgspec.Struct, frozen=True):
    """How many entities of a category are live, and one of them as an example: its key and its document."""

    count: int
    key: str | None = None
    document: JSON = None


def requests(resource: Resource, parents: Parents, *, now: datetime) -> tuple[int | None, int]:
    """Count the requests of a sync in the long run, and slices that have closed already; None where nobody knows."""
    combinations = math.prod(len(values) for values in resource.params.values())
    if resource.extraction.for_each is not None and not parents.count:
        return None, 0  # nobody knows yet how many there will be
    each = combinations * (parents.count if resource.extraction.for_each is not None else 1)
    if resource.slices is None:
        return each, 0
    keys = [parents.key or ""] if resource.extraction.for_each is not None else []
    slices = len(resource.scopes(keys, now)) * each // max(combinations, 1)
    return each, max(slices - each, 0)


def example_path(resource: Resource, parents: Parents, *, now: datetime) -> str | None:
    """Write what would be asked for, after the base URL; None where that cannot be said."""
    scope = example_scope(resource, parents, now=now)
    try:
        return None if scope is None else resource.request(dict(scope.params), parents.document)
    except BadRules:  # the one example has no value there; others may
        return None


def example_scope(resource: Resource, parents: Parents, *, now: datetime) -> Scope | None:
    """The newest scope that a resource would be asked for, or one of them; None where no parent is known."""
    if resource.extraction.for_each is not None and parents.key is None:
        return None
    params = {name: values[0] for name, values in resource.params.items()}
    if resource.extraction.for_each is not None and parents.key is not None:
        params[resource.extraction.for_each] = parents.key
    if resource.slices is not None:
        starts = resource.slices.windows(params, now)
        params[START] = str(starts[-1] if starts else resource.slices.since)
    return resource.scope(params)
