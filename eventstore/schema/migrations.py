"""Named migrations of `record.db`, oldest first; only ever added to."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import Final

from sqlite_utils import Database, Migrations

from eventstore import forms, schema
from eventstore.answers import Answers
from eventstore.compression import LEVEL_SEALED, pack, unpack
from eventstore.joined import Joining
from eventstore.schema import versions

record = Migrations("record")


@record(name="0001_archive_chain_and_log")
def archive_chain_and_log(db: Database) -> None:
    """The archive, the chain and the first generation of the log."""
    for statement in schema.statements(schema.ARCHIVE + schema.CHAIN + schema.first_log_tables(1)):
        db.execute(statement)
    db.table("generation").insert({"id": 1, "state": "current", "made_at": 0, "syncs": 0, "rules": "{}"})
    db.create_view("events", schema.events_view(1).split(" AS\n", 1)[1])


@record(name="0002_sealed_history")
def sealed_history(db: Database) -> None:
    """Segments for the current generation, and what is known of compactions."""
    for (generation,) in db.execute("SELECT id FROM generation WHERE state = 'current'").fetchall():
        for statement in schema.statements(schema.COMPACTION + schema.sealed_tables(generation)):
            db.execute(statement)


@record(name="0003_dropped_evidence")
def dropped_evidence(db: Database) -> None:
    """Which syncs and which bytes of answers compaction dropped."""
    for statement in schema.statements(schema.DROPPED):
        db.execute(statement)


# in the order in which they came first
_MOVED: Final = """
INSERT INTO plan (text) SELECT plan FROM old_sync GROUP BY plan ORDER BY min(id);
INSERT INTO resource (address) SELECT resource FROM old_sync_rules GROUP BY resource ORDER BY min(sync), resource;
INSERT INTO sync (id, cause, opened_at, at, interrupted, version, plan, report, digest, first, attempts)
SELECT s.id, cause, opened_at, at, interrupted, packed(version), p.id, report, digest, first, attempts
FROM old_sync s JOIN plan p ON p.text = s.plan ORDER BY s.id;
INSERT INTO sync_rules (resource, sync, rules)
SELECT a.id, y.sync, y.rules FROM old_sync_rules y JOIN resource a ON a.address = y.resource ORDER BY 1, 2;
"""
_MOVED_RESULTS: Final = """
INSERT OR IGNORE INTO resource (address) SELECT DISTINCT resource FROM old_result_{g} /* strays are found later on */;
INSERT INTO result_{g} (resource, entry, status, asked, listed, complete, doubted)
SELECT a.id, r.entry, r.status, r.asked, r.listed, r.complete, r.doubted
FROM old_result_{g} r JOIN resource a ON a.address = r.resource ORDER BY 1, 2;
"""


@record(name="0004_numbered_names")
def numbered_names(db: Database) -> None:
    """Numbers for plans and resources, and the names of versions packed: each row had them in full."""
    db.conn.create_function("packed", 1, versions.packed, deterministic=True)
    logs = [row[0] for row in db.execute("SELECT id FROM generation WHERE state <> 'superseded'").fetchall()]
    tables = ["sync", "sync_rules", *(f"result_{generation}" for generation in logs)]
    for table in tables:
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    made = schema.NUMBERED + "".join(map(schema.result_table, logs))
    moved = _MOVED + "".join(_MOVED_RESULTS.format(g=generation) for generation in logs)
    dropped = "".join(f"DROP TABLE old_{table};\n" for table in tables)
    for statement in schema.statements(made + moved + dropped + schema.NUMBERED_INDEXES):
        db.execute(statement)


@record(name="0005_packs_of_answers")
def packs_of_answers(db: Database) -> None:
    """Several answers in one body."""
    for statement in schema.statements(schema.PACKS):
        db.execute(statement)


_FORMED: Final = """
INSERT INTO sync SELECT id, cause, opened_at, at, interrupted, stored(unpacked(version)), plan,
CASE WHEN instr(report, '"doubt"') > 0 THEN report ELSE stored(report) END, digest, first, attempts
FROM old_sync ORDER BY id;
INSERT INTO news SELECT scope, page, attempt, answer, status, stored(headers) FROM old_news ORDER BY 1, 2, 3;
DROP TABLE old_sync;
DROP TABLE old_news;
"""


@record(name="0006_forms")
def forms_of_texts(db: Database) -> None:
    """Of reports, headers and names of versions only what differs."""
    db.conn.create_function("unpacked", 1, versions.unpacked, deterministic=True)
    db.conn.create_function("stored", 1, forms.Forms(db.conn).stored)
    for table in ("sync", "news"):
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in schema.statements(schema.FORMS + _FORMED + schema.FORMS_INDEXES):
        db.execute(statement)


@record(name="0007_joined_answers")
def joined_answers(db: Database) -> None:
    """What is in a pack is joined, no more one after the other."""
    db.execute("ALTER TABLE answer RENAME COLUMN start TO place")
    answers = Answers(db.conn)
    packs = "SELECT id, base, body FROM answer WHERE pack = id ORDER BY id"
    members = defaultdict(list)
    for pack_of, *member in db.execute("SELECT pack, id, place, size FROM answer WHERE pack NOT NULL ORDER BY id"):
        members[pack_of].append(member)
    for first, base, body in db.execute(packs).fetchall():
        before = None if base is None else answers.body(base)  # it has a lower number: it is joined already
        together, joining = unpack(body, None, base=before), Joining(before)
        for place, (number, start, size) in enumerate(members[first]):
            joining.add(together[start : start + size])
            db.execute("UPDATE answer SET place = ? WHERE id = ?", (place, number))
        joined = pack(joining.content(), base=before, level=LEVEL_SEALED)
        db.execute("UPDATE answer SET body = ? WHERE id = ?", (joined, first))


def apply(connection: sqlite3.Connection) -> None:
    """Bring a record to the newest schema. Each migration is one transaction, together with the note that it ran."""
    connection.execute(f"PRAGMA page_size = {schema.PAGE_SIZE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    record.apply(Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA user_version = {schema.VERSION}")
