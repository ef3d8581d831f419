"""Patterns of file names: scopes and times from names, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import BadPattern
from collector.transport.pattern import Named, Pattern

NOON = datetime(2024, 3, 1, 12, 30, 15, tzinfo=UTC)


def params(pattern: str, name: str) -> dict[str, str] | None:
    named = Pattern(pattern).match(name)
    return None if named is None else dict(named.params)


def time(pattern: str, name: str) -> datetime | None:
    named = Pattern(pattern, timed=True).match(name)
    return None if named is None else named.at


@pytest.mark.parametrize(
    "pattern, name, expected",
    [
        ("data.json", "data.json", {}),
        ("data/{model}.json", "data/gpt-4.json", {"model": "gpt-4"}),
        ("{author}/{slug}.json", "openai/gpt-4.1.json", {"author": "openai", "slug": "gpt-4.1"}),
        ("{symbol}_{interval}.json", "BTC_USDT_1h.json", {"symbol": "BTC", "interval": "USDT_1h"}),
        ("{year}/{year}.json", "2024/2024.json", {"year": "2024"}),
        ("{{{x}}}.json", "{1}.json", {"x": "1"}),
        ("données/{ville}.json", "données/Besançon.json", {"ville": "Besançon"}),
        (".cache/{x}.json", ".cache/1.json", {"x": "1"}),
        ("a+b/{x}.json", "a+b/\n.json", {"x": "\n"}),
    ],
)
def test_a_field_is_what_its_part_of_the_name_says(pattern: str, name: str, expected: dict[str, str]) -> None:
    assert params(pattern, name) == expected


@pytest.mark.parametrize(
    "pattern, name",
    [
        ("data.json", "data_json"),
        ("data/{model}.json", "data/openai/gpt.json"),
        ("data/{model}.json", "data/.json"),
        ("data/of-{model}.json", "data/of-.json"),
        ("data/{model}.json", "old/data/x.json"),
        ("data/{model}.json", "data/x.json.bak"),
        ("data/{model}.json", "data/.x.json"),
        ("{dir}/x.json", ".git/x.json"),
        ("{year}/{year}.json", "2024/2025.json"),
    ],
)
def test_a_name_of_another_form_does_not_match(pattern: str, name: str) -> None:
    assert params(pattern, name) is None


def test_a_pattern_without_fields_is_a_plain_name() -> None:
    assert Pattern("a/{{b}}.json").plain == "a/{b}.json"
    assert Pattern("a/{b}.json").plain is None


def test_a_glob_for_git_spells_out_what_is_special_to_it() -> None:
    assert Pattern(r"a[1]/*?\{x}-{y}.json").glob == r"a\[1]/\*\?\\*-*.json"


@pytest.mark.parametrize(
    "pattern, name, expected",
    [
        ("{time}.json", "2024-03-01T12:30:15Z.json", NOON),
        ("{time}.json", "20240301T123015Z.json", NOON),
        ("{time}.json", "2024-03-01 123015.json", NOON),
        ("{time}.json", "2024-03-01_12:30:15.json", NOON),
        ("{time}.json", "2024-03-01T14:30:15+02:00.json", NOON),
        ("{time}.json", "20240301T093015-0300.json", NOON),
        ("{time}.json", "2024-03-01T12:30:15.250Z.json", NOON.replace(microsecond=250_000)),
        ("{time}.json", "2024-03-01T12:30.json", NOON.replace(second=0)),
        ("{time}.json", "2024-03-01T12.json", NOON.replace(minute=0, second=0)),
        ("{time}.json", "20240301.json", NOON.replace(hour=0, minute=0, second=0)),
        ("{time:%Y-%m-%dT%H%M%SZ}.json", "2024-03-01T123015Z.json", NOON),
        ("{time:%d-%b-%Y %I.%M.%S %p}.json", "01-Mar-2024 12.30.15 PM.json", NOON),
        ("{time:%Y/%j/%H%M%S}.json", "2024/061/123015.json", NOON),
        ("{time:%Y%m%d%H%M%S%z}.json", "20240301143015+0200.json", NOON),
        ("{time:%y%m%d}.json", "240301.json", NOON.replace(hour=0, minute=0, second=0)),
        ("{time:%Y%%%m}.json", "2024%03.json", NOON.replace(day=1, hour=0, minute=0, second=0)),
        ("{epoch}.json", "1709296215.json", NOON),
        ("{epoch_ms}.json", "1709296215007.json", NOON.replace(microsecond=7000)),
    ],
)
def test_a_time_in_a_name_is_read_as_utc_unless_it_names_a_zone(pattern: str, name: str, expected: datetime) -> None:
    assert time(pattern, name) == expected


@pytest.mark.parametrize(
    "pattern, name",
    [
        ("{time}.json", "yesterday.json"),
        ("{time}.json", "2024-02-30.json"),
        ("{time}.json", "0001-01-01T00:00+23:00.json"),
        ("{time}.json", "2024-13-01T00:00:00Z.json"),
        ("{time:%Y-%m-%d}.json", "2024-02-30.json"),
        ("{time:%Y%m%d}.json", "٢٠٢٤٠٣٠١.json"),
        ("{epoch}.json", "123456789012.json"),
    ],
)
def test_a_name_whose_time_never_was_does_not_match(pattern: str, name: str) -> None:
    assert Pattern(pattern, timed=True).match(name) is None


def test_scope_and_time_stand_side_by_side() -> None:
    pattern = Pattern("{model}-{time:%Y%m%d}.json", timed=True)
    assert pattern.match("gpt-4-20240301.json") == Named({"model": "gpt-4"}, datetime(2024, 3, 1, tzinfo=UTC))
    assert pattern.fields == ("model",)


@pytest.mark.parametrize(
    "pattern, reason",
    [
        ("data/{model.json", "without its other half"),
        ("data/model}.json", "without its other half"),
        ("{}.json", "is no field"),
        ("{a b}.json", "is no field"),
        ("{_at}.json", "is no field"),
        ("{model:%Y}.json", "is no field"),
        ("{a}{b}.json", "nothing stands between"),
        ("{time}/{time}.json", "names the time twice"),
        ("{time}/{epoch}.json", "names the time twice"),
        ("{time:%H%M}.json", "has no year"),
        ("{time:%Y-%Q}.json", "%Q cannot be read"),
        ("{time:%Y%}.json", "% cannot be read"),
        ("{epoch:%Y}.json", "takes a format"),
    ],
)
def test_a_pattern_that_cannot_be_meant_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(BadPattern, match=reason) as refused:
        Pattern(pattern, timed=True)
    assert refused.value.hint


def test_a_time_is_refused_where_it_has_no_place() -> None:
    with pytest.raises(BadPattern, match="has no place here"):
        Pattern("{time:%Y}.json")


values = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: not text.startswith(".")
)
literals = st.text(st.characters(exclude_categories=["Cs"]))


@given(literals, values, literals)
def test_whatever_stands_around_a_field_is_taken_literally(before: str, value: str, after: str) -> None:
    escaped = [text.replace("{", "{{").replace("}", "}}") for text in (before, after)]
    named = Pattern(f"{escaped[0]}{{x}}{escaped[1]}").match(f"{before}{value}{after}")
    assert named == Named({"x": value}, None)
