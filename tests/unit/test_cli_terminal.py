"""The terminal: how wide, in which colours, how values and texts are folded to it, and the pager."""

from __future__ import annotations

import io
import itertools
import os
import random
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from cli.terminal import pager, words
from cli.terminal.paper import Paper, Span, Style, cells, head, row, wrapped
from cli.terminal.sparkline import Held, sparkline
from cli.terminal.values import after, inline, lasting, moment, numeric
from cli.terminal.words import Fate, Run
from cli.text import width
from eventstore import ABSENT, JSON, parse
from tests.timing import quickest

NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# -- paper


@pytest.mark.parametrize(
    "stdout, environ, colour",
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        (io.StringIO(), {"FORCE_COLOR": ""}, False),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (None, {}, False),
    ],
)
def test_a_terminal_has_colour_unless_it_is_refused_and_a_pipe_where_it_is_forced(
    stdout: io.StringIO | None,
    environ: dict[str, str],
    colour: bool,  # noqa: FBT001
) -> None:
    assert Paper.of(stdout, environ).colour is colour


def test_only_a_terminal_has_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((72, 24)))
    assert Paper.of(Terminal(), {}).width == 72
    assert Paper.of(io.StringIO(), {"FORCE_COLOR": "1"}).width is None


def test_styles_are_escapes_where_there_is_colour_and_nothing_elsewhere() -> None:
    paper = Paper(colour=True)
    assert paper.line([Span("a", Style.BOLD), Span("b"), Span("", Style.DIM)]) == "\x1b[1ma\x1b[0mb"
    assert paper.line([Span("a", Style.DIM), Span(" ", Style.DIM), Span("b", Style.DIM)]) == "\x1b[2ma b\x1b[0m"
    assert [paper.added("x"), paper.removed("x"), paper.changed("x"), paper.dim("x"), paper.bold("x")] == [
        f"\x1b[{code}mx\x1b[0m" for code in (32, 31, 36, 2, 1)
    ]
    assert Paper().line([Span("a", Style.BOLD), Span("b", Style.ADDED)]) == "ab"


def test_a_line_holds_nothing_of_others_that_a_terminal_obeys() -> None:
    for paper in (Paper(), Paper(colour=True)):
        assert "\x1b[2J" not in paper.line([Span("\x1b[2J"), Span("\x1b[2J\n", Style.DIM)])


def test_lines_are_broken_between_words_and_the_white_space_there_goes() -> None:
    lines = wrapped([Span("one two "), Span("three", Style.ADDED), Span(" four")], 9)
    assert [Paper().line(line) for line in lines] == ["one two", "three", "four"]
    assert lines[1] == [Span("three", Style.ADDED)]


def test_what_is_solid_or_one_word_is_broken_only_where_it_is_wider_than_a_line() -> None:
    assert [Paper().line(line) for line in wrapped([Span("a b"), Span(" "), Span("+ c", solid=True)], 5)] == [
        "a b",
        "+ c",
    ]
    assert [Paper().line(line) for line in wrapped([Span("abcdefg")], 3)] == ["abc", "def", "g"]
    assert [Paper().line(line) for line in wrapped([Span("模型模型")], 3)] == ["模", "型", "模", "型"]


def test_a_line_of_any_length_is_not_broken() -> None:
    assert wrapped([Span("a b " * 99)], None) == [[Span("a b " * 99)]]


def test_wide_characters_take_two_cells_and_combining_ones_none() -> None:
    assert cells([Span("模型"), Span("e\u0301")]) == 5
    assert head("模型", 3) == "模"
    assert head("abc", 2) == "ab"


@pytest.mark.parametrize(
    "text, taken", [("ก\u0e31น", 2), ("e\u20dd", 1), ("a\u200db", 2), ("\xad", 1), ("\u200b\ufeff\u200f", 3)]
)
def test_marks_and_joiners_take_no_cell_and_what_is_replaced_takes_one(text: str, taken: int) -> None:
    assert width(text) == taken
    assert width(Paper().line([Span(text)])) == taken


