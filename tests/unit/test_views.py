"""The views that come with orlog, on small documents written for them."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventstore import to_ms
from projector import BadProjection, Noise, Settings
from projector.columns import time_text
from projector.inferred import MOST
from tests.laying import hour
from tests.projecting import Said, Views, new_views

MODEL, ENDPOINT, PROVIDER = "openrouter.model", "openrouter.endpoint", "openrouter.provider"
TELEMETRY, KLINES = "openrouter.endpoint_telemetry", "binance.klines"


@pytest.fixture
def views() -> Iterator[Views]:
    with new_views() as views:
        yield views


def at(number: int) -> str:
    """The text of so many hours after the start."""
    return time_text(hour(number))


# -- prices


def priced(views: Views, *pricings: Any, **more: Any) -> list[tuple[Any, ...]]:
    """Prices of a model that says these in turn: kind, from how many tokens, price, per million, varies."""
    for number, pricing in enumerate(pricings):
        views.lay(number, Said(MODEL, {"a/m": {"pricing": pricing, **more}}))
    views.run()
    return views.select("SELECT kind, from_tokens, price, per_million, varies FROM prices ORDER BY seq, 1, 2")


@pytest.mark.parametrize(
    "said, price, per_million",
    [
        ("0.00000015", "0.00000015", 0.15),
        ("0.0000015000", "0.0000015", 1.5),
        ("1.5e-7", "0.00000015", 0.15),
        ("2E2", "200", 200e6),
        ("0", "0", 0.0),
        ("0.000", "0", 0.0),
        ("10", "10", 10e6),
        (0.000002, "0.000002", 2.0),
        (1e-07, "0.0000001", 0.1),
        (3, "3", 3e6),
        ("0.000000123456789012345678901234567890", "0.00000012345678901234567890123456789", 0.12345678901234568),
    ],
)
def test_a_price_has_exactly_the_digits_that_were_said(views: Views, said: Any, price: str, per_million: float) -> None:
    found = priced(views, {"prompt": said})
    assert found == [("prompt", 0, price, per_million, 0)]
    assert views.issues() == []


def test_a_price_that_varies_is_none(views: Views) -> None:
    assert priced(views, {"prompt": "-1", "completion": "-1.0", "image": -1}) == [
        ("completion", 0, None, None, 1),
        ("image", 0, None, None, 1),
        ("prompt", 0, None, None, 1),
    ]


def test_tiers_say_from_how_large_a_prompt_on_a_price_holds(views: Views) -> None:
    tiers = [
        {"type": "prompt-threshold", "threshold": 65536, "prompt": "0.000005", "completion": "0.00001"},
        {"type": "prompt-threshold", "threshold": 131072, "prompt": "0.00002", "input_cache_read": None},
    ]
    assert priced(views, {"prompt": "0.000001"}, variable_pricings=tiers) == [
        ("completion", 65536, "0.00001", 10.0, 0),
        ("prompt", 0, "0.000001", 1.0, 0),
        ("prompt", 65536, "0.000005", 5.0, 0),
        ("prompt", 131072, "0.00002", 20.0, 0),
    ]
    assert views.issues() == []


def test_tiers_inside_pricing_are_tiers_too(views: Views) -> None:
    pricing = {
        "prompt": "0.000001",
        "completion": [{"min_context": 200000, "price": "0.000003"}, {"min_context": 400000, "value": "0.000006"}],
        "overrides": [{"min_prompt_tokens": 65536, "prompt": "0.000002", "web_search": "0.01"}],
    }
    assert priced(views, pricing) == [
        ("completion", 200000, "0.000003", 3.0, 0),
        ("completion", 400000, "0.000006", 6.0, 0),
        ("prompt", 0, "0.000001", 1.0, 0),
        ("prompt", 65536, "0.000002", 2.0, 0),
        ("web_search", 65536, "0.01", 10000.0, 0),
    ]
    assert views.issues() == []


def test_what_is_no_price_is_an_issue_and_the_others_stand(views: Views) -> None:
    """P22: with the path of each."""
    pricing = {
        "prompt": "0.000001",
        "completion": "free",
        "image": True,
        "request": {"usd": 1},
        "audio": "-0.5",
        "web_search": "1e99",
        "input_cache_read": "0x10",
        "internal_reasoning": None,
        "discount": 0.25,
        "old": [{"prompt": "1"}, 5, {"threshold": 10, "prompt": "x"}],
    }
    found = priced(views, pricing, variable_pricings=[{"threshold": True, "prompt": "1"}])
    assert found == [("prompt", 0, "0.000001", 1.0, 0)]
    assert {(issue.path, issue.message) for issue in views.issues("prices")} == {
        ("$.pricing.completion", "Expected a decimal number, got `free`"),
        ("$.pricing.image", "Expected a decimal number, got `bool`"),
        ("$.pricing.request", "Expected a decimal number, got `object`"),
        ("$.pricing.audio", "a price below zero that is not -1"),
        ("$.pricing.web_search", "Expected a decimal number, got `1e99`"),
        ("$.pricing.input_cache_read", "Expected a decimal number, got `0x10`"),
        ("$.pricing.old[0]", "a tier of prices without the size of a prompt that it begins at"),
        ("$.pricing.old[1]", "Expected `object`, got `int`"),
        ("$.pricing.old[2].prompt", "Expected a decimal number, got `x`"),
        ("$.variable_pricings[0]", "a tier of prices without the size of a prompt that it begins at"),
    }


def test_of_two_prices_of_one_kind_and_size_the_first_counts(views: Views) -> None:
    tiers = [{"threshold": 10, "prompt": "1"}, {"threshold": 10, "prompt": "2"}]
    assert priced(views, {}, variable_pricings=tiers) == [("prompt", 10, "1", 1e6, 0)]
    (issue,) = views.issues("prices")
    assert issue.message == "two rows with the same kind, from_tokens; the first counts"


def test_each_price_has_the_time_for_which_it_held(views: Views) -> None:
    pricings = [{"prompt": "1"}, {"prompt": "1", "image": "5"}, {"prompt": "2", "image": "5"}, {"prompt": "1.0"}]
    priced(views, *pricings)
    views.lay(4, Said(MODEL, {}))
    views.run()
    rows = views.select("SELECT kind, price, valid_from, not_before, valid_to FROM prices ORDER BY seq, kind")
    assert rows == [
        ("prompt", "1", at(0), None, at(2)),
        ("image", "5", at(1), at(0), at(3)),
        ("prompt", "2", at(2), at(1), at(3)),
        ("prompt", "1", at(3), at(2), at(4)),
    ]


def test_a_price_that_is_said_in_other_digits_is_the_same_price(views: Views) -> None:
    priced(views, {"prompt": "0.10"}, {"prompt": "0.1"}, {"prompt": 0.1}, {"prompt": "1e-1"})
    assert views.select("SELECT price, valid_from, valid_to FROM prices") == [("0.1", at(0), None)]


def test_prices_of_endpoints_name_model_and_provider(views: Views) -> None:
    said = {"pricing": {"prompt": "1"}, "provider_name": "P", "model_id": "a/m"}
    views.lay(
        0,
        Said(MODEL, {"a/m": {"pricing": {"prompt": "3"}}, "a/n": {}}),
        Said(ENDPOINT, {"a/n#x": said}, parent="a/n"),
    )
    views.lay(1, Said("else.endpoint", {"e": said, "f": {**said, "model_id": None}}))
    views.run()
    assert views.select("SELECT source, category, key, model, provider FROM prices ORDER BY key") == [
        ("openrouter", "model", "a/m", "a/m", None),
        ("openrouter", "endpoint", "a/n#x", "a/n", "P"),
        ("else", "endpoint", "e", "a/m", "P"),
        ("else", "endpoint", "f", "f", "P"),
    ]


# -- models, endpoints, providers


def one(views: Views, view: str) -> dict[str, Any]:
    """The one row of a view, without what is null."""
    (row,) = views.rows(view)
    return {name: value for name, value in row.items() if value is not None}


def test_a_model_is_a_row_with_what_the_api_says_of_it(views: Views) -> None:
    model = {
        "name": "A: M",
        "canonical_slug": "a/m-1",
        "created": 1_700_000_000,
        "context_length": 4096,
        "architecture": {
            "modality": "text->text",
            "tokenizer": "Other",
            "input_modalities": ["text", "image"],
            "output_modalities": ["text"],
        },
        "top_provider": {"max_completion_tokens": 512, "is_moderated": True},
        "supported_parameters": ["tools", "seed", "seed"],
        "hugging_face_id": "a/M",
        "pricing": {"prompt": "1"},
    }
    views.lay(0, Said(MODEL, {"a/m:free": model}))
    views.run()
    assert one(views, "models") == {
        "source": "openrouter",
        "key": "a/m:free",
        "name": "A: M",
        "author": "a",
        "variant": "free",
        "canonical_slug": "a/m-1",
        "created_at": "2023-11-14T22:13:20.000Z",
        "context_length": 4096,
        "max_completion_tokens": 512,
        "modality": "text->text",
        "input_modalities": '["image","text"]',
        "output_modalities": '["text"]',
        "tokenizer": "Other",
        "moderated": 1,
        "supported_parameters": '["seed","tools"]',
        "hugging_face_id": "a/M",
        "updated_at": at(0),
    }


def test_the_other_api_of_openrouter_says_the_same_in_other_words(views: Views) -> None:
    model = {"permaslug": "a/m-1", "author": "b", "hf_slug": "a/M", "input_modalities": ["text"]}
    views.lay(0, Said("openrouter-frontend.model", {"a/m": model}))
    views.run()
    row = one(views, "models")
    assert (row["canonical_slug"], row["author"], row["hugging_face_id"]) == ("a/m-1", "b", "a/M")
    assert row["input_modalities"] == '["text"]'


def test_a_list_that_is_only_shuffled_changes_no_row(views: Views) -> None:
    for number, parameters in enumerate([["a", "b"], ["b", "a"], ["b", "a", "a"]]):
        views.lay(number, Said(MODEL, {"m": {"supported_parameters": parameters}}))
    views.run()
    assert one(views, "models")["updated_at"] == at(0)
    assert len(views.rows("models_history")) == 1
    assert len(views.rows("model_history")) == 3


@pytest.mark.parametrize("created", [-1, 10**12, 10**30])
def test_a_time_that_is_none_is_an_issue(views: Views, created: int) -> None:
    views.lay(0, Said(MODEL, {"m": {"name": "M", "created": created}}))
    views.run()
    assert "created_at" not in one(views, "models")
    assert {(each.view, each.path) for each in views.issues()} == {
        ("models", "$.created"),
        ("models_history", "$.created"),
    }


def test_a_number_that_no_column_holds_is_an_issue_and_the_rest_goes_on(views: Views) -> None:
    """P22: of a model, and of telemetry; the views for any category hold it as text."""
    views.lay(
        0,
        Said(MODEL, {"m": {"context_length": 2**63}, "n": {"context_length": 2**63 - 1}}),
        Said(TELEMETRY, {"e": {"status": -(2**63) - 1}, "f": {"status": 0}}),
    )
    views.run()
    assert views.select("SELECT key, context_length FROM models") == [("n", 2**63 - 1)]
    assert views.select("SELECT key, status FROM endpoint_stats") == [("f", 0)]
    assert views.select("SELECT key, context_length FROM model ORDER BY key") == [("m", str(2**63)), ("n", 2**63 - 1)]
    (issue,) = views.issues("models")
    assert issue.message.startswith(
        "a row does not fit models: Expected an integer of 64 bits, got 9223372036854775808"
    )


def test_an_endpoint_is_a_row_with_its_model_and_its_provider(views: Views) -> None:
    endpoint = {
        "name": "P | a/m",
        "provider_name": "P",
        "tag": "p/fp8",
        "quantization": "fp8",
        "context_length": 4096,
        "max_completion_tokens": 100,
        "max_prompt_tokens": 200,
        "supported_parameters": ["b", "a"],
        "pricing": {"prompt": "1", "discount": 0.5},
        "model_id": "other",
    }
    views.lay(0, Said(MODEL, {"a/m": {}}), Said(ENDPOINT, {"a/m#p/fp8": endpoint}, parent="a/m"))
    views.run()
    assert one(views, "endpoints") == {
        "source": "openrouter",
        "key": "a/m#p/fp8",
        "model": "a/m",
        "name": "P | a/m",
        "provider": "P",
        "tag": "p/fp8",
        "quantization": "fp8",
        "context_length": 4096,
        "max_completion_tokens": 100,
        "max_prompt_tokens": 200,
        "supported_parameters": '["a","b"]',
        "discount": 0.5,
        "updated_at": at(0),
    }


def test_a_provider_is_a_row(views: Views) -> None:
    provider = {
        "name": "P",
        "slug": "p",
        "headquarters": "FR",
        "datacenters": ["FR", "DE"],
        "terms_of_service_url": "t",
    }
    views.lay(0, Said(PROVIDER, {"p": provider}))
    views.lay(1, Said("openrouter-frontend.provider", {"q": {"displayName": "Q"}}))
    views.run()
    rows = views.select("SELECT source, key, name, headquarters, datacenters FROM providers ORDER BY key")
    assert rows == [
        ("openrouter", "p", "P", "FR", '["FR","DE"]'),
        ("openrouter-frontend", "q", "Q", None, None),
    ]


# -- how endpoints are doing


def test_what_an_endpoint_says_of_itself_is_a_row_each_time(views: Views) -> None:
    views.lay(0, Said(MODEL, {"m": {}}), Said(TELEMETRY, {"e": {"status": 0, "uptime_last_30m": 99.5}}, parent="m"))
    spread = {"p50": 700, "p90": 900.5, "p99": 1000}
    said = {"status": -2, "latency_last_30m": spread, "throughput_last_30m": 50, "uptime_last_1d": 98}
    views.lay(1, Said(TELEMETRY, {"e": said}, parent="m"))
    views.lay(2, Said(TELEMETRY, {"e": {"status": 0, "stats": {"p50_latency": 5, "p50_throughput": 6}}}, parent="m"))
    views.lay(3, Said(TELEMETRY, {}, parent="m"))
    views.run()
    columns = "status, uptime_30m, uptime_1d, latency_p50, latency_p90, latency_p99, throughput_p50"
    rows = views.select(f"SELECT parent, observed_at, not_before, {columns} FROM endpoint_stats ORDER BY seq")
    assert rows == [
        ("m", at(0), None, 0, 99.5, None, None, None, None, None),
        ("m", at(1), at(0), -2, None, 98.0, 700.0, 900.5, 1000.0, 50.0),
        ("m", at(2), at(1), 0, None, None, 5.0, None, None, 6.0),
    ]


def test_telemetry_of_a_wrong_type_is_an_issue_and_the_rest_of_it_stands(views: Views) -> None:
    views.lay(0, Said(TELEMETRY, {"e": {"status": "up", "uptime_last_30m": 99.5}}))
    views.run()
    assert views.select("SELECT status, uptime_30m FROM endpoint_stats") == [(None, 99.5)]
    assert views.select("SELECT samples, uptime_min FROM endpoint_stats_daily") == [(1, 99.5)]
    assert [issue.path for issue in views.issues("endpoint_stats")] == ["$.status"]


_SAMPLES = st.one_of(
    st.none(),
    st.builds(
        lambda status, uptime, latency: {"status": status, "uptime_last_30m": uptime, "latency_last_30m": latency},
        st.sampled_from([None, 0, -1, -2]),
        st.none() | st.integers(0, 100).map(lambda n: n / 4),
        st.none() | st.integers(0, 5000),
    ),
)
_HOURS = st.lists(
    st.tuples(st.integers(1, 15), st.fixed_dictionaries({"e": _SAMPLES, "f": _SAMPLES})), min_size=1, max_size=8
)


@given(_HOURS, st.integers(1, 8))
@example([(1, {"e": {"status": -n, "uptime_last_30m": n * n, "latency_last_30m": n}, "f": None}) for n in range(5)], 2)
@settings(max_examples=settings().max_examples // 8)
def test_a_day_is_what_all_that_was_said_in_it_comes_to(hours: list[tuple[int, Any]], often: int) -> None:
    """Brought up now and then or in one go; a day's averages are those of its observations that were news."""
    seen: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    standing: dict[str, Any] = {}
    with new_views() as views:
        number = 0
        for round_, (after, said) in enumerate(hours, 1):
            number += after
            now = {key: value for key, value in said.items() if value is not None}
            views.lay(number, Said(TELEMETRY, now))
            for key, value in now.items():
                if standing.get(key) != value:
                    seen[at(number)[:10], key].append(value)
            standing = now
            if round_ % often == 0:
                views.run()
        views.run()
        found = {(row["day"], row["key"]): row for row in views.rows("endpoint_stats_daily")}
    assert found.keys() == seen.keys()
    for place, samples in seen.items():
        row = found[place]
        assert row["samples"] == len(samples)
        assert row["down"] == sum((each["status"] or 0) < 0 for each in samples)
        for name, field in (("uptime", "uptime_last_30m"), ("latency", "latency_last_30m")):
            values = [each[field] for each in samples if each[field] is not None]
            assert row[f"{name}_samples"] == len(values)
            assert row[f"{name}_min"] == min(values, default=None)
            assert row[f"{name}_max"] == max(values, default=None)
            average = statistics.fmean(values) if values else None
            assert row[f"{name}_average"] == (None if average is None else pytest.approx(average))


