"""Two instants side by side: what was there at only one of them, and what was said differently."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from eventstore.fields import FieldChange, field_changes
from eventstore.log import EventLog
from eventstore.model import State
from eventstore.patch import Patch, diff
from eventstore.positions import Instant, Position


class Changed(msgspec.Struct, frozen=True):
    """An entity that was there at both instants, with different documents."""

    before: State
    after: State

    def fields(self) -> list[FieldChange]:
        """What the documents say differently, field by field."""
        return field_changes(self.before.document, self.after.document)

    def patch(self) -> Patch:
        """RFC 6902 operations that make the later document of the earlier one."""
        return diff(self.before.document, self.after.document)


class RulesDiffer(msgspec.Struct, frozen=True):
    """A resource that was read by other rules at the second instant: the hash of each (see `Archive.rules_text`)."""

    resource: str
    before: str
    after: str


class Comparison(msgspec.Struct, frozen=True):
    """What `compare` found, in order of address and key; `rules` says which differences may be the rules' doing."""

    before: Position
    after: Position
    appeared: tuple[State, ...]
    disappeared: tuple[State, ...]
    changed: tuple[Changed, ...]
    rules: tuple[RulesDiffer, ...]

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.appeared or self.disappeared or self.changed)


def compare(
    log: EventLog, before: Instant, after: Instant | None = None, *, category: str | None = None, key: str | None = None
) -> Comparison:
    """Compare what stood at two instants: everything, a category, or (with both) one entity; None is the head.

    The second may be the earlier one. Raises `BeyondHead`, `UnknownCategory`, `UnknownEntity`, `ValueError` for a key
    without a category, and `BrokenHistory` as `EventLog.catalogue` does.
    """
    if key is not None and category is None:
        raise ValueError("a key needs a category: the same one may be in several")
    with log.reading():
        appeared: list[State] = []
        disappeared: list[State] = []
        changed: list[Changed] = []
        for old, new in _pairs(log, before, after, category, key):
            if old is None and new is not None:
                appeared.append(new)
            elif old is not None and new is None:
                disappeared.append(old)
            elif old is not None and new is not None and old.seq != new.seq and old.content != new.content:
                changed.append(Changed(old, new))
        return Comparison(
            log.position(before),
            log.position(after),
            tuple(appeared),
            tuple(disappeared),
            tuple(changed),
            tuple(_rules(log, before, after, category)),
        )


def _pairs(
    log: EventLog, before: Instant, after: Instant | None, category: str | None, key: str | None
) -> Iterator[tuple[State | None, State | None]]:
    if category is not None and key is not None:
        entity = log.entity(category, key)
        yield log.state(entity, at=before), log.state(entity, at=after)
        return
    for address in [each.address for each in log.categories()] if category is None else [category]:
        old, new = log.catalogue(address, at=before), log.catalogue(address, at=after)
        for name in sorted(old.keys() | new.keys()):
            yield old.get(name), new.get(name)


def _rules(log: EventLog, before: Instant, after: Instant | None, category: str | None) -> Iterator[RulesDiffer]:
    categories = log.categories()
    if category is not None:
        named = log.find_category(category)
        categories = [each for each in categories if (each.source, each.name) == named]
    wanted = {f"{each.source}.{each.resource}" for each in categories}
    old, new = log.rules(at=before), log.rules(at=after)
    for resource in sorted(wanted & old.keys() & new.keys()):
        if old[resource] != new[resource]:
            yield RulesDiffer(resource, old[resource], new[resource])
