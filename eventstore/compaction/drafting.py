"""What a segment is to hold, worked out from how things stood and the events since."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from eventstore import replay, segments
from eventstore.canonical import JSON, encode, parse
from eventstore.errors import BrokenHistory, PatchError, Unreadable
from eventstore.patch import apply_in_place
from eventstore.segments import Base, Head, SealedEntity, Sealing, Segment
from eventstore.stored import Stored

BLOCK_BYTES: Final = 512 << 10  # before compression; at 256 kB a tenth more space, one entity a fifth of a ms sooner


class Standing(NamedTuple):
    """An entity between two segments: its key, how it stood, and its document."""

    key: str
    base: Base
    document: bytes


class Start(NamedTuple):
    """What a segment begins with: the live entities by number, and the events since the last catalogue keyframe."""

    standing: Mapping[int, Standing]
    since: int


class Draft(NamedTuple):
    """A segment to be written: its events, its entities in order of key, and the counter that it leaves."""

    category: int
    events: Sequence[Stored]
    entities: Sequence[Sealing]
    since: int

    def blocks(self) -> Iterator[Sequence[Sealing]]:
        """Its entities in runs of about `BLOCK_BYTES`."""
        run: list[Sealing] = []
        size = 0
        for entity in self.entities:
            run.append(entity)
            size += entity.size
            if size >= BLOCK_BYTES:
                yield run
                run, size = [], 0
        if run:
            yield run


def begun(db: sqlite3.Connection, generation: int, segment: Segment) -> Start:
    """What a segment began with."""
    standing = {
        sealed.number: Standing(sealed.key, sealed.base, sealed.document)
        for sealed in segments.entities_of(db, generation, segment)
        if sealed.base is not None
    }
    before = segments.covering(db, generation, segment.category, segment.first - 1)
    return Start(standing, 0 if before is None else before.since)


def ended(db: sqlite3.Connection, generation: int, segment: Segment | None) -> Start:
    """What stood when a segment ends, which is what the next one begins with; nothing before the first."""
    if segment is None:
        return Start({}, 0)
    times = dict(
        db.execute(
            "SELECT id, observed_at FROM entry WHERE id IN (SELECT value FROM json_each(?))",
            (encode(list(segment.head.entries)).decode(),),
        ).fetchall()
    )
    found = {}
    for sealed in segments.entities_of(db, generation, segment):
        last = _end(sealed, segment.head, times)
        if last is not None:
            found[sealed.number] = last
    return Start(found, segment.since)


def _end(sealed: SealedEntity, head: Head, times: Mapping[int, int]) -> Standing | None:
    count = len(sealed.seqs)
    standing = sealed.standing(count)
    if standing is None:
        return None
    if not count:
        return None if sealed.base is None else Standing(sealed.key, sealed.base, sealed.document)
    document, patches = standing
    seq = sealed.seqs[-1]
    entry = head.of_event(seq)[0]
    base = Base(seq, entry, times[entry], sealed.place(count - 1), *sealed.since_keyframe)
    return Standing(sealed.key, base, segments.document_of(document, patches, seq))


def drafted(category: int, start: Start, events: Sequence[Stored], keys: Mapping[int, str]) -> Draft:
    """The segment of these events, in order; `keys` are those of their entities. Raises `BrokenHistory`."""
    entities = {
        number: Sealing(number, each.key, each.base, each.document, [], [], each.base.patches, each.base.patch_bytes)
        for number, each in start.standing.items()
    }
    for event in events:
        if event.entity not in entities:
            entities[event.entity] = Sealing(event.entity, keys[event.entity], None, b"", [], [], 0, 0)
        entities[event.entity].events.append(event)
    for entity in entities.values():
        _with_copies(entity)
    ordered = sorted(entities.values(), key=lambda entity: entity.key)
    return Draft(category, events, ordered, _since(start, events))


def _with_copies(entity: Sealing) -> None:
    """Put a full copy behind each event after which a keyframe is due."""
    value: JSON = None if entity.base is None or not entity.events else parse(entity.document)
    for event in entity.events:
        copy = b""
        if event.body is not None:
            value = _next(value, event, event.body)
            if event.kind == "appeared":
                entity.patches = entity.patch_bytes = 0
            else:
                copy = _copy(entity, len(event.body), encode(value))
        entity.copies.append(copy)


def _copy(entity: Sealing, patch: int, document: bytes) -> bytes:
    entity.patches += 1
    entity.patch_bytes += patch
    if not replay.keyframe_due(entity.patches, entity.patch_bytes, len(document)):
        return b""
    entity.patches = entity.patch_bytes = 0
    return document


def _next(value: JSON, event: Stored, body: bytes) -> JSON:
    try:
        return parse(body) if event.kind == "appeared" else apply_in_place(value, parse(body))
    except (PatchError, Unreadable) as error:
        raise BrokenHistory(f"event {event.seq} cannot be folded: {error}", seq=event.seq) from None


def _since(start: Start, events: Sequence[Stored]) -> int:
    """Events since the last catalogue keyframe that was due: at the end of an entry, by the number of live entities."""
    since, live = start.since, len(start.standing)
    for _, together in itertools.groupby(events, key=lambda event: event.entry):
        for event in together:
            since += 1
            live += {"appeared": 1, "changed": 0, "disappeared": -1}[event.kind]
        if replay.catalogue_due(since, live):
            since = 0
    return since
