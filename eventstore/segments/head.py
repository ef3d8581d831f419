"""What a segment knows of the entries of the chain that its events are in."""

from __future__ import annotations

import bisect
import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from eventstore.compression import LEVEL_SEALED, pack, unpack
from eventstore.errors import Damaged
from eventstore.stored import Stored


class _Columns(msgspec.Struct, array_like=True):
    """Entries in order, column by column, each value less the one before it."""

    entries: list[int]
    firsts: list[int]  # number of the segment's first event in it
    usual: list[int]  # the `not_before` that most of its events have


class Head:
    """Which entry each event of a segment is in, and the `not_before` that is usual there (milliseconds)."""

    def __init__(self, entries: Sequence[int], firsts: Sequence[int], usual: Sequence[int]) -> None:
        self.entries = entries
        self._firsts = firsts
        self._usual = usual

    @classmethod
    def of(cls, events: Iterable[Stored]) -> Head:
        """The head of a segment of these events, in order."""
        entries, firsts, usual = [], [], []
        for entry, together in itertools.groupby(events, key=lambda event: event.entry):
            each = list(together)
            entries.append(entry)
            firsts.append(each[0].seq)
            known = Counter(event.not_before for event in each if event.not_before is not None)
            usual.append(known.most_common(1)[0][0] if known else 0)
        return cls(entries, firsts, usual)

    def of_event(self, seq: int) -> tuple[int, int]:
        """The entry that an event of the segment is in, and the `not_before` that is usual there."""
        place = bisect.bisect_right(self._firsts, seq) - 1
        return self.entries[place], self._usual[place]

    def packed(self) -> tuple[int, bytes]:
        """Its size, and what `decoded` makes it of again."""
        columns = _Columns(*(differences(column) for column in (self.entries, self._firsts, self._usual)))
        body = msgspec.msgpack.encode(columns)
        return len(body), pack(body, level=LEVEL_SEALED)


@functools.lru_cache(maxsize=32)
def decoded(packed: bytes, size: int) -> Head:
    """Undo `Head.packed`. Raises `Damaged`."""
    try:
        columns = msgspec.msgpack.decode(unpack(packed, size), type=_Columns)
    except msgspec.MsgspecError as error:
        raise Damaged(f"the head of a segment cannot be read: {error}") from None
    return Head(*(list(itertools.accumulate(column)) for column in (columns.entries, columns.firsts, columns.usual)))


def differences(values: Sequence[int]) -> list[int]:
    """Each value less the one before it; the first as it is."""
    return [value - before for before, value in zip((0, *values), values, strict=False)]
