"""Extraction: what the answers for a scope say, and what is said about answers that say nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector import BadRules, Body, Extracted, Extraction, Extractor, Format, NoFunction
from collector.extraction.memory import Memory, Page, Pages, Reading
from eventstore import Entity, Issue, Item, Listing, Scope

SCOPE = Scope("shop", "items")
LIST = Extraction(category="item", key="{id}", items="/data")
BARE = Extraction(category="item", key="{id}", items="")
KEYED = Extraction(category="item", key="{@key}", items="/data")
SINGLE = Extraction(category="price", key="price")
LINES = Extraction(category="item", key="{id}", format=Format.JSONL)
TABLE = Extraction(category="club", key="{Club Number}", format=Format.CSV)


def extract(rules: Extraction, *answers: bytes | Body, **params: str) -> Extracted:
    bodies = [each if isinstance(each, Body) else Body(n, 200, each) for n, each in enumerate(answers, start=1)]
    return Extractor(rules).extract(Scope.of("shop", "items", params), bodies)


def listed(rules: Extraction, *answers: bytes | Body, **params: str) -> Listing:
    """Extract answers that hold no surprise."""
    extracted = extract(rules, *answers, **params)
    assert extracted.issues == ()
    assert extracted.listing is not None
    assert extracted.listing.complete
    return extracted.listing


def documents(listing: Listing | None) -> dict[str, Any]:
    assert listing is not None
    return {item.key: item.parts[0][1].value for item in listing.items}


def keys(rules: Extraction, answer: bytes, **params: str) -> list[str]:
    return [item.key for item in listed(rules, answer, **params).items]


def only_issue(rules: Extraction, *answers: bytes | Body, **params: str) -> Issue:
    (issue,) = extract(rules, *answers, **params).issues
    return issue


def refusal(rules: Extraction, *answers: bytes | Body) -> tuple[str, str]:
    """Extract answers that say nothing, and tell why."""
    extracted = extract(rules, *answers)
    assert extracted.listing is None
    (issue,) = extracted.issues
    return issue.code, issue.message


# where the items are


def test_a_list_is_found_where_the_pointer_leads() -> None:
    assert documents(listed(LIST, b'{"data": [{"id": "a", "n": 1}, {"id": 2}]}')) == {
        "a": {"id": "a", "n": 1},
        "2": {"id": 2},
    }


def test_an_empty_pointer_takes_the_whole_answer_for_the_list() -> None:
    assert documents(listed(BARE, b' [{"id": "a"}] ')) == {"a": {"id": "a"}}


def test_an_empty_list_is_a_complete_listing_of_nothing() -> None:
    assert listed(LIST, b'{"data": []}').items == ()


def test_a_keyed_object_lends_its_member_names_as_keys() -> None:
    answer = b'{"data": {"a": {"n": 1}, "b": 2, "@key": null}}'
    assert documents(listed(KEYED, answer)) == {"a": {"n": 1}, "b": 2, "@key": None}


def test_the_items_of_a_keyed_object_may_have_keys_of_their_own() -> None:
    assert keys(LIST, b'{"data": {"0": {"id": "a"}, "1": {"id": "b"}}}') == ["a", "b"]


def test_a_keyed_object_without_members_is_a_complete_listing_of_nothing() -> None:
    assert listed(KEYED, b'{"data": {}}').items == ()
    assert listed(KEYED, b'{"data": []}').items == ()  # as PHP writes it


def test_without_items_the_whole_answer_is_one_document() -> None:
    assert documents(listed(SINGLE, b'{"usd": 1.50}')) == {"price": {"usd": 1.5}}
    assert documents(listed(SINGLE, b"42")) == {"price": 42}


@pytest.mark.parametrize(
    "pointer, answer",
    [
        ("/a/b/c", b'{"a": {"b": {"c": [{"id": "x"}]}}}'),
        ("/a/1", b'{"a": [0, [{"id": "x"}]]}'),
        ("/~1~0", b'{"/~": [{"id": "x"}]}'),
        ("/", b'{"": [{"id": "x"}]}'),
        ('/a"b', b'{"a\\"b": [{"id": "x"}]}'),
        ("/é", b'{"\\u00e9": [{"id": "x"}]}'),
        ("/0", b'{"0": [{"id": "x"}]}'),
    ],
)
def test_any_pointer_is_followed(pointer: str, answer: bytes) -> None:
    assert keys(Extraction("item", "{id}", items=pointer), answer) == ["x"]


@pytest.mark.parametrize(
    "answer",
    [
        b'{"data": [{"id": "y"}], "data": [{"id": "x"}]}',
        b'{"data": null, "data": [{"id": "x"}]}',
        b'{"data": [{"id": "y"}], "d\\u0061ta": [{"id": "x"}]}',
        b'{"data": [{"id": "y", "id": "x"}]}',
        b'{"data": [{"id": "y"}], "x": NaN, "data": [{"id": "x"}]}',
    ],
)
def test_of_repeated_member_names_the_last_counts(answer: bytes) -> None:
    assert keys(LIST, answer) == ["x"]


def test_a_repeated_member_name_may_take_the_items_away() -> None:
    assert refusal(LIST, b'{"data": [{"id": "y"}], "data": null}') == ("no-items", "/data is null")
    nested = Extraction("item", "{id}", items="/a/b")
    assert refusal(nested, b'{"a": {"b": [{"id": "y"}]}, "a": {}}')[0] == "no-items"


def test_numbers_and_strings_come_back_as_they_are() -> None:
    answer = b'[{"id": 123456789012345678901234567890, "f": 1.0, "e": 1e2, "s": "\\u00e9\\ud834\\udd1e", "z": -0.0}]'
    (item,) = listed(BARE, answer).items
    assert item.key == "123456789012345678901234567890"
    assert item.parts[0][1].canonical == (
        '{"e":100.0,"f":1.0,"id":123456789012345678901234567890,"s":"é𝄞","z":-0.0}'.encode()
    )


def test_a_byte_order_mark_is_no_hindrance() -> None:
    assert keys(BARE, b'\xef\xbb\xbf[{"id": "a"}]') == ["a"]
    assert keys(TABLE, b"\xef\xbb\xbfClub Number\n7\n") == ["7"]
    assert keys(LINES, b'\xef\xbb\xbf{"id": "a"}\n') == ["a"]


# keys


@pytest.mark.parametrize(
    "template, item, key",
    [
        ("{id}", b'{"id": "openai/gpt-4.1:free"}', "openai/gpt-4.1:free"),
        ("{id}", b'{"id": -7}', "-7"),
        ("{id}", b'{"id": "00005774"}', "00005774"),
        ("{a}#{b}", b'{"a": "x", "b": "y"}', "x#y"),
        ("{/a/b}", b'{"a": {"b": 1}}', "1"),
        ("{/a/1}", b'{"a": ["x", "y"]}', "y"),
        ("{/0}", b'[1735689600000, "93576.00"]', "1735689600000"),
        ("{/@key}", b'{"@key": "k"}', "k"),
        ("{a b}", b'{"a b": " "}', " "),
        ("{{{id}}}", b'{"id": "a"}', "{a}"),
        ("{id}", b'{"id": "a#2"}', "a\\#2"),
        ("{id}", b'{"id": "a\\\\"}', "a\\\\"),
        ("{a}#{b}", b'{"a": "x#", "b": "\\\\y"}', "x\\##\\\\y"),
        ("{a}:{/b/c|std}", b'{"a": "x", "b": {"c": "free"}}', "x:free"),
        ("{a}:{/b/c|std}", b'{"a": "x", "b": {"c": null}}', "x:std"),
        ("{a}:{/b/c|std}", b'{"a": "x", "b": null}', "x:std"),
        ("{a}:{/b/c|std}", b'{"a": "x"}', "x:std"),
        ("{a|none}", b'{"b": 1}', "none"),
        ("{a|no#}", b"[]", "no\\#"),
        ("{a||b}", b'{"a|b": 1}', "1"),
        ("{a||b|c||d}", b"{}", "c|d"),
        ("{a}{:/b|std}", b'{"a": "x", "b": "free"}', "x:free"),
        ("{a}{:/b|std}", b'{"a": "x", "b": "std"}', "x"),
        ("{a}{:/b|std}", b'{"a": "x", "b": null}', "x"),
        ("{a}{:/b}", b'{"a": "x"}', "x"),
        ("{a}{:/b}", b'{"a": "x", "b": 7}', "x:7"),
        ("{a}{:/b|std}", b'{"a": "x", "b": "#"}', "x:\\#"),
        ("{:b}", b'{":b": "x"}', "x"),
    ],
)
def test_a_template_makes_a_key(template: str, item: bytes, key: str) -> None:
    assert keys(Extraction("item", template, items=""), b"[" + item + b"]") == [key]


@pytest.mark.parametrize(
    "item, reason",
    [
        (b"{}", "{id}: the item has no such member"),
        (b'{"ID": "a"}', "{id}: the item has no such member"),
        (b'{"id": null}', "{id} is null, not a string or an integer"),
        (b'{"id": true}', "{id} is true, not a string or an integer"),
        (b'{"id": 1.0}', "{id} is a number with a fraction, not a string or an integer"),
        (b'{"id": ["a"]}', "{id} is a list, not a string or an integer"),
        (b'{"id": ""}', "{id} is an empty string"),
        (b"[1]", "{id}: the item is a list, which has no members"),
        (b"null", "{id}: the item is null, which has no members"),
    ],
)
def test_an_item_without_a_key_makes_the_listing_incomplete(item: bytes, reason: str) -> None:
    extracted = extract(LIST, b'{"data": [{"id": "a"}, ' + item + b"]}")
    assert extracted.issues == (Issue("no-key", f"/data/1 has no key: {reason}", 1),)
    assert extracted.listing is not None
    assert not extracted.listing.complete
    assert [each.key for each in extracted.listing.items] == ["a"]


@pytest.mark.parametrize(
    "template, item, reason",
    [
        ("{a|b}", b'{"a": ""}', "{a|b} is an empty string"),
        ("{a|b}", b'{"a": [1]}', "{a|b} is a list, not a string or an integer"),
        ("{:/a|b}", b'{"a": {}}', "{:/a|b} is an object, not a string or an integer"),
        ("{:/a|b}", b'{"a": "b"}', "nothing of its template has a value"),
        ("{:/a}", b"{}", "nothing of its template has a value"),
    ],
)
def test_a_default_stands_for_what_is_missing_or_null_and_for_nothing_else(
    template: str, item: bytes, reason: str
) -> None:
    issue = only_issue(Extraction("item", template, items=""), b"[" + item + b"]")
    assert (issue.code, issue.message) == ("no-key", f"/0 has no key: {reason}")


@pytest.mark.parametrize("template", ["{|a}", "{a|}", "{:/a|}", "{|}"])
def test_a_template_that_names_nothing_is_refused(template: str) -> None:
    with pytest.raises(BadRules, match="names nothing"):
        Extraction("item", template, items="")


def test_a_parameter_of_the_scope_wins_over_a_member_of_the_same_name() -> None:
    rules = Extraction("endpoint", "{model}#{tag}", items="")
    assert keys(rules, b'[{"model": "m", "tag": "t"}]', model="a/b") == ["a/b#t"]
    assert keys(rules, b'[{"model": "m", "tag": "t"}]') == ["m#t"]
    assert keys(Extraction("endpoint", "{/model}#{tag}", items=""), b'[{"model": "m", "tag": "t"}]', model="a") == [
        "m#t"
    ]


def test_a_list_has_no_member_names_to_lend() -> None:
    assert refusal(KEYED, b'{"data": [{"id": "a"}]}') == (
        "no-items",
        "/data is a list, whose items have no {@key}: name a member, as {id}",
    )


def test_items_with_one_key_both_stay_in_their_order() -> None:
    extracted = extract(BARE, b'[{"id": "a", "n": 1}, {"id": "b"}, {"id": "a", "n": 2}, {"id": "a", "n": 1}]')
    assert extracted.listing is not None
    assert extracted.listing.complete
    assert [item.key for item in extracted.listing.items] == ["a", "b", "a", "a"]
    assert extracted.issues == (Issue("duplicate-key", "3 items have this key, 2 of them different", 1, "a"),)


def test_items_that_are_twins_in_everything_are_said_to_be() -> None:
    assert only_issue(BARE, b'[{"id": "a"}, {"id": "a"}]') == Issue(
        "duplicate-key", "2 items have this key, all equal", 1, "a"
    )


# split and drop


SPLIT = Extraction(
    category="endpoint",
    key="{id}",
    items="",
    split={"telemetry": ("/status", "/stats/p50"), "money": ("/pricing/discount",)},
    drop=("/model", "/stats/raw"),
)


def parts(answer: bytes, rules: Extraction = SPLIT) -> list[tuple[str, Any]]:
    (item,) = listed(rules, answer).items
    return [(category, document.value) for category, document in item.parts]


def test_what_is_split_off_goes_to_documents_of_its_own() -> None:
    answer = b"""[{"id": "a", "status": 0, "stats": {"p50": 1, "p90": 2, "raw": []}, "model": {"name": "x"},
                   "pricing": {"discount": null}}]"""
    assert parts(answer) == [
        ("endpoint", {"id": "a", "stats": {"p90": 2}, "pricing": {}}),
        ("money", {"pricing": {"discount": None}}),
        ("telemetry", {"status": 0, "stats": {"p50": 1}}),
    ]


def test_a_part_of_which_nothing_is_there_is_absent() -> None:
    assert parts(b'[{"id": "a", "stats": [1], "pricing": {"prompt": "1"}}]') == [
        ("endpoint", {"id": "a", "stats": [1], "pricing": {"prompt": "1"}})
    ]


def test_an_absent_part_is_spoken_for_all_the_same() -> None:
    assert listed(SPLIT, b'[{"id": "a"}]').categories == ("endpoint", "money", "telemetry")


def test_a_key_may_be_made_of_what_is_dropped() -> None:
    rules = Extraction("item", "{id}", items="", drop=("/id",))
    assert documents(listed(rules, b'[{"id": "a", "n": 1}]')) == {"a": {"n": 1}}


def test_an_item_that_is_no_object_has_nothing_to_drop() -> None:
    rules = Extraction("candle", "{/0}", items="", drop=("/0",), split={"volume": ("/1",)})
    assert documents(listed(rules, b'[[1, "2"]]')) == {"1": [1, "2"]}


# parents, statuses, failures


def test_a_child_listing_names_its_parent() -> None:
    rules = Extraction("endpoint", "{model}#{tag}", items="", for_each="model")
    assert listed(rules, b"[]", model="a/b").parent == Entity("shop", "model", "a/b")
    assert listed(rules, b"[]", other="x").parent is None


def test_a_status_that_means_empty_makes_a_complete_listing_of_nothing_whatever_the_body() -> None:
    rules = Extraction("item", "{id}", items="/data", empty_on=(404,))
    for body in (b"<html>", b"", None, b'{"data": [{"id": "a"}]}'):
        assert listed(rules, Body(1, 404, body)).items == ()
    assert listed(rules, Body(1, 404, None, "not found")).items == ()


def test_a_failed_attempt_is_no_listing() -> None:
    good = b'{"data": []}'
    assert refusal(LIST, Body(1, 404, good)) == ("failed-attempt", "status 404")
    assert refusal(LIST, Body(1, 304, b"")) == ("failed-attempt", "status 304")
    assert refusal(LIST, Body(1, None, None, "timed out after 30 s")) == ("failed-attempt", "timed out after 30 s")
    assert refusal(LIST, Body(1, 200, good, "cut off")) == ("failed-attempt", "status 200: cut off")
    assert refusal(LIST, Body(1)) == ("failed-attempt", "no answer came")


def test_a_body_needs_no_status_and_any_2xx_will_do() -> None:
    assert keys(BARE, b'[{"id": "a"}]') == ["a"]
    assert documents(listed(BARE, Body(1, None, b'[{"id": "a"}]'))) == {"a": {"id": "a"}}
    assert documents(listed(BARE, Body(1, 206, b'[{"id": "a"}]'))) == {"a": {"id": "a"}}


def test_no_answers_say_nothing() -> None:
    assert extract(LIST) == Extracted(None, ())


# answers that cannot be read


@pytest.mark.parametrize(
    "answer, message",
    [
        (b"", "empty: 0 bytes"),
        (b"\n \n", "empty: 3 bytes of white space"),
        (b"<!DOCTYPE html><html><head><title>503 Oops\n</title>", 'HTML, titled "503 Oops"'),
        (b"<html><body>", "HTML"),
        (b"<?xml version='1.0'?><a/>", "HTML or XML"),
        (b"\x1f\x8b\x08\x00", "gzip-compressed bytes"),
        (b"<<<<<<< HEAD\n{}", "a file with merge conflicts"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer: the bytes themselves are elsewhere"),
        ('[{"id": "a"}]'.encode("utf-16"), "UTF-16 or UTF-32 text; JSON is UTF-8"),
        ('[{"id": "a"}]'.encode("utf-16-be"), "UTF-16 or UTF-32 text, or no text at all; JSON is UTF-8"),
        (b'[{"id": "a"}, {"id"', "cut off after 19 bytes: the JSON has no end"),
        (b'[{"id": "a"}, {"id": "b', "cut off after 23 bytes: the JSON has no end"),
        (b'[{"id": "a"}, {"id": fal', "cut off after 24 bytes: the JSON has no end"),
        (b'[{"id": "\\u00', "cut off after 13 bytes: the JSON has no end"),
        (b"[", "cut off after 1 bytes: the JSON has no end"),
        (b'[{"id": 1},, {"id": 2}]', 'not JSON at byte 11 (line 1): ", {"id": 2}]"'),
        (b'[{"id": 1}\n{"id": 2}]', 'not JSON at byte 11 (line 2): "{"id": 2}]"'),
        (b'[{"id": 1}] []', 'not JSON at byte 12 (line 1): "[]"'),
        (b"[{id: 1}]", 'not JSON at byte 2 (line 1): "id: 1}]"'),
        (b"Too Many Requests\x1b[31m", 'not JSON at byte 0 (line 1): "Too Many Requests�[31m"'),
        (b'[{"id": 1}, \xff]', "bad UTF-8 at byte 12 (line 1)"),
        (b"[" * 100_000, "nested too deeply: more than 200 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply: more than 200 levels"),
        (b'[{"a":' * 50_000 + b"1" + b"}]" * 50_000, "nested too deeply: more than 200 levels"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else "",
)
def test_an_answer_that_cannot_be_read_is_no_listing_and_said_to_be_what_it_looks_like(
    answer: bytes, message: str
) -> None:
    assert refusal(BARE, answer) == ("unreadable-answer", message)
    assert refusal(SINGLE, answer) == ("unreadable-answer", message)


def test_nesting_is_read_up_to_a_depth_that_does_not_depend_on_the_caller() -> None:
    def nested(levels: int) -> bytes:
        return b'[{"id": "a", "v": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}]"

    assert keys(BARE, nested(200)) == ["a"]
    assert refusal(BARE, nested(201)) == ("unreadable-answer", "nested too deeply: more than 200 levels")


def test_brackets_in_strings_do_not_nest() -> None:
    assert keys(BARE, b'[{"id": "a", "v": "\\"' + b"[{" * 10_000 + b'"}]') == ["a"]


@pytest.mark.parametrize(
    "rules, answer, message",
    [
        (SINGLE, b'[{"id": 1}]', 'the answer is a list of 1, not one document; write items = "" and a key'),
        (LIST, b'[{"id": 1}]', 'there is no /data: the answer is a list of 1; write items = "" if its elements are'),
        (
            LIST,
            b'{"error": "x", "rows": [1]}',
            'there is no /data: the answer is an object with the members "error", "rows"; write items = "/rows" if',
        ),
        (LIST, b"{}", "there is no /data: the answer is an object without members"),
        (LIST, b'{"data": null}', "/data is null"),
        (LIST, b'{"data": "soon"}', "/data is a string"),
        (LIST, b'{"data": NaN}', "/data is NaN"),
        (LIST, b'{"data": {"id": "a", "n": 1}}', '/data is an object with the members "id", "n", none of which is'),
        (BARE, b'"text"', "the answer is a string"),
        (
            Extraction("item", "{id}", items="/a/b"),
            b'{"a": {"c": [], "d": 1}}',
            'there is no /a/b: /a is an object with the members "c", "d"; write items = "/a/c" if they are in there',
        ),
        (
            Extraction("item", "{id}", items="/a/3/b"),
            b'{"a": [1, 2]}',
            "there is no /a/3: /a is a list of 2; write items",
        ),
    ],
)
def test_items_that_are_elsewhere_are_no_listing_and_the_issue_says_what_to_write(
    rules: Extraction, answer: bytes, message: str
) -> None:
    code, said = refusal(rules, answer)
    assert (code, said[: len(message)]) == ("no-items", message)


# items that cannot be read


@pytest.mark.parametrize(
    "value, reason, path",
    [
        (b"NaN", "NaN is not a number that can be held", "/v"),
        (b"-Infinity", "-Infinity is not a number that can be held", "/v"),
        (b"[1, 1e400]", "1e400 is not a number that can be held", "/v/1"),
        (b"1" * 5000, "an integer of 5000 digits is not a number that can be held", "/v"),
        (b'{"w": "\\ud800"}', "a string that is not Unicode text", "/v/w"),
        (b'{"\\udc00": 1}', "a member name that is not Unicode text", "/v"),
        (b'"\xff"', "a string that is not Unicode text", "/v"),
    ],
    ids=lambda value: repr(value[:16]) if isinstance(value, bytes) else "",
)
@pytest.mark.parametrize("rules", [LIST, KEYED], ids=["list", "keyed"])
def test_an_item_that_no_document_can_hold_is_there_all_the_same(
    rules: Extraction, value: bytes, reason: str, path: str
) -> None:
    bad = b'{"id": "b", "v": ' + value + b"}"
    answer = {
        LIST.key: b'{"data": [{"id": "a"}, ' + bad + b"]}",
        KEYED.key: b'{"data": {"a": {"id": "a"}, "b": ' + bad + b"}}",
    }[rules.key]
    place = {LIST.key: "/data/1", KEYED.key: "/data/b"}[rules.key]
    extracted = extract(rules, answer)
    assert extracted.issues == (
        Issue("unreadable-item", f"{place} is there but cannot be read: {reason}", 1, "b", path),
    )
    assert extracted.listing is not None
    assert (extracted.listing.complete, extracted.listing.present) == (True, frozenset("b"))
    assert documents(extracted.listing) == {"a": {"id": "a"}}


@pytest.mark.parametrize("spoiled", [b'"b\\ud800"', b'"\xff"', b"1e400", b"9" * 5000, b"NaN"])
def test_an_unreadable_item_whose_key_is_what_is_wrong_makes_the_listing_incomplete(spoiled: bytes) -> None:
    extracted = extract(LIST, b'{"data": [{"id": "a"}, {"id": ' + spoiled + b"}]}")
    assert extracted.listing is not None
    assert (extracted.listing.complete, extracted.listing.present) == (False, frozenset())
    assert [issue.code for issue in extracted.issues] == ["no-key"]


def test_a_control_character_in_a_string_spoils_its_item_only() -> None:
    extracted = extract(BARE, b'[{"id": "a"}, {"id": "b", "v": "\x01"}]')
    assert extracted.listing is not None
    assert (documents(extracted.listing), extracted.listing.present) == ({"a": {"id": "a"}}, frozenset("b"))


def test_what_is_wrong_beside_the_items_does_not_touch_them() -> None:
    for beside in (b"NaN", b"1e400", b'"\\ud800"', b'"\xff"'):
        assert keys(LIST, b'{"x": ' + beside + b', "data": [{"id": "a"}]}') == ["a"]


def test_a_single_document_that_cannot_be_held_is_present() -> None:
    extracted = extract(SINGLE, b'{"usd": NaN}')
    assert extracted.listing is not None
    assert (extracted.listing.complete, extracted.listing.present) == (True, frozenset(["price"]))
    assert (
        extracted.issues[0].message == "the document is there but cannot be read: NaN is not a number that can be held"
    )


def test_many_bad_items_are_counted_and_not_listed() -> None:
    answer = b"[" + b",".join([b"{}"] * 50 + [b'{"id": %d, "v": NaN}' % n for n in range(30)]) + b"]"
    issues = extract(BARE, answer).issues
    assert [issue.code for issue in issues].count("no-key") == 21
    assert [issue.code for issue in issues].count("unreadable-item") == 21
    assert {issue.message for issue in issues} >= {"and 30 more like these", "and 10 more like these"}


# pages


def test_the_items_of_several_answers_are_one_listing_in_their_order() -> None:
    listing = listed(LIST, b'{"data": [{"id": "b"}, {"id": "a"}]}', b'{"data": []}', b'{"data": [{"id": "c"}]}')
    assert [item.key for item in listing.items] == ["b", "a", "c"]
    assert listing.attempt == 1


def test_a_page_that_says_nothing_makes_the_listing_incomplete_and_spares_the_others() -> None:
    extracted = extract(LIST, b'{"data": [{"id": "a"}]}', b"<html>", b'{"data": [{"id": "c"}]}')
    assert extracted.listing is not None
    assert (extracted.listing.complete, list(documents(extracted.listing))) == (False, ["a", "c"])
    assert extracted.issues == (Issue("unreadable-answer", "HTML", 2),)


def test_pages_of_which_none_says_anything_are_no_listing() -> None:
    extracted = extract(LIST, b"", Body(2, 500, b""))
    assert extracted.listing is None
    assert [(issue.attempt, issue.code) for issue in extracted.issues] == [
        (1, "unreadable-answer"),
        (2, "failed-attempt"),
    ]


def test_a_key_on_two_pages_is_a_duplicate_of_the_second() -> None:
    assert only_issue(LIST, b'{"data": [{"id": "a"}]}', b'{"data": [{"id": "a", "n": 1}]}') == Issue(
        "duplicate-key", "2 items have this key, 2 of them different", 2, "a"
    )


TOTAL = Extraction("item", "{id}", items="/data", total="/total", next="/next")


@pytest.mark.parametrize("after", [b'"next": null', b'"next": ""', b'"next": false', b'"other": 1'])
def test_an_answer_whose_count_agrees_and_that_is_the_last_is_complete(after: bytes) -> None:
    assert keys(TOTAL, b'{"data": [{"id": "a"}], "total": 1, ' + after + b"}") == ["a"]


def test_the_count_is_that_of_all_pages_unreadable_items_included() -> None:
    pages = (b'{"data": [{"id": "a"}], "total": 2, "next": 2}', b'{"data": [{"id": "b", "v": NaN}], "total": 2}')
    extracted = extract(TOTAL, *pages)
    assert extracted.listing is not None
    assert extracted.listing.complete


@pytest.mark.parametrize(
    "total, said",
    [(b"2", "2"), (b"null", "null"), (b"true", "true"), (b'"x"', "x"), (b"1.0", "a number with a fraction")],
)
def test_a_count_that_differs_makes_the_listing_incomplete(total: bytes, said: str) -> None:
    extracted = extract(TOTAL, b'{"data": [{"id": "a"}], "total": ' + total + b"}")
    assert extracted.listing is not None
    assert not extracted.listing.complete
    assert extracted.issues == (Issue("count-differs", f"/total says {said}, but there are 1 items", 1, path="/total"),)


def test_a_last_page_that_points_to_another_one_makes_the_listing_incomplete() -> None:
    extracted = extract(TOTAL, b'{"data": [{"id": "a"}], "total": "1", "next": "/items?page=2"}')
    assert extracted.listing is not None
    assert not extracted.listing.complete
    assert [issue.code for issue in extracted.issues] == ["missing-page"]


def test_what_leads_to_the_next_page_is_read_from_an_answer() -> None:
    extractor = Extractor(TOTAL)
    assert extractor.following(b'\xef\xbb\xbf{"data": [], "next": "/items?page=2"}') == "/items?page=2"
    assert extractor.following(b'{"data": [], "next": {"cursor": 2}}') == {"cursor": 2}
    for last in (b'{"data": [], "next": null}', b'{"data": []}', b"[]", b"", b"<html>", b'{"next": "/it', b"[" * 9999):
        assert extractor.following(last) is None


def test_rules_of_one_page_have_no_next() -> None:
    assert Extractor(LIST).following(b'{"data": [], "next": "/items?page=2"}') is None


# rows


CLUBS = (
    b'"District","Club Number","Club Name"\n'
    b'"91","00005774","Solent, ""Speakers"""\n'
    b'"91","03688847","Two\nlines"\n\n'
    b"Month of Jun, As of 09/13/2025\n"
)
FOOTED = Extraction("club", "{Club Number}", format=Format.CSV, footer=1)


