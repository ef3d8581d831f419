"""What the machine and its user can do to orlog: each ends in a clear message, and loses nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from eventstore import Cause, Record, Request, Status, verify
from tests.commandline import ROOT, Ended, command, orlog, output, refusal, run
from tests.faults.mounted import Namespace, namespace
from tests.gitrepo import NOON, GitRepo, run_git
from tests.thorough import much

RULES: Final = """\
[[resource]]
name = "things"
category = "thing"
items = ""
key = "{id}"
"""

VERSIONS: Final = much(510, 600)  # more than two transactions of an import
ITEMS: Final = much(16, 40)
KILLS: Final = much(2, 6)


# -- the history that is imported


def answer(dice: random.Random, values: dict[str, int]) -> bytes:
    """The next answer of a service whose things change, vanish and come back."""
    for key in dice.sample(range(ITEMS), 3):
        values.pop(f"thing {key}", None)
        values[f"thing {dice.randrange(ITEMS)}"] = dice.randrange(10)
    filling = "x" * 100
    return json.dumps([{"id": key, "n": n, "text": filling} for key, n in sorted(values.items())]).encode()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository `repo` of so many versions of data.json, and `shop.toml` to read them by."""
    folder = tmp_path_factory.mktemp("scraped")
    (folder / "shop.toml").write_text(RULES)
    repo = GitRepo(folder / "repo")
    dice, values = random.Random(1), {f"thing {number}": 0 for number in range(ITEMS)}
    stream = bytearray()
    for number in range(VERSIONS):
        body = answer(dice, values)
        stream += b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 0\n" % (NOON + number * 60)
        stream += b"M 644 inline data.json\ndata %d\n%s\n" % (len(body), body)
    repo.git("fast-import", "--quiet", feed=bytes(stream))
    return folder


def import_of(scraped: Path, data: Path, *more: str) -> tuple[str | Path, ...]:
    """The arguments that import it."""
    arguments = "import", "git", scraped / "repo", "data.json", "--resource", scraped / "shop.toml"
    return ("--data", data, *arguments, *more)


def log_of(data: Path) -> list[Any]:
    """All events, as orlog prints them."""
    return [json.loads(line) for line in output("--data", data, "log", "--format", "jsonl").splitlines()]


@pytest.fixture(scope="module")
def undisturbed(scraped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory that an import makes when nothing happens to it."""
    data = tmp_path_factory.mktemp("undisturbed") / "data"
    output(*import_of(scraped, data))
    return data


@pytest.fixture
def data(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(undisturbed, tmp_path / "data"))


def contents(folder: Path) -> dict[str, str]:
    """What the record's files hold: name to hash. An empty journal and its index come and go with readers."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if not path.name.endswith("-shm") and not (path.name.endswith("-wal") and path.stat().st_size == 0)
    }


def assert_sound(data: Path) -> None:
    assert json.loads(output("--data", data, "verify", "--deep")) == []


# -- what the user names is wrong


@pytest.mark.parametrize(
    "rules, message, hint",
    [
        (RULES.replace("category", "categry"), "shop.toml: resource[0].categry: unknown field", "'category'"),
        (RULES.replace("{id}", "{id"), "shop.toml: resource[0].key", ""),
        (RULES.replace('items = ""', 'items = "data"'), "resource[0].items: 'data' is not a JSON Pointer", "/data"),
        (RULES.replace('key = "{id}"', ""), "shop.toml: resource[0].key: is missing", 'key = "{id}"'),
        ("[[resource]\n", "shop.toml: not TOML", "correct the file"),
    ],
)
def test_a_source_file_with_a_typo_is_named_with_the_place(
    scraped: Path, tmp_path: Path, rules: str, message: str, hint: str
) -> None:
    (tmp_path / "shop.toml").write_text(rules)
    arguments = "import", "git", scraped / "repo", "data.json", "--resource", tmp_path / "shop.toml"
    code, error, advice = refusal(orlog("--data", tmp_path / "data", *arguments))
    assert code == 1
    assert message in error
    assert hint in f"{error} {advice}"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "repo, path, more, message, hint",
    [
        ("nowhere", "data.json", [], "nowhere", ""),
        ("repo", "date.json", [], "no commit has a file 'date.json'", "data.json"),
        ("repo", "data.json", ["--ref", "mian"], "no commit is called 'mian'", "main"),
        ("unborn", "data.json", [], "has no commits yet", "commit something"),
        ("shop.toml", "data.json", [], "shop.toml", ""),
    ],
)
def test_a_repository_or_path_that_is_not_there_is_named(  # noqa: PLR0917  what is named, and what is said of it
    scraped: Path, tmp_path: Path, repo: str, path: str, more: list[str], message: str, hint: str
) -> None:
    if repo == "unborn":
        run_git(scraped, "init", "--quiet", str(scraped / "unborn"))
    named = "import", "git", scraped / repo, path, "--resource", scraped / "shop.toml"
    code, error, advice = refusal(orlog("--data", tmp_path / "data", *named, *more))
    assert code == 1
    assert message in error
    assert hint in f"{error} {advice}"
    assert not (tmp_path / "data").exists()


