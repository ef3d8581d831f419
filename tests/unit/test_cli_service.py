"""What makes a service of `orlog run`: alone on its data directory, ended by signals, with files that are edited."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli import config
from cli.failures import Failure
from cli.service import LOCK, SIGNALS, Ending, Watching, Work, alone, make_ready
from collector import LOGGER, BadSource, Source, Watched
from collector.schedule import Asked
from eventstore import Record, RecordBusy, Scope

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = """
[source]
name = "demo"
base_url = "http://api.example"

[[resource]]
name = "models"
category = "model"
path = "/models"
items = "/data"
key = "{id}"
every = "1h"
"""


@pytest.fixture
def watched_data(tmp_path: Path) -> Path:
    Record.open(tmp_path, write=True).close()
    (tmp_path / "demo.toml").write_text(SOURCE)
    (tmp_path / config.FILE).write_text('sources = ["demo.toml"]')
    return tmp_path


def edit(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, ns=(0, time.time_ns()))  # two edits within one tick of the file system's clock are two


# -- the data directory


def test_a_new_data_directory_is_made_as_init_makes_it(tmp_path: Path) -> None:
    make_ready(tmp_path / "new")
    assert (tmp_path / "new" / config.FILE).read_text() == config.TEMPLATE
    Record.open(tmp_path / "new").close()


def test_a_record_that_watches_nothing_is_not_made_to(tmp_path: Path) -> None:
    Record.open(tmp_path, write=True).close()
    make_ready(tmp_path)
    assert not (tmp_path / config.FILE).exists()
    with pytest.raises(Failure, match="names no source with a resource that has `every`"):
        Watching(tmp_path)


def test_a_second_run_on_a_data_directory_is_refused_and_told_whose_it_is(tmp_path: Path) -> None:
    with alone(tmp_path):
        with pytest.raises(Failure, match=f"at work on {tmp_path} already: process {os.getpid()} on ") as refused:
            alone(tmp_path).__enter__()
        assert "orlog sync" in refused.value.hint
    with alone(tmp_path):
        assert (tmp_path / LOCK).exists()


# -- signals


@pytest.fixture
def ending() -> Iterator[Ending]:
    """Hears signals in a test, and puts back what heard them before, whatever the test did."""
    found = Ending()
    with found.heard():
        yield found


@pytest.mark.parametrize("each", SIGNALS)
def test_a_signal_asks_for_the_end_and_the_next_one_is_left_to_the_system(ending: Ending, each: signal.Signals) -> None:
    assert not ending.asked()
    assert not ending.wait(0)
    signal.raise_signal(each)
    assert ending.asked()
    assert ending.wait(60)
    assert [signal.getsignal(one) for one in SIGNALS] == [signal.SIG_DFL, signal.SIG_DFL]


def test_a_signal_wakes_who_waits(ending: Ending) -> None:
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    began = time.monotonic()
    assert ending.wait(60)
    assert time.monotonic() - began < 10
    timer.join()


def test_waiting_takes_as_long_as_was_said(ending: Ending) -> None:
    began = time.monotonic()
    assert not ending.wait(0.05)
    assert time.monotonic() - began >= 0.05


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    ending = Ending()
    with ending.heard():
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(each) for each in SIGNALS] == before


# -- the configuration


def test_files_that_nobody_edited_are_not_read_again(watched_data: Path) -> None:
    watching = Watching(watched_data)
    sources = watching.sources
    assert not watching.changed()
    assert watching.sources is sources


def test_an_edited_source_file_is_taken_up_once(watched_data: Path) -> None:
    watching = Watching(watched_data)
    edit(watched_data / "demo.toml", SOURCE.replace("1h", "2h"))
    assert watching.changed()
    assert not watching.changed()
    assert watching.source("demo").resources[0].every == timedelta(hours=2)


def test_a_source_that_is_named_newly_is_watched(watched_data: Path) -> None:
    watching = Watching(watched_data)
    edit(watched_data / config.FILE, 'sources = ["demo.toml", "other.toml"]')
    assert not watching.changed(), "its file is not there yet"
    edit(watched_data / "other.toml", SOURCE.replace('"demo"', '"other"'))
    assert watching.changed()
    assert [source.name for source in watching.sources] == ["demo", "other"]


@pytest.mark.parametrize("file, broken", [("demo.toml", "[[resource"), (config.FILE, "sources = 1")])
def test_a_broken_edit_is_logged_once_and_the_last_good_one_stays(
    watched_data: Path, caplog: pytest.LogCaptureFixture, file: str, broken: str
) -> None:
    watching = Watching(watched_data)
    good = (watched_data / file).read_text()
    with caplog.at_level(logging.INFO, logger=LOGGER):
        edit(watched_data / file, broken)
        assert not watching.changed()
        assert not watching.changed()
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert file in str(caplog.records[0].msg)
        assert watching.source("demo").resources[0].every == timedelta(hours=1)
        edit(watched_data / file, good)
        assert watching.changed()


def test_what_is_wrong_when_it_starts_is_an_error(watched_data: Path) -> None:
    (watched_data / "demo.toml").write_text("[[resource")
    with pytest.raises(BadSource):
        Watching(watched_data)


# -- the record


def test_the_record_is_free_for_others_except_while_something_is_synced(watched_data: Path, ending: Ending) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def facts(record: Record, source: Source, now: datetime) -> Iterable[Watched]:
        assert list(record.archive.syncs()) == []
        known = Asked(now - timedelta(hours=9), 1)
        yield Watched(source.name, "models", timedelta(hours=1), {Scope.of(source.name, "models", {}): known})
        Record.open(watched_data, write=True).close()

    def ask(record: Record, source: Source, names: tuple[str, ...], stop: Callable[[], bool]) -> int:
        with record.transaction(), pytest.raises(RecordBusy):
            Record.open(watched_data, write=True)
        assert not stop()
        asked.append((source.name, names))
        return 1

    work = Work(watched_data, Watching(watched_data), ending, facts=facts, ask=ask)
    assert work.plan(now=NOW, woke_at=NOW - timedelta(hours=9)).due == {"demo": ("models",)}
    assert work.sync("demo", ("models",)) == 1
    assert asked == [("demo", ("models",))]
    Record.open(watched_data, write=True).close()
