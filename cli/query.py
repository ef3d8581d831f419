"""What a user wants to see of the log: filters, and reading by them, once or for as long as it goes on."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, Generic, TypeVar

import msgspec

from cli import lookup, output
from cli.options import Format
from cli.render import events
from eventstore import Cause, Change, Event, EventLog, Follower, Instant, Kind, LogRebuilt, Record

T = TypeVar("T")

POLL_SECONDS: Final = 0.5
TAIL: Final = 10  # events that are shown before new ones are waited for, as `tail -f` has it


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Filters over events, all of which must hold; see `EventLog.events` and `EventLog.changes`."""

    category: str | None
    key: str | None
    pattern: str | None
    path: str | None
    kinds: tuple[Kind, ...] | None
    since: Instant | None
    until: Instant | None

    def changes(self, log: EventLog, *, after: int = 0, newest_first: bool = False) -> Iterator[Change]:
        """Events behind number `after` with the documents around them."""
        return log.changes(
            self.category,
            self.key,
            pattern=self.pattern,
            path=self.path,
            kinds=self.kinds,
            since=self._time(),
            until=self.until,
            after=max(after, self._after()),
            newest_first=newest_first,
        )

    def events(self, log: EventLog, *, after: int = 0, newest_first: bool = False) -> Iterator[Event]:
        """Events behind number `after`; documents are folded only where `path` needs them."""
        if self.path is not None:
            return (change.event for change in self.changes(log, after=after, newest_first=newest_first))
        return log.events(
            self.category,
            self.key,
            pattern=self.pattern,
            kinds=self.kinds,
            since=self._time(),
            until=self.until,
            after=max(after, self._after()),
            newest_first=newest_first,
        )

    def _time(self) -> datetime | None:
        return self.since if isinstance(self.since, datetime) else None

    def _after(self) -> int:
        return self.since - 1 if isinstance(self.since, int) else 0


class _Counted(Generic[T]):
    """Passes things on and counts them."""

    def __init__(self, things: Iterator[T]) -> None:
        self._things = things
        self.count = 0

    def __iter__(self) -> Iterator[T]:
        for thing in self._things:
            self.count += 1
            yield thing


class Printer(msgspec.Struct, frozen=True):
    """Prints what a query finds in a record."""

    record: Record
    query: Query
    format_: Format

    def once(self, *, newest_first: bool, limit: int | None) -> None:
        """Print what there is; where nothing is, say so on stderr. Raises `BeyondHead`."""
        log = self.record.log
        if isinstance(self.query.since, int):
            log.position(self.query.since)
        if self.format_ is Format.TABLE:
            changes = _Counted(itertools.islice(self.query.changes(log, newest_first=newest_first), limit))
            output.show(self._table(changes), self.format_)
            seen = changes.count
        else:
            found = _Counted(itertools.islice(self.query.events(log, newest_first=newest_first), limit))
            output.write(events.events(found, self.format_))
            seen = found.count
        if not seen:
            output.note(lookup.nothing(log, self.query.category, self.query.key, self.query.pattern, self.query.path))

    def for_good(self, *, last: int | None) -> None:
        """Print the `last` events (None: all), then new ones as they come, until interrupted or nobody reads."""
        with self.record.log.reading():
            following = Follower(self.record.log, self._read)
            newest = itertools.islice(self.query.changes(self.record.log, newest_first=True), last)
            self._print(list(newest)[::-1])
        while True:
            try:
                self._print(following.poll())
            except LogRebuilt as rebuilt:
                output.note(f"{rebuilt}; what comes from now on follows")
            time.sleep(POLL_SECONDS)

    def _read(self, after: int) -> Iterator[Change]:
        return self.query.changes(self.record.log, after=after)

    def _print(self, changes: list[Change]) -> None:
        if changes and self.format_ is Format.TABLE:
            output.write(self._table(changes))
        elif changes:
            output.write(events.events((change.event for change in changes), Format.JSONL))

    def _table(self, changes: Iterable[Change]) -> Iterator[bytes]:
        rules = frozenset(sync.id for sync in self.record.archive.syncs(cause=Cause.RULES))
        return events.table(
            changes, output.paper(), rules_syncs=rules, path=self.query.path, whole=self.query.key is not None
        )
