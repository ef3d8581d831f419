"""Carrying a plan out: the compaction point, then segment after segment, then the receipt.

All that is needed to go on after a kill is in the record: the plan with the point, and how far it came in the segments
themselves. What was done is counted with each step, in the transaction that makes it visible.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from eventstore import chain, generations, names, roots, segments
from eventstore.canonical import encode
from eventstore.compacted import Held, Report, Tally
from eventstore.compaction import bookkeeping, sealing
from eventstore.compaction.drafting import Draft, Standing, drafted, ended
from eventstore.compaction.dropping import Dropping
from eventstore.compaction.stretches import Stretch, Stretches
from eventstore.compaction.writing import Transaction, compare, discard_unseen, keys_of, remove, show, write
from eventstore.compression import LEVEL_THINNED
from eventstore.names import NumberedCategory
from eventstore.news import brought_by_dropped
from eventstore.progress import Progress
from eventstore.retention import CategoryPlan, Plan
from eventstore.roots import seal
from eventstore.segments import Window


class Point(msgspec.Struct, frozen=True):
    """What a compaction begins with: its plan, and what each category took by then."""

    plan: Plan
    before: dict[str, Held]


class _Counted(msgspec.Struct):
    """What went so far: by category intervals and entities, and syncs of the bookkeeping."""

    categories: dict[str, tuple[int, int]] = {}
    syncs: int = 0


class Work:
    """The compactions of one generation. Each step needs `transaction` to commit it for good."""

    def __init__(self, db: sqlite3.Connection, generation: int, transaction: Transaction) -> None:
        self._db = db
        self._generation = generation
        self._transaction = transaction
        self._dropping = Dropping(db, generation, transaction)

    def open(self) -> tuple[int, Plan] | None:
        """The compaction that was begun and has no receipt, None where there is none."""
        row = self._db.execute(
            "SELECT id, plan FROM compaction WHERE generation = ? AND receipt IS NULL", (self._generation,)
        ).fetchone()
        return None if row is None else (row[0], msgspec.json.decode(row[1], type=Point).plan)

    def idle(self, plan: Plan) -> bool:
        """Whether a plan leaves everything as it is; what tells soonest that it does not is asked first."""
        categories = list(self._planned(plan))
        return not (
            any(
                sealing.sealable(self._db, self._generation, category.id, planned.until)
                for category, planned in categories
            )
            or self._dropping.waiting(plan.archive_until)
            or any(
                any(Stretches(self._db, self._generation, category.id, planned, head=plan.head))
                for category, planned in categories
                if planned.zones
            )
            or bookkeeping.droppable(self._db, self._generation, plan)
        )

    def begin(self, plan: Plan) -> int:
        """Commit to a plan; return the number of the compaction."""
        before = {planned.address: self.held(category.id) for category, planned in self._planned(plan)}
        text = encode(Point(plan, before)).decode()
        with self._transaction():
            number = int(self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM compaction").fetchone()[0])
            self._db.execute(
                "INSERT INTO compaction (id, generation, point, plan) VALUES (?, ?, 0, ?)",
                (number, self._generation, text),
            )
            point = generations.commit(self._db, "compaction", self._generation, None, b"")
            self._db.execute("UPDATE compaction SET point = ? WHERE id = ?", (point, number))
            seal(self._db, point, chain.digest(chain.compaction_lines(self._db, point)))
        return number

    def carry_out(self, number: int, plan: Plan, progress: Progress, *, resumed: bool = False) -> None:
        """Seal and thin what a plan says, as far as that has not been done (`resumed`: by one who was killed)."""
        with self._transaction():
            discard_unseen(self._db, self._generation)
        for category, planned in self._planned(plan):
            left = sealing.sealable(self._db, self._generation, category.id, planned.until)
            progress.start(left, planned.address)
            thinned = bool(planned.zones)
            steps = sealing.steps(
                self._db, self._generation, category.id, planned.until, self._transaction, thinned=thinned
            )
            for went in steps:
                progress.advance(went)
        for category, planned in self._planned(plan):
            if planned.zones:
                self._thin(number, category, planned, head=plan.head, resumed=resumed)
        self._drop_syncs(number, bookkeeping.droppable(self._db, self._generation, plan), progress)
        self._dropping.drop(number, plan.archive_until, progress)

    def end(self, number: int, plan: Plan) -> Report:
        """Lay the receipt down."""
        point = self._point(number)
        counted = self._counted(number)
        tallies = tuple(
            Tally(
                planned.address,
                point.before[planned.address],
                self.held(category.id),
                *counted.categories.get(planned.address, (0, 0)),
            )
            for category, planned in self._planned(plan)
        )
        dropped = self._dropping.dropped(number)
        report = Report(tallies, counted.syncs, dropped, brought_by_dropped(self._db))
        with self._transaction():
            covers = chain.digest(chain.covered_lines(self._db, self._generation))
            receipt = generations.commit(self._db, "receipt", self._generation, None, b"")
            self._db.execute(
                "UPDATE compaction SET receipt = ?, report = ?, covers = ? WHERE id = ?",
                (receipt, encode(report).decode(), covers, number),
            )
            seal(self._db, receipt, chain.digest(chain.receipt_lines(self._db, receipt)))
        return report

    def held(self, category: int) -> Held:
        """What a category takes."""
        g = self._generation
        rows = self._db.execute(
            f"SELECT count(*), coalesce(sum(length(CAST(body AS BLOB))), 0) FROM event_{g} WHERE category = ?",
            (category,),
        ).fetchone()
        sealed = self._db.execute(
            "SELECT coalesce(sum(s.events), 0), coalesce(sum(length(s.body) + (SELECT sum(length(b.body)) "
            f"FROM block_{g} b WHERE b.segment = s.id)), 0) FROM segment_{g} s WHERE s.category = ? AND s.live = 1",
            (category,),
        ).fetchone()
        return Held(rows[0] + sealed[0], rows[1] + sealed[1])

    # -- thinning

    def _thin(
        self, number: int, category: NumberedCategory, planned: CategoryPlan, *, head: int, resumed: bool
    ) -> None:
        stretches = Stretches(self._db, self._generation, category.id, planned, head=head, resumed=resumed)
        for stretch in stretches:
            stretches.carried = self._replace(number, category.id, planned, stretch)

    def _replace(self, number: int, category: int, planned: CategoryPlan, stretch: Stretch) -> Mapping[int, Standing]:
        """Let segments take the place of others; the transaction that does it also says what has changed by it.

        Returns what stands when the last of them ends.
        """
        db, generation = self._db, self._generation
        written: dict[int, Draft] = {}
        start = stretch.start
        for place, events in enumerate(stretch.parts, 1):
            draft = drafted(category, start, events, keys_of(db, generation, list(events)))
            if place == len(stretch.parts):
                draft = self._as_due_before(draft, stretch.replaced[-1])
            with self._transaction():
                segment = write(db, generation, draft, composed=True, level=LEVEL_THINNED)
            compare(db, generation, segment, draft, start)
            written[segment] = draft
            start = ended(db, generation, segments.unseen(db, generation, segment))
        with self._transaction():
            for segment, draft in written.items():
                show(db, generation, segment, draft)
            for replaced in stretch.replaced:
                remove(db, generation, replaced.id)
            self._note_spans(number, category, stretch)
            self._sight(stretch)
            entries = {each.entry for each in set(stretch.before) ^ set(stretch.left)}
            entries |= self._forget(stretch)
            self._digest_again(entries)
            self._count(number, planned.address, stretch)
        return start.standing

    def _as_due_before(self, draft: Draft, last: segments.Segment) -> Draft:
        """A draft that leaves keyframes due as the last segment that it replaces: the rows behind it go by that."""
        due = {each.number: each.since_keyframe for each in segments.entities_of(self._db, self._generation, last)}
        for entity in draft.entities:
            entity.patches, entity.patch_bytes = due.get(entity.entity, (0, 0))
        return draft._replace(since=last.since)

    def _note_spans(self, number: int, category: int, stretch: Stretch) -> None:
        table = f"thinned_{self._generation}"
        for first, last in stretch.spans:
            within = "category = ? AND first >= ? AND last <= ?"
            self._db.execute(f"DELETE FROM {table} WHERE {within}", (category, first, last))
            self._db.execute(
                f"INSERT OR REPLACE INTO {table} (category, first, last, compaction) VALUES (?, ?, ?, ?)",
                (category, first, last, number),
            )

    def _sight(self, stretch: Stretch) -> None:
        """Let what changes that came to nothing say of where an entity was seen outlive them.

        A complete listing of the scope says it too, unless the entity was seen elsewhere before.
        """
        g = self._generation
        for event in stretch.seen:
            self._db.execute(
                f"INSERT OR IGNORE INTO sighting_{g} (entity, entry, scope, parent_category, parent) "
                "SELECT :entity, :entry, :scope, :parent_category, :parent WHERE NOT EXISTS "
                f"(SELECT 1 FROM listing_{g} WHERE scope = :scope AND complete = 1 AND entry = :entry) "
                f"OR EXISTS (SELECT 1 FROM sighting_{g} WHERE entity = :entity)",
                event._asdict(),
            )

    def _forget(self, stretch: Stretch) -> set[int]:
        """Remove entities of which nothing is left; return the entries that spoke of them beside their events."""
        entries: set[int] = set()
        for entity in stretch.gone:
            for table in ("sighting", "unconfirmed"):
                where = f"FROM {table}_{self._generation} WHERE entity = ?"
                entries.update(row[0] for row in self._db.execute(f"SELECT entry {where}", (entity,)))
                self._db.execute(f"DELETE {where}", (entity,))
            self._db.execute(f"DELETE FROM entity_{self._generation} WHERE id = ?", (entity,))
        return entries

    def _digest_again(self, entries: set[int]) -> None:
        """Note what these entries commit to now: their own digests can be compared with nothing any more."""
        extents = list(self._extents(sorted(entries)))
        if not extents:
            return
        window = Window(self._db, self._generation, after=extents[0][1], until=extents[-1][2])
        for entry, first, last in extents:
            lines = chain.entry_lines(
                self._db, self._generation, entry, first, last, window.between(first, last) if first < last else ()
            )
            self._db.execute("UPDATE entry SET again = ? WHERE id = ?", (chain.digest(lines), entry))
            roots.store(self._db, "id = ?", entry)

    def _extents(self, entries: list[int]) -> Iterator[tuple[int, int, int]]:
        before = "SELECT seq FROM entry WHERE generation = ? AND kind = 'sync' AND id < ? ORDER BY id DESC LIMIT 1"
        for entry in entries:
            row = self._db.execute(before, (self._generation, entry)).fetchone()
            last = self._db.execute("SELECT seq FROM entry WHERE id = ?", (entry,)).fetchone()
            yield entry, 0 if row is None else row[0], last[0]

    def _drop_syncs(self, number: int, entries: Sequence[tuple[int, int]], progress: Progress) -> None:
        if entries:
            progress.start(len(entries), "syncs")
        for begin in range(0, len(entries), bookkeeping.TOGETHER):
            together = entries[begin : begin + bookkeeping.TOGETHER]
            with self._transaction():
                for entry, until in together:
                    bookkeeping.drop(self._db, self._generation, entry, until, number)
                counted = self._counted(number)
                counted.syncs += len(together)
                self._keep_count(number, counted)
            progress.advance(len(together))

    # -- what is counted

    def _planned(self, plan: Plan) -> Iterator[tuple[NumberedCategory, CategoryPlan]]:
        for planned in plan.categories:
            yield names.find_category(self._db, self._generation, planned.address), planned

    def _point(self, number: int) -> Point:
        row = self._db.execute("SELECT plan FROM compaction WHERE id = ?", (number,)).fetchone()
        return msgspec.json.decode(row[0], type=Point)

    def _counted(self, number: int) -> _Counted:
        row = self._db.execute("SELECT report FROM compaction WHERE id = ?", (number,)).fetchone()
        return _Counted() if row[0] is None else msgspec.json.decode(row[0], type=_Counted)

    def _count(self, number: int, address: str, stretch: Stretch) -> None:
        counted = self._counted(number)
        intervals, entities = counted.categories.get(address, (0, 0))
        counted.categories[address] = intervals + stretch.intervals, entities + len(stretch.gone)
        self._keep_count(number, counted)

    def _keep_count(self, number: int, counted: _Counted) -> None:
        text = msgspec.json.encode(counted).decode()
        self._db.execute("UPDATE compaction SET report = ? WHERE id = ?", (text, number))
