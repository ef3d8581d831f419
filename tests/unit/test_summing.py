"""Summaries: what numbers came to on each day, before what they come from is thinned."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector import FilesHistory, import_history, rebuild_log, resolve
from eventstore import BadPolicy, Cause, Record, parse_policy, to_ms, verify
from tests.laying import hour, lay_documents, new_record
from tests.retaining import Step, lay

POLICY = """
[category.model]
seal_after = "1h"
tiers = [{ for = "24h", keep = "all" }]
older = "daily"
summarise = { every = "1d", fields = ["/n", "/of/m", "/name"] }
"""
FIRST = datetime(2023, 11, 15, tzinfo=UTC)  # the first whole day of what is laid down here


@pytest.fixture
def record() -> Iterator[Record]:
    """Six days, every six hours, from 22:13 of the day before."""
    with new_record() as record:
        for number in range(25):
            documents = {"a": {"n": number, "of": {"m": 1.5}, "name": "x"}, "b": {"name": "y"}}
            if number >= 9:
                del documents["a"]
            lay_documents(record, 6 * number, documents)
        yield record


def summaries(record: Record, key: str) -> list[object]:
    return [change.after and change.after.value for change in record.log.changes("model_daily", key)]


def test_numbers_are_summed_up_by_day(record: Record) -> None:
    record.compact(parse_policy(POLICY), lossy=True)
    first, second, third, _, gone = summaries(record, "a")
    assert first == {
        "day": "2023-11-14",
        "/n": {"last": 0, "max": 0, "mean": 0.0, "min": 0, "values": 1},
        "/of/m": {"last": 1.5, "max": 1.5, "mean": 1.5, "min": 1.5, "values": 1},
    }
    assert isinstance(second, dict)
    (begun,) = [event.observed_at for event in record.log.events("model", "a") if event.kind.value == "appeared"]
    times = [FIRST, *(begun + n * timedelta(hours=6) for n in range(1, 5)), FIRST + timedelta(days=1)]
    hours = [(later - earlier) / timedelta(hours=1) for earlier, later in itertools.pairwise(times)]
    mean = sum(number * lasted for number, lasted in enumerate(hours)) / 24
    assert second["/n"] == {"last": 4, "max": 4, "mean": pytest.approx(mean), "min": 0, "values": 5}
    assert isinstance(third, dict)
    assert third["day"] == "2023-11-16"
    assert gone is None
    assert record.log.catalogue("model_daily") == {}
    assert [category.ever for category in record.log.categories()] == [2, 1]
    assert verify(record, deep=True) == []


def test_each_day_is_summed_up_once(record: Record) -> None:
    record.compact(parse_policy(POLICY), lossy=True)
    before = list(record.log.events())
    assert record.compact(parse_policy(POLICY), lossy=True).reports == ()
    assert list(record.log.events()) == before
    for number in range(25, 33):
        lay_documents(record, 6 * number, {"a": {"n": number}})
    record.compact(parse_policy(POLICY), lossy=True)
    days = [sync.plan["day"] for sync in record.archive.syncs(cause=Cause.SUMMARY)]
    assert days == sorted(set(days))


def test_nothing_is_summed_up_before_anything_may_be_thinned(record: Record) -> None:
    record.compact(parse_policy(POLICY))
    assert list(record.archive.syncs(cause=Cause.SUMMARY)) == []


def test_a_rebuilt_log_has_the_summaries_too(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('[[resource]]\nname = "r"\ncategory = "model"\nitems = ""\nkey = "{id}"\n')
    (tmp_path / "saved").mkdir()
    for number in range(17):
        at = hour(6 * number)
        (tmp_path / "saved" / f"{at:%Y-%m-%dT%H}.json").write_text(f'[{{"id": "a", "n": {number}}}]')
    with Record.open(tmp_path / "data", write=True) as record:
        history = FilesHistory(tmp_path / "saved", pattern="{time:%Y-%m-%dT%H}.json")
        import_history(record, resolve(str(tmp_path / "shop.toml")), history)
        record.compact(parse_policy(POLICY), lossy=True)
        before = summaries(record, "a")
        rebuild_log(record, now=hour(200))
        assert summaries(record, "a") == before
        assert len(before) == 3
        assert verify(record, deep=True) == []


def test_what_ended_as_the_day_began_is_none_of_its_numbers() -> None:
    midnight = FIRST + timedelta(days=1)
    steps = [(midnight - timedelta(hours=1), {"a": 2}), (midnight, {}), (midnight + timedelta(days=3), {"b": 0})]
    with new_record() as record:
        for at, shown in steps:
            lay(record, Step(to_ms(at), shown))
        record.compact(
            parse_policy(POLICY.replace("category.model", "category.thing").replace("/of/m", "/half")), lossy=True
        )
        found = [change.after and change.after.value for change in record.log.changes("thing_daily", "a")]
        assert [each and each["day"] for each in found] == [str(FIRST.date()), None]


def test_a_field_is_a_pointer() -> None:
    with pytest.raises(BadPolicy, match=r"category\.a\.summarise\.fields\[0\]: write a JSON Pointer"):
        parse_policy('[category.a]\nsummarise = { every = "1d", fields = ["n"] }\n')