def test_a_day_in_which_an_endpoint_went_is_as_it_was(views: Views) -> None:
    views.lay(0, Said(TELEMETRY, {"e": {"status": 0}}))
    views.run()
    before = views.rows("endpoint_stats_daily")
    views.lay(1, Said(TELEMETRY, {}))
    views.run()
    assert views.rows("endpoint_stats_daily") == before


# -- candles


def candle(open_ms: int, *, last: str = "2", trades: Any = 7) -> list[Any]:
    return [open_ms, "1.5", "3.00", "1", last, "10.25", open_ms + 59_999, "0", trades]


def test_a_candle_is_a_row_with_the_digits_that_were_said(views: Views) -> None:
    start = to_ms(datetime.fromisoformat("2025-01-01T00:00:00Z"))
    views.lay(0, Said(KLINES, {f"BTCUSDT:1m:{start}": [candle(start), candle(start + 60_000, trades="x")]}))
    views.run()
    first, second = views.rows("candles")
    assert {name: first[name] for name in ("symbol", "interval", "open_time", "close_time", "trades")} == {
        "symbol": "BTCUSDT",
        "interval": "1m",
        "open_time": "2025-01-01T00:00:00.000Z",
        "close_time": "2025-01-01T00:00:59.999Z",
        "trades": 7,
    }
    assert [first[name] for name in ("open", "high", "low", "close", "volume")] == ["1.5", "3.00", "1", "2", "10.25"]
    assert (second["open_ms"], second["trades"]) == (start + 60_000, None)
    views.lay(1, Said(KLINES, {f"BTCUSDT:1m:{start}": [candle(start), candle(start + 60_000, last="5")]}))
    views.run()
    assert views.select("SELECT close, updated_at FROM candles ORDER BY open_ms") == [("2", at(0)), ("5", at(1))]