def test_columns_of_a_row_are_padded_to_their_cells_and_nothing_trails() -> None:
    assert Paper().line(row([[Span("模")], [], [Span("b")]], [4, 2])) == "模        b"
    assert Paper().line(row([[Span("a")], [], [Span("")]], [4, 2])) == "a"
    assert Paper().line(row([[Span("longer")], [Span("b")]], [2])) == "longer  b"


# -- values


@pytest.mark.parametrize(
    "value, cells_, text",
    [
        (b"1", None, "1"),
        (b"1.0", None, "1.0"),
        (b"1e300", 20, "1e300"),
        (b'{"b":[1,null],"a":"\xc3\xbc"}', None, '{"a": "ü", "b": [1, null]}'),
        (b'"a text with many words"', 15, '"a text with…"'),
        (b'"openai/gpt-4.1-mini-2025"', 16, '"openai/gpt…025"'),
        (b"123456789012345678901234567890", 12, "123456789…90"),
        (b'["text","image","file","audio","video"]', 32, '["text", "image", … 3 more]'),
        (b'["text","image","file","audio","video"]', 15, "[5 elements]"),
        (b'{"prompt":"1","completion":"2","image":"3"}', 30, '{"completion": "2", … 2 more}'),
        (b'{"prompt":"1","completion":"2","image":"3"}', 12, "{3 members}"),
        (b'{"prompt":"1","completion":"2","image":"3"}', 4, "{…}"),
        (b'{"prompt":"1","completion":"2","image":"3"}', 2, "…"),
        (b'"abc"', 2, '"…'),
        (b'"abc"', 0, ""),
    ],
)
def test_a_value_is_folded_to_say_as_much_as_fits(value: bytes, cells_: int | None, text: str) -> None:
    assert inline(parse(value), cells_) == text


def test_what_is_absent_says_so() -> None:
    assert [inline(ABSENT, room) for room in (None, 8, 5)] == ["(absent)", "(absent)", "(ab…)"]


VALUES: list[JSON] = [
    None,
    1e-7,
    10**50,
    "x" * 100,
    "some words " * 10,
    "模型" * 30,
    "\x1b\u202e\n" * 9,
    [],
    ["a" * 30] * 5,
    [[["deep"] * 9] * 9] * 9,
    {},
    {"a" * 40: 1, "b": {"c": ["d" * 30, {}]}},
    {"模型" * 9: "模型" * 9, "x": [1.0] * 50},
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_never_wider_than_its_cells_nor_longer_than_a_line(value: JSON) -> None:
    for room in range(130):
        text = inline(value, room)
        assert width(text) <= room
        assert text.isprintable()
    assert inline(value, None) == inline(value, 10_000)


def test_a_value_that_nests_as_deep_as_python_recurses_is_folded() -> None:
    value: JSON = 0
    for _ in range(100_000):
        value = [value]
    assert inline(value, None) == "[1 element]"
    assert width(inline(value, 40)) <= 40
    while value:  # or else Python takes it apart by recursion too
        value = value[0]


@pytest.mark.parametrize("text", ["0.5", "-12", "0", "1e-7", "0.00000125"])
def test_decimals_in_strings_are_numbers(text: str) -> None:
    assert numeric(text) == Decimal(text)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "007",
        "1,5",
        " 1",
        "1.",
        "NaN",
        "1e9999",
        "0x10",
        True,
        None,
        [1],
        "\N{ARABIC-INDIC DIGIT ONE}",
        "1\N{ARABIC-INDIC DIGIT ONE}",
        "9" * 1001,
    ],
)
def test_what_only_looks_like_a_number_is_none(value: JSON) -> None:
    assert numeric(value) is None


def test_numbers_are_taken_as_they_are_written() -> None:
    assert numeric(0.1) == Decimal("0.1")
    assert numeric(10**40) == Decimal(10**40)


