"""Answers that are not what they should be: each gets an issue that says so, makes nothing disappear, and is kept.

A history of three answers is imported: a good one, a bad one, and another good one.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest

from collector import FilesHistory, GitHistory, History, import_history, rebuild_log, resolve
from eventstore import Entity, Event, EventLog, Kind, Record, Status, verify
from tests.commandline import ROOT, command, orlog, output, printed
from tests.gitrepo import GitRepo
from tests.model import text_of
from tests.thorough import much

RULES: Final = """\
[[resource]]
name = "things"
category = "thing"
items = "/data"
key = "{id}"
"""

FIRST: Final = b'{"data": [{"id": "a", "n": 1}, {"id": "b", "n": 2}]}'
LAST: Final = b'{"data": [{"id": "a", "n": 1}, {"id": "b", "n": 3}, {"id": "c", "n": 4}]}'
STANDS: Final = {"a": '{"id":"a","n":1}', "b": '{"id":"b","n":2}'}
STANDS_LAST: Final = {"a": '{"id":"a","n":1}', "b": '{"id":"b","n":3}', "c": '{"id":"c","n":4}'}

MEGABYTE: Final = 1_000_000
LARGE: Final = much(4, 50) * MEGABYTE
LARGE_MEMORY: Final = 700 * MEGABYTE  # bytes; measured: 600 for one that was cut off
LARGE_SECONDS: Final = 60.0  # for one import; measured: 6


class Bad(NamedTuple):
    """A bad answer and what must become of it.

    `issues`: code and key of each, and a part of the message. `stands`: what differs from before in the state after it.
    `confirmed`: the keys that it confirms, of those that stood before.
    """

    answer: bytes
    issues: Sequence[tuple[str, str | None, str]] = ()
    status: Status = Status.FAILED
    stands: Mapping[str, str] = MappingProxyType({})
    confirmed: frozenset[str] = frozenset()


def item(n: bytes) -> bytes:
    """The first answer, with another value in the document of `a`."""
    return FIRST.replace(b"1", n)


def unreadable(message: str) -> list[tuple[str, str | None, str]]:
    return [("unreadable-answer", None, message)]


def no_items(message: str) -> list[tuple[str, str | None, str]]:
    return [("no-items", None, message)]


def no_key(answer: bytes, message: str) -> Bad:
    return Bad(answer, [("no-key", None, message)], Status.PARTIAL, confirmed=frozenset("b"))


def unreadable_item(answer: bytes, message: str) -> Bad:
    return Bad(answer, [("unreadable-item", "a", message)], Status.SUCCESS, confirmed=frozenset("b"))


BAD: Final = {
    "zero bytes": Bad(b"", unreadable("empty: 0 bytes")),
    "white space": Bad(b" \n", unreadable("empty: 2 bytes of white space")),
    "zeros": Bad(bytes(40), unreadable("no text at all")),
    "HTML": Bad(b"<!DOCTYPE html><title>502 Bad Gateway</title>", unreadable('HTML, titled "502 Bad Gateway"')),
    "truncated": Bad(FIRST[:-10], unreadable("cut off after 42 bytes")),
    "truncated in a string": Bad(FIRST[:14], unreadable("cut off after 14 bytes")),
    "two answers in one": Bad(FIRST * 2, unreadable("not JSON at byte 52")),
    "merge conflict": Bad(b"<<<<<<< HEAD\n" + FIRST, unreadable("merge conflicts")),
    "compressed": Bad(gzip.compress(FIRST, mtime=0), unreadable("gzip-compressed bytes")),
    "UTF-16": Bad(FIRST.decode().encode("utf-16"), unreadable("JSON is UTF-8")),
    "bad UTF-8 outside of strings": Bad(FIRST[:10] + b"\xff" + FIRST[10:], unreadable("bad UTF-8 at byte 10")),
    "100 000 brackets": Bad(b"[" * 100_000, unreadable("nested too deeply")),
    "100 000 brackets in an item": Bad(item(b"[" * 100_000 + b"]" * 100_000), unreadable("nested too deeply")),
    "no items pointer": Bad(FIRST.replace(b"data", b"rows"), no_items('write items = "/rows"')),
    "an error for an answer": Bad(b'{"error": {"code": 429}}', no_items("there is no /data")),
    "null": Bad(b"null", no_items("the answer is null")),
    "null for items": Bad(b'{"data": null}', no_items("/data is null")),
    "a number for items": Bad(b'{"data": 3}', no_items("/data is an integer")),
    "an item without its key": no_key(FIRST.replace(b'"id": "a", ', b""), "/data/0 has no key"),
    "null for a key": no_key(FIRST.replace(b'"a"', b"null"), "{id} is null"),
    "true for a key": no_key(FIRST.replace(b'"a"', b"true"), "{id} is true"),
    "an empty key": no_key(FIRST.replace(b'"a"', b'""'), "{id} is an empty string"),
    "an object for a key": no_key(FIRST.replace(b'"a"', b"{}"), "{id} is an object"),
    "a lone surrogate in a key": no_key(FIRST.replace(b'"a"', b'"\\ud800"'), "not Unicode text"),
    "a number for an item": no_key(FIRST.replace(b'{"id": "a", "n": 1}', b"7"), "the item is an integer"),
    "NaN": unreadable_item(item(b"NaN"), "NaN is not a number"),
    "Infinity": unreadable_item(item(b"-Infinity"), "-Infinity is not a number"),
    "1e400": unreadable_item(item(b"1e400"), "1e400 is not a number"),
    "an integer of 5000 digits": unreadable_item(item(b"9" * 5000), "an integer of 5000 digits"),
    "a lone surrogate": unreadable_item(item(b'"\\ud800"'), "not Unicode text"),
    "a lone surrogate in a member's name": unreadable_item(item(b'{"\\ud800": 1}'), "not Unicode text"),
    "bad UTF-8 in a string": unreadable_item(item(b'"\xff"'), "not Unicode text"),
    "a control character in a string": unreadable_item(item(b'"\x01"'), ""),
    "two different items of one key": Bad(
        FIRST.replace(b"]", b', {"id": "a", "n": 5}]'),
        [("duplicate-key", "a", "2 items have this key, 2 of them different")],
        Status.SUCCESS,
        {"a#2": '{"id":"a","n":5}'},
        frozenset("ab"),
    ),
    "an item twice": Bad(
        FIRST.replace(b"]", b', {"id": "a", "n": 1}]'),
        [("duplicate-key", "a", "all equal")],
        Status.SUCCESS,
        confirmed=frozenset("ab"),
    ),
    # not bad at all, though others stumble over them: no issue
    "a byte order mark": Bad(b"\xef\xbb\xbf" + FIRST, [], Status.SUCCESS, confirmed=frozenset("ab")),
    "a repeated member": Bad(
        FIRST.replace(b'"n": 1', b'"n": 0, "n": 1'), [], Status.SUCCESS, confirmed=frozenset("ab")
    ),
    "an integer of 20 digits": Bad(
        item(b"12345678901234567891"),
        [],
        Status.SUCCESS,
        {"a": '{"id":"a","n":12345678901234567891}'},
        frozenset("b"),
    ),
    "an integer of 4000 digits": Bad(
        item(b"7" * 4000), [], Status.SUCCESS, {"a": '{"id":"a","n":' + "7" * 4000 + "}"}, frozenset("b")
    ),
}

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


def history_of(kind: str, folder: Path, answers: Sequence[bytes]) -> History:
    """A history with one answer an hour."""
    if kind == "git":
        repo = GitRepo(folder)
        for number, answer in enumerate(answers):
            repo.commit({"data.json": answer}, seconds=int(START.timestamp()) + number * 3600)
        return GitHistory(folder, "data.json")
    folder.mkdir()
    for number, answer in enumerate(answers):
        (folder / f"{START + number * HOUR:%Y-%m-%dT%H%M%SZ}.json").write_bytes(answer)
    return FilesHistory(folder, pattern="{time:%Y-%m-%dT%H%M%SZ}.json")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(RULES)
    return path


def texts(log: EventLog, at: datetime) -> dict[str, str]:
    return {key: text_of(state.document) for key, state in log.catalogue("thing", at=at).items()}


@pytest.mark.parametrize("kind", ["git", "files"])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_answer_is_kept_and_named_and_makes_nothing_disappear(
    tmp_path: Path, rules: Path, bad: Bad, kind: str
) -> None:
    history = history_of(kind, tmp_path / "history", [FIRST, bad.answer, LAST])
    with Record.open(tmp_path / "data", write=True) as record:
        imported = import_history(record, resolve(str(rules)), history)
        assert (imported.archived, imported.recorded, imported.issues) == (3, 3, len(bad.issues))
        assert [record.archive.answer(attempt) for attempt in (1, 2, 3)] == [FIRST, bad.answer, LAST]
        assert_issues(record, bad)
        assert_states(record.log, bad)
        assert rebuild_log(record, now=START).same
        assert verify(record, deep=True) == []


def assert_issues(record: Record, bad: Bad) -> None:
    entries = {entry.sync: entry.status for entry in record.log.entries() if entry.kind == "sync"}
    assert entries == {1: Status.SUCCESS, 2: bad.status, 3: Status.SUCCESS}
    found = record.log.issues()
    assert [(sync, issue.attempt) for sync, issue in found] == [(2, 2)] * len(bad.issues)
    assert [(issue.code, issue.key) for _, issue in found] == [(code, key) for code, key, _ in bad.issues]
    for (_, issue), (_, _, part) in zip(found, bad.issues, strict=True):
        assert part in issue.message


def assert_states(log: EventLog, bad: Bad) -> None:
    assert texts(log, START) == STANDS
    assert texts(log, START + HOUR) == STANDS | dict(bad.stands)
    assert texts(log, START + 2 * HOUR) == STANDS_LAST
    for key in STANDS.keys() - bad.stands.keys():
        state = log.state(Entity("shop", "thing", key), at=START + HOUR)
        assert state is not None
        assert state.confirmed_by == (2 if key in bad.confirmed else 1)
    assert [event for event in events_at(log, START + HOUR) if event.kind is Kind.DISAPPEARED] == []
    touched = {event.entity.key for event in events_at(log, START + HOUR)}
    assert touched == bad.stands.keys()
    assert {event.entity.key for event in events_at(log, START + 2 * HOUR)} == {"b", "c"} | bad.stands.keys()


def events_at(log: EventLog, at: datetime) -> list[Event]:
    return [event for event in log.events() if event.observed_at == at]


@pytest.fixture(scope="module")
def through_the_command_line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with all bad answers, each after a good one, imported by the command line."""
    folder = tmp_path_factory.mktemp("all")
    (folder / "shop.toml").write_text(RULES)
    answers = [answer for bad in BAD.values() for answer in (FIRST, bad.answer)]
    history_of("git", folder / "repo", [*answers, LAST])
    imported = orlog(
        *("--data", folder / "data", "import", "git", folder / "repo", "data.json"),
        *("--resource", folder / "shop.toml"),
    )
    assert imported.returncode == 0
    issues = sum(len(bad.issues) for bad in BAD.values())
    assert f"archived {len(answers) + 1} versions" in imported.stderr.decode()
    assert f"{issues} issues: `orlog issues` lists" in imported.stderr.decode()
    return folder / "data"


