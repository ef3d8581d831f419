"""What an extractor remembers of the last answers of each scope, so that equal items are read once."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

import msgspec

from collector.extraction.items import Outcome, Unread
from eventstore import JSON, Item, Scope

MEMORY: Final = 16_000_000
"""Bytes of answers remembered, over all scopes. With their items they take about four times as much memory, part of it
shared with whoever keeps the documents. An answer that is larger is not remembered."""


class Oddity(msgspec.Struct, frozen=True):
    """What an answer gives reason to say an issue about, whichever attempt it came from."""

    code: str
    message: str
    key: str | None = None
    path: str | None = None


class Reading(msgspec.Struct, frozen=True):
    """What one answer says. `unread` has the place of each item that could not be read; `count` includes those.

    `total` and `following` are what stands where the rules' `total` and `next` point, None if nothing does. What is
    `odd` leaves the listing as it is. `tail` counts the rows that a slice lacks at its end, should it be closed.
    """

    items: tuple[Item, ...] = ()
    unread: tuple[tuple[str, Unread], ...] = ()
    total: JSON = None
    following: JSON = None
    odd: tuple[Oddity, ...] = ()
    tail: int = 0

    @property
    def count(self) -> int:
        """How many items the answer holds, read or not."""
        return len(self.items) + len(self.unread)


class Page(msgspec.Struct, frozen=True):
    """An answer that was read, with the outcome of each of its tokens where they are worth remembering."""

    answer: bytes
    outcomes: Mapping[Hashable, Outcome]
    reading: Reading


class Pages:
    """All answers of one listing that held something."""

    def __init__(self, pages: Sequence[Page] = ()) -> None:
        self._pages = pages
        self.size = sum(len(page.answer) for page in pages)
        """Bytes of all answers."""

    def same(self, answer: bytes) -> Page | None:
        """Find the page that was read from exactly this answer."""
        return next((page for page in self._pages if page.answer == answer), None)

    @functools.cached_property
    def outcomes(self) -> Mapping[Hashable, Outcome]:
        """The outcomes of all pages: items wander from page to page."""
        if len(self._pages) == 1:
            return self._pages[0].outcomes
        return {token: outcome for page in self._pages for token, outcome in page.outcomes.items()}


class Memory:
    """The pages last read for each scope, the scopes longest not asked about forgotten first."""

    def __init__(self, limit: int = MEMORY) -> None:
        """Remember at most `limit` bytes of answers."""
        self._limit = limit
        self._size = 0
        self._scopes: OrderedDict[Scope, Pages] = OrderedDict()

    def of(self, scope: Scope) -> Pages:
        """Recall a scope's last pages; empty if there are none."""
        return self._scopes.get(scope, Pages())

    def keep(self, scope: Scope, pages: Pages) -> None:
        """Put a scope's pages in the place of its last."""
        self._size += pages.size - self._scopes.pop(scope, Pages()).size
        self._scopes[scope] = pages
        while self._size > self._limit:
            _, forgotten = self._scopes.popitem(last=False)
            self._size -= forgotten.size