def test_an_instant_is_shown_in_utc_and_no_finer_than_it_is() -> None:
    assert moment(NEW_YEAR) == "2025-01-01 00:00:00"
    assert moment(NEW_YEAR + timedelta(seconds=5)) == "2025-01-01 00:00:05"
    assert moment(NEW_YEAR + timedelta(milliseconds=5250)) == "2025-01-01 00:00:05.250"
    assert moment(datetime(2025, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2024-12-31 23:00:00"
    assert [after(NEW_YEAR), after(None)] == ["(after 2025-01-01 00:00:00)", ""]


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (1.5, "1 s"),
        (119, "1 min 59 s"),
        (120, "2 min"),
        (7199, "1 h 59 min"),
        (59 * 60 + 59, "59 min"),
        (36 * 3600, "1 d 12 h"),
        (48 * 3600, "2 d"),
        (9 * 86400 + 3600, "9 d 1 h"),
        (1000 * 86400 + 3600, "1 000 d"),
    ],
)
def test_a_length_of_time_is_given_in_its_largest_unit_and_where_few_in_the_next(seconds: float, text: str) -> None:
    assert lasting(timedelta(seconds=seconds)) == text


# -- words

PROSE = (
    "GPT is a flagship large language model, made for instruction following. It takes images and text, and answers in "
    "text. It holds a context of one million tokens.\n\nUsage is subject to the terms of use."
)


def marked(before: str, after_: str) -> str:
    runs = words.difference(before, after_)
    assert runs is not None
    return Paper().line(words.spans(runs, colour=False))


def test_a_word_that_changed_is_marked_among_a_few_that_did_not() -> None:
    assert marked(PROSE, PROSE.replace("million", "billion")) == (
        "… a context of one [-million-]{+billion+} tokens.⏎⏎Usage is subject …"
    )


def test_words_that_came_or_went_stand_between_those_that_stayed() -> None:
    assert marked("it holds one million tokens", "it now holds one tokens") == "it {+now +}holds one[- million-] tokens"


def test_between_two_differences_only_a_long_run_is_folded() -> None:
    after_ = PROSE.replace("flagship ", "").replace("images", "sounds").replace("and text", "and words")
    after_ = after_.replace("tokens", "words")
    assert marked(PROSE, after_) == (
        "GPT is a [-flagship -]large language model, made for instruction following. It takes [-images-]{+sounds+} and"
        " [-text-]{+words+}, and answers in text … context of one million [-tokens-]{+words+}.⏎⏎Usage is subject to …"
    )


def test_white_space_that_changed_can_be_seen() -> None:
    assert marked("one two three", "one two\nthree") == "one two[-·-]{+⏎+}three"
    assert marked("one two three", "one two  three") == "one two[-·-]{+··+}three"


def test_of_a_script_without_spaces_each_character_is_a_word() -> None:
    assert marked("这是一个大模型", "这是一个小模型") == "这是一个[-大-]{+小+}模型"


def test_in_colour_two_words_do_not_read_as_one() -> None:
    runs = words.difference("costs gpt-4.1 now", "costs gpt-5 now")
    assert runs is not None
    assert words.spans(runs, colour=True) == [
        Span("costs "),
        Span("gpt-4.1", Style.REMOVED),
        Span(" "),
        Span("gpt-5", Style.ADDED),
        Span(" now"),
    ]


def test_texts_that_share_too_little_are_not_mixed() -> None:
    assert words.difference("a wholly different sentence about the sea", PROSE) is None
    assert words.difference("", PROSE) is None


def test_long_runs_that_came_or_went_are_folded_too() -> None:
    new = " ".join(f"word{number}" for number in range(100))
    shown = marked(PROSE * 3, f"{PROSE * 3} {new}")
    assert shown.startswith("… the terms of use.{+ word0 word1 ")
    assert shown.endswith(" word39 … word96 word97 word98 word99+}")
    assert "word50" not in shown


def test_a_word_without_end_and_text_without_words_are_folded() -> None:
    before = "a model for instruction following"
    for new in ("x" * 500_000, "! " * 250_000, " " * 500_000):
        assert len(marked(before, before + " " + new + ".")) < 2000


