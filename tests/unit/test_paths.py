"""What is asked for: paths filled from parameters and parents, pages that follow, headers from the environment."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest

from collector import BadRules, Extraction, Resource
from collector.sources.headers import check_headers, filled
from collector.sources.pages import next_path
from collector.sources.paths import request_path

JSON: TypeAlias = Any

BASE = "https://shop.example/v2"
CHILD = Extraction("endpoint", "{model}#{tag}", items="", for_each="model")


def resource(path: str, extraction: Extraction = CHILD) -> Resource:
    return Resource("shop", "r", extraction, path=path)


# values in paths


@pytest.mark.parametrize(
    "template, params, path",
    [
        ("/models/{model}/endpoints", {"model": "openai/gpt-4.1"}, "/models/openai/gpt-4.1/endpoints"),
        ("/models/{model}", {"model": "a b?c%#:free"}, "/models/a%20b%3Fc%25%23%3Afree"),
        ("/models?of={model}", {"model": "openai/gpt&x=1"}, "/models?of=openai%2Fgpt%26x%3D1"),
        ("/a/{b}?c={d}&e=?{b}", {"b": "1", "d": "?"}, "/a/1?c=%3F&e=?1"),
        ("/{{a}}/{b}", {"b": "é\\"}, "/{a}/%C3%A9%5C"),
        ("/m?v={v|standard}", {}, "/m?v=standard"),
        ("/m/{b}/", {"b": "x"}, "/m/x/"),
        ("/", {}, "/"),
    ],
)
def test_values_cannot_leave_their_place_in_a_path(template: str, params: dict[str, str], path: str) -> None:
    assert request_path(template, params) == path


@pytest.mark.parametrize("value", ["..", "a/../b", "", "a//b", "./a", "/a", "a/"])
def test_a_value_that_leads_elsewhere_is_refused(value: str) -> None:
    with pytest.raises(BadRules, match="path: "):
        request_path("/models/{model}/endpoints", {"model": value})


@pytest.mark.parametrize("template", ["/models/.{model}", "/models/{model}.", "/{model}{model}/x"])
def test_a_value_and_what_stands_beside_it_cannot_lead_elsewhere_together(template: str) -> None:
    with pytest.raises(BadRules):
        request_path(template, {"model": "."})


def test_a_parameter_that_is_not_given_is_named() -> None:
    with pytest.raises(BadRules, match=r"path: \{model\}: the item is null"):
        request_path("/models/{model}", {})


# parents


def test_a_pointer_in_a_path_looks_into_the_parents_document() -> None:
    asked = resource("/stats/{/author}?permaslug={/permaslug}&n={/endpoint/n}")
    parent = {"permaslug": "a/b-2025", "author": "a/x", "endpoint": {"n": 7}}
    assert asked.request({"model": "a/b"}, parent) == "/stats/a/x?permaslug=a%2Fb-2025&n=7"


@pytest.mark.parametrize(
    "parent", [{}, {"endpoint": None}, {"endpoint": {}}, {"endpoint": {"variant": None}}, None, [1]]
)
def test_what_the_parent_does_not_say_takes_its_default(parent: JSON) -> None:
    assert resource("/s?v={/endpoint/variant|standard}").request({"model": "a"}, parent) == "/s?v=standard"
    assert resource("/s?v=a{:/endpoint/variant|standard}").request({"model": "a"}, parent) == "/s?v=a"


def test_what_the_parent_says_wins_over_the_default() -> None:
    parent = {"endpoint": {"variant": "free"}}
    assert resource("/s?v={/endpoint/variant|standard}").request({"model": "a"}, parent) == "/s?v=free"
    assert resource("/s?v=a{:/endpoint/variant|standard}").request({"model": "a"}, parent) == "/s?v=a%3Afree"


@pytest.mark.parametrize(
    "parent, reason",
    [
        ({}, "{/slug}: the item has no such place, in the parent's document"),
        (None, "{/slug}: the item has no such place, in the parent's document"),
        ({"slug": None}, "{/slug} is null, not a string or an integer, in the parent's document"),
        ({"slug": ""}, "{/slug} is an empty string, in the parent's document"),
        ({"slug": 1.5}, "{/slug} is a number with a fraction, not a string or an integer, in the parent's document"),
        ({"slug": "../x"}, "'../x' cannot stand in a path"),
    ],
)
def test_a_parent_that_does_not_say_it_or_leads_elsewhere_is_refused(parent: JSON, reason: str) -> None:
    with pytest.raises(BadRules) as caught:
        resource("/models/{/slug}").request({"model": "a"}, parent)
    assert str(caught.value) == f"path: {reason}"


def test_a_parents_key_is_asked_for_as_the_api_wrote_it_and_other_parameters_as_they_are() -> None:
    asked = resource("/m/{model}?x={x}")
    assert asked.request({"model": r"c\#\\", "x": r"\#"}) == "/m/c%23%5C?x=%5C%23"


def test_a_resource_without_a_path_cannot_be_asked_for() -> None:
    with pytest.raises(BadRules, match=r"path: shop\.r has none"):
        Resource("shop", "r", Extraction("item", "{id}", items="")).request({})


# pages


@pytest.mark.parametrize(
    "asked, value, path",
    [
        ("/items", "https://shop.example/v2/items?page=2", "/items?page=2"),
        ("/items", "HTTPS://SHOP.example:443/v2/items?page=2#top", "/items?page=2"),
        ("/items?page=1", "/v2/items?page=2", "/items?page=2"),
        ("/items?page=1", "?page=2", "/items?page=2"),
        ("/items", "/v2/items?q=é b", "/items?q=%C3%A9%20b"),
        ("/items", "/v2/items?q=%C3%A9", "/items?q=%C3%A9"),
    ],
)
def test_a_link_leads_to_the_next_page(asked: str, value: str, path: str) -> None:
    assert next_path(asked, value, BASE, param=None) == path
    assert next_path(asked, value, BASE + "/", param=None) == path


@pytest.mark.parametrize("value", [None, "", False])
@pytest.mark.parametrize("param", [None, "cursor"])
def test_after_the_last_page_comes_none(value: JSON, param: str | None) -> None:
    assert next_path("/items", value, BASE, param=param) is None


@pytest.mark.parametrize(
    "value",
    [
        "https://other.example/v2/items",
        "http://shop.example/v2/items",
        "https://shop.example:8443/v2/items",
        "https://me@shop.example/v2/items",
        "https://shop.example@other.example/v2/items",
        "https://shop.example.other.example/v2/items",
        "//other.example/v2/items",
        "https://shop.example:x/v2/items",
        "https://[/v2/items",
        "/\\other.example/v2/items",
        "/v2/items\n?page=2",
        "/items?page=2",
        "/v20/items",
        "/v2/../admin",
        "https://shop.example/v2/../admin",
        "/v2/%2e%2e/admin",
        "https://shop.example",
        "items?page=2",
        "abc",
        "ftp://shop.example/v2/items",
        7,
        True,
        {"href": "/v2/items"},
        ["/v2/items"],
    ],
)
def test_a_link_that_leads_away_or_is_none_is_refused(value: JSON) -> None:
    with pytest.raises(BadRules, match="next: "):
        next_path("/items", value, BASE, param=None)


@pytest.mark.parametrize(
    "asked, value, path",
    [
        ("/items", "abc", "/items?cursor=abc"),
        ("/items?n=5", 17, "/items?n=5&cursor=17"),
        ("/items?cursor=abc&n=5", "a&b=/é", "/items?n=5&cursor=a%26b%3D%2F%C3%A9"),
        ("/items?c%75rsor=abc", "https://other.example/", "/items?cursor=https%3A%2F%2Fother.example%2F"),
    ],
)
def test_a_token_is_put_into_the_query(asked: str, value: JSON, path: str) -> None:
    assert next_path(asked, value, BASE, param="cursor") == path


@pytest.mark.parametrize("value", [True, 1.5, {"a": 1}, ["abc"]])
def test_a_token_is_a_string_or_an_integer(value: JSON) -> None:
    with pytest.raises(BadRules, match=r"next: it is .*: cursor takes a string or an integer"):
        next_path("/items", value, BASE, param="cursor")


def test_a_resource_knows_whether_its_pages_are_led_to_by_links_or_tokens() -> None:
    paged = Extraction("item", "{id}", items="/data", next="/next")
    links = Resource("shop", "r", paged, path="/items")
    tokens = Resource("shop", "r", paged, path="/items", next_param="after")
    assert links.following("/items", "?page=2", BASE) == "/items?page=2"
    assert tokens.following("/items", "?page=2", BASE) == "/items?after=%3Fpage%3D2"
    assert links.extraction.rules == tokens.extraction.rules


# headers


def test_headers_take_their_secrets_from_the_environment() -> None:
    headers = {"Authorization": "Bearer ${TOKEN}", "X-Both": "${A}-${B}", "Accept": "text/csv; $5 {x}"}
    assert filled(headers, {"TOKEN": " t0k \t", "A": "1", "B": "${A}"}) == {
        "Authorization": "Bearer t0k",
        "X-Both": "1-${A}",
        "Accept": "text/csv; $5 {x}",
    }
    assert headers["Authorization"] == "Bearer ${TOKEN}"


@pytest.mark.parametrize(
    "environment, reason",
    [
        ({}, "the environment's variable TOKEN is not set"),
        ({"token": "s3cret"}, "the environment's variable TOKEN is not set"),
        ({"TOKEN": ""}, "the environment's variable TOKEN is empty"),
        ({"TOKEN": "  "}, "the environment's variable TOKEN is empty"),
        *(
            ({"TOKEN": value}, "the environment's variable TOKEN holds a line break or another character")
            for value in ("s3cret\n", "s3cret\r\nX: 1", "\x00s3cret", "s3cret\x7f", "s3crét", "s3cret\ud800")
        ),
    ],
)
def test_a_secret_that_is_missing_or_unfit_is_named_and_never_shown(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(BadRules) as caught:
        filled({"Authorization": "Bearer ${TOKEN}"}, environment)
    assert str(caught.value).startswith(f"source.headers.Authorization: {reason}")
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize(
    "headers, field",
    [
        ({"X Y": "1"}, "source.headers.X Y"),
        ({"X": "s3cret\n"}, "source.headers.X"),
        ({"X": "s3cret ${}"}, "source.headers.X"),
        ({"X": "s3cret ${A"}, "source.headers.X"),
        ({"X": "s3cret ${1A}"}, "source.headers.X"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(headers: dict[str, str], field: str) -> None:
    with pytest.raises(BadRules) as caught:
        check_headers(headers)
    assert caught.value.field == field
    assert "s3cret" not in str(caught.value)
