"""JSON values compared and copied, at any depth: loops here, where recursion would end at Python's limit."""

from __future__ import annotations

from collections.abc import Callable

from eventstore.canonical import JSON, encode


def same(left: JSON, right: JSON) -> bool:
    """Equality of canonical bytes: 1, 1.0 and true are three values, 0.0 and -0.0 two.

    For values as `parse` returns them.
    """
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    try:
        # what is equal in bytes is equal to Python, which finds most differences sooner
        return bool(left == right) and encode(left) == encode(right)
    except RecursionError:
        return _agree(left, right, same_scalar)


def same_scalar(left: JSON, right: JSON) -> bool:
    """`same`, for two values that are not both objects and not both arrays."""
    return type(left) is type(right) and left == right and (type(left) is not float or repr(left) == repr(right))


def equal(left: JSON, right: JSON) -> bool:
    """Equality as the `test` operation means it (RFC 6902, 4.6): numbers numerically, so 1 equals 1.0, but not true."""
    return _agree(left, right, _equal_scalar)


def _equal_scalar(left: JSON, right: JSON) -> bool:
    return (type(left) is bool) is (type(right) is bool) and left == right


def _agree(left: JSON, right: JSON, scalars_agree: Callable[[JSON, JSON], bool]) -> bool:
    pairs = [(left, right)]
    while pairs:
        left, right = pairs.pop()
        if type(left) is dict and type(right) is dict:
            if left.keys() != right.keys():
                return False
            pairs += [(left[name], right[name]) for name in left]
        elif type(left) is list and type(right) is list:
            if len(left) != len(right):
                return False
            pairs += zip(left, right, strict=True)
        elif not scalars_agree(left, right):
            return False
    return True


def copied(value: JSON) -> JSON:
    """Copy a value so that the two share no object or array."""
    if type(value) is not dict and type(value) is not list:
        return value
    root = value.copy()
    open_ = [root]
    while open_:
        container = open_.pop()
        members = container.items() if type(container) is dict else enumerate(container)
        for name, member in members:
            if type(member) is dict or type(member) is list:
                # replacing the value of a member that exists does not disturb the iteration
                container[name] = fresh = member.copy()
                open_.append(fresh)
    return root
