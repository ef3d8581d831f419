"""News: which attempt brought which answer cannot be altered unseen, not even of those that went with their syncs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    parse_policy,
    verify,
)
from eventstore.forms import Forms
from tests.laying import MODELS, RULES, hour, new_record

OTHERS = Scope("api", "others")
DAILY = parse_policy('[default]\nseal_after = "1h"\ntiers = [{ for = "24h", keep = "all" }]\nolder = "daily"\n')
HOURS = 54
LAST_OF_A_DAY = 25  # the first hour of all begins at 22:13


def archive(record: Record, number: int, *answers: tuple[Scope, bytes | None]) -> int:
    """A sync of so many hours after the first; return its first attempt."""
    at = hour(number)
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules={"api.models": RULES})
        requests = [
            Request(scope, at, at, None if body is None else 200, body, headers={"ETag": f'"{number}"', "Age": "1"})
            for scope, body in answers
        ]
        first, *_ = record.archive.add(sync, requests)
        record.archive.close_sync(sync, at=at)
        if number < HOURS:
            items = (Item("a", (("model", Document.of(1)),)),)
            record.log.record(sync, [Listing(MODELS, ("model",), first, complete=True, items=items)])
    return first


def altered(record: Record, statement: str, *values: object) -> list[Finding]:
    with record.transaction():
        assert record._db.execute(statement, values).rowcount == 1
    return verify(record)


# -- of attempts that are there


@pytest.fixture
def record() -> Iterator[Record]:
    """Attempts 1 and 2 bring answers of two scopes, as 4 does; 3 fails, and 5 brings what is news since 1."""
    with new_record() as record:
        archive(record, 1000, (MODELS, b"1"), (OTHERS, b"2"))
        archive(record, 1001, (MODELS, None), (OTHERS, b"3"))
        archive(record, 1002, (MODELS, b"4"), (OTHERS, b"3"))
        assert verify(record, deep=True) == []
        yield record


@pytest.mark.parametrize("attempt", [2, 3, 4], ids=["of another sync", "that failed", "of another scope"])
def test_news_of_an_attempt_that_brought_none_is_found_though_nothing_reads_differently(
    record: Record, attempt: int
) -> None:
    (finding,) = altered(record, "UPDATE news SET attempt = ? WHERE attempt = 5", attempt)
    assert (finding.where, finding.sync) == ("news", 3)
    assert f"attempt {attempt} did not bring an answer for page 0 of scope 1" in finding.message


@pytest.mark.parametrize("attempt", [-1, 0, 7])
def test_news_of_an_attempt_that_never_was_is_found(record: Record, attempt: int) -> None:
    found = altered(record, "INSERT INTO news SELECT scope, 1, ?, answer, status, headers FROM news LIMIT 1", attempt)
    assert [finding.where for finding in found] == ["news"]


def test_news_of_a_page_that_was_not_asked_for_is_found(record: Record) -> None:
    (finding,) = altered(record, "INSERT INTO news SELECT scope, 1, 4, answer, status, headers FROM news LIMIT 1")
    assert (finding.where, finding.sync) == ("news", 2)


def test_news_that_is_none_is_found(record: Record) -> None:
    query = "INSERT INTO news SELECT scope, page, 6, answer, status, headers FROM news WHERE attempt = 4"
    (finding,) = altered(record, query)
    assert (finding.where, finding.sync) == ("news", 3)


def test_headers_that_say_the_same_in_other_bytes_are_found(record: Record) -> None:
    headers = Forms(record._db).text(record._db.execute("SELECT headers FROM news WHERE attempt = 4").fetchone()[0])
    assert headers is not None
    (finding,) = altered(record, "UPDATE news SET headers = ? WHERE attempt = 4", headers.replace(':"', ': "'))
    assert (finding.where, finding.sync) == ("news", 2)


def test_the_attempts_of_an_open_sync_bring_news_too(record: Record) -> None:
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=hour(1003), rules={"api.models": RULES})
        requests = [Request(MODELS, hour(1003), hour(1003), 200, body) for body in (b"5", b"6")]
        record.archive.add(sync, requests)
    assert verify(record, deep=True) == []
    (finding,) = altered(record, "UPDATE attempt SET answered = 0 WHERE id = 8")
    assert (finding.where, finding.sync) == ("news", sync)


# -- of attempts that went


@pytest.fixture(scope="module")
def thinned_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days in which each hour says the same in other bytes, with most syncs of the first of them dropped."""
    folder = tmp_path_factory.mktemp("thinned")
    with Record.open(folder, write=True) as record:
        for number in range(HOURS):
            assert archive(record, number, (MODELS, b"%d" % number)) == number + 1
        record.compact(DAILY, lossy=True)
        assert verify(record, deep=True) == []
    return folder


