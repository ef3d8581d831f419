"""`verify --deep` finds every altered byte and every lost or swapped row, and says which sync it belongs to."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from collector import FilesHistory, World, import_history, play, rebuild_log, resolve
from eventstore import (
    Cause,
    Document,
    Finding,
    Item,
    Listing,
    Record,
    Request,
    Scope,
    UnknownAttempt,
    answers,
    parse_policy,
    replay,
    verify,
)
from eventstore.attempts import Attempts
from tests.laying import rules_named
from tests.thorough import much

FLIPS: Final = much(60, 1000)
DELETED: Final = much(2, 3)  # rows of each table
SWAPPED: Final = much(1, 2)  # pairs of rows of each table
MODELS: Final = much(3, 6)
START: Final = datetime(2025, 1, 1, tzinfo=UTC)

RULES: Final = """\
[[resource]]
name = "things"
category = "thing"
items = ""
key = "{id}"
"""

ANSWERS: Final = (
    '[{"id": "a", "n": 1}, {"id": "b"}, {"id": "twin"}, {"id": "twin", "n": 1}]',
    '[{"id": "a", "n": 1}, {"m": "no key"}]',  # incomplete: a sighting, and an issue
    '[{"id": "a", "n": NaN}, {"id": "b"}, {"id": "twin"}]',  # one is unconfirmed, one has disappeared
    '[{"id": "a", "n": 2',  # unreadable
    '[{"id": "a", "n": 3}, {"id": "\\ud800"}]',
    '[{"id": "a", "n": 3}]',
)


def make(folder: Path) -> None:
    """A record with rows in every table: of a generated API, of imported files, of two generations."""
    saved = folder / "saved"
    saved.mkdir()
    for number, answer in enumerate(ANSWERS):
        (saved / f"{START + timedelta(days=30, hours=number):%Y-%m-%dT%H}.json").write_text(answer)
    (folder / "shop.toml").write_text(RULES)
    things = resolve(str(folder / "shop.toml"))
    with Record.open(folder / "data", write=True) as record:
        play(record, World(7, start=START, days=6, models=MODELS, failures=0.1))
        import_history(record, things, FilesHistory(saved, pattern="{time:%Y-%m-%dT%H}.json"))
        rebuild_log(record, now=START + timedelta(days=60))
        for hours in range(4):
            lay_a_gauge(record, START + timedelta(days=56, hours=hours))
        (folder / "shop.toml").write_text(f'{RULES}drop = ["/m"]\n')
        (saved / "2025-03-01T00.json").write_text('[{"id": "last", "n": 1}]')
        things = resolve(str(folder / "shop.toml"))
        import_history(record, things, FilesHistory(saved, pattern="{time:%Y-%m-%dT%H}.json"))
        record.compact(parse_policy(POLICY), lossy=True)


def lay_a_gauge(record: Record, at: datetime) -> None:
    """A sync of what shows the same each hour, so that all but the last of a day are dropped."""
    gauges = Scope("api", "gauges")
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules={"api.gauges": rules_named("gauges")})
        (attempt,) = record.archive.add(sync, [Request(gauges, at, at, 200, str(at.hour).encode())])
        record.archive.close_sync(sync, at=at)
        item = Item("a", (("gauge", Document.of(1)),))
        record.log.record(sync, [Listing(gauges, ("gauge",), attempt, complete=True, items=(item,))])


POLICY: Final = """
[default]
keep = "all"
seal_after = "9000d"
[category.gauge]
keep = "daily"
seal_after = "1h"
[category.model]
seal_after = "56d"
[category.endpoint_telemetry]
tiers = [{ for = "57d", keep = "all" }]
older = "daily"
seal_after = "54d"
[archive]
for = "56d"
"""


class Table(NamedTuple):
    """A table as the file has it: its columns, and those that tell its rows apart."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


Row = tuple[Any, ...]


