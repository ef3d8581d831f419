"""Canonical bytes: the one spelling of a JSON value, and what equality means here.

UTF-8, object keys sorted by code point, no white space, shortest round-trip numbers. Two documents are equal when
their canonical bytes are; so `1`, `1.0` and `true` are three values, and `0.0` and `-0.0` two. Python's `==` is never
asked.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, Final, TypeAlias

import msgspec

from eventstore.errors import Unreadable

JSON: TypeAlias = Any
"""What `parse` returns: None, bool, int, float, str, list, dict. Values handed out are shared: do not change them."""

NOTHING_DIGEST: Final = hashlib.sha256(b"").digest()
"""The digest of no document: that of a `disappeared` event."""

_ABSENT: Final = object()

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()


def parse(text: bytes | str) -> JSON:
    """Decode strict JSON (RFC 8259), of repeated member names the last.

    Integers are exact at any size that Python converts (4300 digits), other numbers IEEE doubles. Raises `Unreadable`
    for bad syntax, bad UTF-8, lone surrogates, numbers beyond a double, nesting beyond Python's recursion limit.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unreadable(f"not readable as JSON: {error}") from None


def encode(value: JSON) -> bytes:
    """Encode a value that `parse` returned (or that was built from such) as canonical bytes; nothing is checked."""
    return _encoder.encode(value)


def canonical(value: JSON) -> bytes:
    """Encode any value as canonical bytes.

    Raises `Unreadable` for what no document can hold: NaN, infinities, lone surrogates, integers of more digits than
    Python converts, member names that are not strings, other types, nesting beyond Python's recursion limit.
    """
    try:
        _check(value)
        return _encoder.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unreadable(f"not a JSON value: {error}") from None


def _check(value: JSON) -> None:
    # msgspec would write NaN as null and the member name 1 as "1": a document is never something else than was said
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, str):
                raise TypeError(f"member name {name!r} is not a string")
            _check(member)
    elif isinstance(value, list):
        for element in value:
            _check(element)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a number that JSON has")
    elif value is not None and not isinstance(value, str | int):
        raise TypeError(f"{type(value).__name__} is not a type that JSON has")


class Document:
    """A JSON value as canonical bytes, parsed when asked. Equal and hashable by those bytes."""

    __slots__ = ("_canonical", "_digest", "_value")

    def __init__(self, canonical_bytes: bytes | None, *, _value: JSON = _ABSENT) -> None:
        """Hold bytes that are known to be canonical; `of`, `parsed` and `folded` start from values."""
        self._canonical = canonical_bytes
        self._digest: bytes | None = None
        self._value = _value

    @classmethod
    def of(cls, value: JSON) -> Document:
        """Hold any JSON value. Raises `Unreadable` as `canonical` does."""
        return cls(canonical(value))

    @classmethod
    def parsed(cls, value: JSON) -> Document:
        """Hold the canonical bytes of a value that `parse` returned, or that was built from such; nothing is checked.

        The value itself is not kept: it takes several times the space.
        """
        return cls(_encoder.encode(value))

    @classmethod
    def folded(cls, value: JSON) -> Document:
        """Hold such a value itself; its canonical bytes are made when asked for."""
        return cls(None, _value=value)

    @property
    def canonical(self) -> bytes:
        """The canonical bytes."""
        if self._canonical is None:
            self._canonical = _encoder.encode(self._value)
        return self._canonical

    @property
    def value(self) -> JSON:
        """The value. Raises `Unreadable` if the bytes are not JSON (damage)."""
        if self._value is _ABSENT:
            self._value = parse(self.canonical)
        return self._value

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical bytes, 32 bytes."""
        if self._digest is None:
            self._digest = hashlib.sha256(self.canonical).digest()
        return self._digest

    @property
    def hash(self) -> str:
        """`digest` in hexadecimal."""
        return self.digest.hex()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document) and self.canonical == other.canonical

    def __hash__(self) -> int:
        return hash(self.canonical)

    def __repr__(self) -> str:
        return f"Document({self.canonical.decode(errors='replace')})"
