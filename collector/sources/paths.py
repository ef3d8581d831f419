"""Request paths: templates whose values are percent-encoded, so that no value leads anywhere else."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from collector.errors import BadRules
from collector.sources.template import From, NoValue, Placeholder, Template
from eventstore import JSON

_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_FIELD: Final = "path"


def plain_key(key: str) -> str:
    r"""Undo what a key's template does to values: keys write `#` as `\#`; the API knows nothing of that."""
    return _ESCAPED.sub(r"\1", key)


def request_path(template: str, params: Mapping[str, str], parent: JSON = None) -> str:
    """Fill a path's template with values by name, and with what its pointers lead to in the parent's document.

    Before the `?` a value's `/` separate segments, each percent-encoded; behind it they are encoded too. Raises
    `BadRules` for a value that is missing, or that makes a segment empty, `.` or `..`.
    """
    path, query = "", ""
    for part in _parsed(template).parts:
        if isinstance(part, Placeholder):
            value = _value(part, params, parent)
            path, query = (path, query + quote(value, safe="")) if query else (path + _segments(value), query)
        elif query:
            query += part
        else:
            before, mark, after = part.partition("?")
            path, query = path + before, mark + after
    _check(path)
    return path + query


@functools.lru_cache(maxsize=64)
def _parsed(template: str) -> Template:
    return Template.parse(template, field=_FIELD)


def _value(place: Placeholder, params: Mapping[str, str], parent: JSON) -> str:
    try:
        return place.read(parent, params)
    except NoValue as error:
        where = ", in the parent's document" if place.source is From.POINTER else ""
        raise BadRules(f"{error}{where}", field=_FIELD) from None


def _segments(value: str) -> str:
    if value and _astray(value):
        raise BadRules(f"{value!r} cannot stand in a path", field=_FIELD)
    return "/".join(quote(segment, safe="") for segment in value.split("/"))


def _check(path: str) -> None:
    """Raise `BadRules` where values and what stands around them make a path that leads elsewhere."""
    if _astray(path.removeprefix("/").removesuffix("/")) and path != "/":
        raise BadRules(f"{path!r} is no path to ask for", field=_FIELD)


def _astray(segments: str) -> bool:
    return any(segment in {"", ".", ".."} for segment in segments.split("/"))