def test_csv_rows_are_items_of_strings_and_the_footer_is_none() -> None:
    for end in (b"", b"\n", b"\r\n\r\n", b" "):
        assert documents(listed(FOOTED, CLUBS.rstrip() + end)) == {
            "00005774": {"District": "91", "Club Number": "00005774", "Club Name": 'Solent, "Speakers"'},
            "03688847": {"District": "91", "Club Number": "03688847", "Club Name": "Two\nlines"},
        }


def test_line_ends_of_any_kind_separate_rows() -> None:
    for end in ("\n", "\r\n", "\r"):
        assert keys(FOOTED, end.join(["Club Number,b", "1,x", "2,y", "the end", ""]).encode()) == ["1", "2"]


def test_a_header_alone_is_a_complete_listing_of_nothing() -> None:
    assert listed(TABLE, b"Club Number,b\n").items == ()


def test_a_row_of_another_length_is_there_but_unreadable() -> None:
    extracted = extract(TABLE, b"Club Number,b\n1,x\n2\n3,y,z\n4,w\n")
    assert extracted.listing is not None
    assert (extracted.listing.complete, extracted.listing.present) == (True, frozenset("23"))
    assert list(documents(extracted.listing)) == ["1", "4"]
    assert extracted.issues[0].message == "row 2 is there but cannot be read: it has 1 cells under 2 headings"


