"""Folding events into documents (L3), with work that does not grow with the length of history.

One entity is folded from its last keyframe (at most `KEYFRAME_PATCHES` patches back) or its appearance. A category is
folded from its last catalogue keyframe, all live documents in one body, and the events since. Keyframes are derived:
without them everything is the same, only slower. Where events are sealed, a segment says how things stood.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from eventstore import segments
from eventstore.canonical import JSON, Document, encode, parse
from eventstore.compression import pack, unpack
from eventstore.errors import BrokenHistory, PatchError, Unreadable
from eventstore.model import Event, Kind
from eventstore.patch import apply_in_place, apply_sharing
from eventstore.segments import SealedEntity, Segment

KEYFRAME_PATCHES: Final = 8  # patches that one entity's read folds at most; 4 costs a fifth more space for 20 µs
CATALOGUE_EVENTS: Final = 64  # events that a catalogue's read folds at least before another keyframe pays


class Folded(msgspec.Struct):
    """One entity at one sequence number.

    `patches` and `patch_bytes` were folded onto the last full document: what decides when the next keyframe is due.
    """

    seq: int
    entry: int
    scope: int
    parent: str | None
    content: Document
    patches: int
    patch_bytes: int


class Row(msgspec.Struct, array_like=True):
    """One entity in a catalogue. `at` is the `observed_at` of event `seq`, in milliseconds."""

    entity: int
    key: str
    parent: str | None
    scope: int
    seq: int
    entry: int
    at: int
    document: msgspec.Raw


_rows = msgspec.json.Decoder(list[Row])


def fold_entity(db: sqlite3.Connection, generation: int, entity: int, seq: int) -> Folded | None:
    """Fold an entity up to and including `seq`; None where it was not there then.

    Raises `BrokenHistory` when a patch does not apply or the result's hash is not the event's (L3).
    """
    events = db.execute(
        "SELECT seq, kind, entry, scope, parent, hash, CAST(body AS BLOB) "
        f"FROM event_{generation} WHERE entity = ? AND seq <= ? ORDER BY seq DESC",
        (entity, seq),
    )
    last = events.fetchone()
    if last is None:
        return _fold_sealed(db, generation, entity, seq)
    if last[1] == "disappeared":
        return None
    keyframe = db.execute(
        f"SELECT seq, size, body FROM keyframe_{generation} WHERE entity = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
        (entity, seq),
    ).fetchone()
    patches: list[bytes] = []
    event: Any = last
    oldest = last[0]
    while event is not None and event[1] == "changed" and (keyframe is None or event[0] != keyframe[0]):
        patches.append(event[6])
        oldest = event[0]
        event = events.fetchone()
    sealed = _fold_sealed(db, generation, entity, oldest - 1) if event is None else None
    if sealed is None and (event is None or event[1] == "disappeared"):
        raise BrokenHistory(f"event {last[0]} has no full document to start from", seq=last[0])
    if sealed is not None:
        base = sealed.content.canonical
    else:
        base = event[6] if event[1] == "appeared" else unpack(keyframe[2], keyframe[1])
    content = _apply(base, reversed(patches), last[0])
    if content.digest != last[5]:
        raise BrokenHistory(f"event {last[0]} does not fold to the document that its hash promises", seq=last[0])
    before = (0, 0) if sealed is None else (sealed.patches, sealed.patch_bytes)
    counts = before[0] + len(patches), before[1] + sum(map(len, patches))
    return Folded(last[0], last[2], last[3], last[4], content, *counts)


def _fold_sealed(db: sqlite3.Connection, generation: int, entity: int, seq: int) -> Folded | None:
    """The same for an entity that had no event since the segment that says how it stood; patches count at its end."""
    found = segments.find_entity(db, generation, entity, seq)
    if found is None:
        return None
    segment, sealed = found
    count = sealed.count(seq)
    standing = sealed.standing(count)
    if standing is None:
        return None
    seq, entry, place = _sealed_place(segment, sealed, count)
    patches = sealed.since_keyframe if count == len(sealed.seqs) else (0, 0)
    return Folded(seq, entry, place.scope, place.parent, _apply(*standing, seq), *patches)


def _sealed_place(segment: Segment, sealed: SealedEntity, count: int) -> tuple[int, int, segments.Place]:
    """The event, its entry, and its place, that left an entity as it stood after so many events of a segment."""
    if count:
        seq = sealed.seqs[count - 1]
        return seq, segment.head.of_event(seq)[0], sealed.place(count - 1)
    if sealed.base is None:
        raise BrokenHistory(f"entity {sealed.number} has a document and no event that says it", seq=segment.first)
    return sealed.base.seq, sealed.base.entry, sealed.base.place


def previous(db: sqlite3.Connection, generation: int, entity: int, seq: int) -> int | None:
    """The number of an entity's last event before `seq`."""
    query = f"SELECT max(seq) FROM event_{generation} WHERE entity = ? AND seq < ?"
    number: int | None = db.execute(query, (entity, seq)).fetchone()[0]
    return segments.last_before(db, generation, entity, seq) if number is None else number


