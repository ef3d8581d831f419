"""Bringing views up to the head of the log, or building them anew beside those that are served.

A view follows the log from where it was left; one that is missing, or was made by another version, another row type or
from another generation of the log, is built from the beginning, and takes its place when it has caught up. Views that
were left at the same place go on together, so that each document is folded once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from eventstore import Batch, Cursor, Entry, Feed, LogRebuilt, Position, Progress, Record, Silent
from projector.columns import time_text
from projector.derivation import Counts, Deriver, FoldedRows, Row, Syncs, Writes, deriver
from projector.errors import RebuildFailed
from projector.evaluation import Evaluations
from projector.outputs import Output
from projector.projection import Projection, Shape
from projector.standing import Why, why_stale
from projector.store import Standing, Store
from projector.tables import Target
from projector.views import Catalogue

RESTARTS: Final = 3  # where the log is rebuilt, or thinned, meanwhile


class Ran(msgspec.Struct, frozen=True):
    """What was done to a view: `rebuilt` for which reason, None where it went on from where it was."""

    view: str
    rebuilt: Why | None
    events: int
    rows: Counts
    issues: int


class _Work(msgspec.Struct):
    """A view that is being brought up, and what that came to."""

    target: Target
    why: Why | None
    rows: Counts = msgspec.field(default_factory=Counts)
    issues: int = 0
    documents: int = 0
    failed: int = 0
    events: int = 0
    folded: FoldedRows = {}

    @property
    def gave_up(self) -> bool:
        """Whether no row came of anything, for its function gave up each time."""
        return self.documents > 0 and self.failed == self.documents

    def ran(self) -> Ran:
        """What it came to."""
        return Ran(self.target.projection.name, self.why, self.events, self.rows, self.issues)


class _Plan(NamedTuple):
    """What is to be done: views that go on from a place, views that are built, and those that nobody wants any more."""

    follow: dict[Cursor, list[_Work]]
    build: list[tuple[Projection[Any], Why]]
    retired: list[str]


class Runner:
    """Brings the views of one record up, in one store. `until` is a place in the log, None for its head.

    `outputs` are told of all that is written too.
    """

    def __init__(
        self,
        record: Record,
        store: Store,
        catalogue: Catalogue,
        *,
        outputs: Sequence[Output] = (),
        until: Position | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._record = record
        self._store = store
        self._catalogue = catalogue
        self._outputs = outputs
        self._until = until
        self._progress: Progress = progress or Silent()
        self._evaluations = Evaluations()

    def run(self, *, stale: bool = True) -> list[Ran]:
        """Bring all views to the head; those that are stale are built anew, unless `stale` says that they are to wait.

        Raises `RebuildFailed` where no row came of one (the others are done by then), and as `Store` does.
        """
        return self._restarting(lambda: self._run(stale=stale))

    def rebuild(self, names: Sequence[str] = ()) -> list[Ran]:
        """Build views anew beside those that are served, and serve them: these, or all. Raises `UnknownView` too."""
        return self._restarting(lambda: self._rebuild(names))

    def _restarting(self, work: Any) -> list[Ran]:
        for _ in range(RESTARTS):
            with contextlib.suppress(LogRebuilt):
                return list(work())
        with self._record.snapshot():  # what goes on and on is left to itself: the record's file grows while this lasts
            return list(work())

    def _run(self, *, stale: bool) -> list[Ran]:
        with self._record.snapshot():
            projections = self._catalogue.projections(self._record.log)
            plan = self._plan(projections, resume=stale)
            feeds = [(works, cursor, self._feed(works, cursor)) for cursor, works in plan.follow.items()]
        if plan.retired:
            self._retire(plan.retired)
        total = sum(self._behind(cursor) * len(works) for works, cursor, _ in feeds)
        build = [each for each in plan.build if stale or each[1] is Why.MISSING]
        self._progress.start(total + self._behind(None) * len(build), "events")
        done = [work for works, cursor, feed in feeds for work in self._follow(works, cursor, feed)]
        done += self._build(build)
        return self._finish(done)

    def _rebuild(self, names: Sequence[str]) -> list[Ran]:
        projections = self._catalogue.chosen(self._record.log, names)
        self._progress.start(self._behind(None) * len(projections), "events")
        return self._finish(self._build([(each, Why.ASKED) for each in projections]))

    def _finish(self, done: Sequence[_Work]) -> list[Ran]:
        """Give room back, and say what was done. Raises `RebuildFailed`."""
        self._store.shrink()
        self._progress.finish()
        failed = [work.target.projection.name for work in done if work.why is not None and work.gave_up]
        if failed:
            raise RebuildFailed(f"no row came of {', '.join(failed)}: each document was too much for it")
        return [work.ran() for work in done]

    # -- what is to be done

    def _plan(self, projections: Mapping[str, Projection[Any]], *, resume: bool) -> _Plan:
        standings = self._store.standings()
        plan = _Plan({}, [], [])
        for name, projection in projections.items():
            standing = standings.get((name, False))
            why = why_stale(standing, projection, self._record)
            if why is None and resume and (name, True) in standings:
                why = Why.ASKED  # a rebuild was killed: it goes on
            if why is None and standing is not None:
                work = _Work(self._store.target(projection, building=False), None)
                plan.follow.setdefault(standing.cursor, []).append(work)
            else:
                plan.build.append((projection, why or Why.MISSING))
        known = {*(name for name, _ in standings), *self._store.issue_counts()}
        plan.retired.extend(sorted(known.difference(projections)))
        return plan

    def _behind(self, cursor: Cursor | None) -> int:
        head = self._record.log.position().seq if self._until is None else self._until.seq
        return max(head - (cursor.seq if cursor else 0), 0)

    def _retire(self, names: Sequence[str]) -> None:
        with self._store.transaction():
            for name in names:
                self._store.discard(name, building=False)
                self._store.discard(name, building=True)
            self._combine()

    # -- following

    def _follow(self, works: list[_Work], cursor: Cursor, feed: Feed) -> list[_Work]:
        for batch in self._batches(works, cursor, feed):
            if batch.cursor != cursor:  # nothing is new: not even a transaction
                with self._store.transaction():
                    self._carry_out(works, batch)
        return works

    # -- building

    def _build(self, wanted: Sequence[tuple[Projection[Any], Why]]) -> list[_Work]:
        groups: dict[Cursor, list[_Work]] = {}
        with self._record.snapshot(), self._store.transaction():
            generation, chain = self._record.log.generation, self._record.log.chain_end()
            standings = self._store.standings()
            for projection, why in wanted:
                standing = standings.get((projection.name, True))
                resumes = standing is not None and why_stale(standing, projection, self._record) is None
                target, cursor = self._begun(projection, standing if resumes else None, generation, chain)
                groups.setdefault(cursor, []).append(_Work(target, why))
            feeds = [(works, cursor, self._feed(works, cursor)) for cursor, works in groups.items()]
        for works, cursor, feed in feeds:
            self._fill(works, cursor, feed)
        return [work for works in groups.values() for work in works]

    def _begun(
        self, projection: Projection[Any], standing: Standing | None, generation: int, chain: int
    ) -> tuple[Target, Cursor]:
        if standing is None:
            target = self._store.begin(projection, generation, chain)
            for output in (self._store, *self._outputs):
                output.reset(target)
            return target, Cursor(generation)
        return self._store.target(projection, building=True), standing.cursor

    def _fill(self, works: list[_Work], cursor: Cursor, feed: Feed) -> None:
        for batch in self._batches(works, cursor, feed):
            with self._store.transaction():
                self._carry_out(works, batch)
                if batch.complete:
                    for work in works:
                        self._adopt(work)
                    self._combine()

    def _adopt(self, work: _Work) -> None:
        projection = work.target.projection
        if work.gave_up:
            self._store.give_up(projection.name)
        else:
            self._store.adopt(projection)

    def _combine(self) -> None:
        """Have the SQL views that what is served is enough for: in the transaction in which that changes."""
        served = (name for name, building in self._store.standings() if not building)
        self._store.combine(self._catalogue.combined(served))

    # -- both

    def _feed(self, works: Sequence[_Work], cursor: Cursor) -> Feed:
        projections = [work.target.projection for work in works]
        return Feed(
            self._record.log,
            cursor,
            until=self._until,
            categories=self._categories(projections),
            documents=any(each.documents and each.shape is not Shape.SYNCS for each in projections),
        )

    def _batches(self, works: Sequence[_Work], cursor: Cursor, feed: Feed) -> Iterator[Batch]:
        seq = cursor.seq
        for batch in feed.batches():
            yield batch
            self._progress.advance((batch.cursor.seq - seq) * len(works))
            seq = batch.cursor.seq

    def _categories(self, projections: Iterable[Projection[Any]]) -> frozenset[str] | None:
        """The categories that any of these reads, None where one reads all."""
        found: set[str] = set()
        known = self._record.log.category_names()
        for projection in projections:
            if projection.shape is Shape.SYNCS:
                continue
            if projection.reads is None:
                return None
            found.update(f"{source}.{name}" for source, name in known if projection.concerns(source, name))
        return frozenset(found)

    def _carry_out(self, works: Sequence[_Work], batch: Batch) -> None:
        derivers = [self._derived(work, batch) for work in works]
        concerned: dict[tuple[str, str], list[Deriver]] = {}
        for change in batch.changes:
            entity = change.event.entity
            category = entity.source, entity.category
            if category not in concerned:
                concerned[category] = [each for each in derivers if each.projection.concerns(*category)]
            for each in concerned[category]:
                each.add(change)
        last = batch.entries[-1] if batch.entries else None
        for work, each in zip(works, derivers, strict=True):
            self._write(work, each.finished(), batch, last)

    def _derived(self, work: _Work, batch: Batch) -> Deriver:
        target = work.target
        if target.projection.shape is Shape.SYNCS:
            syncs = Syncs(target.projection)
            syncs.take((entry, self._record.archive.sync(entry.sync)) for entry in batch.entries if entry.sync)
            return syncs
        read = partial(self._store.row, target)
        return deriver(target.projection, self._evaluations, target.names, read, work.folded)

    def _write(self, work: _Work, writes: Writes, batch: Batch, last: Entry | None) -> None:
        self._put(work.target, writes)
        work.rows.add(writes.counts)
        work.issues += len(writes.misfits)
        work.documents += writes.documents
        work.failed += writes.failed
        work.events += len(batch.events)
        if batch.complete and work.target.projection.confirms is not None:
            self._put(work.target, self._confirmed(work.target, batch.cursor))
        if last is not None:
            self._store.reach(work.target, batch.cursor, root=last.root, observed_at=last.observed_at)

    def _put(self, target: Target, writes: Writes) -> None:
        for output in (self._store, *self._outputs):
            output.write(target, writes)

    def _confirmed(self, target: Target, cursor: Cursor) -> Writes:
        """When what stands was last confirmed, as of a place in the log: that changes without an event."""
        column = target.projection.confirms or ""
        before = self._store.values(target, column)
        writes = Writes()
        cells: dict[str, Row] = {}  # one answer confirms many
        there = self._record.log.recorded(after=cursor.entry - 1, limit=1) if cursor.entry else []
        confirmed = self._record.log.confirmed(at=there[0].observed_at) if there else {}
        for entity, confirmed_at in confirmed.items():
            key, text = (entity.key, entity.source, entity.category), time_text(confirmed_at)
            if before.get(key) != text:
                writes.sets[key] = cells.setdefault(text, {column: text})
        return writes
