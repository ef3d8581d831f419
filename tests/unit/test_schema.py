"""What older versions wrote is opened, brought up to date, and sealed like anything else."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from sqlite_utils import Database

from eventstore import Damaged, Record, parse_policy, schema, verify
from eventstore.answers import Answers
from eventstore.compression import pack
from eventstore.schema import migrations
from tests.laying import RULES, hour, lay_documents

# written by the last version that knew migration 0001 only: 12 syncs of two things
OLD = Path(__file__).with_name("record-0001.db.zst")
ALL_SEALED = '[default]\nkeep = "all"\nseal_after = "1m"\n'
COMMIT = "git 30631146d5eb55718c87142175f09f789d1223e5:a.json"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "record.db").write_bytes(zstandard.ZstdDecompressor().decompress(OLD.read_bytes()))
    return tmp_path


@contextlib.contextmanager
def as_written(folder: Path) -> Iterator[sqlite3.Connection]:
    """The file as the older version left it."""
    with contextlib.closing(sqlite3.connect(folder / "record.db")) as db:
        yield db
        db.commit()


def layout(record: Record) -> set[tuple[str, str]]:
    """The statements that made tables and indexes, in whatever white space they were written."""
    rows = record._db.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql NOT NULL")
    return {(name, re.sub(r"\s+", " ", sql)) for name, sql in rows}


def test_a_record_of_the_first_schema_is_brought_up_to_date_when_it_is_read(old: Path) -> None:
    with Record.open(old) as record:
        assert record._db.execute("PRAGMA user_version").fetchone() == (7,)
        assert [entry.kind for entry in record.log.entries()].count("schema") == 2
        assert len(list(record.log.events())) == 17
        assert verify(record, deep=True) == []


def test_a_record_of_the_first_schema_goes_on_and_is_sealed(old: Path) -> None:
    with Record.open(old, write=True) as record:
        lay_documents(record, 20, {"a": {"n": 20}, "b": {"n": 3}})
        before = list(record.log.events())
        record.compact(parse_policy(ALL_SEALED))
        lay_documents(record, 21, {"a": {"n": 21}})
        assert list(record.log.events())[: len(before)] == before
        assert verify(record, deep=True) == []
    with Record.open(old) as record:
        assert record.log.catalogue("model")["a"].document == {"n": 21}


def test_a_record_that_was_brought_up_to_date_has_the_tables_of_a_new_one(old: Path) -> None:
    with Record.open(old) as record, Record.open(old / "new", write=True) as new:
        assert layout(record) == layout(new)


def test_a_later_generation_has_the_tables_that_the_first_one_was_brought_to(old: Path) -> None:
    with Record.open(old, write=True) as record, record.transaction():
        first = layout(record)
        record.log.adopt(record.log.begin_generation({"api.models": RULES}, made_at=hour(30)))
        assert {(name.replace("_2", "_1"), sql.replace("_2", "_1")) for name, sql in layout(record)} == first


def test_what_an_older_version_stored_in_each_row_reads_as_before(old: Path) -> None:
    with as_written(old) as db:
        db.execute("INSERT INTO sync_rules (resource, sync, rules) VALUES ('api.models', 13, 1), ('api.a', 13, 1)")
        insert = "INSERT INTO sync (id, cause, opened_at, version, plan) VALUES (13, 'import', 0, ?, ?)"
        db.execute(insert, (COMMIT, '{"a":[1]}'))
        plans = db.execute("SELECT plan FROM sync ORDER BY id").fetchall()
        asked = db.execute("SELECT resource, sync FROM sync_rules ORDER BY sync, resource").fetchall()
        results = db.execute("SELECT * FROM result_1 ORDER BY entry, resource").fetchall()
    with Record.open(old) as record:
        sync = record.archive.sync(13)
        assert (sync.version, sync.plan, list(sync.rules)) == (COMMIT, {"a": [1]}, ["api.a", "api.models"])
        assert record.archive.versions("api.a") == {COMMIT}
        named = "JOIN resource a ON a.id = resource"
        db = record._db
        assert db.execute("SELECT text FROM sync s JOIN plan p ON p.id = s.plan ORDER BY s.id").fetchall() == plans
        assert db.execute(f"SELECT address, sync FROM sync_rules {named} ORDER BY 2, 1").fetchall() == asked
        columns = "address, entry, status, asked, listed, complete, doubted"
        assert db.execute(f"SELECT {columns} FROM result_1 {named} ORDER BY 2, 1").fetchall() == results
        assert verify(record, deep=True) == []


def test_a_rebuild_that_an_older_version_did_not_end_is_brought_up_to_date_and_cleared_away(old: Path) -> None:
    with as_written(old) as db:
        for statement in schema.statements(schema.first_log_tables(2)):
            db.execute(statement)
        db.execute("INSERT INTO result_2 VALUES ('api.models', 1, 'success', 1, 1, 1, 0)")
        db.execute("INSERT INTO generation (id, state, made_at, syncs, rules) VALUES (2, 'building', 0, 12, '{}')")
    with Record.open(old, write=True) as record:
        assert not any("_2" in name for name, _ in layout(record))
        assert verify(record, deep=True) == []


def test_a_migration_that_breaks_off_leaves_all_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "NUMBERED_INDEXES", "CREATE INDEX broken ON nothing (id);\n")
        with pytest.raises(Damaged, match="nothing"):
            Record.open(old)
    with as_written(old) as db:
        assert db.execute("SELECT count(*) FROM _sqlite_migrations").fetchone() == (3,)
        assert len(db.execute("SELECT resource FROM sync_rules WHERE resource = 'api.models'").fetchall()) == 12
        assert not db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'old%' OR name = 'plan'").fetchall()
    with Record.open(old) as record:
        assert verify(record, deep=True) == []


def bodies(db: sqlite3.Connection) -> dict[int, bytes]:
    answers = Answers(db)
    return {number: answers.body(number) for (number,) in db.execute("SELECT id FROM answer").fetchall()}


def put_one_after_the_other(db: sqlite3.Connection, whole: dict[int, bytes]) -> None:
    """Make the packs what migration 0005 knew."""
    db.execute("ALTER TABLE answer RENAME COLUMN place TO start")
    for first, base in db.execute("SELECT id, base FROM answer WHERE pack = id").fetchall():
        together = b""
        for (number,) in db.execute("SELECT id FROM answer WHERE pack = ? ORDER BY id", (first,)).fetchall():
            db.execute("UPDATE answer SET start = ? WHERE id = ?", (len(together), number))
            together += whole[number]
        db.execute("UPDATE answer SET body = ? WHERE id = ?", (pack(together, base=whole.get(base)), first))


def test_packs_in_which_answers_stand_one_after_the_other_are_joined(tmp_path: Path) -> None:
    with Record.open(tmp_path, write=True) as record:
        for batch in range(3):
            for number in range(batch * 5, batch * 5 + 5):
                lay_documents(record, number, {"a": {"n": number}, "b": {"n": 1}})
            record.compact(parse_policy(ALL_SEALED))
        whole = bodies(record._db)
        assert record._db.execute("SELECT count(*), count(base) FROM answer WHERE pack = id").fetchone() == (3, 2)
        put_one_after_the_other(record._db, whole)
        with record.transaction():
            migrations.joined_answers(Database(record._db))
        assert bodies(record._db) == whole
        assert verify(record, deep=True) == []
