"""Source files proposed from answers in the shapes of well-known APIs, and from answers that are none."""

from __future__ import annotations

import contextlib
import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import Body, Extractor, NoProposal, Proposal, check_name, propose

URL = "https://api.example/v1/things"


def proposed(answer: Any, url: str = URL, *earlier: Any, **more: Any) -> Proposal:
    answers = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in (*earlier, answer)]
    return propose(answers, url=url, name="my", **more)


def said(proposal: Proposal) -> dict[str, Any]:
    (resource,) = tomllib.loads(proposal.text)["resource"]
    return dict(resource)


def refused(answer: Any, url: str = URL, **more: Any) -> NoProposal:
    with pytest.raises(NoProposal) as caught:
        proposed(answer, url, **more)
    assert caught.value.hint
    return caught.value


# -- shapes of APIs, with the numbers and names of nobody


def user(number: int) -> dict[str, Any]:
    return {
        "login": f"u{number}",
        "id": number,
        "node_id": f"U{number}",
        "type": "User",
        "url": f"https://u.example/{number}",
    }


ISSUES: list[dict[str, Any]] = [
    {
        "url": f"https://i.example/{n}",
        "id": 9000 + n,
        "node_id": f"I{n}",
        "number": 100 - n,
        "title": f"Bug {n}",
        "user": user(n % 2),
        "labels": [],
        "comments": n,
        "created_at": f"2025-01-0{n + 1}T00:00:00Z",
        "updated_at": f"2025-02-0{n + 1}T00:00:00Z",
        "closed_at": None,
        "body": "long text\n" * 30 * (n + 1),
    }
    for n in range(4)
]
PACKAGE = {
    "info": {"name": "p", "version": "2.3", "description": "d" * 500, "classifiers": ["a"] * 9},
    "last_serial": 7,
    "releases": {f"2.{n}": [{"filename": f"p-2.{n}.tar.gz", "size": n, "digests": {"md5": "x"}}] * 2 for n in range(9)},
    "urls": [{"filename": "p-2.3.tar.gz", "size": 3}, {"filename": "p-2.3.whl", "size": 3}],
}
REGISTRY = {
    "_id": "p",
    "name": "p",
    "dist-tags": {"latest": "1.1.0"},
    "versions": {f"1.{n}.0": {"name": "p", "version": f"1.{n}.0", "dist": {"shasum": f"a{n}"}} for n in range(3)},
    "time": {f"1.{n}.0": "2020-01-01T00:00:00Z" for n in range(3)},
}
EARTHQUAKES = {
    "type": "FeatureCollection",
    "metadata": {"generated": 1_700_000_000_000, "status": 200, "count": 3},
    "features": [
        {
            "type": "Feature",
            "properties": {"mag": 1.5, "place": f"{n} km N", "time": 17 + n, "updated": 18 + n, "status": "automatic"},
            "geometry": {"type": "Point", "coordinates": [1.0, 2.0]},
            "id": f"nc7{n}",
        }
        for n in range(3)
    ],
}
MARKETS = [
    {
        "id": f"c{n}",
        "symbol": f"s{n // 2}",
        "name": f"C {n}",
        "current_price": 1.5,
        "last_updated": "2025-01-01T00:00:00Z",
    }
    for n in range(4)
]
FORECAST = {
    "latitude": 52.5,
    "generationtime_ms": 0.07,
    "hourly_units": {"time": "iso8601"},
    "hourly": {"time": ["2025-01-01T00:00", "2025-01-01T01:00"], "temperature": [1.5, 1.6]},
}
CANDLES = [[1_700_000_000_000 + n, "1.0", "2.0", "0.5", "1.5", "100.0", 1_700_000_000_999 + n] for n in range(3)]
ENDPOINTS = {
    "data": {
        "id": "a/b",
        "name": "M",
        "architecture": {"modality": "text"},
        "endpoints": [
            {"name": "P", "tag": f"p{n}", "context_length": 5, "status": 0, "uptime_last_30m": 9.5} for n in (1, 2)
        ],
    }
}
UPTIME = {"data": {"history": [{"date": f"2025-01-0{n}", "uptime": 99.5} for n in (1, 2, 3)]}}
GRAPH = {
    "data": {
        "shop": {
            "orders": {
                "totalCount": 2,
                "pageInfo": {"hasNextPage": False, "endCursor": "x"},
                "edges": [{"cursor": f"c{n}", "node": {"id": f"O{n}", "title": "T"}} for n in (1, 2)],
            }
        }
    }
}
HITS = {
    "took": 3,
    "hits": {
        "total": {"value": 2, "relation": "eq"},
        "hits": [{"_index": "a", "_id": f"{n}", "_score": 1.0, "_source": {"t": n}} for n in (1, 2)],
    },
}
SUMMARY = {
    "page": {"id": "k", "name": "S", "updated_at": "2025-01-01T00:00:00Z"},
    "components": [{"id": f"c{n}", "name": f"C{n}", "status": "operational", "position": n} for n in range(9)],
    "incidents": [],
    "status": {"indicator": "none"},
}
COUNTRIES = [
    {"name": {"common": f"C{n}", "official": f"R{n}"}, "ccn3": f"0{n}0", "population": 10 * n, "tld": [".a"]}
    for n in range(3)
]
ROWS = (
    b'"District","Club Number","Club Name","Goals"\n"91","00005774","A","5"\n"91","01279299","B","5"\n'
    b"Month of Jun, As of 09/13/2025"
)
LINES = b'{"sku": "a", "n": 1.5}\n{"sku": "b", "n": 1.5}\n'

