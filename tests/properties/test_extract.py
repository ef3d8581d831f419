"""Laws of extraction: nothing is lost between document and parts, nothing raises, memory changes nothing."""

from __future__ import annotations

import copy
import csv
import io
import json
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from collector import BadRules, Body, Extracted, Extraction, Extractor, Format
from collector.extraction import lenient, slicing
from collector.sources.pages import next_path
from collector.sources.paths import request_path
from collector.sources.pointer import NotThere, find, pointer, tokens
from collector.sources.slices import Steps
from collector.sources.template import Template
from eventstore import Item, Scope, Unreadable, canonical_bytes, parse
from tests.properties.documents import documents, keys, values

JSON: TypeAlias = Any

SCOPE = Scope("shop", "items")
LIST = Extraction(category="item", key="{id}", items="/data")
RULES = {
    "list": LIST,
    "bare": Extraction(category="item", key="{id}", items=""),
    "keyed": Extraction(category="item", key="{@key}", items="/data"),
    "single": Extraction(category="item", key="item"),
    "lines": Extraction(category="item", key="{id}", format=Format.JSONL, footer=1),
    "table": Extraction(category="item", key="{id}", format=Format.CSV),
    "pages": Extraction(category="item", key="{id}", items="/data", total="/n", next="/m", empty_on=(404,)),
    "dated": Extraction(category="item", key="{id}", format=Format.CSV, footer=1, as_of="on {date}"),
    "said": Extraction(category="item", key="{id}", items="/data", as_of="/day"),
    "slices": Extraction(category="item", key="{symbol|A}:{start|0}", slices=Steps("1s", 5, "/0")),
    "split": Extraction(category="item", key="{id}", items="/data", split={"s": ("/a/b", "/c")}, drop=("/d", "/e/f")),
}

VALID = (
    b'{"data": [{"id": "a", "a": {"b": 1, "x": [true]}, "c": null}, {"id": 2, "d": 1e2, "e": {"f": "\\u00e9"}}],"n":2}',
    b'[{"id": "a"}, {"id": "b", "v": "\xc3\xa9"}, {"id": "a", "v": [[]]}]',
    b'{"data": {"a": {"id": 1}, "b": {"id": 2, "v": -0.0}}}',
    b'{"id": "a"}\n{"id": "b"}\nthe end\n',
    b'id,v\n1,"a ""b"" c"\n2,\xc3\xa9\n',
    b'{"usd": 1.25}',
    b"id,v\n1,a\n2,b\nthe end, on 2025-09-13\n",
    b'{"data": [{"id": "a"}, {"id": "b", "as_of": 1}], "day": "2025-09-13"}',
    b'[[0, "a"], [1000, "b"], [4000, "c"]]',
)

SPOILED = (b"NaN", b"-Infinity", b"1e999", b'"\\ud800"', b'"\xff"', b"1" * 4301, b'"\x01"', b'{"\\udfff": 1}')
"""Values that no document can hold, in JSON that is not strict."""


def extract(rules: Extraction, *answers: bytes) -> Extracted:
    return Extractor(rules).extract(SCOPE, [Body(n, 200, answer) for n, answer in enumerate(answers)])


def said(extracted: Extracted) -> list[tuple[str, list[tuple[str, bytes]]]] | None:
    """What a listing says, without who said it."""
    if extracted.listing is None:
        return None
    return [(item.key, [(name, part.canonical) for name, part in item.parts]) for item in extracted.listing.items]


# the law of split and drop


@st.composite
def cuttings(draw: DrawFn) -> Extraction:
    """Rules that split and drop paths which the items of `items` often have."""
    names = st.sampled_from(["id", "a", "b", "~", "/", ""])
    paths = draw(st.lists(st.lists(names, min_size=1, max_size=3).map(tuple).map(pointer), max_size=5, unique=True))
    places = draw(st.lists(st.sampled_from(["drop", "s", "t"]), min_size=len(paths), max_size=len(paths)))
    by_place = {place: tuple(path for path, at in zip(paths, places, strict=True) if at == place) for place in places}
    drop = by_place.pop("drop", ())
    try:
        return Extraction(category="item", key="{@key}", items="", split=by_place, drop=drop)
    except BadRules:
        reject()


def bodies() -> SearchStrategy[JSON]:
    """Items that have members of members, under few names."""
    names = st.sampled_from(["id", "a", "b", "~", "/", ""])
    return st.recursive(values(), lambda inside: st.dictionaries(names, inside, max_size=4), max_leaves=6)


