"""What a sync's listings do to the log, decided without touching it (L4, L5, L7; design section 3).

`decide` is pure: it gets the listings and a view of what is live, and returns what is to be appended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Protocol, TypeAlias

import msgspec

from eventstore import duplicates
from eventstore.canonical import Document
from eventstore.model import Issue, Item, Kind, Listing

FEW: Final = 5  # entities that may always disappear together: small catalogues do change
SAME: Final = 0.9  # of what is missing: so much was missing last time too, where listings say the same

EntityKey: TypeAlias = tuple[str, str, str]
"""(source, category, key)"""


class Head(msgspec.Struct, frozen=True):
    """A live entity as the log's end has it. `scope` is the scope's number that last held it."""

    source: str
    category: str
    key: str
    parent_category: str | None
    parent: str | None
    scope: int
    digest: bytes

    @property
    def entity(self) -> EntityKey:
        """(source, category, key)."""
        return self.source, self.category, self.key


class Live(Protocol):
    """What is live before a sync is recorded."""

    def held_by(self, scope: int) -> Mapping[EntityKey, Head]:
        """The live entities that a scope last held."""
        ...

    def get(self, entity: EntityKey) -> Head | None:
        """A live entity, whichever scope holds it."""
        ...

    def children(self, source: str, category: str, key: str) -> Iterable[Head]:
        """The live entities whose parent this is."""
        ...

    def document(self, head: Head) -> Document:
        """The document of a live entity."""
        ...

    def doubted(self, entity: EntityKey) -> bool:
        """Whether the last complete listing of its scope did not show it either, which was not believed."""
        ...


class Seen(msgspec.Struct, frozen=True):
    """A listing with the number of its scope."""

    scope: int
    listing: Listing


class Draft(msgspec.Struct, frozen=True):
    """An event before it has a number. `document` is None for `disappeared`, `head` for `appeared`."""

    kind: Kind
    entity: EntityKey
    parent_category: str | None
    parent: str | None
    scope: int
    document: Document | None
    head: Head | None


class Sighting(msgspec.Struct, frozen=True):
    """An entity that was confirmed without an event, by a listing of `scope`, with the parent that it has there."""

    entity: EntityKey
    scope: int
    parent_category: str | None
    parent: str | None


class Decision(msgspec.Struct):
    """What recording is to write.

    `sightings`: entities that an incomplete listing, or one of another scope than held them, confirmed without an
    event. `unconfirmed`: live entities that a complete listing shows but nobody could read. `doubted`: live entities
    that complete listings do not show, which is not believed. `settled`: scopes of which the same answer again would
    change nothing; `disturbed`: scopes that others took something from. Where `overlaps` names repeated scopes, their
    answers have to be read first: nothing else is decided then.
    """

    drafts: list[Draft] = []
    sightings: list[Sighting] = []
    unconfirmed: list[EntityKey] = []
    doubted: list[EntityKey] = []
    issues: list[Issue] = []
    settled: set[int] = set()
    disturbed: set[int] = set()
    overlaps: set[int] = set()
    unchanged: int = 0


class _Shown(msgspec.Struct):
    """All that a sync's listings show: documents by entity, and by category the keys of items that are unreadable."""

    documents: dict[EntityKey, tuple[Document, Seen]] = {}
    present: dict[tuple[str, str], set[str]] = {}
    contested: set[int] = set()  # scopes that show what another one shows too

    def unread(self, entity: EntityKey) -> bool:
        """Whether an unreadable item may be this entity: it has its key, with or without a number."""
        keys = self.present.get(entity[:2], set())
        return bool(keys) and duplicates.split_number(entity[2], keys)[0] in keys