def _apply(base: bytes, patches: Iterable[bytes], seq: int) -> Document:
    patches = list(patches)
    if not patches:
        return Document(base)
    try:
        value = parse(base)
        for patch in patches:
            value = apply_in_place(value, parse(patch))
    except (PatchError, Unreadable) as error:
        raise BrokenHistory(f"event {seq} cannot be folded: {error}", seq=seq) from None
    return Document.folded(value)


_STANDING: Final = """
SELECT t.id, c.source, c.name, t.key, t.seq, coalesce(e.entry, t.entry) AS entry, coalesce(e.scope, t.origin), {special}
FROM entity_{g} t LEFT JOIN event_{g} e ON e.seq = t.seq JOIN category_{g} c ON c.id = t.category
WHERE t.hash IS NOT NULL
"""
_SPECIAL: Final = """
EXISTS (SELECT 1 FROM sighting_{g} s WHERE s.entity = t.id AND s.entry >= coalesce(e.entry, t.entry))
OR EXISTS (SELECT 1 FROM unconfirmed_{g} u WHERE u.entity = t.id AND u.entry >= coalesce(e.entry, t.entry))
"""


class Standing(NamedTuple):
    """A live entity with the entry and the scope of its last event.

    `special`: whether anything but listings of that scope tells who confirmed it since.
    """

    id: int
    source: str
    category: str
    key: str
    seq: int
    entry: int
    scope: int
    special: int


def standing(db: sqlite3.Connection, generation: int, *, exceptions: bool) -> Iterator[Standing]:
    """All entities that stand now, in no order; none of them is special where there are no `exceptions`."""
    special = _SPECIAL.format(g=generation) if exceptions else "0"
    return map(Standing._make, db.execute(_STANDING.format(g=generation, special=special)))


def fold_category(db: sqlite3.Connection, generation: int, category: int, seq: int) -> list[tuple[Row, Document]]:
    """Fold all live entities of a category up to and including `seq`, ordered by key.

    Raises `BrokenHistory` when a patch does not apply. Hashes are not compared, for speed: `verify` does.
    """
    start, live = _start(db, generation, category, seq)
    for event in _window(db, generation, category, start, seq):
        _fold_event(live, event)
    folded = [
        (row, Document(bytes(row.document)) if value is None else Document.folded(value[0]))
        for row, value in live.values()
    ]
    folded.sort(key=lambda pair: pair[0].key)
    return folded


def _fold_event(live: dict[int, tuple[Row, JSON]], event: tuple[Any, ...]) -> None:
    entity, kind, seq, entry, at, scope, parent, key, body = event
    if kind == "disappeared":
        live.pop(entity, None)
        return
    if kind == "appeared":
        live[entity] = (Row(entity, key, parent, scope, seq, entry, at, msgspec.Raw(body)), None)
        return
    try:
        row, value = live[entity]
        document = parse(row.document) if value is None else value[0]
        value = (apply_in_place(document, parse(body)),)
    except (KeyError, PatchError, Unreadable) as error:
        raise BrokenHistory(f"event {seq} cannot be folded: {error}", seq=seq) from None
    row.seq, row.entry, row.at, row.scope, row.parent = seq, entry, at, scope, parent
    live[entity] = (row, value)


def _start(db: sqlite3.Connection, generation: int, category: int, seq: int) -> tuple[int, dict[int, tuple[Row, JSON]]]:
    """The last number up to `seq` at which all live entities are known without folding events in rows, and they."""
    keyframe = _catalogue_keyframe(db, generation, category, seq)
    if keyframe is not None:
        return keyframe[0], {row.entity: (row, None) for row in keyframe[1]}
    segment = segments.covering(db, generation, category, seq)
    if segment is None:
        return 0, {}
    return segment.last, _sealed_rows(db, generation, segment, seq)


