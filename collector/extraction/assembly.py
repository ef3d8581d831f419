"""From the pages of one scope to a listing: what is complete, what stands twice, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from collector.extraction.issues import COUNT, DUPLICATE, NO_KEY, PAGE, UNREADABLE_ITEM, capped
from collector.extraction.memory import Page, Reading
from collector.sources.pages import is_last
from collector.sources.rules import Extraction
from collector.wording import article
from eventstore import JSON, Entity, Issue, Item, Listing, Scope


class Refused(Exception):
    """An answer says nothing: the issue's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Extracted(msgspec.Struct, frozen=True):
    """What the answers for a scope say; `listing` is None where they say nothing that can be relied on."""

    listing: Listing | None
    issues: tuple[Issue, ...]


Read: TypeAlias = tuple[int, Page | Refused]
"""An attempt and what came of reading its answer."""


def assemble(rules: Extraction, scope: Scope, read: Sequence[Read], noticed: Iterable[Issue] = ()) -> Extracted:
    """Put what was read of the answers for one scope, in the order of its pages, together.

    `noticed` are issues that leave the listing as it is.
    """
    readings = [(attempt, page.reading) for attempt, page in read if isinstance(page, Page)]
    refusals = [Issue(page.code, page.message, attempt) for attempt, page in read if isinstance(page, Refused)]
    if not readings:
        return Extracted(None, capped(refusals))
    lacking = [*refusals, *_unkeyed(readings), *_uncounted(rules, readings)]
    items = readings[0][1].items if len(readings) == 1 else tuple(item for _, page in readings for item in page.items)
    listing = Listing(
        scope=scope,
        categories=rules.categories,
        attempt=read[0][0],
        complete=not lacking,
        items=items,
        present=frozenset(item.key for _, page in readings for _, item in page.unread if item.key is not None),
        parent=_parent(rules, scope),
    )
    return Extracted(listing, capped([*lacking, *_unread(readings), *_duplicates(readings, items), *noticed]))


def _parent(rules: Extraction, scope: Scope) -> Entity | None:
    if rules.for_each is None:
        return None
    key = dict(scope.params).get(rules.for_each)
    return None if key is None else Entity(scope.source, rules.for_each, key)


def _unkeyed(readings: Sequence[tuple[int, Reading]]) -> Iterator[Issue]:
    for attempt, page in readings:
        for place, item in page.unread:
            if item.key is None:
                yield Issue(NO_KEY, f"{place} has no key: {item.reason}", attempt, path=item.path)


def _unread(readings: Sequence[tuple[int, Reading]]) -> Iterator[Issue]:
    for attempt, page in readings:
        for place, item in page.unread:
            if item.key is not None:
                message = f"{place} is there but cannot be read: {item.reason}"
                yield Issue(UNREADABLE_ITEM, message, attempt, item.key, item.path)


def _uncounted(rules: Extraction, readings: Sequence[tuple[int, Reading]]) -> Iterator[Issue]:
    attempt, last = readings[-1]
    count = sum(page.count for _, page in readings)
    if rules.total is not None and not _says(last.total, count):
        total = last.total if isinstance(last.total, int | str) and last.total is not True else article(last.total)
        yield Issue(COUNT, f"{rules.total} says {total}, but there are {count} items", attempt, path=rules.total)
    if rules.next is not None and not is_last(last.following):
        yield Issue(PAGE, f"{rules.next} of the last answer points to one more", attempt, path=rules.next)


def _says(total: JSON, count: int) -> bool:
    return not isinstance(total, bool) and isinstance(total, int | str) and str(total) == str(count)


def _duplicates(readings: Sequence[tuple[int, Reading]], items: Sequence[Item]) -> Iterator[Issue]:
    if len({item.key for item in items}) == len(items):
        return
    counts = Counter(item.key for item in items)
    last = {item.key: attempt for attempt, page in readings for item in page.items}
    documents: dict[str, set[object]] = {}
    for item in items:
        documents.setdefault(item.key, set()).add(item.parts)
    for key, count in counts.items():
        if count > 1:
            how = "all equal" if len(documents[key]) == 1 else f"{len(documents[key])} of them different"
            yield Issue(DUPLICATE, f"{count} items have this key, {how}", last[key], key)