@pytest.mark.parametrize(
    "row",
    [
        5,
        [],
        candle(-1),
        candle(10**15),
        [0, "1", "1", "1", "1", "1"],
        ["0", "1", "1", "1", "1", "1", 59_999],
        [0, 1, "1", "1", "1", "1", 59_999],
        [0, "1", "1", "1", "1e5", "1", 59_999],
        [0, "1", "1", "1", "-1", "1", 59_999],
        [True, "1", "1", "1", "1", "1", 59_999],
    ],
)
def test_what_is_no_candle_is_an_issue_and_the_others_stand(views: Views, row: Any) -> None:
    views.lay(0, Said(KLINES, {"A:1m:0": [candle(0), row, candle(120_000)]}))
    views.run()
    assert views.select("SELECT open_ms FROM candles ORDER BY 1") == [(0,), (120_000,)]
    (issue,) = views.issues("candles")
    assert issue.path == "$[1]"


@pytest.mark.parametrize("key, value", [("A:1m", [candle(0)]), ("A:1m:0", {"rows": []})])
def test_a_slice_that_is_none_is_an_issue(views: Views, key: str, value: Any) -> None:
    views.lay(0, Said(KLINES, {key: value}))
    views.run()
    assert views.rows("candles") == []
    assert [issue.path for issue in views.issues("candles")] == ["$"]