# -- what is in the data directory is wrong

READING: Final = [["replay", "thing"], ["status"], ["log"], ["verify"]]
WRITING: Final = [["rebuild", "log"], ["init"]]


@pytest.mark.parametrize("arguments", READING + WRITING, ids=" ".join)
def test_a_record_of_a_newer_orlog_is_left_alone(data: Path, arguments: list[str]) -> None:
    with contextlib.closing(sqlite3.connect(data / "record.db")) as db:
        db.execute("PRAGMA user_version = 99")
    before = contents(data)
    code, error, hint = refusal(orlog("--data", data, *arguments))
    assert code == 1
    assert "was written by a newer orlog (schema 99" in error
    assert "install the newest orlog" in hint
    assert contents(data).items() >= before.items()


def text_file(path: Path) -> None:
    path.write_text("This is no database, though it is called one.\n" * 100)


def foreign_database(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmark (url TEXT)")
        db.execute("INSERT INTO bookmark VALUES ('https://example.org')")
        db.commit()


def another_application(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id = 1")


@pytest.mark.parametrize("arguments", READING + WRITING, ids=" ".join)
@pytest.mark.parametrize("make", [text_file, foreign_database, another_application])
def test_a_file_that_is_no_record_is_left_alone(tmp_path: Path, make: Any, arguments: list[str]) -> None:
    make(tmp_path / "record.db")
    before = contents(tmp_path)
    code, error, hint = refusal(orlog("--data", tmp_path, *arguments))
    assert code == 1
    assert "record" in error
    assert "name another folder with --data, or move the file away" in hint
    assert contents(tmp_path).items() >= before.items()


def test_a_record_that_was_cut_off_is_damaged(data: Path) -> None:
    whole = (data / "record.db").read_bytes()
    (data / "record.db").write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    for arguments in (["log", "--format", "jsonl"], ["verify", "--deep"]):
        ended = orlog("--data", data, *arguments)
        assert ended.returncode == 5
    code, error, hint = refusal(orlog("--data", data, "rebuild", "log"))
    assert code == 5
    assert "damaged" in error
    assert "orlog verify --deep" in hint


def test_a_file_in_place_of_the_data_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    code, error, hint = refusal(orlog("--data", tmp_path / "data", "init"))
    assert code == 1
    assert "is a file, not a folder" in error
    assert "--data" in hint


# -- the disk cannot be written


@pytest.fixture
def read_only(data: Path) -> Iterator[Namespace]:
    with namespace() as inside:
        inside.run("mount", "--bind", data, data)
        inside.run("mount", "-o", "remount,ro,bind", data)
        yield inside


def test_a_read_only_data_directory_is_read_and_nothing_is_written(
    scraped: Path, data: Path, read_only: Namespace
) -> None:
    before = contents(data)
    for arguments in (import_of(scraped, data), ("--data", data, "rebuild", "log"), ("--data", data / "new", "init")):
        code, error, hint = refusal(read_only.orlog(*arguments))
        assert code == 1
        assert "cannot be written" in error or "cannot make the data directory" in error
        assert "write permission" in hint
    printed = read_only.orlog("--data", data, "replay", "thing")
    assert printed.returncode == 0, printed.stderr
    assert json.loads(read_only.orlog("--data", data, "verify", "--deep").stdout) == []
    assert contents(data) == before
    assert printed.stdout == output("--data", data, "replay", "thing")


def test_what_a_killed_writer_left_in_its_journal_is_read_from_a_read_only_directory(
    scraped: Path, undisturbed: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert killed(import_of(scraped, data), when=lambda: (data / "record.db-wal").stat().st_size > 300_000)
    assert (data / "record.db-wal").stat().st_size > 0
    with namespace() as inside:
        inside.run("mount", "--bind", data, data)
        inside.run("mount", "-o", "remount,ro,bind", data)
        printed = inside.orlog("--data", data, "log", "--format", "jsonl")
        assert printed.returncode == 0, printed.stderr
    events = [json.loads(line) for line in printed.stdout.splitlines()]
    assert events == log_of(undisturbed)[: len(events)]


def test_a_full_disk_stops_an_import_which_goes_on_when_there_is_room(
    scraped: Path, undisturbed: Path, tmp_path: Path
) -> None:
    with namespace() as inside:
        inside.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path)
        data, room, refused = tmp_path / "data", 64, 0
        while True:
            ended = inside.orlog(*import_of(scraped, data))
            if ended.returncode == 0:
                break
            code, error, hint = refusal(ended)
            assert code == 1
            assert "no room left" in error or "is full" in error
            assert "free some space" in hint
            refused += 1
            room += 200
            inside.run("mount", "-o", f"remount,size={room}k", tmp_path)
            if refused > 1:
                found = inside.orlog("--data", data, "verify", "--deep")
                assert found.returncode == 0, found.stdout
        assert refused >= 4
        copy = Path(shutil.copytree(inside.path(data), undisturbed.parent / f"{tmp_path.name} copied"))
    assert log_of(copy) == log_of(undisturbed)
    assert_sound(copy)


LIMITING: Final = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execv(sys.argv[2], sys.argv[2:])
"""


def limited(size: int, *arguments: str | Path) -> Ended:
    """Run orlog where no file can grow beyond `size` bytes, as if the disk were full."""
    return run([sys.executable, "-c", LIMITING, str(size), *command(*arguments)])


@pytest.mark.parametrize("what", ["rebuild", "import"])
def test_a_disk_that_fills_up_leaves_the_record_as_it_was(
    scraped: Path, undisturbed: Path, tmp_path: Path, what: str
) -> None:
    data = tmp_path / "data"
    half = datetime.fromtimestamp(NOON + VERSIONS * 30, UTC).isoformat()
    output(*import_of(scraped, data, "--until", half))
    before = log_of(data)
    rebuild: tuple[str | Path, ...] = ("--data", data, "rebuild", "log")
    again = rebuild if what == "rebuild" else import_of(scraped, data)
    refused = 0
    for room in (0, 10_000, 100_000, 300_000):
        ended = limited((data / "record.db").stat().st_size + room, *again)
        if ended.returncode == 0:
            break
        code, error, hint = refusal(ended)
        assert code == 1
        assert "no room left" in error or "is full" in error
        assert "free some space" in hint
        refused += 1
        assert_sound(data)
        assert log_of(data)[: len(before)] == before
    assert refused >= 2
    output(*import_of(scraped, data))
    assert log_of(data) == log_of(undisturbed)


# -- more than one process


@contextlib.contextmanager
def writer(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the record open for writing."""
    holding = (
        "import sys; from eventstore import Record; r = Record.open(sys.argv[1], write=True); "
        "print('open', flush=True); sys.stdin.read(); r.close()"
    )
    line = [sys.executable, "-c", holding, str(data)]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process


def test_a_second_writer_is_told_who_is_writing_and_readers_need_not_wait(scraped: Path, data: Path) -> None:
    before = log_of(data)
    with writer(data) as holder:
        for arguments in (import_of(scraped, data), ("--data", data, "rebuild", "log")):
            code, error, hint = refusal(orlog(*arguments))
            assert code == 1
            assert f"is being written by process {holder.pid} on" in error
            assert "wait until it has finished" in hint
        assert log_of(data) == before
        assert_sound(data)
    output(*import_of(scraped, data))


def two_at_once(arguments: tuple[str | Path, ...]) -> dict[bytes, int]:
    """What each of two processes said on stderr, and its exit code."""
    line = command(*arguments)
    both = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    return {process.communicate()[1]: process.returncode for process in both}


def test_of_two_imports_at_once_one_finishes_and_the_other_is_told(
    scraped: Path, undisturbed: Path, tmp_path: Path
) -> None:
    for attempt in range(10):
        data = tmp_path / str(attempt)
        said = two_at_once(import_of(scraped, data))
        if set(said.values()) != {0}:  # on a busy machine one may be through before the other has started
            break
    else:
        pytest.fail("ten times the two were never there at the same time")
    assert sorted(said.values()) == [0, 1]
    (refused,) = (text for text, code in said.items() if code == 1)
    assert b"is being written by process" in refused
    assert b"Traceback" not in b"".join(said)
    assert log_of(data) == log_of(undisturbed)
    assert_sound(data)


# -- killed


def killed(arguments: tuple[str | Path, ...], *, when: Any) -> bool:
    """Start orlog and kill it as soon as `when()` is true; whether it was still running."""
    with subprocess.Popen(
        command(*arguments), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                if when():
                    process.kill()
                    break
            time.sleep(0.001)
    return process.returncode == -9


def timed(arguments: tuple[str | Path, ...]) -> float:
    """How long orlog takes, in seconds."""
    began = time.monotonic()
    output(*arguments)
    return time.monotonic() - began


def after(seconds: float) -> Any:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


@pytest.mark.thorough
def test_an_import_killed_again_and_again_ends_where_it_would_have_ended(
    scraped: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """P18: writes are atomic, wherever a process is killed."""
    expected, data = log_of(undisturbed), tmp_path / "data"
    took = timed(import_of(scraped, tmp_path / "timed"))
    kills, dice = 0, random.Random()
    while kills < KILLS:
        if not killed(import_of(scraped, data), when=after(dice.uniform(0, took))):
            shutil.rmtree(data)  # it was faster than that: from the beginning
            continue
        kills += 1
        if (data / "record.db").exists():
            assert_readable(data, expected)
    output(*import_of(scraped, data))
    assert log_of(data) == expected
    assert_sound(data)


def assert_readable(data: Path, expected: list[Any]) -> None:
    """What is there of a log is its beginning, and sound; it may also be that nothing is there yet."""
    ended = orlog("--data", data, "log", "--format", "jsonl")
    if ended.returncode == 0:
        events = [json.loads(line) for line in ended.stdout.splitlines()]
        assert events == expected[: len(events)]
        assert_sound(data)


@pytest.mark.thorough
def test_a_rebuild_that_is_killed_leaves_the_log_as_it_was(undisturbed: Path, data: Path, tmp_path: Path) -> None:
    expected = log_of(undisturbed)
    rebuild: tuple[str | Path, ...] = ("--data", data, "rebuild", "log")
    shutil.copytree(data, tmp_path / "timed")
    took = timed(("--data", tmp_path / "timed", "rebuild", "log"))
    kills, dice = 0, random.Random()
    while kills < KILLS:
        kills += killed(rebuild, when=after(dice.uniform(0.2, 1) * took))
        assert log_of(data) == expected
        assert_sound(data)
    assert json.loads(output(*rebuild))["same"] is True
    assert log_of(data) == expected
    assert_sound(data)


@pytest.mark.parametrize("next_", ["import", "rebuild"])
def test_a_sync_that_was_killed_before_it_was_recorded_is_closed_as_partial_at_the_next_start(
    scraped: Path, data: Path, next_: str
) -> None:
    now = datetime.fromtimestamp(NOON + VERSIONS * 60 + 3600, UTC)
    from collector import resolve

    things = resolve(str(scraped / "shop.toml"))
    record = Record.open(data, write=True)
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=now, rules={things.address: things.extraction.rules})
    with record.transaction():
        record.archive.add(sync, [Request(things.scope({}), now, now, 200, b'[{"id": "only"}]')])
    record.close()
    output(*import_of(scraped, data)) if next_ == "import" else output("--data", data, "rebuild", "log")
    with Record.open(data) as record:
        recovered = record.archive.sync(sync)
        assert recovered is not None
        assert (recovered.at, recovered.interrupted) == (now, True)
        entry = record.log.entries()[-1]
        assert (entry.sync, entry.status) == (sync, Status.PARTIAL)
        assert "only" in record.log.catalogue("thing")  # that all others are gone is not believed at once
        assert verify(record, deep=True) == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    "work, step",
    [("import", much(9, 3)), ("rebuild", much(9, 3)), ("rebuild above the horizon", much(15, 5)), ("sync", much(3, 1))],
)
def test_wherever_it_dies_the_record_is_sound_and_the_next_run_ends_where_it_would_have_ended(
    tmp_path: Path, work: str, step: int
) -> None:
    line = [sys.executable, "-m", "tests.faults.dying", work, str(tmp_path), str(step)]
    ended = run(line)
    assert ended.returncode == 0, ended.stderr.decode()
    assert int(ended.stdout) * step >= 30  # statements that it was killed at, or between
