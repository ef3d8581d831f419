from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from eventstore import (
    Cause,
    Damaged,
    Record,
    Request,
    Rules,
    Scope,
    UnknownAttempt,
    UnknownSync,
    Unreadable,
    answers,
)
from eventstore.compression import pack, unpack

AT: Final = datetime(2025, 1, 1, 12, 30, 15, 123_000, tzinfo=UTC)
SCOPE: Final = Scope.of("api", "models", {"region": "eu", "a": "é"})


def rules(text: str) -> Rules:
    return Rules(hashlib.sha256(text.encode()).hexdigest(), text)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path, write=True) as opened:
        yield opened


def request(body: bytes | None, *, scope: Scope = SCOPE, **fields: Any) -> Request:
    return Request(scope, AT, AT + timedelta(seconds=2), body=body, **fields)


def add(record: Record, *requests: Request, at: datetime = AT, **fields: Any) -> list[int]:
    """Archive one whole sync; return its attempts."""
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=AT, **{"rules": {}, **fields})
        attempts = record.archive.add(sync, requests)
        record.archive.close_sync(sync, at=at)
    return attempts


def add_in_vain(record: Record, *requests: Request, **fields: Any) -> None:
    with record.transaction():
        record.archive.add(record.archive.open_sync(Cause.SYNC, opened_at=AT, **{"rules": {}, **fields}), requests)
        raise ZeroDivisionError


def keep(record: Record, *bodies: bytes) -> list[int]:
    """Archive answers of one scope, each in a sync of its own; return their attempts."""
    return [add(record, request(body))[0] for body in bodies]


def reopened(record: Record) -> Record:
    """The same record with nothing in memory."""
    return Record.open(record.path.parent)


def stored(record: Record) -> list[tuple[int, int | None, int]]:
    """Number, base and depth of every answer that is kept."""
    return record._db.execute("SELECT id, base, depth FROM answer ORDER BY id").fetchall()


def texts(count: int, size: int = 2_000) -> list[bytes]:
    """Answers that differ little from one to the next."""
    body = random.Random(7).randbytes(size)
    return [body + b"%d" % number for number in range(count)]


# -- bytes


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"{}", b"\xff\xfe not JSON", b"<html>", b"[" * 100_000, random.Random(1).randbytes(5_000_000)],
    ids=["nothing", "NUL", "JSON", "no text", "HTML", "brackets", "5 MB"],
)
def test_answers_come_back_byte_for_byte(record: Record, body: bytes) -> None:
    [attempt] = keep(record, body)
    assert record.archive.answer(attempt) == body
    with reopened(record) as reader:
        assert reader.archive.answer(attempt) == body
        assert reader.archive.attempt(attempt).answer == hashlib.sha256(body).hexdigest()
        assert reader.archive.attempt(attempt).size == len(body)


def test_an_answer_can_be_read_before_it_is_committed(record: Record) -> None:
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=AT, rules={})
        [attempt] = record.archive.add(sync, [request(b"early")])
        assert record.archive.attempt(attempt).answer == hashlib.sha256(b"early").hexdigest()
        assert record.archive.attempt(attempt).size == len(b"early")
        assert record.archive.answer(attempt) == b"early"


def test_equal_answers_are_kept_once(record: Record) -> None:
    other = Scope("api", "others")
    attempts = keep(record, b"one", b"two", b"one", b"one")
    attempts += add(record, request(b"two", scope=other), request(b"one", scope=other), request(b"two"))
    assert [record.archive.answer(attempt) for attempt in attempts] == [
        *(b"one", b"two", b"one", b"one"),
        *(b"two", b"one", b"two"),
    ]
    assert record.archive.sizes()["answers"] == 2
    assert record.archive.sizes()["bytes"] == 6


def test_equal_answers_of_one_sync_are_kept_once_too(record: Record) -> None:
    attempts = add(record, request(b"same"), request(b"same", scope=Scope("api", "others")))
    assert record.archive.sizes()["answers"] == 1
    with reopened(record) as reader:
        assert [reader.archive.answer(attempt) for attempt in attempts] == [b"same", b"same"]


