"""JSON Pointers (RFC 6901): where the items are, and what is split off or dropped."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from collector.errors import BadPointer
from eventstore import JSON

Tokens: TypeAlias = tuple[str, ...]
"""A pointer as the member names (or indices, still text) to follow from the root; empty is the root."""

_FORM: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*", re.DOTALL)
_INDEX: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)


class NotThere(LookupError):
    """A pointer leads nowhere: its first `depth` tokens exist, `value` is what they lead to."""

    def __init__(self, depth: int, value: JSON) -> None:
        super().__init__(depth)
        self.depth = depth
        self.value = value


def tokens(pointer: str, *, field: str = "") -> Tokens:
    """Take a JSON Pointer apart. Raises `BadPointer`, naming `field`, for any other text."""
    if not _FORM.fullmatch(pointer):
        raise BadPointer(f"{pointer!r} is not a JSON Pointer", field=field)
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def pointer(path: Tokens) -> str:
    """Put a JSON Pointer together; undoes `tokens`."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in path)


def element(items: list[JSON], token: str) -> JSON:
    """The element of a list that a token names. Raises `LookupError` where it names none."""
    if not _INDEX.fullmatch(token) or len(token) > len(str(len(items))):
        raise LookupError(token)
    return items[int(token)]


def find(value: JSON, path: Tokens) -> JSON:
    """Follow a pointer. Raises `NotThere`."""
    for depth, token in enumerate(path):
        try:
            value = _child(value, token)
        except LookupError:
            raise NotThere(depth, value) from None
    return value


def _child(value: JSON, token: str) -> JSON:
    if isinstance(value, dict):
        return value[token]
    if isinstance(value, list):
        return element(value, token)
    raise LookupError(token)