def _sealed_rows(db: sqlite3.Connection, generation: int, segment: Segment, seq: int) -> dict[int, tuple[Row, JSON]]:
    live: dict[int, tuple[Row, JSON]] = {}
    for sealed in segments.entities_of(db, generation, segment):
        count = sealed.count(seq)
        standing = sealed.standing(count)
        if standing is not None:
            document, patches = standing
            last, entry, place = _sealed_place(segment, sealed, count)
            row = Row(sealed.number, sealed.key, place.parent, place.scope, last, entry, 0, msgspec.Raw(document))
            live[sealed.number] = row, (segments.folded(document, patches, last),) if patches else None
    entries = encode(sorted({row.entry for row, _ in live.values()}))
    query = "SELECT id, observed_at FROM entry WHERE id IN (SELECT value FROM json_each(?))"
    times = dict(db.execute(query, (entries.decode(),)).fetchall())
    for row, _ in live.values():
        row.at = times[row.entry]
    return live


def _catalogue_keyframe(
    db: sqlite3.Connection, generation: int, category: int, seq: int
) -> tuple[int, list[Row]] | None:
    row = db.execute(
        f"SELECT seq, size, body FROM catalogue_{generation} WHERE category = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
        (category, seq),
    ).fetchone()
    return None if row is None else (row[0], _rows.decode(unpack(row[2], row[1])))


def _window(db: sqlite3.Connection, generation: int, category: int, after: int, until: int) -> sqlite3.Cursor:
    return db.execute(
        "SELECT e.entity, e.kind, e.seq, e.entry, n.observed_at, e.scope, e.parent, t.key, CAST(e.body AS BLOB) "
        f"FROM event_{generation} e JOIN entry n ON n.id = e.entry JOIN entity_{generation} t ON t.id = e.entity "
        "WHERE e.category = ? AND e.seq > ? AND e.seq <= ? ORDER BY e.seq",
        (category, after, until),
    )


def keyframe_due(patches: int, patch_bytes: int, document_bytes: int) -> bool:
    """Whether an entity that had so many patches since its last full document is to get a keyframe."""
    return patches >= KEYFRAME_PATCHES or patch_bytes >= document_bytes


def catalogue_due(events: int, live: int) -> bool:
    """Whether a category that had so many events since its last catalogue keyframe is to get one."""
    return events >= max(CATALOGUE_EVENTS, live)


def catalogue_body(rows: list[tuple[Row, Document]]) -> bytes:
    """The body of a catalogue keyframe, before it is packed: a JSON array of `Row`s, ordered by key."""
    return encode(
        [
            Row(row.entity, row.key, row.parent, row.scope, row.seq, row.entry, row.at, msgspec.Raw(document.canonical))
            for row, document in rows
        ]
    )


def pack_keyframe(body: bytes) -> tuple[int, bytes]:
    """Size and packed bytes, as the keyframe tables hold them."""
    return len(body), pack(body)


def next_content(event: Event, content: Document | None) -> Document | None:
    """The document that an event makes of the one before, which stays what it was; the two share what did not change.

    Raises `BrokenHistory` when a patch does not apply or the result's hash is not the event's (L3).
    """
    after = next_unchecked(event, content)
    if after is not None:
        # the bytes are not kept: they would take more room than all that is shared saves
        _check(event.body if event.kind is Kind.APPEARED and event.body is not None else encode(after.value), event)
    return after


def next_unchecked(event: Event, content: Document | None) -> Document | None:
    """`next_content` for whoever reads whole histories: hashes are not compared, for speed; `verify` does.

    Raises `BrokenHistory` when a patch does not apply.
    """
    if event.kind is Kind.DISAPPEARED or event.body is None:
        return None
    if event.kind is Kind.APPEARED:
        return Document(event.body)
    if content is None:
        raise BrokenHistory(f"event {event.seq} changes what is not there", seq=event.seq)
    try:
        return Document.folded(apply_sharing(content.value, parse(event.body)))
    except (PatchError, Unreadable) as error:
        raise BrokenHistory(f"event {event.seq} cannot be folded: {error}", seq=event.seq) from None


def _check(canonical: bytes, event: Event) -> None:
    if hashlib.sha256(canonical).hexdigest() != event.hash:
        raise BrokenHistory(f"event {event.seq} does not fold to the document that its hash promises", seq=event.seq)
