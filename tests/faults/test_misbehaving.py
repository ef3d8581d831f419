"""Syncs over HTTP against a server that misbehaves in every way: what is archived, recorded, confirmed and reported.

The rows are written by hand, from what design.md says (section 3: L5, L7, L8; section 4); `docs/faults.py` plays them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pytest

from collector import Synced, accept, rebuild_log
from docs import faults
from docs.faults import CASES, EVERY, START, Row, Stage
from eventstore import Status, standing_alerts, verify
from tests.faults import misbehaving as bad
from tests.faults.misbehaving import MisbehavingServer
from tests.laying import new_record

ALL: Final = "-m01 ~m02 +m13"  # what happens to the models between the first sync and the second
FAILED: Final = "failed / partial; failed-attempt"
UNREADABLE: Final = "failed / partial; unreadable-answer"
FINE: Final = "success / success"
UNKNOWN: Final = "the answer is not HTTP, or its headers are too long"
GOES: Final = "-m01 -m06 -m07 -m08 -m09 -m10 -m11 -m12"  # as a list cut to a third has it
TORN: Final = "partial / partial; count-differs, failed-attempt, missing-page"


def said_nothing(archived: str, reported: str = FAILED) -> Row:
    """The models were asked for in vain: nothing of them is recorded or confirmed before the third sync."""
    return Row(archived, "", "0 of 12", reported, ALL)


def came(archived: str = "200, bytes") -> Row:
    """The models came, as if nothing had been wrong."""
    return Row(archived, ALL, "12 of 12", FINE, "")


ROWS: Final = {
    "nothing: it is honest": came(),
    "slow, but in time": came(),
    "drips without end": said_nothing("“no end of the answer within 0.4 s, … bytes came”, 2 tries"),
    "hangs": said_nothing("“no answer within 0.4 s”, 2 tries"),
    "hangs once": came("200, bytes, 2 tries"),
    "429, without Retry-After": said_nothing("429, bytes, “status 429”, 2 tries"),
    "429 once, Retry-After: 0": came("200, bytes, 2 tries"),
    "429, Retry-After: 3600": said_nothing("429, bytes, “status 429”"),
    "429, Retry-After an hour after Date": said_nothing("429, bytes, “status 429”"),
    "429 once, Retry-After at Date": came("200, bytes, 2 tries"),
    "500": said_nothing("500, bytes, “status 500”, 2 tries"),
    "500 once": came("200, bytes, 2 tries"),
    "reset in the middle": said_nothing("“cut off after … bytes”, 2 tries"),
    "closed in the middle": said_nothing("“cut off after … bytes”, 2 tries"),
    "no HTTP": said_nothing(f"“{UNKNOWN}”, 2 tries"),
    "200 kB of headers": said_nothing(f"“{UNKNOWN}”, 2 tries"),
    "gzip bomb": said_nothing("200, “larger than 65536 bytes”"),
    "a body without end": said_nothing("200, “larger than 65536 bytes”"),
    "redirects to itself": said_nothing("302, “redirects in a circle”"),
    "redirects on and on": said_nothing("302, “redirects more than 5 times”"),
    "redirects to another host": said_nothing("302, “redirects to another host: other.example”"),
    "truncated JSON, its length right": said_nothing("200, bytes", UNREADABLE),
    "HTML with status 200": said_nothing("200, bytes", UNREADABLE),
    # m04 is a café: there, and not read
    "Latin-1 instead of UTF-8": Row("200, bytes", ALL, "11 of 12", f"{FINE}; unreadable-item", ""),
    "403": said_nothing("403, bytes, “status 403”"),
    "404": said_nothing("404, bytes, “status 404”"),
    "404 in `empty_on`": Row("404, bytes", "-m03#a -m03#b", "0 of 0", FINE, "+m03#b +m03#c"),
    "304, wanted": Row("304, bytes", "", "12 of 12", FINE, ""),
    "304, nothing was said to be known": said_nothing("304, “status 304, though nothing was said to be known”"),
    "an empty list, of many": said_nothing("200, bytes", "partial / partial; implausible; alert `implausible`"),
    "an empty list, of few": Row("200, bytes", "-m03#a -m03#b", "0 of 0", FINE, "+m03#b +m03#c"),
    "a third of the list": Row(
        "200, bytes", "~m02", "4 of 12", "partial / partial; implausible; alert `implausible`", "-m01 +m13"
    ),
    "a third of the list, twice": Row(
        "200, bytes", "~m02", "4 of 12", "partial / partial; implausible; alert `implausible`", GOES
    ),
    "a third of the list, accepted": Row(
        "200, bytes",
        "-m01 ~m02 -m06 -m07 -m08 -m09 -m10 -m11 -m12",
        "4 of 4",
        "partial / partial; implausible",
        "+m06 +m07 +m08 +m09 +m10 +m11 +m12 +m13",
    ),
    "items twice, equal": Row("200, bytes", ALL, "12 of 12", f"{FINE}; duplicate-key", ""),
    "items twice, not equal": Row(
        "200, bytes", "-m01 ~m02 +m04#2 +m13", "13 of 13", f"{FINE}; duplicate-key", "-m04#2"
    ),
    "an item that cannot be read": Row("200, bytes", ALL, "11 of 12", f"{FINE}; unreadable-item", ""),
    # m01 may be what has no key: it stays, unconfirmed, as m05 does
    "an item without a key": Row("200, bytes", "~m02 +m13", "11 of 13", "partial / partial; no-key", "-m01"),
    # the first page has a02 to a05, and nothing says what became of a01
    "the second page fails": Row("200, bytes; 500, bytes, “status 500”, 2 tries", "~a02", "4 of 10", TORN, "-a01 +a11"),
    "the pages end early": Row("200, bytes", "~a02", "4 of 10", "partial / partial; count-differs", "-a01 +a11"),
    "the pages go round in circles": Row(
        "200, bytes; “the pages go round in circles, or on forever: 1 so far”, 0 tries",
        "~a02",
        "4 of 10",
        TORN,
        "-a01 +a11",
    ),
    "the next page is on another host": Row(
        '200, bytes; “the next page cannot be asked for: next: "https://other.example/apps?page=2" leads to another '
        "host than http://127.0.0.1:…”, 0 tries",
        "~a02",
        "4 of 10",
        TORN,
        "-a01 +a11",
    ),
    # caches give dates that are too early: the latest counts
    "Date a day early, of one answer": came(),
    "each: 500": said_nothing("500, bytes, “status 500”, 2 tries", "failed / failed; failed-attempt"),
    "each: Date a day late": said_nothing("200, bytes", "not recorded; alert `clock`"),
    "each: Date a day late, accepted": came(),
    "each: Date a day late, corrected": came(),
    "each: Date a day early": said_nothing("200, bytes", "not recorded; alert `clock`"),
    "each: Date a day early, accepted": came(),
    "each: Date a day early, corrected": came(),
}

MODEL_GOES: Final = "-m01#a -m01#b"
APPS: Final = "-a01 ~a02 +a11"
ENDPOINTS: Final = f"{MODEL_GOES} -m03#a ~m03#b +m03#c"


def elsewhere(name: str) -> dict[str, str]:
    """What the second sync records of all that a row is not about: what happened."""
    case, row = CASES[name], ROWS[name]
    if case.still or name in {"each: 500", "each: Date a day late", "each: Date a day early"}:
        return {}
    if case.path == faults.ENDPOINTS:
        return {"model": ALL, "endpoint": f"{MODEL_GOES} +m13#a", "app": APPS}
    if case.path.startswith(bad.APPS):
        return {"model": ALL, "endpoint": f"{ENDPOINTS} +m13#a"}
    # a model that was not listed is not asked for
    return {"endpoint": f"{ENDPOINTS} +m13#a" if "+m13" in row.recorded else ENDPOINTS, "app": APPS}


@pytest.mark.parametrize("name", CASES)
def test_each_way_to_misbehave_is_archived_recorded_confirmed_and_reported_as_it_must_be(name: str) -> None:
    """P9, P13, P14, P16: what failed changes nothing, is kept with its reason and tries, and was tried again."""
    assert faults.played(name).row == ROWS[name]


@pytest.mark.parametrize("name", CASES)
def test_what_else_happened_is_recorded_and_confirmed_whatever_fails(name: str) -> None:
    """P9, P13: a failed request changes nothing about what others ask for."""
    played = faults.played(name)
    assert played.elsewhere == elsewhere(name)
    assert played.unconfirmed == (0 if played.elsewhere or CASES[name].still else 34)


@pytest.mark.parametrize("name", CASES)
def test_what_was_missed_lies_between_the_last_answer_that_was_believed_and_the_next(name: str) -> None:
    """L8: all that the second sync missed happened between the first one and it."""
    row, (first, second) = ROWS[name], (START, START + EVERY)
    missed = {each[1:] for each in row.then.split() if each in ALL or each in APPS or each in GOES}
    for key, not_before in faults.played(name).not_before.items():
        assert not_before == (first if key in missed and "accepted" not in name else second)


@pytest.mark.parametrize("name", CASES)
def test_whatever_came_the_record_verifies_and_folds_to_the_same_log_again(name: str) -> None:
    assert faults.played(name).same


def test_every_row_is_written_by_hand_and_played() -> None:
    assert list(ROWS) == list(CASES)


def test_the_page_of_faults_is_not_stale() -> None:
    written = faults.PAGE.read_text(encoding="utf-8")
    assert written == faults.page(), "docs/faults.md is stale: `make faults` writes it anew"


# -- what takes more than one sync


@pytest.fixture
def stage() -> Iterator[tuple[Stage, MisbehavingServer]]:
    """A record, an API of which nothing has been asked yet, and its server."""
    with new_record() as record:
        stage = Stage(record)
        with MisbehavingServer(stage.api, stage.clock) as server:
            stage.source = bad.source(server.base_url)
            yield stage, server


def alerts(stage: Stage) -> list[tuple[str, str]]:
    return [each.identity for each in standing_alerts(stage.record.standings(), clock=stage.record.clock_doubts())]


def status(synced: Synced) -> Status:
    assert synced.recorded is not None
    return synced.recorded.status


def test_three_storms_in_a_row_are_an_alert_that_the_next_listing_lifts(
    stage: tuple[Stage, MisbehavingServer],
) -> None:
    """P2, P8, P9: until then what was recorded last stands."""
    played, server = stage
    assert status(played.sync()) is Status.SUCCESS
    before = played.record.log.catalogue("model")
    server.misbehave({bad.MODELS: bad.status(500)})
    found = []
    for _ in range(3):
        played.sync()
        found.append(alerts(played))
    assert found == [[], [], [("failing", "api.models")]]
    assert played.record.log.catalogue("model") == before
    server.misbehave({})
    assert status(played.sync()) is Status.SUCCESS
    assert alerts(played) == []


def test_a_host_that_fails_is_left_alone_after_ten_failures_and_asked_once_by_the_next_sync(
    stage: tuple[Stage, MisbehavingServer],
) -> None:
    """P16: the circuit breaker outlives the sync: it follows from what is archived."""
    played, server = stage
    played.sync()
    server.misbehave({"": bad.status(500)})
    server.asked.clear()
    stopped = played.sync()
    assert stopped.report.stopped is not None
    assert status(stopped) is Status.FAILED
    assert 2 * 10 <= sum(server.asked.values()) <= 2 * 13  # each with its retry; three more were on their way
    assert bad.APPS not in server.asked
    server.asked.clear()
    again = played.sync()
    assert (again.asked, again.failed, server.asked) == (1, 1, {bad.MODELS: 2})
    server.misbehave({})
    assert status(played.sync()) is Status.SUCCESS


def test_a_sync_that_is_believed_after_later_ones_is_laid_down_in_its_place_by_a_rebuild(
    stage: tuple[Stage, MisbehavingServer],
) -> None:
    """P20: the state is as it was, and when it came to be so is known better."""
    played, server = stage
    played.sync()
    faults.something_happens(played.api)
    server.misbehave({"": bad.dated(timedelta(days=-1))})
    doubted = played.sync()
    assert alerts(played) == [("clock", "api")]
    server.misbehave({})
    played.sync()
    assert alerts(played) == []  # the clock is right again; what was archived may be believed all the same
    before = {key: state.hash for key, state in played.record.log.catalogue("model").items()}
    assert accept(played.record, doubted.sync, now=played.clock.now).recorded is None
    assert not rebuild_log(played.record, now=played.clock.now).same
    assert {key: state.hash for key, state in played.record.log.catalogue("model").items()} == before
    assert {event.sync for event in played.record.log.events("model", "m13")} == {doubted.sync}
    assert verify(played.record, deep=True) == []