SHAPES = {
    "issues": (ISSUES, "/repos/a/b/issues?state=open", {"items": "", "key": "{id}", "category": "issue"}),
    "package": (PACKAGE, "/pypi/p/json", {"items": "/releases", "key": "{@key}", "category": "release"}),
    "registry": (REGISTRY, "/p", {"items": "/versions", "key": "{@key}", "category": "version"}),
    "earthquakes": (
        EARTHQUAKES,
        "/feed/v1.0/all_day.geojson",
        {"items": "/features", "key": "{id}", "category": "feature", "total": "/metadata/count"},
    ),
    "markets": (MARKETS, "/coins/markets?currency=usd", {"items": "", "key": "{id}", "category": "market"}),
    "prices": (
        {"b": {"usd": 1}, "e": {"usd": 2}},
        "/simple/price",
        {"items": "", "key": "{@key}", "category": "price"},
    ),
    "forecast": (FORECAST, "/v1/forecast?latitude=52", {"category": "forecast"}),
    "candles": (CANDLES, "/api/v3/klines?symbol=AB", {"items": "", "key": "{/0}", "category": "kline"}),
    "endpoints": (
        ENDPOINTS,
        "/api/v1/models/a/b/endpoints",
        {"items": "/data/endpoints", "key": "{tag}", "category": "endpoint"},
    ),
    "uptime": (UPTIME, "/uptime-hourly?id=3", {"items": "/data/history", "key": "{date}", "category": "history"}),
    "graph": (
        GRAPH,
        "/graphql",
        {
            "items": "/data/shop/orders/edges",
            "key": "{/node/id}",
            "category": "order",
            "total": "/data/shop/orders/totalCount",
            "next": "/data/shop/orders/pageInfo/hasNextPage",
        },
    ),
    "hits": (HITS, "/_search", {"items": "/hits/hits", "key": "{_id}", "category": "my", "total": "/hits/total/value"}),
    "summary": (SUMMARY, "/api/v2/summary.json", {"items": "/components", "key": "{id}", "category": "component"}),
    "countries": (COUNTRIES, "/v3.1/countries", {"items": "", "key": "{ccn3}", "category": "country"}),
    "rows": (
        ROWS,
        "/export/clubs.csv",
        {"format": "csv", "key": "{Club Number}", "footer": 1, "category": "club", "as_of": "As of {date:%m/%d/%Y}"},
    ),
    "lines": (LINES, "/products", {"format": "jsonl", "key": "{sku}", "category": "product"}),
}
READ = ("items", "key", "category", "format", "footer", "total", "next", "next_param", "as_of")


