"""Forms: of texts that come again and again only what differs is stored, and each comes back as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import forms, schema
from eventstore.errors import Damaged
from eventstore.forms import Forms

COMMIT = "git 30631146d5eb55718c87142175f09f789d1223e5:data/output.json"
REPORT = '{"host":"api.example","resources":{"api.models":{"asked":%d,"bytes":%d,"seconds":%s}},"seconds":%s}'
PIECES = st.sampled_from(
    [
        "0",
        "007",
        "9" * 18,
        "1" * 19,
        "ab" * 8,
        "AB" * 8,
        "ab" * 8 + "c",
        "x-1",
        "word_1",
        "é1",
        "\x02",
        " ",
        '"',
        "-5",
        ".",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=6), max_size=12).map("".join)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute(next(each for each in schema.statements(schema.FORMS) if "TABLE form" in each))
    yield connection
    connection.close()


def kept(db: sqlite3.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT text FROM form ORDER BY id")]


@given(st.lists(TEXTS | st.none(), max_size=8))
def test_every_text_comes_back_and_never_takes_more(texts: list[str | None]) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE form (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
    writing = Forms(connection)
    stored = [writing.stored(text) for text in texts]
    assert [Forms(connection).text(each) for each in stored] == texts
    assert [writing.stored(text) for text in texts if text is not None] == [each for each in stored if each is not None]
    for text, each in zip(texts, stored, strict=True):
        if text is not None:
            assert len(each if isinstance(each, bytes) else str(each).encode()) <= len(text.encode())
    connection.close()


def test_the_name_of_a_commit_takes_its_bytes_and_three_more(db: sqlite3.Connection) -> None:
    stored = Forms(db).stored(COMMIT)
    assert stored == msgspec.msgpack.encode([1, bytes.fromhex(COMMIT[4:44])])
    assert len(stored) == 24
    assert kept(db) == ["git \x01:data/output.json"]


def test_reports_that_differ_in_numbers_have_one_form(db: sqlite3.Connection) -> None:
    texts = [REPORT % (number, number * 997, f"0.0{number}", f"1.{number:03}") for number in range(1, 300)]
    stored = [Forms(db).stored(text) for text in texts]
    assert len(kept(db)) == 1
    assert max(len(each or b"") for each in stored) < 25
    assert [Forms(db).text(each) for each in stored] == texts


def test_tags_that_are_no_hexadecimal_are_cut_out_as_they_are(db: sqlite3.Connection) -> None:
    tags = ['{"ETag":"W/\\"3f-Xy9+kD/0abZ\\""}', '{"ETag":"W/\\"40-qq1+zzzz0abY\\""}']
    assert [Forms(db).text(Forms(db).stored(tag)) for tag in tags] == tags
    assert len(kept(db)) == 1


def test_where_everything_is_another_nothing_is_made_a_form(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MANY", 3)
    letters = ["".join(chr(ord("g") + int(digit)) for digit in f"{number:020}") for number in range(10)]
    stored = [Forms(db).stored(text) for text in letters]
    assert len(kept(db)) == 3
    assert stored[3:] == letters[3:]
    assert [Forms(db).text(each) for each in stored] == letters
    assert Forms(db).stored("short") == "short"


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode([]),
        msgspec.msgpack.encode({"a": 1}),
        msgspec.msgpack.encode(["git"]),
        msgspec.msgpack.encode([9, 1]),
        msgspec.msgpack.encode([1]),
        msgspec.msgpack.encode([1, 5]),
        msgspec.msgpack.encode([1, b"ab", 5]),
        msgspec.msgpack.encode([[1], b"ab"]),
    ],
)
def test_what_is_no_text_of_a_form_is_damage(db: sqlite3.Connection, stored: bytes) -> None:
    Forms(db).stored(COMMIT)
    with pytest.raises(Damaged):
        Forms(db).text(stored)


def test_a_form_that_was_rolled_back_is_given_again(db: sqlite3.Connection) -> None:
    db.execute("BEGIN")
    writing = Forms(db)
    writing.stored(COMMIT)
    db.rollback()
    writing.forget()
    assert Forms(db).text(writing.stored(COMMIT)) == COMMIT
