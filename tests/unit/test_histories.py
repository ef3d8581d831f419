"""What every history must do, whichever transport it comes through."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from collector.transport import History
from collector.transport.files import FilesHistory
from collector.transport.git import GitHistory
from tests.gitrepo import NOON, GitRepo


@pytest.fixture(params=["git", "git, by a pattern", "files", "files, by a pattern"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> History:
    if request.param.startswith("git"):
        repo = GitRepo(tmp_path / "repo")
        for number, name in enumerate("abcabc"):
            repo.commit({f"{name}.json": str(number), "z.json": str(number)}, seconds=NOON - number // 2)
        return GitHistory(repo.folder, "z.json" if request.param == "git" else "{x}.json")
    for number, name in enumerate("abcabc"):
        path = tmp_path / f"{name} {number // 2}.json"
        path.write_text(f"{name} {number}")
        os.utime(path, (NOON, NOON))
    return FilesHistory(tmp_path, pattern=None if request.param == "files" else "{x} {y}.json")


def test_times_strictly_increase_and_no_name_is_used_twice(history: History) -> None:
    versions = list(history.versions())
    assert all(before.at < after.at for before, after in pairwise(versions))
    assert len({each.name for each in versions}) == len(versions)


def test_times_are_utc_in_whole_milliseconds(history: History) -> None:
    assert all(str(each.at.tzinfo) == "UTC" and each.at.microsecond % 1000 == 0 for each in history.versions())


def test_no_scope_has_two_answers_in_one_version(history: History) -> None:
    for version in history.versions():
        scopes = [tuple(sorted(answer.params.items())) for answer in version.answers]
        assert scopes
        assert len(set(scopes)) == len(scopes)


def test_its_length_is_known_before_it_is_read(history: History) -> None:
    length = len(history)
    assert length == len(list(history.versions()))
    assert length == len(history)


def test_it_can_be_read_again(history: History) -> None:
    assert list(history.versions()) == list(history.versions())


def test_what_is_skipped_is_left_out_and_the_rest_stays_as_it_is(history: History) -> None:
    versions = list(history.versions())
    for at, each in enumerate(versions):
        assert list(history.versions({each.name})) == versions[:at] + versions[at + 1 :]
    assert list(history.versions({each.name for each in versions})) == []


def test_a_reader_may_stop_and_go_on_later(history: History) -> None:
    versions = list(history.versions())
    first = next(iter(history.versions()))
    assert [first, *history.versions({first.name})] == versions
