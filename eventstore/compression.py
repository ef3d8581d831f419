"""Zstandard frames with a checksum behind them, alone or as a delta against other bytes.

A packed body is one zstd frame (RFC 8878) followed by the CRC-32 of that frame, four bytes, little endian: so a flipped
byte is found when it is read, even where the frame would still decompress. A delta uses the earlier bytes as a raw
content dictionary.
"""

from __future__ import annotations

import threading
import zlib
from typing import Final

import zstandard

from eventstore.errors import Damaged

LEVEL: Final = 3  # of 1, 3, 5 on 678 catalogues (235 MB): 24.1, 0.67 and 0.45 MB in 0.46, 0.51 and 0.68 s
LEVEL_THINNED: Final = 12  # what is written again and again as time goes on: a tenth more, in a twentieth of the time
LEVEL_SEALED: Final = 19  # what is written once a day and kept: a quarter less than at level 9, at 2 MB a second
CHECKSUM_BYTES: Final = 4
_FRAME_OVERHEAD: Final = 64
_WIDEST: Final = 27  # bits: what every decompressor takes

_local = threading.local()


def pack(body: bytes, *, base: bytes | None = None, level: int = LEVEL) -> bytes:
    """Compress `body`, as a delta against `base` where that is given."""
    return checked(_compressor(len(body), base, level).compress(body))


def checked(body: bytes) -> bytes:
    """The same with its checksum behind it."""
    return body + zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little")


def unchecked(body: bytes) -> bytes:
    """What `checked` took. Raises `Damaged` where the checksum is another."""
    checksum = body[-CHECKSUM_BYTES:]
    if zlib.crc32(body[:-CHECKSUM_BYTES]).to_bytes(CHECKSUM_BYTES, "little") != checksum:
        raise Damaged("what is packed does not match its checksum")
    return body[:-CHECKSUM_BYTES]


def unpack(packed: bytes, size: int | None, *, base: bytes | None = None) -> bytes:
    """Give back the body that `pack` took, of `size` bytes, or (None) of as many as it says itself.

    Raises `Damaged` if these are not its bytes.
    """
    frame = unchecked(packed)
    try:
        if size is None:
            size = zstandard.frame_content_size(frame)
        body = _decompressor(base).decompress(frame, max_output_size=max(size, 0) + _FRAME_OVERHEAD)
    except zstandard.ZstdError as error:
        raise Damaged(f"a compressed body cannot be read: {error}") from None
    if len(body) != size:
        raise Damaged(f"a compressed body holds {len(body)} bytes where {size} were stored")
    return body


def _compressor(size: int, base: bytes | None, level: int) -> zstandard.ZstdCompressor:
    if base is None and level != LEVEL:
        return zstandard.ZstdCompressor(level=level)
    if base is None:
        if not hasattr(_local, "compressor"):
            _local.compressor = zstandard.ZstdCompressor(level=LEVEL)
        compressor: zstandard.ZstdCompressor = _local.compressor
        return compressor
    # the window must reach back over the whole base, else a 350 kB catalogue finds only its own start again
    window = min(max((size + len(base)).bit_length(), zstandard.WINDOWLOG_MIN), _WIDEST)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=size, dict_size=len(base), window_log=window
    )
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=_raw(base))


def _decompressor(base: bytes | None) -> zstandard.ZstdDecompressor:
    if base is None:
        if not hasattr(_local, "decompressor"):
            _local.decompressor = zstandard.ZstdDecompressor()
        decompressor: zstandard.ZstdDecompressor = _local.decompressor
        return decompressor
    return zstandard.ZstdDecompressor(dict_data=_raw(base))


def _raw(base: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
