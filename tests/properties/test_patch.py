from __future__ import annotations

from contextlib import suppress
from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from eventstore.canonical import canonical, encode, parse
from eventstore.errors import PatchError
from eventstore.patch import Patch, apply, apply_in_place, compose, diff, same
from eventstore.patch.difference import _compare
from eventstore.patch.matching import longest_increasing, moves
from eventstore.patch.values import _agree, copied, equal, same_scalar
from tests.properties.documents import Pair, catalogues, changed, pairs, scalars, values
from tests.properties.patches import patches, small_values

two_catalogues = st.tuples(catalogues(), catalogues())


def fresh(value: Any) -> Any:
    """A copy that shares nothing, by way of canonical bytes."""
    return parse(canonical(value))


@given(pairs() | two_catalogues)
def test_a_diff_applied_to_before_gives_after(pair: Pair) -> None:
    """L3, L10: documents are what they are to the last bit, whatever Python calls equal."""
    before, after = pair
    assert canonical(apply(before, diff(before, after))) == canonical(after)


@given(pairs() | two_catalogues)
def test_a_diff_is_empty_exactly_where_documents_are_equal(pair: Pair) -> None:
    """L4: a change is appended for every difference in canonical bytes and for no other."""
    before, after = pair
    assert (diff(before, after) == []) is (canonical(before) == canonical(after))


@given(values())
def test_a_document_does_not_differ_from_itself(value: Any) -> None:
    """L4."""
    assert diff(value, value) == []
    assert diff(value, fresh(value)) == []


@given(pairs() | two_catalogues)
def test_another_library_applies_our_diffs_to_the_same_end(pair: Pair) -> None:
    """L3: `verify --deep` folds with the jsonpatch library."""
    before, after = pair
    patch = parse(encode(diff(before, after)))
    assert canonical(jsonpatch.apply_patch(fresh(before), patch)) == canonical(after)


@given(pairs() | two_catalogues)
def test_a_diff_does_not_depend_on_how_members_are_ordered(pair: Pair) -> None:
    before, after = pair
    assert encode(diff(before, after)) == encode(diff(fresh(before), fresh(after)))


@given(pairs() | two_catalogues)
def test_matching_by_identity_never_takes_more_operations_than_going_by_place(pair: Pair) -> None:
    before, after = pair
    by_place = _compare([("", before, after)], 0)
    assert canonical(apply(before, by_place)) == canonical(after)
    assert len(diff(before, after)) <= len(by_place)


@given(catalogues().flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_an_order_alone_takes_no_more_moves_than_elements_less_one(pair: Pair) -> None:
    before, after = pair
    patch = diff(before, after)
    assert len(patch) <= max(0, len(before) - 1)


@given(st.permutations(range(9)))
def test_moves_put_every_element_where_it_is_wanted_and_are_as_few_as_can_be(spots: list[int]) -> None:
    row = list(range(len(spots)))
    made = list(moves(spots))
    for source, target in made:
        row.insert(target, row.pop(source))
    assert row == spots
    assert len(made) == len(spots) - length_of_longest_increasing(spots)


@given(st.lists(st.integers(0, 30), unique=True))
def test_the_longest_increasing_subsequence_is_one(numbers: list[int]) -> None:
    places = longest_increasing(numbers)
    assert places == sorted(set(places))
    chosen = [numbers[place] for place in places]
    assert chosen == sorted(chosen)
    assert len(chosen) == length_of_longest_increasing(numbers)


def length_of_longest_increasing(numbers: list[int]) -> int:
    lengths: list[int] = []
    for place, number in enumerate(numbers):
        lengths.append(1 + max((lengths[i] for i in range(place) if numbers[i] < number), default=0))
    return max(lengths, default=0)


@given(pairs())
def test_sameness_is_equality_of_canonical_bytes(pair: Pair) -> None:
    """L10."""
    before, after = pair
    equal_bytes = canonical(before) == canonical(after)
    assert same(before, after) is equal_bytes
    assert _agree(before, after, same_scalar) is equal_bytes  # how it is done where recursion would end
    assert same(before, fresh(before))


@given(pairs())
def test_a_test_operation_holds_numbers_equal_by_value_and_nothing_else_of_another_type(pair: Pair) -> None:
    before, after = pair
    assert equal(before, fresh(before))
    assert equal(before, after) is equal(after, before)
    if same(before, after):
        assert equal(before, after)
    if isinstance(before, bool) is not isinstance(after, bool):
        assert not equal(before, after)


@given(values())
def test_a_copy_is_the_same_and_shares_nothing(value: Any) -> None:
    copy = copied(value)
    assert canonical(copy) == canonical(value)
    assert not containers(copy) & containers(value)


def containers(value: Any) -> set[int]:
    """The identities of all objects and arrays in a value."""
    if not isinstance(value, dict | list):
        return set()
    members = value.values() if isinstance(value, dict) else value
    return {id(value)}.union(*(containers(member) for member in members))


@given(pairs())
def test_apply_changes_neither_the_document_nor_the_patch_and_shares_nothing_with_them(pair: Pair) -> None:
    before, after = pair
    patch = diff(before, after)
    was = canonical([before, patch])
    result = apply(before, patch)
    assert canonical([before, patch]) == was
    assert not containers(result) & (containers(before) | containers(patch))


@given(pairs() | two_catalogues)
def test_diff_changes_neither_document(pair: Pair) -> None:
    was = canonical(list(pair))
    diff(*pair)
    assert canonical(list(pair)) == was


@given(pairs() | two_catalogues)
def test_apply_in_place_gives_what_apply_gives(pair: Pair) -> None:
    before, after = pair
    patch = diff(before, after)
    assert canonical(apply_in_place(fresh(before), fresh(patch))) == canonical(apply(before, patch))


@given(st.data(), small_values())
def test_another_library_makes_the_same_of_any_patch(data: DataObject, document: Any) -> None:
    patch = data.draw(patches(document))
    assert canonical(jsonpatch.apply_patch(fresh(document), fresh(patch))) == canonical(apply(document, patch))


OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "spam"]) | scalars(),
        "path": st.sampled_from(["", "/a", "/a/0", "/-", "/0", "/01", "a", "/~", "/~2"])
        | st.text(max_size=4)
        | scalars(),
        "from": st.sampled_from(["", "/a", "/a/0", "/-", "/0", "/01", "a", "/~", "/~2"]) | scalars(),
        "value": scalars(),
    },
)


@given(values() | small_values(), st.lists(OPERATIONS | values(), max_size=3) | values())
def test_whatever_is_given_as_a_patch_it_applies_or_is_refused(document: Any, patch: Any) -> None:
    was = canonical([document, patch])
    with suppress(PatchError):
        canonical(apply(document, patch))
    assert canonical([document, patch]) == was


@given(st.data(), small_values())
def test_two_patches_composed_do_what_they_do_in_turn(data: DataObject, document: Any) -> None:
    first = data.draw(patches(document))
    between = apply(document, first)
    second = data.draw(patches(between))
    assert_composed(document, first, second)


@given(pairs(), st.data())
def test_two_diffs_composed_lead_from_the_first_document_to_the_last(pair: Pair, data: DataObject) -> None:
    before, between = pair
    after = data.draw(st.just(before) | changed(between))
    assert_composed(before, diff(before, between), diff(between, after))


def assert_composed(document: Any, first: Patch, second: Patch) -> None:
    was = canonical([first, second])
    composed = compose(first, second)
    assert canonical([first, second]) == was
    assert len(composed) <= len(first) + len(second)
    assert canonical(apply(document, composed)) == canonical(apply(apply(document, first), second))
