"""How a source file treats its host, in sentences."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import timedelta
from typing import Final

from collector.politeness import Manners
from collector.sources.headers import variables
from collector.sources.source import Source

DEFAULTS: Final = Manners()
"""What holds where a file says nothing."""


def manners(source: Source) -> Iterator[str]:
    """Say what the file says about its host."""
    if source.concurrency is not None:
        yield f"concurrency: {source.concurrency} requests in flight at most"
    if source.rate is not None:
        yield f"rate: {source.rate:.3g} requests a second at most"
    for name, what in (("timeout", "one try"), ("patience", "a request with its retries"), ("budget", "a sync")):
        length: timedelta | None = getattr(source, name)
        if length is not None:
            yield f"{name}: {what} takes {_lasting(length.total_seconds())} at most"
    if source.retries is not None:
        yield f"retries: {source.retries} after the first try"
    if source.max_bytes is not None:
        yield f"max_bytes: an answer has {source.max_bytes} bytes at most"
    if source.headers:
        yield f"headers: each request has {', '.join(source.headers)}"


def unset(source: Source) -> Iterator[str]:
    """Say what holds where the file says nothing."""
    if source.concurrency is None:
        yield f"concurrency: {DEFAULTS.concurrency} requests in flight"
    if source.rate is None:
        yield "rate: as fast as answers come"
    for name in ("timeout", "patience", "budget"):
        if getattr(source, name) is None:
            yield f"{name}: {_lasting(getattr(DEFAULTS, name))}"
    if source.retries is None:
        yield f"retries: {DEFAULTS.retries}"
    if source.max_bytes is None:
        yield f"max_bytes: an answer has {DEFAULTS.max_bytes} bytes at most"


def warnings(source: Source, environ: Container[str]) -> Iterator[str]:
    """Say what will hinder asking; `environ` are names of variables that are set."""
    if source.base_url is None:
        yield "without base_url nothing can be asked: the file is for imports only"
    needed = list(dict.fromkeys(name for value in source.headers.values() for name in variables(value)))
    yield from (f"the environment's variable {name} is not set" for name in needed if name not in environ)
    if needed and source.base_url is not None and source.base_url.startswith("http://"):
        yield "base_url is http: what the headers hold can be read on the way"


def _lasting(seconds: float) -> str:
    """A length of time in the largest unit that it is a whole number of, as source files write it: `30m`."""
    for name, unit in (("h", 3600), ("m", 60)):
        if seconds and seconds % unit == 0:
            return f"{seconds / unit:g}{name}"
    return f"{seconds:g}s"
