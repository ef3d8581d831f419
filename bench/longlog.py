"""A generated log of any length with ever the same live entities."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eventstore import Cause, Document, Item, Listing, Record, Request, Rules, Scope

LIVE = 100
CHANGES = 3  # in each sync, on average: some entities change often, a tenth of them never
CHANGES_MORE = 0.3  # of changes: two fields instead of one
INCOMPLETE_EVERY = 50  # syncs: listings that confirm only what they show
TRANSACTION = 1000  # syncs
EVERY = timedelta(hours=1)
SOURCE = "made"
RESOURCE = "things"
CATEGORY = "thing"
KEY = "thing-{}"
_SCOPE = Scope(SOURCE, RESOURCE)
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_RULES = Rules(hashlib.sha256(b"{}").hexdigest(), "{}")


def lay_down(data: Path, syncs: int, *, live: int = LIVE) -> None:
    """Record so many syncs, straight through the library; no answers are archived, only that they came."""
    listings = _listings(random.Random(live), live)
    with Record.open(data, write=True) as record:
        for start in range(0, syncs, TRANSACTION):
            with record.transaction():
                for number in range(start, min(start + TRANSACTION, syncs)):
                    _record(record, number, next(listings))


def time_of(sync: int) -> datetime:
    """When a sync was, counted from 0."""
    return _FIRST + sync * EVERY


def _record(record: Record, number: int, items: tuple[Item, ...]) -> None:
    at = time_of(number)
    sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules={f"{SOURCE}.{RESOURCE}": _RULES})
    attempt = record.archive.add(sync, [Request(_SCOPE, at, at, 200)])[0]
    record.archive.close_sync(sync, at=at)
    complete = number % INCOMPLETE_EVERY != INCOMPLETE_EVERY - 1
    record.log.record(sync, [Listing(_SCOPE, (CATEGORY,), attempt, complete, items)])


def _listings(draw: random.Random, live: int) -> Iterator[tuple[Item, ...]]:
    documents = [_document(number, draw) for number in range(live)]
    items = [_item(document) for document in documents]
    while True:
        yield tuple(items)
        for _ in range(CHANGES):
            number = int(live * 0.9 * draw.random() ** 2)
            _change(documents[number], draw)
            items[number] = _item(documents[number])


def _document(number: int, draw: random.Random) -> dict[str, Any]:
    """About a kilobyte."""
    return {
        "id": KEY.format(number),
        "name": f"Thing {number}",
        "description": " ".join(f"{draw.getrandbits(32):x}" for _ in range(80)),
        "context_length": 8192,
        "pricing": {"prompt": "0.000001", "completion": "0.000002", "image": "0"},
        "supported_parameters": ["temperature", "top_p", "stop", "seed"],
        "created": number,
        "limits": None,
    }


def _change(document: dict[str, Any], draw: random.Random) -> None:
    document["pricing"] = document["pricing"] | {"prompt": f"0.{draw.randrange(10**6):06}"}
    if draw.random() < CHANGES_MORE:
        document["context_length"] = draw.randrange(2**20)


def _item(document: dict[str, Any]) -> Item:
    return Item(document["id"], ((CATEGORY, Document.of(document)),))
