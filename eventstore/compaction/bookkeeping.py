"""Dropping syncs that tell nothing any more which is not told later in their bucket (R8).

A sync goes as a whole: its row, its attempts, its entry of the chain and all that was recorded with it. The chain skips
the entries that went; of each run of them the last root is kept, so that the next root can still be proved. Only syncs
that asked an API go: an imported version is known by its sync, and a rule or a verdict holds for good.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from eventstore import segments
from eventstore.attempts import Attempts
from eventstore.confirmation import Evidence, unmasked
from eventstore.model import Cause
from eventstore.retention import CategoryPlan, Plan
from eventstore.retention.bookkeeping import Heard, Told, bucket_of_sync, dispensable
from eventstore.roots import Roots
from eventstore.schema import ASKING_NOTHING, DOUBTED
from eventstore.skipped import Skipped, find_skipped

TOGETHER: Final = 256  # syncs that go in one transaction

_SYNCS: Final = f"""
SELECT n.id, n.sync, n.observed_at, s.cause, {DOUBTED}
FROM entry n JOIN sync s ON s.id = n.sync
WHERE n.generation = ? AND n.kind = 'sync' AND n.observed_at < ? ORDER BY n.observed_at DESC
"""
# attempts that stand for what a sync says that asked nobody
_LENT: Final = f"""
SELECT l.attempt FROM sync s JOIN entry n ON n.sync = s.id AND n.generation = ? AND n.kind = 'sync'
JOIN {{table}}_{{g}} l ON l.entry = n.id WHERE s.{ASKING_NOTHING}
"""
_ASKED: Final = """
SELECT a.address FROM sync_rules y JOIN resource a ON a.id = y.resource WHERE y.sync = ? ORDER BY a.address
"""
_DROPPED_WITH: Final = ("listing", "repeat", "disturbed", "sighting", "unconfirmed", "unread", "issue")


def thinned_resources(plan: Plan) -> dict[str, list[CategoryPlan]]:
    """What each resource (`SOURCE.RESOURCE`) yields, where nothing of that is kept whole for good."""
    found: dict[str, list[CategoryPlan]] = defaultdict(list)
    for category in plan.categories:
        found[category.asked].append(category)
    return {
        resource: each
        for resource, each in found.items()
        if all(category.zones and not category.pinned for category in each)
    }


def droppable(db: sqlite3.Connection, generation: int, plan: Plan) -> list[tuple[int, int]]:
    """The entries whose syncs may go by a plan, in order, each with the end of its bucket (milliseconds)."""
    resources = thinned_resources(plan)
    if not resources:
        return []
    before = max(category.zones[0].before for each in resources.values() for category in each)
    return sorted(dispensable(_told(db, generation, resources, before), _SaidAgain(db, generation, before)))


def drop(db: sqlite3.Connection, generation: int, entry: int, until: int, number: int) -> None:
    """Let the sync of an entry, in a bucket that ends then, go by a compaction of that number. Needs a transaction."""
    sync, seq = db.execute("SELECT sync, seq FROM entry WHERE id = ?", (entry,)).fetchone()
    root = Roots(db).of(entry)
    for table in _DROPPED_WITH:
        db.execute(f"DELETE FROM {table}_{generation} WHERE entry = ?", (entry,))
    db.execute(
        f"DELETE FROM result_{generation} WHERE entry = ? "
        "AND resource IN (SELECT resource FROM sync_rules WHERE sync = ?)",
        (entry, sync),
    )
    db.execute("DELETE FROM sync_rules WHERE sync = ?", (sync,))
    db.execute("DELETE FROM sync WHERE id = ?", (sync,))
    db.execute("DELETE FROM entry WHERE id = ?", (entry,))
    _skip(db, Skipped(entry, entry, generation, seq, until, root, number))


class _SaidAgain:
    """Whether the first complete listing of a scope from an instant on repeats its settled one."""

    def __init__(self, db: sqlite3.Connection, generation: int, since: int) -> None:
        self._db = db
        self._evidence = Evidence(db, generation, Attempts(db))
        row = db.execute(
            "SELECT id FROM entry WHERE generation = ? AND kind = 'sync' AND observed_at >= ? "
            "ORDER BY observed_at LIMIT 1",
            (generation, since),
        ).fetchone()
        self._since = None if row is None else int(row[0])

    def __call__(self, scope: int) -> bool | None:
        return None if self._since is None else self._evidence.said_again(scope, since=self._since)


def _told(
    db: sqlite3.Connection, generation: int, resources: dict[str, list[CategoryPlan]], before: int
) -> Iterator[Told]:
    attempts = Attempts(db)
    with_events = _entries_with_events(db, generation)
    lent = _lent(db, generation, attempts)
    for entry, sync, at, cause, doubted in db.execute(_SYNCS, (generation, before)).fetchall():
        asked = [row[0] for row in db.execute(_ASKED, (sync,))]
        yields = [each for resource in asked for each in resources.get(resource, [])]
        whole = not asked or any(resource not in resources for resource in asked)
        needed = entry in with_events or sync in lent or cause != Cause.SYNC.value or bool(doubted)
        yield Told(
            entry,
            at,
            None if whole else bucket_of_sync(at, yields),
            needed,
            _heard(db, generation, entry, [row.scope for row in attempts.block(sync).rows]),
            _exceptions(db, generation, entry),
            _numbers(db, f"SELECT entity FROM sighting_{generation} WHERE entry = ?", entry),
            _numbers(db, f"SELECT scope FROM disturbed_{generation} WHERE entry = ?", entry),
        )


def _entries_with_events(db: sqlite3.Connection, generation: int) -> set[int]:
    """Entries that brought a category, or an event of which something is left."""
    tables = "event", "category"
    found = {row[0] for each in tables for row in db.execute(f"SELECT DISTINCT entry FROM {each}_{generation}")}
    for segment in segments.listed(db, generation):
        found.update(segment.head.entries)
    return found


def _lent(db: sqlite3.Connection, generation: int, attempts: Attempts) -> set[int]:
    """Syncs whose answers were read again by others: under new rules, or since a person believed a clock."""
    found = set()
    for table in ("listing", "issue"):
        for (attempt,) in db.execute(_LENT.format(g=generation, table=table), (generation,)).fetchall():
            found.add(attempts.sync_of(attempt))
    return found


def _heard(db: sqlite3.Connection, generation: int, entry: int, asked: Sequence[int]) -> dict[int, Heard]:
    found = dict.fromkeys(asked, Heard.NOTHING)
    for scope, complete in db.execute(f"SELECT scope, complete FROM listing_{generation} WHERE entry = ?", (entry,)):
        found[scope] = Heard.ALL if complete else Heard.SOME
    for page, mask in db.execute(f"SELECT page, mask FROM repeat_{generation} WHERE entry = ?", (entry,)):
        found.update(dict.fromkeys(unmasked(page, mask), Heard.SAME))
    return found


def _exceptions(db: sqlite3.Connection, generation: int, entry: int) -> frozenset[tuple[str, int, str]]:
    g = generation
    rows = db.execute(
        f"SELECT 'unconfirmed', entity, '' FROM unconfirmed_{g} WHERE entry = :entry "
        f"UNION ALL SELECT 'unread', scope, key FROM unread_{g} WHERE entry = :entry "
        "UNION ALL SELECT 'doubted', r.resource, '' FROM entry n JOIN sync_rules y ON y.sync = n.sync "
        f"JOIN result_{g} r ON r.resource = y.resource AND r.entry = n.id AND r.doubted > 0 WHERE n.id = :entry",
        {"entry": entry},
    )
    return frozenset(rows.fetchall())


def _numbers(db: sqlite3.Connection, query: str, entry: int) -> frozenset[int]:
    return frozenset(row[0] for row in db.execute(query, (entry,)))


def _skip(db: sqlite3.Connection, run: Skipped) -> None:
    """Note that the chain skips an entry; runs that meet become one."""
    before = find_skipped(db, "last = ?", run.first - 1)
    after = find_skipped(db, "first = ?", run.last + 1)
    if before is not None:
        run = msgspec.structs.replace(run, first=before.first)
    if after is not None:
        run = msgspec.structs.replace(after, first=run.first, compaction=run.compaction)
    db.execute("DELETE FROM skipped WHERE first >= ? AND last <= ?", (run.first, run.last))
    db.execute(
        "INSERT INTO skipped (first, last, generation, seq, until, root, compaction) VALUES (?, ?, ?, ?, ?, ?, ?)",
        msgspec.structs.astuple(run),
    )
