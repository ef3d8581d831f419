"""Blocks: entities of a segment with their events and documents, as one compressed frame.

In a frame lie an index (MessagePack, its length before it in four bytes, little endian) and then all documents and
patches, entity by entity in the order of their events: the document that stood when the segment opens, and of each
event its body, with a full copy of the document behind it wherever a keyframe is due.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from eventstore.canonical import JSON, NOTHING_DIGEST, encode, parse
from eventstore.compression import pack, unpack
from eventstore.errors import BrokenHistory, Damaged, PatchError, Unreadable
from eventstore.patch import apply_in_place
from eventstore.segments.head import Head, differences
from eventstore.stored import Stored

KEPT_BLOCKS: Final = 32  # decoded, about a MB each: a catalogue that is read again and again, entities that are near
_LENGTH_BYTES: Final = 4
_KINDS: Final = {"appeared": ord("a"), "changed": ord("c"), "disappeared": ord("d")}
_NAMES: Final = {code: kind for kind, code in _KINDS.items()}
_CHANGED: Final = _KINDS["changed"]
_DISAPPEARED: Final = _KINDS["disappeared"]


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Where an event saw its entity: the number of the scope, and the parent."""

    scope: int
    parent_category: str | None
    parent: str | None


class Base(msgspec.Struct, array_like=True, frozen=True):
    """An entity as it stands between two segments, but for its document.

    `seq` is its last event, in `entry`, at `at` (milliseconds). `patches` and `patch_bytes` have come since its last
    keyframe was due.
    """

    seq: int
    entry: int
    at: int
    place: Place
    patches: int
    patch_bytes: int


class _Packed(msgspec.Struct, array_like=True):
    """One entity in the index; a list has a value for each event."""

    entity: int
    key: str
    base: Base | None
    document: int  # bytes of the one that it began with
    seqs: list[int]  # each less the one before
    kinds: bytes
    offsets: list[int | None]  # of `not_before` from what is usual in its entry
    places: list[int]  # in the block's table of them
    lengths: list[int]  # bytes of the body
    copies: list[int]  # bytes of the full document behind it, 0: none
    patches: int
    patch_bytes: int
    starts: dict[int, int] = {}  # of composed events, by their place: the number of the first of those


class _Index(msgspec.Struct, array_like=True):
    places: list[Place]
    entities: list[_Packed]


class Sealing(msgspec.Struct):
    """An entity that is to be sealed: what it began with, its events, and (empty: none) the full copy behind each."""

    entity: int
    key: str
    base: Base | None
    document: bytes
    events: list[Stored]
    copies: list[bytes]
    patches: int
    patch_bytes: int

    @property
    def size(self) -> int:
        """Bytes of its documents and patches."""
        return len(self.document) + sum(len(each.body or b"") for each in self.events) + sum(map(len, self.copies))


class SealedEntity:
    """One entity of a segment. Its events are counted from 0; after none of them it stands as `base` has it."""

    def __init__(self, index: _Packed, places: Sequence[Place], bodies: bytes, start: int) -> None:
        self._index = index
        self._places = places
        self._bodies = bodies
        self._start = start
        self._ends: list[int] | None = None
        self.seqs = list(itertools.accumulate(index.seqs))

    @property
    def number(self) -> int:
        """The number of the entity."""
        return self._index.entity

    @property
    def key(self) -> str:
        """The key of the entity."""
        return self._index.key

    @property
    def base(self) -> Base | None:
        """How it stood when the segment opens, None where it was not there."""
        return self._index.base

    @property
    def since_keyframe(self) -> tuple[int, int]:
        """How many patches, and of how many bytes, have come when the segment ends since its last keyframe was due."""
        return self._index.patches, self._index.patch_bytes

    def count(self, seq: int) -> int:
        """How many of its events there are up to and including a number."""
        return bisect.bisect_right(self.seqs, seq)

    def kind(self, event: int) -> str:
        """What happened with one of its events."""
        return _NAMES[self._index.kinds[event]]

    def place(self, event: int) -> Place:
        """Where one of its events saw it."""
        return self._places[self._index.places[event]]

    def standing(self, count: int) -> tuple[bytes, list[bytes]] | None:
        """The last full document and the patches since, after so many events; None where it was not there.

        Raises `BrokenHistory` where there is no document to start from.
        """
        patches: list[bytes] = []
        for event in range(count - 1, -1, -1):
            kind = self._index.kinds[event]
            if kind == _DISAPPEARED:
                break
            full = self.copy(event) if kind == _CHANGED else self.body(event)
            if full:
                return full, patches[::-1]
            patches.append(self.body(event))
        else:
            if self.base is not None:
                return self.document, patches[::-1]
        if patches:
            seq = self.seqs[count - 1]
            raise BrokenHistory(f"event {seq} has no full document to start from", seq=seq)
        return None

    @property
    def document(self) -> bytes:
        """The document that it began with, empty where it was not there."""
        return self._slice(0)

    def body(self, event: int) -> bytes:
        """The body of an event, empty where it disappeared."""
        return self._slice(1 + 2 * event)

    def copy(self, event: int) -> bytes:
        """The full document behind an event, empty where there is none."""
        return self._slice(2 + 2 * event)

    def _slice(self, number: int) -> bytes:
        if self._ends is None:
            behind = zip(self._index.lengths, self._index.copies, strict=True)
            lengths = self._index.document, *itertools.chain.from_iterable(behind)
            self._ends = list(itertools.accumulate(lengths, initial=self._start))
        return self._bodies[self._ends[number] : self._ends[number + 1]]

    def events(self, head: Head, category: int, *, after: int = 0) -> Iterator[Stored]:
        """Its events in order, but for the first `after`; hashes are those of the documents that they fold to.

        Raises `BrokenHistory` when a patch does not apply, or a full copy is not what it folds to.
        """
        begun = self.standing(after)
        value = None if begun is None else folded(*begun, self.seqs[after - 1] if after else 0)
        for event in range(after, len(self.seqs)):
            seq, kind = self.seqs[event], self._index.kinds[event]
            body = None if kind == _DISAPPEARED else self.body(event)
            digest = NOTHING_DIGEST
            if body is not None:
                value = _next(value, kind, body, seq)
                canonical = body if kind != _CHANGED else encode(value)
                if self._index.copies[event] and self.copy(event) != canonical:
                    raise BrokenHistory(f"the full copy behind event {seq} is not what it folds to", seq=seq)
                digest = hashlib.sha256(canonical).digest()
            entry, usual = head.of_event(seq)
            offset, place = self._index.offsets[event], self.place(event)
            yield Stored(
                seq,
                entry,
                self.number,
                category,
                place.parent_category,
                place.parent,
                place.scope,
                _NAMES[kind],
                None if offset is None else usual + offset,
                digest,
                body,
                self._index.starts.get(event),
            )


