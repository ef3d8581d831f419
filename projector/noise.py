"""What of a change is noise: a policy for each category says it, and it is taken out of both documents.

The log keeps every change; that the order of an array says nothing is an interpretation, and can be another tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from eventstore import JSON, NotAPointer, resolve
from projector.columns import encoded
from projector.errors import BadProjection

ANY: Final = "*"  # in place of a name in a pointer: every member, or every element


class Noise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What does not count in a category's documents, by JSON Pointers, in which `*` stands for every member or element.

    `ignore` is left out ("" is all of a document); `sets` are arrays whose order says nothing; `keyed` are arrays of
    objects, each told by a field of theirs, so that `/endpoints/a/price` is the price of the one whose field says "a".
    """

    ignore: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    keyed: dict[str, str] = {}


NONE: Final = Noise()
SILENT: Final = Noise(ignore=("",))

_LISTS: Final = ("/supported_parameters", "/architecture/input_modalities", "/architecture/output_modalities")

SHIPPED: Final[Mapping[str, Noise]] = {
    "openrouter.model": Noise(sets=_LISTS),
    "openrouter.model_benchmarks": SILENT,
    "openrouter.endpoint": Noise(sets=_LISTS[:1]),
    "openrouter.endpoint_telemetry": SILENT,
    "openrouter-frontend.model": Noise(sets=("/input_modalities", "/output_modalities")),
    "openrouter-frontend.endpoint": Noise(sets=_LISTS[:1]),
    "openrouter-frontend.endpoint_telemetry": SILENT,
    "openrouter-frontend.endpoint_uptime": SILENT,
    "openrouter-frontend.app_usage": SILENT,
    "openrouter-frontend.author_stats": SILENT,
    "openrouter-frontend.analytics": SILENT,
    "binance.klines": SILENT,
}
"""What is noise in the sources that come with orlog: what changes with every sync, and arrays that are shuffled."""


def check(category: str, noise: Noise) -> None:
    """Raise `BadProjection` where a pointer is none."""
    for pointer in (*noise.ignore, *noise.sets, *noise.keyed):
        try:
            resolve(None, pointer)
        except NotAPointer as error:
            raise BadProjection(f"noise of {category}: {error}", hint=error.hint) from None


def without_noise(document: JSON, noise: Noise) -> JSON:
    """A document as it is to be compared; it stays as it is, and the two share what is the same."""
    if "" in noise.ignore:
        return None
    for pointer in noise.ignore:
        document = _changed(document, _tokens(pointer), lambda _: msgspec.UNSET)
    for pointer in noise.sets:
        document = _changed(document, _tokens(pointer), _as_set)
    for pointer, field in noise.keyed.items():
        document = _changed(document, _tokens(pointer), lambda value, field=field: _by(value, field))  # type: ignore[misc]
    return document


def _tokens(pointer: str) -> list[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _changed(value: JSON, tokens: list[str], change: Callable[[JSON], JSON]) -> JSON:
    """The value with another one at a place, or without it where `change` says `UNSET`."""
    if not tokens:
        return change(value)
    token, rest = tokens[0], tokens[1:]
    if type(value) is dict:
        names = list(value) if token == ANY else [token] if token in value else []
        made = {name: _changed(value[name], rest, change) for name in names}
        return {name: each for name, each in {**value, **made}.items() if each is not msgspec.UNSET} if made else value
    if type(value) is list and (token == ANY or token.isdecimal()):
        return [
            each
            for place, element in enumerate(value)
            if (each := _changed(element, rest, change) if token in {ANY, str(place)} else element) is not msgspec.UNSET
        ]
    return value


def _as_set(value: JSON) -> JSON:
    if type(value) is not list:
        return value
    if all(type(each) is str for each in value):
        return sorted(set(value))
    return [each for _, each in sorted({encoded(each): each for each in value}.items())]


def _by(value: JSON, field: str) -> JSON:
    """An array of objects as an object keyed by a field of theirs; as it is, where that does not tell them apart."""
    if type(value) is not list or not all(type(each) is dict and type(each.get(field)) in {str, int} for each in value):
        return value
    found = {str(each[field]): each for each in value}
    return found if len(found) == len(value) else value
