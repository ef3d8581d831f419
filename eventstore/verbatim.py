"""Copying the log up to a place, word for word, into a generation that is being built: its evidence is gone.

Events keep their numbers, times and bodies, sealed ones stay sealed, and what was thinned stays thinned. Entries of the
chain get new numbers, and digests and roots that say the same of the new generation; a run of entries that is skipped
takes one number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from eventstore import chain, segments
from eventstore.compaction.drafting import Draft, Standing, Start, begun, drafted
from eventstore.compaction.writing import Transaction, keys_of, show, write
from eventstore.positions import Position
from eventstore.roots import Roots, seal
from eventstore.segments import Segment, Window
from eventstore.skipped import Skipped, next_entry, skipped_runs
from eventstore.stored import Stored

TOGETHER: Final = 250  # entries that get their digests in one transaction

_BY_ENTRY: Final = (
    "category",
    "listing",
    "repeat",
    "disturbed",
    "result",
    "sighting",
    "unconfirmed",
    "unread",
    "issue",
    "event",
)
_ENTRY: Final = "sync, observed_at, seq, status, appeared, changed, disappeared, unchanged"
_EVENT: Final = (
    "seq, entry, entity, category, parent_category, parent, scope, kind, not_before, hash, CAST(body AS BLOB)"
)


class _Place(NamedTuple):
    """An entry, or a run of skipped ones, and the number that it gets."""

    old: int
    new: int
    run: Skipped | None


class _End(NamedTuple):
    """The last event of an entity so far, and whether it is sealed."""

    event: Stored
    sealed: bool


def copy_log(db: sqlite3.Connection, before: int, after: int, until: Position, transaction: Transaction) -> set[int]:
    """Copy generation `before` up to a place into the empty generation `after`; return the syncs that it took over."""
    with transaction():
        places = _number_entries(db, before, after, until)
        for table in _BY_ENTRY:
            _copy_rows(db, table, before, after)
        for table, columns in (("keyframe", "entity, seq, size, body"), ("catalogue", "category, seq, size, body")):
            db.execute(
                f"INSERT INTO {table}_{after} ({columns}) SELECT {columns} FROM {table}_{before} WHERE seq <= ?",
                (until.seq,),
            )
        db.execute(
            f"INSERT INTO thinned_{after} (category, last, first, compaction) "
            f"SELECT category, min(last, :until), first, compaction FROM thinned_{before} WHERE first < :until",
            {"until": until.seq},
        )
    entries = {place.old: place.new for place in places if place.run is None}
    ends = {event.entity: _End(event, sealed=False) for event in _last_rows(db, after)}
    for segment in segments.listed(db, before, until=until.seq):
        with transaction():
            for event in _copy_segment(db, before, after, segment, entries, until.seq):
                if event.entity not in ends or ends[event.entity].event.seq < event.seq:
                    ends[event.entity] = _End(event, sealed=True)
    with transaction():
        _copy_entities(db, before, after, ends.values())
        for table in ("sighting", "unconfirmed"):  # of what came again only later, after all of it before was deleted
            db.execute(f"DELETE FROM {table}_{after} WHERE entity NOT IN (SELECT id FROM entity_{after})")
        db.execute("DROP TABLE temp.moved")
    _seal(db, after, places, transaction)
    rows = db.execute("SELECT sync FROM entry WHERE generation = ? AND kind = 'sync'", (after,))
    return {row[0] for row in rows}


def _number_entries(db: sqlite3.Connection, before: int, after: int, until: Position) -> list[_Place]:
    """Give all entries up to a place, and runs of skipped ones, new numbers at the end of the chain."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS moved (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
    db.execute("DELETE FROM temp.moved")
    entries = [
        row[0]
        for row in db.execute(
            "SELECT id FROM entry WHERE generation = ? AND kind = 'sync' AND id <= ?", (before, until.entry)
        )
    ]
    runs = {run.first: run for run in skipped_runs(db, before)}  # all are older than what is folded again
    places = [_Place(old, new, None) for new, old in enumerate(sorted([*entries, *runs]), next_entry(db))]
    places = [
        place._replace(run=msgspec.structs.replace(runs[place.old], first=place.new, last=place.new, generation=after))
        if place.old in runs
        else place
        for place in places
    ]
    db.executemany("INSERT INTO temp.moved (old, new) VALUES (?, ?)", [place[:2] for place in places if not place.run])
    return places


def _copy_rows(db: sqlite3.Connection, table: str, before: int, after: int) -> None:
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table}_{after})")]
    there = ", ".join("m.new" if column == "entry" else f"t.{column}" for column in columns)
    db.execute(
        f"INSERT INTO {table}_{after} ({', '.join(columns)}) "
        f"SELECT {there} FROM {table}_{before} t JOIN temp.moved m ON m.old = t.entry"
    )


