from __future__ import annotations

import hashlib
import math
import sys
from typing import Any

import pytest

from eventstore.canonical import NOTHING_DIGEST, Document, canonical, encode, parse
from eventstore.errors import Unreadable


@pytest.mark.parametrize(
    "value, spelling",
    [
        (None, b"null"),
        (True, b"true"),
        (1, b"1"),
        (1.0, b"1.0"),
        (0.0, b"0.0"),
        (-0.0, b"-0.0"),
        (0.1, b"0.1"),
        (5e-324, b"5e-324"),
        (10**30, b"1" + b"0" * 30),
        ("", b'""'),
        ("é/𝄞\x00\n", '"é/𝄞\\u0000\\n"'.encode()),
        ([], b"[]"),
        ({"b": 1, "a": [1, {"d": 2, "c": 3}]}, b'{"a":[1,{"c":3,"d":2}],"b":1}'),
        ({"𝄞": 1, "\uffff": 2, "": 3}, '{"":3,"\uffff":2,"𝄞":1}'.encode()),
    ],
)
def test_every_value_has_one_spelling(value: Any, spelling: bytes) -> None:
    assert canonical(value) == encode(value) == spelling


@pytest.mark.parametrize(
    "text, value",
    [
        (b" [ 1 , 2 ] ", [1, 2]),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"18446744073709551616", 2**64),
        (b"-9223372036854775809", -(2**63) - 1),
        (b"9007199254740993", 2**53 + 1),
        (b'{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
        (b'"\\ud834\\udd1e"', "𝄞"),
        (b'""', ""),
    ],
)
def test_text_is_read_without_loss(text: bytes, value: Any) -> None:
    """L10: integers exactly at any size, of repeated member names the last."""
    assert canonical(parse(text)) == canonical(value)


@pytest.mark.parametrize("text, value", [(b"1e5", 100000.0), (b"1.0", 1.0), (b"-0.0", -0.0), (b"0.1e1", 1.0)])
def test_a_number_with_a_fraction_or_exponent_is_a_double(text: bytes, value: float) -> None:
    """L10."""
    assert isinstance(parse(text), float)
    assert math.copysign(1, parse(text)) == math.copysign(1, value)
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"   ",
        b"<html>",
        b'{"a":',
        b"[1,]",
        b"NaN",
        b"[-Infinity]",
        b"1e400",
        b"1" * 5000,
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda text: f"{len(text)} bytes {text[:8]!r}",
)
def test_what_is_not_json_is_unreadable(text: bytes) -> None:
    with pytest.raises(Unreadable, match="not readable as JSON"):
        parse(text)


@pytest.mark.parametrize(
    "value",
    [math.nan, [math.inf], {"a": -math.inf}, {1: 2}, {"a": {None: 1}}, "\ud800", 10**5000, {"a": {1, 2}}, b"", (1, 2)],
    ids=["nan", "inf", "-inf", "1 as a name", "None as a name", "surrogate", "huge", "set", "bytes", "tuple"],
)
def test_what_no_document_can_hold_is_refused(value: Any) -> None:
    with pytest.raises(Unreadable, match="not a JSON value"):
        canonical(value)


def test_a_value_nested_beyond_all_limits_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100 * sys.getrecursionlimit()):
        value = [value]
    with pytest.raises(Unreadable):
        canonical(value)


@pytest.mark.parametrize("other", [1.0, True, "1", [1], {"1": 1}])
def test_documents_that_python_may_call_equal_are_not(other: Any) -> None:
    assert Document.of(1) != Document.of(other)
    assert Document.of({"a": [1]}) != Document.of({"a": [other]})


def test_documents_are_equal_whatever_the_order_of_their_members() -> None:
    left, right = Document.of({"a": 1, "b": 2}), Document.of({"b": 2, "a": 1})
    assert left == right
    assert len({left, right}) == 1
    assert left.hash == right.hash


def test_a_document_is_no_value() -> None:
    assert Document.of(1) != 1


def test_the_hash_of_a_document_is_that_of_its_canonical_bytes() -> None:
    document = Document.of({"b": 1, "a": 2})
    assert document.canonical == b'{"a":2,"b":1}'
    assert document.digest == hashlib.sha256(b'{"a":2,"b":1}').digest()
    assert document.hash == document.digest.hex()


def test_the_digest_of_no_document_is_that_of_no_bytes() -> None:
    assert hashlib.sha256(b"").digest() == NOTHING_DIGEST


def test_a_document_made_of_bytes_has_their_value() -> None:
    assert Document(b'{"a":[1,2.5]}').value == {"a": [1, 2.5]}


def test_a_parsed_document_does_not_change_with_the_value_it_was_made_of() -> None:
    value = parse(b'{"b":[1],"a":2}')
    document = Document.parsed(value)
    value["b"].append(2)
    assert document.value == {"a": 2, "b": [1]}


def test_a_folded_document_holds_the_value_and_makes_its_bytes() -> None:
    value = parse(b'{"b":[1],"a":2}')
    document = Document.folded(value)
    assert document.value is value
    assert document.canonical == b'{"a":2,"b":[1]}'
    assert document == Document.of(value)


def test_a_document_of_damaged_bytes_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        _ = Document(b'{"a":').value


def test_a_document_shows_its_text() -> None:
    assert repr(Document.of({"a": "é"})) == 'Document({"a":"é"})'
