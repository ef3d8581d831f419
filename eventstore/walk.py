"""Events with the documents around them."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from typing import Final

import msgspec

from eventstore import names, replay
from eventstore.canonical import Document
from eventstore.errors import PatchError, Unreadable
from eventstore.fields import ABSENT, FieldChange, field_changes, value_at
from eventstore.model import Event, Kind
from eventstore.patch import same
from eventstore.patch.pointer import split

REMEMBERED: Final = 1024  # entities whose last document a walk keeps; others are folded anew, about 50 µs each


class Change(msgspec.Struct, frozen=True):
    """An event, and the documents before and after it: None where the entity was not there."""

    event: Event
    before: Document | None
    after: Document | None

    def fields(self) -> list[FieldChange]:
        """What the documents say differently; empty where the entity came or went."""
        if self.before is None or self.after is None:
            return []
        return field_changes(self.before.value, self.after.value)

    def concerns(self, place: tuple[str, ...]) -> bool:
        """Whether the value at a place (see `tokens`) is another one after the event: the same, if anything."""
        before, after = (
            ABSENT if document is None else value_at(document.value, place) for document in (self.before, self.after)
        )
        return not (before is after or same(before, after))


class Walk:
    """Puts the documents around events, as long as they come from one snapshot."""

    def __init__(self, db: sqlite3.Connection, generation: int) -> None:
        self._db = db
        self._generation = generation
        self._last: OrderedDict[int, tuple[int, Document | None]] = OrderedDict()

    def around(self, event: Event) -> Change:
        """The event with its documents. Raises `BrokenHistory` where the record is damaged."""
        number = names.entity_id(self._db, self._generation, event.entity)
        if number is None:
            raise ValueError(f"{event.entity} is in another generation of the log")
        before = None if event.kind is Kind.APPEARED else self._before(number, event.seq)
        after = replay.next_content(event, before)
        self._last[number] = (event.seq, after)
        self._last.move_to_end(number)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return Change(event, before, after)

    def _before(self, number: int, seq: int) -> Document | None:
        last, document = self._last.get(number, (None, None))
        if last is not None and last == replay.previous(self._db, self._generation, number, seq):
            return document
        folded = replay.fold_entity(self._db, self._generation, number, seq - 1)
        return None if folded is None else folded.content


def may_concern(event: Event, place: tuple[str, ...]) -> bool:
    """Whether an event could be about a place in its document, as far as can be told without the document."""
    try:
        patch = event.patch
        if type(patch) is not list or not all(type(operation) is dict for operation in patch):
            return True
        named = [split(operation[name]) for operation in patch for name in ("path", "from") if name in operation]
    except (KeyError, TypeError, PatchError, Unreadable):
        return True  # damaged: whoever applies it says so
    return any(_meet(each, place) for each in named)


def _meet(named: list[str], place: tuple[str, ...]) -> bool:
    """Whether one is at, in or above the other; an element that comes or goes shifts others, so it names its array."""
    if named and (named[-1].isdecimal() or named[-1] == "-"):
        named = named[:-1]
    return all(one == other for one, other in zip(named, place, strict=False))
