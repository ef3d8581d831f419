"""Bookkeeping: which syncs may go, outside of what is kept whole (R8). Pure.

Of each bucket the last sync stays that asked for a scope, and the last that confirmed what the scope holds: so at the
end of a bucket, and everywhere in what is kept whole, it can be said who confirmed what as if nothing had gone.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from eventstore.retention.buckets import Bucket, bucket_of
from eventstore.retention.plan import CategoryPlan


class Heard(enum.Enum):
    """What a sync heard of a scope that it asked for."""

    NOTHING = enum.auto()  # asked, without an answer that could be read
    SOME = enum.auto()  # an incomplete listing
    ALL = enum.auto()  # a complete one
    SAME = enum.auto()  # a complete one that says what the settled one before it says


_COMPLETE = {Heard.ALL, Heard.SAME}


class Told(NamedTuple):
    """What bookkeeping has of a sync: its entry of the chain, when that was (milliseconds), and in which bucket.

    `needed`: something else stands on it, an event or a category. `scopes` are those that it asked for; of what a
    complete listing does not confirm, or is no evidence of, it has `exceptions`; `sighted` are entities that it showed
    otherwise. `disturbed` are scopes that it left unsettled.
    """

    entry: int
    at: int
    bucket: Bucket | None
    needed: bool
    scopes: Mapping[int, Heard]
    exceptions: AbstractSet[tuple[str, int, str]] = frozenset()
    sighted: AbstractSet[int] = frozenset()
    disturbed: AbstractSet[int] = frozenset()


class _Complete(NamedTuple):
    """A complete listing that is kept."""

    at: int
    same: bool
    exceptions: AbstractSet[tuple[str, int, str]]


def bucket_of_sync(at: int, categories: Sequence[CategoryPlan]) -> Bucket | None:
    """The bucket of a sync (milliseconds) by what its resources yield: the finest; None where it is to stay."""
    buckets = [None if each.pinned else bucket_of(at, each.zones) for each in categories]
    found = [bucket for bucket in buckets if bucket is not None]
    return min(found, key=lambda bucket: bucket.end - bucket.begin) if found and len(found) == len(buckets) else None


def dispensable(told: Iterable[Told], said_again: Callable[[int], bool | None]) -> Iterator[tuple[int, int]]:
    """Entries of the chain that may go, and when their buckets end, of syncs that are told from the newest on.

    `said_again` tells of a scope whether its first complete listing after all of these says what was said before
    (None: there is none).
    """
    later = _Later(said_again)
    for sync in told:
        if sync.needed or sync.bucket is None or not later.replaces(sync, sync.bucket):
            later.keep(sync)
        else:
            yield sync.entry, sync.bucket.end


class _Later:
    """What is kept of the syncs after the one in question."""

    def __init__(self, said_again: Callable[[int], bool | None]) -> None:
        self._said_again = said_again
        self._asked: dict[int, int] = {}  # by scope, when the next one asked for it
        self._listed: dict[int, int] = {}  # when the next one listed it at all
        self._complete: dict[int, _Complete] = {}
        self._sighted: dict[int, int] = {}

    def keep(self, sync: Told) -> None:
        """Take note of a sync that stays."""
        for scope, heard in sync.scopes.items():
            self._asked[scope] = sync.at
            if heard is not Heard.NOTHING:
                self._listed[scope] = sync.at
            if heard in _COMPLETE:
                self._complete[scope] = _Complete(sync.at, heard is Heard.SAME, sync.exceptions)
        self._sighted.update(dict.fromkeys(sync.sighted, sync.at))

    def replaces(self, sync: Told, bucket: Bucket) -> bool:
        """Whether all that a sync tells is told later in its bucket."""
        return (
            all(self._told_again(scope, heard, sync, bucket) for scope, heard in sync.scopes.items())
            and all(self._sighted.get(entity, bucket.end) < bucket.end for entity in sync.sighted)
            and all(self._same_next(scope) is False for scope in sync.disturbed)
        )

    def _told_again(self, scope: int, heard: Heard, sync: Told, bucket: Bucket) -> bool:
        if heard is Heard.NOTHING:
            return self._asked.get(scope, bucket.end) < bucket.end
        if heard is Heard.SOME:
            return self._listed.get(scope, bucket.end) < bucket.end
        complete = self._complete.get(scope)
        if complete is None or complete.at >= bucket.end or not complete.exceptions <= sync.exceptions:
            return False
        return heard is Heard.SAME or not complete.same  # one that is said again stays

    def _same_next(self, scope: int) -> bool | None:
        """Whether the next complete listing of a scope says the same as its settled one, None without any."""
        complete = self._complete.get(scope)
        return self._said_again(scope) if complete is None else complete.same