def test_gaps_are_where_candles_of_a_series_are_missing(views: Views) -> None:
    minute = 60_000
    start = to_ms(datetime.fromisoformat("2025-01-01T00:00:00Z"))

    def row(*minutes: int) -> list[Any]:
        return [candle(start + number * minute) for number in minutes]

    views.lay(
        0,
        Said(
            KLINES,
            {
                f"A:1m:{start}": row(0, 1, 2),
                f"A:1m:{start + 5 * minute}": row(5, 6, 8),
                f"A:1m:{start + 8 * minute}": row(8, 9),  # two slices that overlap are no gap
                f"B:1m:{start}": row(0, 1),
                f"B:1m:{start + minute}": row(20),
            },
        ),
    )
    views.run()
    assert views.select("SELECT symbol, interval, missing_from, missing_to, candles FROM gaps ORDER BY 1, 3") == [
        ("A", "1m", "2025-01-01T00:03:00.000Z", "2025-01-01T00:05:00.000Z", 2),
        ("A", "1m", "2025-01-01T00:07:00.000Z", "2025-01-01T00:08:00.000Z", 1),
        ("B", "1m", "2025-01-01T00:02:00.000Z", "2025-01-01T00:20:00.000Z", 18),
    ]


# -- presence and lifecycle


def lay_presence(views: Views, *rows: str) -> None:
    """A sync for each row, that shows a thing for each letter."""
    for number, row in enumerate(rows):
        views.lay(number, Said("api.thing", dict.fromkeys(row, 1)))
    views.run()


def test_an_interval_of_presence_has_the_evidence_for_both_of_its_ends(views: Views) -> None:
    lay_presence(views, "a", "ab", "b", "b", "ab")
    columns = "key, valid_from, not_before, valid_to, valid_to_not_before, seq, until_seq, sync, until_sync"
    assert views.select(f"SELECT {columns} FROM presence ORDER BY seq") == [
        ("a", at(0), None, at(2), at(1), 1, 3, 1, 3),
        ("b", at(1), at(0), None, None, 2, None, 2, None),
        ("a", at(4), at(3), None, None, 4, None, 5, None),
    ]


