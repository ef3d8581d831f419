"""Thinning segments: which of them become others, and what is in those. Reads, and writes nothing."""

from __future__ import annotations

import functools
import itertools
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from eventstore import segments
from eventstore.compaction.drafting import Standing, Start, begun, ended
from eventstore.compaction.sealing import full, joined
from eventstore.retention import Bucket, CategoryPlan, Spacing, bucket_of
from eventstore.retention.thinning import NOTHING, Known, Stood, Thinned, merged_spans, thin
from eventstore.segments import Head, SealedEntity, Segment
from eventstore.stored import Stored

_FINE: Final = {Spacing.HOURLY, Spacing.DAILY}  # intervals of presence stay in these


class Stretch(NamedTuple):
    """Segments that others are to take the place of: what these begin with, and what is left of their events.

    `before` are those that there were, `parts` what is left, by the segments that it is to be in; `intervals`, `spans`,
    `gone` and `seen` are as `Thinned` has them.
    """

    replaced: Sequence[Segment]
    start: Start
    before: Sequence[Stored]
    parts: Sequence[Sequence[Stored]]
    spans: Sequence[tuple[int, int]]
    intervals: int
    gone: frozenset[int]
    seen: Sequence[Stored]

    @property
    def left(self) -> Iterator[Stored]:
        """All that is left, in order."""
        return itertools.chain.from_iterable(self.parts)


def known_of(db: sqlite3.Connection, generation: int, category: int, planned: CategoryPlan, head: int) -> Known:
    """What must be known of a category to thin it by a plan of when the log ended with event `head`."""
    times = dict(
        db.execute("SELECT id, observed_at FROM entry WHERE generation = ? AND kind = 'sync'", (generation,)).fetchall()
    )
    rows = db.execute(f"SELECT id, key, seq FROM entity_{generation} WHERE category = ?", (category,)).fetchall()
    pinned = frozenset(planned.pinned)
    zones = planned.zones
    until = _last_thinned(db, generation, planned)
    last = {number: seq for number, _, seq in rows}
    last_planned = last if max(last.values(), default=0) <= head else _last_of_each(db, generation, category, head)
    return Known(
        functools.cache(lambda entry: bucket_of(times[entry], zones)),
        _last_sealed(db, generation, category, until),
        last_planned,
        last,
        frozenset(number for number, key, _ in rows if key in pinned),
    )


def _last_of_each(db: sqlite3.Connection, generation: int, category: int, until: int) -> dict[int, int]:
    """The number of each entity's last event up to a number."""
    query = f"SELECT entity, max(seq) FROM event_{generation} WHERE category = ? AND seq <= ? GROUP BY entity"
    return _last_sealed(db, generation, category, until) | dict(db.execute(query, (category, until)).fetchall())


