"""What a change of an entity does to the rows of a view: decided here, carried out by outputs.

Writes are put together for many changes at a time. Each says what a row is afterwards, so that to carry the same writes
out again, in their order, changes nothing.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from eventstore import Change, Entity, Entry, Event, Kind, Sync
from projector.columns import Stored, time_text
from projector.evaluation import NOTHING, Content, Evaluated, Evaluations, Slot, content_of, rows_of, same, validated
from projector.inferred import Names
from projector.projection import Projection, Shape
from projector.subject import Misfit, Subject

Row: TypeAlias = dict[str, Stored]
"""A whole row by column."""

Key: TypeAlias = tuple[Stored, ...]
"""The values of a primary key, in its order."""

Read: TypeAlias = Callable[[Key], Row | None]
"""What gives the row of a key, as it was before the writes that are being put together."""

_THERE: Final = Evaluated({(): {}}, [])  # of an entity whose document does not matter
FoldedRows: TypeAlias = dict[Key, tuple[int, Any]]
"""Rows of a fold that are at hand, so that they need not be read: up to which event, and the row."""

REMEMBERED: Final = 8192  # of them, before another batch begins
PARENT: Final = "@parent"  # no JSON Pointer: a column of its own beside those of a document's fields


class Close(msgspec.Struct, frozen=True):
    """The row that stands for these values (the primary key less its `seq`) ends with event `until_seq`."""

    key: Key
    until_seq: int
    until_sync: int
    valid_to: str
    valid_to_not_before: str | None


class Found(msgspec.Struct, frozen=True):
    """Something that did not fit, and in which document: that after an event."""

    subject: Subject
    misfit: Misfit
    event: Event


class Counts(msgspec.Struct):
    """What happened to rows; `same` were derived again and are what they were."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    same: int = 0

    def add(self, other: Counts) -> None:
        """Count what another counted too."""
        self.inserted += other.inserted
        self.updated += other.updated
        self.deleted += other.deleted
        self.same += other.same


class Writes(msgspec.Struct):
    """What is to be done to one view: rows to close, to drop, to put (by primary key), and to set some columns of.

    In this order. `misfits` are what did not fit meanwhile. `documents` were looked at, of which `failed` made the
    function give up.
    """

    puts: dict[Key, Row] = {}
    drops: dict[Key, None] = {}
    closes: list[Close] = []
    sets: dict[Key, Row] = {}
    misfits: list[Found] = []
    counts: Counts = msgspec.field(default_factory=Counts)
    documents: int = 0
    failed: int = 0

    def put(self, key: Key, row: Row) -> None:
        """Have a row be so."""
        self.puts[key] = row
        self.drops.pop(key, None)

    def drop(self, key: Key) -> None:
        """Have a row be gone."""
        self.puts.pop(key, None)
        self.drops[key] = None


class Deriver(Protocol):
    """Puts together what changes do to one view."""

    projection: Projection[Any]

    def add(self, change: Change) -> None:
        """Take up a change of an entity that the projection reads; changes come in order."""
        ...

    def finished(self) -> Writes:
        """What all that was taken up comes to."""
        ...


def deriver(
    projection: Projection[Any], evaluations: Evaluations, names: Names | None, read: Read, folded: FoldedRows
) -> Deriver:
    """What derives for a projection. `names` are its columns where they follow from documents.

    `folded` is at hand from one to the next, as long as all that they put together is carried out.
    """
    if projection.shape is Shape.FOLD:
        return _Fold(projection, read, folded)
    if projection.shape is Shape.HISTORY:
        return _History(projection)
    kind = _Table if projection.shape is Shape.TABLE else _Periods
    return kind(projection, evaluations, names)