def test_a_row_too_short_to_have_a_key_makes_the_listing_incomplete() -> None:
    extracted = extract(TABLE, b"a,Club Number\nx,1\ny\n")
    assert extracted.listing is not None
    assert not extracted.listing.complete
    assert [issue.code for issue in extracted.issues] == ["no-key"]


def test_a_table_that_ends_within_a_row_is_incomplete() -> None:
    extracted = extract(TABLE, b"Club Number,b\n1,x\n2")
    assert extracted.listing is not None
    assert (extracted.listing.complete, list(documents(extracted.listing))) == (False, ["1"])
    assert extracted.issues[0].message.endswith("it was cut off")


def test_a_last_row_needs_no_line_end() -> None:
    assert keys(TABLE, b"Club Number,b\n1,x\n2,y") == ["1", "2"]


def test_bytes_that_are_not_utf_8_spoil_their_row_only() -> None:
    extracted = extract(TABLE, b"Club Number,b\n1,\xe9\n2,y\n\xe9,z\n")
    assert extracted.listing is not None
    assert (extracted.listing.complete, extracted.listing.present) == (False, frozenset("1"))
    assert list(documents(extracted.listing)) == ["2"]


@pytest.mark.parametrize(
    "answer, code, message",
    [
        (b"", "unreadable-answer", "empty: 0 bytes"),
        (b"<html>", "unreadable-answer", "HTML"),
        (b"Club Number,a,a\n", "unreadable-answer", 'the header has "a" more than once'),
        (b"Club Number,\xff\n", "unreadable-answer", "the header is not UTF-8 text"),
        (b'Club Number,b\n1,"x\n2,y\n', "unreadable-answer", "cut off after 23 bytes: a quote has no end"),
        (b'Club Number,b\n1,"x"y\n', "unreadable-answer", "not CSV: ',' expected after '\"'"),
        (b"Club,b\n1,x\n", "no-items", 'there is no column "Club Number"; there are "Club", "b"'),
    ],
)
def test_a_table_that_cannot_be_read_is_no_listing(answer: bytes, code: str, message: str) -> None:
    assert refusal(TABLE, answer) == (code, message)


