"""Source files: which APIs there are, what to ask them, and how their answers are read.

A source file is TOML. Five lines make one: [[resource]], name, category, items, key.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from collector.errors import UnknownResource
from collector.rules import Extraction, Format
from collector.wording import near
from eventstore import Scope

__all__ = ["Extraction", "Format", "Resource", "Source"]


class Resource(msgspec.Struct, frozen=True):
    """One kind of request of a source, with its rules.

    `path` is a template of what to ask for, `params` has the values of which every combination is asked for, `every`
    says how often. All three are for asking live; offline a resource is its name and its rules.
    """

    source: str
    name: str
    extraction: Extraction
    path: str | None = None
    params: dict[str, tuple[str, ...]] = {}
    every: timedelta | None = None

    @property
    def address(self) -> str:
        """`SOURCE.RESOURCE`."""
        return f"{self.source}.{self.name}"

    def scope(self, params: Mapping[str, str]) -> Scope:
        """Name the scope of a request with these parameters."""
        return Scope.of(self.source, self.name, params)

    def scopes(self, parents: Iterable[str] = ()) -> tuple[Scope, ...]:
        """List the scopes to ask for: every combination of `params`, with `for_each` for each of the parents' keys."""
        choices = {name: tuple(values) for name, values in self.params.items()}
        if self.extraction.for_each is not None:
            choices[self.extraction.for_each] = tuple(parents)
        combinations = itertools.product(*choices.values())
        return tuple(self.scope(dict(zip(choices, values, strict=True))) for values in combinations)


class Source(msgspec.Struct, frozen=True):
    """A configured API. `concurrency` is in requests in flight, `rate` in requests per second to its host."""

    name: str
    resources: tuple[Resource, ...]
    base_url: str | None = None
    concurrency: int | None = None
    rate: float | None = None
    headers: dict[str, str] = {}

    def resource(self, name: str) -> Resource:
        """Find a resource by name. Raises `UnknownResource`."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        names = [resource.name for resource in self.resources]
        raise UnknownResource(
            f"{self.name} has no resource {name!r}",
            choices=tuple(f"{self.name}.{known}" for known in names),
            near=tuple(f"{self.name}.{known}" for known in near(name, names)),
        )