@pytest.mark.parametrize("shape", SHAPES)
def test_items_and_what_tells_them_apart_are_found_in_the_shapes_of_many_apis(shape: str) -> None:
    answer, path, expected = SHAPES[shape]
    proposal = proposed(answer, f"https://api.example{path}")
    file = said(proposal)
    assert {field: file[field] for field in READ if field in file} == expected
    assert file["path"] == path
    assert proposal.source.base_url == "https://api.example"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_proposed_file_extracts_completely_from_the_answer_that_it_was_made_from(shape: str) -> None:
    answer, path, _ = SHAPES[shape]
    proposal = proposed(answer, f"https://api.example{path}")
    assert (proposal.complete, proposal.issues) == (True, ())
    (resource,) = proposal.source.resources
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    listing = Extractor(resource.extraction).extract(resource.scope({}), [Body(1, 200, body)]).listing
    assert listing is not None
    assert len({item.key for item in listing.items}) == len(listing.items) == proposal.count


# -- what changes by itself


def test_what_is_telemetry_by_its_name_is_kept_apart() -> None:
    split = said(proposed(SUMMARY))["split"]
    assert split == {"component_telemetry": ["/status"]}
    assert said(proposed(EARTHQUAKES))["split"] == {"feature_telemetry": ["/properties/updated", "/properties/status"]}
    assert said(proposed(ENDPOINTS))["split"] == {"endpoint_telemetry": ["/status", "/uptime_last_30m"]}


def test_telemetry_is_not_kept_apart_where_it_is_all_there_is() -> None:
    assert "split" not in said(proposed(UPTIME))


def test_what_differs_between_two_answers_is_kept_apart_and_said_to() -> None:
    before = [{"id": n, "price": n, "stock": {"left": 3, "of": 9}, "name": "x"} for n in range(3)]
    after = [{"id": n, "price": n + (n == 1), "stock": {"left": 2, "of": 9}, "name": "x"} for n in (2, 1, 0)]
    proposal = proposed(after, URL, before)
    assert said(proposal)["split"] == {"thing_telemetry": ["/stock/left", "/price"]}
    assert [place.why for place in proposal.split] == [
        "differed in 3 of 3 between two answers",
        "differed in 1 of 3 between two answers",
    ]


def test_a_part_of_the_key_is_never_kept_apart() -> None:
    file = said(proposed([{"status": {"id": 1, "n": 2}, "x": "a"}, {"status": {"id": 2, "n": 3}, "x": "a"}]))
    assert file["key"] == "{/status/id}"
    assert "split" not in file


def test_copies_of_other_entities_are_only_spoken_of() -> None:
    proposal = proposed(ISSUES)
    assert [place.path for place in proposal.drop] == ["/user"]
    assert "drop" not in said(proposal)
    assert '# drop = ["/user"]' in proposal.text


# -- keys


def test_members_that_only_together_tell_items_apart_make_a_key() -> None:
    items = [{"shop": shop, "name": name, "n": 1.5} for shop in ("a", "b") for name in ("x", "y")]
    proposal = proposed(items)
    assert said(proposal)["key"] == "{name}:{shop}"
    assert proposal.keys == ("x:a", "y:a", "x:b")


def test_a_key_is_separated_by_what_stands_in_no_value() -> None:
    assert said(proposed([{"a": f"{n // 2}:", "b": f"{n % 2}:"} for n in range(4)]))["key"] == "{a}/{b}"