def test_that_a_document_changes_is_no_end_of_presence(views: Views) -> None:
    for number in range(3):
        views.lay(number, Said("api.thing", {"a": number}))
        views.run()
    assert views.select("SELECT valid_from, valid_to FROM presence") == [(at(0), None)]


def test_a_life_is_told_in_intervals_with_the_gaps_between_them(views: Views) -> None:
    lay_presence(views, "a", "", "a", "", "", "a", "")
    columns = "interval, appeared_at, disappeared_at, returned_at, gap_seconds, gap_doubtful"
    assert views.select(f"SELECT {columns} FROM lifecycle ORDER BY 1") == [
        (1, at(0), at(1), at(2), 3600.0, 1),  # one sync alone did not show it
        (2, at(2), at(3), at(5), 7200.0, 0),
        (3, at(5), at(6), None, None, None),
    ]


def test_a_gap_that_only_failed_syncs_lie_in_is_doubtful(views: Views) -> None:
    views.lay(0, Said("api.thing", {"a": 1}))
    views.lay(1, Said("api.thing", {}))
    views.lay(2, Said("api.thing", {}, complete=False))
    views.lay(3, Said("api.thing", {"a": 1}))
    views.run()
    assert views.select("SELECT gap_seconds, gap_doubtful FROM lifecycle WHERE interval = 1") == [(7200.0, 1)]


def test_lives_of_entities_of_the_same_key_are_apart(views: Views) -> None:
    for number, documents in enumerate([{"a": 1}, {}, {"a": 1}]):
        views.lay(number, Said("api.thing", documents), Said("other.thing", {"a": 1}), Said("api.part", {"a": 1}))
    views.run()
    rows = views.select("SELECT source, category, interval FROM lifecycle ORDER BY 1, 2, 3")
    assert rows == [("api", "part", 1), ("api", "thing", 1), ("api", "thing", 2), ("other", "thing", 1)]


# -- manifest and syncs


def test_the_manifest_has_a_line_for_every_entity_that_ever_was(views: Views) -> None:
    for number, documents in enumerate([{"a": 1}, {"a": 2, "b": 1}, {"a": 2}, {"a": 2, "b": 1}, {"b": 1}]):
        views.lay(number, Said("api.thing", documents))
    views.run()
    columns = "key, live, first_seen, last_changed, last_confirmed, gone_at, versions, appearances, updated_at"
    assert views.select(f"SELECT {columns} FROM manifest ORDER BY key") == [
        ("a", 0, at(0), at(1), at(3), at(4), 2, 1, at(4)),
        ("b", 1, at(1), at(3), at(4), None, 2, 2, at(3)),
    ]
    (a,) = views.select("SELECT hash FROM manifest WHERE key = 'a'")
    assert a == (next(event.hash for event in views.record.log.events() if event.seq == 2),)


def test_what_is_confirmed_without_an_event_says_so_and_its_row_did_not_change(views: Views) -> None:
    for number in range(3):
        views.lay(number, Said("api.thing", {"a": 1}))
        views.run()
        rows = views.select("SELECT last_confirmed, last_changed, updated_at, seq FROM manifest")
        assert rows == [(at(number), at(0), at(0), 1)]


