"""`prices`: what a model or endpoint costs, by kind of price, with the time for which it cost that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from eventstore import JSON
from projector.projection import periods
from projector.subject import Misfit, Subject

VARIES: Final = Decimal(-1)  # what OpenRouter says where the price depends on what is routed to
MILLION: Final = 1_000_000  # tokens: what prices are compared by
NO_PRICES: Final = frozenset({"discount", "type"})  # members beside prices: a share of them, a tier's own kind
THRESHOLDS: Final = ("threshold", "min_prompt_tokens", "min_tokens", "min_context", "from_tokens")
DIGITS: Final = 60  # of a price written out; one of a longer exponent is no price

_DECIMAL: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,2})?", re.ASCII)


class Priced(msgspec.Struct):
    """What is read of a document with prices."""

    pricing: dict[str, JSON] | None = None
    variable_pricings: list[JSON] | None = None
    provider_name: str | None = None
    model_id: str | None = None


class Price(msgspec.Struct, frozen=True):
    """One price: of a model (then `model` is its own key) or of an endpoint.

    `kind` is the API's own word (`prompt`, `completion`, `input_cache_read`, …), `from_tokens` how large a prompt is
    from which on it holds, 0 for the usual one. `price` is dollars a token (an image, a request) with exactly the
    digits that were said, `per_million` the same for a million as a number, rounded to a double. Both are null where it
    varies.
    """

    model: str
    provider: str | None
    kind: str
    from_tokens: int
    price: Decimal | None
    per_million: float | None
    varies: bool


@periods(
    "prices",
    version=1,
    reads=("model", "endpoint"),
    document=Priced,
    row=Price,
    key=("kind", "from_tokens"),
    # none begins with the kind: SQLite would take it for the prices of one entity, and go through all of that kind
    indexes=[("model", "kind", "valid_from"), ("valid_from",), ("valid_to",)],
)
def prices(subject: Subject, priced: Priced) -> Iterator[Price | Misfit]:
    """Each price of a document, and the tiers that say from how large a prompt on another one holds."""
    model = subject.key if subject.category == "model" else subject.parent or priced.model_id or subject.key
    for said in _said(priced):
        if isinstance(said, Misfit):
            yield said
        else:
            varies = said.price == VARIES
            price = None if varies else said.price
            per_million = None if price is None else float(price * MILLION)
            yield Price(model, priced.provider_name, said.kind, said.from_tokens, price, per_million, varies)


class _Said(NamedTuple):
    kind: str
    from_tokens: int
    price: Decimal


def _said(priced: Priced) -> Iterator[_Said | Misfit]:
    for kind, value in (priced.pricing or {}).items():
        if type(value) is list:
            yield from _tiers(value, f"$.pricing.{kind}", kind)
        elif kind not in NO_PRICES:
            yield from _one(kind, 0, value, f"$.pricing.{kind}")
    yield from _tiers(priced.variable_pricings or [], "$.variable_pricings")


def _tiers(tiers: list[JSON], path: str, only: str | None = None) -> Iterator[_Said | Misfit]:
    for place, tier in enumerate(tiers):
        here = f"{path}[{place}]"
        if type(tier) is not dict:
            yield Misfit(f"Expected `object`, got `{_type(tier)}`", here)
            continue
        named = next((name for name in THRESHOLDS if type(tier.get(name)) is int and tier[name] > 0), None)
        if named is None:
            yield Misfit("a tier of prices without the size of a prompt that it begins at", here)
            continue
        for kind, value in tier.items():
            if kind not in NO_PRICES and kind not in THRESHOLDS and type(value) is not list:
                name = only if only is not None and kind in {"price", "value"} else kind
                yield from _one(name, tier[named], value, f"{here}.{kind}")


def _one(kind: str, from_tokens: int, value: JSON, path: str) -> Iterator[_Said | Misfit]:
    if value is None:
        return
    price = _decimal(value)
    if price is None:
        yield Misfit(f"Expected a decimal number, got `{_shown(value)}`", path)
    elif price < 0 and price != VARIES:
        yield Misfit("a price below zero that is not -1", path)
    else:
        yield _Said(kind, from_tokens, price)


def _decimal(value: JSON) -> Decimal | None:
    """A price with exactly the digits that were said, without an exponent or trailing zeros; None for anything else."""
    text = value if type(value) is str else repr(value) if type(value) in {int, float} else ""
    if not _DECIMAL.fullmatch(text):
        return None
    price = Decimal(text)
    digits = f"{price:f}"
    if len(digits) > DIGITS:
        return None
    return Decimal(digits.rstrip("0").rstrip(".") or "0") if "." in digits else Decimal(digits)


def _type(value: JSON) -> str:
    names = {dict: "object", list: "array", str: "str", int: "int", float: "float", bool: "bool", type(None): "null"}
    return names[type(value)]


def _shown(value: JSON) -> str:
    return value[:40] if type(value) is str else _type(value)
