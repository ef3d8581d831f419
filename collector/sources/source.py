"""Source files: which APIs there are, what to ask them, and how their answers are read.

A source file is TOML. Five lines make one: [[resource]], name, category, items, key.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from collector.errors import BadRules, UnknownResource
from collector.sources.pages import next_path
from collector.sources.paths import plain_key, request_path
from collector.sources.rules import Extraction, Format
from collector.sources.slices import END, START, Slices, started
from collector.wording import near
from eventstore import JSON, Scope

__all__ = ["Extraction", "Format", "Resource", "Source"]


class Resource(msgspec.Struct, frozen=True):
    """One kind of request of a source, with its rules.

    `path` is a template of what to ask for, `params` has the values of which every combination is asked for, `every`
    says how often. `next_param` is the query's parameter that takes what stands at `next`, None where that is a link.
    `since` is when the first of its slices begins (milliseconds since 1970). All are for asking live; offline a
    resource is its name and its rules.
    """

    source: str
    name: str
    extraction: Extraction
    path: str | None = None
    params: dict[str, tuple[str, ...]] = {}
    every: timedelta | None = None
    next_param: str | None = None
    since: int | None = None

    @property
    def address(self) -> str:
        """`SOURCE.RESOURCE`."""
        return f"{self.source}.{self.name}"

    def scope(self, params: Mapping[str, str]) -> Scope:
        """Name the scope of a request with these parameters."""
        return Scope.of(self.source, self.name, params)

    @property
    def slices(self) -> Slices | None:
        """Its slices, None where it is not asked for in slices."""
        steps = self.extraction.slices
        return None if steps is None or self.since is None else Slices(steps.step, steps.rows, steps.time, self.since)

    def scopes(self, parents: Iterable[str] = (), now: datetime | None = None) -> tuple[Scope, ...]:
        """List the scopes to ask for: every combination of `params`, with `for_each` for each of the parents' keys.

        Of a resource with slices each of these for every slice that has begun at `now` (aware), oldest first.
        """
        if self.extraction.slices is None:
            return tuple(self.scope(params) for params in self.combinations(parents))
        return tuple(scope for params in self.combinations(parents) for scope in self._sliced(params, now))

    def combinations(self, parents: Iterable[str] = ()) -> Iterator[dict[str, str]]:
        """Give every combination of `params`, with `for_each` for each of the parents' keys; slices aside."""
        choices = {name: tuple(values) for name, values in self.params.items()}
        if self.extraction.for_each is not None:
            choices[self.extraction.for_each] = tuple(parents)
        return (dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))

    def _sliced(self, params: Mapping[str, str], now: datetime | None) -> Iterator[Scope]:
        slices = self.slices
        if slices is None or now is None:
            return
        # sorted once and not for each of what may be 200 000 slices
        names = sorted({*params, START})
        before = tuple((name, params[name]) for name in names if name < START)
        after = tuple((name, params[name]) for name in names if name > START)
        for start in slices.windows(params, now):
            yield Scope(self.source, self.name, (*before, (START, str(start)), *after))

    def request(self, params: Mapping[str, str], parent: JSON = None) -> str:
        """Write what to ask for (path and query, what comes after `base_url`) for the scope that `params` name.

        `parent` is the document of the entity that `for_each` names. Raises `BadRules` where a value is missing, or
        leads elsewhere.
        """
        if self.path is None:
            raise BadRules(f"{self.address} has none", field="path")
        parent_of = self.extraction.for_each
        values = {name: plain_key(value) if name == parent_of else value for name, value in params.items()}
        if self.extraction.slices is not None and START in params:
            values[END] = str(self.extraction.slices.end(params, started(params[START])))
        return request_path(self.path, values, parent)

    def following(self, path_asked: str, value: JSON, base_url: str) -> str | None:
        """What to ask for after the page of `path_asked`, at whose `next` stands `value`; None after the last page.

        Raises `BadRules` where that is neither a link within `base_url` nor, with `next_param`, a string or an integer.
        """
        return next_path(path_asked, value, base_url, param=self.next_param)


class Source(msgspec.Struct, frozen=True):
    """A configured API.

    `concurrency` is in requests in flight, `rate` in requests per second to its host, `timeout` for one try, `patience`
    for a request with its `retries`, `budget` for a sync; `max_bytes` is what an answer may hold. None: not said.
    `headers` as they are written: see `collector.sources.headers.filled`.
    """

    name: str
    resources: tuple[Resource, ...]
    base_url: str | None = None
    concurrency: int | None = None
    rate: float | None = None
    headers: dict[str, str] = {}
    timeout: timedelta | None = None
    patience: timedelta | None = None
    budget: timedelta | None = None
    retries: int | None = None
    max_bytes: int | None = None

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
