"""Compactions of a small record: what is asked before, told afterwards, and kept for good."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eventstore import Document, Follower, Kind, LogCompacted, Record, ThinnedRange, parse_policy, verify
from eventstore.compaction import sealing
from tests.laying import hour, lay_documents, new_record
from tests.retaining import documents

POLICY = '[default]\nseal_after = "1h"\ntiers = [{ for = "5h", keep = "all" }]\nolder = "daily"\n'
SEALING = '[default]\nseal_after = "1h"\nkeep = "all"\n'


@pytest.fixture
def record() -> Iterator[Record]:
    """Two days in which a number goes up each hour, but for that of one thing."""
    with new_record() as record:
        for number in range(49):
            lay_documents(record, number, {"a": {"n": number}, "b": {"n": number % 2}, "c": {"n": 1}})
        yield record


def seqs(record: Record, key: str) -> list[int]:
    return [event.seq for event in record.log.events("model", key)]


def test_nothing_is_thinned_before_somebody_says_yes(record: Record) -> None:
    before = list(record.log.events())
    done = record.compact(parse_policy(POLICY))
    assert done.withheld
    assert list(record.log.events()) == before
    assert record.sizes().sealed > 0
    assert not record.compact(parse_policy(SEALING)).withheld


@pytest.mark.parametrize("each", [1, 4, 8])
def test_all_that_is_old_enough_is_sealed_however_many_stand(
    record: Record, monkeypatch: pytest.MonkeyPatch, each: int
) -> None:
    monkeypatch.setattr(sealing, "SEGMENT_EVENTS", 10)
    monkeypatch.setattr(sealing, "THINNED_EVENTS", 10)
    monkeypatch.setattr(sealing, "EVENTS_EACH", each)
    before = list(record.log.events())
    record.compact(parse_policy(SEALING))
    assert record._db.execute("SELECT count(DISTINCT entry) FROM event_1").fetchone() == (1,)  # of the last hour
    sizes = [row[0] for row in record._db.execute("SELECT events FROM segment_1 ORDER BY first")]
    assert all(size >= max(10, 2 * each) for size in sizes[:-1])
    assert list(record.log.events()) == before
    assert verify(record, deep=True) == []


def test_once_it_was_said_it_holds(record: Record) -> None:
    assert not record.compact(parse_policy(POLICY), lossy=True).withheld
    left = len(list(record.log.events()))
    for number in range(60, 120):
        lay_documents(record, number, {"a": {"n": number}})
    assert not record.compact(parse_policy(POLICY)).withheld
    assert len(list(record.log.events())) < left + 60


def test_what_came_and_went_within_a_day_is_not_forgotten_where_days_are_kept() -> None:
    """R3: intervals of presence are kept."""
    with new_record() as record:
        for number, there in ((5, "a"), (6, "ab"), (8, "a"), (200, "a")):
            lay_documents(record, number, {key: {"n": number} for key in there})
        record.compact(parse_policy(POLICY), lossy=True)
        assert [event.kind for event in record.log.events("model", "b")] == [Kind.APPEARED, Kind.DISAPPEARED]
        assert len(seqs(record, "a")) == 3


def test_a_pinned_entity_is_not_thinned(record: Record) -> None:
    before = seqs(record, "a"), seqs(record, "b")
    record.compact(parse_policy(f'{POLICY}[pin]\nentities = ["model a"]\n'), lossy=True)
    assert seqs(record, "a") == before[0]
    assert len(seqs(record, "b")) < len(before[1])
    assert verify(record, deep=True) == []


def test_what_a_projection_has_not_seen_is_not_thinned(record: Record) -> None:
    checkpoint = record.log.position(hour(10)).seq
    before = [event for event in record.log.events() if event.seq > checkpoint]
    record.compact(parse_policy(POLICY), lossy=True, keep_from=checkpoint)
    assert list(record.log.events(after=checkpoint)) == before


def test_it_is_told_what_was_thinned_since(record: Record) -> None:
    before = record.log.entries()[-1].id
    assert record.thinned_since(before) == []
    record.compact(parse_policy(POLICY), lossy=True)
    found = record.thinned_since(before)
    assert found[0] == ThinnedRange("api.model", found[0].first, found[0].last)
    assert record.thinned_since(record.log.entries()[-1].id) == []


def test_a_follower_in_the_middle_of_what_was_thinned_is_told_once(record: Record) -> None:
    follower = Follower(
        record.log, lambda after: record.log.events(after=after), after=record.log.position(hour(3)).seq
    )
    record.compact(parse_policy(POLICY), lossy=True)
    with pytest.raises(LogCompacted, match="were thinned"):
        follower.poll()
    assert follower.poll() == []
    lay_documents(record, 100, {"a": {"n": 100}})
    assert len(follower.poll()) == 3


def test_the_last_change_to_nothing_stays_until_it_is_not_the_last_before_what_is_kept_whole() -> None:
    with new_record() as record:
        numbers = {0: 0, 10: 1, 11: 0, 60: 0, 61: 5, 140: 5}  # by hour: there and back within a day
        for number in (0, 10, 11, 60):
            lay_documents(record, number, {"a": {"n": numbers[number]}, "b": number})
        entity = record.log.entity("model", "a")
        state = record.log.state(entity, at=hour(58))
        record.compact(parse_policy(POLICY), lossy=True)
        assert record.log.state(entity, at=hour(58)) == state
        assert [event.body for event in record.log.events("model", "a")][1:] == [b"[]"]
        for number in (61, 140):
            lay_documents(record, number, {"a": {"n": numbers[number]}, "b": number})
        record.compact(parse_policy(POLICY))
        (changed,) = [event for event in record.log.events("model", "a") if event.kind is Kind.CHANGED]
        assert changed.patch == [{"op": "replace", "path": "/n", "value": 5}]
        assert verify(record, deep=True) == []


def test_receipts_stand_in_the_chain_for_good(record: Record) -> None:
    record.compact(parse_policy(POLICY), lossy=True)
    kinds = [entry.kind for entry in record.log.entries()]
    assert kinds[-2:] == ["compaction", "receipt"]
    (compaction,) = record.compactions()
    assert compaction.report is not None
    (tally,) = compaction.report.categories
    assert tally.before.events > tally.after.events == len(list(record.log.events()))
    assert verify(record, deep=True) == []


def test_a_rehearsal_says_what_would_come_of_it_and_changes_nothing(record: Record) -> None:
    before = list(record.log.events()), record.log.entries()
    seen = record.preview(parse_policy(POLICY))
    assert (list(record.log.events()), record.log.entries()) == before
    done = record.compact(parse_policy(POLICY), lossy=True)
    assert seen.report == done.reports[-1]
    assert [file.name for file in record.path.parent.iterdir() if file.is_dir()] == []


def test_space_returns_to_the_disk(record: Record) -> None:
    for number in range(60, 400):
        lay_documents(record, number, {"a": {"n": number, "text": "x" * 3000}})
    before = record.size()
    record.compact(parse_policy(SEALING))
    assert record.size() < before / 2
    assert record.sizes().free == 0


def test_what_is_left_of_a_record_fills_its_pages(record: Record) -> None:
    """Where most of it goes, the rest is written anew."""
    for number in range(60, 400):
        lay_documents(record, number, {"a": {"n": number, "text": f"{number}" * 1000}})
    record.compact(parse_policy(SEALING))
    before = record.size()
    record._db.execute("VACUUM")
    record._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert record.size() == before


def test_a_reader_that_has_begun_reads_on_while_what_is_left_is_written_anew(record: Record) -> None:
    for number in range(60, 600):
        lay_documents(record, number, {"a": {"n": number, "text": f"{number}" * 1000}})
    before = list(record.log.events())
    record._db.execute("PRAGMA busy_timeout = 100")  # ms; the log of writes is cut once no reader is in the way
    done: list[str] = []
    record._db.set_trace_callback(done.append)
    with Record.open(record.path.parent) as reader:
        events = reader.log.events()
        seen = [next(events)]
        record.compact(parse_policy(SEALING))
        assert [*seen, *events] == before
    assert "VACUUM" in done
    assert list(record.log.events()) == before


def test_a_reader_that_pages_while_compaction_runs_sees_one_history(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is compacted under it, an iteration that has begun gives what there was when it began."""
    monkeypatch.setattr(sealing, "SEGMENT_EVENTS", 10)
    monkeypatch.setattr(sealing, "THINNED_EVENTS", 10)
    record._db.execute("PRAGMA busy_timeout = 100")  # ms; space is given back once no reader is in the way
    record.compact(parse_policy(SEALING))
    for until in (hour(30), None):  # of sealed events alone, and of all
        before = list(record.log.events(until=until))
        with Record.open(record.path.parent) as reader:
            events = reader.log.events(until=until)
            seen = [next(events) for _ in range(5)]
            number = 60 if until else 90
            lay_documents(record, number, {"a": {"n": number}})
            record.compact(parse_policy(POLICY.replace("daily", "daily" if until else "monthly")), lossy=True)
            assert [*seen, *events] == before


