"""Named migrations of `record.db`, oldest first; only ever added to."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from eventstore import schema

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


@record(name="0004_packs_of_answers")
def packs_of_answers(db: Database) -> None:
    """Several answers in one body."""
    for statement in schema.statements(schema.PACKS):
        db.execute(statement)


def apply(connection: sqlite3.Connection) -> None:
    """Bring a record to the newest schema. Each migration is one transaction, together with the note that it ran."""
    connection.execute(f"PRAGMA page_size = {schema.PAGE_SIZE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    record.apply(Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA user_version = {schema.VERSION}")