def test_answers_are_deltas_against_the_one_before_with_a_full_copy_now_and_then(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "FULL_COPY_EVERY", 3)
    bodies = texts(8)
    attempts = keep(record, *bodies)
    assert stored(record) == [
        *((1, None, 0), (2, 1, 1), (3, 2, 2)),
        *((4, None, 0), (5, 4, 1), (6, 5, 2)),
        *((7, None, 0), (8, 7, 1)),
    ]
    for order in (attempts, attempts[::-1]):
        with reopened(record) as reader:
            assert [reader.archive.answer(attempt) for attempt in order] == [bodies[number - 1] for number in order]


def test_a_delta_takes_little_space(record: Record) -> None:
    keep(record, *texts(10, 20_000))
    sizes = record.archive.sizes()
    assert sizes["bytes"] > 200_000
    assert sizes["stored"] < 25_000


def test_a_chain_goes_on_where_another_process_left_it(record: Record) -> None:
    bodies = texts(3)
    keep(record, bodies[0])
    record.archive.forget()
    keep(record, bodies[1])
    record.archive.forget()
    keep(record, bodies[2])
    assert stored(record) == [(1, None, 0), (2, 1, 1), (3, 2, 2)]


def test_scopes_have_chains_of_their_own(record: Record) -> None:
    bodies = texts(4)
    scopes = [SCOPE, Scope("api", "others")] * 2
    for body, scope in zip(bodies, scopes, strict=True):
        add(record, request(body, scope=scope))
    assert stored(record) == [(1, None, 0), (2, None, 0), (3, 1, 1), (4, 2, 1)]


def test_an_answer_that_returns_is_the_base_of_the_next(record: Record) -> None:
    one, two, three = texts(3)
    attempts = keep(record, one, two, one, three)
    assert stored(record) == [(1, None, 0), (2, 1, 1), (3, 1, 1)]
    with reopened(record) as reader:
        assert reader.archive.answer(attempts[-1]) == three


def test_an_answer_of_quite_another_size_is_kept_whole(record: Record) -> None:
    [body] = texts(1, 4_000)
    keep(record, body, b"short", body + b"!", b"")
    assert [base for _, base, _ in stored(record)] == [None, None, None, None]


def test_an_answer_after_a_failure_is_a_delta_against_the_last_answer(record: Record) -> None:
    one, two = texts(2)
    keep(record, one)
    add(record, request(None, error="timed out"))
    keep(record, two)
    assert stored(record) == [(1, None, 0), (2, 1, 1)]


def test_a_plan_and_a_resource_stand_once_however_many_syncs_have_them(record: Record) -> None:
    for number in range(6):
        add(record, plan={"asked": number % 2}, rules={"api.a": rules("r"), f"api.{number % 2}": rules("r")})
    assert [sync.plan for sync in record.archive.syncs()] == [{"asked": 0}, {"asked": 1}] * 3
    assert record._db.execute("SELECT count(*) FROM plan").fetchone() == (2,)
    assert record._db.execute("SELECT address FROM resource ORDER BY id").fetchall() == [
        ("api.0",),
        ("api.a",),
        ("api.1",),
    ]


def test_a_plan_and_a_resource_that_were_rolled_back_have_no_number(record: Record) -> None:
    with pytest.raises(ZeroDivisionError):
        add_in_vain(record, plan={"asked": "ours"}, rules={"api.ours": rules("r")})
    for name in ("theirs", "ours"):
        add(record, plan={"asked": name}, rules={f"api.{name}": rules("r")})
    assert [sync.plan["asked"] for sync in record.archive.syncs()] == ["theirs", "ours"]
    assert record.archive.resources() == ["api.ours", "api.theirs"]


def test_what_was_rolled_back_is_no_base(record: Record) -> None:
    one, two, three = texts(3)
    keep(record, one)
    with pytest.raises(ZeroDivisionError):
        add_in_vain(record, request(two), request(b"new", scope=Scope("new", "one")))
    [attempt] = keep(record, three)
    assert stored(record) == [(1, None, 0), (2, 1, 1)]
    assert [sync.id for sync in record.archive.syncs()] == [1, 2]
    with reopened(record) as reader:
        assert reader.archive.answer(attempt) == three


# -- damage


