"""Views kept up by `orlog run`: after each sync, beside other processes, and whatever becomes of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import projecting
from cli.failures import Failure
from cli.projecting import Keeping, Stand
from collector import LOGGER, Plan, Runner, Task, narrator
from eventstore import Record, WriterLock
from projector import VIEWS_FILE, NoModule, RebuildFailed, Store, Why
from tests.projecting import Said, lay, select

GIVES_UP = """
import msgspec
from projector import table

class Row(msgspec.Struct):
    n: int

@table("own", version=1, reads="shop.lamp", document=object, row=Row)
def own(lamp, document):
    yield Row(1 // 0)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    more(tmp_path, 1, {"a": {"price": 1}})
    return tmp_path


def more(data: Path, number: int, lamps: dict[str, Any]) -> None:
    with Record.open(data, write=True) as record:
        lay(record, number, Said("shop.lamp", lamps))


def prices(data: Path) -> list[tuple[Any, ...]]:
    return select(data / VIEWS_FILE, "SELECT key, price FROM lamp ORDER BY key")


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is told, by an application that hears all of it."""
    with caplog.at_level(logging.INFO, logger=LOGGER):
        yield caplog


def test_a_round_brings_views_up_and_tells_what_that_came_to(data: Path, said: pytest.LogCaptureFixture) -> None:
    keeping = Keeping(data)
    keeping.round()
    assert prices(data) == [("a", 1)]
    assert "views were brought up" in said.text
    said.clear()
    keeping.round()
    assert said.text == ""
    more(data, 2, {"a": {"price": 2}})
    keeping.round()
    assert prices(data) == [("a", 2)]
    assert "views were brought up" in said.text


def test_a_round_leaves_views_to_the_process_that_brings_them_up(data: Path, said: pytest.LogCaptureFixture) -> None:
    keeping = Keeping(data)
    keeping.round()
    more(data, 2, {"a": {"price": 2}})
    lock = WriterLock(data / "views.lock")
    lock.acquire()
    try:
        keeping.round()
    finally:
        lock.release()
    assert prices(data) == [("a", 1)]
    assert "views are left to another process" in said.text
    keeping.round()
    assert prices(data) == [("a", 2)]


def test_a_view_that_gives_up_is_raised_and_the_others_are_up(data: Path) -> None:
    (data / "own.py").write_text(GIVES_UP)
    (data / "orlog.toml").write_text('[project]\nmodules = ["own.py"]\n')
    with pytest.raises(RebuildFailed, match="no row came of own"):
        Keeping(data).round()
    assert prices(data) == [("a", 1)]
    with Store.open(data / VIEWS_FILE) as store:
        assert "ZeroDivisionError" in store.issues("own")[0].message


def test_edits_of_orlog_toml_are_taken_up_by_the_next_round(data: Path) -> None:
    keeping = Keeping(data)
    keeping.round()
    for text, error in (("[project]\nmoduls = []\n", Failure), ('[project]\nmodules = ["own.py"]\n', NoModule)):
        (data / "orlog.toml").write_text(text)
        with pytest.raises(error):
            keeping.round()
    (data / "orlog.toml").write_text('[project]\ncolumns = { lamp = { cost = "/price" } }\n')
    keeping.round()
    assert select(data / VIEWS_FILE, "SELECT cost FROM lamp") == [(1,)]


# -- as a task of the runner


class Clock:
    """Time that passes only while the runner waits; it ends after five hours."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + self.passed

    def ticks(self) -> float:
        return self.passed.total_seconds()

    def wait(self, seconds: float) -> bool:
        self.passed += timedelta(seconds=seconds)
        return self.passed >= timedelta(hours=5)


def keep(data: Path) -> list[int]:
    """Have a runner sync each hour, with views as a task; how many lamps the syncs brought."""
    clock = Clock()
    synced: list[int] = []

    def plan(*, now: datetime, woke_at: datetime) -> Plan:
        assert woke_at <= now
        due = clock.passed >= timedelta(hours=len(synced))
        next_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=len(synced))
        return Plan(("shop.lamps",), {"shop": ("lamps",)} if due else {}, None if due else next_at)

    def sync(source: str, names: tuple[str, ...]) -> int:
        assert (source, names) == ("shop", ("lamps",))
        synced.append(len(synced) + 1)
        more(data, 1 + len(synced), {str(number): {"price": number} for number in synced})
        return 1

    Runner(plan, sync, clock=clock, log=narrator(), tasks=[Task("views", Keeping(data).round)]).run()
    return synced


def test_views_follow_each_sync_of_a_runner(data: Path, said: pytest.LogCaptureFixture) -> None:
    synced = keep(data)
    assert len(synced) == 5
    assert prices(data) == [(str(number), number) for number in synced]
    assert said.text.count("views were brought up") == 5


def test_a_view_that_gives_up_is_held_and_stops_neither_syncs_nor_other_views(
    data: Path, said: pytest.LogCaptureFixture
) -> None:
    (data / "own.py").write_text(GIVES_UP)
    (data / "orlog.toml").write_text('[project]\nmodules = ["own.py"]\n')
    synced = keep(data)
    assert len(synced) == 5
    assert prices(data) == [(str(number), number) for number in synced]
    assert 5 <= said.text.count("views failed") <= 5 * 60 / 15 + 10  # a minute later at first, then each quarter
    assert "no row came of own" in said.text


# -- how they stand


def test_views_that_were_never_made_stand_as_missing(data: Path) -> None:
    stand = projecting.standing(data)
    assert {each.stale for each in stand.views} == {Why.MISSING}
    assert stand == Stand(stand.views, [], [])
    Keeping(data).round()
    assert {each.stale for each in projecting.standing(data).views} == {None}
    assert projecting.standing(data).joined == ["lifecycle"]


# -- progress


class Bar:
    """What is shown of a bar."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def start(self, total: int, what: str) -> None:
        self.shown.append((total, what))

    def advance(self, done: int = 1) -> None:
        self.shown.append(done)

    def note(self, text: str) -> None:
        self.shown.append(text)

    def finish(self) -> None:
        self.shown.append("finished")


def test_progress_tells_events_and_how_many_a_second(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projecting, "NOTED_EVERY", 0.0)
    bar = Bar()
    ran = projecting.run(data, bar=bar)  # type: ignore[arg-type]  # a bar of rich's shows no more than this
    assert bar.shown[0] == (len(ran), "events")
    assert sum(each for each in bar.shown if isinstance(each, int)) == len(ran)
    assert any(isinstance(each, str) and each.endswith("/s") for each in bar.shown)
    assert bar.shown[-1] == "finished"


def test_no_bar_is_shown_where_nothing_is_new(data: Path) -> None:
    projecting.run(data)
    bar = Bar()
    projecting.run(data, bar=bar)  # type: ignore[arg-type]  # a bar of rich's shows no more than this
    assert not [each for each in bar.shown if isinstance(each, tuple)]
