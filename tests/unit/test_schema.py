"""What older versions wrote is opened, brought up to date, and sealed like anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard

from eventstore import Record, parse_policy, verify
from tests.laying import lay_documents

# written by the last version that knew migration 0001 only: 12 syncs of two things
OLD = Path(__file__).with_name("record-0001.db.zst")
ALL_SEALED = '[default]\nkeep = "all"\nseal_after = "1m"\n'


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "record.db").write_bytes(zstandard.ZstdDecompressor().decompress(OLD.read_bytes()))
    return tmp_path


def test_a_record_of_the_first_schema_is_brought_up_to_date_when_it_is_read(old: Path) -> None:
    with Record.open(old) as record:
        assert record._db.execute("PRAGMA user_version").fetchone() == (4,)
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
