"""The versions of files in git repositories of all shapes, and what is said where there are none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import (
    BadPattern,
    GitFailed,
    NoGit,
    NoRepository,
    NoSuchRef,
    NothingMatches,
    TransportError,
)
from collector.transport import History, Version, gitcommand, repository
from collector.transport.git import GitHistory, stamps
from tests.gitrepo import NOON, GitRepo, run_git


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "repo")


def read(repo: GitRepo | Path, path: str = "data.json", **options: Any) -> list[Version]:
    return list(GitHistory(repo.folder if isinstance(repo, GitRepo) else repo, path, **options).versions())


def bodies(versions: Iterable[Version]) -> list[bytes | None]:
    return [answer.body for version in versions for answer in version.answers]


def errors(versions: Iterable[Version]) -> list[tuple[int | None, bytes | None, str | None]]:
    return [(answer.status, answer.body, answer.error) for version in versions for answer in version.answers]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# What a version is


def test_each_commit_that_changed_the_file_is_a_version(repo: GitRepo) -> None:
    first = repo.commit({"data.json": "1", "other.json": "1"}, seconds=NOON)
    repo.commit({"other.json": "2"}, seconds=NOON + 60)
    third = repo.commit({"data.json": "2"}, seconds=NOON + 120)
    history: History = GitHistory(repo.folder, "data.json")
    versions = list(history.versions())
    assert len(history) == 2
    assert [(each.name, each.at) for each in versions] == [
        (f"git {first}:data.json", at(NOON)),
        (f"git {third}:data.json", at(NOON + 120)),
    ]
    assert [answer.status for each in versions for answer in each.answers] == [200, 200]
    assert [answer.params for each in versions for answer in each.answers] == [{}, {}]
    assert bodies(versions) == [b"1", b"2"]


@pytest.mark.parametrize(
    "body",
    [b"", b"\0\xff\xfe", b"a\r\nb\n\r", b"version https://git-lfs.github.com/spec/v1\n", b"$Id$" * 500_000],
    ids=["empty", "binary", "line ends", "a pointer of git lfs", "large"],
)
def test_contents_come_byte_for_byte_whatever_a_checkout_would_make_of_them(repo: GitRepo, body: bytes) -> None:
    repo.git("config", "core.autocrlf", "false")
    repo.commit({"data.json": body})
    repo.git("config", "core.autocrlf", "true")
    (repo.folder / ".git" / "info").mkdir(exist_ok=True)
    (repo.folder / ".git" / "info" / "attributes").write_text("*.json text eol=crlf ident filter=lfs\n")
    assert bodies(read(repo)) == [body]


def test_a_content_that_returns_is_a_version_again(repo: GitRepo) -> None:
    for body in "aba":
        repo.commit({"data.json": body})
    assert bodies(read(repo)) == [b"a", b"b", b"a"]


def test_every_clone_tells_the_same_versions(repo: GitRepo, tmp_path: Path) -> None:
    for number in range(5):
        repo.commit({"data.json": str(number)}, seconds=NOON)
    run_git(tmp_path, "clone", "--quiet", "--bare", "repo", "clone")
    run_git(tmp_path / "clone", "gc", "--quiet")
    assert read(tmp_path / "clone") == read(repo)


def test_a_deleted_file_is_an_answer_404_and_may_return(repo: GitRepo) -> None:
    repo.commit({"data.json": "1"})
    gone = repo.commit({"data.json": None})
    repo.commit({"data.json": "1"})
    assert errors(read(repo)) == [(200, b"1", None), (404, None, f"deleted in commit {gone[:7]}"), (200, b"1", None)]


def test_a_link_or_a_submodule_at_the_path_is_no_content(repo: GitRepo) -> None:
    first = repo.commit({"data.json": "1", "other": "2"})
    (repo.folder / "data.json").unlink()
    (repo.folder / "data.json").symlink_to("other")
    second = repo.commit()
    repo.git("update-index", "--cacheinfo", f"160000,{first},data.json")
    repo.git("commit", "--quiet", "--message=submodule")
    third = repo.git("rev-parse", "HEAD")
    assert errors(read(repo))[1:] == [
        (None, None, f"data.json is a symbolic link in commit {second[:7]}"),
        (None, None, f"data.json is a submodule in commit {third[:7]}"),
    ]


def test_a_file_that_becomes_a_folder_is_gone(repo: GitRepo) -> None:
    repo.commit({"data.json": "1"})
    repo.commit({"data.json": None})
    repo.commit({"data.json/x": "2"})
    assert [status for status, _, _ in errors(read(repo))] == [200, 404]


def test_a_merge_changes_what_it_brings_to_its_first_parent(repo: GitRepo) -> None:
    repo.commit({"data.json": "main 1"})
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit({"data.json": "side 1"})
    repo.commit({"data.json": "side 2"})
    repo.git("switch", "--quiet", "main")
    repo.commit({"other.json": "1"})
    repo.git("merge", "--quiet", "--no-ff", "--message=merge", "side", seconds=NOON + 90_000)
    merge = repo.git("rev-parse", "HEAD")
    versions = read(repo)
    assert bodies(versions) == [b"main 1", b"side 2"]
    assert (versions[1].name, versions[1].at) == (f"git {merge}:data.json", at(NOON + 90_000))


def test_a_merge_that_keeps_its_first_parents_file_is_no_version(repo: GitRepo) -> None:
    repo.commit({"data.json": "main"})
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit({"data.json": "side"})
    repo.git("switch", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "--strategy=ours", "--message=merge", "side")
    assert bodies(read(repo)) == [b"main"]


def test_another_branch_tag_or_commit_has_its_own_history(repo: GitRepo) -> None:
    first = repo.commit({"data.json": "1"})
    repo.git("tag", "-a", "-m", "a tag", "v1")
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit({"data.json": "2"})
    repo.git("switch", "--quiet", "main")
    histories = {ref: bodies(read(repo, ref=ref)) for ref in ("HEAD", "v1", first, "side", "side~1")}
    assert histories == {"HEAD": [b"1"], "v1": [b"1"], first: [b"1"], "side": [b"1", b"2"], "side~1": [b"1"]}


# Patterns


def test_a_pattern_makes_one_answer_of_each_file_that_a_commit_changed(repo: GitRepo) -> None:
    repo.commit({"data/b.json": "b1", "data/a.json": "a1", "data/deep/c.json": "c", "data/.d.json": "d", "x.json": "x"})
    repo.commit({"x.json": "y"})
    repo.commit({"data/a.json": "a2"})
    repo.commit({"data/b.json": None, "data/c.json": "c"})
    told = [[(answer.params, answer.body) for answer in each.answers] for each in read(repo, "data/{model}.json")]
    assert told == [
        [({"model": "a"}, b"a1"), ({"model": "b"}, b"b1")],
        [({"model": "a"}, b"a2")],
        [({"model": "b"}, None), ({"model": "c"}, b"c")],
    ]


def test_a_file_that_a_pattern_finds_under_a_new_name_is_gone_under_the_old_one(repo: GitRepo) -> None:
    repo.commit({"a.json": LONG})
    renamed(repo, "a.json", "b.json")
    answers = read(repo, "{x}.json")[1].answers
    assert [(answer.params["x"], answer.status) for answer in answers] == [("a", 404), ("b", 200)]


def test_a_pattern_may_name_folders(repo: GitRepo) -> None:
    repo.commit({"openai/gpt.json": "1", "google/gemini.json": "2", "top.json": "3"})
    answers = read(repo, "{author}/{slug}.json")[0].answers
    assert [answer.params for answer in answers] == [
        {"author": "google", "slug": "gemini"},
        {"author": "openai", "slug": "gpt"},
    ]


def test_a_name_that_is_not_utf8_becomes_a_scope_that_can_be_stored(repo: GitRepo) -> None:
    content = repo.git("hash-object", "-w", "--stdin", feed=b"1")
    repo.git("update-index", "-z", "--index-info", feed=f"100644 {content}\tcaf".encode() + b"\xe9.json\0")
    repo.git("commit", "--quiet", "--message=latin 1")
    assert read(repo, "{x}.json")[0].answers[0].params == {"x": "caf\\xe9"}
    assert bodies(read(repo, "caf\udce9.json")) == [b"1"]


@pytest.mark.parametrize(
    "name",
    [
        "données à jour.json",
        "-data.json",
        ":data.json",
        ":(exclude)x",
        '"quoted".json',
        "a*b?.json",
        "[a-z].json",
        "back\\slash.json",
        "new\nline.json",
        "tab\t.json",
        "deep/er/data.json",
        " ",
    ],
)
def test_a_path_is_taken_literally(repo: GitRepo, name: str) -> None:
    repo.commit({name: "1", "axb1.json": "2", "a.json": "3"})
    assert bodies(read(repo, name)) == [b"1"]


def test_a_pattern_takes_literally_what_is_special_to_git(repo: GitRepo) -> None:
    repo.commit({"[ab]*/1.json": "1", "a/1.json": "2", ":/x/1.json": "3", "x/1.json": "4"})
    assert bodies(read(repo, "[ab]*/{x}.json")) == [b"1"]
    assert bodies(read(repo, ":/x/{x}.json")) == [b"3"]


def test_doubled_braces_name_a_file_with_braces(repo: GitRepo) -> None:
    repo.commit({"{x}.json": "1", "y.json": "2"})
    assert bodies(read(repo, "{{x}}.json")) == [b"1"]


def test_a_path_may_be_written_with_detours(repo: GitRepo) -> None:
    repo.commit({"data/x.json": "1"})
    assert bodies(read(repo, "./data//y/../x.json")) == [b"1"]


# Times


def test_times_that_do_not_increase_are_moved_on_by_milliseconds(repo: GitRepo) -> None:
    for body, seconds in zip("abcd", (NOON, NOON, NOON - 5, NOON + 1), strict=True):
        repo.commit({"data.json": body}, seconds=seconds)
    assert [each.at for each in read(repo)] == [at(NOON), at(NOON + 0.001), at(NOON + 0.002), at(NOON + 1)]


@pytest.mark.parametrize("written", ["-86400", "253402300800", "9" * 5000, "yesterday", "1e9"])
def test_a_commit_time_that_cannot_be_is_that_of_the_commit_before_and_a_little_more(
    repo: GitRepo, written: str
) -> None:
    repo.commit({"data.json": "1"}, seconds=NOON)
    (repo.folder / "data.json").write_text("2")
    repo.git("add", "data.json")
    repo.git("commit", "--quiet", "--message=to be replaced")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    repo.git("reset", "--quiet", "--soft", "HEAD~1")
    repo.raw_commit(written, tree=tree)
    repo.commit({"data.json": "3"}, seconds=NOON + 1)
    assert [each.at for each in read(repo)] == [at(NOON), at(NOON + 0.001), at(NOON + 1)]


@given(st.lists(st.none() | st.integers(0, 10) | st.integers(0, 10**12)))
def test_stamps_strictly_increase_and_are_never_before_a_known_time(seconds: list[int | None]) -> None:
    found = list(stamps(seconds))
    assert len(found) == len(seconds)
    assert all(before < after for before, after in pairwise(found))
    known = [(second, stamp) for second, stamp in zip(seconds, found, strict=True) if second and second < 253 * 10**9]
    assert all(stamp >= second * 1000 for second, stamp in known)


@given(st.lists(st.integers(0, 10**10), unique=True).map(sorted))
def test_times_that_increase_stay_as_they_are(seconds: list[int]) -> None:
    assert list(stamps(seconds)) == [second * 1000 for second in seconds]


def test_a_range_holds_both_its_ends_and_changes_no_time(repo: GitRepo) -> None:
    for body in "abcd":
        repo.commit({"data.json": body}, seconds=NOON)
    everything = read(repo)
    times = [each.at for each in everything]
    assert read(repo, since=times[1], until=times[2]) == everything[1:3]
    assert read(repo, since=times[2]) == everything[2:]
    assert read(repo, until=times[0]) == everything[:1]
    assert len(GitHistory(repo.folder, "data.json", since=times[3] + timedelta(milliseconds=1))) == 0


# Reading


def test_versions_that_are_skipped_are_not_read(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = [repo.commit({"data.json": body}) for body in "abc"]
    asked: list[str] = []
    contents = gitcommand.Git.contents

    def noting(git: gitcommand.Git, names: Iterable[str]) -> Iterator[gitcommand.Content]:
        asked.extend(wanted := list(names))
        return contents(git, wanted)

    monkeypatch.setattr(gitcommand.Git, "contents", noting)
    history = GitHistory(repo.folder, "data.json")
    assert bodies(history.versions({f"git {commits[0]}:data.json", f"git {commits[2]}:data.json"})) == [b"b"]
    assert asked == [repo.git("rev-parse", f"{commits[1]}:data.json")]
    assert list(history.versions({f"git {commit}:data.json" for commit in commits})) == []


def test_many_large_contents_come_in_order_however_slowly_they_are_read(repo: GitRepo) -> None:
    expected = [str(number).encode() * 100_000 for number in range(40)]  # each fills a pipe
    for body in expected:
        repo.commit({"data.json": body})
    versions = GitHistory(repo.folder, "data.json").versions()
    assert [body for each in versions for body in bodies([each])] == expected


def test_a_long_history_is_walked_in_slices(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    for body in "abcdefg":
        repo.commit({"data.json": body})
    at_once = read(repo)
    monkeypatch.setattr(repository, "_SLICE", 3)
    assert read(repo) == at_once
    assert len(at_once) == 7


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """All processes that are started from now on."""
    processes: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return processes


def test_a_reader_that_stops_early_leaves_no_process_behind(
    repo: GitRepo, started: list[subprocess.Popen[bytes]]
) -> None:
    for number in range(30):
        repo.commit({"data.json": str(number) * 200_000})
    history = GitHistory(repo.folder, "data.json")
    started.clear()
    versions = history.versions()
    next(versions)
    [process] = started
    assert process.poll() is None
    del versions  # what a `break` out of a loop, or an error in it, comes to
    assert process.returncode is not None


def test_a_reader_that_comes_to_the_end_leaves_no_process_behind(
    repo: GitRepo, started: list[subprocess.Popen[bytes]]
) -> None:
    repo.commit({"data.json": "1"})
    read(repo)
    assert started
    assert all(process.returncode is not None for process in started)


def test_a_content_that_is_missing_is_an_error_and_the_others_are_read(repo: GitRepo) -> None:
    for body in "abc":
        repo.commit({"data.json": body})
    lost = repo.lose("HEAD~1:data.json")
    assert errors(read(repo)) == [
        (200, b"a", None),
        (None, None, f"content {lost} is not in this clone, or damaged"),
        (200, b"c", None),
    ]


def test_a_partial_clone_is_read_as_it_is_and_nothing_is_fetched(repo: GitRepo, tmp_path: Path) -> None:
    for body in "abc":
        repo.commit({"data.json": body})
    repo.git("config", "uploadpack.allowFilter", "true")
    origin = repo.folder.as_uri()
    run_git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", origin, "partial")
    run_git(tmp_path / "partial", "cat-file", "blob", "HEAD:data.json")  # fetches this one
    versions = read(tmp_path / "partial")
    assert bodies(versions) == [None, None, b"c"]
    assert "cannot be read from this clone" in str(versions[0].answers[0].error)
    assert bodies(read(tmp_path / "partial")) == [None, None, b"c"]


def test_a_repository_that_vanishes_while_it_is_read_is_no_error_of_one_answer(repo: GitRepo) -> None:
    repo.commit({"data.json": "1"})
    history = GitHistory(repo.folder, "data.json")
    (repo.folder / ".git" / "HEAD").unlink()
    with pytest.raises(GitFailed, match="not a git repository"):
        list(history.versions())
    repo.folder.rename(repo.folder.with_name("moved"))
    with pytest.raises(NoRepository, match="cannot be opened"):
        list(history.versions())


# Shapes of repositories


@pytest.mark.parametrize("shape", ["top", "folder inside", ".git", "bare", "linked work tree"])
def test_any_shape_of_repository_will_do(repo: GitRepo, tmp_path: Path, shape: str) -> None:
    repo.commit({"data.json": "1", "inside/x": "1"})
    repo.commit({"data.json": "2"})
    run_git(tmp_path, "clone", "--quiet", "--bare", "repo", "bare")
    repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    folder = {
        "top": repo.folder,
        "folder inside": repo.folder / "inside",
        ".git": repo.folder / ".git",
        "bare": tmp_path / "bare",
        "linked work tree": tmp_path / "linked",
    }[shape]
    assert bodies(read(folder)) == [b"1", b"2"]


def test_a_linked_work_tree_has_a_head_of_its_own(repo: GitRepo, tmp_path: Path) -> None:
    repo.commit({"data.json": "1"})
    repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    repo.commit({"data.json": "2"})
    assert bodies(read(tmp_path / "linked")) == [b"1"]


def test_a_folder_may_be_named_relative_to_here(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit({"data.json": "1"})
    monkeypatch.chdir(repo.folder.parent)
    history = GitHistory(Path("repo"), "data.json")
    monkeypatch.chdir("/")
    assert bodies(history.versions()) == [b"1"]


def test_a_repository_of_sha256_names_is_read_too(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", "--object-format=sha256")
    commit = repo.commit({"data.json": "1"})
    repo.commit({"data.json": "2"})
    assert len(commit) == 64
    assert read(repo)[0].name == f"git {commit}:data.json"
    assert bodies(read(repo)) == [b"1", b"2"]


def test_a_shallow_clone_says_so_and_begins_where_it_was_cut(repo: GitRepo, tmp_path: Path) -> None:
    for body in "abc":
        repo.commit({"data.json": body})
    run_git(tmp_path, "clone", "--quiet", "--depth=2", repo.folder.as_uri(), "shallow")
    history = GitHistory(tmp_path / "shallow", "data.json")
    assert history.shallow
    assert bodies(history.versions()) == [b"b", b"c"]
    assert not GitHistory(repo.folder, "data.json").shallow


def test_replaced_objects_and_grafts_do_not_change_history(repo: GitRepo) -> None:
    first, second, third = (repo.commit({"data.json": body}) for body in "abc")
    everything = read(repo)
    repo.git("replace", f"{second}:data.json", f"{first}:data.json")
    (repo.folder / ".git" / "info").mkdir(exist_ok=True)
    (repo.folder / ".git" / "info" / "grafts").write_text(f"{third}\n")
    assert read(repo) == everything
    assert bodies(everything) == [b"a", b"b", b"c"]


def test_settings_of_the_repository_change_nothing(repo: GitRepo) -> None:
    repo.commit({"b.json": "1", "données.json": "1"})
    repo.commit({"b.json": None, "a.json": "1"})
    paths = ("a.json", "b.json", "données.json")
    before = [read(repo, path) for path in paths]
    settings = {
        "color.ui": "always",
        "core.quotePath": "true",
        "core.pager": "false",
        "core.abbrev": "4",
        "diff.renames": "copies",
        "diff.noprefix": "true",
        "diff.external": "false",
        "diff.ignoreSubmodules": "all",
        "diff.orderFile": "/nowhere",
        "format.pretty": "oneline",
        "log.date": "relative",
        "log.follow": "true",
        "log.showSignature": "true",
        "log.showRoot": "false",
    }
    for name, value in settings.items():
        repo.git("config", name, value)
    assert [read(repo, path) for path in paths] == before


def test_variables_that_git_sets_for_its_hooks_do_not_lead_elsewhere(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit({"data.json": "1"})
    other = GitRepo(tmp_path / "other")
    other.commit({"data.json": "of another repository"})
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.folder))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.folder / ".git" / "objects"))
    monkeypatch.setenv("GIT_NOGLOB_PATHSPECS", "1")
    assert bodies(read(repo)) == [b"1"]
    assert bodies(read(repo, "{x}.json")) == [b"1"]


# Renames


def renamed(repo: GitRepo, old: str, new: str, *, edit: str = "") -> str:
    content = (repo.folder / old).read_text()
    return repo.commit({old: None, new: content + edit})


LONG = "the same line again\n" * 20


def test_without_following_a_history_begins_where_its_name_does_and_tells_the_older_name(repo: GitRepo) -> None:
    repo.commit({"old.json": LONG})
    renamed(repo, "old.json", "data.json", edit="more\n")
    repo.commit({"data.json": "2"})
    history = GitHistory(repo.folder, "data.json")
    assert bodies(history.versions()) == [f"{LONG}more\n".encode(), b"2"]
    assert history.renamed_from == "old.json"


def test_a_file_that_was_never_renamed_has_no_older_name(repo: GitRepo) -> None:
    repo.commit({"other.json": "1"})
    repo.commit({"data.json": "1"})
    assert GitHistory(repo.folder, "data.json").renamed_from is None


def test_following_goes_on_under_the_older_names(repo: GitRepo) -> None:
    commits = [
        repo.commit({"a.json": LONG}),
        repo.commit({"a.json": f"{LONG}1"}),
        renamed(repo, "a.json", "b.json", edit="2"),
        repo.commit({"b.json": f"{LONG}123"}),
        renamed(repo, "b.json", "data/c.json", edit="4"),
        repo.commit({"data/c.json": f"{LONG}12345"}),
    ]
    history = GitHistory(repo.folder, "data/c.json", follow=True)
    versions = list(history.versions())
    assert [each.name for each in versions] == [f"git {commit}:data/c.json" for commit in commits]
    assert bodies(versions) == [f"{LONG}{'12345'[:end]}".encode() for end in range(6)]
    assert history.renamed_from is None


def test_a_commit_that_only_renamed_is_no_version_of_a_followed_file(repo: GitRepo) -> None:
    first = repo.commit({"a.json": LONG})
    renamed(repo, "a.json", "b.json")
    last = repo.commit({"b.json": "2"})
    versions = read(repo, "b.json", follow=True)
    assert [each.name for each in versions] == [f"git {first}:b.json", f"git {last}:b.json"]


def test_a_file_that_was_renamed_away_and_back_is_followed_all_the_way(repo: GitRepo) -> None:
    repo.commit({"a.json": LONG})
    renamed(repo, "a.json", "b.json", edit="1")
    renamed(repo, "b.json", "c.json", edit="2")
    renamed(repo, "c.json", "b.json", edit="3")
    assert bodies(read(repo, "b.json", follow=True)) == [f"{LONG}{'123'[:end]}".encode() for end in range(4)]


def test_a_file_that_was_deleted_and_came_back_is_not_renamed(repo: GitRepo) -> None:
    repo.commit({"a.json": LONG, "other.json": "1"})
    repo.commit({"a.json": None})
    repo.commit({"a.json": LONG})
    assert [status for status, _, _ in errors(read(repo, "a.json", follow=True))] == [200, 404, 200]


def test_what_the_older_name_meant_after_the_rename_is_no_part_of_the_history(repo: GitRepo) -> None:
    repo.commit({"a.json": LONG})
    renamed(repo, "a.json", "b.json", edit="1")
    repo.commit({"a.json": "something else"})
    repo.commit({"b.json": "2"})
    assert bodies(read(repo, "b.json", follow=True)) == [LONG.encode(), f"{LONG}1".encode(), b"2"]


def test_a_rename_that_a_merge_brings_is_followed(repo: GitRepo) -> None:
    repo.commit({"a.json": LONG})
    repo.git("switch", "--quiet", "--create", "side")
    renamed(repo, "a.json", "b.json", edit="1")
    repo.git("switch", "--quiet", "main")
    repo.commit({"x": "1"})
    repo.git("merge", "--quiet", "--no-ff", "--message=merge", "side")
    assert bodies(read(repo, "b.json", follow=True)) == [LONG.encode(), f"{LONG}1".encode()]


def test_a_partial_clone_that_cannot_tell_a_rename_is_read_without(repo: GitRepo, tmp_path: Path) -> None:
    repo.commit({"a.json": LONG})
    renamed(repo, "a.json", "b.json", edit="1")
    repo.git("config", "uploadpack.allowFilter", "true")
    run_git(tmp_path, "clone", "--quiet", "--bare", "--filter=blob:none", repo.folder.as_uri(), "partial")
    assert GitHistory(tmp_path / "partial", "b.json").renamed_from is None
    with pytest.raises(GitFailed, match="git diff-tree failed"):
        GitHistory(tmp_path / "partial", "b.json", follow=True)


# What is said where there is nothing to read


def refused(kind: type[TransportError], repo: Path, path: str = "data.json", **options: Any) -> tuple[str, str]:
    with pytest.raises(kind) as raised:
        GitHistory(repo, path, **options)
    assert type(raised.value) is kind
    assert "\n" not in str(raised.value)
    return str(raised.value), raised.value.hint


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    message, hint = refused(NoRepository, tmp_path / "nowhere")
    assert message == f"{tmp_path / 'nowhere'} cannot be opened: No such file or directory"
    assert "git clone" in hint


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    message, hint = refused(NoRepository, tmp_path)
    assert message == f"{tmp_path} is no git repository, nor inside of one"
    assert "git init" in hint


@pytest.mark.parametrize(
    "name", ["models.bundle", "https://example.org/models.git", "git@example.org:models.git", "ssh://example.org/x"]
)
def test_what_can_be_cloned_is_to_be_cloned_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models.bundle").touch()
    _, hint = refused(NoRepository, Path(name))
    assert hint.startswith("clone it first")


def test_the_reason_why_git_refuses_a_repository_is_passed_on(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit({"data.json": "1"})
    run_git(tmp_path, "clone", "--quiet", "--bare", "repo", "bare")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.bareRepository")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "explicit")
    message, _ = refused(NoRepository, tmp_path / "bare")
    assert message.startswith(f"git refuses to read {tmp_path / 'bare'}: ")
    assert "safe.bareRepository" in message


def test_the_advice_that_git_gives_becomes_the_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    advice = "printf 'fatal: dubious ownership\\nTo trust it, call:\\n\\n\\tgit config safe\\n' >&2; exit 128"
    (tmp_path / "git").write_text(f"#!/bin/sh\n{advice}\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    message, hint = refused(NoRepository, tmp_path)
    assert message == f"git refuses to read {tmp_path}: dubious ownership"
    assert hint == "To trust it, call: git config safe"


def test_a_machine_without_git_is_told_to_install_it(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit({"data.json": "1"})
    monkeypatch.setenv("PATH", str(repo.folder))
    message, hint = refused(NoGit, repo.folder)
    assert message == "git does not run: No such file or directory"
    assert "install git" in hint


def test_a_repository_without_commits_is_refused(repo: GitRepo) -> None:
    message, hint = refused(NoSuchRef, repo.folder)
    assert "has no commits yet" in message
    assert hint


def test_a_head_without_commits_names_the_branches_that_have_some(repo: GitRepo) -> None:
    repo.commit({"data.json": "1"})
    repo.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    message, hint = refused(NoSuchRef, repo.folder)
    assert "HEAD names a branch without commits" in message
    assert hint.endswith(": main")


@pytest.mark.parametrize(
    "ref", ["nowhere", "", "-h", "--all", "^main", "main..main", "HEAD:data.json", "a\0b", "HEAD^{tree}"]
)
def test_what_names_no_commit_is_no_ref(repo: GitRepo, ref: str) -> None:
    repo.commit({"data.json": "1"})
    message, hint = refused(NoSuchRef, repo.folder, ref=ref)
    assert f"no commit is called {ref!r}" in message
    assert hint.endswith(": main")


@pytest.mark.parametrize(
    "path, near",
    [
        ("output.json", ("data/output.json",)),
        ("data/OUTPUT.json", ("data/output.json",)),
        ("data/outputs.json", ("data/output.json", "data/other.json")),
        ("zzz", ("README", "data/other.json", "data/output.json")),
        ("zzz/{x}.csv", ("README", "data/other.json", "data/output.json")),
    ],
)
def test_a_path_that_never_was_names_some_that_are(repo: GitRepo, path: str, near: tuple[str, ...]) -> None:
    repo.commit({"data/output.json": "1", "data/other.json": "2", "README": "3"})
    with pytest.raises(NothingMatches, match="no commit has a file") as raised:
        GitHistory(repo.folder, path)
    assert raised.value.near == near
    assert all(name in raised.value.hint for name in near)


def test_a_folder_at_the_path_asks_for_a_pattern(repo: GitRepo) -> None:
    repo.commit({"data/output.json": "1"})
    message, hint = refused(NothingMatches, repo.folder, "data/")
    assert message.endswith("it is a folder")
    assert hint == "name its files with a pattern: data/{name}.json"


@pytest.mark.parametrize("path", ["", ".", "/", "/data.json", "..", "../data.json", "a/../../data.json", "a\0b"])
def test_a_path_that_leads_out_of_the_repository_is_refused(repo: GitRepo, path: str) -> None:
    repo.commit({"data.json": "1"})
    _, hint = refused(BadPattern, repo.folder, path)
    assert hint == "PATH is relative to the top of the repository"


def test_a_pattern_cannot_be_followed(repo: GitRepo) -> None:
    repo.commit({"data.json": "1"})
    message, hint = refused(BadPattern, repo.folder, "{x}.json", follow=True)
    assert "renames can be followed for one file only" in message
    assert hint


def test_a_damaged_repository_gives_gits_reason(repo: GitRepo) -> None:
    repo.commit({"data.json": "1"})
    repo.commit({"data.json": "2"})
    lost = repo.lose("HEAD~1^{tree}")
    message, hint = refused(GitFailed, repo.folder)
    assert lost in message
    assert "git fsck" in hint


def test_two_files_of_one_commit_are_two_versions(repo: GitRepo) -> None:
    repo.commit({"a.json": "1", "b.json": "2"})
    assert read(repo, "a.json")[0].name != read(repo, "b.json")[0].name
