"""Roots: most are worked out from the digests, and are the same as if each were stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore import Record, parse_policy, verify
from eventstore.chain import next_root
from eventstore.roots import Roots, stored_roots
from tests.laying import RULES, hour, lay_documents

HOURS = 150
THINNING = '[default]\nseal_after = "1h"\ntiers = [{ for = "24h", keep = "all" }]\nolder = "daily"\n'


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """Six days of which each hour brings something: entries 3 to 152."""
    with Record.open(tmp_path, write=True) as record:
        record._db.execute("PRAGMA synchronous = OFF")
        for number in range(HOURS):
            lay_documents(record, number, {"a": {"n": number}})
        yield record


def stored(db: sqlite3.Connection) -> dict[int, bytes]:
    return {entry: root for entry, root in db.execute("SELECT id, root FROM entry ORDER BY id") if root}


def test_a_root_stands_with_few_entries_and_is_told_of_all(record: Record) -> None:
    db = record._db
    assert set(stored(db)) == {64, 128} == stored_roots(db)
    root, told = bytes(32), {entry.id: entry.root for entry in record.log.entries(every_generation=True)}
    for entry, digest in db.execute("SELECT id, digest FROM entry ORDER BY id").fetchall():
        root = next_root(root, digest)
        assert told[entry] == root.hex() == Roots(db).of(entry).hex()
        assert verify(record, root=root.hex()) == []
    backwards = Roots(db)
    assert [backwards.of(entry).hex() for entry in sorted(told, reverse=True)] == [
        told[entry] for entry in sorted(told, reverse=True)
    ]


def test_what_is_thinned_has_its_root_again(record: Record) -> None:
    before = {entry.id: entry.root for entry in record.log.entries(every_generation=True)}
    record.compact(parse_policy(THINNING), lossy=True)
    after = {entry.id: entry.root for entry in record.log.entries(every_generation=True)}
    db = record._db
    thinned = {row[0] for row in db.execute("SELECT id FROM entry WHERE again NOT NULL")}
    assert len(thinned) == 5  # the last of each day; the syncs of the others are gone
    assert thinned <= set(stored(db)) == stored_roots(db)
    assert {entry: root for entry, root in after.items() if entry in before} == {
        entry: root for entry, root in before.items() if entry in after
    }
    assert verify(record, deep=True) == []


def test_what_is_superseded_has_its_roots_again(record: Record) -> None:
    before = {entry.id: entry.root for entry in record.log.entries(every_generation=True)}
    with record.transaction():
        record.log.adopt(record.log.begin_generation({"api.models": RULES}, made_at=hour(HOURS)))
    assert set(before) <= set(stored(record._db))
    after = {entry.id: entry.root for entry in record.log.entries(every_generation=True)}
    assert after.items() > before.items()


@pytest.mark.parametrize(
    "damage, entry",
    [
        ("UPDATE entry SET digest = zeroblob(32) WHERE id = 70", 70),
        ("UPDATE entry SET root = zeroblob(32) WHERE id = 70", 70),
        ("UPDATE entry SET root = zeroblob(32) WHERE id = 128", 128),
        ("UPDATE entry SET root = x'' WHERE id = 128", 128),
        ("UPDATE entry SET digest = zeroblob(32) WHERE id = (SELECT max(id) FROM entry)", HOURS + 2),
        ("UPDATE entry SET unchanged = unchanged + 1 WHERE id = 70", 70),
    ],
)
def test_damage_to_the_chain_is_found_with_its_sync(record: Record, damage: str, entry: int) -> None:
    (sync,) = record._db.execute("SELECT sync FROM entry WHERE id = ?", (entry,)).fetchone()
    record._db.execute(damage)
    assert sync in {finding.sync for finding in verify(record)}
