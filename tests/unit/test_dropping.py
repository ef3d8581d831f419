"""Answers whose bytes may go: which these are, what is known of them afterwards, and that damage still shows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import AnswerDropped, BadPolicy, Cause, Record, Request, Scope, parse_policy, verify
from eventstore import answers as arriving
from eventstore.compaction import answers as packing
from eventstore.retention import Kept, droppable
from tests.commandline import orlog, output, refusal
from tests.laying import MODELS, RULES, hour, lay_documents, new_record

KEEPING = '[default]\nseal_after = "1h"\nkeep = "all"\n'
DROPPING = f'{KEEPING}[archive]\nfor = "20h"\n'
LAST = 48


@pytest.fixture(autouse=True)
def short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full copy every few answers: what a kept delta needs is not much."""
    monkeypatch.setattr(arriving, "FULL_COPY_EVERY", 4)
    monkeypatch.setattr(packing, "PACKED_CHAIN", 4)
    monkeypatch.setattr(packing, "PACK_ANSWERS", 2)


@pytest.fixture
def record() -> Iterator[Record]:
    """Two days in which each hour brings another answer; attempt and answer N + 1 are those of hour N."""
    with new_record() as record:
        for number in range(LAST + 1):
            lay_documents(record, number, {"a": {"n": number}})
        yield record


def body(number: int) -> bytes:
    return repr({"a": {"n": number}}).encode()


def gone(record: Record) -> set[int]:
    """The hours whose answers are gone; all others come back byte for byte."""
    found = set()
    for number in range(LAST + 1):
        try:
            assert record.archive.answer(number + 1) == body(number)
        except AnswerDropped:
            found.add(number)
    return found


def drop(record: Record, policy: str = DROPPING) -> None:
    record.compact(parse_policy(policy), lossy=True)


def test_what_was_replaced_in_time_goes_and_all_else_stays(record: Record) -> None:
    drop(record)
    left = gone(record)
    assert left == set(range(max(left) + 1))
    assert 20 <= max(left) < LAST - 20
    assert verify(record, deep=True) == []
    assert record.log.catalogue("model", at=hour(3))["a"].document == {"n": 3}


def test_the_row_with_the_hash_stays(record: Record) -> None:
    drop(record)
    rows = dict(record._db.execute("SELECT id, hash FROM answer").fetchall())
    assert rows == {n + 1: hashlib.sha256(body(n)).digest() for n in range(LAST + 1)}


def test_it_says_when_and_why_an_answer_went(record: Record) -> None:
    drop(record)
    with pytest.raises(AnswerDropped, match="dropped by compaction 1, when the log stood at 20") as error:
        record.archive.answer(1)
    assert "replaced before 20" in str(error.value)
    assert "--history" in error.value.hint


def test_no_answer_goes_before_somebody_says_yes(record: Record) -> None:
    assert record.compact(parse_policy(DROPPING)).withheld
    assert gone(record) == set()
    assert record.evidence_since() is None
    drop(record)
    assert gone(record)
    assert not record.compact(parse_policy(DROPPING)).withheld


def test_dropping_twice_drops_nothing_the_second_time(record: Record) -> None:
    drop(record)
    before = gone(record)
    assert record.compact(parse_policy(DROPPING)).reports == ()
    assert gone(record) == before


def test_the_receipt_and_the_rehearsal_count_answers_and_bytes(record: Record) -> None:
    seen = record.preview(parse_policy(DROPPING))
    assert seen.report is not None
    assert gone(record) == set()
    drop(record)
    (done,) = record.compactions()
    assert done.report is not None
    assert done.report.dropped == seen.report.dropped
    assert done.report.dropped is not None
    assert done.report.dropped.answers == len(gone(record))
    assert done.report.dropped.stored > 0
    assert seen.evidence_since == record.evidence_since()


def test_from_the_evidence_horizon_on_all_answers_are_there(record: Record) -> None:
    drop(record)
    assert record.evidence_since() == hour(max(gone(record)) + 1)


def test_an_answer_that_still_stands_stays_however_old_it_is() -> None:
    with new_record() as record:
        for number in range(LAST + 1):
            lay_documents(record, number, {"a": {"n": 0}} if number else {"a": {"n": -1}})
        other = Scope("api", "models", (("day", "1"),))
        lay_documents(record, LAST + 1, {"once": 1}, scope=other)
        lay_documents(record, LAST + 900, {"a": {"n": 0}})
        drop(record)
        assert record.archive.answer(2) == record.archive.answer(LAST + 1) == body(0)
        assert record.archive.answer(LAST + 2) == repr({"once": 1}).encode()
        assert verify(record, deep=True) == []


def test_the_last_complete_answer_stays_though_others_came_since(record: Record) -> None:
    for number in range(LAST + 1, LAST + 60):
        with record.transaction():
            at = hour(number)
            sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules={"api.models": RULES})
            record.archive.add(sync, [Request(MODELS, at, at, 500, b"broken %d" % number)])
            record.archive.close_sync(sync, at=at)
            record.log.record(sync, [])
    drop(record)
    assert LAST not in gone(record)
    assert LAST - 5 in gone(record)


