"""Events with the documents around them."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from eventstore import generations, names, replay
from eventstore.canonical import JSON, Document
from eventstore.errors import LogRebuilt, PatchError, Unreadable
from eventstore.fields import ABSENT, FieldChange, field_changes, tokens, value_at, within
from eventstore.model import Entity, Event, Kind
from eventstore.patch import same
from eventstore.patch.pointer import split

REMEMBERED: Final = 1024  # entities whose last document a walk keeps; others are folded anew, about 50 µs each
_UNKNOWN: Final = (None, None)


class Change(msgspec.Struct, frozen=True, gc=False):
    """An event, and the documents before and after it: None where the entity was not there."""

    event: Event
    before: Document | None
    after: Document | None

    def fields(self, path: str | None = None) -> list[FieldChange]:
        """What the documents say differently, or only what they do at, in or above a JSON Pointer.

        Where the entity came or went that is nothing, or with `path` what it says there. Elements of arrays are
        followed; where none changed and yet another value stands at `path`, that is told. Raises `NotAPointer`.
        """
        changes = []
        if self.before is not None and self.after is not None:
            changes = field_changes(self.before.value, self.after.value)
        if path is None:
            return changes
        before, after = self.at(tokens(path))
        about = [each for each in changes if within(each.path, path) or within(path, each.path)]
        return about or ([] if same(before, after) else [FieldChange(path, before, after)])

    def at(self, place: tuple[str, ...]) -> tuple[JSON, JSON]:
        """The values at a place before and after, `ABSENT` where there was none."""
        before, after = (
            ABSENT if document is None else value_at(document.value, place) for document in (self.before, self.after)
        )
        return before, after


class Walk:
    """Puts the documents around events, as long as they come from one generation of the log.

    `every` event of an entity comes, in order, from the first one that is asked about on: then the last one that came
    need not be looked up. `checked`: whether documents are compared with the hashes of their events, as `verify` does.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        generation: int,
        *,
        every: bool = False,
        checked: bool = True,
        remembered: int | None = None,
    ) -> None:
        self._db = db
        self._generation = generation
        self._every = every
        self._next = replay.next_content if checked else replay.next_unchecked
        self._remembered = remembered or REMEMBERED
        self._last: dict[Entity, tuple[int, Document | None]] = {}

    def around(self, event: Event) -> Change:
        """The event with its documents. Raises `LogRebuilt`, and `BrokenHistory` where the record is damaged."""
        try:
            return self._around(event)
        except sqlite3.OperationalError:
            if generations.is_there(self._db, self._generation):
                raise
            raise LogRebuilt("the log has been rebuilt while it was read") from None

    def _around(self, event: Event) -> Change:
        before = self._before(event)
        after = self._next(event, before)
        self._last.pop(event.entity, None)
        self._last[event.entity] = event.seq, after
        if len(self._last) > self._remembered:
            del self._last[next(iter(self._last))]  # the one that came longest ago
        return Change(event, before, after)

    def _before(self, event: Event) -> Document | None:
        last, document = self._last.get(event.entity, _UNKNOWN)
        if self._every and (last is not None or event.kind is Kind.APPEARED):
            return document
        number = names.entity_id(self._db, self._generation, event.entity)
        if number is None:
            raise ValueError(f"{event.entity} is in another generation of the log")
        if event.kind is Kind.APPEARED:
            return None
        if last is not None and last == replay.previous(self._db, self._generation, number, event.seq):
            return document
        folded = replay.fold_entity(self._db, self._generation, number, event.seq - 1)
        return None if folded is None else folded.content


def concerns(change: Change, place: tuple[str, ...]) -> bool:
    """Whether another value stands at a place after the change than before, or none."""
    return not same(*change.at(place))


def may_concern(event: Event, place: tuple[str, ...]) -> bool:
    """Whether an event could be about a place in its document, as far as can be told without the document."""
    try:
        patch = event.patch
        if type(patch) is not list or not all(type(operation) is dict for operation in patch):
            return True
        named = [split(operation["path"]) for operation in patch]
        named += [split(operation["from"]) for operation in patch if "from" in operation]
    except (KeyError, TypeError, PatchError, Unreadable):
        return True  # damaged: whoever applies it says so
    return any(_meet(each, place) for each in named)


def _meet(named: list[str], place: tuple[str, ...]) -> bool:
    """Whether one is at, in or above the other; an element that comes or goes shifts others, so it names its array."""
    if named and (named[-1].isdecimal() or named[-1] == "-"):
        named = named[:-1]
    return all(one == other for one, other in zip(named, place, strict=False))
