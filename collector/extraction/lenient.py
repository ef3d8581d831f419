"""JSON read leniently: to find out which items are there when an answer is not strict JSON, and why it is not.

Taken as well: NaN, Infinity, numbers beyond a double, integers of any length, lone surrogates, control characters in
strings, bytes that are not UTF-8. None of these is ever recorded; a key that is found so says that its item is there.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final, NoReturn

from collector.sources.pointer import Tokens
from eventstore import JSON

MORE: Final = "there is more after the end"
NO_QUOTE: Final = "a string has no end"
INTEGER_DIGITS: Final = 4300
"""The longest integer that Python converts (its limit against denial of service)."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Malformed(ValueError):
    """Not even lenient JSON: `text[at:]` could not be read, for that `reason`."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


class Odd:
    """A number that JSON or a double does not have, as it was spelled."""

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling


def text_of(answer: bytes) -> str:
    """Decode UTF-8; each byte that is not becomes a lone surrogate, so that `bytes_of` gives the same bytes back."""
    return answer.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """Undo `text_of`."""
    return text.encode("utf-8", "surrogateescape")


def value(text: str) -> JSON:
    """Read a value; numbers that no document can hold come back as `Odd`. Raises `Malformed`, `RecursionError`."""
    found, end = _value(text, _space(text, 0))
    if _space(text, end) < len(text):
        _stop(MORE, _space(text, end))
    return found


def cut(answer: bytes) -> dict[str, bytes] | list[bytes] | JSON:
    """Cut an object or a list into the bytes of its members or elements; any other value is read.

    Of repeated member names the last counts. Raises as `value` does.
    """
    text = text_of(answer)
    start = _space(text, 0)
    opening = text[start : start + 1]
    if opening not in ("{", "["):
        return value(text)
    inside, end = _members(text, start) if opening == "{" else _elements(text, start)
    if _space(text, end) < len(text):
        _stop(MORE, _space(text, end))
    return inside


def oddity(found: JSON) -> tuple[Tokens, str] | None:
    """Find the first thing that no document can hold: where it is, and what. None if all is fine."""
    stack: list[tuple[Tokens, JSON]] = [((), found)]
    while stack:
        path, here = stack.pop()
        if isinstance(here, Odd):
            return path, f"{here.spelling} is not a number that can be held"
        if isinstance(here, str) and _SURROGATE.search(here):
            return path, "a string that is not Unicode text"
        if isinstance(here, dict):
            if any(_SURROGATE.search(name) for name in here):
                return path, "a member name that is not Unicode text"
            stack.extend(((*path, name), member) for name, member in reversed(here.items()))
        elif isinstance(here, list):
            stack.extend(((*path, str(i)), element) for i, element in reversed(list(enumerate(here))))
    return None


def _float(spelling: str) -> float | Odd:
    number = float(spelling)
    return number if math.isfinite(number) else Odd(_short(spelling))


def _integer(spelling: str) -> int | Odd:
    if len(spelling.lstrip("-")) > INTEGER_DIGITS:
        return Odd(f"an integer of {len(spelling.lstrip('-'))} digits")
    return int(spelling)


def _short(spelling: str) -> str:
    return spelling if len(spelling) <= 20 else f"{spelling[:20]}…"  # noqa: PLR2004 - enough to search the answer for it


_decoder: Final = json.JSONDecoder(
    strict=False,  # allows control characters in strings, nothing else
    parse_float=_float,
    parse_int=_integer,
    parse_constant=Odd,
)


def _value(text: str, start: int) -> tuple[JSON, int]:
    try:
        return _decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        _stop(NO_QUOTE if error.msg.startswith("Unterminated string") else error.msg, error.pos)


def _members(text: str, start: int) -> tuple[dict[str, bytes], int]:
    members: dict[str, bytes] = {}
    at = _space(text, start + 1)
    if text[at : at + 1] == "}":
        return members, at + 1
    while True:
        name, at = _name(text, at)
        at = _space(text, _expect(text, _space(text, at), ":"))
        _, end = _value(text, at)
        members[name] = bytes_of(text[at:end])
        at = _space(text, end)
        if text[at : at + 1] == "}":
            return members, at + 1
        at = _space(text, _expect(text, at, ","))


def _elements(text: str, start: int) -> tuple[list[bytes], int]:
    elements: list[bytes] = []
    at = _space(text, start + 1)
    if text[at : at + 1] == "]":
        return elements, at + 1
    while True:
        _, end = _value(text, at)
        elements.append(bytes_of(text[at:end]))
        at = _space(text, end)
        if text[at : at + 1] == "]":
            return elements, at + 1
        at = _space(text, _expect(text, at, ","))


def _name(text: str, at: int) -> tuple[str, int]:
    _expect(text, at, '"')
    return _value(text, at)


def _expect(text: str, at: int, wanted: str) -> int:
    if text[at : at + 1] != wanted:
        _stop(f"expecting {wanted!r}", at)
    return at + 1


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _stop(reason: str, at: int) -> NoReturn:
    raise Malformed(reason, at)
