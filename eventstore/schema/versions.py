"""The names of imported versions as migration 0004 left them in their column, until 0006 made `forms` of them.

A name without any is text as it is. Else it is a BLOB: its UTF-8, in which a run of digits has become 0xFF, which UTF-8
knows nothing of, the number of the bytes that the run stands for, and these.
"""

from __future__ import annotations

import re
from typing import Final

from eventstore.errors import Damaged

_MARK: Final = b"\xff"
# shorter ones may be words or dates, and gain little; the number of bytes must fit into one
_RUN: Final = re.compile(rb"(?:[0-9a-f]{2}){8,255}")


def packed(name: str | None) -> str | bytes | None:
    """What is stored of a name: the same of the same name, whoever packs it."""
    if name is None:
        return None
    text = name.encode()
    found = _RUN.sub(_marked, text)
    return name if found == text else found


def _marked(run: re.Match[bytes]) -> bytes:
    digits = bytes.fromhex(run.group().decode())
    return _MARK + bytes([len(digits)]) + digits


def unpacked(stored: str | bytes | None) -> str | None:
    """The name that is stored. Raises `Damaged`."""
    if not isinstance(stored, bytes):
        return stored
    name, rest = b"", stored
    while rest:
        text, mark, rest = rest.partition(_MARK)
        name += text
        if mark:
            if not rest or len(rest) <= rest[0]:
                raise Damaged("the name of a version ends in the middle")
            name, rest = name + rest[1 : 1 + rest[0]].hex().encode(), rest[1 + rest[0] :]
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise Damaged(f"the name of a version is no text: {error.reason}") from None
