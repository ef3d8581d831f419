"""Schema drift: what the API's makers change for the whole catalogue at once, at fixed parts of the world's span."""

from __future__ import annotations

from typing import Final

from collector.world.timeline import JSON, Step, setting

_DEFAULTS_AT: Final = 20  # per cent of the span, as all of these
_PAGES_AT: Final = 35
_LINKS_AT: Final = 50
_ZEROES_AT: Final = 65
_BENCHMARKS_AT: Final = 80

_DEFAULTS: Final = {"temperature": None, "top_p": None, "frequency_penalty": None}


def model_drift(span: int) -> list[Step]:
    """What happens to every model: two new fields, and prices of nothing left out."""
    return [
        Step(span * _DEFAULTS_AT // 100, setting("default_parameters", _DEFAULTS)),
        Step(span * _LINKS_AT // 100, _link),
        Step(span * _ZEROES_AT // 100, _without_zeroes),
    ]


def endpoint_drift(span: int) -> list[Step]:
    """What happens to every endpoint: a new field, and a discount that turns from `0` to `0.0`.

    The last is hostile on purpose: the two are equal to Python and different documents.
    """
    return [
        Step(span * _DEFAULTS_AT // 100, setting("supports_implicit_caching", value=False)),
        Step(span * _ZEROES_AT // 100, _discount_as_float),
    ]


def has_benchmarks(span: int, ms: int) -> bool:
    """Whether models carry `benchmarks` at `ms`: the last field to come, and one that hardly ever stands still."""
    return ms >= span * _BENCHMARKS_AT // 100


def wrapped(items: list[JSON], span: int, ms: int) -> dict[str, JSON]:
    """The models' whole answer at `ms`: `data`, later with `total_count` and `links` beside it."""
    answer: dict[str, JSON] = {"data": items}
    if ms >= span * _PAGES_AT // 100:
        answer |= {"total_count": len(items), "links": {"next": None}}
    return answer


def _link(document: dict[str, JSON]) -> dict[str, JSON]:
    return {**document, "links": {"details": f"/api/v1/models/{document['id']}/endpoints"}}


def _without_zeroes(document: dict[str, JSON]) -> dict[str, JSON]:
    named = ("prompt", "completion")
    kept = {name: value for name, value in document["pricing"].items() if value != "0" or name in named}
    return {**document, "pricing": kept}


def _discount_as_float(document: dict[str, JSON]) -> dict[str, JSON]:
    return {**document, "pricing": {**document["pricing"], "discount": 0.0}}