def test_a_table_that_is_nothing_but_its_footer_has_no_header() -> None:
    assert refusal(FOOTED, b"Month of Jun\n") == ("unreadable-answer", "there is no header line")


def test_a_key_of_a_table_may_come_from_the_scope() -> None:
    rules = Extraction("club", "{district}/{Club Number}", format=Format.CSV)
    assert keys(rules, b"Club Number\n7\n", district="91") == ["91/7"]


def test_json_lines_are_items_and_blank_lines_are_none() -> None:
    assert documents(listed(LINES, b'{"id": "a"}\r\n\n  \n{"id": "b", "n": [1]}')) == {
        "a": {"id": "a"},
        "b": {"id": "b", "n": [1]},
    }


def test_closing_lines_of_json_lines_may_be_no_rows() -> None:
    rules = Extraction("item", "{id}", format=Format.JSONL, footer=2)
    assert keys(rules, b'{"id": "a"}\n# 1 row\n\n# end\n') == ["a"]


def test_a_broken_line_makes_json_lines_incomplete_and_spares_the_others() -> None:
    extracted = extract(LINES, b'{"id": "a"}\n{"id": "b", "v": NaN}\n{"id": "c"')
    assert extracted.listing is not None
    assert (extracted.listing.complete, extracted.listing.present) == (False, frozenset("b"))
    assert list(documents(extracted.listing)) == ["a"]
    assert [issue.message.partition(":")[0] for issue in extracted.issues] == [
        "row 3 has no key",
        "row 2 is there but cannot be read",
    ]