def test_the_manifest_brought_up_step_by_step_is_the_one_built_at_once(views: Views) -> None:
    """With entities of several scopes, and syncs that ask for one of them only."""
    for number in range(8):
        said = [Said("api.model", {"a": number // 3, "b": 1})]
        if number % 2:
            said = [Said("api.part", {"x": 1, **({"y": 2} if number % 4 == 1 else {})}, parent="a")]
        views.lay(number, *said)
        views.run()
    step_by_step = views.rows("manifest")
    views.rebuild("manifest")
    assert views.rows("manifest") == step_by_step
    confirmed = {entity.key: time_text(instant) for entity, instant in views.record.log.confirmed().items()}
    assert {row["key"]: row["last_confirmed"] for row in step_by_step if row["live"]} == confirmed


def test_each_recorded_sync_is_a_row(views: Views) -> None:
    views.lay(0, Said("api.thing", {"a": 1, "b": 1}), Said("api.part", {}))
    views.lay(1, Said("api.thing", {"a": 2, "c": 1}, complete=False))
    views.lay(2, Said("api.thing", {"a": 2}))
    views.run()
    columns = "id, cause, status, observed_at, interrupted, resources, seq, appeared, changed, disappeared, unchanged"
    assert views.select(f"SELECT {columns} FROM syncs ORDER BY id") == [
        (1, "sync", "success", at(0), 0, '["api.parts","api.things"]', 2, 2, 0, 0, 0),
        (2, "sync", "partial", at(1), 0, '["api.things"]', 4, 1, 1, 0, 0),
        (3, "sync", "success", at(2), 0, '["api.things"]', 6, 0, 0, 2, 1),
    ]
    roots = [entry.root for entry in views.record.log.recorded(limit=3)]
    assert [row[0] for row in views.select("SELECT root FROM syncs ORDER BY id")] == roots


# -- changes


def changed(views: Views, address: str, *documents: Any) -> list[tuple[Any, ...]]:
    """Path, before and after of each field that changed while an entity said these."""
    for number, document in enumerate(documents):
        views.lay(number, Said(address, {"k": document}))
    views.run()
    return views.select("SELECT path, before, after FROM changes ORDER BY seq, number")


def test_each_field_that_changed_is_a_row(views: Views) -> None:
    documents = [{"a": 1, "o": {"p": "x"}, "gone": None}, {"a": 1.0, "o": {"p": "y"}, "new": [1, {"b": 2}]}]
    assert sorted(changed(views, "api.thing", *documents)) == [
        ("/a", "1", "1.0"),
        ("/gone", "null", None),
        ("/new", None, '[1,{"b":2}]'),
        ("/o/p", '"x"', '"y"'),
    ]


def test_a_change_says_whose_and_when_as_exactly_as_it_is_known(views: Views) -> None:
    views.lay(0, Said(MODEL, {"m": {}}), Said(ENDPOINT, {"e": {"name": "Old", "n": 1}}, parent="m"))
    views.lay(1, Said(ENDPOINT, {"e": {"name": "Old", "n": 1}}, parent="m"))
    views.lay(2, Said(ENDPOINT, {"e": {"name": "New", "n": 2}}, parent="m"))
    views.run()
    columns = "source, category, key, parent, name, path, not_before, observed_at, sync, seq, number"
    assert views.select(f"SELECT {columns} FROM changes ORDER BY number") == [
        ("openrouter", "endpoint", "e", "m", "New", path, at(1), at(2), 3, 3, number)
        for number, path in enumerate(["/n", "/name"], 1)
    ]


@pytest.mark.parametrize(
    "document, name",
    [
        ({"name": "N", "title": "T"}, "N"),
        ({"name": 5, "title": "T"}, "T"),
        ({"displayName": "D"}, "D"),
        ({}, None),
        ([1], None),
    ],
)
def test_a_change_calls_the_entity_what_it_was_called_then(views: Views, document: Any, name: str | None) -> None:
    def version(number: int) -> Any:
        return {**document, "n": number} if isinstance(document, dict) else [*document, number]

    for number in range(2):
        views.lay(number, Said("api.thing", {"k": version(number)}))
    views.lay(2, Said("api.thing", {"k": {"name": "Later"} if isinstance(document, dict) else [9]}))
    views.run()
    (found,) = views.select("SELECT DISTINCT name FROM changes WHERE seq = 2")
    assert found == (name,)


def test_that_an_entity_came_or_went_changes_no_field(views: Views) -> None:
    lay_presence(views, "a", "", "a")
    assert views.rows("changes") == []


def test_an_element_that_moved_says_where_it_was(views: Views) -> None:
    found = changed(views, "api.thing", {"l": [{"id": "a", "n": 1}]}, {"l": [{"id": "z", "n": 0}, {"id": "a", "n": 2}]})
    assert ("/l/1/n", "1", "2") in found
    assert views.select("SELECT was_at FROM changes WHERE path = '/l/1/n'") == [("/l/0/n",)]


def test_a_noise_policy_leaves_out_what_does_not_count(views: Views) -> None:
    views.settings = Settings(
        noise={"api.thing": Noise(ignore=("/at", "/*/at"), sets=("/tags",), keyed={"/offers": "id"})}
    )
    first = {"at": 1, "o": {"at": 1, "n": 1}, "tags": ["a", "b"], "offers": [{"id": "x", "p": 1}, {"id": "y", "p": 2}]}
    second = {"at": 2, "o": {"at": 2, "n": 2}, "tags": ["b", "a"], "offers": [{"id": "y", "p": 3}, {"id": "x", "p": 1}]}
    found = changed(views, "api.thing", first, second)
    assert sorted(found) == [("/o/n", "1", "2"), ("/offers/y/p", "2", "3")]


def test_a_policy_of_a_source_counts_before_one_of_a_category(views: Views) -> None:
    views.settings = Settings(noise={"thing": Noise(ignore=("/a",)), "api.thing": Noise(ignore=("/b",))})
    for number in range(2):
        document = {"k": {"a": number, "b": number}}
        views.lay(number, Said("api.thing", document), Said("other.thing", document))
    views.run()
    assert views.select("SELECT source, path FROM changes ORDER BY 1") == [("api", "/a"), ("other", "/b")]


def test_another_policy_makes_changes_stale_and_nothing_else(views: Views) -> None:
    changed(views, "api.thing", {"a": 1, "b": 1}, {"a": 2, "b": 2})
    views.settings = Settings(noise={"thing": Noise(ignore=("/a",))})
    assert [name for name, ran in views.run().items() if ran.rebuilt is not None] == ["changes"]
    assert views.select("SELECT path FROM changes") == [("/b",)]


@pytest.mark.parametrize(
    "address, before, after, paths",
    [
        (MODEL, {"supported_parameters": ["a", "b"], "n": 1}, {"supported_parameters": ["b", "a"], "n": 2}, {"/n"}),
        (MODEL, {"l": ["a", "b"]}, {"l": ["b", "a"]}, {"/l"}),
        (TELEMETRY, {"status": 0}, {"status": -1}, set()),
        (KLINES, [1], [2], set()),
        ("api.endpoint_telemetry", {"status": 0}, {"status": -1}, {"/status"}),
    ],
)
def test_what_is_noise_in_the_sources_that_come_with_orlog_is_known(
    views: Views, address: str, before: Any, after: Any, paths: set[str]
) -> None:
    assert {path for path, _, _ in changed(views, address, before, after)} == paths


@pytest.mark.parametrize("category", ["endpoint_telemetry", "openrouter.endpoint_telemetry"])
def test_what_a_user_says_of_a_category_takes_the_place_of_what_comes_with_orlog(views: Views, category: str) -> None:
    views.settings = Settings(noise={category: Noise()})
    found = changed(views, "openrouter.endpoint_telemetry", {"status": 0}, {"status": -1})
    assert {path for path, _, _ in found} == {"/status"}


# -- views for any category


def test_the_rows_of_a_category_have_a_column_for_each_field_of_its_documents(views: Views) -> None:
    views.lay(
        0,
        Said("api.model", {"p": {"n": 1}}),
        Said("api.part", {"a": {"n": 1, "o": {"x": True}, "l": [1]}, "b": [1, 2], "c": "text"}, parent="p"),
    )
    views.run()
    assert views.rows("part") == [
        {
            "source": "api",
            "key": "a",
            "parent": "p",
            "updated_at": at(0),
            "l": "[1]",
            "n": 1,
            "o_x": 1,
            "document": None,
        },
        {"source": "api", "key": "b", "parent": "p", "updated_at": at(0), "l": None, "n": None, "o_x": None}
        | {"document": "[1,2]"},
        {"source": "api", "key": "c", "parent": "p", "updated_at": at(0), "l": None, "n": None, "o_x": None}
        | {"document": "text"},
    ]


def test_the_history_of_a_category_has_each_version_with_its_time(views: Views) -> None:
    rounds: list[dict[str, Any]] = [{"a": {"n": 1}}, {"a": {"n": 1.0}}, {}, {"a": {"n": True}}]
    for number, documents in enumerate(rounds):
        views.lay(number, Said("api.thing", documents))
        views.run()
    rows = views.select("SELECT typeof(n), n, valid_from, valid_to, seq, until_seq FROM thing_history ORDER BY seq")
    assert rows == [
        ("integer", 1, at(0), at(1), 1, 2),
        ("real", 1.0, at(1), at(2), 2, 3),
        ("integer", 1, at(3), None, 4, None),
    ]
    assert views.select("SELECT n, updated_at FROM thing") == [(1, at(3))]


def test_columns_that_are_named_are_the_ones_that_there_are(views: Views) -> None:
    views.settings = Settings(columns={"thing": {"price": "/p/usd", "first": "/l/0"}})
    views.lay(0, Said("api.thing", {"a": {"p": {"usd": "0.5"}, "l": [7], "n": 1}, "b": {}}))
    views.run()
    columns = ["source", "key", "parent", "updated_at", "price", "first"]
    assert list(views.rows("thing")[0]) == columns
    assert views.select("SELECT key, price, first FROM thing ORDER BY key") == [("a", "0.5", 7), ("b", None, None)]


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"key": "/a"}, "'key' already"),
        ({"Valid_From": "/a"}, "'Valid_From' already"),
        ({"a": "/a", "A": "/b"}, "'A' already"),
        ({"": "/a"}, "'' already"),
        ({"a": "a"}, "a: "),
        ({"a": "/a", "b": "/a"}, "two columns of the same place"),
    ],
)
def test_columns_that_cannot_be_are_refused(views: Views, columns: Mapping[str, str], message: str) -> None:
    views.settings = Settings(columns={"thing": columns})
    views.lay(0, Said("api.thing", {"a": 1}))
    with pytest.raises(BadProjection, match=message):
        views.run()


