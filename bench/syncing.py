"""What a sync costs that brings nothing new: its time beside that of the bare HTTP client, and the room it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from bench.figures import Figure, Goal, Target, Unit
from bench.serving import LISTING, catalogue, path_of, serving, tag_of
from cli import logs
from collector import Source, load, sync_source
from eventstore import Record

MODELS: Final = 1000
CONCURRENCY: Final = 8
PAIRS: Final = 15
PAIRS_QUICK: Final = 5
RATIO: Final = 2.0
IDENTICAL_BYTES: Final = 60_000
NOT_MODIFIED_BYTES: Final = 2_000

_RULES: Final = """
[source]
name = "bench"
base_url = "{base_url}"
concurrency = {concurrency}

[[resource]]
name = "models"
category = "model"
path = "{listing}"
items = "/data"
key = "{{id}}"
every = "1h"

[[resource]]
name = "endpoints"
category = "endpoint"
for_each = "model"
path = "{endpoints}"
items = "/data/endpoints"
key = "{{model}}#{{tag}}"
every = "1h"
"""


def measured(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Sync a catalogue that stays as it is, again and again, with whole answers and with 304s."""
    pairs = PAIRS_QUICK if quick else PAIRS
    answers = catalogue(MODELS)
    whole: dict[str, dict[str, str]] = {path: {} for path in answers}
    tagged = {path: {"If-None-Match": tag_of(body)} for path, body in answers.items()}
    yield from _figures(folder / "whole", whole, pairs, what="the same answers", most=IDENTICAL_BYTES)
    yield from _figures(folder / "tagged", tagged, pairs, what="304", most=NOT_MODIFIED_BYTES)


def _figures(
    folder: Path, requests: Mapping[str, Mapping[str, str]], pairs: int, *, what: str, most: int
) -> Iterator[Figure]:
    folder.mkdir()
    section = f"sync of {len(requests):,}"
    with serving(MODELS, tags=any(requests.values())) as base_url:
        source, data = _source(folder, base_url), folder / "data"
        for _ in range(2):  # the first one brings everything, the second what is written once only
            _sync(source, data)
        before = _size(data)
        times = [(_sync(source, data), _bare(base_url, requests)) for _ in range(pairs)]
        grown = (_size(data) - before) / pairs
    ours, theirs = zip(*times, strict=True)
    yield Figure(section, what, Unit.TIME, ours, "httpx", theirs, Target(Goal.RATIO_AT_MOST, RATIO))
    yield Figure(section, f"{what}: growth", Unit.SIZE, [grown], target=Target(Goal.OURS_AT_MOST, most))


def _source(folder: Path, base_url: str) -> Source:
    file = folder / "bench.toml"
    endpoints = path_of("{model}")
    file.write_text(_RULES.format(base_url=base_url, concurrency=CONCURRENCY, listing=LISTING, endpoints=endpoints))
    return load(file)


def _sync(source: Source, data: Path) -> float:
    """Sync as `orlog sync` does, in this process; say how long it took."""
    start = time.perf_counter()
    data.mkdir(exist_ok=True)
    with logs.kept(data), Record.open(data, write=True) as record:
        synced = sync_source(record, source, now=lambda: datetime.now(UTC))
    took = time.perf_counter() - start
    assert synced is not None
    assert (synced.asked, synced.failed) == (MODELS + 1, 0)
    return took


def _bare(base_url: str, requests: Mapping[str, Mapping[str, str]]) -> float:
    """Ask for the same with nothing but the client, as many at once."""
    start = time.perf_counter()
    asyncio.run(_ask(base_url, requests))
    return time.perf_counter() - start


async def _ask(base_url: str, requests: Mapping[str, Mapping[str, str]]) -> None:
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    async with httpx.AsyncClient(base_url=base_url, limits=limits) as client:
        todo = iter(requests.items())

        async def work() -> None:
            for path, headers in todo:
                answer = await client.get(path, headers=headers)
                assert answer.status_code == (304 if headers else 200)

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


def _size(data: Path) -> int:
    return sum(file.stat().st_size for file in data.iterdir())
