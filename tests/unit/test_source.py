"""Source files: what they say, what they may not say, and how a resource is found by name."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from collector import (
    BadRules,
    BadSource,
    Extraction,
    Format,
    NoSource,
    Source,
    UnknownResource,
    load,
    resolve,
    shipped,
)
from collector.sources.slices import Slices, Steps
from collector.sources.sourcefile import _ResourceTable, _SlicesTable, _SourceTable
from eventstore import Scope, from_ms

FIVE_LINES = """\
[[resource]]
name = "outages"
category = "outage"
items = ""
key = "{outageNumber}"
"""


def written(folder: Path, text: str, name: str = "my.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Source:
    return load(written(folder, text))


def resource(*lines: str) -> str:
    """Write a resource of a few more lines than the least."""
    given = {line.split("=")[0].strip() for line in lines}
    least = {"name": '"r"', "category": '"c"', "items": '"/data"', "key": '"{id}"'}
    return "\n".join(
        ["[[resource]]", *(f"{name} = {value}" for name, value in least.items() if name not in given), *lines]
    )


def table(*lines: str) -> str:
    """Write a resource of rows with a closing line."""
    footer = [] if any(line.startswith("footer") for line in lines) else ["footer = 1"]
    return "\n".join(['[[resource]]\nname = "r"\ncategory = "c"\nformat = "csv"\nkey = "{id}"', *footer, *lines])


def sliced(*lines: str, since: str = '"2025-01-01"', step: str = '"1h"', rows: str = "5", time: str = '"/0"') -> str:
    """Write a resource of slices."""
    given = {line.split("=")[0].strip() for line in lines}
    slices = f"{{ from = {since}, step = {step}, rows = {rows}, time = {time} }}"
    least = {"name": '"r"', "category": '"c"', "key": '"{start}"', "path": '"/k?from={start}"', "slices": slices}
    return "\n".join(
        ["[[resource]]", *(f"{name} = {value}" for name, value in least.items() if name not in given), *lines]
    )


def test_five_lines_make_a_source_file_whose_name_is_the_files(tmp_path: Path) -> None:
    source = load(written(tmp_path, FIVE_LINES, "Power Outages (CA).toml"))
    assert source.name == "power-outages-ca"
    assert source.resource("outages").address == "power-outages-ca.outages"
    assert source.resource("outages").extraction == Extraction(category="outage", key="{outageNumber}", items="")


def test_a_file_whose_name_has_nothing_to_offer_is_called_source(tmp_path: Path) -> None:
    assert load(written(tmp_path, FIVE_LINES, "Ω.toml")).name == "source"


def test_a_byte_order_mark_before_the_toml_is_no_hindrance(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + FIVE_LINES).name == "my"


def test_all_fields_of_a_source_file_are_read(tmp_path: Path) -> None:
    source = read(
        tmp_path,
        """
        [source]
        name = "shop"
        base_url = "https://shop.example/v2"
        concurrency = 8
        rate = "90/m"
        headers = { Accept = "application/json", Authorization = "Bearer ${TOKEN}" }
        timeout = "20s"
        patience = "2m"
        budget = "1h"
        retries = 0
        max_bytes = "64MB"
        [[resource]]
        name = "items"
        category = "item"
        path = "/items?lang={lang}"
        params = { lang = ["en", "is"] }
        items = "/data"
        key = "{lang}/{id}"
        total = "/total"
        next = "/links/next"
        next_param = "cursor"
        every = "30m"
        implausible = 0.25
        [[resource]]
        name = "offers"
        category = "offer"
        for_each = "item"
        path = "/items/{item}/offers?slug={/slug}"
        items = "/offers"
        key = "{item}#{tag}"
        empty_on = [410, 404]
        split = { stock = ["/stock", "/reserved"] }
        drop = ["/seller"]
        implausible = "off"
        """,
    )
    assert (source.name, source.base_url, source.concurrency, source.rate) == (
        "shop",
        "https://shop.example/v2",
        8,
        1.5,
    )
    assert source.headers == {"Accept": "application/json", "Authorization": "Bearer ${TOKEN}"}
    assert (source.timeout, source.patience, source.budget) == (
        timedelta(seconds=20),
        timedelta(minutes=2),
        timedelta(hours=1),
    )
    assert (source.retries, source.max_bytes) == (0, 64_000_000)
    items, offers = source.resources
    assert (items.every, items.params, items.next_param) == (
        timedelta(minutes=30),
        {"lang": ("en", "is")},
        "cursor",
    )
    assert (items.extraction.total, items.extraction.next, items.extraction.implausible) == (
        "/total",
        "/links/next",
        0.25,
    )
    assert offers.extraction.categories == ("offer", "stock")
    assert offers.extraction.empty_on == (404, 410)
    assert offers.extraction.split == {"stock": ("/reserved", "/stock")}
    assert (offers.extraction.drop, offers.extraction.implausible) == (("/seller",), "off")


def test_a_single_document_is_called_after_its_resource_unless_a_key_is_given(tmp_path: Path) -> None:
    price = '[[resource]]\nname = "price"\ncategory = "price"\n'
    assert read(tmp_path, price).resources[0].extraction.key == "price"
    assert read(tmp_path, price + 'key = "{code}"').resources[0].extraction.key == "{code}"


def test_scopes_are_every_combination_of_the_parameters(tmp_path: Path) -> None:
    found = read(tmp_path, resource('params = { interval = ["1m", "1h"], symbol = ["A", "B"] }')).resources[0]
    assert [dict(scope.params) for scope in found.scopes()] == [
        {"interval": "1m", "symbol": "A"},
        {"interval": "1m", "symbol": "B"},
        {"interval": "1h", "symbol": "A"},
        {"interval": "1h", "symbol": "B"},
    ]


def test_scopes_of_a_child_resource_are_one_for_each_parent() -> None:
    endpoints = shipped()["openrouter"].resource("endpoints")
    assert endpoints.scopes(["a/b"]) == (Scope("openrouter", "endpoints", (("model", "a/b"),)),)
    assert endpoints.scopes() == ()


def test_a_resource_without_parameters_has_one_scope() -> None:
    assert shipped()["openrouter"].resource("models").scopes() == (Scope("openrouter", "models"),)


WRONG = {
    "resource[0].categry: unknown field; did you mean 'category'?": '[[resource]]\ncategry = "c"',
    "resource[1].colour: unknown field; known are name, category": f'{FIVE_LINES}\n[[resource]]\ncolour = "red"',
    "source.nam: unknown field; did you mean 'name'?": f'[source]\nnam = "x"\n{FIVE_LINES}',
    "sorce: unknown field; did you mean 'source'?": f'[sorce]\nname = "x"\n{FIVE_LINES}',
    "resource: write at least one [[resource]], with two brackets": '[resource]\nname = "x"',
    "resource[0].category: is missing": '[[resource]]\nname = "x"',
    "resource[0].key: is missing": '[[resource]]\nname = "x"\ncategory = "c"\nitems = ""',
    "resource[0].items: write it as text, in quotes": resource("items = 7"),
    "resource[0].empty_on[1]: Expected int, got str": resource('empty_on = [404, "410"]'),
    "resource[0].format: Invalid enum value 'xml'; known are json, jsonl, csv": resource('format = "xml"'),
    "resource[0].items: 'data' is not a JSON Pointer": resource('items = "data"'),
    "resource[0].items: '/a~2' is not a JSON Pointer": resource('items = "/a~2"'),
    "resource[0].key: '{id': a lone '{' at character 1": resource('key = "{id"'),
    "resource[0].key: {} names nothing": resource('key = "{}"'),
    "resource[0].key: '/a~' is not a JSON Pointer": resource('key = "{/a~}"'),
    "resource[0].key: 'all' would be the same for every item": resource('key = "all"'),
    "resource[0].key: it would be the same for every item": resource('key = "{lang}"', 'params = { lang = ["en"] }'),
    "resource[0].key: it is empty": '[[resource]]\nname = "x"\ncategory = "c"\nkey = ""',
    "resource[0].category: 'Model': write small letters": resource('category = "Model"'),
    "resource[0].name: 'a.b': write small letters": resource('name = "a.b"'),
    "resource[0].split: 'c' is the category it would be split from": resource('split = { c = ["/a"] }'),
    "resource[0].split.d: it names no path": resource("split = { d = [] }"),
    "resource[0].split.d[1]: '/a/b' overlaps with split.d[0]": resource('split = { d = ["/a", "/a/b"] }'),
    "resource[0].split.e[0]: '/a' overlaps with split.d[0]": resource('split = { d = ["/a"], e = ["/a"] }'),
    "resource[0].drop[0]: '/a' overlaps with split.d[0]": resource('split = { d = ["/a/b"] }', 'drop = ["/a"]'),
    "resource[0].drop[1]: '/a/b' overlaps with drop[0]": resource('drop = ["/a", "/a/b"]'),
    "resource[0].drop[0]: the whole document cannot": resource('drop = [""]'),
    "resource[0].empty_on[0]: 4 is not an HTTP status": resource("empty_on = [4]"),
    "resource[0].footer: only csv and jsonl": resource("footer = 1"),
    "resource[0].footer: a number of lines": '[[resource]]\nname="x"\ncategory="c"\nkey="{a}"\nformat="csv"\nfooter=-1',
    "resource[0].items: each row of csv is an item": resource('format = "csv"'),
    "resource[0].extract: 'f': write package.module:function": resource('extract = "f"'),
    "resource[0].extract: the function finds the items itself": resource('extract = "a.b:c"'),
    "resource[0].total: it stands beside the list": '[[resource]]\nname = "x"\ncategory = "c"\ntotal = "/n"',
    "resource[0].implausible: write a share above 0": resource("implausible = 1.5"),
    "resource[0].implausible: Invalid enum value 'on'": resource('implausible = "on"'),
    "resource[0].every: '1 h': write a number and s, m, h, d or w": resource('every = "1 h"'),
    "resource[0].params.lang: write a list of different values": resource('params = { lang = ["en", "en"] }'),
    "resource[0].params.a b: 'a b': write letters": resource('params = { "a b" = ["x"] }'),
    "resource[0].path: 'models': write what comes after base_url": resource('path = "models"'),
    "resource[0].path: '/a/../b': write what comes after": resource('path = "/a/../b"'),
    "resource[0].path: {model} is neither one of params nor": resource('path = "/{model}"'),
    "resource[0].path: {/slug} has nothing to look into": resource('path = "/{/slug}"'),
    "resource[0].for_each: no resource yields 'd'": resource('for_each = "d"'),
    "resource[0].for_each: 'c' comes from this resource itself": resource('for_each = "c"'),
    "resource[1].name: 'r' is the name of resource[0] too": resource() + "\n" + resource('category = "d"'),
    "resource[1].category: 'c' belongs to resource[0]": resource() + "\n" + resource('name = "q"'),
    "resource[1].split.c: 'c' belongs to resource[0]": (
        resource() + "\n" + resource('name = "q"', 'category = "d"', 'split = { c = ["/a"] }')
    ),
    "resource[0].for_each: 'd' waits for this resource itself": (
        resource('for_each = "d"') + "\n" + resource('name = "q"', 'category = "d"', 'for_each = "c"')
    ),
    "source.rate: 'fast': write a number of requests": f'[source]\nrate = "fast"\n{FIVE_LINES}',
    "source.concurrency: at least one request": f"[source]\nconcurrency = 0\n{FIVE_LINES}",
    "source.base_url: 'shop.example': write a URL": f'[source]\nbase_url = "shop.example"\n{FIVE_LINES}',
    "source.headers.X Y: 'X Y': write a header's name": f'[source]\nheaders = {{ "X Y" = "1" }}\n{FIVE_LINES}',
    "source.headers.X: write ${NAME}, a variable": f'[source]\nheaders = {{ X = "${{}}" }}\n{FIVE_LINES}',
    "source.headers.Y: write a value of printable": f'[source]\nheaders = {{ Y = "a\\tb" }}\n{FIVE_LINES}',
    "source.timeout: '20': write a number and s, m, h, d or w": f'[source]\ntimeout = "20"\n{FIVE_LINES}',
    "source.patience: '1M': write a number and s, m, h": f'[source]\npatience = "1M"\n{FIVE_LINES}',
    "source.budget: 'long': write a number and s, m, h": f'[source]\nbudget = "long"\n{FIVE_LINES}',
    "source.budget: write it as text, in quotes": f"[source]\nbudget = 7\n{FIVE_LINES}",
    "source.retries: a number of retries cannot be negative": f"[source]\nretries = -1\n{FIVE_LINES}",
    "source.max_bytes: '64TB': write a number of bytes": f'[source]\nmax_bytes = "64TB"\n{FIVE_LINES}',
    "source.max_bytes: at least one byte": f"[source]\nmax_bytes = 0\n{FIVE_LINES}",
    "resource[0].key: {id|} names nothing": resource('key = "{id|}"'),
    "resource[0].as_of: 'day': write a JSON Pointer": resource('as_of = "day"'),
    "resource[0].as_of: '/a~' is not a JSON Pointer": resource('as_of = "/a~"'),
    "resource[0].as_of: the function makes": resource('extract = "a.b:c"', 'as_of = "/day"').replace(
        'items = "/data"\n', ""
    ),
    "resource[0].as_of: 'As of': write a text with a date": table('as_of = "As of"'),
    "resource[0].as_of: '{date} {date}': write a text": table('as_of = "{date} {date}"'),
    "resource[0].as_of: '{day}': write a text": table('as_of = "{day}"'),
    "resource[0].as_of: {date:%Q}: %Q cannot be read; these can": table('as_of = "{date:%Q}"'),
    "resource[0].as_of: {date:%d %m} has no year": table('as_of = "{date:%d %m}"'),
    "resource[0].as_of: it stands in a closing line": table('as_of = "{date}"', "footer = 0"),
    "resource[0].next_param: say with next where": resource('next_param = "page"'),
    "resource[0].key: it would be the same for every request: refer to {lang}": (
        '[[resource]]\nname="x"\ncategory="c"\nparams = { lang = ["en", "is"] }'
    ),
    "resource[1].key: it would be the same for every request: refer to {c}": (
        resource() + '\n[[resource]]\nname="x"\ncategory="d"\nfor_each="c"'
    ),
    "resource[0].path: '//shop.example': write what": resource('path = "//shop.example"'),
    "resource[0].path: '/a#b': write what comes after": resource('path = "/a#b"'),
    "resource[0].path: {start} is neither one of params": resource('path = "/a?from={start}"'),
    "resource[0].slices: write it as a table": sliced('slices = "1h"'),
    "resource[0].slices.from: is missing": sliced('slices = { step = "1h", rows = 5, time = "/0" }'),
    "resource[0].slices.form: unknown field; did you mean 'from'?": sliced('slices = { form = "2025-01-01" }'),
    "resource[0].slices.rows: Expected int, got str": sliced(rows='"5"'),
    "resource[0].slices.rows: a slice holds at least one row": sliced(rows="0"),
    "resource[0].slices.time: '0' is not a JSON Pointer": sliced(time='"0"'),
    "resource[0].slices.step: '1M': write a number and s, m, h, d or w, as 30m or 1h: a step": sliced(step='"1M"'),
    "resource[0].slices.step: {interval} is none of params": sliced(step='"{interval}"'),
    "resource[0].params.p[1]: '1M': write a number": sliced('params = { p = ["1h", "1M"] }', step='"{p}"'),
    "resource[0].params.start: 'start' is what slices give": sliced('params = { start = ["1"] }'),
    "resource[0].slices.from: 'soon': write a date or a time": sliced(since='"soon"'),
    "resource[0].slices.from: '2025': write a date or a time": sliced(since="2025"),
    "resource[0].slices: a slice is one document": sliced('items = ""'),
    "resource[0].key: 'all' would be the same for every slice: refer to {start}": sliced('key = "all"'),
    "resource[0].key: slices of one p would have the keys of another's": sliced('params = { p = ["a", "b"] }'),
    "resource[0].path: every slice would be asked for alike": sliced('path = "/klines"'),
    "source.name: 'My Shop': write small letters": f'[source]\nname = "My Shop"\n{FIVE_LINES}',
    "source: write it as a table": f"source = 1\n{FIVE_LINES}",
    "not TOML: ": "[[resource]\n",
    "not a source file: nested too deeply": "a = " + "[" * 100_000,
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_said_with_the_file_and_the_place_in_it(tmp_path: Path, message: str) -> None:
    with pytest.raises(BadSource) as caught:
        read(tmp_path, WRONG[message])
    assert str(caught.value).startswith(f"{tmp_path}/my.toml: {message}")
    assert caught.value.hint


@pytest.mark.parametrize(
    "text, since",
    [
        ('"2025-01-01"', "2025-01-01T00:00:00+00:00"),
        ("2025-01-01", "2025-01-01T00:00:00+00:00"),
        ("2025-01-01T12:00:00", "2025-01-01T12:00:00+00:00"),
        ('"2025-01-01T12:00+02:00"', "2025-01-01T10:00:00+00:00"),
    ],
)
def test_slices_begin_at_a_date_or_time_which_is_utc_unless_it_says_otherwise(
    tmp_path: Path, text: str, since: str
) -> None:
    (found,) = read(tmp_path, sliced(since=text)).resources
    assert found.since is not None
    assert from_ms(found.since).isoformat() == since
    assert found.extraction.slices == Steps("1h", 5, "/0")
    assert found.slices == Slices("1h", 5, "/0", found.since)


def test_since_when_there_are_slices_and_how_pages_are_asked_for_makes_no_other_rules(tmp_path: Path) -> None:
    one, other = (read(tmp_path, sliced(since=since)).resources[0] for since in ("2024-01-01", "2025-01-01"))
    assert one.extraction.rules == other.extraction.rules
    assert one != other
    links, tokens = (
        read(tmp_path, resource('next = "/n"', *more)).resources[0] for more in ([], ['next_param = "page"'])
    )
    assert links.extraction.rules == tokens.extraction.rules


def test_rules_of_slices_and_days_come_back_from_their_text(tmp_path: Path) -> None:
    for text in (sliced(), table('as_of = "As of {date:%m/%d/%Y}"'), resource('as_of = "/day"')):
        rules = read(tmp_path, text).resources[0].extraction
        assert Extraction.from_rules(rules.rules.text) == rules


@pytest.mark.parametrize(
    "text, size",
    [("7", 7), ('"7"', 7), ('"500 kB"', 500_000), ('"64MB"', 64_000_000), ('"1GiB"', 1 << 30), ('"2k"', 2000)],
)
def test_sizes_are_written_as_people_write_them(tmp_path: Path, text: str, size: int) -> None:
    assert read(tmp_path, f"[source]\nmax_bytes = {text}\n{FIVE_LINES}").max_bytes == size


def test_a_header_that_is_refused_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(BadSource) as caught:
        read(tmp_path, f'[source]\nheaders = {{ X = "s3cret\\n" }}\n{FIVE_LINES}')
    assert "s3cret" not in str(caught.value)


def test_a_part_of_what_is_split_off_may_be_dropped(tmp_path: Path) -> None:
    rules = read(tmp_path, resource('split = { d = ["/stats"] }', 'drop = ["/stats/raw"]')).resources[0].extraction
    assert (rules.split, rules.drop) == ({"d": ("/stats",)}, ("/stats/raw",))


def test_paths_are_told_apart_by_their_tokens_and_not_their_letters(tmp_path: Path) -> None:
    rules = read(tmp_path, resource('split = { d = ["/status", "/statuses"] }')).resources[0].extraction
    assert rules.split == {"d": ("/status", "/statuses")}


def test_a_file_that_is_not_there_is_named_with_one_that_is_nearly_called_so(tmp_path: Path) -> None:
    written(tmp_path, FIVE_LINES, "outages.toml")
    with pytest.raises(NoSource, match=r"cannot read .*outage\.toml: No such file") as caught:
        load(tmp_path / "outage.toml")
    assert caught.value.hint == "did you mean outages.toml?"


def test_a_folder_or_a_binary_file_is_no_source_file(tmp_path: Path) -> None:
    with pytest.raises(NoSource, match="Is a directory"):
        load(tmp_path)
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NoSource, match="not UTF-8 text: invalid start byte at byte 0"):
        load(tmp_path / "b.toml")


def test_a_file_in_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NoSource) as caught:
        load(tmp_path / "no" / "x.toml")
    assert caught.value.hint == f"there is no folder {tmp_path / 'no'}"


def test_rules_come_back_from_their_text_with_the_same_hash() -> None:
    for source in shipped().values():
        for found in source.resources:
            rules = found.extraction.rules
            again = Extraction.from_rules(rules.text)
            assert again == found.extraction
            assert again.rules == rules


def test_the_text_of_rules_has_no_field_that_has_its_default() -> None:
    # so that a field added later leaves the hashes of all rules that do not use it as they were
    assert Extraction(category="outage", key="{outageNumber}", items="").rules.text == (
        '{"category":"outage","items":"","key":"{outageNumber}"}'
    )


def test_how_often_and_where_to_ask_makes_no_other_rules(tmp_path: Path) -> None:
    one = read(tmp_path, resource('path = "/a"', 'every = "1h"')).resources[0].extraction
    other = read(tmp_path, resource('path = "/b"', 'every = "2h"')).resources[0].extraction
    assert one.rules.hash == other.rules.hash


def test_the_order_of_what_is_split_and_dropped_makes_no_other_rules(tmp_path: Path) -> None:
    one = read(tmp_path, resource('split = { d = ["/a", "/b"] }', 'drop = ["/x", "/y"]', "empty_on = [404, 410]"))
    other = read(tmp_path, resource('split = { d = ["/b", "/a"] }', 'drop = ["/y", "/x"]', "empty_on = [410, 404]"))
    assert one.resources[0].extraction.rules == other.resources[0].extraction.rules


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"category":"a","key":"{b}","colour":1}', '{"category":1,"key":"a"}']
)
def test_text_that_is_no_rules_is_refused(text: str) -> None:
    with pytest.raises(BadRules):
        Extraction.from_rules(text)


def test_rules_made_in_python_are_held_to_the_same() -> None:
    with pytest.raises(BadRules, match="key: 'all' would be the same"):
        Extraction(category="c", key="all", items="/data")
    with pytest.raises(BadRules, match="split: 'B': write small letters"):
        Extraction(category="c", key="{id}", items="/data", split={"B": ("/x",)})


def test_the_shipped_source_splits_off_what_drowns_the_rest() -> None:
    openrouter = shipped()["openrouter"]
    assert [found.address for found in openrouter.resources] == [
        "openrouter.models",
        "openrouter.endpoints",
        "openrouter.providers",
    ]
    assert openrouter.resource("models").extraction.categories == ("model", "model_benchmarks")
    endpoints = openrouter.resource("endpoints").extraction
    assert endpoints.categories == ("endpoint", "endpoint_telemetry")
    assert {"/status", "/uptime_last_30m", "/latency_last_30m", "/throughput_last_30m"} <= {
        *endpoints.split["endpoint_telemetry"]
    }
    assert endpoints.empty_on == (404,)


def test_a_resource_is_found_by_source_and_name() -> None:
    assert resolve("openrouter.models") == shipped()["openrouter"].resource("models")


def test_a_resource_is_found_in_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, resource() + "\n" + resource('name = "q"', 'category = "d"'))
    assert resolve(f"{path}#q").extraction.category == "d"
    with pytest.raises(UnknownResource, match="has 2 resources: say which") as caught:
        resolve(str(path))
    assert caught.value.choices == (f"{path}#r", f"{path}#q")


def test_the_only_resource_of_a_file_needs_no_name(tmp_path: Path) -> None:
    path = written(tmp_path, FIVE_LINES)
    assert resolve(str(path)) == resolve(f"{path}#outages") == resolve(f"{path}#")


def test_a_file_in_a_folder_with_dots_and_hashes_is_found(tmp_path: Path) -> None:
    path = written(tmp_path, FIVE_LINES, "a.toml#b/v1.2.toml")
    assert resolve(f"{path}#outages").source == "v1-2"


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(tmp_path: Path) -> None:
    path = written(tmp_path, FIVE_LINES)
    hints = {
        "openrouter.modls": "did you mean openrouter.models?",
        "opnrouter.providers": "did you mean openrouter.providers",
        f"{path}#outage": f"did you mean {path}#outages?",
        "zzz": "one of: binance.klines, openrouter-frontend.analytics, openrouter-frontend.apps",
    }
    for text, hint in hints.items():
        with pytest.raises(UnknownResource) as caught:
            resolve(text)
        assert caught.value.hint.startswith(hint)


def test_sources_of_a_folder_are_found_by_the_name_they_give_themselves(tmp_path: Path) -> None:
    written(tmp_path, '[source]\nname = "power"\n' + FIVE_LINES)
    assert resolve("power.outages", [tmp_path]).address == "power.outages"


def test_a_users_own_source_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    written(tmp_path, FIVE_LINES, "openrouter.toml")
    assert resolve("openrouter.outages", [tmp_path]).extraction.category == "outage"
    with pytest.raises(UnknownResource):
        resolve("openrouter.models", [tmp_path])


def test_of_two_folders_the_first_one_wins(tmp_path: Path) -> None:
    written(tmp_path, FIVE_LINES, "one/my.toml")
    written(tmp_path, FIVE_LINES.replace('"outage"', '"other"'), "two/my.toml")
    assert resolve("my.outages", [tmp_path / "one", tmp_path / "two"]).extraction.category == "outage"


def test_a_broken_file_hinders_only_those_who_ask_for_it(tmp_path: Path) -> None:
    written(tmp_path, "[[resource]\n", "broken.toml")
    written(tmp_path, FIVE_LINES)
    assert resolve("my.outages", [tmp_path]).name == "outages"
    with pytest.raises(BadSource, match="not TOML"):
        resolve("broken.outages", [tmp_path])


def test_a_broken_file_of_a_users_own_is_not_passed_over_for_the_shipped_one(tmp_path: Path) -> None:
    written(tmp_path, "[[resource]\n", "openrouter.toml")
    with pytest.raises(BadSource, match="not TOML"):
        resolve("openrouter.models", [tmp_path])


def test_the_formats_travel_as_enums(tmp_path: Path) -> None:
    text = '[[resource]]\nname = "x"\ncategory = "c"\nkey = "{id}"\nformat = "csv"\nfooter = 1'
    assert read(tmp_path, text).resources[0].extraction == Extraction("c", "{id}", format=Format.CSV, footer=1)


def test_the_source_files_that_the_page_shows_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert [[found.name for found in read(tmp_path, block).resources] for block in blocks] == [
        ["products", "offers"],
        ["klines"],
    ]


def test_the_page_of_source_files_names_every_field() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    for table in (_SourceTable, _ResourceTable, _SlicesTable):
        for field in table.__struct_encode_fields__:
            assert f"| `{field}` |" in page
