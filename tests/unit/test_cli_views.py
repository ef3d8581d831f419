"""What is said of views, and what a query found: tables, records, CSV, JSON."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.options import Format
from cli.projecting import Stand
from cli.render import views
from cli.terminal.paper import Paper
from cli.text import width
from projector import Counts, Difference, Issue, Ran, ViewStatus, Why

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
OBEYED = "\x1b]0;owned\x07 \x9b2J\u202e\u2028\r\n"
OBEYING = set("\x1b\x07\x9b\u202e\u2028\r")


def text(chunks: Iterable[bytes]) -> str:
    return b"".join(chunks).decode()


def table(columns: Sequence[str], *rows: Sequence[Any], paper: Paper | None = None) -> str:
    return text(views.found(columns, rows, Format.TABLE, paper or Paper()))


# -- a table


def test_numbers_stand_to_the_right_under_their_names_and_text_to_the_left() -> None:
    assert table(("key", "price", "n"), ("a", 0.5, 1), ("bcd", 12.25, 10_000)) == (
        "key  price      n\n"
        "a      0.5      1\n"
        "bcd  12.25  10000\n"
    )  # fmt: skip


def test_a_column_with_any_text_is_text() -> None:
    assert table(("n", "m"), (1, 1), ("many", 2)) == "n     m\n1     1\nmany  2\n"


def test_nothing_stands_for_null() -> None:
    assert table(("key", "n", "at"), ("a", None, "x"), ("b", 7, None)) == "key  n  at\na       x\nb    7\n"


def test_no_rows_are_a_heading() -> None:
    assert table(("key", "price")) == "key  price\n"


def test_numbers_are_as_short_as_they_can_be_without_losing_what_matters() -> None:
    values = (0.1 + 0.2, 1.0, 1e-7, -0.0, 9_223_372_036_854_775_807, 12_345_678.9)
    lines = table(("n",), *((value,) for value in values)).split()
    assert lines[1:] == ["0.3", "1", "1e-07", "-0", "9223372036854775807", "12345678.9"]


def test_long_values_are_cut_and_say_so() -> None:
    line = table(("text", "n"), ("x" * 61, 1)).splitlines()[1]
    assert line == "x" * 59 + "…  1"
    assert table(("text", "n"), ("x" * 60, 1)).splitlines()[1] == "x" * 60 + "  1"


@pytest.mark.parametrize("value", ["模型" * 40, "é" * 100, "🦙" * 31, "x" * 1_000_000])
def test_a_cut_value_takes_no_more_cells_than_it_may(value: str) -> None:
    cell = table(("text", "n"), (value, 1)).splitlines()[1].split("  ")[0]
    assert width(cell) <= views.CELL
    assert cell.endswith("…")


def test_wide_characters_leave_columns_straight() -> None:
    assert table(("key", "n"), ("模型", 1), ("ab", 2)) == "key   n\n模型  1\nab    2\n"


@pytest.mark.parametrize("paper", [Paper(), Paper(width=10), Paper(width=80, colour=True)])
def test_no_value_and_no_name_is_obeyed_by_a_terminal(paper: Paper) -> None:
    shown = table((f"name{OBEYED}", "n"), (OBEYED, 1), ("b", 2), paper=paper)
    ours = shown.replace(paper.bold("x")[:4], "").replace("\x1b[0m", "") if paper.colour else shown
    assert not OBEYING & set(ours)
    assert shown.count("\n") == (5 if paper.width == 10 else 3)


def test_only_a_heading_is_bold() -> None:
    paper = Paper(width=80, colour=True)
    assert table(("a", "b"), (1, 2), paper=paper) == "\x1b[1ma  b\x1b[0m\n1  2\n"
    assert table(("a", "b"), ("x" * 50, "y" * 50), paper=paper).startswith("\x1b[1ma\x1b[0m  xxx")


def test_columns_of_one_name_stand_side_by_side_in_a_table() -> None:
    assert table(("key", "key"), ("a", "b")) == "key  key\na    b\n"


def test_bytes_are_shown_in_hexadecimal_in_every_form() -> None:
    row = (b"\x00\xff",)
    assert table(("b",), row) == "b\n00ff\n"
    assert text(views.found(("b",), [row], Format.CSV)) == "b\n00ff\n"
    assert text(views.found(("b",), [row], Format.JSONL)) == '{"b":"00ff"}\n'


def test_a_text_of_several_lines_is_one_line_in_a_table() -> None:
    assert table(("text", "n"), ("one\r\n\n\ttwo\n", 1)) == "text      n\none two   1\n"


def test_a_table_has_ten_thousand_rows_and_says_that_there_are_more() -> None:
    read = itertools.count()
    lines = text(views.found(("n",), ((n,) for n in read), Format.TABLE)).splitlines()
    assert len(lines) == 1 + views.MOST + 1
    assert lines[-2].strip() == str(views.MOST - 1)
    assert lines[-1] == "… more than 10 000 rows: --format csv or jsonl has them all"
    assert next(read) == views.MOST + 1
    exactly = text(views.found(("n",), ((n,) for n in range(views.MOST)), Format.TABLE)).splitlines()
    assert len(exactly) == 1 + views.MOST


# -- what is wider than the terminal


def test_rows_that_are_too_wide_for_a_terminal_stand_value_below_value() -> None:
    rows = [("a", "x" * 30, 1), ("b", None, 2)]
    columns = ("key", "text", "number")
    assert table(columns, *rows, paper=Paper(width=43)).startswith("key  text ")
    assert table(columns, *rows, paper=Paper(width=42)) == (
        "key     a\n"
        f"text    {'x' * 30}\n"
        "number  1\n"
        "\n"
        "key     b\n"
        "text\n"
        "number  2\n"
    )  # fmt: skip


def test_a_value_below_others_has_the_rest_of_its_line() -> None:
    shown = table(("key", "text"), ("a", "x" * 200), paper=Paper(width=100))
    assert shown == table(("key", "text"), ("a", "x" * 200))
    shown = table(("key", "text", "more"), ("a", "x" * 200, "y" * 60), paper=Paper(width=100))
    assert shown.splitlines() == ["key   a", f"text  {'x' * 93}…", f"more  {'y' * 60}"]


def test_names_longer_than_a_line_leave_room_for_values() -> None:
    shown = table(("n" * 200, "key"), (1, "abc"), paper=Paper(width=40))
    assert shown.splitlines() == [f"{'n' * 200}  1", f"key{' ' * 199}abc"]


def test_lines_in_a_pipe_are_of_any_length() -> None:
    assert table(("a", "b"), ("x" * 60, "y" * 60)).splitlines()[1] == f"{'x' * 60}  {'y' * 60}"


# -- the other forms


def test_csv_is_read_back_by_any_reader_of_it() -> None:
    rows = [("a,b", 'say "so"', "two\nlines", " x "), (1, 0.1, None, "")]
    shown = text(views.found(("one", "two", "th,ree", "four"), rows, Format.CSV))
    assert list(csv.reader(io.StringIO(shown))) == [
        ["one", "two", "th,ree", "four"],
        ["a,b", 'say "so"', "two\nlines", " x "],
        ["1", "0.1", "", ""],
    ]


def test_csv_of_one_column_has_a_line_for_null_too() -> None:
    shown = text(views.found(("n",), [(None,), (1,)], Format.CSV))
    assert list(csv.reader(io.StringIO(shown))) == [["n"], [""], ["1"]]


def test_csv_and_json_lines_come_as_they_are_read() -> None:
    for format_ in (Format.CSV, Format.JSONL, Format.JSON):
        chunks = iter(views.found(("n",), ((n,) for n in itertools.count()), format_))
        assert b"99" in b"".join(itertools.islice(chunks, 101))


def test_json_names_each_of_several_columns_of_one_name() -> None:
    columns = ("key", "key", "key_2", "key")
    shown = json.loads(text(views.found(columns, [(1, 2, 3, 4)], Format.JSON)))
    assert shown == [{"key": 1, "key_2": 2, "key_2_2": 3, "key_3": 4}]


def test_json_has_values_whole() -> None:
    value = "x" * 1000 + "\x1b"
    assert json.loads(text(views.found(("a", "b"), [(value, None)], Format.JSONL))) == {"a": value, "b": None}


# -- how views stand, and what was done to them


def status(name: str, **more: Any) -> ViewStatus:
    fields = {"shape": "table", "version": 1, "generation": 1, "seq": 7, "observed_at": NOON, "lag_events": 0}
    fields |= {"lag_seconds": 0.0, "stale": None, "building": None, "rows": 1234, "issues": 0}
    return ViewStatus(name, **{**fields, **more})


def test_each_view_has_a_line_that_says_how_it_stands() -> None:
    found = [
        status("models"),
        status("prices", lag_events=12, lag_seconds=7200.5, issues=3, stale=Why.VERSION, building=40),
        status("tags", generation=0, observed_at=None, lag_events=1, stale=Why.MISSING, rows=0),
    ]
    assert text(views.standing(found)).splitlines() == [
        "VIEW    ROWS   UP TO                BEHIND          ISSUES  VERSION",
        "models  1 234  2025-01-01 12:00:00  -               -       1",
        "prices  1 234  2025-01-01 12:00:00  12 events, 2 h  3       1, stale: another version, being built (@40)",
        "tags    0      -                    1 event         -       1, not built yet",
    ]


@pytest.mark.parametrize("why", [each for each in Why if each is not Why.ASKED])
def test_every_reason_to_be_stale_is_told_in_words(why: Why) -> None:
    shown = text(views.standing([status("models", stale=why)])).splitlines()[1]
    words = ("another version", "other columns", "the log was rebuilt", "history was thinned", "built yet")
    assert shown.endswith(words)


def test_views_that_are_up_need_no_advice() -> None:
    assert list(views.advice(Stand([status("models")], [], []))) == []


def test_advice_is_given_where_something_can_be_done() -> None:
    stand = Stand([status("models", stale=Why.ROWS), status("prices", issues=1)], ["gaps", "offers"], ["x is none"])
    assert list(views.advice(stand)) == [
        "SQL views of these, to be asked like them: gaps, offers",
        "orlog.toml: x is none",
        "hint: `orlog project run` brings all views up to the record",
        "hint: `orlog project issues` lists what did not fit",
    ]


def ran(view: str, why: Why | None, events: int = 0, issues: int = 0) -> Ran:
    return Ran(view, why, events, Counts(), issues)


def test_what_was_done_to_views_is_a_line_for_each_reason() -> None:
    done = [ran("b", Why.MISSING, 1200), ran("a", Why.MISSING, 7), ran("c", Why.LOG, 1), ran("d", None, 2, issues=1)]
    assert list(views.ran([*done, ran("e", Why.ASKED), ran("f", Why.ROWS), ran("g", Why.VERSION)])) == [
        "built of 1 200 events: a, b",
        "built anew, for it is another version, of 0 events: g",
        "built anew, for the columns are others, of 0 events: f",
        "built anew, for the log was rebuilt, of 1 event: c",
        "built anew of 0 events: e",
        "brought up 1 view: 2 events were new",
        "1 value did not fit: `orlog project issues` lists them",
    ]


@pytest.mark.parametrize(
    "done, said",
    [
        ([], "all views were left as they are"),
        ([ran("a", None)], "brought up 1 view: nothing was new"),
        ([ran("a", None), ran("b", None, 1)], "brought up 2 views: 1 event was new"),
    ],
)
def test_what_little_was_done_is_told_too(done: list[Ran], said: str) -> None:
    assert list(views.ran(done)) == [said]


def test_a_dry_run_tells_rows_and_columns() -> None:
    found = [
        Difference("lamp", Counts(1, 20_000, 3, 4), ("new",), ("old",)),
        Difference("models", Counts(same=9), (), ()),
    ]
    assert text(views.differences(found)).splitlines() == [
        "VIEW    INSERTED  UPDATED  DELETED  LEFT ALONE  COLUMNS",
        "lamp    1         20 000   3        4           +new, -old",
        "models  0         0        0        9           -",
    ]


def issue(key: str, message: str) -> Issue:
    return Issue("prices", "shop", "lamp", key, "$.price", message, 3, 7, 2, NOON, "ab" * 32)


def test_an_issue_says_how_to_see_the_document() -> None:
    shown = text(views.issues([issue("it's", "dear")], Format.TABLE)).splitlines()[1]
    assert shown == "prices  lamp it's  $.price  dear     3      orlog replay shop.lamp 'it'\"'\"'s' --at @7"
    (found,) = json.loads(text(views.issues([issue("a", "dear")], Format.JSON)))
    assert found["see"] == ["orlog", "replay", "shop.lamp", "a", "--at", "@7"]
    assert (found["count"], found["observed_at"]) == (3, "2025-01-01T12:00:00.000Z")


def test_what_did_not_fit_is_obeyed_by_no_terminal() -> None:
    shown = text(views.issues([issue(OBEYED, OBEYED)], Format.TABLE))
    assert not OBEYING & set(shown)
    assert shown.count("\n") == 2