def test_lines_of_which_none_is_json_are_no_listing() -> None:
    code, message = refusal(LINES, b"Not found\nSorry\n")
    assert (code, message) == (
        "unreadable-answer",
        'no line is JSON; the first is not JSON at byte 0 (line 1): "Not found"',
    )


def test_a_column_that_has_a_default_may_be_missing() -> None:
    rules = Extraction("club", "{Club Number}{:/Status|Active}/{Area|0}", format=Format.CSV)
    assert keys(rules, b"Club Number\n7\n") == ["7/0"]


# the day that an answer speaks of


DATED = Extraction(
    "club",
    "{Club Number}",
    format=Format.CSV,
    footer=1,
    as_of="As of {date:%m/%d/%Y}",
    split={"state": ("/State",)},
)


def dated(day: bytes, state: bytes = b"Active") -> bytes:
    return b"Club Number,State\n7," + state + b"\nMonth of Jun, As of " + day + b"\n"


def days(extracted: Extracted) -> list[Any]:
    assert extracted.listing is not None
    return [part.value["as_of"] for item in extracted.listing.items for _, part in item.parts]


def test_every_document_carries_the_day_of_its_answer() -> None:
    (item,) = listed(DATED, dated(b"09/13/2025")).items
    assert [(category, part.value) for category, part in item.parts] == [
        ("club", {"Club Number": "7", "as_of": "2025-09-13"}),
        ("state", {"State": "Active", "as_of": "2025-09-13"}),
    ]