def test_the_command_line_lists_an_issue_for_each_and_prints_its_bytes(through_the_command_line: Path) -> None:
    listed = json.loads(output("--data", through_the_command_line, "issues", "--format", "json"))
    expected = [(2 * number, code, key) for number, bad in enumerate(BAD.values(), 1) for code, key, _ in bad.issues]
    assert [(issue["attempt"], issue["code"], issue["key"]) for issue in listed] == expected
    for number, bad in enumerate(BAD.values(), 1):
        assert printed("--data", through_the_command_line, "response", str(2 * number)) == bad.answer


def test_the_command_line_goes_on_after_each(through_the_command_line: Path) -> None:
    replayed = json.loads(output("--data", through_the_command_line, "replay", "thing"))
    assert {key: text_of(document) for key, document in replayed.items()} == STANDS_LAST
    assert json.loads(output("--data", through_the_command_line, "verify", "--deep")) == []
    assert json.loads(output("--data", through_the_command_line, "rebuild", "log"))["same"] is True


def large_items(count: int) -> list[dict[str, Any]]:
    """Items of some 500 bytes."""
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(1000)]
    return [
        {"id": f"k{number:06}", "n": number, "tags": ["a", "b"], "text": " ".join(dice.choices(words, k=50))}
        for number in range(count)
    ]


