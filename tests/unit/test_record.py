from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from eventstore import (
    BrokenHistory,
    Cause,
    Damaged,
    DiskFull,
    Document,
    Entity,
    EventStoreError,
    Item,
    Listing,
    NewerRecord,
    NoRecord,
    NotARecord,
    ReadOnlyRecord,
    Record,
    RecordBusy,
    Request,
    Scope,
    generations,
    schema,
    verify,
)
from tests.laying import RULES

AT: Final = datetime(2025, 1, 1, tzinfo=UTC)
SCOPE: Final = Scope("api", "things")
THING: Final = Entity("api", "thing", "k")

# opens a record, says so, and holds it until its input ends
HOLDER: Final = """
import sys
from eventstore import Record
with Record.open(sys.argv[1], write=True):
    print("open", flush=True)
    sys.stdin.read()
"""


def lay(record: Record, value: object) -> None:
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=AT, rules={"api.things": RULES})
        document = Document.of(value)
        [attempt] = record.archive.add(sync, [Request(SCOPE, AT, AT, 200, document.canonical)])
        record.archive.close_sync(sync, at=AT)
        items = (Item("k", (("thing", document),)),)
        record.log.record(sync, [Listing(SCOPE, ("thing",), attempt, complete=True, items=items)])


def value_of(record: Record) -> object:
    state = record.log.state(THING)
    return None if state is None else state.document


@contextlib.contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the record open for writing."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


@contextlib.contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
        yield
    finally:
        folder.chmod(0o700)


