"""JSON Pointer (RFC 6901): `/a/0` is element 0 of member "a", "" the whole document."""

from __future__ import annotations

import re
from typing import Final

from eventstore.canonical import JSON
from eventstore.errors import PatchError

END: Final = "-"
"""Stands for the place behind the last element of an array."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)  # of 18 digits: no array is longer
_SMALL: Final = {str(number): number for number in range(256)}  # most indexes: a look-up saves half of the time
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")


def escaped(token: str) -> str:
    """Write a member name as it stands in a pointer: `~` as `~0`, `/` as `~1`."""
    if "~" in token or "/" in token:
        return token.replace("~", "~0").replace("/", "~1")
    return token


def split(pointer: str) -> list[str]:
    """Split a pointer into member names and indexes, unescaped. Raises `PatchError` where it is none."""
    if not pointer:
        return []
    if pointer[0] != "/":
        raise PatchError(f"{pointer!r} is no JSON Pointer: it does not begin with /")
    tokens = pointer[1:].split("/")
    if "~" in pointer:
        if _BAD_ESCAPE.search(pointer):
            raise PatchError(f"{pointer!r} is no JSON Pointer: ~ is not followed by 0 or 1")
        return [token.replace("~1", "/").replace("~0", "~") for token in tokens]
    return tokens


def index(token: str, size: int) -> int:
    """Read an index that is to be less than `size`. Raises `PatchError`: bad spelling, `-`, out of bounds."""
    position = _SMALL.get(token)
    if position is None:
        if not _INDEX.fullmatch(token):
            last = token == END
            raise PatchError("nothing is behind the last element" if last else f"{token!r} is no index of an array")
        position = int(token)
    if position >= size:
        raise PatchError(f"index {position} is past the end of the array")
    return position


def child(container: JSON, token: str) -> JSON:
    """Look up the member or element that `token` names. Raises `PatchError` where there is none."""
    if type(container) is dict:
        if token not in container:
            raise missing(token)
        return container[token]
    if type(container) is list:
        return container[index(token, len(container))]
    raise not_a_container(token)


def missing(token: str) -> PatchError:
    """The error of a member that is not there."""
    return PatchError(f"there is no member {token!r}")


def not_a_container(token: str) -> PatchError:
    """The error of a pointer that goes on inside a string, a number, a boolean or null."""
    return PatchError(f"{token!r} would be inside a value that is neither object nor array")