@pytest.mark.slow
@pytest.mark.thorough
def test_answers_of_many_megabytes_are_laid_down_in_time_and_memory(tmp_path: Path, rules: Path) -> None:
    items = large_items(LARGE // 500)
    whole = json.dumps({"data": items}).encode()
    assert len(whole) > LARGE
    items[7]["n"] = -1
    changed = json.dumps({"data": items}).encode()
    answers = [whole, changed, whole[:-5], b'{"data": ' + b"[" * LARGE, changed]
    arguments = "import", "files", tmp_path / "saved", "--resource", rules, "--pattern", "{time:%Y-%m-%d}.json"
    (tmp_path / "saved").mkdir()
    for number, answer in enumerate(answers, 1):
        (tmp_path / "saved" / f"2025-01-0{number}.json").write_bytes(answer)
        seconds, memory = measured("--data", tmp_path / "data", *arguments)
        assert memory < LARGE_MEMORY
        assert seconds < LARGE_SECONDS
    with Record.open(tmp_path / "data") as record:
        assert [record.archive.answer(number) for number in range(1, 6)] == answers
        unreadable = [(sync, issue.code) for sync, issue in record.log.issues()]
        assert unreadable == [(3, "unreadable-answer"), (4, "unreadable-answer")]
        later = [(event.sync, event.kind) for event in record.log.events(after=len(items))]
        assert later == [(2, Kind.CHANGED)]
        catalogue = record.log.catalogue("thing")
        assert {key: state.document for key, state in catalogue.items()} == {each["id"]: each for each in items}


def measured(*arguments: str | Path) -> tuple[float, int]:
    """Run orlog; the seconds of the processor that it took, and the most memory that it held, in bytes."""
    with subprocess.Popen(command(*arguments), cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024  # Linux counts kilobytes
