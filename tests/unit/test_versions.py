"""Names of versions, packed: the same name again, and less of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.errors import Damaged
from eventstore.schema.versions import packed, unpacked

COMMIT = "git 30631146d5eb55718c87142175f09f789d1223e5:data/output.json"
HEX = st.text("0123456789abcdef", max_size=600)
NAMES = st.lists(HEX | st.text(max_size=8), max_size=5).map("".join).filter(lambda name: name.isprintable())


@given(NAMES | st.none())
def test_a_name_is_unpacked_as_it_was_packed_and_never_takes_more(name: str | None) -> None:
    stored = packed(name)
    assert unpacked(stored) == name
    if name is not None:
        size = len(stored if isinstance(stored, bytes) else (stored or "").encode())
        assert size <= len(name.encode())
        assert isinstance(stored, bytes) == bool(re.search("[0-9a-f]{16}", name))


@given(NAMES, NAMES)
def test_two_names_are_never_packed_alike(one: str, other: str) -> None:
    assert (packed(one) == packed(other)) == (one == other)


def test_the_hash_of_a_commit_takes_a_byte_for_two_digits() -> None:
    stored = packed(COMMIT)
    assert stored == b"git \xff\x14" + bytes.fromhex(COMMIT[4:44]) + b":data/output.json"


@pytest.mark.parametrize("name", ["", "v1", "files 2025-01-31T00:00:00.000Z", "0123456789ABCDEF0", "deadbeef"])
def test_a_name_with_little_hexadecimal_stays_text(name: str) -> None:
    assert packed(name) == name


def test_an_odd_digit_stays_behind_those_that_are_packed() -> None:
    assert packed("0123456789abcdef0") == bytes.fromhex("ff080123456789abcdef") + b"0"


@pytest.mark.parametrize("stored", [b"a\xff", b"\xff\x08\x01", b"a\xff\x01\x01\xfe", b"\xff\x01\x01\xff\x02\x01"])
def test_bytes_that_are_no_name_are_damage(stored: bytes) -> None:
    with pytest.raises(Damaged):
        unpacked(stored)