def decide(
    listings: Sequence[Seen], live: Live, *, repeated: AbstractSet[int] = frozenset(), believed: bool = False
) -> Decision:
    """Decide what a sync's listings append to the log. Events come in the order of the answers, then of names.

    `repeated` are scopes whose complete listing says what the one before it said. `believed`: however many entities
    disappear, a person has said that it is so.
    """
    decision = Decision()
    shown = _Shown()
    for seen in listings:
        _show(seen, live, shown, decision.issues)
    decision.overlaps = {head.scope for entity in shown.documents if (head := live.get(entity))} & repeated
    if decision.overlaps:
        return decision
    for entity, (document, seen) in shown.documents.items():
        _observe(entity, document, seen, live, decision)
    gone = _missing(listings, live, shown, decision.unconfirmed)
    if not believed:
        _doubt(gone, listings, live, repeated, decision)
    _take_children_along(gone, live, shown, repeated)
    decision.drafts.extend(
        Draft(Kind.DISAPPEARED, entity, head.parent_category, head.parent, scope, None, head)
        for entity, (head, scope) in sorted(gone.items(), key=lambda pair: pair[0])
    )
    decision.unconfirmed.sort()
    decision.doubted = sorted(entity for entity in decision.doubted if entity not in gone)
    decision.unchanged += sum(len(live.held_by(scope)) for scope in repeated)
    _settle(listings, live, shown, decision)
    return decision


def _settle(listings: Sequence[Seen], live: Live, shown: _Shown, decision: Decision) -> None:
    """Say of which scopes the same answer again would change nothing, and of which no longer."""
    complete = {seen.scope for seen in listings if seen.listing.complete}
    for draft in decision.drafts:
        if draft.head is not None and (draft.head.scope != draft.scope or draft.head.scope not in complete):
            decision.disturbed.add(draft.head.scope)
    for sighting in decision.sightings:
        head = live.get(sighting.entity)
        if head is not None and head.scope != sighting.scope:
            decision.disturbed.add(head.scope)
    unsettled = {head.scope for entity in decision.doubted if (head := live.get(entity)) is not None}
    decision.settled = {
        seen.scope for seen in listings if seen.listing.complete and seen.listing.single and not seen.listing.present
    } - (unsettled | shown.contested | decision.disturbed)


def _doubt(
    gone: dict[EntityKey, tuple[Head, int]],
    listings: Sequence[Seen],
    live: Live,
    repeated: AbstractSet[int],
    decision: Decision,
) -> None:
    """Leave those out of `gone` that would go with too many others of their category at once.

    Those whose parent goes are no doubt's matter: the parent's listing is the evidence.
    """

    def orphaned(head: Head) -> bool:
        return head.parent is not None and (head.source, head.parent_category, head.parent) in gone

    complete = {each.scope for each in listings if each.listing.complete} | repeated
    for seen in _one_of_each_category(listings):
        for category in seen.listing.categories:
            source, share = seen.listing.scope.source, seen.listing.implausible
            missing = [e for e, (head, _) in gone.items() if e[:2] == (source, category) and not orphaned(head)]
            if share is None or len(missing) <= FEW:
                continue
            held = (head for scope in complete for head in live.held_by(scope).values())
            there = sum((head.source, head.category) == (source, category) and not orphaned(head) for head in held)
            if len(missing) > share * there and sum(map(live.doubted, missing)) < SAME * len(missing):
                decision.doubted.extend(missing)
                decision.issues.append(_implausible(category, len(missing), there, seen.listing))
                for entity in missing:
                    del gone[entity]


def _one_of_each_category(listings: Sequence[Seen]) -> Iterable[Seen]:
    return {(seen.listing.scope.source, seen.listing.categories[0]): seen for seen in listings}.values()


def _implausible(category: str, missing: int, there: int, listing: Listing) -> Issue:
    message = f"{missing} of {there} entities of {category} would disappear at once: that is not believed yet"
    return Issue("implausible", message, listing.attempt)


def _show(seen: Seen, live: Live, shown: _Shown, issues: list[Issue]) -> None:
    listing, documents = seen.listing, shown.documents
    source = listing.scope.source
    for key, item in _with_keys(seen, live):
        for category, document in item.parts:
            entity = (source, category, key)
            if entity in documents:
                shown.contested |= {seen.scope, documents[entity][1].scope}
                if documents[entity][0].digest != document.digest:
                    issues.append(_conflict(entity, listing))
            documents[entity] = (document, seen)
    for category in listing.categories:
        shown.present.setdefault((source, category), set()).update(listing.present)