def test_long_texts_in_which_every_other_word_differs_are_told_apart_in_no_time() -> None:
    old = [f"word{number}" for number in range(50_000)]
    new = [word if number % 2 else f"other{number}" for number, word in enumerate(old)]
    took, _ = quickest(lambda: words.difference(" ".join(old), " ".join(new)), of=1)
    took_too, runs = quickest(lambda: words.difference("one " * 1_000_000, "two " * 1_000_000), of=1)
    assert runs is None
    assert took + took_too < 5  # seconds; it took minutes


def text_of(runs: list[Run], without: Fate) -> str:
    return "".join(word for run in runs if run.fate is not without for word in run.words)


@pytest.mark.parametrize("seed", range(40))
def test_runs_make_the_old_text_without_what_came_and_the_new_one_without_what_went(seed: int) -> None:
    chance = random.Random(seed)
    old = [chance.choice(["a", "b", "the", "gpt-4", ", ", ".", " ", "  ", "\n", "模", "型"]) for _ in range(60)]
    new = list(old)
    for _ in range(chance.randrange(1, 12)):
        place = chance.randrange(len(new))
        new[place : place + chance.randrange(2)] = chance.choices(["new", "a", " ", ","], k=chance.randrange(3))
    before, after_ = "".join(old), "".join(new)
    runs = words.difference(before, after_)
    if runs is not None:
        assert text_of(runs, Fate.ADDED) == before
        assert text_of(runs, Fate.REMOVED) == after_
        assert all(run.words for run in runs)
    else:
        assert before != after_


def test_texts_of_a_hundred_kilobytes_do_not_keep_anybody_waiting() -> None:
    chance = random.Random(1)
    old = chance.choices(["the", "of", "and", *(f"w{number}" for number in range(999))], k=20_000)
    new = [chance.choice(old) if chance.random() < 0.1 else word for word in old]
    took, runs = quickest(lambda: words.difference(" ".join(old), " ".join(new)))
    assert took < 2
    assert runs is None or text_of(runs, Fate.ADDED) == " ".join(old)


# -- sparkline


def held(*values: str, days: int = 1) -> list[Held]:
    starts = [NEW_YEAR + timedelta(days=days * number) for number in range(len(values) + 1)]
    return [
        Held(Decimal(value), start, end) for value, (start, end) in zip(values, itertools.pairwise(starts), strict=True)
    ]


