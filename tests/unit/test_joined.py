"""Bodies joined: each comes back byte for byte, and what it has in common with the one before is kept once."""

from __future__ import annotations

import random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.errors import Damaged
from eventstore.joined import Joined, Joining

CHUNKS: Final = st.sampled_from([b"", b"a", b"b", b'{"id": 1, "n": 2', b"\xff"])
BODIES: Final = st.lists(CHUNKS, max_size=8).map(b"}".join)


def joined(bodies: list[bytes], before: bytes | None = None) -> bytes:
    joining = Joining(before)
    for body in bodies:
        joining.add(body)
    return joining.content()


def items(*numbers: int) -> bytes:
    """A listing of that many items of 500 bytes each; the same number is the same item."""
    return b"[%s]" % b",".join(b'{"id": "%s"}' % random.Random(n).randbytes(250).hex().encode() for n in numbers)


@given(st.lists(BODIES, max_size=6), st.none() | BODIES, st.randoms(use_true_random=False))
def test_bodies_come_back_in_whatever_order_they_are_wanted(
    bodies: list[bytes], before: bytes | None, order: random.Random
) -> None:
    found = Joined(joined(bodies, before), before)
    places = [*range(len(bodies))] * 2
    order.shuffle(places)
    for place in places:
        assert found.body(place) == bodies[place]


def test_of_a_body_only_what_is_not_in_the_one_before_is_kept() -> None:
    before = items(*range(50))
    changed = items(*range(20), 100, *range(21, 50))
    fewer = items(*range(10), *range(20, 50))
    turned = items(0, *range(48, 0, -1), 49)
    assert len(joined([before, before], before)) < 50
    assert 500 < len(joined([changed], before)) < 600
    assert len(joined([fewer], before)) < 50
    assert len(joined([turned], before)) < 250
    assert len(joined([before, changed, before])) < len(before) + 2 * 600


def test_what_has_nothing_in_common_is_kept_as_it_is() -> None:
    text = random.Random(1).randbytes(3000).replace(b"}", b"")
    assert len(joined([text])) < len(text) + 20
    assert Joined(joined([text, b"", text]), None).body(2) == text


@pytest.mark.parametrize("place", [-1, 2, 1 << 62])
def test_a_place_where_there_is_none_is_damage(place: int) -> None:
    with pytest.raises(Damaged, match="none at place"):
        Joined(joined([b"a", b"b"]), None).body(place)


@pytest.mark.parametrize("content", [b"", b"\x05", b"\x02\x00\x00\x00\xc0\xc0", b"\x01\x00\x00\x00\xc0", b"\xff" * 9])
def test_a_content_that_is_none_is_damage(content: bytes) -> None:
    with pytest.raises(Damaged, match="cannot be told apart"):
        Joined(content, None)