class _Base:
    def __init__(self, projection: Projection[Any], names: Names | None = None) -> None:
        self.projection = projection
        self.writes = Writes()
        self.names = names
        self._identity = projection.identity
        self._with_category = "category" in self._identity

    def finished(self) -> Writes:
        return self.writes

    def _mine(self, subject: Subject | Entity) -> Row:
        if self._with_category:
            return {"source": subject.source, "category": subject.category, "key": subject.key}
        return {"source": subject.source, "key": subject.key}

    def _key(self, subject: Subject | Entity, slot: Slot) -> Key:
        if self._with_category:
            return (subject.key, subject.source, subject.category, *slot)
        return (subject.key, subject.source, *slot)

    def _note(self, subject: Subject, evaluated: Evaluated, event: Event) -> None:
        self.writes.documents += 1
        self.writes.failed += evaluated.failed
        if evaluated.misfits:
            self.writes.misfits.extend(Found(subject, each, event) for each in evaluated.misfits)


class _OfDocuments(_Base, abc.ABC):
    """Compares the rows of the document before a change with those of the one after."""

    def __init__(self, projection: Projection[Any], evaluations: Evaluations, names: Names | None) -> None:
        super().__init__(projection, names)
        self._evaluations = evaluations

    def add(self, change: Change) -> None:
        event = change.event
        subject = Subject.of(event)
        before, after = self._rows(change, subject)
        if event.kind is not Kind.DISAPPEARED:
            self._note(subject, after, event)
        counts = self.writes.counts
        for slot, row in after.rows.items():
            old = before.rows.get(slot)
            if same(row, old):
                counts.same += 1
            else:
                self._becomes(subject, slot, content_of(row), event, new=old is None)
        for slot in before.rows:
            if slot not in after.rows:
                self._ends(subject, slot, event)

    def _rows(self, change: Change, subject: Subject) -> tuple[Evaluated, Evaluated]:
        if not self.projection.documents:
            kind = change.event.kind
            return NOTHING if kind is Kind.APPEARED else _THERE, NOTHING if kind is Kind.DISAPPEARED else _THERE
        before = self._evaluations.of(self.projection, subject, change.before)
        return before, self._evaluations.of(self.projection, subject, change.after)

    def _named(self, content: Content) -> tuple[Row, list[str]]:
        """A row's own values by column, and the paths that there is no room for."""
        if self.names is None:
            return content, []
        left = self.names.add(content)
        of = self.names.of
        return {of[path]: value for path, value in content.items() if path in of}, left

    @abc.abstractmethod
    def _becomes(self, subject: Subject, slot: Slot, content: Content, event: Event, *, new: bool) -> None: ...

    @abc.abstractmethod
    def _ends(self, subject: Subject, slot: Slot, event: Event) -> None: ...

    def _own(self, subject: Subject, content: Content, event: Event) -> Row:
        row, left = self._named(content)
        if left:
            message = f"more fields than a view has columns for, {left[0]} for instance; name columns in orlog.toml"
            self.writes.misfits.append(Found(subject, Misfit(message), event))
        return row


class _Table(_OfDocuments):
    def _becomes(self, subject: Subject, slot: Slot, content: Content, event: Event, *, new: bool) -> None:
        row = {**self._mine(subject), **self._own(subject, content, event), "updated_at": time_text(event.observed_at)}
        self.writes.put(self._key(subject, slot), row)
        if new:
            self.writes.counts.inserted += 1
        else:
            self.writes.counts.updated += 1

    def _ends(self, subject: Subject, slot: Slot, event: Event) -> None:  # noqa: ARG002  # periods need it
        self.writes.drop(self._key(subject, slot))
        self.writes.counts.deleted += 1


