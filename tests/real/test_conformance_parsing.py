"""The JSON parsing suite: `y_` files are read, `n_` files refused, `i_` files one or the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventstore.canonical import canonical, parse
from eventstore.errors import Unreadable
from tests.recordings import conformance


def files(prefix: str) -> list[Path]:
    found = sorted(conformance("json-parsing").glob(f"{prefix}*.json"))
    assert found, f"the suite has no {prefix} files"
    return found


def reading_comes_back(text: bytes) -> bool:
    value = parse(text)
    return canonical(parse(canonical(value))) == canonical(value)


def test_what_every_parser_must_read_is_read_and_comes_back() -> None:
    assert [file.name for file in files("y_") if not reading_comes_back(file.read_bytes())] == []


def test_what_every_parser_must_refuse_is_unreadable() -> None:
    for file in files("n_"):
        text = file.read_bytes()
        with pytest.raises(Unreadable):
            pytest.fail(f"{file.name} was read as {parse(text)!r}")


def test_what_parsers_may_read_is_read_and_comes_back_or_is_unreadable() -> None:
    read = []
    for file in files("i_"):
        try:
            assert reading_comes_back(file.read_bytes()), file.name
        except Unreadable:
            continue
        read.append(file.name)
    assert "i_number_too_big_pos_int.json" in read  # L10: integers exactly, at any size
    assert "i_string_invalid_utf-8.json" not in read
