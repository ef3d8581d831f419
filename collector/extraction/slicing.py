"""Cutting a JSON answer into the bytes of its items, without parsing them.

In a catalogue almost every item is byte for byte what it was an hour ago. Finding the slices takes 0.35 ms per
megabyte (msgspec's `Raw`), parsing them ten times as long; so only those that are new are parsed, strictly, by whoever
gets them. Nobody has looked at the strings inside a slice yet. Where an answer is not JSON, `lenient` cuts it.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final, TypeAlias

import msgspec

from collector.extraction import lenient
from collector.sources.pointer import NotThere, Tokens, element
from eventstore import JSON

Slices: TypeAlias = list[bytes] | dict[str, bytes]
"""The bytes of each item: of a list in order, of a keyed object by member name."""

SPACE: Final = b" \t\n\r"  # what JSON calls white space

_UNNAMEABLE: Final = re.compile(r'["\\\x00-\x1f]')  # what msgspec does not take in the name of a field
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements: Final = msgspec.json.Decoder(list[msgspec.Raw])
_anything: Final = msgspec.json.Decoder(msgspec.Raw)


def slices(answer: bytes, path: Tokens) -> Slices:
    """Cut out the items of the list or keyed object at `path`.

    Raises `NotThere`, also where something else than a list or object is there (then `depth` is that of `path`), and
    for what cannot be read `lenient.Malformed` or `RecursionError`.
    """
    try:
        return _straight(answer, path)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, AttributeError, TypeError, ValueError):
        inside = _cut(_follow(answer, path))
    if not isinstance(inside, dict | list):
        raise NotThere(len(path), inside)
    return inside


def whole(answer: bytes) -> bytes:
    """Take the whole answer as one item.

    Raises `NotThere` for a list, which holds several, and as `slices` does for what cannot be read.
    """
    try:
        _anything.decode(answer)
    except (msgspec.MsgspecError, RecursionError):
        lenient.value(lenient.text_of(answer))
    if answer.lstrip(SPACE).startswith(b"["):
        raise NotThere(0, _cut(answer))
    return answer


def is_json(text: bytes) -> bool:
    """Whether a text can be read as JSON, leniently if not strictly."""
    try:
        _anything.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        try:
            lenient.value(lenient.text_of(text))
        except (lenient.Malformed, RecursionError):
            return False
    return True


def lookup(answer: bytes, path: Tokens) -> JSON:
    """Read the value at `path`, leniently. Raises `NotThere`, `lenient.Malformed`, `RecursionError`."""
    return lenient.value(lenient.text_of(_follow(answer, path)))


def _straight(answer: bytes, path: Tokens) -> list[bytes]:
    # what this accepts it reads right, repeated and escaped names included; whatever it refuses is looked at again
    found = _decoder(path).decode(answer)
    for _ in path:
        found = found.inside  # UNSET is neither a step nor a list: the member is not there
    return list(map(bytes, found))


@functools.lru_cache(maxsize=256)
def _decoder(path: Tokens) -> msgspec.json.Decoder[Any]:
    """Make a decoder that goes to a list at `path` in one pass: nested structs of one field each."""
    type_: Any = list[msgspec.Raw]
    for token in reversed(path):
        if _UNNAMEABLE.search(token):
            raise ValueError(token)
        field = ("inside", type_ | msgspec.UnsetType, msgspec.UNSET)
        type_ = msgspec.defstruct("Step", [field], rename={"inside": token})
    return msgspec.json.Decoder(type_)


def _follow(answer: bytes, path: Tokens) -> bytes:
    for depth, token in enumerate(path):
        inside = _cut(answer)
        try:
            answer = element(inside, token) if isinstance(inside, list) else inside[token]
        except (LookupError, TypeError):
            raise NotThere(depth, inside) from None
    return answer


def _cut(answer: bytes) -> Any:
    """Cut an object or list into the bytes of its members or elements; any other value is read, leniently."""
    start = answer.lstrip(SPACE)[:1]
    try:
        if start == b"{":
            return {name: bytes(raw) for name, raw in _members.decode(answer).items()}
        if start == b"[":
            return list(map(bytes, _elements.decode(answer)))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    return lenient.cut(answer)