def _conflict(entity: EntityKey, listing: Listing) -> Issue:
    message = f"{entity[1]} {entity[2]} is shown by two listings of one sync, differently; the later one counts"
    return Issue("conflict", message, listing.attempt, key=entity[2])


def _with_keys(seen: Seen, live: Live) -> Iterable[tuple[str, Item]]:
    """The items with their keys, numbered where several compete for one (in place of the first of them)."""
    items = seen.listing.items
    keys = {item.key for item in items}
    # a numbered entity that the listing does not show under its own key may be an item of the plain one
    numbered = [key for _, _, key in live.held_by(seen.scope) if key not in keys and "#" in key]
    if len(keys) == len(items) and not numbered:
        return ((item.key, item) for item in items)
    return _numbered(seen, live)


def _numbered(seen: Seen, live: Live) -> Iterator[tuple[str, Item]]:
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in seen.listing.items:
        groups[item.key].append(item)
    numbers = _live_numbers(seen, live, groups)
    for key, items in groups.items():
        documents = {number: _whole_of(seen, live, numbered) for number, numbered in numbers.get(key, {}).items()}
        for item, number in zip(items, duplicates.assign(items, documents), strict=True):
            if number is not None:
                yield duplicates.numbered(key, number), item


def _live_numbers(seen: Seen, live: Live, groups: Mapping[str, Sequence[Item]]) -> dict[str, dict[int, str]]:
    """For each key of the listing the live entities that are numbered ones of it, or it itself: number to live key."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for _, category, key in live.held_by(seen.scope):
        if category == seen.listing.categories[0]:
            base, number = duplicates.split_number(key, groups)
            if base in groups:
                found[base][number] = key
    return found


def _whole_of(seen: Seen, live: Live, key: str) -> Callable[[], duplicates.Whole]:
    def whole() -> duplicates.Whole:
        heads = (
            (category, live.get((seen.listing.scope.source, category, key))) for category in seen.listing.categories
        )
        return tuple((category, live.document(head)) for category, head in heads if head is not None)

    return whole


def _observe(entity: EntityKey, document: Document, seen: Seen, live: Live, decision: Decision) -> None:
    head = live.get(entity)
    if head is not None and head.digest == document.digest:
        decision.unchanged += 1
        if not seen.listing.complete or head.scope != seen.scope:
            decision.sightings.append(Sighting(entity, seen.scope, *_parent(seen.listing)))
        return
    kind = Kind.APPEARED if head is None else Kind.CHANGED
    decision.drafts.append(Draft(kind, entity, *_parent(seen.listing), seen.scope, document, head))


def _parent(listing: Listing) -> tuple[str | None, str | None]:
    """Category and key of the parent."""
    return (None, None) if listing.parent is None else (listing.parent.category, listing.parent.key)


def _missing(
    listings: Sequence[Seen], live: Live, shown: _Shown, unconfirmed: list[EntityKey]
) -> dict[EntityKey, tuple[Head, int]]:
    """Live entities that the complete listing of the scope that held them does not show, nor any other (L7).

    Those that an unreadable item may be are added to `unconfirmed` instead.
    """
    gone = {}
    for seen in listings:
        if seen.listing.complete:
            for entity, head in live.held_by(seen.scope).items():
                if entity in shown.documents or head.category not in seen.listing.categories:
                    continue
                if shown.unread(entity):
                    unconfirmed.append(entity)
                else:
                    gone[entity] = (head, seen.scope)
    return gone


def _take_children_along(
    gone: dict[EntityKey, tuple[Head, int]], live: Live, shown: _Shown, repeated: AbstractSet[int]
) -> None:
    """A parent's disappearance takes its children along, unless a listing of the same sync shows them."""
    parents = list(gone)
    while parents:
        source, category, key = parents.pop()
        for child in live.children(source, category, key):
            entity = child.entity
            if entity in gone or child.scope in repeated:
                continue
            if entity not in shown.documents and not shown.unread(entity):
                gone[entity] = (child, child.scope)
                parents.append(entity)