def test_a_flipped_byte_of_an_answer_is_found(record: Record) -> None:
    attempts = keep(record, *texts(3))
    body = record._db.execute("SELECT body FROM answer WHERE id = 2").fetchone()[0]
    for place in range(0, len(body), 7):
        flipped = body[:place] + bytes([body[place] ^ 4]) + body[place + 1 :]
        record._db.execute("UPDATE answer SET body = ? WHERE id = 2", (flipped,))
        with reopened(record) as reader:
            for attempt in attempts[1:]:
                with pytest.raises(Damaged):
                    reader.archive.answer(attempt)
            assert reader.archive.answer(attempts[0]) == texts(1)[0]


def test_a_missing_link_of_a_chain_is_found(record: Record) -> None:
    attempts = keep(record, *texts(3))
    record._db.execute("DELETE FROM answer WHERE id = 2")
    with reopened(record) as reader, pytest.raises(Damaged, match="answer 3 cannot be put together without answer 2"):
        reader.archive.answer(attempts[2])


def test_a_chain_that_bites_its_tail_is_found(record: Record) -> None:
    attempts = keep(record, *texts(3))
    record._db.execute("UPDATE answer SET base = 3 WHERE id = 1")
    with reopened(record) as reader, pytest.raises(Damaged):
        reader.archive.answer(attempts[2])


@pytest.mark.parametrize("base", [None, b"abc" * 100])
def test_packed_bytes_are_unpacked_to_what_they_were(base: bytes | None) -> None:
    for body in (b"", b"abc" * 90, b"abc" * 100, bytes(100_000)):
        assert unpack(pack(body, base=base), len(body), base=base) == body


def test_packed_bytes_with_a_wrong_size_or_base_or_checksum_are_damaged() -> None:
    body, base = b"body" * 20, texts(1)[0]
    packed = pack(base + body, base=base)
    for bad, size in ((packed, len(base)), (packed[:-1], len(base + body)), (b"", 0), (b"\x00" * 4, 0)):
        with pytest.raises(Damaged):
            unpack(bad, size, base=base)
    assert unpack(packed, len(base + body), base=base) == base + body
    with pytest.raises(Damaged):
        unpack(packed, 10**6, base=base)


# -- syncs and attempts


def test_a_sync_says_what_it_was(record: Record) -> None:
    add(
        record,
        at=AT + timedelta(seconds=5),
        rules={"api.models": rules("{}"), "api.endpoints": rules("[]")},
        plan={"asked": ["a"]},
        version="abc",
    )
    with reopened(record) as reader:
        sync = reader.archive.sync(1)
        assert (sync.cause, sync.opened_at, sync.at) == (Cause.SYNC, AT, AT + timedelta(seconds=5))
        assert (sync.plan, sync.version, sync.interrupted) == ({"asked": ["a"]}, "abc", False)
        assert sync.rules == {"api.models": rules("{}").hash, "api.endpoints": rules("[]").hash}
        assert list(reader.archive.syncs()) == [sync]
        with pytest.raises(UnknownSync, match="there is no sync 2"):
            reader.archive.sync(2)


def test_an_attempt_says_what_came_of_it(record: Record) -> None:
    answered = request(b"{}", status=200, headers={"ETag": '"é"'})
    failed = request(None, status=503, error="no answer within 10 s")
    [first, second] = add(record, answered, failed)
    with reopened(record) as reader:
        found = reader.archive.attempts(1)
        assert [attempt.id for attempt in found] == [first, second]
        assert found == [reader.archive.attempt(first), reader.archive.attempt(second)]
        assert (found[0].scope, found[0].sync, found[0].status) == (SCOPE, 1, 200)
        assert (found[0].requested_at, found[0].received_at) == (AT, AT + timedelta(seconds=2))
        assert (found[0].headers, found[0].error) == ({"ETag": '"é"'}, None)
        assert (found[1].answer, found[1].size, found[1].headers) == (None, None, {})
        assert (found[1].status, found[1].error) == (503, "no answer within 10 s")


def test_what_is_not_there_is_said(record: Record) -> None:
    [attempt] = add(record, request(None, error="timed out"))
    with pytest.raises(UnknownAttempt, match=f"attempt {attempt} brought no answer: timed out"):
        record.archive.answer(attempt)
    with pytest.raises(UnknownAttempt, match="there is no attempt 9"):
        record.archive.answer(9)
    with pytest.raises(UnknownAttempt, match="there is no attempt 9"):
        record.archive.attempt(9)