@pytest.mark.parametrize(
    "as_of, line",
    [
        ("{date}", b"2025-09-13"),
        ("{date}", b"20250913T235959Z"),
        ("on {date:%d %b %Y}.", b"rows on 13 Sep 2025. Bye"),
        ("of {date:%d.%m.%y}", b"of 13.9.25"),
        ("(*) {date:%Y%m%d}", b"(*) 20250913"),
    ],
)
def test_a_day_is_read_in_the_form_that_the_rules_give(as_of: str, line: bytes) -> None:
    rules = Extraction("item", "{id}", format=Format.JSONL, footer=1, as_of=as_of)
    assert days(extract(rules, b'{"id": "a"}\n' + line)) == ["2025-09-13"]


def test_any_of_the_closing_lines_may_tell_the_day_and_no_other_line() -> None:
    rules = Extraction("item", "{id}", format=Format.CSV, footer=2, as_of="As of {date}")
    assert days(extract(rules, b"id\nAs of 2025-01-01\n\nAs of 2025-09-13\n\nthe end\n\n")) == ["2025-09-13"]
    assert refusal(rules, b"id\nAs of 2025-01-01\nx\ny\n")[0] == "unreadable-answer"


@pytest.mark.parametrize("end", range(1, len(dated(b"09/13/2025").rstrip())))
def test_a_table_that_was_cut_off_before_its_day_says_nothing(end: int) -> None:
    code, _ = refusal(DATED, dated(b"09/13/2025")[:end])
    assert code == "unreadable-answer"