def test_fields_for_which_there_is_no_room_are_an_issue(views: Views) -> None:
    views.lay(0, Said("api.thing", {"a": {f"f{number:04}": number for number in range(MOST + 5)}}))
    views.run()
    (issue,) = views.issues("thing")
    assert "more fields than a view has columns for" in issue.message
    (row,) = views.rows("thing")
    assert row["f0000"] == 0
    assert len(row) <= MOST + 3


@pytest.mark.parametrize(
    "categories, expected",
    [
        (["models"], {"category_models", "category_models_history"}),
        (["gaps"], {"category_gaps", "category_gaps_history"}),
        (["thing", "thing_history"], {"thing", "thing_history", "category_thing_history"}),
        (["sqlite_things"], {"category_sqlite_things"}),
        (["select"], {"select", "select_history"}),
    ],
)
def test_a_category_whose_name_is_taken_gets_another(views: Views, categories: list[str], expected: set[str]) -> None:
    for number, category in enumerate(categories):
        views.lay(number, Said(f"api.{category}", {"a": {"n": number}}))
    views.run()
    assert expected <= views.tables().keys()
    views.run()


def test_a_category_of_two_sources_is_one_view(views: Views) -> None:
    views.lay(0, Said("api.thing", {"a": {"n": 1}}), Said("other.thing", {"a": {"n": 2}}))
    views.run()
    assert views.select("SELECT source, key, n FROM thing ORDER BY source") == [("api", "a", 1), ("other", "a", 2)]


# -- endpoints with their model and provider as they stood


_NAMES = st.sampled_from(["M", "N"])
_MODELS = st.dictionaries(st.sampled_from(["m1", "m2"]), _NAMES.map(lambda name: {"name": name}))
_PROVIDERS = st.dictionaries(st.sampled_from(["p1", "p2"]), st.sampled_from(["FR", "DE"]))
_ENDPOINTS = st.dictionaries(
    st.sampled_from(["e1", "e2"]),
    st.builds(
        lambda model, provider, n: {"model_id": model, "provider_name": provider, "context_length": n},
        st.sampled_from(["m1", "m2", "m3", None]),
        st.sampled_from(["P-p1", "P-p2", "P-p3", None]),
        st.integers(1, 2),
    ),
)
_ROUNDS = st.lists(st.tuples(_MODELS, _PROVIDERS, _ENDPOINTS), min_size=1, max_size=8)


_E: Any = {"e1": {"model_id": "m1", "provider_name": "P-p1", "context_length": 1}}
_TURNS: Any = [
    ({"m1": {"name": "M"}}, {"p1": "FR"}, _E),
    ({}, {"p1": "FR"}, _E),
    ({"m1": {"name": "N"}}, {"p1": "FR"}, _E),
    ({"m1": {"name": "N"}}, {"p1": "DE"}, _E),
    ({"m1": {"name": "N"}}, {}, _E),
    ({"m1": {"name": "N"}}, {}, {}),
    ({"m1": {"name": "N"}}, {"p1": "FR"}, _E),
]
"""One endpoint, whose model and provider go, come back as others, and change."""


