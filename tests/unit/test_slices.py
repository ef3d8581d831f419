"""Slices: which windows there are, which have closed, and what is odd about the rows of one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from collector import BadRules, Body, Extracted, Extraction, Extractor, Resource
from collector.sources.slices import SETTLING, Slices, Steps
from eventstore import Issue, Scope, from_ms, to_ms
from tests.timing import quickest

JSON: TypeAlias = Any

HOUR = 3_600_000
SINCE = to_ms(datetime(2025, 1, 1, tzinfo=UTC))
HOURLY = Slices("1h", 5, "/0", SINCE)
BY_PARAMETER = Slices("{interval}", 500, "/0", SINCE)
RULES = Extraction("klines", "{symbol}:{interval}:{start}", slices=Steps("{interval}", 5, "/0"))
KEY = f"A:1h:{SINCE}"


def klines(**fields: Any) -> Resource:
    path = "/k?s={symbol}&i={interval}&from={start}&to={end}"
    params = {"symbol": ("B", "A"), "interval": ("1h",)}
    return Resource("x", "klines", RULES, **{"path": path, "params": params, "since": SINCE, **fields})


def extract(rows: JSON, *, asked_at: datetime | None = None, rules: Extraction = RULES, **params: str) -> Extracted:
    given = {"symbol": "A", "interval": "1h", "start": str(SINCE), **params}
    body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    return Extractor(rules).extract(Scope.of("x", "klines", given), [Body(1, 200, body, asked_at=asked_at)])


def rows(*hours: float) -> list[JSON]:
    return [[int(SINCE + hour * HOUR), "1.0"] for hour in hours]


def said(extracted: Extracted) -> list[tuple[str, str]]:
    """Issues of a slice that is listed all the same, whole and complete."""
    assert extracted.listing is not None
    assert extracted.listing.complete
    assert [item.key for item in extracted.listing.items] == [KEY]
    assert {issue.key for issue in extracted.issues} <= {KEY}
    return [(issue.code, issue.message) for issue in extracted.issues]


# windows


@pytest.mark.parametrize(
    "interval, seconds",
    [("1s", 1), ("1m", 60), ("3m", 180), ("15m", 900), ("1h", 3600), ("4h", 14400), ("1d", 86400), ("1w", 604800)],
)
def test_a_slice_is_as_long_as_its_rows(interval: str, seconds: int) -> None:
    assert BY_PARAMETER.length({"interval": interval}) == 500 * seconds * 1000
    assert BY_PARAMETER.end({"interval": interval}, 7) == 7 + 500 * seconds * 1000 - 1


@pytest.mark.parametrize("interval", ["1M", "1y", "0m", "h", "", "1.5h", "1 h", "\N{FULLWIDTH DIGIT ONE}h"])
def test_a_step_without_a_fixed_length_is_refused(interval: str) -> None:
    with pytest.raises(BadRules, match=r"params\.interval: .*a step has a fixed length"):
        BY_PARAMETER.length({"interval": interval})
    with pytest.raises(BadRules, match=r"slices\.step: "):
        Steps(interval, 5, "/0")


def test_a_step_that_nobody_gave_is_named() -> None:
    with pytest.raises(BadRules, match=r"slices\.step: there is no parameter interval"):
        BY_PARAMETER.length({"symbol": "A"})


@pytest.mark.parametrize("steps", [{"rows": 0}, {"rows": -1}, {"time": "0"}])
def test_steps_without_rows_or_a_pointer_are_refused(steps: dict[str, Any]) -> None:
    with pytest.raises(BadRules, match=r"slices\.(rows|time): "):
        Steps(**{"step": "1h", "rows": 5, "time": "/0", **steps})


def test_the_windows_are_those_that_have_begun() -> None:
    def windows(hours: float) -> list[int]:
        return [(start - SINCE) // HOUR for start in HOURLY.windows({}, from_ms(SINCE) + timedelta(hours=hours))]

    assert windows(-0.001) == []
    assert windows(0) == windows(4.999) == [0]
    assert windows(5) == [0, 5]
    assert windows(51) == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50]


def test_a_slice_is_closed_when_it_was_asked_for_after_its_end_and_some_time_to_settle() -> None:
    end = from_ms(SINCE + 5 * HOUR)
    assert not HOURLY.closed({}, SINCE, end)
    assert not HOURLY.closed({}, SINCE, end + SETTLING - timedelta(milliseconds=1))
    assert HOURLY.closed({}, SINCE, end + SETTLING)
    assert HOURLY.closed({}, SINCE, end + timedelta(days=1000))


# what is asked for


def test_every_combination_has_a_scope_for_each_slice_that_has_begun() -> None:
    found = klines().scopes(now=from_ms(SINCE) + timedelta(hours=6))
    assert [dict(scope.params) for scope in found] == [
        {"symbol": symbol, "interval": "1h", "start": str(start)}
        for symbol in ("B", "A")
        for start in (SINCE, SINCE + 5 * HOUR)
    ]
    assert all(scope == klines().scope(dict(scope.params)) for scope in found)


def test_offline_there_are_no_slices_to_ask_for() -> None:
    assert klines().scopes() == ()
    assert klines(since=None).scopes(now=from_ms(SINCE)) == ()


def test_each_parent_has_slices_of_its_own() -> None:
    rules = Extraction("klines", "{symbol}:{start}", for_each="symbol", slices=Steps("1h", 5, "/0"))
    resource = Resource("x", "klines", rules, path="/k?s={symbol}&from={start}&n={/n}", since=SINCE)
    scopes = resource.scopes([r"a\#", "b"], from_ms(SINCE))
    assert [scope.params for scope in scopes] == [(("start", str(SINCE)), ("symbol", key)) for key in (r"a\#", "b")]
    assert resource.request(dict(scopes[0].params), {"n": 3}) == f"/k?s=a%23&from={SINCE}&n=3"


def test_a_path_asks_for_the_first_and_the_last_millisecond_of_its_slice() -> None:
    params = {"symbol": "A", "interval": "1h", "start": str(SINCE)}
    assert klines().request(params) == f"/k?s=A&i=1h&from={SINCE}&to={SINCE + 5 * HOUR - 1}"


@pytest.mark.parametrize("start", ["soon", "", "1.5", "9" * 17, "\N{FULLWIDTH DIGIT ONE}"])
def test_a_start_that_is_no_number_of_milliseconds_is_refused(start: str) -> None:
    with pytest.raises(BadRules, match=r"params\.start: .* is no number of milliseconds"):
        klines().request({"symbol": "A", "interval": "1h", "start": start})


def test_200_000_slices_are_listed_in_well_under_a_second() -> None:
    resource = klines(params={"symbol": ("A",), "interval": ("1m",)})
    now = from_ms(SINCE) + timedelta(minutes=5 * 200_000)
    took, found = quickest(lambda: resource.scopes(now=now))
    # 0.25 s where this was measured; the limit leaves room for a machine that is slow
    assert (len(found), took < 1.0) == (200_001, True)


# rows


def test_a_slice_is_one_document_whose_key_names_it() -> None:
    extracted = extract(rows(0, 1, 2, 3, 4))
    assert said(extracted) == []
    assert extracted.listing is not None
    assert extracted.listing.items[0].parts[0][1].value == rows(0, 1, 2, 3, 4)


def test_a_slice_that_ends_early_is_open_as_far_as_anybody_knows() -> None:
    assert said(extract(rows(0, 1))) == []
    assert said(extract(rows(0, 1), asked_at=from_ms(SINCE + 2 * HOUR))) == []


def test_an_empty_slice_is_a_document_too_closed_or_not() -> None:
    assert said(extract([])) == []
    assert said(extract([], asked_at=from_ms(SINCE + 500 * HOUR))) == []


def test_a_slice_that_begins_late_lacks_nothing() -> None:
    assert said(extract(rows(3, 4), asked_at=from_ms(SINCE + 500 * HOUR))) == []


def test_a_closed_slice_that_ends_early_lacks_rows() -> None:
    closed = from_ms(SINCE + 5 * HOUR) + SETTLING
    assert said(extract(rows(0, 1), asked_at=closed)) == [
        ("gap", "3 rows are missing at the end of the slice, which is closed")
    ]
    assert said(extract(rows(0, 1), asked_at=closed - timedelta(milliseconds=1))) == []


def test_the_same_answer_is_judged_by_when_it_was_asked_for() -> None:
    extractor = Extractor(RULES)
    scope = Scope.of("x", "klines", {"symbol": "A", "interval": "1h", "start": str(SINCE)})
    answer = json.dumps(rows(0, 1, 2, 3)).encode()
    found = [
        extractor.extract(scope, [Body(n, 200, answer, asked_at=from_ms(SINCE + hours * HOUR))]).issues
        for n, hours in ((1, 4), (2, 9))
    ]
    assert found == [(), (Issue("gap", "1 row is missing at the end of the slice, which is closed", 2, KEY),)]


def test_rows_that_are_missing_between_others_are_one_issue_for_each_run() -> None:
    rules = Extraction("klines", RULES.key, slices=Steps("{interval}", 9, "/0"))
    extracted = extract(rows(0, 2, 3, 7, 8), rules=rules)
    assert extracted.issues == (
        Issue("gap", "1 row is missing between 2025-01-01T00:00:00Z and 2025-01-01T02:00:00Z", 1, KEY, "/1"),
        Issue("gap", "3 rows are missing between 2025-01-01T03:00:00Z and 2025-01-01T07:00:00Z", 1, KEY, "/3"),
    )
    said(extracted)


@pytest.mark.parametrize(
    "hours, what",
    [
        ((0, 1, 1, 2), ["the row of 2025-01-01T01:00:00Z stands there again"]),
        ((0, 2, 1, 3), ["the row of 2025-01-01T01:00:00Z is out of order"]),
        (
            (0, 1, 5),
            ["the row of 2025-01-01T05:00:00Z is outside of the slice, 2025-01-01T00:00:00Z to 2025-01-01T04:"],
        ),
        ((-1, 0, 1), ["the row of 2024-12-31T23:00:00Z is outside of the slice"]),
        ((1e12, 0), ['the row of "3600001735689600000" ms is outside of the slice']),
        ((0, 0.5, 1.5), ["the row of 2025-01-01T00:30:00Z does not keep the step of 1:00:00"]),
        ((0, 1.5), ["the row of 2025-01-01T01:30:00Z does not keep the step of 1:00:00"]),
    ],
)
def test_a_row_that_is_not_in_its_place_is_an_issue(hours: tuple[float, ...], what: list[str]) -> None:
    found = [message for code, message in said(extract(rows(*hours))) if code == "misplaced-row"]
    assert [message[: len(start)] for message, start in zip(found, what, strict=True)] == what


def test_rows_that_jump_past_a_step_and_off_it_are_both_missing_and_misplaced() -> None:
    assert [code for code, _ in said(extract(rows(0, 2.5)))] == ["gap", "misplaced-row"]


@pytest.mark.parametrize("row", [[], {}, None, ["soon"], [True], [1.5], [None], ["1" * 30]])
def test_a_row_without_a_time_is_an_issue_that_names_its_place(row: JSON) -> None:
    (issue,) = extract([*rows(0), row, *rows(1)]).issues
    assert issue == Issue("misplaced-row", "/1/0 is no time in milliseconds", 1, KEY, "/1/0")


def test_times_may_be_strings_of_digits_and_stand_anywhere_in_a_row() -> None:
    rules = Extraction("klines", RULES.key, slices=Steps("1h", 5, "/t/open"))
    at = [{"t": {"open": str(SINCE + hour * HOUR)}} for hour in (0, 2)]
    assert [code for code, _ in said(extract(at, rules=rules))] == ["gap"]


def test_many_odd_rows_are_counted_and_not_listed() -> None:
    issues = extract([[0]] * 100).issues
    assert len(issues) == 21
    assert issues[-1].message == "and 80 more like these"


@pytest.mark.parametrize("name, value", [("start", "soon"), ("interval", "1M"), ("interval", "hourly")])
def test_where_the_window_cannot_be_told_gaps_cannot_either_and_the_slice_is_listed(name: str, value: str) -> None:
    given = {"symbol": "A", "interval": "1h", "start": str(SINCE), name: value}
    answer = json.dumps(rows(0, 2)).encode()
    extracted = Extractor(RULES).extract(Scope.of("x", "klines", given), [Body(1, 200, answer)])
    assert extracted.listing is not None
    assert [item.key for item in extracted.listing.items] == ["{symbol}:{interval}:{start}".format(**given)]
    (issue,) = extracted.issues
    assert (issue.code, issue.message.partition(": ")[0]) == ("gap", "whether rows are missing cannot be told")


def test_an_answer_that_says_of_no_slice_that_it_speaks_has_no_key() -> None:
    extracted = Extractor(RULES).extract(Scope.of("x", "klines", {"symbol": "A"}), [Body(1, 200, b"[]")])
    assert [issue.code for issue in extracted.issues] == ["no-key"]


@pytest.mark.parametrize(
    "answer, code, message",
    [
        (b'{"code": -1121, "msg": "Invalid symbol."}', "no-items", 'the answer is an object with the members "code"'),
        (b"{}", "no-items", "the answer is an object, not the list of a slice's rows"),
        (b'"soon"', "no-items", "the answer is a string, not the list of a slice's rows"),
        (b"[[1, 2", "unreadable-answer", "cut off after 6 bytes"),
        (b"<html>", "unreadable-answer", "HTML"),
    ],
)
def test_what_is_no_list_of_rows_is_no_slice(answer: bytes, code: str, message: str) -> None:
    extracted = extract(answer)
    assert extracted.listing is None
    (issue,) = extracted.issues
    assert (issue.code, issue.message[: len(message)]) == (code, message)


def test_a_slice_that_no_document_can_hold_is_there_all_the_same() -> None:
    extracted = extract(b"[[1, NaN]]")
    assert extracted.listing is not None
    assert (extracted.listing.items, extracted.listing.present) == ((), frozenset([KEY]))