def without(value: JSON, path: str) -> JSON:
    """The value less what stands at a path of object members."""
    *parents, last = tokens(path)
    holder = value
    for name in parents:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict):
        holder.pop(last, None)
    return value


def merged(one: JSON, other: JSON) -> JSON:
    """Two documents in one: members of objects side by side."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {**one, **{name: merged(one[name], member) if name in one else member for name, member in other.items()}}


@given(bodies(), cuttings())
def test_an_item_less_what_is_dropped_is_its_document_with_its_parts(item: JSON, rules: Extraction) -> None:
    extracted = extract(rules, canonical_bytes({"k": item, "object": {}}))
    assert extracted.listing is not None
    first, *split = [part.value for _, part in extracted.listing.items[0].parts]
    expected = copy.deepcopy(item)
    for path in rules.drop:
        expected = without(expected, path)
    together = copy.deepcopy(first)
    for part in split:
        together = merged(together, part)
    assert canonical_bytes(together) == canonical_bytes(expected)


@given(bodies(), cuttings())
def test_what_is_split_off_is_nowhere_else(item: JSON, rules: Extraction) -> None:
    extracted = extract(rules, canonical_bytes({"k": item, "object": {}}))
    assert extracted.listing is not None
    parts = dict(extracted.listing.items[0].parts)
    for category, paths in rules.split.items():
        for path in paths:
            for other, part in parts.items():
                if other != category and isinstance(item, dict):
                    with pytest.raises(NotThere):
                        find({"": part.value}, ("", *tokens(path)))


# strict answers are read as a plain reader would


def plainly(value: JSON) -> list[tuple[str, bytes]] | None:
    """What `LIST` finds in a parsed answer: a second opinion, without slices and memory."""
    data = value.get("data") if isinstance(value, dict) else None
    if isinstance(data, dict):
        data = list(data.values()) if not data or any(isinstance(item, dict | list) for item in data.values()) else None
    if not isinstance(data, list):
        return None
    return [(key, canonical_bytes(item)) for item in data if (key := key_of(item)) is not None]


def key_of(item: JSON) -> str | None:
    value = item.get("id") if isinstance(item, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return str(value).replace("\\", "\\\\").replace("#", "\\#")


def agrees(answer: bytes, value: JSON) -> None:
    found = said(extract(LIST, answer))
    assert (None if found is None else [(key, parts[0][1]) for key, parts in found]) == plainly(value)


@given(values() | st.builds(lambda data: {"data": data}, st.lists(documents() | st.builds(dict, id=values()))))
@example({"data": {}})
@example({"data": [{"id": "a#\\"}, {"id": True}, {"id": 1.0}, {"id": 10**19}]})
def test_an_answer_is_read_as_a_plain_reader_reads_it(value: JSON) -> None:
    agrees(canonical_bytes(value), value)
    agrees(json.dumps(value, indent=1).encode(), value)


@st.composite
def mutations(draw: DrawFn) -> bytes:
    """A valid answer with some bytes flipped, cut out, doubled or put in."""
    answer = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(answer) - 1)))
        length = draw(st.integers(0, 12))
        how = draw(st.sampled_from(["flip", "cut", "double", "insert", "truncate"]))
        if how == "flip" and answer:
            answer[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del answer[at : at + length]
        elif how == "double":
            answer[at:at] = answer[at : at + length]
        elif how == "insert":
            answer[at:at] = draw(
                st.sampled_from((*SPOILED, b'"data":', b",", b"]", b"{", b'"', b"\x00", b"\xef\xbb\xbf"))
            )
        else:
            del answer[at:]
    return bytes(answer)


@given(mutations())
def test_a_mutated_answer_that_is_still_json_is_read_as_a_plain_reader_reads_it(answer: bytes) -> None:
    try:
        value = parse(answer)
    except Unreadable:
        return  # most are; that they raise nothing is another test's
    agrees(answer, value)


@st.composite
def repetitive(draw: DrawFn, depth: int = 2) -> bytes:
    """Strict JSON whose objects repeat member names, spelled in several ways, with white space anywhere."""
    space = st.sampled_from([b"", b"", b" ", b"\n\t"])
    if depth == 0:
        return draw(st.sampled_from([b"1", b"null", b'"a"', b'[{"id":"b"}]', b'{"id":"c","\\u0069d":2}', b"[]", b"{}"]))
    names = st.sampled_from(
        [b'"data"', b'"d\\u0061ta"', b'"\\u0064\\u0061\\u0074\\u0061"', b'"id"', b'"i\\u0064"', b'"x"']
    )
    members = draw(st.lists(st.tuples(space, names, space, repetitive(depth - 1), space), max_size=4))
    if draw(st.booleans()):
        return b"{" + b",".join(s + name + s2 + b":" + value + s3 for s, name, s2, value, s3 in members) + b"}"
    return b"[" + b",".join(s + value + s3 for s, _, _, value, s3 in members) + b"]"


@given(repetitive(depth=3))
def test_repeated_and_escaped_member_names_are_read_as_a_plain_reader_reads_them(answer: bytes) -> None:
    agrees(answer, parse(answer))


# nothing raises


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@given(answer=mutations() | st.binary(max_size=60) | st.sampled_from(VALID))
def test_no_answer_makes_extraction_raise_and_what_it_says_hangs_together(rules: Extraction, answer: bytes) -> None:
    extracted = extract(rules, answer)
    if extracted.listing is None:
        assert len(extracted.issues) == 1
        return
    assert extracted.listing.complete == {issue.code for issue in extracted.issues}.isdisjoint(
        {"no-key", "count-differs", "missing-page"}
    )
    unreadable = {issue.key for issue in extracted.issues if issue.code == "unreadable-item"}
    assert unreadable == extracted.listing.present
    for item in extracted.listing.items:
        assert item.key
        for category, part in item.parts:
            assert category in extracted.listing.categories
            assert canonical_bytes(parse(part.canonical)) == part.canonical
            assert canonical_bytes(part.value) == part.canonical


@given(st.lists(st.none() | st.sampled_from(SPOILED), min_size=1, max_size=6))
def test_spoiled_items_are_present_and_the_others_are_read(spoiled: list[bytes | None]) -> None:
    texts = [b'{"id": %d, "v": %s}' % (n, b"1" if value is None else value) for n, value in enumerate(spoiled)]
    listing = extract(LIST, b'{"data": [' + b",".join(texts) + b"]}").listing
    assert listing is not None
    assert listing.complete
    assert [item.key for item in listing.items] == [str(n) for n, value in enumerate(spoiled) if value is None]
    assert listing.present == {str(n) for n, value in enumerate(spoiled) if value is not None}


# what is remembered changes nothing


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@given(answers=st.lists(st.lists(mutations() | st.sampled_from(VALID), min_size=1, max_size=2), max_size=4))
def test_what_was_read_before_changes_nothing(rules: Extraction, answers: list[list[bytes]]) -> None:
    remembering = Extractor(rules)
    for pages in answers:
        read = [Body(n, 200, answer) for n, answer in enumerate(pages)]
        assert remembering.extract(SCOPE, read) == Extractor(rules).extract(SCOPE, read)


# keys


def placeholders() -> SearchStrategy[str]:
    return st.text(min_size=1, max_size=6) | st.sampled_from(["#", "\\", "\\#", "#2", "a#2", "\\\\#"])


@given(placeholders(), placeholders())
def test_different_values_make_different_keys_and_none_of_them_looks_numbered(one: str, other: str) -> None:
    template = Template.parse("{id}")
    first, second = template.fill({"id": one}, {}), template.fill({"id": other}, {})
    assert (first == second) == (one == other)
    assert "#" not in first.replace("\\\\", "").replace("\\#", "")


@given(st.text())
def test_a_template_is_taken_apart_or_refused(text: str) -> None:
    try:
        template = Template.parse(text)
    except BadRules:
        return
    literal = "".join(part for part in template.parts if isinstance(part, str))
    assert bool(template.placeholders) or template.fill({}, {}) == literal


@given(st.lists(keys()))
def test_a_pointer_leads_where_its_tokens_do(path: list[str]) -> None:
    value: JSON = "there"
    for token in reversed(path):
        value = {token: value}
    assert tokens(pointer(tuple(path))) == tuple(path)
    assert find(value, tokens(pointer(tuple(path)))) == "there"


# rows


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(codec="utf-8")))))
def test_rows_come_back_from_csv_as_they_were_written(cells: list[tuple[str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "a", "b"])
    writer.writerows([str(n), *row] for n, row in enumerate(cells))
    assert said(extract(RULES["table"], text.getvalue().encode())) == [
        (str(n), [("item", canonical_bytes({"id": str(n), "a": a, "b": b}))]) for n, (a, b) in enumerate(cells)
    ]


@given(st.lists(st.builds(dict, id=st.integers(), v=values())))
def test_json_lines_come_back_as_they_were_written(items: list[JSON]) -> None:
    text = b"".join(canonical_bytes(item) + b"\n" for item in items)
    expected = [(str(item["id"]), [("item", canonical_bytes(item))]) for item in items]
    assert said(extract(RULES["lines"], text + b"the end\n")) == expected


@given(st.sets(st.integers(0, 30)), st.integers(1, 30))
def test_rows_of_a_slice_and_rows_said_to_be_missing_are_all_that_it_spans(present: set[int], step: int) -> None:
    times = [7 + n * step * 1000 for n in sorted(present)]
    rules = Extraction(category="item", key="{start}", slices=Steps(f"{step}s", 31, ""))
    scope = Scope.of("shop", "items", {"start": "7"})
    asked_at = datetime(2025, 1, 1, tzinfo=UTC)
    extracted = Extractor(rules).extract(scope, [Body(1, 200, canonical_bytes(times), asked_at=asked_at)])
    assert items_of(extracted)[0].parts[0][1].value == times
    assert {issue.code for issue in extracted.issues} <= {"gap"}
    missing = sum(int(issue.message.split()[0]) for issue in extracted.issues)
    assert missing == (31 - min(present) - len(present) if present else 0)


@given(st.lists(st.integers(-2, 8) | values(), max_size=8))
def test_no_rows_make_the_judgement_of_a_slice_raise_or_the_slice_incomplete(rows: list[JSON]) -> None:
    rules = Extraction(category="item", key="{start}", slices=Steps("1s", 5, "/0"))
    answer = canonical_bytes([[row * 1000 if isinstance(row, int) else row, 1] for row in rows])
    extracted = Extractor(rules).extract(Scope.of("shop", "items", {"start": "0"}), [Body(1, 200, answer)])
    assert extracted.listing is not None
    assert extracted.listing.complete
    assert {issue.code for issue in extracted.issues} <= {"gap", "misplaced-row"}


@given(st.lists(st.text(min_size=1)), st.text())
def test_no_value_leads_a_path_elsewhere(segments: list[str], query: str) -> None:
    value = "/".join(segments)
    try:
        path = request_path("/api/{a}/x?q={b|-}", {"a": value, **({"b": query} if query else {})})
    except BadRules:
        assert {"", ".", ".."} & {*value.split("/")} or any("\ud800" <= c <= "\udfff" for c in value + query)
        return
    url = urlsplit(urljoin("https://shop.example", path))
    assert (url.scheme, url.netloc, url.fragment) == ("https", "shop.example", "")
    assert [unquote(segment) for segment in url.path.split("/")] == ["", "api", *value.split("/"), "x"]
    assert parse_qs(url.query, keep_blank_values=True) == {"q": [query or "-"]}


@given(st.text(alphabet=st.sampled_from("/\\?#@:.%2eE v1[]shopexamle\t\n")) | st.text())
def test_no_link_leads_to_another_host(link: str) -> None:
    base = "https://shop.example/v1"
    try:
        path = next_path("/items?page=1", link, base, param=None)
    except BadRules:
        return
    if path is not None:
        url = urlsplit(base + path)
        assert (url.scheme, url.netloc) == ("https", "shop.example")
        assert url.path.startswith("/v1/")
        assert ".." not in unquote(url.path).split("/")


# reading leniently


@given(values())
def test_strict_json_read_leniently_is_the_same(value: JSON) -> None:
    text = lenient.text_of(canonical_bytes(value))
    assert canonical_bytes(lenient.value(text)) == canonical_bytes(value)
    assert lenient.oddity(lenient.value(text)) is None


@given(st.lists(values()) | st.dictionaries(keys(), values()), st.sampled_from([None, 0, 2]))
def test_cutting_leniently_finds_the_slices_that_cutting_strictly_finds(value: JSON, indent: int | None) -> None:
    answer = json.dumps(value, indent=indent).encode()
    assert lenient.cut(answer) == slicing.slices(answer, ())


@given(st.binary())
def test_bytes_come_back_from_their_text(answer: bytes) -> None:
    assert lenient.bytes_of(lenient.text_of(answer)) == answer


# rules


@given(cuttings())
def test_rules_come_back_from_their_text(rules: Extraction) -> None:
    again = Extraction.from_rules(rules.rules.text)
    assert again == rules
    assert again.rules == rules.rules


def test_a_second_opinion_is_worth_something() -> None:
    # the plain reader of these tests finds what there is, so that agreeing with it means something
    assert plainly(parse(VALID[0])) == [
        (item.key, item.parts[0][1].canonical) for item in items_of(extract(LIST, VALID[0]))
    ]
    assert len(items_of(extract(LIST, VALID[0]))) == 2


def items_of(extracted: Extracted) -> tuple[Item, ...]:
    assert extracted.listing is not None
    return extracted.listing.items