def said_in(round_: tuple[Any, Any, Any]) -> list[Said]:
    models, providers, endpoints = round_
    named = {key: {"name": f"P-{key}", "headquarters": value} for key, value in providers.items()}
    return [Said(MODEL, models), Said(PROVIDER, named), Said(ENDPOINT, endpoints)]


def joined(round_: tuple[Any, Any, Any]) -> list[tuple[Any, ...]]:
    """The join of what stands in a round, naively."""
    models, providers, endpoints = round_
    found = []
    for key, endpoint in endpoints.items():
        model = models.get(endpoint["model_id"])
        provider = providers.get((endpoint["provider_name"] or "").removeprefix("P-"))
        listed = (model is not None, provider is not None)
        found.append((key, endpoint["context_length"], model and model["name"], provider, *listed))
    return sorted(found, key=repr)


@given(_ROUNDS)
@example(_TURNS)
@settings(max_examples=settings().max_examples // 8)
def test_offers_are_endpoints_with_model_and_provider_as_they_stood(rounds: list[tuple[Any, Any, Any]]) -> None:
    """At the instant of every sync, just before it and between two: exactly what stood then, each once."""
    with new_views() as views:
        # a category is known from its first entity on: without any there is no view of it
        views.lay(0, *said_in(({"m9": {}}, {"p9": "FR"}, {"e9": {}})))
        for number, round_ in enumerate(rounds, 1):
            views.lay(number, *said_in(round_))
        views.run()
        query = (
            "SELECT key, context_length, model_name, provider_headquarters, model_listed, provider_listed FROM offers "
            "WHERE valid_from <= :at AND (valid_to IS NULL OR valid_to > :at)"
        )
        for number, round_ in enumerate(rounds, 1):
            for instant in (at(number), time_text(hour(number).replace(minute=30))):
                found = views.select(query, at=instant)
                assert sorted(found, key=repr) == [(*row[:4], int(row[4]), int(row[5])) for row in joined(round_)]
        stretches: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for key, since, until in views.select("SELECT key, valid_from, valid_to FROM offers ORDER BY key, valid_from"):
            stretches[key].append((since, until or "9"))
        for each in stretches.values():
            assert all(since < until for since, until in each)
            assert all(one[1] <= other[0] for one, other in itertools.pairwise(each))


def test_an_endpoint_of_whose_provider_there_are_two_is_offered_by_both(views: Views) -> None:
    views.lay(0, *said_in(({"m": {}}, {}, {"e": {"model_id": "m", "provider_name": "P"}})))
    for number, names in enumerate(["P", "PP", "QP"], 1):
        providers = {str(place): {"name": name, "slug": str(place)} for place, name in enumerate(names)}
        views.lay(number, Said(PROVIDER, providers))
    views.run()
    rows = views.select("SELECT provider_slug, valid_from, valid_to FROM offers ORDER BY valid_from, 1")
    assert rows == [
        (None, at(0), at(1)),
        ("0", at(1), at(2)),
        ("0", at(2), at(3)),
        ("1", at(2), at(3)),
        ("1", at(3), None),
    ]


@given(_ROUNDS)
@settings(max_examples=settings().max_examples // 8)
def test_orphans_are_endpoints_whose_model_or_provider_is_not_listed(rounds: list[tuple[Any, Any, Any]]) -> None:
    with new_views() as views:
        views.lay(0, *said_in(({"m9": {}}, {"p9": "FR"}, {"e9": {}})))
        for number, round_ in enumerate(rounds, 1):
            views.lay(number, *said_in(round_))
        views.run()
        models, providers, endpoints = rounds[-1]
        named = {f"P-{key}" for key in providers}
        expected = {(key, "model") for key, each in endpoints.items() if each["model_id"] not in models}
        expected |= {
            (key, "provider")
            for key, each in endpoints.items()
            if each["provider_name"] is not None and each["provider_name"] not in named
        }
        found = views.select("SELECT key, missing FROM orphans")
        assert (set(found), len(found)) == (expected, len(expected))


def test_a_view_that_joins_others_is_there_where_they_are(views: Views) -> None:
    def joins() -> set[str]:
        return {name for (name,) in views.select("SELECT name FROM sqlite_master WHERE type = 'view'")}

    views.lay(0, Said(MODEL, {"m": {}}))
    views.run()
    assert joins() == {"lifecycle"}
    views.lay(1, Said(ENDPOINT, {"e": {"model_id": "n", "provider_name": "P"}}))
    views.run()
    assert joins() == {"lifecycle", "orphans"}
    assert views.select("SELECT key, missing FROM orphans") == [("e", "model")]
    views.lay(2, Said(PROVIDER, {"p": {"name": "Q"}}))
    views.run()
    assert joins() == {"lifecycle", "orphans", "offers"}
    assert views.select("SELECT key, missing FROM orphans ORDER BY 2") == [("e", "model"), ("e", "provider")]
    views.settings = Settings(without=frozenset({"models_history", "presence"}))
    views.run()
    assert joins() == {"orphans"}


def test_a_price_of_minus_nothing_is_another_text_than_nothing(views: Views) -> None:
    for number, price in enumerate(["0", "-0", "0"]):
        views.lay(number, Said("openrouter.model", {"a/m": {"pricing": {"image": price}}}))
    views.run()
    assert views.select("SELECT price FROM prices ORDER BY seq") == [("0",), ("-0",), ("0",)]
