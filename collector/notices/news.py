"""What is new in the log for a target, read from its cursor on."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from collector.notices import notice
from collector.notices.state import Cursor
from collector.notices.target import Interest
from eventstore import Cause, Change, Record, UnknownCategory


class Step(NamedTuple):
    """Notices, and where the cursor is once they are delivered: all of one event, for a kill repeats them together."""

    notices: tuple[bytes, ...]
    cursor: Cursor


class _Found(NamedTuple):
    seq: int
    change: Change
    interest: Interest


def news(
    record: Record,
    interests: Sequence[Interest],
    cursor: Cursor | None,
    *,
    limit: int,
    unknown: Callable[[UnknownCategory], None],
) -> list[Step]:
    """Read what came after a cursor, until there are `limit` notices or more; the last step leads to the end of that.

    Without a cursor nothing is read: it is at the head now. One of another generation, or behind the head (the record
    was restored from an older copy), gives a notice that says so, and is at the head then. `unknown` is told of
    categories that are not there (yet).
    """
    with record.log.reading() as generation:
        head = Cursor(generation, record.log.position().seq)
        if cursor is None:
            return [Step((), head)]
        if cursor.generation != generation or cursor.seq > head.seq:
            return [Step((notice.reset(generation, head.seq),), head)]
        if cursor == head:
            return []
        return _read(record, interests, cursor, head, limit, unknown)


def _read(
    record: Record,
    interests: Sequence[Interest],
    cursor: Cursor,
    head: Cursor,
    limit: int,
    unknown: Callable[[UnknownCategory], None],
) -> list[Step]:
    steps: list[Step] = []
    count = 0
    cause = lru_cache(1)(lambda sync: record.archive.sync(sync).cause)  # events of a sync stand together
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(contextlib.closing(_found(record, each, cursor, unknown))) for each in interests]
        for seq, group in groupby(heapq.merge(*found, key=lambda each: each.seq), key=lambda each: each.seq):
            notices = _distinct(group, head.generation, cause)
            steps.append(Step(notices, Cursor(head.generation, seq)))
            count += len(notices)
            if count >= limit:
                return steps
    steps.append(Step((), head))
    return steps


def _found(
    record: Record, interest: Interest, cursor: Cursor, unknown: Callable[[UnknownCategory], None]
) -> Generator[_Found, None, None]:
    changes = record.log.changes(interest.category, pattern=interest.key, path=interest.path, after=cursor.seq)
    try:
        for change in changes:
            yield _Found(change.event.seq, change, interest)
    except UnknownCategory as error:
        unknown(error)


def _distinct(group: Iterable[_Found], generation: int, cause: Callable[[int], Cause]) -> tuple[bytes, ...]:
    """The notices of one event; where two interests ask for the same, it is told once."""
    notices = [
        notice.change(each.change, each.interest, generation=generation, cause=cause(each.change.event.sync))
        for each in group
    ]
    return tuple(dict.fromkeys(notices))