def _next(value: JSON, kind: int, body: bytes, seq: int) -> JSON:
    try:
        parsed = parse(body)
        return apply_in_place(value, parsed) if kind == _CHANGED else parsed
    except (PatchError, Unreadable) as error:
        raise BrokenHistory(f"event {seq} cannot be folded: {error}", seq=seq) from None


def folded(document: bytes, patches: Sequence[bytes], seq: int) -> JSON:
    """The value that patches make of a document. Raises `BrokenHistory`."""
    try:
        value = parse(document)
        for patch in patches:
            value = apply_in_place(value, parse(patch))
    except (PatchError, Unreadable) as error:
        raise BrokenHistory(f"event {seq} cannot be folded: {error}", seq=seq) from None
    return value


def document_of(document: bytes, patches: Sequence[bytes], seq: int) -> bytes:
    """The document that patches make of another, the last of them being event `seq`. Raises `BrokenHistory`."""
    return encode(folded(document, patches, seq)) if patches else document


def packed(entities: Sequence[Sealing], head: Head, level: int) -> tuple[int, bytes]:
    """The size of a block of these entities, and the block, compressed so hard."""
    places: dict[Place, int] = {}
    index = _Index([], [_packed(each, head, places) for each in entities])
    index.places = list(places)
    encoded = msgspec.msgpack.encode(index)
    bodies = (part for each in entities for part in _parts(each))
    body = b"".join((len(encoded).to_bytes(_LENGTH_BYTES, "little"), encoded, *bodies))
    return len(body), pack(body, level=level)


def _packed(sealing: Sealing, head: Head, places: dict[Place, int]) -> _Packed:
    events = sealing.events
    return _Packed(
        sealing.entity,
        sealing.key,
        sealing.base,
        len(sealing.document),
        differences([event.seq for event in events]),
        bytes(_KINDS[event.kind] for event in events),
        [None if each.not_before is None else each.not_before - head.of_event(each.seq)[1] for each in events],
        [places.setdefault(place_of(event), len(places)) for event in events],
        [len(event.body or b"") for event in events],
        [len(copy) for copy in sealing.copies],
        sealing.patches,
        sealing.patch_bytes,
        {place: event.starts for place, event in enumerate(events) if event.starts is not None},
    )


def place_of(event: Stored) -> Place:
    """Where an event saw its entity."""
    return Place(event.scope, event.parent_category, event.parent)


def _parts(sealing: Sealing) -> Iterator[bytes]:
    yield sealing.document
    for event, copy in zip(sealing.events, sealing.copies, strict=True):
        yield event.body or b""
        yield copy


@functools.lru_cache(maxsize=KEPT_BLOCKS)
def decoded(packed_block: bytes, size: int) -> dict[int, SealedEntity]:
    """The entities of a block by number, in order of key; not to be changed. Raises `Damaged`."""
    body = unpack(packed_block, size)
    begin = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "little")
    try:
        index = msgspec.msgpack.decode(body[_LENGTH_BYTES:begin], type=_Index)
    except msgspec.MsgspecError as error:
        raise Damaged(f"the index of a block cannot be read: {error}") from None
    entities = {}
    for each in index.entities:
        entities[each.entity] = SealedEntity(each, index.places, body, begin)
        begin += each.document + sum(each.lengths) + sum(each.copies)
    return entities
