"""Folders of saved answers: their times, scopes and contents, and what is said where there are none."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import BadPattern, NoSuchFolder, NothingMatches, TransportError
from collector.transport import History, Version
from collector.transport.files import FilesHistory, Saved, placed

NOON = 1_700_000_000  # 2023-11-14T22:13:20Z


def save(folder: Path, files: dict[str, bytes], *, seconds: float = NOON) -> None:
    """Write files, all last modified at one time."""
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        os.utime(path, (seconds, seconds))


def read(folder: Path, pattern: str | None = None) -> list[Version]:
    return list(FilesHistory(folder, pattern=pattern).versions())


def told(versions: Iterable[Version]) -> list[list[tuple[dict[str, str], bytes | None]]]:
    return [[(dict(answer.params), answer.body) for answer in each.answers] for each in versions]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# Scopes and times


def test_files_of_one_time_are_one_version_in_order_of_paths(tmp_path: Path) -> None:
    save(tmp_path, {"b/2024-03-01.json": b"b1", "a/2024-03-01.json": b"a1", "a/2024-03-02.json": b"a2"})
    history: History = FilesHistory(tmp_path, pattern="{model}/{time}.json")
    versions = list(history.versions())
    assert len(history) == 2
    assert [each.at for each in versions] == [datetime(2024, 3, day, tzinfo=UTC) for day in (1, 2)]
    assert told(versions) == [[({"model": "a"}, b"a1"), ({"model": "b"}, b"b1")], [({"model": "a"}, b"a2")]]
    assert [answer.status for each in versions for answer in each.answers] == [200, 200, 200]


def test_without_a_time_in_the_name_the_files_own_counts(tmp_path: Path) -> None:
    save(tmp_path, {"b.json": b"b"}, seconds=NOON + 0.2507)
    save(tmp_path, {"a.json": b"a"}, seconds=NOON + 60)
    versions = read(tmp_path, "{model}.json")
    assert [each.at for each in versions] == [at(NOON + 0.25), at(NOON + 60)]
    assert told(versions) == [[({"model": "b"}, b"b")], [({"model": "a"}, b"a")]]


def test_without_a_pattern_each_file_answers_for_the_same_scope(tmp_path: Path) -> None:
    save(tmp_path, {"deep/er/1.json": b"1"}, seconds=NOON)
    save(tmp_path, {"2.json": b"2"}, seconds=NOON + 1)
    assert told(read(tmp_path)) == [[({}, b"1")], [({}, b"2")]]


def test_a_scope_that_appears_twice_at_one_time_is_told_a_millisecond_later(tmp_path: Path) -> None:
    save(tmp_path, {name: name.encode() for name in "bac"}, seconds=NOON)
    save(tmp_path, {"d": b"d"}, seconds=NOON + 0.001)
    versions = read(tmp_path)
    assert told(versions) == [[({}, b"a")], [({}, b"b")], [({}, b"c")], [({}, b"d")]]
    assert [each.at for each in versions] == [at(NOON + ms / 1000) for ms in range(4)]


@pytest.mark.parametrize("seconds", [-86_400, 10**12])
def test_a_file_of_an_impossible_time_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    save(tmp_path, {"a": b"1"})
    plain = Path.stat

    def strange(path: Path, **options: bool) -> os.stat_result:
        about = list(plain(path, **options))
        return os.stat_result(about, {"st_mtime_ns": seconds * 10**9})

    monkeypatch.setattr(Path, "stat", strange)
    assert told(read(tmp_path)) == [[({}, b"1")]]


saved = st.builds(
    Saved, st.text("abc/", min_size=1), st.fixed_dictionaries({"x": st.sampled_from("12")}), st.integers(0, 9)
)


@given(st.lists(saved, unique_by=lambda file: file.path))
def test_every_file_has_its_place_and_no_scope_two_answers_at_one_time(files: list[Saved]) -> None:
    versions = placed(files)
    times = [ms for ms, _ in versions]
    assert times == sorted(set(times))
    assert sorted(file.path for _, group in versions for file in group) == sorted(file.path for file in files)
    for ms, group in versions:
        assert len({file.params["x"] for file in group}) == len(group)
        assert all(file.ms <= ms < file.ms + len(files) for file in group)
        assert [file.path for file in group] == sorted(file.path for file in group)


# Which files


def test_hidden_files_are_left_out_unless_the_pattern_has_their_dot(tmp_path: Path) -> None:
    save(tmp_path, {"a.json": b"a", ".b.json": b"b", ".cache/c.json": b"c"})
    assert told(read(tmp_path)) == [[({}, b"a")]]
    assert told(read(tmp_path, "{x}.json")) == [[({"x": "a"}, b"a")]]
    assert told(read(tmp_path, ".cache/{x}.json")) == [[({"x": "c"}, b"c")]]


def test_files_that_do_not_match_are_counted(tmp_path: Path) -> None:
    save(tmp_path, {"2024-03-01.json": b"1", "README": b"2", "2024-02-30.json": b"3"})
    history = FilesHistory(tmp_path, pattern="{time}.json")
    assert (len(history), history.unmatched) == (1, 2)


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    save(tmp_path, {"a": b"1", "folder/b": b"2"})
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "again").symlink_to(".", target_is_directory=True)
    assert [bodies[0][1] for bodies in told(read(tmp_path))] == [b"1", b"2"]


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere", {"a": b"1"})
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere" / "a")
    assert told(read(tmp_path / "here")) == [[({}, b"1")]]


def test_a_name_that_is_not_utf8_becomes_a_scope_that_can_be_stored(tmp_path: Path) -> None:
    save(tmp_path, {"caf\udce9.json": b"1"})
    assert told(read(tmp_path, "{x}.json")) == [[({"x": "caf\\xe9"}, b"1")]]


# Contents


@pytest.mark.parametrize("pattern", ["{x}.json", "{x}.json.gz", None])
def test_a_compressed_file_holds_the_answer_byte_for_byte(tmp_path: Path, pattern: str | None) -> None:
    save(tmp_path, {"a.json.gz": gzip.compress(b"a\r\n\0") + gzip.compress(b"b")})
    assert [body for _, body in told(read(tmp_path, pattern))[0]] == [b"a\r\n\0b"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not gzip",
        gzip.compress(b"text" * 99)[:-20],
        gzip.compress(b"a") + b"rest",
        b"\x1f\x8b\x08" + b"\xff" * 40,
    ],
    ids=["empty", "plain", "cut off", "something after it", "damaged"],
)
def test_a_compressed_file_that_is_broken_is_an_error(tmp_path: Path, body: bytes) -> None:
    save(tmp_path, {"a.json.gz": body, "b.json": b"b"})
    broken, whole = read(tmp_path, "{x}.json")[0].answers
    assert (broken.status, broken.body) == (None, None)
    assert str(broken.error).startswith("a.json.gz cannot be decompressed: ")
    assert whole.body == b"b"


def test_a_file_that_vanishes_before_it_is_read_is_an_error(tmp_path: Path) -> None:
    save(tmp_path, {"a.json": b"a", "b.json": b"b"})
    history = FilesHistory(tmp_path, pattern="{x}.json")
    (tmp_path / "a.json").unlink()
    gone, there = next(history.versions()).answers
    assert (gone.status, gone.body, gone.params) == (None, None, {"x": "a"})
    assert gone.error == "a.json cannot be read: No such file or directory"
    assert there.body == b"b"


# Names of versions: what was imported is not imported again, what changed is


def names(folder: Path) -> set[str]:
    return {each.name for each in read(folder, "{model}/{time}.json")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path, {"a/2024-03-01.json": b"a1", "b/2024-03-01.json": b"b1", "a/2024-03-02.json": b"a2"})
    return tmp_path


def test_a_new_file_is_a_new_version_and_leaves_the_others_as_they_were(folder: Path) -> None:
    before = names(folder)
    save(folder, {"a/2024-03-03.json": b"a3"})
    assert before < names(folder)


@pytest.mark.parametrize(
    "change", [{"a/2024-03-01.json": b"A1"}, {"b/2024-03-01.json": b"a1"}, {"c/2024-03-01.json": b"c1"}]
)
def test_a_time_of_which_the_files_changed_is_a_new_version(folder: Path, change: dict[str, bytes]) -> None:
    before = names(folder)
    save(folder, change)
    assert len(names(folder) - before) == 1
    assert len(names(folder) & before) == 1


def test_files_that_change_their_contents_for_each_others_are_a_new_version(folder: Path) -> None:
    before = names(folder)
    save(folder, {"a/2024-03-01.json": b"b1", "b/2024-03-01.json": b"a1"})
    assert len(names(folder) - before) == 1


def test_an_error_that_is_mended_is_a_new_version(folder: Path) -> None:
    save(folder, {"a/2024-03-02.json.gz": b"broken"})
    (folder / "a" / "2024-03-02.json").unlink()
    before = names(folder)
    save(folder, {"a/2024-03-02.json.gz": gzip.compress(b"a2")})
    assert len(names(folder) - before) == 1


def test_touching_compressing_and_moving_the_folder_changes_no_version(folder: Path, tmp_path: Path) -> None:
    before = names(folder)
    moved = folder.rename(tmp_path.with_name(f"{tmp_path.name} moved"))
    save(moved, {"a/2024-03-02.json.gz": gzip.compress(b"a2")}, seconds=NOON + 99)
    (moved / "a" / "2024-03-02.json").unlink()
    assert names(moved) == before


def test_a_version_is_named_by_its_time_and_what_its_answers_say(folder: Path) -> None:
    said = f'[[["model","a"]],"{hashlib.sha256(b"a2").hexdigest()}",null]'
    digest = hashlib.sha256(said.encode()).hexdigest()
    assert read(folder, "{model}/{time}.json")[1].name == f"files 2024-03-02T00:00:00.000Z {digest[:32]}"


# What is said where there is nothing to read


def refused(kind: type[TransportError], folder: Path, pattern: str | None = None) -> tuple[str, str]:
    with pytest.raises(kind) as raised:
        FilesHistory(folder, pattern=pattern)
    return str(raised.value), raised.value.hint


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    message, hint = refused(NoSuchFolder, tmp_path / "nowhere")
    assert message == f"{tmp_path / 'nowhere'} cannot be read: No such file or directory"
    assert hint


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    save(tmp_path, {"a": b"1"})
    message, _ = refused(NoSuchFolder, tmp_path / "a")
    assert message.endswith("cannot be read: Not a directory")


@pytest.mark.parametrize("owner, name", [(os, "scandir"), (Path, "stat")])
def test_a_folder_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    save(tmp_path, {"closed/a": b"1"})

    def forbidden(path: str | Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, forbidden)
        message, hint = refused(NoSuchFolder, tmp_path)
    assert message.endswith("cannot be read: Permission denied")
    assert "permission" in hint


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    message, hint = refused(NothingMatches, tmp_path)
    assert message == f"there is no file in {tmp_path}"
    assert hint


def test_a_folder_of_hidden_files_only_is_refused(tmp_path: Path) -> None:
    save(tmp_path, {".a": b"1"})
    message, hint = refused(NothingMatches, tmp_path)
    assert "they are hidden" in message
    assert ".a" in hint


def test_a_pattern_that_nothing_matches_shows_what_is_there(tmp_path: Path) -> None:
    save(tmp_path, {f"{number}.json": b"1" for number in range(9)})
    message, hint = refused(NothingMatches, tmp_path, "{x}.csv")
    assert message == f"no file in {tmp_path} matches {{x}}.csv"
    assert hint == "there is, for instance: 0.json, 1.json, 2.json, 3.json, 4.json"


def test_a_pattern_that_cannot_be_read_is_refused_before_the_folder_is(tmp_path: Path) -> None:
    refused(BadPattern, tmp_path / "nowhere", "{x")
