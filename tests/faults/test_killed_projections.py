"""What can befall the file of views: killed writers, full and read-only disks, other files in its place."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from eventstore import Record
from projector import (
    VIEWS_FILE,
    Catalogue,
    NoViews,
    Runner,
    Store,
    ViewsBusy,
    ViewsUnusable,
    Why,
)
from tests.commandline import ROOT
from tests.faults.dying_views import WORKS, lay_history, served, whole
from tests.faults.mounted import namespace
from tests.laying import lay_documents
from tests.thorough import much

KILLS: Final = much(5, 20)  # of each work: 100 in all


# -- killed


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("work", WORKS)
def test_wherever_it_is_killed_views_are_old_or_new_and_the_next_run_ends_where_it_would_have_ended(
    tmp_path: Path, work: str
) -> None:
    """P18, P20: killed at any write, each view is whole, and one more run makes all what they are to be."""
    line = [sys.executable, "-m", "tests.faults.dying_views", work, str(tmp_path), str(KILLS)]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    died = Counter(json.loads(ended.stdout))
    assert died.total() == KILLS
    assert died["COMMIT"] >= 1


# -- the file is another one, or damaged


@pytest.fixture(scope="module")
def projected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with views, made once."""
    data = tmp_path_factory.mktemp("projected") / "data"
    with Record.open(data, write=True) as record:
        lay_history(record)
    run(data)
    return data


@pytest.fixture
def data(projected: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(projected, tmp_path / "data"))


def run(data: Path) -> dict[str, Why | None]:
    """Bring all views up; why each was built anew."""
    with Record.open(data) as record, Store.open(data / VIEWS_FILE, write=True) as store:
        return {ran.view: ran.rebuilt for ran in Runner(record, store, Catalogue()).run()}


def refused(data: Path) -> ViewsUnusable:
    with pytest.raises(ViewsUnusable) as told:
        run(data)
    return told.value


def test_a_file_that_is_no_database_is_left_alone_and_the_way_out_is_told(data: Path) -> None:
    garbage = b"These are no views, though they are called so.\n" * 200
    (data / VIEWS_FILE).write_bytes(garbage)
    error = refused(data)
    assert VIEWS_FILE in str(error)
    assert "move the file away" in error.hint
    assert (data / VIEWS_FILE).read_bytes() == garbage
    (data / VIEWS_FILE).rename(data / "away")
    assert set(run(data).values()) == {Why.MISSING}


def test_a_database_that_is_no_file_of_views_is_left_alone(data: Path) -> None:
    (data / VIEWS_FILE).unlink()
    with contextlib.closing(sqlite3.connect(data / VIEWS_FILE)) as db:
        db.execute("CREATE TABLE bookmark (url TEXT)")
    before = (data / VIEWS_FILE).read_bytes()
    error = refused(data)
    assert "no file of views" in str(error)
    assert "move the file away" in error.hint
    assert (data / VIEWS_FILE).read_bytes() == before