def test_what_is_not_recorded_yet_holds_its_answers_and_those_behind_it() -> None:
    with new_record() as record:
        for number in range(LAST + 1):
            if number != 9:
                lay_documents(record, number, {"a": {"n": number}})
                continue
            with record.transaction():
                sync = record.archive.open_sync(Cause.SYNC, opened_at=hour(9), rules={"api.models": RULES})
                record.archive.add(sync, [Request(MODELS, hour(9), hour(9), 200, body(9))])
                record.archive.close_sync(sync, at=hour(9))
        drop(record)
        assert gone(record)
        assert max(gone(record)) < 9


def test_an_answer_that_comes_again_is_kept_again(record: Record) -> None:
    drop(record)
    lay_documents(record, LAST + 1, {"a": {"n": 0}})
    assert record.archive.answer(LAST + 2) == record.archive.answer(1) == body(0)
    assert verify(record, deep=True) == []
    for number in range(LAST + 2, LAST + 60):
        lay_documents(record, number, {"a": {"n": number}})
    drop(record)
    assert 0 in gone(record)
    assert verify(record, deep=True) == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE answer SET body = x'' WHERE id = 49",
        "UPDATE answer SET body = x'00' WHERE id = 1",
        "DELETE FROM dropped WHERE answer = 3",
        "UPDATE dropped SET answer = 48 WHERE answer = 3",
        "UPDATE dropped SET bytes = bytes + 1 WHERE answer = 3",
        "UPDATE dropped SET compaction = 7 WHERE answer = 3",
        "UPDATE answer SET hash = x'00' WHERE id = 1",
    ],
)
def test_damage_is_found_among_what_is_gone_on_purpose(record: Record, damage: str) -> None:
    drop(record)
    record._db.execute(damage)
    assert verify(record, deep=True)


def test_what_a_compaction_dropped_that_can_never_end_is_found(record: Record) -> None:
    drop(record)
    record._db.execute("INSERT INTO compaction (id, generation, point, plan) VALUES (9, 7, 0, '{}')")
    record._db.execute("INSERT INTO dropped (answer, compaction, bytes) VALUES (48, 9, 1)")
    record._db.execute("UPDATE answer SET base = NULL, depth = 0, body = x'' WHERE id = 48")
    assert "dropped" in [finding.where for finding in verify(record)]


@given(st.data())
def test_no_kept_answer_leans_on_one_that_went(data: st.DataObject) -> None:
    answers: dict[int, Kept] = {}
    bodies: list[list[int]] = []
    for number in range(1, data.draw(st.integers(0, 12)) + 1):
        replaced = data.draw(st.none() | st.integers(0, 20))
        joins = data.draw(st.none() | st.integers(0, len(bodies) - 1)) if bodies else None
        if joins is not None:
            bodies[joins].append(number)
            answers[number] = Kept(None, replaced, bodies[joins][0])
        else:
            base = data.draw(st.none() | st.integers(1, number - 1)) if answers else None
            answers[number] = Kept(base, replaced, data.draw(st.sampled_from([None, number])))
            bodies.append([number])
    held = data.draw(st.sets(st.integers(1, 12), max_size=3))
    went = droppable(answers, before=10, held=held)
    assert went == sorted(went, reverse=True)
    gone = {number for body in went for number in body}
    needed = {each.base for number, each in answers.items() if number not in gone}
    for body in bodies:
        ages = [answers[number].replaced for number in body]
        young = any(age is None or age >= 10 for age in ages)
        assert (body in went) == (not young and held.isdisjoint(body) and needed.isdisjoint(body))
    assert gone == {number for body in bodies if body in went for number in body}


@pytest.mark.parametrize(
    "text, message",
    [
        ('[archive]\nkeep = "all"\nfor = "1d"\n', "archive.keep: say either that or for"),
        ('[archive]\nfor = "soon"\n', "archive.for: write an age"),
    ],
)
def test_a_policy_for_answers_is_read_strictly(text: str, message: str) -> None:
    with pytest.raises(BadPolicy, match=message):
        parse_policy(text)


def test_the_commands_tell_what_is_dropped(tmp_path: Path) -> None:
    """Small and big ones by turns: none is kept as a delta against another."""
    with Record.open(tmp_path, write=True) as record:
        for number in range(LAST + 1):
            lay_documents(record, number, {"a": "x" * (1 + 1000 * (number % 2) + number)})
    (tmp_path / "retention.toml").write_text(DROPPING)
    shown = output("--data", tmp_path, "compact", "--dry-run", "--format", "table").decode()
    assert "answers dropped (" in shown
    assert "all recorded answers are there from " in shown
    output("--data", tmp_path, "compact", "--yes")
    assert refusal(orlog("--data", tmp_path, "response", "1"))[0] == 1
    assert b'"dropped"' in output("--data", tmp_path, "compact", "--history")