@pytest.fixture
def thinned(thinned_once: Path, tmp_path: Path) -> Iterator[Record]:
    shutil.copytree(thinned_once, tmp_path, dirs_exist_ok=True)
    with Record.open(tmp_path, write=True) as record:
        yield record


def gone(record: Record) -> list[int]:
    """The attempts that are not there."""
    found = []
    for attempt in range(1, HOURS + 1):
        try:
            record.archive.attempt(attempt)
        except UnknownAttempt:
            found.append(attempt)
    return found


def test_the_receipt_counts_what_attempts_brought_that_went(thinned: Record) -> None:
    (done,) = thinned.compactions()
    assert done.report is not None
    assert done.report.brought is not None
    assert done.report.brought.attempts == len(gone(thinned)) > 20


def test_a_receipt_says_nothing_of_that_where_no_sync_went() -> None:
    with new_record() as record:
        for number in range(3):
            archive(record, number, (MODELS, b"1"))
        record.compact(parse_policy('[default]\nseal_after = "1h"\nkeep = "all"\n'))
        (done,) = record.compactions()
        assert done.report is not None
        assert done.report.brought is None


@pytest.mark.parametrize("change", ["answer = answer + 2", "status = 201", "headers = NULL", "page = 1", "scope = 2"])
def test_whatever_is_altered_of_what_an_attempt_brought_that_went_is_found(thinned: Record, change: str) -> None:
    found = altered(thinned, f"UPDATE news SET {change} WHERE attempt = ?", gone(thinned)[3])
    assert [(finding.where, finding.sync) for finding in found] == [("news", None)]


def test_news_of_an_attempt_that_went_cannot_be_lost(thinned: Record) -> None:
    found = altered(thinned, "DELETE FROM news WHERE attempt = ?", gone(thinned)[3])
    assert ("news", None) in {(finding.where, finding.sync) for finding in found}


def test_news_of_an_attempt_that_is_there_cannot_be_laid_among_those_that_went() -> None:
    """Nothing reads differently where none of them brought anything."""
    with new_record() as record:
        for number in range(HOURS):
            archive(record, number, (MODELS, b"1" if number < LAST_OF_A_DAY else b"2"))
        record.compact(DAILY, lossy=True)
        assert verify(record, deep=True) == []
        brought = LAST_OF_A_DAY + 1
        sync = record.archive.attempt(brought).sync
        assert brought - 1 in gone(record)
        found = altered(record, "UPDATE news SET attempt = ? WHERE attempt = ?", brought - 1, brought)
        assert [(finding.where, finding.sync) for finding in found] == [("news", None), ("news", sync)]


def test_what_went_is_not_compared_until_the_compaction_has_a_receipt(thinned: Record) -> None:
    """R6: whoever verifies a record whose compaction was killed finds nothing."""
    attempt = gone(thinned)[3]
    found = altered(thinned, "UPDATE news SET status = 201 WHERE attempt = ?", attempt)
    assert "news" in {finding.where for finding in found}
    found = altered(thinned, "UPDATE compaction SET receipt = NULL")
    assert "news" not in {finding.where for finding in found}
