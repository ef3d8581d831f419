"""Verdicts: a person says that what was doubted is so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest

from collector import Answer, Clock, Synced, accept, give_verdict, rebuild_log, sync_source
from collector.errors import NothingToAccept
from collector.sources.sourcefile import read
from eventstore import Cause, Kind, Record, Status, UnknownSync, standing_alerts, verify
from tests.laying import new_record

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCE = read(
    '[source]\nname = "shop"\nbase_url = "http://shop.example"\n[[resource]]\nname = "things"\ncategory = "thing"\n'
    'path = "/things"\nitems = ""\nkey = "{id}"\nevery = "1h"\n',
    file="shop.toml",
    name="shop",
)


class Shop:
    """Answers with so many things, by a clock of its own."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.things = 20
        self.ahead = timedelta()

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        assert (path, dict(validators)) == ("/things", {})
        date = format_datetime(self.clock.now + self.ahead, usegmt=True)
        body = msgspec.json.encode([{"id": str(number)} for number in range(self.things)])
        return Answer(params, 200, body, headers={"Date": date})

    async def aclose(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


@pytest.fixture
def shop() -> Shop:
    return Shop(Clock(START))


def sync(record: Record, shop: Shop, hours: int) -> Synced:
    shop.clock.now = START + hours * HOUR
    synced = sync_source(record, SOURCE, now=shop.clock, transport=shop)
    assert synced is not None
    return synced


def live(record: Record) -> int:
    return len(record.log.catalogue("thing"))


def alerts(record: Record) -> list[tuple[str, str]]:
    return [alert.identity for alert in standing_alerts(record.standings(), clock=record.clock_doubts())]


def test_what_a_person_believes_has_disappeared(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    shop.things = 3
    cut = sync(record, shop, 1)
    assert cut.recorded is not None
    assert (cut.recorded.status, cut.recorded.doubted, live(record)) == (Status.PARTIAL, 17, 20)
    assert alerts(record) == [("implausible", "shop.things")]
    accepted = accept(record, cut.sync, now=START + 2 * HOUR)
    assert accepted.recorded is not None
    assert (accepted.recorded.disappeared, live(record), alerts(record)) == (17, 3, [])
    gone = [event for event in record.log.events() if event.kind is Kind.DISAPPEARED]
    assert {(event.not_before, event.sync) for event in gone} == {(START, accepted.verdict)}
    assert verify(record, deep=True) == []
    assert rebuild_log(record, now=START).same


def test_what_the_next_listing_says_too_is_believed(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    shop.things = 3
    sync(record, shop, 1)
    again = sync(record, shop, 2)
    assert again.recorded is not None
    assert (again.recorded.status, again.recorded.disappeared, alerts(record)) == (Status.SUCCESS, 17, [])
    assert rebuild_log(record, now=START).same


def test_what_is_listed_again_was_never_gone(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    shop.things = 3
    cut = sync(record, shop, 1)
    shop.things = 20
    sync(record, shop, 2)
    assert (live(record), alerts(record)) == (20, [])
    with pytest.raises(NothingToAccept):
        accept(record, cut.sync, now=START + 3 * HOUR)
    assert rebuild_log(record, now=START).same


def test_a_clock_that_the_answers_speak_against_archives_and_records_nothing(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    shop.ahead, shop.things = timedelta(days=2), 19
    odd = sync(record, shop, 1)
    assert odd.recorded is None
    assert (live(record), alerts(record)) == (20, [("clock", "shop")])
    assert record.archive.answer(record.archive.attempts(odd.sync)[0].id).startswith(b"[")
    assert rebuild_log(record, now=START).syncs == 1


def test_a_clock_that_a_person_says_was_right_is_believed_from_then_on(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    shop.ahead, shop.things = timedelta(days=2), 19
    odd = sync(record, shop, 1)
    accepted = accept(record, odd.sync, now=START + HOUR + HOUR / 2)
    assert accepted.recorded is not None
    assert (accepted.recorded.observed_at, live(record), alerts(record)) == (START + HOUR, 19, [])
    shop.things = 18
    assert sync(record, shop, 2).recorded is not None
    shop.ahead = timedelta(days=3)
    assert sync(record, shop, 3).recorded is None
    assert rebuild_log(record, now=START).same
    assert verify(record, deep=True) == []


def test_one_verdict_is_enough_for_all_that_wait_for_the_same_reason(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    shop.ahead = timedelta(days=2)
    for hours in (1, 2, 3):
        shop.things = 20 - hours
        sync(record, shop, hours)
    shop.ahead = timedelta(days=-2)
    other = sync(record, shop, 4)
    accepted = accept(record, 3, now=START + 5 * HOUR)
    assert accepted.syncs == (2, 3, 4)
    assert [event.observed_at for event in record.log.events()][20:] == [START + n * HOUR for n in (1, 2, 3)]
    assert [doubt.sync for doubt in record.clock_doubts()] == [other.sync]
    assert rebuild_log(record, now=START).same


def test_the_alert_goes_with_the_next_sync_that_is_believed(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    shop.ahead = timedelta(days=2)
    sync(record, shop, 1)
    shop.ahead = timedelta()
    assert alerts(record) == [("clock", "shop")]
    sync(record, shop, 2)
    assert alerts(record) == []
    assert len(record.clock_doubts()) == 1  # and can be accepted still


def test_a_clock_that_was_wrong_is_corrected(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    shop.ahead, shop.things = timedelta(hours=-5), 19  # this machine is five hours ahead
    odd = sync(record, shop, 8)
    accepted = accept(record, odd.sync, now=START + 4 * HOUR, corrected=True)
    assert accepted.recorded is not None
    assert accepted.recorded.observed_at == START + 3 * HOUR
    state = record.log.catalogue("thing")["0"]
    assert state.confirmed_at == START + 3 * HOUR
    shop.ahead = timedelta()
    assert sync(record, shop, 5).recorded is not None
    assert rebuild_log(record, now=START).same
    assert verify(record, deep=True) == []


def test_what_is_older_than_the_logs_end_by_now_waits_for_a_rebuild(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    shop.ahead, shop.things = timedelta(days=2), 19
    odd = sync(record, shop, 1)
    shop.ahead, shop.things = timedelta(), 20
    sync(record, shop, 2)
    assert accept(record, odd.sync, now=START + 3 * HOUR).recorded is None
    assert len(list(record.log.events())) == 20
    rebuild_log(record, now=START)
    assert [event.kind for event in record.log.events()][20:] == [Kind.DISAPPEARED, Kind.APPEARED]


def test_a_clock_far_ahead_of_the_log_is_doubted_where_no_answer_has_a_date(record: Record, shop: Shop) -> None:
    class Dateless(Shop):
        async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
            answer = await super().ask(path, params, validators=validators)
            return msgspec.structs.replace(answer, headers={})

    dateless = Dateless(shop.clock)
    sync(record, dateless, 0)
    assert sync(record, dateless, 24 * 29).recorded is not None
    assert sync(record, dateless, 24 * 90).recorded is None
    assert sync(record, shop, 24 * 91).recorded is not None  # a date that agrees


def test_a_verdict_is_an_entry_of_the_chain_that_changes_nothing(record: Record, shop: Shop) -> None:
    sync(record, shop, 0)
    before = list(record.log.events())
    verdict = give_verdict(record, {"remove": "shop"}, now=START + HOUR)
    assert record.archive.sync(verdict).cause is Cause.VERDICT
    assert [entry.sync for entry in record.log.entries()][-1] == verdict
    assert list(record.log.events()) == before
    assert record.standings()[0].sync == 1
    assert rebuild_log(record, now=START).same
    assert verify(record, deep=True) == []


def test_only_what_was_doubted_can_be_accepted(record: Record, shop: Shop) -> None:
    fine = sync(record, shop, 0)
    with pytest.raises(NothingToAccept):
        accept(record, fine.sync, now=START)
    with pytest.raises(UnknownSync):
        accept(record, 99, now=START)


def test_a_verdict_is_later_than_what_it_lets_in_though_the_clock_is_behind(record: Record, shop: Shop) -> None:
    """So a rebuild lays both down in the same order, at the same times."""
    sync(record, shop, 0)
    shop.ahead, shop.things = timedelta(hours=5), 19  # this machine is five hours behind
    odd = sync(record, shop, 1)
    accept(record, odd.sync, now=START + 2 * HOUR, corrected=True)
    assert record.log.position().observed_at == START + 6 * HOUR + timedelta(milliseconds=1)
    before = [(entry.sync, entry.observed_at) for entry in record.log.entries() if entry.kind == "sync"]
    rebuild_log(record, now=START)
    assert [(entry.sync, entry.observed_at) for entry in record.log.entries() if entry.kind == "sync"] == before
