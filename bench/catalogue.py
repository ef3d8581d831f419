"""A record whose entities change a few at a time, each hour, as a catalogue of models does."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from collector import World, shipped
from eventstore import Cause, Document, Entity, Item, Listing, Record, Request, Rules, Scope

MODELS = 400
ENDPOINTS_EACH = 5
EVERY = timedelta(hours=1)

_SOURCE = "openrouter"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_RULES = Rules(hashlib.sha256(b"{}").hexdigest(), "{}")
_UPTIME = "uptime_last_30m"


class Catalogued:
    """A record that is open for writing, all that stands in it, and when its next sync is to be."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._draw = random.Random(MODELS)
        self._at = (record.log.position().observed_at or _START) + EVERY
        self._listed: dict[Scope, dict[str, dict[str, Document]]] = {}
        self._parents: dict[Scope, Entity] = {}
        for each in record.log.categories():
            for state in record.log.catalogue(f"{each.source}.{each.name}").values():
                self._put(state.scope, state.entity.key, each.name, Document.of(state.document))
                if state.parent is not None:
                    self._parents[state.scope] = Entity(each.source, "model", state.parent)

    def _put(self, scope: Scope, key: str, category: str, document: Document) -> None:
        self._listed.setdefault(scope, {}).setdefault(key, {})[category] = document

    def begin(self, models: Mapping[str, Mapping[str, Any]], endpoints: Mapping[str, Mapping[str, Any]]) -> None:
        """Record the first sync: models, and endpoints (`MODEL#TAG`) each in the listing of its model."""
        split = {each.name: each.extraction.split for each in shipped()[_SOURCE].resources}
        for key, document in models.items():
            for category, part in _parts("model", document, split["models"]):
                self._put(Scope(_SOURCE, "models"), key, category, part)
        for key, document in endpoints.items():
            model = key.partition("#")[0]
            scope = Scope.of(_SOURCE, "endpoints", {"model": model})
            self._parents[scope] = Entity(_SOURCE, "model", model)
            for category, part in _parts("endpoint", document, split["endpoints"]):
                self._put(scope, key, category, part)
        self._sync()

    def change(self, count: int) -> None:
        """Record a sync in which everything is listed, and so many entities are not what they were."""
        places = [
            (listed, key, category)
            for listed in self._listed.values()
            for key, parts in listed.items()
            for category, document in parts.items()
            if {"pricing", _UPTIME} & document.value.keys()
        ]
        for listed, key, category in self._draw.sample(places, count):
            listed[key][category] = Document.of(self._changed(listed[key][category].value))
        self._sync()

    def _changed(self, document: dict[str, Any]) -> dict[str, Any]:
        if "pricing" in document:
            return document | {"pricing": document["pricing"] | {"prompt": f"0.{self._draw.randrange(10**9):09}"}}
        return document | {_UPTIME: self._draw.random() * 100}

    def _sync(self) -> None:
        self._at += EVERY
        rules = {f"{scope.source}.{scope.resource}": _RULES for scope in self._listed}
        with self.record.transaction():
            sync = self.record.archive.open_sync(Cause.SYNC, opened_at=self._at, rules=rules)
            attempts = self.record.archive.add(sync, [Request(each, self._at, self._at, 200) for each in self._listed])
            self.record.archive.close_sync(sync, at=self._at)
            listings = [
                self._listing(scope, listed, attempt)
                for (scope, listed), attempt in zip(self._listed.items(), attempts, strict=True)
            ]
            self.record.log.record(sync, listings)

    def _listing(self, scope: Scope, listed: dict[str, dict[str, Document]], attempt: int) -> Listing:
        categories = tuple(sorted({category for parts in listed.values() for category in parts}, key=len))
        items = tuple(Item(key, tuple(sorted(parts.items(), key=_length))) for key, parts in listed.items())
        return Listing(scope, categories, attempt, complete=True, items=items, parent=self._parents.get(scope))


def _length(part: tuple[str, Document]) -> int:
    """The category that a resource is named for is the shortest: others are split off from it."""
    return len(part[0])


def _parts(
    category: str, document: Mapping[str, Any], split: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, Document]]:
    whole = dict(document)
    for name, pointers in split.items():
        yield name, Document.of({each[1:]: whole.pop(each[1:]) for each in pointers if each[1:] in whole})
    yield category, Document.of(whole)


def lay_down(data: Path) -> None:
    """Record one sync of 400 models with five endpoints each, as the generated world shows them."""
    world = World(1, start=_START, days=30, models=MODELS + MODELS // 4)  # some come later, others have gone
    models = dict(islice(world.documents("model", _START + EVERY).items(), MODELS))
    shown: dict[str, list[dict[str, Any]]] = {}
    for key, document in world.documents("endpoint", _START + EVERY).items():
        shown.setdefault(key.partition("#")[0], []).append(document)
    served = [model for model in models if model in shown]
    endpoints = {
        f"{model}#{number}": shown.get(model, shown[served[0]])[number % len(shown.get(model, shown[served[0]]))]
        for model in models
        for number in range(ENDPOINTS_EACH)
    }
    with Record.open(data, write=True) as record:
        Catalogued(record).begin(models, endpoints)
