"""diff, blame, history and log from the command line: what they answer, in which form, and how they say no."""

from __future__ import annotations

import csv
import io
import json
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from cli.main import program
from eventstore import JSON, Cause, Document, Item, Listing, Record, Request, Rules, Scope, canonical_bytes
from tests.commandline import ROOT, command

SCOPE: Final = Scope("shop", "things")
OLD, NEW = (Rules("a" * 64, '{"v":1}'), Rules("b" * 64, '{"v":2}'))


def day(number: float) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number - 1)


def lay(record: Record, number: float, things: dict[str, JSON], rules: Rules = OLD) -> None:
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=day(number), rules={"shop.things": rules})
        request = Request(SCOPE, day(number), day(number), 200, canonical_bytes(things))
        (attempt,) = record.archive.add(sync, [request])
        record.archive.close_sync(sync, at=day(number))
        items = tuple(Item(key, (("thing", Document.of(thing)),)) for key, thing in things.items())
        record.log.record(sync, [Listing(SCOPE, ("thing",), attempt, complete=True, items=items)])


def lamp(price: str, *tags: str, text: str = "a lamp") -> JSON:
    return {"name": "Lamp", "price": {"now": price}, "tags": list(tags), "text": text, "from/to": None}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five days: a lamp whose price and tags change, a chair that comes, goes and returns, other rules on the fifth."""
    with Record.open(tmp_path, write=True) as record:
        lay(record, 1, {"lamp/one": lamp("10", "old")})
        lay(record, 2, {"lamp/one": lamp("12", "new", "old"), "chair": {"name": "Chair"}})
        lay(record, 3, {"lamp/one": lamp("12", "new", "old")})
        lay(record, 4, {"lamp/one": lamp("10", "new", "old", text="a lamp, mended"), "chair": {"name": "Chair"}})
        lay(record, 5, {"lamp/one": lamp("10", "new", "old", text="a lamp, mended")}, rules=NEW)
    return tmp_path


def orlog(data: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(program, ["--data", str(data), *arguments], prog_name="orlog")
    assert "Traceback" not in result.output
    assert "internal error" not in result.output
    return result


def answer(data: Path, *arguments: str) -> Any:
    result = orlog(data, *arguments, "--format", "json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def lines(data: Path, *arguments: str) -> list[Any]:
    result = orlog(data, *arguments, "--format", "jsonl")
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def error(data: Path, *arguments: str) -> tuple[int, str]:
    result = orlog(data, *arguments)
    assert result.exit_code != 0
    assert result.stdout == ""
    return result.exit_code, result.stderr


# -- diff


def test_diff_says_what_appeared_disappeared_and_changed(data: Path) -> None:
    found = answer(data, "diff", "thing", "--from", "2025-01-01", "--to", "2025-01-02")
    assert [(each["key"], each["document"]) for each in found["appeared"]] == [("chair", {"name": "Chair"})]
    assert found["disappeared"] == []
    (changed,) = found["changed"]
    assert (changed["key"], changed["from_seq"], changed["to_seq"]) == ("lamp/one", 1, 2)
    assert changed["fields"] == [
        {"path": "/price/now", "before": "10", "after": "12"},
        {"path": "/tags", "before": ["old"], "after": ["new", "old"]},
    ]
    assert {"op": "replace", "path": "/price/now", "value": "12"} in changed["patch"]
    assert found["from"] == {"seq": 1, "observed_at": "2025-01-01T00:00:00.000Z"}


def test_diff_the_other_way_round_mirrors_it(data: Path) -> None:
    found = answer(data, "diff", "--from", "2025-01-02", "--to", "2025-01-01")
    assert [each["key"] for each in found["disappeared"]] == ["chair"]
    assert found["changed"][0]["fields"][0] == {"path": "/price/now", "before": "12", "after": "10"}


def test_diff_of_one_entity_leaves_the_others_out(data: Path) -> None:
    found = answer(data, "diff", "thing", "lamp/one", "--from", "2025-01-01")
    assert (found["appeared"], found["disappeared"], len(found["changed"])) == ([], [], 1)


def test_what_was_undone_in_between_does_not_show_in_a_diff(data: Path) -> None:
    (changed,) = answer(data, "diff", "thing", "lamp/one", "--from", "2025-01-01")["changed"]
    assert [field["path"] for field in changed["fields"]] == ["/tags", "/text"]


def test_diff_says_that_the_two_sides_were_read_by_different_rules(data: Path) -> None:
    differ = [{"resource": "shop.things", "before": OLD.hash, "after": NEW.hash}]
    assert answer(data, "diff", "--from", "2025-01-03")["rules"] == differ
    assert answer(data, "diff", "--from", "2025-01-03", "--to", "2025-01-04")["rules"] == []
    assert "different rules" in orlog(data, "diff", "--from", "2025-01-03", "--format", "table").stdout


def test_diff_as_json_lines_is_an_entity_a_line(data: Path) -> None:
    found = lines(data, "diff", "--from", "2025-01-02", "--to", "2025-01-03")
    assert [(line["kind"], line["key"]) for line in found] == [("disappeared", "chair")]


@pytest.mark.parametrize("to, code", [("2025-01-02", 0), ("2025-01-03", 3)])
def test_diff_tells_by_its_exit_code_whether_anything_differs(data: Path, to: str, code: int) -> None:
    asked = ("diff", "--from", "2025-01-02", "--to", to)
    assert orlog(data, *asked, "--exit-code").exit_code == code
    assert orlog(data, *asked).exit_code == 0


def test_diff_of_an_instant_with_itself_is_empty(data: Path) -> None:
    found = answer(data, "diff", "--from", "2025-01-04", "--to", "2025-01-04")
    assert (found["appeared"], found["disappeared"], found["changed"]) == ([], [], [])


def test_diff_wants_to_know_from_when(data: Path) -> None:
    code, said = error(data, "diff", "thing")
    assert code == 2
    assert "--from" in said


def test_diff_of_an_entity_that_was_at_neither_instant_says_when_it_was(data: Path) -> None:
    result = orlog(data, "diff", "thing", "chair", "--from", "2025-01-01", "--to", "2025-01-03")
    assert result.exit_code == 0
    assert "it was there from 2025-01-02T00:00:00.000Z until 2025-01-03T00:00:00.000Z" in result.stderr


# -- blame


def test_blame_says_since_when_each_field_has_its_value_and_what_it_was(data: Path) -> None:
    rows = {row["path"]: row for row in answer(data, "blame", "thing", "lamp/one")}
    assert list(rows) == ["/from~1to", "/name", "/price/now", "/tags/0", "/tags/1", "/text"]
    assert rows["/price/now"] == {
        "path": "/price/now",
        "value": "10",
        "seq": 5,
        "sync": 4,
        "not_before": "2025-01-03T00:00:00.000Z",
        "observed_at": "2025-01-04T00:00:00.000Z",
        "before": "12",
    }
    assert rows["/from~1to"]["value"] is None
    assert "before" not in rows["/name"]


def test_blame_follows_an_element_that_another_one_shifted(data: Path) -> None:
    rows = {row["path"]: row for row in answer(data, "blame", "thing", "lamp/one")}
    assert (rows["/tags/1"]["value"], rows["/tags/1"]["seq"]) == ("old", 1)
    assert (rows["/tags/0"]["value"], rows["/tags/0"]["seq"]) == ("new", 2)


def test_blame_of_a_past_instant_knows_nothing_of_what_came_later(data: Path) -> None:
    rows = {row["path"]: row for row in answer(data, "blame", "thing", "lamp/one", "--at", "2025-01-03")}
    assert (rows["/price/now"]["value"], rows["/price/now"]["before"], rows["/price/now"]["seq"]) == ("12", "10", 2)


def test_blame_of_a_place_shows_what_is_there_and_below(data: Path) -> None:
    assert [row["path"] for row in answer(data, "blame", "thing", "lamp/one", "--path", "/price")] == ["/price/now"]
    code, said = error(data, "blame", "thing", "lamp/one", "--path", "/price/nwo")
    assert code == 1
    assert "did you mean: /price/now" in said


def test_blame_of_what_is_gone_says_when_it_was_there(data: Path) -> None:
    code, said = error(data, "blame", "thing", "chair")
    assert code == 1
    assert "thing chair is not there now; it was there" in said


# -- history


def test_history_lists_all_values_with_both_ends_of_their_periods(data: Path) -> None:
    found = answer(data, "history", "thing", "lamp/one", "/price/now")
    assert [period["value"] for period in found] == ["10", "12", "10"]
    assert found[1] == {
        "value": "12",
        "seq": 2,
        "sync": 2,
        "not_before": "2025-01-01T00:00:00.000Z",
        "observed_at": "2025-01-02T00:00:00.000Z",
        "until": {
            "seq": 5,
            "sync": 4,
            "not_before": "2025-01-03T00:00:00.000Z",
            "observed_at": "2025-01-04T00:00:00.000Z",
        },
    }
    assert found[2]["until"] is None


def test_history_without_a_pointer_is_that_of_the_document(data: Path) -> None:
    found = answer(data, "history", "thing", "chair")
    assert [period["value"] for period in found] == [{"name": "Chair"}] * 2
    assert [period["until"]["seq"] for period in found] == [4, 7]


def test_history_as_csv_can_be_read_by_a_spreadsheet(data: Path) -> None:
    result = orlog(data, "history", "thing", "lamp/one", "/price/now", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["value"] for row in rows] == ["10", "12", "10"]
    assert [row["until"] for row in rows] == ["2025-01-02T00:00:00.000Z", "2025-01-04T00:00:00.000Z", ""]


def test_history_up_to_an_instant_leaves_the_last_period_open(data: Path) -> None:
    found = answer(data, "history", "thing", "lamp/one", "/price/now", "--at", "2025-01-03")
    assert [(period["value"], period["until"] is None) for period in found] == [("10", False), ("12", True)]


def test_history_of_a_field_that_never_was_names_those_near_it(data: Path) -> None:
    code, said = error(data, "history", "thing", "lamp/one", "/price/nwo")
    assert code == 1
    assert "says nothing at /price/nwo" in said
    assert "did you mean: /price/now" in said


@pytest.mark.parametrize("pointer", [[], ["/name"]])
def test_history_up_to_before_an_entity_was_there_says_when_it_was(data: Path, pointer: list[str]) -> None:
    code, said = error(data, "history", "thing", "chair", *pointer, "--at", "2025-01-01")
    assert code == 1
    assert "it was there from 2025-01-02T00:00:00.000Z" in said


def test_a_pointer_that_is_none_is_wrong_usage_and_says_what_one_looks_like(data: Path) -> None:
    code, said = error(data, "history", "thing", "lamp/one", "price/now")
    assert code == 2
    assert "as in /pricing/prompt" in said


def test_only_history_is_offered_as_csv(data: Path) -> None:
    code, said = error(data, "blame", "thing", "lamp/one", "--format", "csv")
    assert code == 2
    assert "csv" in said


# -- log


def test_log_takes_a_pattern_of_keys_where_it_is_no_key(data: Path) -> None:
    assert {line["key"] for line in lines(data, "log", "thing", "lamp/*")} == {"lamp/one"}
    assert {line["key"] for line in lines(data, "log", "thing", "*")} == {"lamp/one", "chair"}


def test_log_of_a_path_shows_only_where_another_value_came_to_stand_there(data: Path) -> None:
    assert [line["seq"] for line in lines(data, "log", "--path", "/price/now")] == [1, 2, 5]
    assert [line["seq"] for line in lines(data, "log", "--path", "/price/now", "--newest-first")] == [5, 2, 1]


def test_log_shows_only_the_kinds_that_were_asked_for(data: Path) -> None:
    found = lines(data, "log", "--kind", "appeared", "--kind", "disappeared")
    assert [line["seq"] for line in found] == [1, 3, 4, 6, 7]


def test_log_as_a_table_shows_what_each_field_was_and_became(data: Path) -> None:
    shown = orlog(data, "log", "thing", "lamp/one", "--path", "/price/now", "--format", "table").stdout
    assert '"10" → "12"' in shown
    assert "\x1b" not in shown


@contextmanager
def following(data: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    line = command("--data", data, "log", "--follow", *arguments)
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 30)[0], "nothing came within 30 seconds"
    return json.loads(process.stdout.readline())


def test_log_follows_and_prints_what_comes_as_it_comes(data: Path) -> None:
    with following(data, "--limit", "1") as process:
        assert next_line(process)["seq"] == 7
        with Record.open(data, write=True) as record:
            lay(record, 6, {"lamp/one": lamp("11", "new"), "chair": {"name": "Chair"}}, rules=NEW)
        assert [next_line(process)["seq"], next_line(process)["seq"]] == [8, 9]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_log_that_follows_a_filter_stays_silent_about_the_rest(data: Path) -> None:
    with following(data, "thing", "chair", "--since", "2025-01-05") as process:
        assert next_line(process)["seq"] == 7
        with Record.open(data, write=True) as record:
            lay(record, 6, {"lamp/one": lamp("11", "new")}, rules=NEW)
            lay(record, 7, {"lamp/one": lamp("11", "new"), "chair": {"name": "Chair"}}, rules=NEW)
        assert next_line(process)["seq"] == 9


def test_log_that_follows_goes_on_behind_a_rebuild_and_says_so(data: Path) -> None:
    with following(data, "--limit", "1") as process:
        next_line(process)
        with Record.open(data, write=True) as record:
            number = record.log.begin_generation({}, made_at=day(9))
            with record.transaction():
                record.log.adopt(number)
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], 30)[0]
        assert b"the log has been rebuilt, as generation 2" in process.stderr.readline()


@pytest.mark.parametrize("more", [["--newest-first"], ["--until", "now"]])
def test_what_contradicts_following_is_wrong_usage(data: Path, more: list[str]) -> None:
    assert error(data, "log", "--follow", *more)[0] == 2


def test_log_of_one_entity_shows_all_its_fields_and_of_many_the_first(data: Path) -> None:
    many = {f"field{number}": number for number in range(12)}
    with Record.open(data, write=True) as record:
        lay(record, 6, {"lamp/one": {**many, "n": 1}}, rules=NEW)
        lay(record, 7, {"lamp/one": {name: value + 1 for name, value in many.items()} | {"n": 1}}, rules=NEW)
    asked = ("log", "thing", "--newest-first", "--limit", "1", "--format", "table")
    assert "… 6 more fields" in orlog(data, *asked).stdout
    shown = orlog(data, *asked[:2], "lamp/one", *asked[2:]).stdout
    assert shown.count(" → ") == 12
    assert "more fields" not in shown


def test_log_says_what_stood_at_a_path_when_it_came_and_when_it_went(data: Path) -> None:
    shown = orlog(data, "log", "thing", "chair", "--path", "/name", "--format", "table").stdout
    assert shown.count('+ /name  "Chair"') == 2
    assert shown.count('- /name  "Chair"') == 2


@pytest.mark.parametrize(
    "asked, why",
    [
        (["thing", "sofa*"], "no key of thing matches sofa*"),
        (["thing", "lamp/one", "--path", "/prize"], "did you mean: /price"),
        (["--since", "2026-01-01"], "nothing happened there"),
    ],
)
def test_log_that_finds_nothing_says_why(data: Path, asked: list[str], why: str) -> None:
    result = orlog(data, "log", *asked)
    assert (result.exit_code, result.stdout) == (0, "")
    assert why in result.stderr


def test_log_from_behind_the_end_is_an_error(data: Path) -> None:
    code, said = error(data, "log", "--since", "@99")
    assert code == 1
    assert "it ends at @7" in said


def test_diff_of_one_entity_that_came_shows_what_it_says(data: Path) -> None:
    asked = ("--from", "2025-01-01", "--to", "2025-01-02", "--format", "table")
    assert '+ /name  "Chair"' in orlog(data, "diff", "thing", "chair", *asked).stdout
    assert "/name" not in orlog(data, "diff", "thing", *asked).stdout


def test_history_of_a_document_shows_what_changed_from_one_to_the_next(data: Path) -> None:
    shown = orlog(data, "history", "thing", "lamp/one", "--format", "table").stdout.splitlines()
    assert shown[1].endswith('"text": "a lamp"}')
    assert shown[2].endswith("@2     ~ /price/now, ~ /tags")
    assert shown[3].endswith("@5     ~ /price/now, ~ /text")


def test_members_with_numbers_for_names_are_no_elements(data: Path) -> None:
    with Record.open(data, write=True) as record:
        lay(record, 6, {"votes": {"of": {"1": 5, "2": 7}, "list": [5, 7]}}, rules=NEW)
    shown = orlog(data, "blame", "thing", "votes", "--format", "table").stdout
    assert "/of/1" in shown
    assert "/of/2" in shown
    assert "/list/0\N{EN DASH}1" in shown


# -- what teaches


def test_a_key_mistyped_shows_those_near_it(data: Path) -> None:
    for asked in (["blame"], ["history"], ["diff", "--from", "now"], ["log"]):
        code, said = error(data, *asked[:1], "thing", "lamp/on", *asked[1:])
        assert code == 1
        assert "did you mean: lamp/one" in said


def test_a_hint_names_a_key_that_looks_like_an_option_so_that_it_can_be_pasted(data: Path) -> None:
    with Record.open(data, write=True) as record:
        lay(record, 6, {"-x": {}}, rules=NEW)
    _, said = error(data, "replay", "thing", "--at", "2025-01-01", "--", "-x")
    assert "`orlog log shop.thing -- -x`" in said


def test_wrong_usage_is_told_without_what_a_terminal_obeys(data: Path) -> None:
    code, said = error(data, "blame", "thing", "lamp/one", "\x9b2J")
    assert code == 2
    assert said.endswith("Error: Got unexpected extra argument (\ufffd2J)\n")


def test_numbers_of_any_length_are_compared(data: Path) -> None:
    with Record.open(data, write=True) as record:
        lay(record, 6, {"long": {"n": "1"}}, rules=NEW)
        lay(record, 7, {"long": {"n": "1" * 1_000_001}}, rules=NEW)
    shown = orlog(data, "diff", "thing", "long", "--from", "2025-01-06", "--format", "table")
    assert shown.exit_code == 0
    assert "/n" in shown.stdout


def test_a_pattern_where_one_key_is_wanted_says_who_takes_patterns(data: Path) -> None:
    code, said = error(data, "blame", "thing", "lamp/*")
    assert code == 1
    assert "only `orlog log` takes patterns" in said


def test_a_command_mistyped_shows_those_like_it(data: Path) -> None:
    code, said = error(data, "dif")
    assert code == 2
    assert "Did you mean 'diff'?" in said


def test_a_time_mistyped_shows_the_forms_that_are_taken(data: Path) -> None:
    code, said = error(data, "diff", "--from", "yesterday")
    assert code == 2
    assert "2025-01-31T18:30:00Z" in said


def test_a_category_of_two_sources_shows_the_choices(data: Path) -> None:
    other = Scope("market", "things")
    with Record.open(data, write=True) as record, record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=day(6), rules={"market.things": OLD})
        (attempt,) = record.archive.add(sync, [Request(other, day(6), day(6), 200, b"{}")])
        record.archive.close_sync(sync, at=day(6))
        item = Item("lamp", (("thing", Document.of({})),))
        record.log.record(sync, [Listing(other, ("thing",), attempt, complete=True, items=(item,))])
    code, said = error(data, "diff", "thing", "--from", "now")
    assert code == 1
    assert "market.thing, shop.thing" in said