def test_quantities_dates_links_and_prose_make_no_key_where_there_is_something_better() -> None:
    worse = {"price": "0.5", "url": "https://x.example/", "created": "2025-01-0", "size": 7, "text": "t" * 300}
    items = [{**{name: f"{value}{n}" for name, value in worse.items()}, "size": n, "colour": f"c{n}"} for n in (1, 2)]
    assert said(proposed(items))["key"] == "{colour}"


def test_an_id_that_an_api_repeats_is_still_its_id() -> None:
    items = [{"id": n % 19, "title": f"t{n}"} for n in range(20)]
    proposal = proposed(items)
    assert said(proposal)["key"] == "{id}"
    assert any("1 repeat another's" in finding for finding in proposal.findings)
    assert [issue.code for issue in proposal.issues] == ["duplicate-key"]


def test_items_without_a_key_are_counted_and_make_the_listing_incomplete() -> None:
    proposal = proposed([{"id": "a", "n": 1.5}, {"id": "b", "n": 1.5}, {"id": None, "n": 1.5}])
    assert said(proposal)["key"] == "{id}"
    assert not proposal.complete
    assert any(finding.startswith("1 of the items have nothing at {id}") for finding in proposal.findings)


@pytest.mark.parametrize("name", ["a|b", ":/x", "@key", "/x", "0", "a\nb # c", 'q"\\', "\x7f"])
def test_members_of_any_name_can_be_a_key(name: str) -> None:
    proposal = proposed([{name: "k1"}, {name: "k2"}])
    assert proposal.keys == ("k1", "k2")
    assert proposal.complete


# -- pages


def test_a_page_that_links_to_the_next_one_is_followed() -> None:
    page = {"count": 9, "next": "https://api.example/v1/things?page=2", "results": [{"name": "a"}, {"name": "b"}]}
    proposal = proposed(page)
    assert (proposal.paged, proposal.complete) == (True, False)
    assert said(proposal)["next"] == "/next"
    assert any("each sync asks for all of them" in finding for finding in proposal.findings)


@pytest.mark.parametrize(
    "beside, param",
    [({"nextPageToken": "x7"}, "pageToken"), ({"next_cursor": "x7"}, "cursor"), ({"next": 2}, "page")],
)
def test_what_the_next_page_is_asked_with_is_guessed_from_the_name(beside: dict[str, Any], param: str) -> None:
    proposal = proposed({**beside, "items": [{"id": 1}, {"id": 2}]})
    assert said(proposal)["next_param"] == param
    assert proposal.paged


def test_a_link_to_another_host_is_not_followed() -> None:
    proposal = proposed({"next": "https://other.example/?page=2", "items": [{"id": 1}, {"id": 2}]})
    assert (proposal.paged, proposal.complete) == (False, False)


def test_a_page_that_says_there_are_more_can_never_say_that_something_is_gone() -> None:
    proposal = proposed({"total_count": 4000, "items": [{"id": n} for n in range(30)]})
    assert said(proposal)["total"] == "/total_count"
    assert not proposal.complete
    assert any("4000, and 30 are here" in finding for finding in proposal.findings)


# -- answers that are nothing to go by


@pytest.mark.parametrize(
    "answer, message",
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<!doctype html><html><title>Shop</title>", 'HTML, titled "Shop"'),
        (b'[{"id": 1}, {"id"', "cut off"),
        (b"[" * 5000, "nested too deeply"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"Hello, world", "neither JSON nor CSV"),
        (b"a;b;c\n1;2;3\n", "semicolons"),
        (b"[]", "empty list"),
        (b'{"data": []}', "/data is an empty list"),
        (b"{}", "an empty object"),
        (b"null", "null"),
        (b"3", "an integer"),
        (b"[1, 2, 3]", "list of plain values"),
        (b"[{}, {}]", "nothing tells the items apart"),
        (b'[{"ok": true}, {"ok": false}]', "nothing tells the items apart"),
        (b'{"error": {"code": 401, "message": "who are you?"}}', "about an error"),
    ],
)
def test_an_answer_that_is_nothing_to_go_by_is_refused_for_what_it_is(answer: bytes, message: str) -> None:
    assert message in str(refused(answer))


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.lists(st.dictionaries(st.sampled_from(["id", "name", "status", "a{b", "n|m", ":/", "", "é\n"]), JSONS))