def test_a_sync_that_was_not_closed_is_unfinished(record: Record) -> None:
    with record.transaction():
        first = record.archive.open_sync(Cause.SYNC, opened_at=AT, rules={})
        second = record.archive.open_sync(Cause.IMPORT, opened_at=AT, rules={})
        record.archive.close_sync(first, at=AT)
    assert [(sync.id, sync.at) for sync in record.archive.unfinished()] == [(second, None)]
    with record.transaction():
        record.archive.close_sync(second, at=AT, interrupted=True)
    assert record.archive.unfinished() == []
    assert [sync.interrupted for sync in record.archive.syncs()] == [False, True]
    assert [sync.id for sync in record.archive.syncs(cause=Cause.IMPORT)] == [second]


def test_the_last_time_is_the_latest(record: Record) -> None:
    assert record.archive.last_at() is None
    add(record, at=AT + timedelta(hours=1))
    add(record, at=AT)
    assert record.archive.last_at() == AT + timedelta(hours=1)


def test_versions_are_known_by_resource(record: Record) -> None:
    add(record, rules={"api.models": rules("{}")}, version="one")
    add(record, rules={"api.models": rules("{}")})
    add(record, rules={"api.others": rules("{}")}, version="two")
    assert record.archive.versions("api.models") == {"one"}
    assert record.archive.versions("api.others") == {"two"}
    assert record.archive.versions("api.nothing") == frozenset()


def test_the_rules_of_a_resource_are_those_of_its_last_sync(record: Record) -> None:
    """P28: an old sync still says which rules recorded it."""
    old, new = rules("old"), rules("new")
    add(record, rules={"api.models": new, "api.others": old})
    add(record, rules={"api.models": old})
    add(record, rules={"api.models": new})
    add(record, rules={"api.aaa": old})
    record.archive.forget()
    assert record.archive.rules("api.models") == new
    assert record.archive.rules("api.others") == old
    assert record.archive.rules("api.nothing") is None
    assert record.archive.resources() == ["api.aaa", "api.models", "api.others"]
    assert record.archive.rules_text(old.hash) == "old"
    told = [sync.rules["api.models"] for sync in record.archive.syncs() if "api.models" in sync.rules]
    assert told == [new.hash, old.hash, new.hash]
    assert record._db.execute("SELECT count(*) FROM rules").fetchone() == (2,)
    with pytest.raises(Damaged, match="are missing"):
        record.archive.rules_text(rules("never").hash)


def test_the_last_answers_of_a_resource_are_one_for_each_scope(record: Record) -> None:
    eu, us = (Scope.of("api", "models", {"region": region}) for region in ("eu", "us"))
    attempts = [
        *add(record, request(b"1", scope=us), request(b"2", scope=eu), request(b"3", scope=Scope("api", "others"))),
        *add(record, request(b"4", scope=eu, status=200), request(b"5", scope=us, status=500, error="status 500")),
        *add(record, request(None, scope=eu, error="timed out")),
    ]
    assert record.archive.last_answers("api.models", (3, 2, 1)) == [[attempts[3]], [attempts[0]]]
    assert record.archive.last_answers("api.models", (3, 1)) == [[attempts[1]], [attempts[0]]]
    assert record.archive.last_answers("api.models", (3,)) == []
    assert record.archive.last_answers("api.nothing", (3, 2, 1)) == []


def test_the_last_answers_of_a_scope_are_all_pages_of_one_sync(record: Record) -> None:
    scope = Scope("api", "models")
    add(record, request(b"1", scope=scope), request(b"2", scope=scope))
    add(record, request(b"3", scope=scope), request(None, scope=scope, error="timed out"))
    last = add(record, request(b"3", scope=scope), request(b"2", scope=scope))
    add(record, request(None, scope=scope, error="timed out"))
    assert record.archive.last_answers("api.models", (4, 3, 2, 1)) == [last]


def test_a_plan_that_is_no_json_is_refused(record: Record) -> None:
    with pytest.raises(Unreadable), record.transaction():
        record.archive.open_sync(Cause.SYNC, opened_at=AT, rules={}, plan={"at": AT})


def test_times_without_a_zone_are_refused(record: Record) -> None:
    with pytest.raises(ValueError, match="has no time zone"), record.transaction():
        record.archive.open_sync(Cause.SYNC, opened_at=AT.replace(tzinfo=None), rules={})