@pytest.mark.parametrize("day", [b"13/09/2025", b"02/30/2025", b"09/13/20255", b"soon", b"\xff", b"00/13/2025"])
def test_a_closing_line_without_the_day_makes_no_listing_and_is_shown(day: bytes) -> None:
    code, message = refusal(DATED, dated(day))
    assert (code, message[:69]) == (
        "unreadable-answer",
        "it does not say of which day it speaks, and may be cut off: its last ",
    )
    assert "Month of Jun, As of" in message


def test_a_row_that_comes_again_on_another_day_is_another_document() -> None:
    extractor = Extractor(DATED)
    found = [
        days(extractor.extract(SCOPE, [Body(n, 200, dated(day))]))
        for n, day in enumerate([b"09/13/2025", b"09/14/2025", b"09/13/2025"])
    ]
    assert found == [["2025-09-13"] * 2, ["2025-09-14"] * 2, ["2025-09-13"] * 2]


SNAPSHOT = Extraction("rate", "{id}", items="/rates", as_of="/meta/date")


@pytest.mark.parametrize("date", ["2025-09-13", "20250913", "2025-09-13T23:59:59Z", "2025-09-13T23:59:59-11:00"])
def test_a_json_answer_tells_its_day_in_a_member_as_it_is_written(date: str) -> None:
    answer = b'{"rates": [{"id": "a"}], "meta": {"date": "' + date.encode() + b'"}}'
    assert documents(listed(SNAPSHOT, answer)) == {"a": {"id": "a", "as_of": "2025-09-13"}}


@pytest.mark.parametrize(
    "meta, said",
    [
        (b"{}", "there is no /meta/date"),
        (b"[]", "there is no /meta/date"),
        (b'{"date": null}', "/meta/date is null, no date"),
        (b'{"date": 1757721600}', "/meta/date is an integer, no date"),
        (b'{"date": "13 Sep"}', '/meta/date is "13 Sep", no date'),
        (b'{"date": NaN}', "/meta/date is NaN, no date"),
    ],
)
def test_a_json_answer_without_its_day_makes_no_listing(meta: bytes, said: str) -> None:
    assert refusal(SNAPSHOT, b'{"rates": [{"id": "a"}], "meta": ' + meta + b"}") == (
        "unreadable-answer",
        f"it does not say of which day it speaks: {said}",
    )


def test_a_json_answer_that_was_cut_off_is_said_to_be() -> None:
    assert refusal(SNAPSHOT, b'{"rates": [{"id": "a"}], "me') == (
        "unreadable-answer",
        "cut off after 28 bytes: the JSON has no end",
    )


def test_a_single_document_may_tell_its_own_day() -> None:
    rules = Extraction("price", "price", as_of="/date")
    assert documents(listed(rules, b'{"date": "2025-09-13"}')) == {
        "price": {"date": "2025-09-13", "as_of": "2025-09-13"}
    }


def test_a_member_as_of_that_an_api_wrote_stays_and_is_an_issue_where_it_says_something_else() -> None:
    answer = b'{"rates": [{"id": "a", "as_of": 7}, {"id": "b", "as_of": "2025-09-13"}], "meta": {"date": "2025-09-13"}}'
    extracted = extract(SNAPSHOT, answer)
    assert documents(extracted.listing) == {"a": {"id": "a", "as_of": 7}, "b": {"id": "b", "as_of": "2025-09-13"}}
    assert extracted.issues == (
        Issue("as-of-taken", "it has a member as_of of its own, which stays; its answer speaks of 2025-09-13", 1, "a"),
    )