class _Periods(_OfDocuments):
    def __init__(self, projection: Projection[Any], evaluations: Evaluations, names: Names | None) -> None:
        super().__init__(projection, evaluations, names)
        self._open: dict[Key, Key] = {}  # rows of these writes that stand still

    def _becomes(self, subject: Subject, slot: Slot, content: Content, event: Event, *, new: bool) -> None:
        if not new:
            self._ends(subject, slot, event)
        key = self._key(subject, slot)
        began: Row = {
            "valid_from": time_text(event.observed_at),
            "not_before": _text(event.not_before),
            "valid_to": None,
            "valid_to_not_before": None,
            "seq": event.seq,
            "sync": event.sync,
            "until_seq": None,
            "until_sync": None,
        }
        self._open[key] = (*key, event.seq)
        self.writes.put(self._open[key], {**self._mine(subject), **self._own(subject, content, event), **began})
        self.writes.counts.inserted += 1

    def _ends(self, subject: Subject, slot: Slot, event: Event) -> None:
        key = self._key(subject, slot)
        ended = Close(key, event.seq, event.sync, time_text(event.observed_at), _text(event.not_before))
        mine = self._open.pop(key, None)
        if mine is None:
            self.writes.closes.append(ended)
        else:
            self.writes.puts[mine].update(closing(ended))
        self.writes.counts.updated += 1


def closing(ended: Close) -> Row:
    """The columns that change as a row ends."""
    return {
        "valid_to": ended.valid_to,
        "valid_to_not_before": ended.valid_to_not_before,
        "until_seq": ended.until_seq,
        "until_sync": ended.until_sync,
    }


class _History(_Base):
    def add(self, change: Change) -> None:
        event = change.event
        subject = Subject.of(event)
        evaluated = rows_of(self.projection, lambda: self.projection.function(change))
        self._note(subject, evaluated, event)
        if not evaluated.rows:
            return
        happened: Row = {
            "parent": event.parent,
            "observed_at": time_text(event.observed_at),
            "not_before": _text(event.not_before),
            "sync": event.sync,
            "seq": event.seq,
        }
        mine = self._mine(subject)
        for slot, row in evaluated.rows.items():
            self.writes.put((event.seq, *slot), {**mine, **content_of(row), **happened})
        self.writes.counts.inserted += len(evaluated.rows)


class _Fold(_Base):
    def __init__(self, projection: Projection[Any], read: Read, folded: FoldedRows) -> None:
        super().__init__(projection)
        self._read = read
        self._of = projection.document.key
        if len(folded) > REMEMBERED:
            folded.clear()
        self._last = folded
        self._news: dict[Key, Event] = {}  # those that are others, and by which event

    def add(self, change: Change) -> None:
        event = change.event
        key = self._key(event.entity, () if self._of is None else self._of(change))
        seq, row = self._last.get(key) or self._found(key)
        if event.seq <= seq:
            return
        made = self.projection.function(row, change)
        self._last[key] = event.seq, made
        if made is None:
            return
        counts = self.writes.counts
        if made is row:
            counts.same += 1
            return
        self._news[key] = event
        if row is None:
            counts.inserted += 1
        else:
            counts.updated += 1

    def finished(self) -> Writes:
        for key, event in self._news.items():
            kept: Row = {"updated_at": time_text(event.observed_at), "seq": event.seq}
            content = content_of(validated(self.projection, self._last[key][1]))
            self.writes.put(key, {**self._mine(event.entity), **content, **kept})
        return self.writes

    def _found(self, key: Key) -> tuple[int, Any]:
        row = self._read(key)
        if row is None or self.projection.row is None:
            return 0, None
        own = {column.name: row[column.name] for column in self.projection.columns or ()}
        return int(row["seq"] or 0), msgspec.convert(own, self.projection.row, strict=False)


class Syncs(_Base):
    """Puts together what recorded syncs are in a view of shape `syncs`."""

    def take(self, synced: Iterable[tuple[Entry, Sync]]) -> None:
        """Take up recorded syncs."""
        for entry, sync in synced:
            content = content_of(validated(self.projection, self.projection.function(entry, sync)))
            self.writes.put(tuple(content[name] for name in self.projection.key), content)
            self.writes.counts.inserted += 1

    def add(self, change: Change) -> None:
        """Nothing: it is about syncs."""


def _text(instant: Any) -> str | None:
    return None if instant is None else time_text(instant)