def test_readers_beside_a_compaction_read_what_they_did_before(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: sealing keeps no reader waiting, and shows none of them anything else."""
    monkeypatch.setattr(sealing, "SEGMENT_EVENTS", 8)
    monkeypatch.setattr(sealing, "THINNED_EVENTS", 8)
    expected = list(record.log.events()), record.log.catalogue("model", at=hour(20))
    over = threading.Event()

    def read_on() -> list[bool]:
        seen: list[bool] = []
        while not (over.is_set() and seen):
            with Record.open(record.path.parent) as reader:
                seen.append((list(reader.log.events()), reader.log.catalogue("model", at=hour(20))) == expected)
        return seen

    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(read_on) for _ in range(2)]
        try:
            record.compact(parse_policy(SEALING))
        finally:
            over.set()
        assert all(all(reader.result()) for reader in readers)
    assert record.sizes().sealed > 0


def test_old_answers_come_back_byte_for_byte(record: Record) -> None:
    before = {n: record.archive.answer(n) for n in range(1, 50)}
    assert record.compact(parse_policy(SEALING)).answers == 48
    assert {n: record.archive.answer(n) for n in before} == before
    lay_documents(record, 60, {"a": {"n": 60}})
    assert record.archive.answer(50) == repr({"a": {"n": 60}}).encode()
    assert verify(record, deep=True) == []


def test_an_entity_of_which_nothing_is_left_is_forgotten() -> None:
    policy = '[default]\nseal_after = "1h"\ntiers = [{ for = "5h", keep = "all" }]\nolder = "delete"\n'
    with new_record() as record:
        lay_documents(record, 0, {"gone": {"n": 1}, "stays": {"n": 1}})
        lay_documents(record, 1, {"stays": {"n": 2}})
        lay_documents(record, 2, {"stays": {"n": 3}})
        lay_documents(record, 50, {"stays": {"n": 3}, "new": 1})
        done = record.compact(parse_policy(policy), lossy=True)
        assert [tally.entities for report in done.reports for tally in report.categories] == [1]
        assert [event.kind.value for event in record.log.events("model", "stays")] == ["appeared", "changed"]
        assert documents(record, "model", hour(49)) == {"stays": {"n": 3}}
        assert [category.ever for category in record.log.categories()] == [2]
        assert verify(record, deep=True) == []
        lay_documents(record, 51, {"stays": {"n": 3}, "new": 1, "gone": {"n": 1}})
        assert record.log.catalogue("model")["gone"].content == Document.of({"n": 1})
        assert verify(record, deep=True) == []


def test_documents_that_are_longer_than_their_patches_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two full copies there are patches then, in rows as in segments."""
    monkeypatch.setattr(sealing, "SEGMENT_EVENTS", 12)
    monkeypatch.setattr(sealing, "THINNED_EVENTS", 12)
    monkeypatch.setattr(sealing, "EVENTS_EACH", 1)
    with new_record() as record:
        for number in range(40):
            shown = {key: {"n": number // (place + 1), "text": key * 900} for place, key in enumerate("abc")}
            lay_documents(record, number, shown)
        instants = [hour(number) for number in range(40)]
        entities = [record.log.entity("model", key) for key in "abc"]

        def told() -> list[object]:
            states = [[record.log.state(entity, at=at) for entity in entities] for at in instants]
            catalogues = [record.log.catalogue("model", at=at) for at in instants]
            return [states, catalogues, *(record.log.history(entity) for entity in entities)]

        before = told()
        record.compact(parse_policy(SEALING))
        assert told() == before
        assert verify(record, deep=True) == []


def test_a_policy_in_the_data_directory_wins(tmp_path: Path) -> None:
    from tests.commandline import output

    with Record.open(tmp_path, write=True) as record:
        for number in range(9):
            lay_documents(record, number, {"a": {"n": number}})
    (tmp_path / "retention.toml").write_text(SEALING)
    assert b"9" in output("--data", tmp_path, "compact", "--dry-run")
    output("--data", tmp_path, "compact")
    assert b'"policy"' in output("--data", tmp_path, "compact", "--history")
