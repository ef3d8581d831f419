"""The world itself: what it holds at an instant, and what it says when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import unquote

import msgspec

from collector.world.dice import Dice
from collector.world.drift import wrapped
from collector.world.faults import Failure, Faults, Reply, spoilt
from collector.world.model import model
from collector.world.provider import providers
from collector.world.timeline import DAY, JSON

_ROOT: Final = ("", "api", "v1")
_NOT_FOUND: Final = b'{"error":{"message":"Not Found","code":404}}'
_MILLISECOND: Final = timedelta(milliseconds=1)


class World:
    """An API like OpenRouter's over time: a pure function of its arguments and the time it is asked at.

    Before `start` it is empty; after `days` only telemetry still changes, and requests still fail. `failures` is the
    rate, from 0 to 1, at which single requests fail; 0 makes it honest. Each ingredient occurs in a world of at least
    90 days and 21 models; smaller ones hold the same number of changes for each entity or fewer, closer together.

    Categories and keys: `model` by id, `endpoint` by `MODEL#TAG` (the second of two with one tag: `MODEL#TAG#2`),
    `provider` by slug. Times are aware datetimes; a naive one raises `TypeError`. Values handed out are shared: do
    not change them.
    """

    def __init__(self, seed: int, *, start: datetime, days: int = 90, models: int = 24, failures: float = 0.02) -> None:
        root = Dice(seed)
        span = days * DAY
        self.start = start
        self.end = start + timedelta(days=days)
        self._span = span
        self._dice = root.named("requests")
        self._faults = Faults(root.named("faults"), failures, span)
        began = int(start.timestamp())
        made = [model(root, index, began=began, span=span) for index in range(models)]
        # newest first, as the API lists them
        self._models = {each.part.id: each for each in sorted(made, key=lambda each: -each.track.at(0)["created"])}
        self._providers = providers(root, span)

    @property
    def models(self) -> tuple[str, ...]:
        """The ids of all models that are ever listed."""
        return tuple(self._models)

    def instants(self, every: timedelta) -> Iterator[datetime]:
        """The instants of a regular observer: `start`, then one every so often, before `end`."""
        return (self.start + every * count for count in range(-(-(self.end - self.start) // every)))

    def documents(self, category: str, t: datetime) -> dict[str, JSON]:
        """The truth at `t`: what honest listings of `category` show, key to whole item, in the order listed.

        `endpoint` takes those of all listed models together. The number of a twin is the one that an observer gives
        who saw its first before it. Raises `KeyError` for a category that is none of `model`, `endpoint`, `provider`.
        """
        views: dict[str, Callable[[int], dict[str, JSON]]] = {
            "model": self._model_items,
            "endpoint": self._endpoint_items,
            "provider": self._provider_items,
        }
        return views[category](self._ms(t))

    def answer(self, path: str, t: datetime) -> Reply:
        """What is answered to a request for `path` at `t`, failures included."""
        honest = self.honest_answer(path, t)
        failure = self.fails(path, t)
        return honest if failure is None else spoilt(failure, honest, self._dice.named(unquote(path), self._ms(t)))

    def honest_answer(self, path: str, t: datetime) -> Reply:
        """What is answered to a request for `path` at `t` when nothing goes wrong; 404 for what is not there."""
        value = self._value(path, self._ms(t))
        if value is None:
            return Reply(404, _NOT_FOUND)
        return Reply(200, _encoded(value))

    def fails(self, path: str, t: datetime) -> Failure | None:
        """How a request for `path` at `t` fails; None when it is answered honestly."""
        return self._faults.at(unquote(path), self._ms(t))

    def _ms(self, t: datetime) -> int:
        return (t - self.start) // _MILLISECOND

    def _value(self, path: str, ms: int) -> JSON | None:
        segments = tuple(unquote(segment) for segment in path.split("/"))
        if segments[:3] != _ROOT:
            return None
        match segments[3:]:
            case ("models",):
                return wrapped(list(self._model_items(ms).values()), self._span, ms)
            case ("providers",):
                return {"data": list(self._provider_items(ms).values())}
            case ("models", author, slug, "endpoints") if f"{author}/{slug}" in self._models:
                return self._models[f"{author}/{slug}"].listing(ms)
            case _:
                return None

    def _model_items(self, ms: int) -> dict[str, JSON]:
        return {key: each.item(ms) for key, each in self._models.items() if each.presence.at(ms)}

    def _endpoint_items(self, ms: int) -> dict[str, JSON]:
        return {
            f"{key}#{each.tag}" + (f"#{each.number}" if each.number > 1 else ""): each.item(ms)
            for key, owner in self._models.items()
            for each in owner.served(ms)
        }

    def _provider_items(self, ms: int) -> dict[str, JSON]:
        return {each.slug: each.track.at(ms) for each in self._providers if each.presence.at(ms)}


def _encoded(value: JSON) -> bytes:
    # members in the order they were set, as the API does: no canonical form
    return msgspec.json.encode(value)