def _last_sealed(db: sqlite3.Connection, generation: int, category: int, until: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for segment in segments.listed(db, generation, category, until=until):
        for entity in segments.entities_of(db, generation, segment):
            count = entity.count(until)
            if count:
                found[entity.number] = entity.seqs[count - 1]
    return found


def _last_thinned(db: sqlite3.Connection, generation: int, planned: CategoryPlan) -> int:
    """The number up to which events are thinned, 0 where none are."""
    if not planned.zones:
        return 0
    row = db.execute(
        "SELECT seq FROM entry WHERE generation = ? AND kind = 'sync' AND observed_at < ? "
        "ORDER BY observed_at DESC LIMIT 1",
        (generation, planned.zones[0].before),
    ).fetchone()
    return 0 if row is None else int(row[0])


class _Gathering(msgspec.Struct):
    """A stretch as it grows."""

    start: Start
    stood: dict[int, Stood]  # where the waiting ones begin
    moved: bool  # what it begins with is not what its first segment began with
    replaced: list[Segment]
    before: list[Stored]
    waiting: list[Stored]  # their last bucket may go on in the next segment
    left: list[Stored]
    spans: list[tuple[int, int]]
    intervals: int = 0
    gone: set[int] = set()
    seen: list[Stored] = []

    def take(self, thinned: Thinned) -> None:
        """Thin what was waiting."""
        self.waiting = []
        self.left += thinned.events
        self.spans += thinned.spans
        self.intervals += thinned.intervals
        self.gone |= thinned.gone
        self.seen += thinned.seen

    def go_on_behind(self, taken: Sequence[Stored]) -> None:
        """Let what stands be as events leave it that were taken."""
        for entity, stood in _ends(taken, self.stood):
            if stood is None:
                self.stood.pop(entity, None)
            else:
                self.stood[entity] = stood

    @property
    def changes(self) -> bool:
        """Whether anything would be another than it was."""
        return self.moved or self.left != self.before

    @property
    def wanted(self) -> int:
        """How many events a segment is to hold."""
        return full(len(self.start.standing), thinned=True)


class Stretches:
    """The stretches of a category that thinning changes, in order; `carried` is set between one and the next."""

    def __init__(
        self,
        db: sqlite3.Connection,
        generation: int,
        category: int,
        planned: CategoryPlan,
        *,
        head: int,
        resumed: bool = False,
    ) -> None:
        """`head`: the last event when this was planned; since then there may be more.

        `resumed`: who did this before was killed, so that a segment may not begin with what stood before it.
        """
        self._resumed = resumed
        self._db = db
        self._generation = generation
        self._category = category
        self._known = known_of(db, generation, category, planned, head)
        self._until = _last_thinned(db, generation, planned)
        self.carried: Mapping[int, Standing] | None = None
        """What stands when the stretch before ends, where that was rewritten."""

    def __iter__(self) -> Iterator[Stretch]:
        gathering: _Gathering | None = None
        listed = segments.listed(self._db, self._generation, self._category)
        for place, segment in enumerate(listed):
            following = listed[place + 1 : place + 3]
            if gathering is None:
                if self._resumed and place and self.carried is None:
                    self.carried = ended(self._db, self._generation, listed[place - 1]).standing
                if not self._moved(segment):
                    self.carried = None
                    if segment.first > self._until and not self._resumed:
                        return
                    if self._thinned_already(segment, following):
                        continue
            gathering = self._with(gathering, segment)
            if following and self._share_a_bucket(gathering.waiting, following[0]):
                continue
            taken = gathering.waiting
            gathering.take(thin(taken, gathering.stood, self._known))
            small = len(gathering.left) < gathering.wanted
            if small and following and not self._thinned_already(following[0], following[1:]):
                gathering.go_on_behind(taken)
                continue
            if gathering.changes:
                yield self._finished(gathering)
            else:
                self.carried = None
            gathering = None

    def _thinned_already(self, segment: Segment, following: Sequence[Segment]) -> bool:
        """Whether a segment would stay as it is: told by numbers and kinds, without folding anything."""
        head = segment.head
        last = self._known.bucket(head.entries[-1])
        if last is not None and any(self._known.bucket(each.head.entries[0]) == last for each in following[:1]):
            return False
        for entity in segments.entities_of(self._db, self._generation, segment):
            if entity.number not in self._known.exempt and not self._stays(entity, head):
                return False
        return True

    def _stays(self, entity: SealedEntity, head: Head) -> bool:
        """Whether an entity's events stay: no two changes in a bucket, no needless one, no interval in a coarse one."""
        appeared: Bucket | None = None
        changed: Bucket | None = None
        for number, seq in enumerate(entity.seqs):
            bucket = self._known.bucket(head.of_event(seq)[0])
            if bucket is None:
                return True  # nor is anything thinned that is later
            kind = entity.kind(number)
            if kind == "changed" and (bucket == changed or self._needless(entity, number)):
                return False
            if kind == "disappeared" and (bucket == appeared or bucket.spacing is None) and bucket.spacing not in _FINE:
                return False
            appeared = bucket if kind == "appeared" else appeared
            changed = bucket if kind == "changed" else None
        return True

    def _needless(self, entity: SealedEntity, number: int) -> bool:
        """Whether a change comes to nothing, nor is needed for when or where the entity was seen last."""
        if entity.body(number) != NOTHING or entity.seqs[number] == self._known.last_thinned.get(entity.number):
            return False
        before = None if entity.base is None else entity.base.place
        return entity.place(number) == (entity.place(number - 1) if number else before)

    def _moved(self, segment: Segment) -> bool:
        """Whether a segment does not begin with what stands now when the one before it ends."""
        return self.carried is not None and not _same(self.carried, begun(self._db, self._generation, segment).standing)

    def _with(self, gathering: _Gathering | None, segment: Segment) -> _Gathering:
        if gathering is None:
            start = begun(self._db, self._generation, segment)
            if self.carried is not None:
                start = Start(self.carried, start.since)
            stood = {number: Stood(each.document, _place(each)) for number, each in start.standing.items()}
            gathering = _Gathering(start, stood, self.carried is not None, [], [], [], [], [])
        events = segments.events_of(self._db, self._generation, segment)
        gathering.replaced.append(segment)
        gathering.before += events
        gathering.waiting += events
        return gathering

    def _share_a_bucket(self, events: Sequence[Stored], following: Segment) -> bool:
        bucket = self._known.bucket(events[-1].entry)
        return bucket is not None and self._known.bucket(following.head.entries[0]) == bucket

    def _finished(self, gathering: _Gathering) -> Stretch:
        """The stretch, with those segments before it that are small beside what is left."""
        events = len(gathering.left)
        before = segments.listed(self._db, self._generation, self._category, until=gathering.replaced[0].first - 1)
        again = joined(before, events, len(gathering.start.standing), gathering.wanted)
        if not events and not again:
            again = before[-1:]  # what stands then is to be found in some segment
        start = begun(self._db, self._generation, again[0]) if again else gathering.start
        unchanged = [event for each in again for event in segments.events_of(self._db, self._generation, each)]
        return Stretch(
            [*again, *gathering.replaced],
            start,
            [*unchanged, *gathering.before],
            list(self._parts([*unchanged, *gathering.left], gathering.wanted)),
            merged_spans(gathering.spans),
            gathering.intervals,
            frozenset(gathering.gone),
            gathering.seen,
        )

    def _parts(self, events: Sequence[Stored], wanted: int) -> Iterator[list[Stored]]:
        """Events in parts of so many, or a few more: no bucket goes on from one into the next."""
        part: list[Stored] = []
        for _, together in itertools.groupby(events, key=lambda event: self._known.bucket(event.entry) or event.entry):
            if len(part) >= wanted:
                yield part
                part = []
            part += together
        if part:
            yield part


def _place(standing: Standing) -> tuple[int, str | None, str | None]:
    place = standing.base.place
    return place.scope, place.parent_category, place.parent


def _ends(events: Sequence[Stored], before: Mapping[int, Stood]) -> Iterator[tuple[int, Stood | None]]:
    """Each entity that has events, with how they leave it, None where it is gone."""
    by_entity: dict[int, list[Stored]] = {}
    for event in events:
        by_entity.setdefault(event.entity, []).append(event)
    for entity, each in by_entity.items():
        if each[-1].kind == "disappeared":
            yield entity, None
        else:
            begun_at = max((place for place, event in enumerate(each) if event.kind == "appeared"), default=None)
            document = before[entity].document if begun_at is None else each[begun_at].body or b""
            patches = [event.body or b"" for event in each[0 if begun_at is None else begun_at + 1 :]]
            yield entity, Stood(segments.document_of(document, patches, each[-1].seq), each[-1].place)


def _same(one: Mapping[int, Standing], other: Mapping[int, Standing]) -> bool:
    """Whether the same stands, whenever keyframes were due."""
    return {number: _essence(each) for number, each in one.items()} == {
        number: _essence(each) for number, each in other.items()
    }


def _essence(standing: Standing) -> Standing:
    return standing._replace(base=msgspec.structs.replace(standing.base, patches=0, patch_bytes=0))
