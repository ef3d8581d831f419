"""Reading documents leniently: what fits is taken, what does not is named with its path, and left out.

Unknown members pass, missing ones get their default. A value of a wrong type is taken away and told as a `Misfit`;
where what it belongs to needs it, that goes too, and at last the whole document.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec

from eventstore import JSON
from projector.subject import Misfit

D = TypeVar("D")

MISFITS: Final = 64  # of one document; one with more of them is of another kind

_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `(?P<where>\$.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")


def read(value: JSON, type_: type[D]) -> tuple[D | None, list[Misfit]]:
    """What a document says, as a type that msgspec converts to, and what of it does not fit.

    None where nothing is left that fits. The document stays as it is.
    """
    misfits: list[Misfit] = []
    while True:
        try:
            return msgspec.convert(value, type_), misfits
        except (msgspec.ValidationError, RecursionError) as error:
            misfit = _misfit(error)
        misfits.append(misfit)
        value = _without(value, misfit.path) if misfit.path != "$" and len(misfits) < MISFITS else msgspec.UNSET
        if value is msgspec.UNSET:
            return None, misfits


def _misfit(error: Exception) -> Misfit:
    found = _AT.fullmatch(str(error))
    if found is None or isinstance(error, RecursionError):
        return Misfit("is nested too deeply")
    return Misfit(found["what"], found["where"] or "$")


def _without(value: JSON, path: str) -> JSON:
    """The value without the member at a path, `UNSET` where that is all of it.

    Of an array with a wrong element all goes: without that element, the places of others would be told wrongly.
    """
    root = holder = [value]
    place: Any = 0
    last: tuple[dict[str, JSON], str] | None = None  # member on the way: what goes
    for step in _steps(path):
        inner = holder[place]
        if not _leads_on(inner, step):
            break  # the path is told less exactly than that: what is known of it goes
        holder[place] = inner = inner.copy()
        holder, place = inner, step
        if type(inner) is dict:
            last = inner, place
    if last is None:
        return msgspec.UNSET
    of, name = last
    del of[name]
    return root[0]


def _leads_on(value: JSON, step: str | int) -> bool:
    if type(value) is dict:
        return step in value
    return type(value) is list and type(step) is int and 0 <= step < len(value)


def _steps(path: str) -> list[str | int]:
    return [
        found["name"] if found["name"] is not None else int(found["index"]) if found["index"].isdecimal() else -1
        for found in _STEP.finditer(path)
    ]
