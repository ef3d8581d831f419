"""The body of an answer as it comes in: decoded, and never more of it than was allowed.

Content codings of RFC 9110, section 8.4.1: gzip (RFC 1952), deflate (RFC 1950, and the bare RFC 1951 that some servers
send under that name).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

ACCEPTED: Final = "gzip, deflate"
"""What Accept-Encoding offers: all that is decoded here."""

_IDENTITY: Final = frozenset({"", "identity"})
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_DEFLATE: Final = "deflate"

_STEP: Final = 256 * 1024  # bytes decoded at once: bounds what a bomb gets beyond the limit, and listings take one step
_SHOWN: Final = 40  # characters of what a server sent that an error repeats
_CM_DEFLATE: Final = 8  # RFC 1950: low half of the first byte; no encoder begins bare deflate data so


class Unusable(Exception):
    """A body cannot be used; the message says why. `again`: it was damaged on the way, perhaps not so next time."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


class Intake:
    """Takes in one body, piece by piece. `received` bytes came so far, None before it began."""

    def __init__(self, limit: int) -> None:
        """`limit` in bytes, for what comes and for what it decodes to."""
        self.received: int | None = None
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._decoder: _Decoder | None = None

    def begin(self, coding: str, length: int | None) -> None:
        """Begin a body, and forget what came before. `length` in bytes if that was announced. Raises `Unusable`."""
        self.received = self._size = 0
        self._parts = []
        self._decoder = _decoder(coding.strip().lower())
        if length is not None and length > self._limit:
            raise self._too_large()

    def add(self, piece: bytes) -> None:
        """Take the next piece. Raises `Unusable`."""
        self.received = (self.received or 0) + len(piece)
        if self.received > self._limit:
            raise self._too_large()
        if self._decoder is None:
            self._parts.append(piece)
            return
        for part in self._decoder.feed(piece):
            self._keep(part)

    def whole(self) -> bytes:
        """The whole body, after its last piece. Raises `Unusable`."""
        if self._decoder is not None and self.received:
            self._keep(self._decoder.rest())
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            raise self._too_large()
        self._parts.append(part)

    def _too_large(self) -> Unusable:
        self._parts = []
        return Unusable(f"larger than {self._limit} bytes")


class _Decoder:
    """Decodes gzip, or deflate in either form."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._engine: zlib._Decompress | None = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Decode a piece, in parts of at most `_STEP` bytes. Raises `Unusable`."""
        while piece:
            if self._engine is None or self._engine.eof:
                self._engine = self._next(piece)
            try:
                yield self._engine.decompress(piece, _STEP)
            except zlib.error:
                raise self._damaged() from None
            piece = self._engine.unused_data if self._engine.eof else self._engine.unconsumed_tail

    def rest(self) -> bytes:
        """What was still to come out after the last piece. Raises `Unusable` where the data breaks off."""
        if self._engine is None:
            return b""
        part = self._engine.flush()
        if not self._engine.eof:
            raise self._damaged()
        return part

    def _next(self, piece: bytes) -> zlib._Decompress:
        if self._gzip:  # RFC 1952, section 2.2: members simply follow each other
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        if self._engine is not None:
            raise self._damaged()
        wrapped = piece[0] & 0x0F == _CM_DEFLATE
        return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)

    def _damaged(self) -> Unusable:
        return Unusable(f"{'gzip' if self._gzip else _DEFLATE} data damaged or cut off", again=True)


def _decoder(coding: str) -> _Decoder | None:
    if coding in _IDENTITY:
        return None
    if coding in _GZIP or coding == _DEFLATE:
        return _Decoder(gzip=coding != _DEFLATE)
    raise Unusable(f"content coding {coding[:_SHOWN]!r} is not known")
