"""What the files of a data directory grow by in a sync that brings nothing new; `make bench` measures a thousand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Final

import pytest

from cli import logs
from collector import Answer, Source, load, sync_source
from eventstore import Record

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
MODELS: Final = 250
SYNCS: Final = 12
WARM_UP: Final = 2  # the first brings everything, the second what is written once only
PER_REQUEST: Final = 60  # bytes where the same answer comes again: 60 KB of a thousand
NOT_MODIFIED: Final = 2000  # bytes of a sync, however many requests it makes
RULES: Final = """
[source]
name = "api"
base_url = "https://api.example"

[[resource]]
name = "models"
category = "model"
path = "/models"
items = ""
key = "{id}"

[[resource]]
name = "endpoints"
category = "endpoint"
for_each = "model"
path = "/models/{model}"
items = ""
key = "{model}#{tag}"
"""


class Still:
    """A server of which nothing changes; with `tags` it says so."""

    def __init__(self, now: datetime, *, tags: bool) -> None:
        self.now = now
        self.tags = tags

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        listed = path == "/models"
        items = [{"id": f"author/{n}"} for n in range(MODELS)] if listed else [{"tag": n, "of": path} for n in range(3)]
        body = json.dumps(items).encode()
        headers = {"Date": format_datetime(self.now, usegmt=True), "Content-Type": "application/json"}
        if self.tags:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()}"'
            if validators.get("If-None-Match") == headers["ETag"]:
                return Answer(params, 304, None, headers=headers)
        return Answer(params, 200, body, headers=headers)

    async def aclose(self) -> None:
        pass


def sync(data: Path, source: Source, number: int, *, tags: bool) -> None:
    """Sync as `orlog sync` does, an hour after the one before; each request takes some milliseconds."""
    clock = START + timedelta(hours=number)
    ticks = iter(range(10**6))
    data.mkdir(exist_ok=True)
    with logs.kept(data), Record.open(data, write=True) as record:
        synced = sync_source(
            record,
            source,
            now=lambda: clock + next(ticks) * timedelta(milliseconds=7),
            transport=Still(clock, tags=tags),
        )
    assert synced is not None
    assert (synced.asked, synced.failed) == (MODELS + 1, 0)
    assert synced.recorded is not None
    assert (synced.recorded.appeared > 0) == (number == 0)
    assert sum(each.unchanged for each in synced.report.resources.values()) == (MODELS + 1 if tags and number else 0)


@pytest.mark.parametrize("tags, most", [(False, PER_REQUEST * (MODELS + 1)), (True, NOT_MODIFIED)])
def test_a_sync_that_brings_nothing_new_takes_little_room(tmp_path: Path, tags: bool, most: int) -> None:  # noqa: FBT001
    (tmp_path / "api.toml").write_text(RULES)
    source = load(tmp_path / "api.toml")
    data = tmp_path / "data"
    for number in range(WARM_UP):
        sync(data, source, number, tags=tags)
    before = size(data)
    for number in range(WARM_UP, WARM_UP + SYNCS):
        sync(data, source, number, tags=tags)
    grown = (size(data) - before) / SYNCS
    assert 0 < grown < most
    assert (data / logs.FILE).stat().st_size > 0


def size(data: Path) -> int:
    return sum(file.stat().st_size for file in data.iterdir())
