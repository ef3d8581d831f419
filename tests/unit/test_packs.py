"""Packs: several answers of a scope in one body, each of which comes back byte for byte."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore import Cause, Record, Request, Scope, parse_policy, verify
from eventstore.compaction import answers as packing
from tests.laying import RULES, hour, new_record

SEALING: Final = parse_policy('[default]\nseal_after = "1h"\nkeep = "all"\n')
ONE, OTHER = Scope.of("api", "models", {}), Scope.of("api", "models", {"page": "other"})

few = settings(max_examples=settings().max_examples // 4)


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few answers make one."""
    monkeypatch.setattr(packing, "PACK_ANSWERS", 2)


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def bring(record: Record, number: int, bodies: Mapping[Scope, bytes]) -> list[int]:
    """Archive answers in a sync of an hour of its own; return their attempts."""
    at = hour(number)
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules={"api.models": RULES})
        attempts = record.archive.add(sync, [Request(scope, at, at, 200, body) for scope, body in bodies.items()])
        record.archive.close_sync(sync, at=at)
        record.log.record(sync, [])
    return list(attempts)


def text(number: int, size: int = 900) -> bytes:
    """An answer that has most in common with its neighbours."""
    return random.Random(1).randbytes(size).hex().encode() + b"%d" % number


def packs(record: Record) -> dict[int, list[int]]:
    rows = record._db.execute("SELECT pack, id FROM answer WHERE pack IS NOT NULL ORDER BY id").fetchall()
    return {first: [each for pack, each in rows if pack == first] for first, _ in rows}


def test_answers_of_a_scope_are_packed_together_and_each_pack_leans_on_the_one_before(record: Record) -> None:
    for number in range(12):
        bring(record, number, {ONE: text(number), OTHER: text(-number)})
    assert record.compact(SEALING).answers == 21  # the other's of the first hour is the first's
    assert packs(record) == {1: [1, 2], 3: [3, 5], 4: [4, 6], 7: [7, 9], 8: [8, 10], 11: [11, 13], 12: [12, 14]} | {
        15: [15, 17],
        16: [16, 18],
        19: [19, 21],
    }
    bases = dict(record._db.execute("SELECT id, base FROM answer WHERE pack = id").fetchall())
    assert (bases[1], bases[4], bases[8]) == (None, 2, 6)
    assert verify(record, deep=True) == []


def test_a_pack_takes_a_fraction_of_what_its_answers_took_alone(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What repeats from answer to answer is said once."""
    monkeypatch.setattr(packing, "PACK_ANSWERS", 64)
    for number in range(50):
        bring(record, number, {ONE: text(number)})
    before = record.sizes().answers
    record.compact(SEALING)
    assert record.sizes().answers < before / 1.5


def test_an_answer_that_is_very_large_is_packed_by_itself(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its chunks would take several times as much memory."""
    monkeypatch.setattr(packing, "LARGEST", 1000)
    sizes = [900, 950, 901, 600, 2000, 2001, 2002]  # the last is not old enough to be packed
    for number, size in enumerate(sizes):
        bring(record, number, {ONE: text(number, size // 2)})
    monkeypatch.setattr(packing, "PACK_ANSWERS", 64)
    assert record.compact(SEALING).answers == len(sizes) - 1
    assert packs(record) == {1: [1, 2, 3, 4]}
    bases = dict(record._db.execute("SELECT id, base FROM answer").fetchall())
    assert (bases[5], bases[6]) == (4, 5)
    assert verify(record, deep=True) == []


@few
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([ONE, OTHER]),
            st.builds(text, st.integers(0, 30), st.sampled_from([0, 1, 30, 900, 2500])),
            min_size=1,
        ),
        max_size=20,
    ),
    st.sets(st.integers(0, 20), max_size=4),
)
def test_whatever_came_comes_back_however_often_it_is_packed(
    brought: list[dict[Scope, bytes]], compacted: set[int]
) -> None:
    with new_record() as record:
        known: dict[int, bytes] = {}
        for number, bodies in enumerate(brought):
            known.update(zip(bring(record, number, bodies), bodies.values(), strict=True))
            if number in compacted:
                record.compact(SEALING)
        record.compact(SEALING)
        with Record.open(record.path.parent) as reader:  # it has nothing in mind yet
            for attempt, body in sorted(known.items(), reverse=True):
                assert reader.archive.answer(attempt) == body
        assert verify(record, deep=True) == []
        hashes = record._db.execute("SELECT count(*), count(DISTINCT hash) FROM answer").fetchone()
        assert hashes == (len(set(known.values())),) * 2


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE answer SET pack = 3 WHERE id = 2",
        "UPDATE answer SET pack = 99 WHERE id = 2",
        "UPDATE answer SET pack = NULL WHERE id = 2",
        "UPDATE answer SET pack = NULL WHERE id = 1",
        "UPDATE answer SET place = 0 WHERE id = 2",
        "UPDATE answer SET place = NULL WHERE id = 2",
        "UPDATE answer SET place = -5 WHERE id = 2",
        "UPDATE answer SET place = 1 << 62 WHERE id = 2",
        "UPDATE answer SET depth = -9 WHERE id = 2",
        "UPDATE answer SET depth = -9 WHERE id = 1",
        "UPDATE answer SET size = size + 1 WHERE id = 2",
        "UPDATE answer SET base = NULL WHERE id = 3",
        "UPDATE answer SET base = 3 WHERE id = 3",
        "UPDATE answer SET body = zeroblob(length(body)) WHERE id = 1",
        "DELETE FROM answer WHERE id = 1",
        "UPDATE answer SET body = (SELECT body FROM answer WHERE id = 1) WHERE id = 3",
    ],
)
def test_damage_to_a_pack_is_found(record: Record, damage: str) -> None:
    for number in range(6):
        bring(record, number, {ONE: text(number)})
    record.compact(SEALING)
    assert list(packs(record).values()) == [[1, 2], [3, 4]]
    record._db.execute(damage)
    record.archive.forget()
    found = verify(record, deep=True)
    assert {finding.where for finding in found} >= {"answer"}
