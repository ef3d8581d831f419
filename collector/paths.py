"""Request paths: templates whose values are percent-encoded, so that no value leads anywhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from collector.errors import BadRules

_PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def request_path(template: str, params: Mapping[str, str]) -> str:
    """Fill a path's template with a scope's parameters.

    Before the `?` a value's `/` separate segments, each percent-encoded; behind it they are encoded too. Raises
    `BadRules` for a value with a segment that is empty, `.` or `..`.
    """
    path, mark, query = template.partition("?")
    path = _PLACE.sub(lambda found: _segments(_value(params, found[1])), path)
    return path + mark + _PLACE.sub(lambda found: quote(_value(params, found[1]), safe=""), query)


def _value(params: Mapping[str, str], name: str) -> str:
    return _ESCAPED.sub(r"\1", params[name])  # keys write `#` as `\#`; the API knows nothing of that


def _segments(value: str) -> str:
    segments = value.split("/")
    if any(segment in {"", ".", ".."} for segment in segments):
        raise BadRules(f"{value!r} cannot stand in a path", field="path")
    return "/".join(quote(segment, safe="") for segment in segments)