@given(JSONS | OBJECTS | st.fixed_dictionaries({"data": OBJECTS, "total": st.integers(0, 4)}))
def test_whatever_an_answer_holds_the_proposed_file_can_be_read_and_counts_it_right(answer: Any) -> None:
    try:
        proposal = proposed(answer)
    except NoProposal:
        return
    listing_count = len(proposal.keys) if proposal.count <= 3 else 3
    assert len(proposal.keys) <= listing_count
    assert tomllib.loads(proposal.text)["resource"][0]["path"] == "/v1/things"
    if proposal.complete:
        assert len(proposal.keys) == listing_count


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_proposed_for_or_refused(answer: bytes) -> None:
    with contextlib.suppress(NoProposal):
        assert proposed(answer).count > 0


# -- URLs, headers and names


@pytest.mark.parametrize(
    "url, base, path",
    [
        ("https://x.example", "https://x.example", "/"),
        ("http://[::1]:80/a", "http://[::1]:80", "/a"),
        (
            "https://x.example:8443/a%2Fb%20c?q=%7B1%7D&r=a/b#part",
            "https://x.example:8443",
            "/a%2Fb%20c?q=%7B1%7D&r=a/b",
        ),
        ("https://x.example/{a}/ü d?q={x}", "https://x.example", "/%7Ba%7D/%C3%BC%20d?q=%7Bx%7D"),
    ],
)
def test_a_url_becomes_base_url_and_path_and_is_asked_for_as_it_was(url: str, base: str, path: str) -> None:
    (resource,) = proposed([{"id": 1}, {"id": 2}], url).source.resources
    assert proposed([{"id": 1}, {"id": 2}], url).source.base_url == base
    assert resource.request({}) == path


@pytest.mark.parametrize(
    "url",
    [
        "x",
        "ftp://x.example/",
        "https://",
        "https://[::1/a",
        "https://x.example:99999/",
        "https://x.example/a/../b",
        "https://x.example/a//b",
    ],
)
def test_what_cannot_be_asked_for_is_refused(url: str) -> None:
    refused([{"id": 1}], url)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2@x.example/a",
        "https://x.example/a?token=hunter2",
        "https://x.example/a?access_token=hunter2",
        "https://x.example/a?apiKey=hunter2",
        "https://x.example/a?q=1&key=hunter2hunter2hunter2",
    ],
)
def test_a_secret_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    error = refused([{"id": 1}], url)
    assert "hunter2" not in f"{error} {error.hint}"
    assert "--header" in error.hint


def test_keys_and_page_tokens_that_are_no_secrets_may_stand_in_the_url() -> None:
    assert proposed([{"id": 1}], f"{URL}?key=colour&page_token=x7").complete


def test_a_header_takes_its_secret_from_the_environment() -> None:
    proposal = proposed([{"id": 1}], headers={"Authorization": "Bearer ${TOKEN}", "Accept": "application/json"})
    assert proposal.source.headers == {"Authorization": "Bearer ${TOKEN}", "Accept": "application/json"}
    error = refused([{"id": 1}], headers={"X-Api-Key": "hunter2"})
    assert "hunter2" not in f"{error} {error.hint}"


def test_a_name_that_no_source_can_have_is_refused_with_one_that_would_do() -> None:
    check_name("my-shop_2")
    with pytest.raises(NoProposal) as caught:
        check_name("My Shop")
    assert "my-shop" in caught.value.hint