class Specimen:
    """A record's file to be damaged, again and again from its sound state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "record.db"
        with contextlib.closing(sqlite3.connect(self._file)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            self.tables = [_table(db, name) for name in names]
            self.rows = {table.name: db.execute(f"SELECT * FROM {table.name}").fetchall() for table in self.tables}
        self._sound = self._file.read_bytes()

    @contextlib.contextmanager
    def damaged(self) -> Iterator[sqlite3.Connection]:
        """The file to be changed; it is as it was again at the end."""
        try:
            with contextlib.closing(sqlite3.connect(self._file, isolation_level=None)) as db:
                yield db
        finally:
            for path in self._folder.glob("record.db*"):
                path.unlink()
            self._file.write_bytes(self._sound)

    def findings(self) -> list[Finding]:
        with Record.open(self._folder) as record:
            return verify(record, deep=True)

    def syncs_of(self, table: Table, row: Row) -> frozenset[int]:
        """The syncs that a row belongs to; none for what belongs to the record as a whole."""
        with contextlib.closing(sqlite3.connect(self._file)) as db:
            values = dict(zip(table.columns, row, strict=True))
            if table.name == "news":
                return _sync_of_attempt(db, values["attempt"])
            query = _SYNC_OF[table.name.rpartition("_")[0] if table.name[-1].isdigit() else table.name]
            g = table.name.rpartition("_")[2]
            return frozenset(each[0] for each in db.execute(query.format(g=g), values) if each[0] is not None)


_OF_ENTRY: Final = "SELECT sync FROM entry WHERE id = :entry"
_OF_ATTEMPT: Final = "SELECT id FROM sync WHERE first <= {attempt} ORDER BY first DESC LIMIT 1"
_OF_EVENT: Final = "SELECT sync FROM entry WHERE generation = {g} AND seq >= :seq ORDER BY id LIMIT 1"  # sealed or not
_OF_SEGMENT: Final = """
SELECT n.sync FROM segment_{{g}} s JOIN entry n ON n.generation = {{g}} AND n.kind = 'sync' AND n.seq >= s.first
AND n.id <= (SELECT min(id) FROM entry WHERE generation = {{g}} AND kind = 'sync' AND seq >= s.last) WHERE s.id = {id}
"""
_NONE: Final = "SELECT NULL"

_SYNC_OF: Final = {
    "_sqlite_migrations": _NONE,
    "generation": _NONE,
    "rules": "SELECT sync FROM sync_rules WHERE rules = :id",
    "plan": "SELECT id FROM sync WHERE plan = :id",
    "form": _NONE,
    "resource": "SELECT sync FROM sync_rules WHERE resource = :id",
    "scope": "SELECT sync FROM asked WHERE scope = :id",
    "sync": "SELECT :id",
    "sync_rules": "SELECT :sync",
    "dropped": _NONE,
    "asked": "SELECT :sync",
    "answer": _OF_ATTEMPT.format(attempt="(SELECT min(attempt) FROM news WHERE answer = :id)"),
    "entry": "SELECT :sync",
    "category": _OF_ENTRY,
    "entity": "SELECT n.sync FROM event_{g} e JOIN entry n ON n.id = e.entry WHERE e.entity = :id "
    "UNION SELECT sync FROM entry WHERE id = :entry",
    "event": _OF_ENTRY,
    "listing": _OF_ENTRY,
    "repeat": _OF_ENTRY,
    "disturbed": _OF_ENTRY,
    "result": _OF_ENTRY,
    "sighting": _OF_ENTRY,
    "unconfirmed": _OF_ENTRY,
    "unread": _OF_ENTRY,
    "issue": _OF_ENTRY,
    "keyframe": _OF_EVENT,
    "catalogue": _OF_EVENT,
    "compaction": _NONE,
    "skipped": _NONE,
    "segment": _OF_SEGMENT.format(id=":id"),
    "block": _OF_SEGMENT.format(id=":segment"),
    "thinned": _NONE,
}


def _sync_of_attempt(db: sqlite3.Connection, attempt: int) -> frozenset[int]:
    """The sync that an attempt belongs to; none where compaction dropped it."""
    try:
        return frozenset([Attempts(db).sync_of(attempt)])
    except UnknownAttempt:
        return frozenset()


def _table(db: sqlite3.Connection, name: str) -> Table:
    about = db.execute(f"PRAGMA table_info({name})").fetchall()
    return Table(name, tuple(each[1] for each in about), tuple(each[1] for each in about if each[5]))


@pytest.fixture(scope="module")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Specimen]:
    folder = tmp_path_factory.mktemp("flips")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "FULL_COPY_EVERY", 8)  # for some answers to be needed by no other
        patch.setattr(replay, "CATALOGUE_EVENTS", 16)  # for few events to have several keyframes of catalogues
        make(folder)
        yield Specimen(folder / "data")


def test_every_table_has_rows_and_nothing_is_found_where_nothing_was_altered(specimen: Specimen) -> None:
    assert [name for name, rows in specimen.rows.items() if not rows] == ["attempt"]  # of open syncs, and none is
    assert specimen.findings() == []


# -- flipped bytes


class Flip(NamedTuple):
    """One byte of one value that is another one."""

    table: Table
    row: Row
    column: str
    value: Any


def flips(specimen: Specimen, dice: random.Random) -> Iterator[Flip]:
    """Flips without end, of all columns alike, however many rows a table has."""
    columns = [(table, column) for table in specimen.tables for column in table.columns]
    while True:
        table, column = dice.choice(columns)
        place = table.columns.index(column)
        rows = [row for row in specimen.rows[table.name] if row[place] not in (None, "", b"")]
        if rows:
            row = dice.choice(rows)
            yield Flip(table, row, column, flipped(row[place], dice))


def flipped(value: Any, dice: random.Random) -> Any:
    """The value with another byte: of its UTF-8 text, or of the eight that an integer has."""
    stored = bytearray(value.to_bytes(8, "big", signed=True) if isinstance(value, int) else _bytes(value))
    stored[dice.randrange(len(stored))] ^= dice.randrange(1, 256)
    return int.from_bytes(stored, "big", signed=True) if isinstance(value, int) else bytes(stored)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def carry_out(db: sqlite3.Connection, flip: Flip) -> None:
    """Alter the row. Raises `sqlite3.IntegrityError` where another row has what would be there."""
    cast = "CAST(? AS TEXT)" if isinstance(flip.row[flip.table.columns.index(flip.column)], str) else "?"
    where, key = _identity(flip.table, flip.row)
    changed = db.execute(f"UPDATE {flip.table.name} SET {flip.column} = {cast} WHERE {where}", (flip.value, *key))
    assert changed.rowcount == 1


def _identity(table: Table, row: Row) -> tuple[str, list[Any]]:
    key = [row[table.columns.index(column)] for column in table.key]
    return " AND ".join(f"{column} = ?" for column in table.key), key


def unnoticed(specimen: Specimen, count: int, dice: random.Random) -> list[str]:
    """Of so many flips those that are not found, or whose sync is not named."""
    failures: list[str] = []
    drawn = 0
    for flip in flips(specimen, dice):
        syncs = specimen.syncs_of(flip.table, flip.row)
        with specimen.damaged() as db:
            try:
                carry_out(db, flip)
            except sqlite3.IntegrityError:
                continue
            failures += complaint(
                specimen.findings(), syncs, f"{flip.table.name}.{flip.column} of {flip.row} = {flip.value}"
            )
        drawn += 1
        if drawn == count:
            return failures
    return failures


def complaint(findings: list[Finding], syncs: frozenset[int], what: str) -> list[str]:
    if not findings:
        return [f"not found: {what}"]
    if syncs and not any(finding.sync in syncs for finding in findings):
        return [f"none of {sorted(syncs)} is named: {what}: {findings}"]
    return []


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_every_flipped_byte_is_found_and_its_sync_named(specimen: Specimen) -> None:
    """P15: corruption gives a clear error, which names where it is."""
    assert unnoticed(specimen, FLIPS, random.Random(1)) == []
    assert specimen.findings() == []


# -- lost and swapped rows


def delete(db: sqlite3.Connection, table: Table, row: Row) -> None:
    where, key = _identity(table, row)
    assert db.execute(f"DELETE FROM {table.name} WHERE {where}", key).rowcount == 1


def insert(db: sqlite3.Connection, table: Table, row: Row) -> None:
    db.execute(f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(row))})", row)


def contents(table: Table, row: Row) -> Row:
    """A row without what tells it apart."""
    return tuple(value for column, value in zip(table.columns, row, strict=True) if column not in table.key)


def with_contents(table: Table, row: Row, other: Row) -> Row:
    return tuple(
        mine if column in table.key else theirs for column, mine, theirs in zip(table.columns, row, other, strict=True)
    )


@pytest.mark.thorough
def test_a_deleted_row_of_any_table_is_found_and_its_sync_named(specimen: Specimen) -> None:
    dice = random.Random(3)
    failures: list[str] = []
    for table in specimen.tables:
        for row in dice.sample(specimen.rows[table.name], min(DELETED, len(specimen.rows[table.name]))):
            syncs = specimen.syncs_of(table, row)
            with specimen.damaged() as db:
                delete(db, table, row)
                failures += complaint(specimen.findings(), syncs, f"{table.name} without {row}")
    assert failures == []


@pytest.mark.thorough
def test_two_rows_of_any_table_that_are_swapped_are_found_and_a_sync_named(specimen: Specimen) -> None:
    dice = random.Random(3)
    failures: list[str] = []
    for table in specimen.tables:
        for one, other in swaps(specimen, table, dice, SWAPPED):
            syncs = specimen.syncs_of(table, one) | specimen.syncs_of(table, other)
            with specimen.damaged() as db:
                for row in (one, other):
                    delete(db, table, row)
                insert(db, table, with_contents(table, one, other))
                insert(db, table, with_contents(table, other, one))
                failures += complaint(specimen.findings(), syncs, f"{table.name}: {one} and {other} swapped")
    assert failures == []


def swaps(specimen: Specimen, table: Table, dice: random.Random, count: int) -> list[tuple[Row, Row]]:
    """Pairs of rows that differ in more than what tells them apart; few, or none, where there are not more."""
    rows = specimen.rows[table.name]
    pairs = [tuple(dice.sample(rows, 2)) for _ in range(50 if len(rows) > 1 else 0)]
    return [(one, other) for one, other in pairs if contents(table, one) != contents(table, other)][:count]


@pytest.mark.parametrize("table", ["keyframe", "catalogue"])
def test_a_keyframe_that_is_lost_is_found_and_nothing_else_is_wrong(specimen: Specimen, table: str) -> None:
    (kept,) = (each for each in specimen.tables if each.name.startswith(f"{table}_"))
    row = random.Random(4).choice(specimen.rows[kept.name])
    with specimen.damaged() as db:
        delete(db, kept, row)
        (finding,) = specimen.findings()
    assert (finding.where, frozenset([finding.sync])) == (table, specimen.syncs_of(kept, row))
    assert "nothing is lost" in finding.message
