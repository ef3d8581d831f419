"""What `orlog status` tells: of what a record says of itself, and of what its data directory watches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.overview import Watch, alerts, due_since, overview, resource_lines, watched
from collector import World, play, shipped
from eventstore import Cause, Record, Standing, Status
from tests.laying import new_record

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

SOURCE = """\
[[resource]]
name = "things"
category = "thing"
path = "/things"
items = ""
key = "{id}"
every = "90m"

[[resource]]
name = "others"
category = "other"
items = ""
key = "{id}"
"""


def standing(**more: object) -> Standing:
    known: dict[str, object] = {
        "resource": "shop.things",
        "sync": 7,
        "cause": Cause.SYNC,
        "opened_at": NOON,
        "at": NOON,
        "status": Status.SUCCESS,
    }
    return Standing(**{**known, **more})  # type: ignore[arg-type]


# -- what is watched


def test_nothing_is_watched_without_an_orlog_toml(tmp_path: Path) -> None:
    assert watched(tmp_path) == {}


def test_shipped_sources_and_source_files_are_watched_where_orlog_toml_names_them(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(SOURCE)
    (tmp_path / "orlog.toml").write_text('sources = ["shop.toml"]')
    assert watched(tmp_path) == {"shop.things": timedelta(minutes=90), "shop.others": None}
    (tmp_path / "orlog.toml").write_text('sources = ["shop.toml", "openrouter"]')
    assert set(watched(tmp_path)) == {
        "shop.things",
        "shop.others",
        *(resource.address for resource in shipped()["openrouter"].resources),
    }


def test_what_is_wrong_in_a_file_is_an_alert_and_hides_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "orlog.toml").write_text('sources = ["openrouter", "bad.toml", "openruter"]')
    (tmp_path / "bad.toml").write_text("zzz")
    with Record.open(tmp_path, write=True) as record:
        (alert,) = alerts(record, tmp_path)
    assert (alert.code, "openruter" in alert.message or "bad.toml" in alert.message) == ("configuration", True)
    assert "openrouter.models" in watched(tmp_path)
    (tmp_path / "orlog.toml").write_text("[[sources]")
    assert watched(tmp_path) == {}
    with Record.open(tmp_path) as record:
        assert [alert.code for alert in alerts(record, tmp_path)] == ["configuration"]


# -- resources


@pytest.mark.parametrize(
    "cause, sources, watch",
    [
        (Cause.SYNC, {"shop.things": HOUR}, Watch.WATCHED),
        (Cause.IMPORT, {"shop.things": HOUR}, Watch.WATCHED),
        (Cause.IMPORT, {"shop.others": HOUR}, Watch.IMPORTED),
        (Cause.SYNC, {}, Watch.UNWATCHED),
    ],
)
def test_a_resource_is_watched_or_imported_or_neither(
    cause: Cause, sources: dict[str, timedelta | None], watch: Watch
) -> None:
    lines = {line.resource: line for line in resource_lines([standing(cause=cause)], sources, now=NOON)}
    assert lines["shop.things"].watch is watch
    assert lines["shop.things"].every == (3600 if watch is Watch.WATCHED else None)


def test_a_resource_that_is_watched_and_was_never_asked_is_there_without_a_sync() -> None:
    (line,) = resource_lines([], {"shop.things": None}, now=NOON)
    assert (line.watch, line.every, line.sync, line.status) == (Watch.WATCHED, None, None, None)


@pytest.mark.parametrize(
    "status, at, said", [(Status.PARTIAL, NOON, "partial"), (None, NOON, "archived"), (None, None, "open")]
)
def test_a_resource_tells_how_its_newest_sync_ended(status: Status | None, at: datetime | None, said: str) -> None:
    (line,) = resource_lines([standing(status=status, at=at)], {}, now=NOON)
    assert line.status == said


def test_a_resource_is_due_once_three_syncs_were_missed() -> None:
    assert due_since(standing(), HOUR, now=NOON + 3 * HOUR) is None
    assert due_since(standing(), HOUR, now=NOON + 3 * HOUR + timedelta(seconds=1)) == NOON + HOUR


def test_what_nobody_said_how_often_to_ask_and_what_was_imported_is_never_due() -> None:
    later = NOON + timedelta(days=400)
    assert due_since(standing(), None, now=later) is None
    assert due_since(standing(cause=Cause.IMPORT), HOUR, now=later) is None


# -- the whole


def test_an_overview_tells_what_a_world_left_stale_and_unwatched() -> None:
    world = World(5, start=NOON, days=4, models=4, failures=0.5)
    with new_record() as record:
        play(record, world, every=timedelta(hours=12))
        seen = overview(record, {"openrouter.models": HOUR}, now=NOON)
        watches = {line.resource: line.watch for line in seen.resources}
        assert watches["openrouter.models"] is Watch.WATCHED
        assert {watches["openrouter.endpoints"], watches["openrouter.providers"]} == {Watch.UNWATCHED}
        assert {line.address: (line.live, line.stale) for line in seen.categories} == {
            category.address: (category.live, stale_by_hand(record, category.address))
            for category in record.log.categories()
        }
        assert any(line.stale for line in seen.categories)
        assert seen.issues == len(record.log.issues())


def stale_by_hand(record: Record, category: str) -> int:
    """How many entities an attempt confirmed that is not of the last sync, which asked for everything."""
    last = max(sync.id for sync in record.archive.syncs())
    states = record.log.catalogue(category).values()
    return sum(record.archive.attempt(state.confirmed_by).sync != last for state in states)
