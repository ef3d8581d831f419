"""`orlog.toml` is edited as its user would, source files are explained, and sources are watched or not."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import checking, config, newsource, settings, shelf, watchlist
from cli.failures import Failure
from cli.render import sources as render
from cli.terminal.paper import PLAIN
from collector import BadSource, Parents, Resource, Source, SourceSaid, explain, load, shipped

NOW = datetime(2026, 1, 1, tzinfo=UTC)


# -- orlog.toml, as text


@pytest.mark.parametrize(
    "before, after",
    [
        ("sources = []\n", 'sources = ["x"]\n'),
        ("sources = [ ] # none\n", 'sources = ["x" ] # none\n'),
        ('sources = ["a"]', 'sources = ["a", "x"]'),
        ("sources = ['a', \"b\",]  # mine\n", "sources = ['a', \"b\", \"x\"]  # mine\n"),
        ('sources = [\n    "a",   # 1\n    "b"  # 2\n]\n', 'sources = [\n    "a",   # 1\n    "b",  # 2\n    "x"\n]\n'),
        ('sources = [\n  "a", # first ]\n]\n', 'sources = [\n  "a", # first ]\n  "x",\n]\n'),
        ('sources = [\r\n\t"a"\r\n]\r\n', 'sources = [\r\n\t"a",\r\n\t"x"\r\n]\r\n'),
        ('# what is watched\n"sources" = ["a"]\n', '# what is watched\n"sources" = ["a", "x"]\n'),
        ("", 'sources = ["x"]\n'),
        ('[[notify]]\nwebhook = "h"\n', 'sources = ["x"]\n[[notify]]\nwebhook = "h"\n'),
        ('# sources = ["a"]\n', 'sources = ["x"]\n# sources = ["a"]\n'),
    ],
)  # fmt: skip
def test_an_entry_is_added_and_all_else_stays_as_it_is(before: str, after: str) -> None:
    assert settings.with_source(before, "x") == after


@pytest.mark.parametrize(
    "before, after",
    [
        ('sources = ["x"]\n', "sources = []\n"),
        ('sources = ["x"] # only\n', "sources = [] # only\n"),
        ('sources = ["x", "a"]\n', 'sources = ["a"]\n'),
        ('sources = ["a", "x"]\n', 'sources = ["a"]\n'),
        ('sources = ["a", "x", "b",]\n', 'sources = ["a", "b",]\n'),
        ('sources = ["a", "x", ]\n', 'sources = ["a" ]\n'),
        ('sources = ["x", "a", "x"]\n', 'sources = ["a"]\n'),
        ('sources = [\n  "a", # 1\n  "x", # its own\n  "b", # 3\n]\n', 'sources = [\n  "a", # 1\n  "b", # 3\n]\n'),
        ('sources = [\n  "a", # first\n  "x" # last\n]\n', 'sources = [\n  "a", # first\n]\n'),
        ('sources = [\r\n  "x",\r\n  "a"\r\n]\r\n', 'sources = [\r\n  "a"\r\n]\r\n'),
        ('sources = ["a"]\n', 'sources = ["a"]\n'),
    ],
)  # fmt: skip
def test_an_entry_is_taken_out_with_its_comment_and_all_else_stays_as_it_is(before: str, after: str) -> None:
    assert settings.without_sources(before, ["x"]) == after


@pytest.mark.parametrize(
    "text, line",
    [
        ('a = 1\nsources = ["""x"""]\n', 2),
        ('note = """\nsources = ["y"]\n"""\nsources = ["x"]\n', 2),
        ('"s\\u006furces" = ["x"]\n', None),
    ],
)
def test_what_is_written_in_a_way_that_is_not_foreseen_is_never_guessed_at(text: str, line: int | None) -> None:
    with pytest.raises(settings.CannotEdit) as caught:
        settings.with_source(text, "z")
    assert caught.value.line == line
    with pytest.raises(settings.CannotEdit):
        settings.without_sources(text, ["x"])


NAMES = st.text(min_size=1, max_size=6)
GAPS = st.sampled_from(["", " ", "\n", "\n    ", ' # it\'s ["so"], \n', "\r\n\t", "#\n"])


@given(st.data(), st.lists(NAMES, unique=True, max_size=4), NAMES)
def test_whatever_the_layout_the_list_says_what_it_should_and_comments_stay(
    data: st.DataObject, names: list[str], name: str
) -> None:
    quoted = [data.draw(GAPS) + settings.quoted(each) + data.draw(GAPS) for each in names]
    comma = data.draw(st.sampled_from(["", ","])) if quoted else ""
    text = f"# top\nsources = [{','.join(quoted)}{comma}]\n[[notify]] # end\n"
    added = settings.with_source(text, name)
    assert tomllib.loads(added)["sources"] == [*names, name]
    assert added.count("#") == text.count("#") + settings.quoted(name).count("#")
    for each in names:
        left = settings.without_sources(text, [each])
        assert tomllib.loads(left)["sources"] == [other for other in names if other != each]


# -- orlog.toml, as a file

SHOP = """\
[source]
name = "shop"
base_url = "https://shop.example"
[[resource]]
name = "things"
category = "thing"
path = "/things"
items = ""
key = "{id}"
"""


def written(folder: Path, name: str, text: str = SHOP) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def no_receipt(name: str) -> int | None:
    raise AssertionError(name)


def test_a_source_file_is_named_relative_to_the_data_directory_or_from_the_root(tmp_path: Path) -> None:
    data = tmp_path / "data"
    inside, outside = written(data, "sources/shop.toml"), written(tmp_path, "b.toml", SHOP.replace("shop", "b"))
    assert watchlist.add(data, str(inside)) == ("sources/shop.toml", True)
    assert watchlist.add(data, str(outside)) == (str(outside), True)
    assert config.read(data).sources == ("sources/shop.toml", str(outside))
    assert [source.name for source in shelf.watched(data)] == ["b", "shop"]


def test_a_first_source_makes_an_orlog_toml_that_names_nothing_else(tmp_path: Path) -> None:
    assert watchlist.add(tmp_path / "data", "openrouter") == ("openrouter", True)
    text = (tmp_path / "data" / "orlog.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text) == {"sources": ["openrouter"]}
    assert text.startswith("# What orlog watches")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_watching_what_is_watched_changes_nothing(tmp_path: Path) -> None:
    written(tmp_path, "shop.toml")
    written(tmp_path, "orlog.toml", 'sources = ["./shop.toml", "openrouter"]\n')
    assert watchlist.add(tmp_path, str(tmp_path / "shop.toml")) == ("./shop.toml", False)
    assert watchlist.add(tmp_path, "shop.toml") == ("./shop.toml", False)
    assert watchlist.add(tmp_path, "openrouter") == ("openrouter", False)


def test_only_what_is_a_source_can_be_watched(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no source 'openruter'"):
        watchlist.add(tmp_path, "openruter")
    with pytest.raises(BadSource, match="key: is missing"):
        watchlist.add(tmp_path, str(written(tmp_path, "bad.toml", SHOP.replace('key = "{id}"\n', ""))))
    watchlist.add(tmp_path, str(written(tmp_path, "shop.toml")))
    with pytest.raises(Failure, match=r"shop\.toml is a source 'shop' too"):
        watchlist.add(tmp_path, str(written(tmp_path, "copy.toml")))
    assert config.read(tmp_path).sources == ("shop.toml",)


@pytest.mark.parametrize("wanted", ["shop", "mine.toml", "{data}/mine.toml"])
def test_a_source_is_removed_by_its_name_or_its_file(tmp_path: Path, wanted: str) -> None:
    file = written(tmp_path, "mine.toml")
    written(tmp_path, "orlog.toml", 'sources = ["openrouter", "mine.toml"]\n')
    receipts: list[str] = []

    def receipt(name: str) -> int:
        receipts.append(name)
        return 7

    removed = watchlist.remove(tmp_path, wanted.format(data=tmp_path), receipt)
    assert removed == watchlist.Removed("shop", ("mine.toml",), 7)
    assert config.read(tmp_path).sources == ("openrouter",)
    assert receipts == ["shop"]
    assert file.exists()
    assert watchlist.remove(tmp_path, "shop", no_receipt).entries == ()


@pytest.mark.parametrize("text", ["", None])
def test_a_source_whose_file_is_broken_or_gone_can_be_removed(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        written(tmp_path, "mine.toml", text)
    written(tmp_path, "orlog.toml", 'sources = ["mine.toml"]\n')
    assert watchlist.remove(tmp_path, "mine", lambda _: None).entries == ("mine.toml",)


def test_nothing_is_taken_out_before_its_receipt_lies(tmp_path: Path) -> None:
    written(tmp_path, "orlog.toml", 'sources = ["openrouter"]\n')
    with pytest.raises(AssertionError):
        watchlist.remove(tmp_path, "openrouter", no_receipt)
    assert config.read(tmp_path).sources == ("openrouter",)


def test_a_file_that_cannot_be_edited_is_left_alone_and_the_line_to_change_is_said(tmp_path: Path) -> None:
    text = '# mine\nsources = ["""openrouter"""]\n'
    written(tmp_path, "orlog.toml", text)
    written(tmp_path, "shop.toml")
    with pytest.raises(Failure) as caught:
        watchlist.add(tmp_path, "shop.toml")
    assert caught.value.hint == 'add "shop.toml" to sources in line 2 yourself'
    with pytest.raises(Failure) as caught:
        watchlist.remove(tmp_path, "openrouter", no_receipt)
    assert caught.value.hint == 'take "openrouter" out of sources in line 2 yourself'
    assert (tmp_path / "orlog.toml").read_text(encoding="utf-8") == text


def test_an_edited_file_keeps_its_permissions_and_stays_a_link(tmp_path: Path) -> None:
    real = written(tmp_path, "elsewhere/orlog.toml", "sources = []\n")
    real.chmod(0o640)
    (tmp_path / "orlog.toml").symlink_to(real)
    watchlist.add(tmp_path, "openrouter")
    assert (tmp_path / "orlog.toml").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert config.read(tmp_path).sources == ("openrouter",)
    assert [path.name for path in real.parent.iterdir()] == ["orlog.toml"]


# -- finding a source


def test_a_source_is_found_by_file_or_name_with_the_resource_that_is_meant(tmp_path: Path) -> None:
    file = written(tmp_path, "shop.toml")
    written(tmp_path, "orlog.toml", 'sources = ["shop.toml"]\n')
    for wanted, name in [("shop", None), ("shop.things", "things"), (f"{file}", None), (f"{file}#things", "things")]:
        source, resource = shelf.find(tmp_path, wanted)
        assert (source.name, resource) == ("shop", name)
    with pytest.raises(Failure, match="no source 'shup'"):
        shelf.find(tmp_path, "shup")


# -- what a source file says


def explained(source: Source, live: Mapping[str, Parents] | None = None, *environ: str) -> SourceSaid:
    return explain(source, live or {}, environ, now=NOW)


def changed(tmp_path: Path, *lines: str, source: str = "") -> Source:
    text = SHOP.replace("[[resource]]", f"{source}\n[[resource]]")
    fields = {line.split(" = ")[0] for line in lines}
    fields |= {"items"} if "slices" in fields else set()  # a slice is one document
    kept = [line for line in text.splitlines() if line.split(" = ")[0] not in fields]
    return load(written(tmp_path, "shop.toml", "\n".join([*kept, *lines])))


def only(said: SourceSaid) -> list[str]:
    (resource,) = said.resources
    return [*resource.reads, *resource.warnings]


def test_a_resource_is_explained_with_what_is_asked_and_how_often(tmp_path: Path) -> None:
    (said,) = explained(changed(tmp_path, 'every = "30m"')).resources
    assert (said.asks, said.example) == ("https://shop.example/things",) * 2
    assert (said.requests, said.every, said.per_day, said.warnings) == (1, 1800, 48, ())


def test_what_is_asked_once_for_each_of_many_counts_those_that_live_now() -> None:
    endpoints = shipped()["openrouter"]
    unknown = explained(endpoints).resources[1]
    assert (unknown.each_of, unknown.requests, unknown.per_day, unknown.example) == ("model", None, None, None)
    known = explained(endpoints, {"model": Parents(347, "openai/gpt-4.1:free", {})}).resources[1]
    assert (known.requests, known.per_day) == (347, 24 * 347)
    assert known.example == "https://openrouter.ai/api/v1/models/openai/gpt-4.1%3Afree/endpoints"


def test_every_combination_of_parameters_is_a_request(tmp_path: Path) -> None:
    source = changed(
        tmp_path,
        'path = "/{a}/{b}"',
        'params = { a = ["1", "2"], b = ["x", "y", "z"] }',
        'key = "{a}{b}{id}"',
        'every = "1d"',
    )
    (said,) = explained(source).resources
    assert (said.requests, said.per_day, said.example) == (6, 6, "https://shop.example/1/x")


def test_closed_slices_are_counted_apart_from_what_is_asked_for_again_and_again(tmp_path: Path) -> None:
    source = changed(
        tmp_path,
        'path = "/{s}?from={start}"',
        'params = { s = ["A", "B"] }',
        'slices = { from = "2025-12-22", step = "1h", rows = 24, time = "/0" }',
        'key = "{s}:{start}"',
        'every = "1h"',
    )
    (said,) = explained(source).resources
    assert (said.requests, said.first, said.per_day) == (2, 20, 48)


@pytest.mark.parametrize(
    "lines, sentence",
    [
        (('items = "/data"',), "items: what stands at /data is a list of items, or an object that has them by name"),
        (('total = "/n"',), "total: /n says how many items there are, or else the list is not complete"),
        (('next = "/next"',), "next: /next links to the next page, until it is empty"),
        (('next = "/next"', 'next_param = "page"'), "next: /next is the page of the next page, until it is empty"),
        (('split = { stock = ["/left"] }',), "split: /left become stock, with the same key"),
        (('drop = ["/seller"]',), "drop: left out of the document, not of the archive: /seller"),
        (("empty_on = [404]",), "empty_on: with status 404 there are no items, and that is an answer"),
        (('implausible = "off"',), "implausible: off"),
    ],
)  # fmt: skip
def test_what_the_rules_say_is_said_in_sentences(tmp_path: Path, lines: tuple[str, ...], sentence: str) -> None:
    assert sentence in only(explained(changed(tmp_path, *lines)))


def test_what_is_not_set_is_said_with_what_holds_then(tmp_path: Path) -> None:
    bare = explained(changed(tmp_path))
    assert [line.partition(":")[0] for line in bare.resources[0].unset] == [
        "every", "split", "drop", "empty_on", "total", "next", "implausible",
    ]  # fmt: skip
    assert [line.partition(":")[0] for line in bare.unset] == [
        "concurrency", "rate", "timeout", "patience", "budget", "retries", "max_bytes",
    ]  # fmt: skip
    full = (
        'concurrency = 2\nrate = "1/s"\ntimeout = "5s"\npatience = "1m"\nbudget = "5m"\nretries = 0\nmax_bytes = "1MB"'
    )
    said = explained(changed(tmp_path, source=full))
    assert said.unset == ()
    assert [line.partition(":")[0] for line in said.manners] == [line.partition(" ")[0] for line in full.splitlines()]


@pytest.mark.parametrize(
    "lines, source, warning",
    [
        ((), "", "no every: `orlog run` and `orlog sync --due` never ask for it"),
        (
            ('params = { a = ["1", "2"] }', 'path = "/{a}"'),
            "",
            "the key does not name {a}: items of two of them must never have the same key",
        ),
        (
            ('every = "1s"', 'params = { a = ["1", "2"] }', 'path = "/{a}"', 'key = "{a}{id}"'),
            'rate = "1/s"',
            "2 requests take 2 s at this rate, which is longer than every",
        ),
        (
            ('every = "1d"', 'params = { a = ["1", "2"] }', 'path = "/{a}"', 'key = "{a}{id}"'),
            'rate = "1/h"\nbudget = "1h"',
            "2 requests take 7200 s at this rate, more than the budget of a sync: 3600 s",
        ),
    ],
)
def test_what_is_doubtful_is_warned_of(tmp_path: Path, lines: tuple[str, ...], source: str, warning: str) -> None:
    assert warning in only(explained(changed(tmp_path, *lines, source=source)))


def test_a_resource_for_each_of_many_without_a_rate_is_warned_of(tmp_path: Path) -> None:
    child = '[[resource]]\nname = "p"\ncategory = "price"\nfor_each = "thing"\npath = "/{thing}"\nevery = "1h"'
    said = explained(load(written(tmp_path, "shop.toml", SHOP + child + '\nkey = "{thing}"'))).resources[1]
    assert said.warnings == ("no rate: it is asked for once for each thing, as fast as answers come",)


def test_variables_that_are_not_set_and_headers_that_can_be_read_are_warned_of(tmp_path: Path) -> None:
    source = changed(tmp_path, source='headers = { Authorization = "Bearer ${TOKEN}" }')
    assert explained(source).warnings == ("the environment's variable TOKEN is not set",)
    assert explained(source, {}, "TOKEN").warnings == ()
    text = (tmp_path / "shop.toml").read_text(encoding="utf-8").replace("https:", "http:")
    (warning,) = explained(load(written(tmp_path, "shop.toml", text)), {}, "TOKEN").warnings
    assert "can be read on the way" in warning


def test_a_file_for_imports_only_is_said_to_be_one(tmp_path: Path) -> None:
    source = load(written(tmp_path, "a.toml", '[[resource]]\nname = "r"\ncategory = "c"\nitems = ""\nkey = "{id}"\n'))
    said = explained(source)
    assert "imports only" in said.warnings[0]
    assert (said.resources[0].asks, said.resources[0].requests, said.resources[0].per_day) == (None, None, None)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_source_is_explained(name: str) -> None:
    said = explained(shipped()[name])
    assert all(resource.asks and resource.every and resource.reads for resource in said.resources)
    checked = checking.Checked(said, None)
    text = b"".join(render.checked(checked, PLAIN)).decode()
    assert all(resource.resource in text for resource in said.resources)


# -- a saved answer


def test_a_saved_answer_is_extracted_and_counted(tmp_path: Path) -> None:
    source = changed(tmp_path, 'split = { stock = ["/left"] }')
    body = b'[{"id": "a", "left": 1}, {"id": "b"}, {"id": "b", "n": 1}]'
    found = checking.extract(source.resources[0], body, {}, now=NOW)
    assert (found.complete, found.count, found.entities, found.keys) == (
        True,
        3,
        {"thing": 3, "stock": 1},
        ("a", "b", "b"),
    )
    assert [issue.code for issue in found.issues] == ["duplicate-key"]
    lost = checking.extract(source.resources[0], b"<html>", {}, now=NOW)
    assert (lost.complete, lost.count, [issue.code for issue in lost.issues]) == (False, 0, ["unreadable-answer"])


def test_an_answer_about_a_parent_that_nobody_knows_shows_where_its_key_goes() -> None:
    endpoints = shipped()["openrouter"].resource("endpoints")
    body = b'{"data": {"endpoints": [{"tag": "p"}]}}'
    assert checking.extract(endpoints, body, {}, now=NOW).keys == ("model#p",)
    assert checking.extract(endpoints, body, {"model": Parents(1, "a/b")}, now=NOW).keys == ("a/b#p",)


def test_of_several_resources_one_must_be_named_for_an_answer() -> None:
    source = shipped()["openrouter"]
    with pytest.raises(Failure) as caught:
        checking.only(source, None)
    assert "openrouter.models" in caught.value.hint
    resource: Resource = checking.only(source, "models")
    assert resource.name == "models"


def test_a_saved_answer_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot read"):
        checking.saved(tmp_path / "nowhere.json")


# -- a new one


def test_a_source_file_is_never_overwritten_and_no_name_is_taken_twice(tmp_path: Path) -> None:
    """Found before anything is asked: nothing listens at this URL."""
    url = "http://127.0.0.1:1/"
    written(tmp_path, "sources/shop.toml")
    with pytest.raises(Failure, match="is there already"):
        newsource.make(tmp_path, newsource.Wanted("shop", url), {})
    watchlist.add(tmp_path, "openrouter")
    with pytest.raises(Failure, match="watched already"):
        newsource.make(tmp_path, newsource.Wanted("openrouter", url), {})
    with pytest.raises(Failure, match=r"ends with \.toml"):
        newsource.make(tmp_path, newsource.Wanted("x", url, output=tmp_path / "x.json"), {})
