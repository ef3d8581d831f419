"""The sources that come with orlog: what they ask for, and what they make of answers in the shapes of their APIs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from collector import Body, Extracted, Extractor, Resource, shipped

JSON: TypeAlias = Any

FRONTEND = shipped()["openrouter-frontend"]


def extract(resource: Resource, answer: JSON, **params: str) -> Extracted:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return Extractor(resource.extraction).extract(resource.scope(params), [Body(1, 200, body)])


def parts(resource: Resource, answer: JSON, **params: str) -> dict[str, dict[str, JSON]]:
    """The documents of an answer that holds no surprise, by key and category."""
    extracted = extract(resource, answer, **params)
    assert extracted.issues == ()
    assert extracted.listing is not None
    assert extracted.listing.complete
    return {item.key: {name: part.value for name, part in item.parts} for item in extracted.listing.items}


def test_every_shipped_resource_can_be_asked_for_on_its_own_schedule() -> None:
    for source in shipped().values():
        assert source.base_url is not None
        assert source.base_url.startswith("https://")
        assert source.rate is not None
        for resource in source.resources:
            assert resource.path is not None
            assert resource.every is not None


def test_only_these_sources_are_shipped() -> None:
    assert sorted(shipped()) == ["binance", "openrouter", "openrouter-frontend", "toastmasters"]


def test_the_rules_of_openrouter_are_those_that_records_were_made_under() -> None:
    # other hashes would make a change of rules in every record
    assert {each.name: each.extraction.rules.hash[:16] for each in shipped()["openrouter"].resources} == {
        "models": "c7edb68afa999525",
        "endpoints": "2e9e5bd75b69eab3",
        "providers": "145a08749240e7d2",
    }


# the frontend of OpenRouter


def model(slug: str, variant: str | None = None, **fields: JSON) -> dict[str, JSON]:
    endpoint = None if variant is None else {"id": f"{slug}-{variant}", "variant": variant}
    return {"slug": slug, "permaslug": f"{slug}-2025", "author": slug.partition("/")[0], "endpoint": endpoint, **fields}


def test_the_models_of_the_frontend_have_the_keys_that_the_public_api_gives_them() -> None:
    listed = [model("a/b", "standard"), model("a/b", "free"), model("a/c"), model("a/d", "thinking")]
    public = {"data": [{"id": "a/b"}, {"id": "a/b:free"}, {"id": "a/d:thinking"}, {"id": "a/e"}]}
    frontend_keys = parts(FRONTEND.resource("models"), {"data": listed}).keys()
    public_keys = parts(shipped()["openrouter"].resource("models"), public).keys()
    assert frontend_keys - public_keys == {"a/c"}
    assert public_keys - frontend_keys == {"a/e"}


def test_a_model_of_the_frontend_changes_only_when_it_changes() -> None:
    bare = model("a/b", "free", name="B")
    copy = {**bare["endpoint"], "model": {"x": 1}, "pricing": {"prompt": "1"}, "status": 0, "stats": {"p50": 3}}
    found = parts(FRONTEND.resource("models"), {"data": [{**bare, "endpoint": copy}]})
    assert found == {"a/b:free": {"model": bare}}


@pytest.mark.parametrize("name, path", [("endpoints", "endpoint"), ("apps", "app")])
def test_what_a_model_has_is_asked_for_by_permaslug_and_variant(name: str, path: str) -> None:
    resource = FRONTEND.resource(name)
    query = "permaslug=a%2Fb-2025&variant="
    assert resource.request({"model": "a/b:free"}, model("a/b", "free")) == f"/api/frontend/stats/{path}?{query}free"
    assert resource.request({"model": "a/b"}, model("a/b")) == f"/api/frontend/stats/{path}?{query}standard"


def test_endpoints_are_told_apart_by_their_uuid_without_copies_and_telemetry() -> None:
    uuid = "25b2cca5-53f6-40e7-b47b-191ec968b7c2"
    endpoint = {
        "id": uuid,
        "pricing": {"prompt": "0.1"},
        "model": {"slug": "a/b"},
        "provider_info": {"name": "P"},
        "status": -2,
        "stats": {"p50_throughput": 10},
        "uptime_last_30m": 99.5,
    }
    found = parts(FRONTEND.resource("endpoints"), {"data": [endpoint]}, model="a/b")
    assert found == {
        uuid: {
            "endpoint": {"id": uuid, "pricing": {"prompt": "0.1"}},
            "endpoint_telemetry": {"status": -2, "stats": {"p50_throughput": 10}, "uptime_last_30m": 99.5},
        }
    }
    assert FRONTEND.resource("uptime").request({"endpoint": uuid}) == f"/api/frontend/stats/uptime-hourly?id={uuid}"


def test_the_uptime_of_an_endpoint_is_one_document() -> None:
    answer = {"data": {"history": [{"date": "2025-01-01T00:00:00Z", "uptime": 99.0}]}}
    assert parts(FRONTEND.resource("uptime"), answer, endpoint="u") == {"u": {"endpoint_uptime": answer}}


def test_apps_are_read_bare_or_under_data() -> None:
    apps = [{"app_id": 7, "total_tokens": "890260479", "app": {"title": "T"}}]
    expected = {
        "a/b#7": {"app": {"app_id": 7, "app": {"title": "T"}}, "app_usage": {"total_tokens": "890260479"}},
    }
    for answer in (apps, {"data": apps}):
        assert parts(FRONTEND.resource("apps"), answer, model="a/b") == expected


@pytest.mark.parametrize("answer", [b"7", b'{"data": null}', b'{"error": "x"}', b"{"])
@pytest.mark.parametrize("name", ["apps", "author-slugs"])
def test_what_is_no_list_says_nothing(name: str, answer: bytes) -> None:
    extracted = extract(FRONTEND.resource(name), answer, model="a/b")
    assert extracted.listing is None
    assert [issue.code for issue in extracted.issues] == ["extract-failed"]


def test_every_author_is_asked_about_once() -> None:
    listed = [model("a/b", "standard"), model("a/b", "free"), model("c/d")]
    slugs = parts(FRONTEND.resource("author-slugs"), {"data": listed})
    assert slugs == {"a": {"author_slug": {"slug": "a"}}, "c": {"author_slug": {"slug": "c"}}}
    authors = FRONTEND.resource("authors")
    assert authors.request({"author_slug": "a"}) == (
        "/api/frontend/model-author?authorSlug=a&shouldIncludeStats=true&shouldIncludeVariants=false"
    )
    answer = {"data": {"author": {"id": 1, "slug": "a"}, "modelsWithStats": [{"slug": "a/b", "stats": []}]}}
    assert parts(authors, answer, author_slug="a") == {
        "a": {
            "author": {"data": {"author": {"id": 1, "slug": "a"}}},
            "author_stats": {"data": {"modelsWithStats": [{"slug": "a/b", "stats": []}]}},
        }
    }


def test_analytics_and_providers_are_listed_by_name() -> None:
    answer = {"data": {"models": [], "analytics": {"a/b-2025": {"count": 1}}}}
    assert parts(FRONTEND.resource("analytics"), answer) == {"a/b-2025": {"analytics": {"count": 1}}}
    assert parts(FRONTEND.resource("providers"), {"data": [{"slug": "p", "icon": {"url": "u"}}]}) == {
        "p": {"provider": {"slug": "p", "icon": {"url": "u"}}}
    }


# candles


def test_candles_are_asked_for_in_slices() -> None:
    klines = shipped()["binance"].resource("klines")
    first, second, third = klines.scopes(now=datetime(2025, 3, 1, tzinfo=UTC))
    assert first.params == (("interval", "1h"), ("start", "1735689600000"), ("symbol", "BTCUSDT"))
    assert klines.request(dict(first.params)) == (
        "/api/v3/klines?symbol=BTCUSDT&interval=1h&startTime=1735689600000&endTime=1737489599999&limit=500"
    )
    assert second.params[1] == ("start", "1737489600000")
    assert klines.slices is not None
    assert klines.slices.closed(dict(second.params), 1737489600000, datetime(2025, 3, 1, tzinfo=UTC))
    assert not klines.slices.closed(dict(third.params), 1739289600000, datetime(2025, 3, 1, tzinfo=UTC))


def test_candles_are_one_document_for_each_slice() -> None:
    rows = [[1735689600000 + n * 3_600_000, "93576.00", "94509.42", 1735693199999, 7, "0"] for n in range(500)]
    found = parts(shipped()["binance"].resource("klines"), rows, symbol="BTCUSDT", interval="1h", start="1735689600000")
    assert found == {"BTCUSDT:1h:1735689600000": {"klines": rows}}


# clubs

CLUBS = {
    "club-performance": (
        b'"District","Division","Area","Club Number","Club Name","Club Status","Mem. Base"\r\n'
        b'"91","A","01","00001234","Quay Speakers","Active","20"\r\n'
        b'"91","A","01","00005678","Harbour ""Talk""","Low",""\r\n'
        b"Month of Jun, As of 09/13/2025\r\n"
    ),
    "district-performance": (
        b'"District","Division","Area","Club","Club Name","New","Late Ren."\r\n'
        b'"91","A","01","00001234","Quay Speakers","10","0"\r\n'
        b'"91","A","01","00005678","Harbour ""Talk""","2","0"\r\n'
        b"Month of Jun, As of 09/13/2025\r\n"
    ),
}