def test_numbers_are_drawn_from_the_least_to_the_greatest() -> None:
    assert sparkline(held("0", "1", "2", "3", "4", "5", "6", "7"), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline(held("-5", "5", "-5"), 3) == "▁█▁"


def test_a_number_takes_as_much_of_the_line_as_it_did_of_the_time() -> None:
    periods = [*held("1", days=6), Held(Decimal(2), NEW_YEAR + timedelta(days=6), NEW_YEAR + timedelta(days=8))]
    assert sparkline(periods, 4) == "▁▁▁█"


def test_what_changes_within_a_block_is_drawn_as_its_mean() -> None:
    assert sparkline(held("0", "8", "4", "4"), 2) == "▅▅"
    assert sparkline(held("0", "0", "0", "8"), 2) == "▁▅"


def test_what_has_just_come_has_the_last_block_to_itself() -> None:
    early, late = NEW_YEAR, NEW_YEAR + timedelta(days=365)
    assert sparkline([Held(Decimal(1), early, late), Held(Decimal(2), late, late)], 4) == "▁▁▁█"
    assert sparkline(held(*"000000000", "8"), 2) == "▁█"


def test_what_never_changes_is_a_line_in_the_middle() -> None:
    assert sparkline(held("3", "3"), 5) == "▄▄▄▄▄"
    assert sparkline([Held(Decimal(3), NEW_YEAR, NEW_YEAR)], 5) == "▄"


def test_a_time_without_a_value_is_blank() -> None:
    first, _, third = held("1", "1", "2")
    assert sparkline([first, third], 3) == "▁ █"


def test_numbers_beyond_a_double_are_drawn() -> None:
    assert sparkline(held("1e-300", "1e400", "1e400"), 3) == "▁██"


def test_nothing_is_drawn_of_nothing() -> None:
    assert sparkline([], 8) == ""
    assert sparkline(held("1"), 0) == ""


# -- pager


@pytest.mark.parametrize(
    "environ, line",
    [
        ({"TERM": "xterm"}, ["less"]),
        ({}, []),
        ({"PAGER": "more -s"}, ["more", "-s"]),
        ({"PAGER": "more", "ORLOG_PAGER": "less -S"}, ["less", "-S"]),
        ({"PAGER": ""}, []),
        ({"PAGER": "cat"}, []),
        ({"PAGER": "more", "ORLOG_PAGER": ""}, []),
        ({"PAGER": "'unfinished"}, []),
        ({"PAGER": "LESS=R less | cat"}, ["/bin/sh", "-c", "LESS=R less | cat"]),
        ({"TERM": "dumb"}, []),
        ({"TERM": "dumb", "PAGER": "more"}, ["more"]),
    ],
)
def test_the_environment_names_the_pager(environ: dict[str, str], line: list[str]) -> None:
    assert pager.command(environ) == line


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    return tmp_path / "seen"


def fake(tmp_path: Path, script: str) -> dict[str, str]:
    """The environment with a pager that is this shell script."""
    program = tmp_path / "a pager"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return {"PATH": os.environ["PATH"], "PAGER": f"'{program}'", "SEEN": str(tmp_path / "seen")}


def test_on_a_terminal_the_pager_gets_all_and_less_is_told_to_leave_short_output_there(
    tmp_path: Path, seen: Path
) -> None:
    environ = fake(tmp_path, 'cat > "$SEEN"; echo "$LESS $LV" >> "$SEEN"')
    pager.show([b"one\n", "zwölf\n".encode()], environ)
    assert seen.read_text() == "one\nzwölf\nFRX -c\n"


def test_settings_of_ones_own_are_left_to_less(tmp_path: Path, seen: Path) -> None:
    environ = fake(tmp_path, 'cat > /dev/null; echo "$LESS" > "$SEEN"')
    pager.show([b"one\n"], {**environ, "LESS": "-S"})
    assert seen.read_text() == "-S\n"


@pytest.mark.parametrize("name", ["", "cat", "/nowhere/to/be/found", "/"])
def test_without_a_pager_nothing_is_read_and_the_caller_is_told(name: str) -> None:
    chunks = iter([b"all\n"])
    assert not pager.show(chunks, {"PAGER": name})
    assert list(chunks) == [b"all\n"]


def test_what_a_reader_who_left_has_not_seen_is_not_computed(tmp_path: Path) -> None:
    computed = itertools.count()
    pager.show((b"%d\n" % number * 1000 for number in computed), fake(tmp_path, "exit 0"))
    assert next(computed) < 1000


def test_an_error_on_the_way_is_raised_once_the_pager_has_ended(tmp_path: Path, seen: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"begun\n"
        raise RuntimeError("damaged")

    with pytest.raises(RuntimeError, match="damaged"):
        pager.show(chunks(), fake(tmp_path, 'cat > "$SEEN"; sleep 0.05; echo ended >> "$SEEN"'))
    assert seen.read_text() == "begun\nended\n"


def test_an_interrupt_on_the_way_is_the_pagers_which_gets_the_rest_all_the_same(tmp_path: Path, seen: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"begun\n"
        os.kill(os.getpid(), signal.SIGINT)
        yield b"gone on\n"

    pager.show(chunks(), fake(tmp_path, 'cat > "$SEEN"'))
    assert seen.read_text() == "begun\ngone on\n"


def test_an_interrupt_after_the_pager_has_ended_is_ours_again(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    pager.show([b"all\n"], fake(tmp_path, "exit 1"))
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_while_reading_is_the_pagers(tmp_path: Path, seen: Path) -> None:
    environ = fake(tmp_path, 'cat > "$SEEN"; kill -INT $PPID; sleep 0.05; echo ended >> "$SEEN"')
    pager.show([b"all\n"], environ)
    assert seen.read_text() == "all\nended\n"