def edit(folder: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "record.db", isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data directory with a record of one thing."""
    with Record.open(tmp_path / "data", write=True) as record:
        lay(record, {"n": 1})
    return tmp_path / "data"


# -- opening


def test_a_record_is_made_where_there_is_none(tmp_path: Path) -> None:
    with Record.open(tmp_path / "a" / "b", write=True) as record:
        assert record.path == tmp_path / "a" / "b" / "record.db"
        assert record.log.categories() == []
        assert record.log.position().seq == 0
        assert verify(record, deep=True) == []


def test_only_its_owner_can_read_a_record(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Record.open(tmp_path / "new", write=True), Record.open(tmp_path, write=True) as record:
        lay(record, 1)
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
        files = [file for file in tmp_path.iterdir() if file.is_file()]
        assert {"record.db", "record.db-wal", "writer.lock"} <= {file.name for file in files}
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_reading_makes_nothing(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "data"):
        with pytest.raises(NoRecord, match="there is no record in") as caught:
            Record.open(missing)
        assert "orlog init" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_what_was_laid_down_is_there_again(folder: Path) -> None:
    for write in (False, True):
        with Record.open(folder, write=write) as record:
            assert value_of(record) == {"n": 1}


def test_a_text_file_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "record.db").write_text(
        "A list of things to do, quite long enough to look like a database header.\n" * 9
    )
    for write in (False, True):
        with pytest.raises(NotARecord, match="is not a record") as caught:
            Record.open(tmp_path, write=write)
        assert "--data" in caught.value.hint


@pytest.mark.parametrize("statement", ["CREATE TABLE t (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"])
def test_another_programs_database_is_no_record(tmp_path: Path, statement: str) -> None:
    edit(tmp_path, statement)
    before = (tmp_path / "record.db").read_bytes()
    for write in (False, True):
        with pytest.raises(NotARecord, match="no record of orlog's"):
            Record.open(tmp_path, write=write)
    assert (tmp_path / "record.db").read_bytes() == before


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(NoRecord):
        Record.open(tmp_path / "data")
    with pytest.raises(NotARecord, match="is a file, not a folder"):
        Record.open(tmp_path / "data", write=True)
    with pytest.raises(ReadOnlyRecord, match="cannot make the data directory"):
        Record.open(tmp_path / "data" / "deeper", write=True)


def test_a_record_of_a_newer_orlog_is_left_alone(folder: Path) -> None:
    edit(folder, f"PRAGMA user_version = {schema.VERSION + 1}")
    before = (folder / "record.db").read_bytes()
    for write in (False, True):
        with pytest.raises(NewerRecord, match="was written by a newer orlog") as caught:
            Record.open(folder, write=write)
        assert "newest orlog" in caught.value.hint
    assert (folder / "record.db").read_bytes() == before


@pytest.mark.parametrize("write", [False, True])
def test_an_empty_file_becomes_a_record(tmp_path: Path, write: bool) -> None:  # noqa: FBT001
    (tmp_path / "record.db").touch()
    with Record.open(tmp_path, write=write) as record:
        assert record.log.categories() == []


@pytest.mark.parametrize("step", ["note_schema", "commit"])
def test_a_migration_that_was_interrupted_is_finished_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(generations, step, killed)
        with pytest.raises(KeyboardInterrupt):
            Record.open(tmp_path, write=True)
    with Record.open(tmp_path, write=True) as record:
        lay(record, 1)
        assert verify(record, deep=True) == []


# -- one writer


def test_a_second_writer_is_told_who_the_first_one_is(folder: Path) -> None:
    with held(folder) as process:
        with pytest.raises(RecordBusy, match=f"is being written by process {process.pid} on ") as caught:
            Record.open(folder, write=True)
        assert f"process {process.pid} on " in caught.value.holder
        assert "readers need not wait" in caught.value.hint
        with Record.open(folder) as reader:
            assert value_of(reader) == {"n": 1}


def test_a_writer_that_was_killed_holds_nothing_up(folder: Path) -> None:
    with held(folder):
        pass
    with Record.open(folder, write=True) as record:
        lay(record, 2)
        assert value_of(record) == 2


def test_two_writers_of_one_process_are_two(folder: Path) -> None:
    with Record.open(folder, write=True), pytest.raises(RecordBusy):
        Record.open(folder, write=True)
    with Record.open(folder, write=True) as record:
        lay(record, 2)


def test_an_opening_that_failed_lets_go_of_the_lock(folder: Path) -> None:
    edit(folder, "PRAGMA user_version = 99")
    with pytest.raises(NewerRecord):
        Record.open(folder, write=True)
    edit(folder, f"PRAGMA user_version = {schema.VERSION}")
    Record.open(folder, write=True).close()


def test_a_reader_sees_what_was_committed_while_it_was_open(folder: Path) -> None:
    with Record.open(folder) as reader, Record.open(folder, write=True) as writer:
        assert value_of(reader) == {"n": 1}
        lay(writer, 2)
        assert value_of(reader) == 2
        with reader.snapshot():
            assert value_of(reader) == 2
            lay(writer, 3)
            assert value_of(reader) == 2
        assert value_of(reader) == 3


def test_a_reader_writes_nothing(folder: Path) -> None:
    with Record.open(folder) as reader, pytest.raises(EventStoreError, match="is open for reading only") as caught:
        lay(reader, 2)
    assert "write=True" in caught.value.hint


# -- transactions


def test_a_transaction_is_kept_whole_or_not_at_all(folder: Path) -> None:
    with Record.open(folder, write=True) as record:
        with pytest.raises(ZeroDivisionError), record.transaction():
            lay(record, 1 / 0)
        assert value_of(record) == {"n": 1}
        with record.transaction():
            lay(record, 2)
            lay(record, 3)
        assert value_of(record) == 3
        assert [sync.id for sync in record.archive.syncs()] == [1, 2, 3]


def test_a_full_disk_loses_nothing_that_was_committed(folder: Path) -> None:
    with Record.open(folder, write=True) as record:
        pages = record._db.execute("PRAGMA page_count").fetchone()[0]
        record._db.execute(f"PRAGMA max_page_count = {pages + 3}")
        with pytest.raises(DiskFull, match="no room left for") as caught:
            lay(record, [f"{number:x}" for number in range(50_000)])
        assert "free some space" in caught.value.hint
        assert value_of(record) == {"n": 1}
        record._db.execute("PRAGMA max_page_count = 1000000")
        lay(record, 2)
        assert value_of(record) == 2
        assert verify(record, deep=True) == []


def test_a_record_that_may_not_be_written_says_so(folder: Path) -> None:
    with Record.open(folder, write=True) as record:
        record._db.execute("PRAGMA query_only = ON")
        with pytest.raises(ReadOnlyRecord, match="cannot be written") as caught:
            lay(record, 2)
        assert "write permission" in caught.value.hint


def test_a_folder_that_may_not_be_written_can_be_read(folder: Path) -> None:
    with unwritable(folder):
        with pytest.raises(ReadOnlyRecord, match="cannot be written"):
            Record.open(folder, write=True)
        with Record.open(folder) as record:
            assert value_of(record) == {"n": 1}


# -- damage


def test_a_record_whose_pages_are_overwritten_is_damaged(folder: Path) -> None:
    path = folder / "record.db"
    page = 4096
    path.write_bytes(path.read_bytes()[:page] + b"\xa5" * (path.stat().st_size - page))
    with pytest.raises(Damaged, match="is damaged") as caught, Record.open(folder) as record:
        value_of(record)
    assert "restore" in caught.value.hint


def test_a_document_that_is_not_what_its_hash_says_is_not_handed_out(folder: Path) -> None:
    with Record.open(folder, write=True) as record:
        lay(record, {"n": 1, "long": "x" * 500})
        lay(record, {"n": 2, "long": "x" * 500})
    edit(folder, """UPDATE event_1 SET body = '[{"op":"replace","path":"/n","value":3}]' WHERE seq = 3""")
    with Record.open(folder) as record, pytest.raises(BrokenHistory, match="event 3") as caught:
        value_of(record)
    assert caught.value.seq == 3


def test_a_log_without_a_current_generation_is_damaged(folder: Path) -> None:
    edit(folder, "UPDATE generation SET state = 'superseded'")
    with Record.open(folder) as record, pytest.raises(Damaged, match="0 generations"):
        value_of(record)


def test_size_counts_what_waits_beside_the_file(folder: Path) -> None:
    with Record.open(folder, write=True) as record:
        before = record.size()
        lay(record, [f"{number:x}" for number in range(50_000)])
        assert record.size() > before + 300_000
        assert record.size() == sum(file.stat().st_size for file in folder.glob("record.db*") if "shm" not in file.name)
