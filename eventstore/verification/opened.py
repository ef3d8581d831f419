"""Segments beside the fold: what each begins and ends with, and the full copies in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from eventstore import segments
from eventstore.canonical import JSON, encode
from eventstore.segments import Base, Place, SealedEntity, Segment
from eventstore.stored import Stored


class Folded(Protocol):
    """An entity as the events so far leave it; see `verification.folded`."""

    category: int
    key: str
    seq: int
    entry: int
    at: int
    parent_category: str | None
    parent: str | None
    scope: int
    sync: int | None
    live: bool
    value: JSON
    patches: int
    patch_bytes: int


class _Open(NamedTuple):
    segment: Segment
    entities: dict[int, SealedEntity]
    follows: bool  # nothing is left out between the one before it and this one


Find = Callable[[str, int | None, str], None]
"""Takes note of a finding: where, which sync, what."""


class Opened:
    """The segments that the fold is in, one of each category."""

    def __init__(self, db: sqlite3.Connection, generation: int, find: Find) -> None:
        self._db = db
        self._generation = generation
        self._find = find
        self._open: dict[int, _Open] = {}  # by category
        # what comes to nothing may have gone where it was, and not yet where it is what stood
        self._compacting = db.execute(
            "SELECT EXISTS (SELECT 1 FROM compaction WHERE generation = ? AND receipt IS NULL)", (generation,)
        ).fetchone()[0]
        self.since: dict[int, int] = {}
        """Events since the last catalogue keyframe was due, by category."""
        self._copies: dict[int, bytes] = {}  # by the event before them, not compared yet

    def open(self, segment: Segment, entities: Mapping[int, Folded]) -> None:
        """Take a segment on whose turn it is, and compare what it begins with."""
        sync = self._sync(segment)
        self._blocks(segment, sync)
        there = {each.number: each for each in segments.entities_of(self._db, self._generation, segment)}
        self._open[segment.category] = _Open(segment, there, self._follows(segment))
        live = {number for number, each in entities.items() if each.category == segment.category and each.live}
        for number in sorted(live | there.keys()):
            sealed, folded = there.get(number), entities.get(number)
            base = None if sealed is None else sealed.base
            if base is not None and folded is not None:
                # counted on from what was there before anything was thinned
                folded.patches, folded.patch_bytes = base.patches, base.patch_bytes
            stood = None if folded is None or not folded.live else (folded.key, _base(folded), encode(folded.value))
            begun = None if sealed is None or base is None else (sealed.key, base, sealed.document)
            if stood != begun and not (self._compacting and _same_document(stood, begun)):
                self._find("segment", sync, f"segment {segment.id} does not begin with what entity {number} was then")
        for each in there.values():
            self._copies.update((seq, each.copy(place)) for place, seq in enumerate(each.seqs) if each.copy(place))
        numbers = [seq for each in there.values() for seq in each.seqs]
        if (len(numbers), min(numbers, default=0), max(numbers, default=0)) != segment[4:5] + segment[2:4]:
            self._find("segment", sync, f"segment {segment.id} does not hold the events that it says")

    def _follows(self, segment: Segment) -> bool:
        before = self._open.get(segment.category)
        rows = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM thinned_{self._generation} WHERE category = ? AND last > ? AND first < ?)",
            (segment.category, 0 if before is None else before.segment.last, segment.first),
        )
        return not rows.fetchone()[0]

    def _blocks(self, segment: Segment, sync: int | None) -> None:
        """Check that an entity is found by its key: blocks are in order, each named by its first."""
        blocks = segments.blocks_of(self._db, self._generation, segment)
        keys = [key for _, found in blocks for key in found]
        if keys != sorted(set(keys)) or any(found[:1] != [name] for name, found in blocks):
            self._find("block", sync, f"the entities of segment {segment.id} are not in order of their keys")

    def holds(self, event: Stored) -> bool:
        """Whether an event is a sealed one."""
        return self.reach(event.category, event.seq)

    def reach(self, category: int, seq: int) -> bool:
        """Whether a category's event of a number is a sealed one."""
        return category in self._open and seq <= self._open[category].segment.last

    def compare(self, seq: int, document: bytes, sync: int | None) -> None:
        """Compare the full copy that is due behind an event."""
        if self._copies.pop(seq, None) != document:
            self._find("block", sync, f"the full copy behind event {seq} is not what the events give")

    def close(self, category: int, seq: int, entities: Mapping[int, Folded]) -> None:
        """Compare what a segment ends with, where the entry that is over was its last."""
        if not self.reach(category, seq) or seq != self._open[category].segment.last:
            return
        segment, there, follows = self._open[category]
        sync = self._sync(segment)
        if not follows:
            self.since[category] = segment.since
        if segment.composed:
            self._adopt(segment, there, entities)
            return
        if segment.since != self.since[category]:
            self._find("segment", sync, f"segment {segment.id} does not say when the last catalogue keyframe was due")
        for number, sealed in there.items():
            folded = entities.get(number)
            if folded is not None and sealed.since_keyframe != (folded.patches, folded.patch_bytes):
                self._find("segment", sync, f"segment {segment.id} does not say when {folded.key} had a keyframe last")

    def _adopt(self, segment: Segment, there: Mapping[int, SealedEntity], entities: Mapping[int, Folded]) -> None:
        """Count on from what a thinned segment says: its events do not tell any more when a keyframe was due."""
        for number, sealed in there.items():
            if number in entities:
                entities[number].patches, entities[number].patch_bytes = sealed.since_keyframe
        self.since[segment.category] = segment.since

    def leftovers(self) -> None:
        """Find full copies that nothing asked for."""
        for seq in sorted(self._copies):
            self._find("block", None, f"there should be no full copy behind event {seq}")

    def _sync(self, segment: Segment) -> int | None:
        row = self._db.execute("SELECT sync FROM entry WHERE id = ?", (segment.head.entries[0],)).fetchone()
        return None if row is None else row[0]


def _same_document(one: tuple[str, Base, bytes] | None, other: tuple[str, Base, bytes] | None) -> bool:
    return one is not None and other is not None and (one[0], one[2]) == (other[0], other[2])


def _base(folded: Folded) -> Base:
    place = Place(folded.scope, folded.parent_category, folded.parent)
    return Base(folded.seq, folded.entry, folded.at, place, folded.patches, folded.patch_bytes)
