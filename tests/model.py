"""A plain model of the log: what `design.md` promises of it (L2, L4, L5, L7, L8), worked out by scanning.

It keeps every listing ever laid down, with a copy of all that stood after each sync, and knows no tables, folds or
keyframes. Documents are told apart by their text, as the standard library writes it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from eventstore import JSON, Entity, Item, Kind, Listing, Scope

_Whole: TypeAlias = frozenset[tuple[str, str]]
"""All documents of one item: categories with texts."""


def text_of(value: JSON) -> str:
    """The text of a JSON value: the same exactly where the values are, 1, 1.0 and true being three."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Happening(NamedTuple):
    """An event that must be in the log; `not_before` in milliseconds, `text` None where nothing is left."""

    kind: Kind
    text: str | None
    scope: Scope
    parent: str | None
    not_before: int | None


class Standing(NamedTuple):
    """An entity that is there, since when (milliseconds), and what happened then.

    `scope` and `above` (its parent) are those of the listing that last showed it, be it without an event.
    """

    text: str
    since: int
    last: Happening
    scope: Scope
    above: Entity | None


class Sight(NamedTuple):
    """A listing and the entities that it shows, its items numbered."""

    listing: Listing
    shows: Mapping[Entity, str]

    def speaks_against(self, entity: Entity) -> bool:
        """Whether it is evidence that the entity is not in its scope."""
        speaks = self.listing.complete and entity.category in self.listing.categories
        return speaks and not self.may_show(entity)

    def may_show(self, entity: Entity) -> bool:
        """Whether it shows the entity, or has an unreadable item of its key, with or without a number."""
        plain, _, number = entity.key.rpartition("#")
        keys = {entity.key, plain} if number.isdecimal() else {entity.key}
        unread = entity.source == self.listing.scope.source and entity.category in self.listing.categories
        return entity in self.shows or (unread and not keys.isdisjoint(self.listing.present))


@dataclass
class Moment:
    """One sync, `asked` when its attempts were made (milliseconds, by attempt), and everything that stood after it."""

    sync: int
    at: int
    asked: Mapping[int, int]
    sights: Sequence[Sight]
    happenings: dict[Entity, Happening]
    stands: dict[Entity, Standing]

    def showing(self, entity: Entity) -> Sight | None:
        """The sight that counts where several listings of the sync show the entity: the last."""
        return next((sight for sight in reversed(self.sights) if entity in sight.shows), None)


