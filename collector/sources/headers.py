"""Headers of requests: their values may name variables of the environment, which are filled in when it is asked.

Values that were filled in are never stored, logged or shown: no message here holds one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from collector.errors import BadRules

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token (RFC 9110, section 5.6.2)
_VALUE: Final = re.compile(r"[ -~]*")  # RFC 9110, section 5.5, without tabs and what is obsolete
_VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise `BadRules` for headers that cannot be sent."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise BadRules(f"{name!r}: write a header's name", field=_field(name))
        if not _VALUE.fullmatch(value):
            raise BadRules("write a value of printable ASCII characters, on one line", field=_field(name))
        if "${" in _VARIABLE.sub("", value):
            raise BadRules("write ${NAME}, a variable of the environment: letters, digits and _", field=_field(name))


def variables(value: str) -> list[str]:
    """Names of the variables of the environment that a header's value has, in order."""
    return [found["name"] for found in _VARIABLE.finditer(value)]


def filled(headers: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Put the environment's values in the place of each `${NAME}`; spaces around a value are left out.

    Raises `BadRules`, naming the header and the variable but no value, where one is not set, is empty, or holds what no
    header can.
    """
    return {name: _filled(name, value, environment) for name, value in headers.items()}


def _filled(header: str, value: str, environment: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: _variable(header, found["name"], environment), value).strip()


def _variable(header: str, name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "").strip(" \t")
    if not value:
        state = "empty" if name in environment else "not set"
        raise BadRules(f"the environment's variable {name} is {state}", field=_field(header))
    if not _VALUE.fullmatch(value):
        what = "holds a line break or another character that no header takes"
        raise BadRules(f"the environment's variable {name} {what}", field=_field(header))
    return value


def _field(header: str) -> str:
    return f"source.headers.{header}"
