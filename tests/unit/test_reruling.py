"""A change of rules where something else is in the way: doubts, kills, failures, an earlier change that waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest

from collector import Answer, Clock, Source, Synced, accept, rebuild_log, sync_source
from collector.errors import NothingToAccept
from collector.sources.sourcefile import read
from eventstore import JSON, Record, standing_alerts, verify
from tests.laying import new_record

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rules(key: str = "{id}", more: str = "") -> Source:
    text = (
        '[source]\nname = "shop"\nbase_url = "http://shop.example"\n[[resource]]\nname = "things"\n'
        'category = "thing"\npath = "/things"\nitems = "/items"\nnext = "/next"\nevery = "1h"\n'
    )
    return read(f'{text}key = "{key}"\n{more}', file="shop.toml", name="shop")


OLD, OTHER = rules(), rules(more='drop = ["/x"]')
OTHER_KEYS, OTHER_KEYS_TOO = rules("{name}"), rules("{name}", 'drop = ["/x"]')


class Shop:
    """Answers with pages of things, by a clock of its own; `dies` at a page before it answers."""

    def __init__(self) -> None:
        self.clock = Clock(START)
        self.pages: Sequence[Sequence[str]] = ()
        self.works = True
        self.dies: int | None = None
        self.ahead = timedelta()

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        assert not validators  # what has pages is never asked for conditionally
        number = int(path.partition("?page=")[2] or 0)
        if number == self.dies:
            raise Killed
        headers = {"Date": format_datetime(self.clock.now + self.ahead, usegmt=True)}
        if not self.works:
            return Answer(params, 404, b"-", headers=headers)
        things: JSON = [{"id": each, "name": f"name of {each}"} for each in self.pages[number]]
        following = f"/things?page={number + 1}" if number + 1 < len(self.pages) else None
        return Answer(params, 200, msgspec.json.encode({"items": things, "next": following}), headers=headers)

    async def aclose(self) -> None:
        """Nothing to let go of."""


class Killed(BaseException):
    """What ends a process in the middle of a sync."""


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


@pytest.fixture
def shop() -> Shop:
    return Shop()


def sync(record: Record, shop: Shop, hours: int, source: Source) -> Synced:
    shop.clock.now = START + hours * HOUR
    synced = sync_source(record, source, now=shop.clock, transport=shop)
    assert synced is not None
    return synced


def live(record: Record) -> list[str]:
    return list(record.log.catalogue("thing"))


def many(count: int) -> list[str]:
    return [f"{number:02}" for number in range(count)]


def alerts(record: Record) -> list[tuple[str, str]]:
    return [alert.identity for alert in standing_alerts(record.standings(), clock=record.clock_doubts())]


def test_what_was_not_believed_is_not_believed_under_other_rules_either(record: Record, shop: Shop) -> None:
    """L7: the answer of an implausible listing says nothing, however often it is read."""
    shop.pages = [many(20)]
    sync(record, shop, 0, OLD)
    shop.pages = [many(3)]
    sync(record, shop, 1, OLD)
    shop.works = False
    sync(record, shop, 2, OTHER)
    assert (len(live(record)), alerts(record)) == (20, [("implausible", "shop.things")])
    shop.works = True
    again = sync(record, shop, 3, OTHER)
    assert again.recorded is not None
    assert (again.recorded.disappeared, live(record), alerts(record)) == (17, many(3), [])
    assert verify(record, deep=True) == []


def test_other_rules_read_again_what_is_recorded_and_not_what_waits_for_a_verdict(record: Record, shop: Shop) -> None:
    shop.pages = [["a", "b"]]
    sync(record, shop, 0, OLD)
    shop.pages, shop.ahead = [["a", "b", "c"]], timedelta(days=-3)
    assert sync(record, shop, 1, OLD).recorded is None
    shop.works = False
    sync(record, shop, 2, OTHER)
    assert live(record) == ["a", "b"]


def test_other_rules_read_again_the_last_answers_of_all_pages_together(record: Record, shop: Shop) -> None:
    shop.pages = [["a"], ["b"]]
    sync(record, shop, 0, OLD)
    shop.pages = [["a"], ["b", "c"]]
    sync(record, shop, 1, OLD)
    shop.works = False
    sync(record, shop, 2, OLD)
    sync(record, shop, 3, OTHER)
    assert live(record) == ["a", "b", "c"]


def test_rules_change_freely_while_nothing_is_recorded(record: Record, shop: Shop) -> None:
    shop.pages, shop.ahead = [["a"]], timedelta(days=3)
    assert sync(record, shop, 0, OLD).recorded is None
    shop.ahead = timedelta()
    assert sync(record, shop, 1, OTHER_KEYS).recorded is not None
    assert live(record) == ["name of a"]


def test_after_rules_that_wait_for_a_rebuild_others_wait_too(record: Record, shop: Shop) -> None:
    shop.pages = [["a", "b"]]
    sync(record, shop, 0, OLD)
    for hours, source in ((1, OTHER_KEYS), (2, OTHER_KEYS_TOO)):
        assert sync(record, shop, hours, source).recorded is None
        assert live(record) == ["a", "b"]
    rebuild_log(record, now=START)
    assert live(record) == ["name of a", "name of b"]
    assert sync(record, shop, 3, OTHER_KEYS_TOO).recorded is not None


def test_a_sync_that_was_killed_while_its_rules_wait_is_not_recorded(record: Record, shop: Shop) -> None:
    shop.pages = [["a"], ["b"]]
    sync(record, shop, 0, OLD)
    sync(record, shop, 1, OTHER_KEYS)
    shop.dies = 1
    with pytest.raises(Killed):
        sync(record, shop, 2, OTHER_KEYS)
    shop.dies = None
    sync(record, shop, 3, OTHER_KEYS)
    assert (record.archive.unfinished(), live(record)) == ([], ["a", "b"])


def test_a_sync_that_was_killed_is_not_recorded_while_its_clock_is_in_doubt(record: Record, shop: Shop) -> None:
    shop.pages = [["a"], ["b"]]
    sync(record, shop, 0, OLD)
    shop.dies, shop.ahead = 1, timedelta(days=-365)
    with pytest.raises(Killed):
        sync(record, shop, 365 * 24, OLD)
    shop.dies, shop.ahead = None, timedelta()
    done = sync(record, shop, 1, OLD)
    assert done.recorded is not None
    assert done.recorded.observed_at == START + HOUR
    assert [(each.sync, each.skew) for each in record.clock_doubts()] == [(2, timedelta(days=365))]
    assert verify(record, deep=True) == []


def test_what_rules_that_wait_would_read_cannot_be_accepted(record: Record, shop: Shop) -> None:
    shop.pages = [many(20)]
    sync(record, shop, 0, OLD)
    shop.pages = [many(3)]
    cut = sync(record, shop, 1, OLD)
    shop.works = False
    sync(record, shop, 2, OTHER_KEYS)
    with pytest.raises(NothingToAccept) as refused:
        accept(record, cut.sync, now=START + 3 * HOUR)
    assert "orlog rebuild log" in refused.value.hint
    rebuild_log(record, now=START)
    accepted = accept(record, cut.sync, now=START + 3 * HOUR)
    assert accepted.recorded is not None
    assert (accepted.recorded.disappeared, live(record)) == (17, [f"name of {each}" for each in many(3)])
    assert rebuild_log(record, now=START).same


def test_a_clock_that_is_believed_after_its_rules_changed_waits_for_a_rebuild(record: Record, shop: Shop) -> None:
    shop.pages = [["a"]]
    sync(record, shop, 0, OLD)
    shop.pages, shop.ahead = [["a", "b"]], timedelta(days=3)
    doubted = sync(record, shop, 1, OLD)
    shop.works, shop.ahead = False, timedelta()
    sync(record, shop, 2, OTHER_KEYS)
    assert accept(record, doubted.sync, now=START + 3 * HOUR).recorded is None
    assert live(record) == ["a"]
    rebuild_log(record, now=START)
    assert live(record) == ["name of a", "name of b"]


def test_what_other_rules_split_off_no_more_disappears(record: Record, shop: Shop) -> None:
    shop.pages = [["a", "b"]]
    sync(record, shop, 0, rules(more='split = { title = ["/name"] }'))
    assert list(record.log.catalogue("title")) == ["a", "b"]
    shop.works = False
    sync(record, shop, 1, OLD)
    assert (list(record.log.catalogue("title")), live(record)) == ([], ["a", "b"])
    assert verify(record, deep=True) == []


def test_a_doubt_stands_until_something_complete_is_heard(record: Record, shop: Shop) -> None:
    shop.pages = [many(20)]
    sync(record, shop, 0, OLD)
    shop.pages = [many(3)]
    cut = sync(record, shop, 1, OLD)
    shop.pages = [["00", "01"], ["02"]]
    shop.dies = 1
    with pytest.raises(Killed):
        sync(record, shop, 2, OLD)
    with pytest.raises(NothingToAccept):  # what was listed since, though not completely, is the last word
        accept(record, cut.sync, now=START + 3 * HOUR)
    (standing,) = record.standings()
    assert (standing.doubted, standing.doubted_sync, alerts(record)) == (17, None, [("implausible", "shop.things")])
    shop.dies, shop.pages = None, [many(20)]
    sync(record, shop, 4, OLD)
    assert (len(live(record)), alerts(record)) == (20, [])