def test_a_file_that_was_cut_off_is_told_and_made_anew_once_it_is_away(projected: Path, data: Path) -> None:
    bytes_ = (data / VIEWS_FILE).read_bytes()
    (data / VIEWS_FILE).write_bytes(bytes_[: len(bytes_) // 8 // 4096 * 4096])
    lay(data)
    error = refused(data)
    assert "cannot be used" in str(error)
    assert "move the file away" in error.hint
    (data / VIEWS_FILE).unlink()
    run(data)
    lay(projected_again := Path(shutil.copytree(projected, data.with_name("again"))))
    run(projected_again)
    assert served(data) == served(projected_again)


def lay(data: Path) -> None:
    """Have something be there to catch up with."""
    with Record.open(data, write=True) as record:
        lay_documents(record, 1000, {"m": {"name": "another"}})


def test_views_of_another_version_of_orlog_are_made_anew(data: Path) -> None:
    before = served(data)
    with contextlib.closing(sqlite3.connect(data / VIEWS_FILE)) as db:
        db.execute("ALTER TABLE _view RENAME TO _views")
        db.execute("CREATE VIEW broken AS SELECT * FROM _views")
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(NoViews, match="another version"):
        Store.open(data / VIEWS_FILE)
    assert set(run(data).values()) == {Why.MISSING}
    assert served(data) == before
    assert "_views" not in {made[1] for made in whole(data)[0]}


def test_views_of_a_record_that_was_replaced_by_another_one_are_made_of_that_one(data: Path, tmp_path: Path) -> None:
    with Record.open(tmp_path / "other", write=True) as record:
        for number in range(40):  # more syncs than before: only the root tells that they are not the same
            lay_documents(record, number, {"m": {"name": f"name {number}"}})
    for name in ("record.db", "record.db-wal", "record.db-shm"):
        (data / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "other" / "record.db", data)
    rebuilt = run(data)
    assert {rebuilt[name] for name in ("changes", "manifest", "presence", "syncs")} == {Why.LOG}
    run(tmp_path / "other")
    assert served(data) == served(tmp_path / "other")


# -- the disk

LIMITED: Final = """
import resource, sys
from pathlib import Path
from eventstore import Record
from projector import Catalogue, Runner, Store, ViewsFull
with Record.open(sys.argv[1]) as record, Store.open(Path(sys.argv[1]) / "views.db", write=True) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        Runner(record, store, Catalogue()).rebuild()
    except ViewsFull as error:
        print(error, error.hint)
    else:
        print("it went through")
"""


def python(script: str, *arguments: object, within: tuple[str, ...] = ()) -> str:
    """What a script prints in a process of its own."""
    line = [*within, sys.executable, "-c", script, *map(str, arguments)]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_disk_that_fills_up_while_views_are_rebuilt_leaves_what_was_served(data: Path) -> None:
    """No file can grow beyond a size, as if the disk were full."""
    before = served(data)
    for room in (0, 50_000, 10_000_000):
        said = python(LIMITED, data, (data / VIEWS_FILE).stat().st_size + room)
        assert served(data) == before
        if room < 10_000_000:
            assert "no room left" in said
            assert "free some space" in said
        else:
            assert said == "it went through"


READING: Final = """
import sys
from pathlib import Path
from eventstore import Record
from projector import Catalogue, Store, ViewsUnusable, status
path = Path(sys.argv[1]) / "views.db"
try:
    Store.open(path, write=True)
except ViewsUnusable as error:
    print(error)
with Record.open(sys.argv[1]) as record, Store.open(path) as store:
    print(sum(each.rows for each in status(record, store, Catalogue())))
"""


def test_a_read_only_folder_is_read_and_writing_is_refused(data: Path) -> None:
    before = whole(data)
    with Record.open(data) as record, Store.open(data / VIEWS_FILE) as store:
        rows = sum(store.count(name) for name in Catalogue().projections(record.log))
    with namespace() as inside:
        inside.run("mount", "--bind", data, data)
        inside.run("mount", "-o", "remount,ro,bind", data)
        refusal, read = python(READING, data, within=(*inside._enter, f"--wdns={ROOT}")).splitlines()
    assert str(data) in refusal
    assert "Read-only file system" in refusal
    assert int(read) == rows > 0
    assert whole(data) == before


# -- two at once

HOLDING: Final = """
import sys
from pathlib import Path
from projector import Store
with Store.open(Path(sys.argv[1]), write=True):
    print("open", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def writer(data: Path) -> Iterator[int]:
    """A process that holds the views open for writing; its number."""
    line = [sys.executable, "-c", HOLDING, str(data / VIEWS_FILE)]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process.pid


def test_a_second_writer_is_told_who_writes_and_readers_need_not_wait(data: Path) -> None:
    before = served(data)
    with writer(data) as number:
        with pytest.raises(ViewsBusy, match=f"are being written by process {number} on") as busy:
            run(data)
        assert busy.value.holder.startswith(f"process {number} on")
        assert "wait until it has finished" in busy.value.hint
        assert served(data) == before
    assert set(run(data).values()) == {None}


# -- memory

MEASURED: Final = """
import sys, tracemalloc
from pathlib import Path
from eventstore import Record, feed
from projector import Catalogue, Runner, Store
from tests.laying import lay_documents
folder, syncs = Path(sys.argv[1]), int(sys.argv[2])
feed.BATCH_EVENTS = 200
feed.BATCH_SYNCS = 20
text = " ".join(map(str, range(800)))
with Record.open(folder, write=True) as record:
    with record.transaction():
        for sync in range(syncs):
            lay_documents(record, sync, {f"k{n}": {"n": [sync, n], "text": text} for n in range(20) if (n + sync) % 9})
with Record.open(folder) as record, Store.open(folder / "warm.db", write=True) as store:
    Runner(record, store, Catalogue(), until=record.log.position(2)).run()
with Record.open(folder) as record, Store.open(folder / "views.db", write=True) as store:
    runner = Runner(record, store, Catalogue())
    tracemalloc.start()
    ran = runner.run()
    print(max(each.events for each in ran), tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_history(tmp_path: Path) -> None:
    some, much = (python(MEASURED, tmp_path / str(times), times * 25).split() for times in (2, 8))
    assert int(much[0]) > 3.9 * int(some[0]) > 3000
    assert int(much[1]) < 1.2 * int(some[1])
