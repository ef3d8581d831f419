"""What stands as an alert, from facts alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventstore import Cause, ClockDoubt, Disk, Standing, Status, disk_of, standing_alerts

START = datetime(2026, 1, 1, tzinfo=UTC)


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


def facts(**more: object) -> Standing:
    known: dict[str, object] = {
        "resource": "shop.things",
        "sync": 7,
        "cause": Cause.SYNC,
        "opened_at": hour(7),
        "at": hour(7),
        "status": Status.SUCCESS,
    }
    return Standing(**{**known, **more})  # type: ignore[arg-type]


def doubt(sync: int, skew: timedelta | None, *, source: str = "shop") -> ClockDoubt:
    return ClockDoubt(sync, source, skew, hour(sync))


# -- implausible listings


def test_a_listing_that_was_not_believed_is_an_alert_that_says_what_lifts_it() -> None:
    (alert,) = standing_alerts([facts(doubted=12, doubted_since=hour(7), doubted_sync=9)])
    assert (alert.code, alert.resource, alert.since) == ("implausible", "shop.things", hour(7))
    assert "12 entities would have disappeared" in alert.message
    assert "next complete listing" in alert.hint
    assert "`orlog accept 9`" in alert.hint


def test_a_doubted_listing_whose_sync_is_unknown_proposes_no_verdict() -> None:
    (alert,) = standing_alerts([facts(doubted=1, doubted_since=hour(7))])
    assert "1 entity would" in alert.message
    assert "accept" not in alert.hint


# -- the clock


@pytest.mark.parametrize(
    "skew, said",
    [
        (timedelta(minutes=7), "7 minutes ahead of the answers' Date"),
        (timedelta(days=-3, hours=-5), "3 days behind the answers' Date"),
        (timedelta(hours=1, minutes=59), "119 minutes ahead"),
        (None, "far ahead of the log's end"),
    ],
)
def test_a_clock_in_doubt_is_an_alert_of_its_source(skew: timedelta | None, said: str) -> None:
    (alert,) = standing_alerts([], clock=[doubt(4, skew)])
    assert (alert.code, alert.resource, alert.since) == ("clock", "shop", hour(4))
    assert said in alert.message
    assert "1 sync is archived and not recorded" in alert.message
    assert "`orlog accept 4`" in alert.hint


def test_many_doubted_syncs_of_a_source_are_one_alert_that_began_with_the_first() -> None:
    skew = timedelta(minutes=6)
    doubts = [doubt(6, skew), doubt(4, 2 * skew), doubt(5, None), doubt(3, skew, source="bank")]
    found = standing_alerts([], clock=doubts)
    assert [alert.identity for alert in found] == [("clock", "bank"), ("clock", "shop")]
    assert found[1].since == hour(4)
    assert "12 minutes ahead" in found[1].message
    assert "3 syncs are archived" in found[1].message


# -- the disk


@pytest.mark.parametrize("used, codes", [(0, []), (800, []), (801, ["disk"]), (1000, ["disk"])])
def test_a_disk_over_four_fifths_full_is_an_alert(used: int, codes: list[str]) -> None:
    assert [alert.code for alert in standing_alerts([], disk=Disk(used, 1000))] == codes


def test_the_alert_of_a_disk_is_about_no_resource_and_says_what_is_left() -> None:
    (alert,) = standing_alerts([], disk=Disk(95 * 10**9, 100 * 10**9))
    assert (alert.resource, alert.since) == ("", None)
    assert alert.message == "the disk is 95% full; 5.0 GB are left"


def test_a_disk_without_any_room_of_its_own_is_not_full() -> None:
    assert standing_alerts([], disk=Disk(0, 0)) == []  # /proc, or a container's overlay that does not tell


def test_the_disk_that_a_folder_is_on_can_be_measured(tmp_path: Path) -> None:
    disk = disk_of(tmp_path)
    assert 0 < disk.used <= disk.total


# -- all of them


def test_each_alert_has_an_identity_that_its_message_does_not_change() -> None:
    def found(failures: int, used: int) -> set[tuple[str, str]]:
        standing = facts(
            failures=failures, failing_since=hour(1), empty_since=hour(2), doubted=9, doubted_since=hour(3)
        )
        clock = [doubt(8 + number, None) for number in range(1, failures)]
        alerts = standing_alerts([standing], clock=clock, disk=Disk(used, 100))
        assert len({alert.identity for alert in alerts}) == len(alerts) == 5
        return {alert.identity for alert in alerts}

    assert found(3, 81) == found(30, 99)


def test_every_alert_says_what_lifts_it_or_where_to_look() -> None:
    standing = facts(failures=3, failing_since=hour(1), empty_since=hour(2), doubted=9, doubted_since=hour(3))
    alerts = standing_alerts([standing], clock=[doubt(8, None)], disk=Disk(99, 100))
    assert [alert.code for alert in alerts] == ["disk", "failing", "empty", "implausible", "clock"]
    assert all(alert.hint for alert in alerts)


def test_a_clock_is_in_doubt_until_a_later_sync_of_its_source_is_believed() -> None:
    doubts = [doubt(6, None), doubt(8, None), doubt(9, None, source="bank")]
    found = {alert.resource: alert.message for alert in standing_alerts([facts()], clock=doubts)}
    assert set(found) == {"shop", "bank"}
    assert "1 sync is" in found["shop"]  # the one after sync 7, which was believed
    assert {alert.resource for alert in standing_alerts([facts(sync=10)], clock=doubts)} == {"bank"}
    assert {alert.resource for alert in standing_alerts([facts(sync=10, status=None)], clock=doubts)} == {
        "shop",
        "bank",
    }
    assert {a.resource for a in standing_alerts([facts(sync=10, cause=Cause.IMPORT)], clock=doubts)} == {"shop", "bank"}
