"""What differs, since when, all values and what happened, as people and programs are shown it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.options import Format
from cli.render import blames, differences, events, fields, forms, periods
from cli.render.blames import TO
from cli.render.fields import MINUS, TIMES
from cli.terminal.paper import Paper
from cli.text import width
from eventstore import (
    ABSENT,
    JSON,
    Blame,
    Change,
    Changed,
    Comparison,
    Document,
    Entity,
    Event,
    FieldChange,
    Kind,
    Occurrence,
    Period,
    Position,
    RulesDiffer,
    Scope,
    State,
    canonical_bytes,
    field_changes,
)

DAY = timedelta(days=1)
NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)
SCOPE = Scope("shop", "things")
PROSE = "A flagship large language model for instruction following, with a context of one million tokens. " * 2

CHANGES = [
    FieldChange("/pricing/prompt", "0.000002", "0.000003"),
    FieldChange("/pricing/completion", "0.00001", "0.000008"),
    FieldChange("/name", ABSENT, "GPT"),
    FieldChange("/limits", None, ABSENT),
    FieldChange("/parameters", ["top_k", "a", "b"], ["a", "b", "seed", "tools"]),
    FieldChange("/modes", ["b", "a"], ["a", "b"]),
    FieldChange("/endpoints/0", was_at="/endpoints/2"),
    FieldChange("/endpoints/0/price", 1, 15, was_at="/endpoints/2/price"),
    FieldChange("/description", PROSE, PROSE.replace("million", "billion", 1)),
    FieldChange("/provider/with/a/path/that/is/rather/long", {"length": 128000, "moderated": True}, {"length": 1.0}),
    FieldChange("/whole", ABSENT, {"a": list(range(100)), "b": {"c": "d" * 99}}),
    FieldChange("/模型", "模型" * 40, "型模" * 40),
    FieldChange("/evil\x1b[2J", "\x1b[2J", "\u202e"),
]


def text(chunks: Iterable[bytes]) -> str:
    return b"".join(chunks).decode()


def shown(before: JSON, after: JSON, room: int | None = 80) -> list[str]:
    return fields.lines(field_changes(before, after), Paper(room))


# -- fields


def test_values_stand_beside_each_other_with_arrows_and_growth_in_columns() -> None:
    assert fields.lines(CHANGES[:4], Paper(80), indent=2) == [
        '  ~ /pricing/prompt      "0.000002" → "0.000003"  +50%',
        f'  ~ /pricing/completion  "0.00001"  → "0.000008"  {MINUS}20%',
        '  + /name                "GPT"',
        "  - /limits              null",
    ]


def test_of_arrays_of_plain_values_is_shown_what_came_and_what_went() -> None:
    assert shown({"a": ["x", "y", "z"]}, {"a": ["x", "z", "new", "er"]}) == ['~ /a  - "y"  + "new" + "er"  (3 → 4)']
    assert shown({"a": [1, 2]}, {"a": [2, 1]}) == ["~ /a  reordered  (of 2)"]
    assert shown({"a": [1, 2]}, {"a": [1, 2.0]}) == ["~ /a  - 2  + 2.0  (of 2)"]
    assert shown({"a": ["x", "x"]}, {"a": ["x"]}) == ['~ /a  - "x"  (2 → 1)']


def test_of_many_elements_that_came_some_are_shown_and_the_others_counted() -> None:
    (line,) = shown({"a": [0]}, {"a": list(range(31))}, None)
    assert line == f"~ /a  {' '.join(f'+ {n}' for n in range(1, 21))} … 10 more  (1 → 31)"


def test_arrays_that_share_nothing_are_shown_as_values() -> None:
    assert shown({"a": []}, {"a": ["x"]}) == ['~ /a  [] → ["x"]']


def test_an_element_that_moved_says_from_where() -> None:
    assert fields.lines(CHANGES[6:8], Paper(80)) == [
        "↕ /endpoints/0        moved from /endpoints/2",
        f"~ /endpoints/0/price  1 → 15  {TIMES}15  (was /endpoints/2/price)",
    ]


def test_words_are_compared_inside_of_long_texts() -> None:
    assert fields.lines(CHANGES[8:9], Paper(80)) == [
        "~ /description  … a context of one [-million-]{+billion+} tokens. A flagship",
        "                large …",
    ]
    (line, *_) = fields.lines(CHANGES[8:9], Paper(80, colour=True))
    assert "\x1b[31mmillion\x1b[0m \x1b[32mbillion\x1b[0m" in line


def test_texts_that_share_too_little_stand_below_each_other_folded_to_a_few_lines() -> None:
    lines = shown({"a": PROSE}, {"a": "something else, " * 40})
    assert lines[0].startswith('~ /a  - "A flagship')
    assert sum(line.startswith("      + ") for line in lines) == 1
    assert len(lines) <= 8
    assert lines[-1].endswith('…"')


def test_values_too_long_for_one_line_stand_below_each_other() -> None:
    assert shown({"a": {"b": "x" * 30}}, {"a": "y" * 40}, 60) == [
        "~ /a  - {" + f'"b": "{"x" * 30}"' + "}",
        f'      + "{"y" * 40}"',
    ]


def test_in_a_narrow_window_what_is_longer_stands_below_its_path() -> None:
    assert fields.lines([*CHANGES[:2], CHANGES[3]], Paper(36)) == [
        "~ /pricing/prompt",
        '    "0.000002" → "0.000003"  +50%',
        "~ /pricing/completion",
        f'    "0.00001"  → "0.000008"  {MINUS}20%',
        "- /limits  null",
    ]
    assert fields.lines(CHANGES[:1], Paper(30)) == [
        "~ /pricing/prompt",
        '    - "0.000002"',
        '    + "0.000003"  +50%',
    ]


def test_a_path_longer_than_its_column_has_a_line_of_its_own() -> None:
    assert shown({"a": 1, "with/a/path/that/is/rather/long": PROSE}, {"a": 2})[1:] == [
        "- /with~1a~1path~1that~1is~1rather~1long",
        '      "A flagship large language model for instruction following, with a conte…"',
    ]


def test_a_long_path_stands_on_one_line_with_its_value_where_all_do() -> None:
    path = "/provider/max_completion_tokens"
    assert fields.lines([FieldChange(path, 1, 2), FieldChange("/a", 1, 2)], Paper(80)) == [
        f"~ {path}  1 → 2  +100%",
        f"~ /a{' ' * 29}  1 → 2  +100%",
    ]


def test_the_whole_document_has_a_name_too() -> None:
    assert fields.lines([FieldChange("", 1, "1")], Paper(80)) == ['~ (all)  1 → "1"']


@pytest.mark.parametrize("room", [20, 36, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_window_save_for_paths(room: int, colour: bool) -> None:  # noqa: FBT001
    plain = fields.lines(CHANGES, Paper(room, colour=False), indent=4)
    assert [line for line in plain if width(line) > room and not line.strip()[2:].startswith("/")] == []
    styled = "\n".join(fields.lines(CHANGES, Paper(room, colour=colour), indent=4))
    assert ("\x1b[" in styled) is colour
    assert "\x1b[2J" not in styled
    assert "\u202e" not in styled


def test_what_is_not_bounded_is_not_folded() -> None:
    *_, line = fields.lines(CHANGES[9:11], Paper())
    assert json.loads(line.split("/whole", 1)[1]) == CHANGES[10].after


@pytest.mark.parametrize(
    "before, after, growth",
    [
        (2, 3, "+50%"),
        ("0.0000012", "0.00000105", f"{MINUS}12.5%"),
        (-1, 1, "+200%"),
        (1, 0, f"{MINUS}100%"),
        (1, 12, f"{TIMES}12"),
        (1.0, 1.0004, ""),
        (0, 5, ""),
        (1, 10**9, ""),
        (1, "2", ""),
        ("1.5", 2, ""),
        ("v1", "v2", ""),
        (True, 2, ""),
    ],
)
def test_numbers_and_decimals_in_strings_say_how_much_they_grew(before: JSON, after: JSON, growth: str) -> None:
    assert fields.relative(before, after) == growth


# -- differences


def state(key: str, document: JSON, *, seq: int = 3, category: str = "thing") -> State:
    content = Document.of(document)
    return State(Entity("shop", category, key), None, SCOPE, seq, NEW_YEAR, content, 1, NEW_YEAR)


def comparison(**more: Any) -> Comparison:
    found: dict[str, Any] = {
        "before": Position(5, 2, NEW_YEAR),
        "after": Position(9, 4, NEW_YEAR + DAY / 2),
        "appeared": (state("new", {"a": 1.0}),),
        "disappeared": (state("old", {"a": 1}),),
        "changed": (Changed(state("lamp", {"p": 2}), state("lamp", {"p": 3, "q": None}, seq=7)),),
        "rules": (),
    }
    return Comparison(**{**found, **more})


def test_a_comparison_says_what_appeared_what_disappeared_and_how_the_rest_changed() -> None:
    assert text(differences.table(comparison(), Paper(80))).splitlines() == [
        "2025-01-01 00:00:00 (@5) → 2025-01-01 12:00:00 (@9)  UTC, as last synced",
        "",
        "shop.thing  1 appeared, 1 disappeared, 1 changed",
        "+ new",
        "- old",
        "~ lamp",
        "    ~ /p  2 → 3  +50%",
        "    + /q  null",
    ]


def test_each_category_is_headed_by_its_address() -> None:
    found = comparison(appeared=(state("new", 1), state("other", 1, category="part")), disappeared=(), changed=())
    assert text(differences.table(found, Paper(80))).splitlines()[1:] == [
        *("", "shop.part  1 appeared", "+ other"),
        *("", "shop.thing  1 appeared", "+ new"),
    ]


def test_where_nothing_differs_that_is_said() -> None:
    nothing = comparison(before=Position(0, 0, None), appeared=(), disappeared=(), changed=())
    assert text(differences.table(nothing, Paper(80))) == (
        "before the first sync (@0) → 2025-01-01 12:00:00 (@9)  UTC, as last synced\nnothing differs\n"
    )


def test_two_instants_under_different_rules_are_said_to_be_so() -> None:
    rules = (RulesDiffer("shop.things", "a" * 64, "b" * 64),)
    printed = text(differences.table(comparison(rules=rules), Paper(80))).splitlines()
    assert printed[1].startswith("recorded under different rules: shop.things (aaaaaaaa → bbbbbbbb)")
    assert differences.contract(comparison(rules=rules))["rules"] == rules


def test_what_heads_a_comparison_is_broken_to_fit() -> None:
    rules = (RulesDiffer("shop.things", "a" * 64, "b" * 64),)
    printed = text(differences.table(comparison(rules=rules), Paper(40))).splitlines()
    assert printed[:6] == [
        "2025-01-01 00:00:00 (@5) →",
        "2025-01-01 12:00:00 (@9)",
        "UTC, as last synced",
        "recorded under different rules:",
        "shop.things (aaaaaaaa → bbbbbbbb), so",
        "not all that differs need have happened",
    ]


def test_keys_of_others_cannot_steer_the_terminal() -> None:
    printed = text(differences.table(comparison(appeared=(state("\x1b[2J", 1),)), Paper(80, colour=True)))
    assert "\x1b[2J" not in printed


def test_a_comparison_as_json_is_what_other_programs_are_promised() -> None:
    printed = text(forms.one(differences.contract(comparison())))
    assert '"document":{"a":1.0}' in printed
    found = json.loads(printed)
    assert list(found) == ["from", "to", "rules", "appeared", "disappeared", "changed"]
    assert found["from"] == {"seq": 5, "observed_at": "2025-01-01T00:00:00.000Z"}
    assert found["appeared"] == [
        {
            "source": "shop",
            "category": "thing",
            "key": "new",
            "seq": 3,
            "observed_at": "2025-01-01T00:00:00.000Z",
            "document": {"a": 1.0},
        }
    ]
    assert [each["key"] for each in found["disappeared"]] == ["old"]
    assert found["changed"] == [
        {
            "source": "shop",
            "category": "thing",
            "key": "lamp",
            "from_seq": 3,
            "to_seq": 7,
            "patch": [{"op": "replace", "path": "/p", "value": 3}, {"op": "add", "path": "/q", "value": None}],
            "fields": [{"path": "/p", "before": 2, "after": 3}, {"path": "/q", "after": None}],
        }
    ]


def test_a_comparison_as_json_lines_is_an_entity_a_line() -> None:
    found = comparison()
    contract = json.loads(text(forms.one(differences.contract(found))))
    lines = [json.loads(line) for line in text(forms.rows(differences.lines(found), Format.JSONL)).splitlines()]
    assert lines == [{"kind": kind, **contract[kind][0]} for kind in ("appeared", "disappeared", "changed")]


def test_a_field_that_moved_says_from_where_in_json() -> None:
    moved = Changed(
        state("lamp", {"of": [{"id": "a"}, {"id": "b"}]}), state("lamp", {"of": [{"id": "b"}, {"id": "a"}]})
    )
    (changed,) = json.loads(text(forms.one(differences.contract(comparison(changed=(moved,))))))["changed"]
    assert [set(field) for field in changed["fields"]] == [{"path", "was_at"}]


# -- blame


def occurrence(seq: int, *, day: float = 0, known: bool = True) -> Occurrence:
    at = NEW_YEAR + day * DAY
    return Occurrence(seq, seq + 100, at - DAY if known else None, at)


FIRST, THEN = occurrence(1, known=False), occurrence(4, day=31.5)

BLAMED = [
    Blame("/name", "Lamp", FIRST),
    Blame("/price", "0.5", THEN, "0.4"),
    *(Blame(f"/tags/{place}", tag, FIRST) for place, tag in enumerate(["a", "b"])),
    Blame("/tags/2", "c", THEN),
]


def test_each_field_has_its_value_since_when_by_which_event_and_what_it_was() -> None:
    assert text(blames.table(BLAMED, Paper(120))).splitlines() == [
        "FIELD      VALUE             SINCE (UTC)                                       EVENT",
        '/name      "Lamp"            2025-01-01 00:00:00                               @1',
        '/price     "0.5"  was "0.4"  2025-02-01 12:00:00  (after 2025-01-31 12:00:00)  @4',
        f'/tags/0{TO}1  ["a", "b"]        2025-01-01 00:00:00                               @1',
        '/tags/2    "c"               2025-02-01 12:00:00  (after 2025-01-31 12:00:00)  @4',
    ]


def test_where_there_is_less_room_the_earlier_end_and_what_was_stand_below() -> None:
    long = [Blame("/price", "0.5" * 8, THEN, "0.4" * 8), Blame("/a/path/that/is/too/long", "x" * 40, THEN), BLAMED[0]]
    assert text(blames.table(long, Paper(63))).splitlines() == [
        "FIELD   VALUE                       SINCE (UTC)          EVENT",
        '/price  "0.50.50.50.50.50.50.50.5"  2025-02-01 12:00:00  @4',
        '        was "0.40.40.40.40.4…40.4"  (after 2025-01-31 12:00:00)',
        "/a/path/that/is/too/long            2025-02-01 12:00:00  @4",
        '        "xxxxxxxxxxxxxxxxxx…xxxxx"',
        '/name   "Lamp"                      2025-01-01 00:00:00  @1',
    ]


def test_in_a_narrow_window_each_field_has_lines_of_its_own() -> None:
    assert text(blames.table(BLAMED[:2], Paper(40))).splitlines() == [
        "/name",
        '    "Lamp"',
        "    2025-01-01 00:00:00  @1",
        "/price",
        '    "0.5"  was "0.4"',
        "    2025-02-01 12:00:00  @4",
        "    (after 2025-01-31 12:00:00)",
    ]


@pytest.mark.parametrize(
    "one, other",
    [
        (Blame("/a/0", 1, FIRST), Blame("/a/1", 2, THEN)),
        (Blame("/a/0", 1, FIRST), Blame("/b/1", 2, FIRST)),
        (Blame("/a/0", 1, FIRST), Blame("/a/2", 2, FIRST)),
        (Blame("/a/0", 1, FIRST), Blame("/a/1", 2, FIRST, 1)),
        (Blame("/a/0/b", 1, FIRST), Blame("/a/1/b", 2, FIRST)),
    ],
)
def test_only_elements_of_one_array_that_came_together_are_one_line(one: Blame, other: Blame) -> None:
    assert len(text(blames.table([one, other], Paper())).splitlines()) == 3


def test_what_elements_were_is_folded_with_them() -> None:
    rows = [Blame(f"/a/{place}", place + 1, THEN, place) for place in range(3)]
    assert f"/a/0{TO}2  [1, 2, 3]  was [0, 1, 2]" in text(blames.table(rows, Paper()))


@pytest.mark.parametrize("room", [30, 40, 50, 60, 70, 80, 100, 120, 200])
def test_blame_is_never_wider_than_the_window(room: int) -> None:
    rows = [*BLAMED, Blame("/模型", "模型" * 99, THEN, PROSE), Blame("/x", {"a": PROSE}, occurrence(9**9, day=0.0001))]
    assert [line for line in text(blames.table(rows, Paper(room))).splitlines() if width(line) > room] == []


def test_blame_of_nothing_is_nothing() -> None:
    assert text(blames.table([], Paper(80))) == ""


def test_a_blamed_field_as_json_is_what_other_programs_are_promised() -> None:
    printed = text(forms.rows(map(blames.contract, [Blame("/n", 1.0, THEN, None), BLAMED[0]]), Format.JSONL))
    assert '"value":1.0' in printed
    one, other = map(json.loads, printed.splitlines())
    assert one == {
        "path": "/n",
        "value": 1.0,
        "seq": 4,
        "sync": 104,
        "not_before": "2025-01-31T12:00:00.000Z",
        "observed_at": "2025-02-01T12:00:00.000Z",
        "before": None,
    }
    assert other["not_before"] is None
    assert "before" not in other


# -- history


def period(value: JSON, since: int, until: int | None) -> Period:
    ends = [None if day is None else occurrence(day + 1, day=day, known=day > 0) for day in (since, until)]
    assert ends[0] is not None
    return Period(value, ends[0], ends[1])


PRICES = [period("0.4", 0, 2), period("0.5", 2, 3), period("0.25", 5, None)]


def test_values_are_listed_with_when_they_came_how_long_they_stood_and_the_gaps_between() -> None:
    assert text(periods.table(PRICES, Paper(80))).splitlines()[1:] == [
        'first "0.4"  last "0.25"  min "0.25"  max "0.5"',
        "",
        "SINCE (UTC)                                       LASTED  VALUE",
        '2025-01-01 00:00:00                               2 d     "0.4"',
        '2025-01-03 00:00:00  (after 2025-01-02 00:00:00)  1 d     "0.5"',
        "2025-01-04 00:00:00  (after 2025-01-03 00:00:00)  2 d     (absent)",
        '2025-01-06 00:00:00  (after 2025-01-05 00:00:00)  still   "0.25"',
    ]


def test_where_there_is_room_the_end_of_each_has_columns_too() -> None:
    printed = text(periods.table(PRICES[:2], Paper())).splitlines()
    assert printed[3].split() == ["SINCE", "(UTC)", "UNTIL", "LASTED", "EVENT", "VALUE"]
    assert " ".join(printed[4].split()) == (
        '2025-01-01 00:00:00 2025-01-03 00:00:00 (after 2025-01-02 00:00:00) 2 d @1 "0.4"'
    )
    assert printed[-1].endswith("still   @4     (absent)")


def test_in_a_narrow_window_the_earlier_end_and_then_the_value_go_below() -> None:
    assert text(periods.table(PRICES[1:], Paper(50))).splitlines()[3:6] == [
        "SINCE (UTC)          LASTED  VALUE",
        '2025-01-03 00:00:00  1 d     "0.5"',
        "(after 2025-01-02 00:00:00)",
    ]
    long = [period("x" * 30, 0, None)]
    assert text(periods.table(long, Paper(40))).splitlines() == [
        "SINCE (UTC)          LASTED",
        "2025-01-01 00:00:00  still",
        f'    "{"x" * 30}"',
    ]


def test_numbers_are_headed_by_their_course() -> None:
    assert text(periods.table(PRICES, Paper(40))).splitlines()[0] == "▅" * 15 + "▇" + "█" * 8 + " " * 15 + "▁"


def test_a_value_that_still_stands_has_stood_to_the_end_of_the_log_at_least() -> None:
    lines = text(periods.table(PRICES, Paper(50), until=NEW_YEAR + 10 * DAY)).splitlines()
    assert lines[0] == "▅" * 10 + "█" * 5 + " " * 10 + "▁" * 25
    assert '2025-01-06 00:00:00  5 d, still  "0.25"' in lines


@pytest.mark.parametrize("values", [["0.5"], ["0.5", "free"], [True, False], ["0.5", None]])
def test_what_is_not_all_numbers_or_never_changed_has_no_course(values: list[JSON]) -> None:
    found = [period(value, day, day + 1) for day, value in enumerate(values)]
    assert text(periods.table(found, Paper(80))).startswith("SINCE")


@pytest.mark.parametrize("room", [30, 40, 50, 60, 70, 80, 100, 120, 200])
def test_a_history_is_never_wider_than_the_window(room: int) -> None:
    found = [*PRICES[:2], period({"a": PROSE}, 7, 800), period("模型" * 99, 801, None)]
    for each in (found, PRICES):
        assert [line for line in text(periods.table(each, Paper(room))).splitlines() if width(line) > room] == []


def test_a_history_of_nothing_is_nothing() -> None:
    assert text(periods.table([], Paper(80))) == ""


def test_a_period_as_json_is_what_other_programs_are_promised() -> None:
    printed = text(forms.rows(map(periods.contract, [period(1.0, 0, 2), period(2, 2, None)]), Format.JSONL))
    assert '"value":1.0' in printed
    one, other = map(json.loads, printed.splitlines())
    assert one == {
        "value": 1.0,
        "seq": 1,
        "sync": 101,
        "not_before": None,
        "observed_at": "2025-01-01T00:00:00.000Z",
        "until": {
            "seq": 3,
            "sync": 103,
            "not_before": "2025-01-02T00:00:00.000Z",
            "observed_at": "2025-01-03T00:00:00.000Z",
        },
    }
    assert other["until"] is None


def test_a_history_as_csv_has_strings_as_they_are_and_other_values_as_json() -> None:
    found = [period('a "b",\nc', 0, 2), period({"n": [1.0, None]}, 2, None)]
    rows = list(csv.reader(io.StringIO(text(periods.csv(found)), newline="")))
    assert rows == [
        ["value", "not_before", "observed_at", "until_not_before", "until", "seq", "until_seq"],
        ['a "b",\nc', "", *(f"2025-01-0{day}T00:00:00.000Z" for day in (1, 2, 3)), "1", "3"],
        ['{"n":[1.0,null]}', *(f"2025-01-0{day}T00:00:00.000Z" for day in (2, 3)), "", "", "3", ""],
    ]


# -- log


def change(before: JSON, after: JSON, *, seq: int = 7, sync: int = 3, key: str = "lamp") -> Change:
    old, new = (None if each is ABSENT else Document.of(each) for each in (before, after))
    kind = Kind.APPEARED if old is None else Kind.DISAPPEARED if new is None else Kind.CHANGED
    entity = Entity("shop", "thing", key)
    event = Event(seq, entity, None, SCOPE, kind, NEW_YEAR + DAY, NEW_YEAR, sync, "0" * 64, canonical_bytes({}))
    return Change(event, old, new)


def log(*changes: Change, room: int | None = 80, rules_syncs: frozenset[int] = frozenset()) -> list[str]:
    return text(events.table(changes, Paper(room), rules_syncs=rules_syncs)).splitlines()


def test_what_is_noted_of_an_event_is_broken_to_fit() -> None:
    assert log(change({"p": 2}, {"p": 3}, sync=4), room=40, rules_syncs=frozenset([4]))[1:3] == [
        "    (rules changed)",
        "    (after 2025-01-01 00:00:00)",
    ]


def test_the_log_shows_when_it_happened_to_what_and_below_that_each_field() -> None:
    assert log(change({"p": 2}, {"p": 3})) == [
        "@7  2025-01-02 00:00:00  ~ shop.thing lamp  (after 2025-01-01 00:00:00)",
        "    ~ /p  2 → 3  +50%",
    ]


def test_what_appeared_and_what_disappeared_is_a_line() -> None:
    assert [line[26:] for line in log(change(ABSENT, {"a": 1}), change({"a": 1}, ABSENT), room=None)] == [
        " shop.thing lamp  (after 2025-01-01 00:00:00)"
    ] * 2
    assert [line[25] for line in log(change(ABSENT, {"a": 1}), change({"a": 1}, ABSENT))] == ["+", "-"]


def test_the_earlier_end_takes_a_line_of_its_own_once_a_sync() -> None:
    first, second, third = (change({}, ABSENT, seq=n, sync=n // 8, key="lamp" * 9) for n in (6, 7, 8))
    assert log(first, second, third, room=70) == [
        f"@6  2025-01-02 00:00:00  - shop.thing {'lamp' * 9}",
        "    (after 2025-01-01 00:00:00)",
        f"@7  2025-01-02 00:00:00  - shop.thing {'lamp' * 9}",
        f"@8  2025-01-02 00:00:00  - shop.thing {'lamp' * 9}",
        "    (after 2025-01-01 00:00:00)",
    ]


def test_what_came_of_other_rules_is_marked() -> None:
    printed = log(change({"p": 2}, {"p": 3}), change({"p": 2}, {"p": 3}, sync=4), rules_syncs=frozenset([4]), room=None)
    assert ["(rules changed)" in line for line in printed] == [False, False, True, False]


def test_of_many_fields_some_are_shown_and_the_others_counted() -> None:
    old = {f"f{number}": number for number in range(20)}
    assert log(change(old, {}))[-2:] == ["    - /f13  13", "    … 14 more fields"]
    assert len(log(change({"a": 0}, {f"f{number}": number for number in range(6)}))) == 8


def test_one_field_more_takes_the_line_that_would_count_it() -> None:
    old = {f"f{number}": number for number in range(7)}
    assert log(change(old, {}))[-1] == "    - /f6  6"


def test_a_long_text_is_cut_and_the_rest_of_it_counted() -> None:
    words = [f"word{number}" for number in range(300)]
    new = [f"new{number}" if number % 20 == 0 else word for number, word in enumerate(words)]
    printed = log(change({"t": " ".join(words), "u": 1}, {"t": " ".join(new), "u": 2}), room=60)
    assert len(printed) == 1 + 1 + 6 + 1
    assert printed[-1].startswith("    … ")
    assert printed[-1].endswith(" more lines, 1 more field")


def test_the_log_is_written_as_it_comes() -> None:
    def endless() -> Iterable[Change]:
        while True:
            yield change({"p": 2}, {"p": 3})

    assert next(iter(events.table(endless(), Paper(80), rules_syncs=frozenset()))).startswith(b"@7")
