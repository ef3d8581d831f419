"""What verification found, and digests of rows that may be damaged."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eventstore import chain
from eventstore.errors import Damaged, Unreadable


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it was stored: the table (or part) it is in, the sync it belongs to, what is wrong."""

    where: str
    sync: int | None
    message: str


def digest_or_none(lines: Iterable[chain.Line]) -> bytes | None:
    """The digest of lines, None where a text in them is no text any more, or what is packed cannot be read."""
    try:
        return chain.digest(lines)
    except (ValueError, OverflowError, OSError, TypeError, LookupError, Unreadable, Damaged):
        return None