class Model:
    """Everything ever observed, in order."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []

    # -- observing

    def observe(self, sync: int, at: int, asked: Mapping[int, int], listings: Sequence[Listing]) -> Moment:
        """Lay down a sync whose last answer came in at `at` milliseconds."""
        before = self.stands()
        if self.moments:
            at = max(at, self.moments[-1].at + 1)
        sights = [_sight(listing, before) for listing in listings]
        moment = Moment(sync, at, asked, sights, {}, dict(before))
        for entity in {entity: None for sight in sights for entity in sight.shows}:
            self._see(entity, moment)
        for entity in self._gone(before, sights):
            standing = moment.stands.pop(entity)
            not_before = self._last_seen(entity)
            parent = None if standing.above is None else standing.above.key
            moment.happenings[entity] = Happening(Kind.DISAPPEARED, None, standing.scope, parent, not_before)
        self.moments.append(moment)
        return moment

    def _see(self, entity: Entity, moment: Moment) -> None:
        sight = moment.showing(entity)
        assert sight is not None
        text, scope, above = sight.shows[entity], sight.listing.scope, sight.listing.parent
        standing = moment.stands.get(entity)
        if standing is not None and standing.text == text:
            moment.stands[entity] = standing._replace(scope=scope, above=above)
            return
        parent = None if above is None else above.key
        kind = Kind.APPEARED if standing is None else Kind.CHANGED
        not_before = self._last_absent(entity, scope) if standing is None else self._last_seen(entity)
        moment.happenings[entity] = happening = Happening(kind, text, scope, parent, not_before)
        moment.stands[entity] = Standing(text, moment.at, happening, scope, above)

    def _gone(self, before: Mapping[Entity, Standing], sights: Sequence[Sight]) -> set[Entity]:
        """L7: the scope that last held it was listed completely, or its parent went; and no listing shows it."""
        unseen = {entity for entity in before if not any(sight.may_show(entity) for sight in sights)}
        gone = {
            entity
            for entity in unseen
            for sight in sights
            if sight.listing.scope == before[entity].scope and sight.speaks_against(entity)
        }
        while orphans := {entity for entity in unseen - gone if before[entity].above in gone}:
            gone |= orphans
        return gone

    # -- L8: what was last known, and when it was asked for

    def _last_seen(self, entity: Entity) -> int:
        for moment in reversed(self.moments):
            if sight := moment.showing(entity):
                return moment.asked[sight.listing.attempt]
        raise AssertionError(f"{entity} stands though nothing ever showed it")

    def _last_absent(self, entity: Entity, scope: Scope) -> int | None:
        """When a listing of the scope last did not show it; for want of one, when the sync in which it went began."""
        for moment in reversed(self.moments):
            for sight in moment.sights:
                if sight.listing.scope == scope and sight.speaks_against(entity):
                    return moment.asked[sight.listing.attempt]
            if entity in moment.happenings:
                return min(moment.asked.values())
        return None

    # -- asking

    def count(self, at: int | None = None) -> int:
        """How many syncs had been laid down at an instant (milliseconds; None: now)."""
        return sum(at is None or moment.at <= at for moment in self.moments)

    def stands(self, count: int | None = None) -> dict[Entity, Standing]:
        """What stood after the first `count` syncs (None: all)."""
        moments = self.moments[:count]
        return moments[-1].stands if moments else {}

    def confirmed(self, entity: Entity, count: int | None = None) -> int:
        """The attempt that, of the first `count` syncs, last confirmed an entity that stood after them."""
        for moment in reversed(self.moments[:count]):
            if sight := moment.showing(entity):
                return sight.listing.attempt
        raise AssertionError(f"{entity} stands though nothing ever showed it")

    def entities(self) -> list[Entity]:
        """Every entity that ever stood."""
        return sorted({entity for moment in self.moments for entity in moment.happenings})


# -- reading a listing


def _sight(listing: Listing, before: Mapping[Entity, Standing]) -> Sight:
    source = listing.scope.source
    shows = {
        Entity(source, category, key): text_of(document.value)
        for key, item in _keyed(listing, before)
        for category, document in item.parts
    }
    return Sight(listing, shows)


def _keyed(listing: Listing, before: Mapping[Entity, Standing]) -> Iterator[tuple[str, Item]]:
    different: dict[str, dict[_Whole, Item]] = {}
    for item in listing.items:
        different.setdefault(item.key, {}).setdefault(_whole(item), item)
    for base, items in different.items():
        for number, item in _numbered(base, list(items.values()), listing, before):
            yield (base if number == 1 else f"{base}#{number}"), item


def _numbered(
    base: str, waiting: list[Item], listing: Listing, before: Mapping[Entity, Standing]
) -> Iterator[tuple[int, Item]]:
    """Equal ones keep their number, then the nearest (most equal fields) takes it, then the lowest free one."""
    lived = _lived(base, listing, before)
    vacant = {number: _stood(key, listing, before) for number, key in sorted(lived.items())}
    pairs = [(number, item) for number, whole in vacant.items() for item in waiting if _whole(item) == whole]
    while waiting and vacant:
        nearest = ((number, item) for number in vacant for item in waiting)
        number, item = pairs[0] if pairs else max(nearest, key=lambda pair: _alike(_whole(pair[1]), vacant[pair[0]]))
        waiting.remove(item)
        del vacant[number]
        pairs = [pair for pair in pairs if pair[0] != number and pair[1] is not item]
        yield number, item
    yield from zip((number for number in itertools.count(1) if number not in lived), waiting, strict=False)


def _lived(base: str, listing: Listing, before: Mapping[Entity, Standing]) -> dict[int, str]:
    """Numbers and keys of the entities that the scope held under one key."""
    lived = {}
    for entity, standing in before.items():
        if standing.scope == listing.scope and entity.category == listing.categories[0]:
            plain, _, number = entity.key.rpartition("#")
            if entity.key == base:
                lived[1] = entity.key
            elif plain == base and number.isdecimal():
                lived[int(number)] = entity.key
    return lived


def _whole(item: Item) -> _Whole:
    return frozenset((category, text_of(document.value)) for category, document in item.parts)


def _stood(key: str, listing: Listing, before: Mapping[Entity, Standing]) -> _Whole:
    parts = ((category, Entity(listing.scope.source, category, key)) for category in listing.categories)
    return frozenset((category, before[entity].text) for category, entity in parts if entity in before)


def _alike(one: _Whole, other: _Whole) -> int:
    return len(_fields(one) & _fields(other))


def _fields(whole: _Whole) -> set[tuple[str, str, str]]:
    fields = set()
    for category, text in whole:
        value = json.loads(text)
        members = value.items() if isinstance(value, dict) else [("", value)]
        fields |= {(category, name, text_of(member)) for name, member in members}
    return fields