@pytest.mark.parametrize("name", CLUBS)
def test_clubs_keep_their_zeros_and_carry_the_day_that_the_last_line_tells(name: str) -> None:
    resource = shipped()["toastmasters"].resource(name)
    found = parts(resource, CLUBS[name], district="91", year="2024-2025")
    assert list(found) == ["00001234", "00005678"]
    (documents,) = zip(*(each.values() for each in found.values()), strict=True)
    assert [each["as_of"] for each in documents] == ["2025-09-13", "2025-09-13"]
    assert documents[1]["Club Name"] == 'Harbour "Talk"'


@pytest.mark.parametrize("name", CLUBS)
def test_a_file_of_clubs_that_was_cut_off_anywhere_says_nothing(name: str) -> None:
    resource = shipped()["toastmasters"].resource(name)
    whole = CLUBS[name].rstrip()
    for end in range(len(whole)):
        assert extract(resource, whole[:end]).listing is None


def test_clubs_are_asked_for_by_district_and_programme_year() -> None:
    toastmasters = shipped()["toastmasters"]
    asked: Mapping[str, str] = {
        each.name: each.request({"district": "91", "year": "2024-2025"}) for each in toastmasters.resources
    }
    assert asked == {
        "club-performance": "/2024-2025/export.aspx?type=CSV&report=clubperformance~91~~~2024-2025",
        "district-performance": "/2024-2025/export.aspx?type=CSV&report=districtperformance~91~~~2024-2025",
    }