def test_a_document_that_has_no_members_cannot_carry_a_day() -> None:
    rules = Extraction("rate", "{/0}", items="/rates", as_of="/date")
    extracted = extract(rules, b'{"rates": [["a"]], "date": "2025-09-13"}')
    assert documents(extracted.listing) == {"a": ["a"]}
    assert extracted.issues == (Issue("as-of-taken", "a list has no place for as_of 2025-09-13", 1, "a"),)


# functions


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of extraction functions, which is gone after the test."""
    (tmp_path / "shop_functions.py").write_text(
        "def words(answer):\n"
        "    for word in answer.split():\n"
        "        yield {'id': word.decode()}\n"
        "def odd(answer):\n"
        "    return [{'id': 'a'}, {'id': 'b', 'v': float('nan')}, {'v': {1, 2}}, {'id': 10 ** 5000}]\n"
        "CONSTANT = 7\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "shop_functions"
    sys.modules.pop("shop_functions", None)


def test_a_function_finds_the_items(functions: str) -> None:
    rules = Extraction("word", "{id}", extract=f"{functions}:words", split={"part": ("/x",)})
    assert documents(listed(rules, b"one two")) == {"one": {"id": "one"}, "two": {"id": "two"}}
    assert listed(rules, b"").items == ()


def test_a_function_that_fails_makes_an_issue_that_names_the_exception(functions: str) -> None:
    code, message = refusal(Extraction("word", "{id}", extract=f"{functions}:words"), b"\xff")
    assert (code, message[:47]) == ("extract-failed", "shop_functions:words failed: UnicodeDecodeError")


def test_what_a_function_makes_is_held_to_the_same_as_any_item(functions: str) -> None:
    extracted = extract(Extraction("word", "{id}", extract=f"{functions}:odd"), b"x")
    assert extracted.listing is not None
    assert (extracted.listing.complete, extracted.listing.present) == (False, frozenset("b"))
    assert documents(extracted.listing) == {"a": {"id": "a"}}
    assert [issue.code for issue in extracted.issues] == ["no-key", "no-key", "unreadable-item"]


@pytest.mark.parametrize("name", ["no_such_module:f", "json:no_such_function", "json.decoder:NaN"])
def test_a_function_that_is_not_there_is_an_error_and_no_matter_of_the_answer(name: str) -> None:
    extractor = Extractor(Extraction("word", "{id}", extract=name))
    with pytest.raises(NoFunction):
        extractor.extract(SCOPE, [Body(1, 200, b"x")])


# what is remembered


def test_equal_items_of_the_next_answer_are_the_same_objects() -> None:
    extractor = Extractor(LIST)
    first = extractor.extract(SCOPE, [Body(1, 200, b'{"data": [{"id": "a"}, {"id": "b"}]}')]).listing
    second = extractor.extract(SCOPE, [Body(2, 200, b'{"data": [{"id": "b", "n": 1}, {"id": "a"}]}')]).listing
    assert first is not None
    assert second is not None
    assert second.items[1] is first.items[0]
    assert documents(second) == {"b": {"id": "b", "n": 1}, "a": {"id": "a"}}


def test_an_answer_that_comes_again_makes_the_same_listing_of_another_attempt() -> None:
    extractor = Extractor(LIST)
    answer = b'{"data": [{"id": "a"}, {}]}'
    first, second = (extractor.extract(SCOPE, [Body(attempt, 200, answer)]) for attempt in (1, 2))
    assert first.listing is not None
    assert second.listing is not None
    assert second.listing.items is first.listing.items
    assert (second.listing.attempt, second.issues[0].attempt) == (2, 2)


def test_nothing_is_carried_over_from_scope_to_scope() -> None:
    extractor = Extractor(Extraction("endpoint", "{model}#{tag}", items=""))
    for model in ("a", "b", "a"):
        extracted = extractor.extract(Scope.of("shop", "items", {"model": model}), [Body(1, 200, b'[{"tag": "t"}]')])
        assert list(documents(extracted.listing)) == [f"{model}#t"]


def test_an_empty_answer_after_a_status_that_means_empty_is_unreadable() -> None:
    extractor = Extractor(Extraction("item", "{id}", items="", empty_on=(404,)))
    assert extractor.extract(SCOPE, [Body(1, 404, b"")]).listing is not None
    assert extractor.extract(SCOPE, [Body(2, 200, b"")]).listing is None


def page(answer: bytes) -> Page:
    return Page(answer, {answer: Item(answer.decode(), ())}, Reading())


def test_the_scopes_longest_not_asked_about_are_forgotten_first() -> None:
    memory = Memory(limit=10)
    one, two, three = (Scope("shop", name) for name in ("one", "two", "three"))
    memory.keep(one, Pages([page(b"1234")]))
    memory.keep(two, Pages([page(b"5678")]))
    memory.keep(one, Pages([page(b"12345")]))
    memory.keep(three, Pages([page(b"90")]))
    assert [memory.of(scope).size for scope in (one, two, three)] == [5, 0, 2]


def test_an_answer_larger_than_the_memory_is_not_remembered() -> None:
    memory = Memory(limit=10)
    memory.keep(SCOPE, Pages([page(b"12345678901")]))
    assert memory.of(SCOPE).size == 0


def test_items_that_wander_from_page_to_page_are_remembered() -> None:
    extractor = Extractor(BARE)
    one, two = b'[{"id": "a"}]', b'[{"id": "b"}]'
    first = extractor.extract(SCOPE, [Body(1, 200, one), Body(2, 200, two)]).listing
    second = extractor.extract(SCOPE, [Body(3, 200, b'[{"id": "b"}, {"id": "a"}]')]).listing
    assert first is not None
    assert second is not None
    assert second.items[0] is first.items[1]
    assert second.items[1] is first.items[0]