def _last_rows(db: sqlite3.Connection, generation: int) -> Iterator[Stored]:
    """The last event of each entity, of those in rows."""
    last = f"SELECT max(seq) FROM event_{generation} GROUP BY entity"
    for row in db.execute(f"SELECT {_EVENT} FROM event_{generation} WHERE seq IN ({last})"):
        yield Stored(*row)


def _copy_segment(
    db: sqlite3.Connection, before: int, after: int, segment: Segment, entries: Mapping[int, int], until: int
) -> list[Stored]:
    """Copy a segment, or what of it lies before a number; return its events as they now stand."""
    start = begun(db, before, segment)
    events = [
        event._replace(entry=entries[event.entry])
        for event in segments.events_of(db, before, segment)
        if event.seq <= until
    ]
    draft = drafted(segment.category, _moved(start, entries), events, keys_of(db, before, events))
    if segment.last <= until:
        draft = _as_it_was(db, before, segment, draft)
    number = write(db, after, draft, composed=segment.composed)
    show(db, after, number, draft)
    return events


def _moved(start: Start, entries: Mapping[int, int]) -> Start:
    def moved(standing: Standing) -> Standing:
        return standing._replace(base=msgspec.structs.replace(standing.base, entry=entries[standing.base.entry]))

    return Start({number: moved(each) for number, each in start.standing.items()}, start.since)


def _as_it_was(db: sqlite3.Connection, generation: int, segment: Segment, draft: Draft) -> Draft:
    """The draft with keyframes due as they were: of what is thinned that does not follow from what is left."""
    due = {each.number: each.since_keyframe for each in segments.entities_of(db, generation, segment)}
    for entity in draft.entities:
        entity.patches, entity.patch_bytes = due[entity.entity]
    return draft._replace(since=segment.since)


def _copy_entities(db: sqlite3.Connection, before: int, after: int, ends: Iterable[_End]) -> None:
    """Write all entities as their last events left them."""
    keys = dict(db.execute(f"SELECT id, key FROM entity_{before}").fetchall())
    db.executemany(
        f"INSERT INTO entity_{after} (id, category, key, parent_category, parent, scope, seq, hash, entry, origin) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                event.entity,
                event.category,
                keys[event.entity],
                event.parent_category,
                event.parent,
                event.scope,
                event.seq,
                None if event.kind == "disappeared" else event.hash,
                event.entry if sealed else None,
                event.scope if sealed else None,
            )
            for event, sealed in ends
        ],
    )
    # where an entity was seen last without an event, it stands since
    db.execute(
        f"UPDATE entity_{after} AS t SET parent_category = s.parent_category, parent = s.parent, scope = s.scope "
        f"FROM (SELECT entity, max(entry) AS entry, scope, parent_category, parent FROM sighting_{after} "
        f"GROUP BY entity) s WHERE s.entity = t.id AND t.hash IS NOT NULL AND s.entry > "
        "(SELECT m.new FROM temp.moved m JOIN entry n ON n.id = m.old WHERE n.seq >= t.seq ORDER BY n.id LIMIT 1)"
    )


def _seal(db: sqlite3.Connection, generation: int, places: Sequence[_Place], transaction: Transaction) -> None:
    """Write all entries with digests and roots, and runs of skipped ones with the root before them.

    No entry is committed without these: whoever verifies the record meanwhile finds the chain whole.
    """
    window = Window(db, generation)
    first = 0
    root = b""
    for begin in range(0, len(places), TOGETHER):
        with transaction():
            for old, entry, run in places[begin : begin + TOGETHER]:
                if run is not None:
                    root = root or Roots(db).of(entry - 1)
                    _write_run(db, msgspec.structs.replace(run, root=root))
                    continue
                seq = _write_entry(db, generation, old, entry)
                sealed = window.between(first, seq) if first < seq else ()
                root = seal(db, entry, chain.digest(chain.entry_lines(db, generation, entry, first, seq, sealed)))
                first = seq


def _write_run(db: sqlite3.Connection, run: Skipped) -> None:
    db.execute(
        "INSERT INTO skipped (first, last, generation, seq, until, root, compaction) VALUES (?, ?, ?, ?, ?, ?, ?)",
        msgspec.structs.astuple(run),
    )


def _write_entry(db: sqlite3.Connection, generation: int, old: int, number: int) -> int:
    """Write an entry that says what an old one says, as yet without its root; return the number of its last event."""
    db.execute(
        f"INSERT INTO entry (id, generation, kind, {_ENTRY}, digest, root) "
        f"SELECT ?, ?, 'sync', {_ENTRY}, x'', x'' FROM entry WHERE id = ?",
        (number, generation, old),
    )
    return int(db.execute("SELECT seq FROM entry WHERE id = ?", (number,)).fetchone()[0])
