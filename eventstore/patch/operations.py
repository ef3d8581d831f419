"""Applying JSON Patch (RFC 6902): add, remove, replace, move, copy, test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from eventstore.canonical import JSON
from eventstore.errors import PatchError
from eventstore.patch.pointer import END, child, index, missing, not_a_container, split
from eventstore.patch.values import copied, equal

Operation: TypeAlias = dict[str, JSON]
Patch: TypeAlias = list[Operation]

_Own: TypeAlias = set[int] | None


def apply(document: JSON, patch: Patch) -> JSON:
    """Return what `patch` makes of `document`. Changes neither, and the result shares nothing with them.

    Raises `PatchError` for a patch that is malformed or does not apply; the message names the operation.
    """
    return apply_in_place(copied(document), copied(patch))


def apply_in_place(document: JSON, patch: Patch, *, own: set[int] | None = None) -> JSON:
    """Change `document` as `patch` says and return the new root: the hot path.

    The document takes the patch's values as they are, so that later changes to one may be seen in the other: do not use
    a patch again. After a `PatchError` (see `apply`) the document may be half changed. With `own`, the ids of those of
    its objects and arrays that may be changed, all others are copied before they are.
    """
    if type(patch) is not list:
        raise PatchError("a JSON Patch is an array of operations")
    for number, operation in enumerate(patch):
        try:
            document = _carry_out(document, operation, own)
            if own is not None and id(document) not in own and (type(document) is dict or type(document) is list):
                document = document.copy()  # what has become the root was a part of it, or of the patch
                own.add(id(document))
        except PatchError as error:
            raise PatchError(f"operation {number}{_described(operation)}: {error}") from None
    return document


def apply_sharing(document: JSON, patch: Patch) -> JSON:
    """Return what `patch` makes of `document`, which stays as it was; what the patch does not touch is in both.

    So all versions of a long history take little more room than its patches. It takes the patch's values as they are,
    and raises, as `apply_in_place` does.
    """
    if type(document) is not dict and type(document) is not list:
        return apply_in_place(document, patch)
    root = document.copy()
    return apply_in_place(root, patch, own={id(root)})


def _carry_out(document: JSON, operation: Operation, own: _Own) -> JSON:
    try:
        carry_out = _OPERATIONS[operation["op"]]
    except (KeyError, TypeError):
        if type(operation) is not dict:
            raise PatchError("not an object") from None
        known = f"`op` is none of {', '.join(_OPERATIONS)}" if "op" in operation else "`op` is missing"
        raise PatchError(known) from None
    return carry_out(document, operation, own)


def _described(operation: JSON) -> str:
    if type(operation) is not dict:
        return ""
    words = [operation[name] for name in ("op", "path") if type(operation.get(name)) is str]
    return f" ({' '.join(words)})" if words else ""


def _pointer(operation: Operation, name: str) -> str:
    pointer = operation.get(name)
    if type(pointer) is not str:
        raise PatchError(f"`{name}` is not a string" if name in operation else f"`{name}` is missing")
    return pointer


def _value(operation: Operation) -> JSON:
    if "value" not in operation:
        raise PatchError("`value` is missing")
    return operation["value"]


def _add(document: JSON, operation: Operation, own: _Own) -> JSON:
    return _put(document, _pointer(operation, "path"), _value(operation), own)


def _remove(document: JSON, operation: Operation, own: _Own) -> JSON:
    _take(document, _pointer(operation, "path"), own)
    return document


def _replace(document: JSON, operation: Operation, own: _Own) -> JSON:
    tokens = split(_pointer(operation, "path"))
    value = _value(operation)
    if not tokens:
        return value
    last = tokens.pop()
    parent = _open(document, tokens, own)
    if type(parent) is dict:
        if last not in parent:
            raise missing(last)
        parent[last] = value
    elif type(parent) is list:
        parent[index(last, len(parent))] = value
    else:
        raise not_a_container(last)
    return document


def _move(document: JSON, operation: Operation, own: _Own) -> JSON:
    source, target = _pointer(operation, "from"), _pointer(operation, "path")
    if source == target:
        _at(document, split(source))
        return document
    if target.startswith(source + "/"):
        raise PatchError(f"{source!r} cannot move into itself")
    return _put(document, target, _take(document, source, own), own)


def _copy(document: JSON, operation: Operation, own: _Own) -> JSON:
    source, target = _pointer(operation, "from"), _pointer(operation, "path")
    return _put(document, target, copied(_at(document, split(source))), own)


def _test(document: JSON, operation: Operation, _: _Own) -> JSON:
    if not equal(_at(document, split(_pointer(operation, "path"))), _value(operation)):
        raise PatchError("the value is another")
    return document


def _at(document: JSON, tokens: list[str]) -> JSON:
    for token in tokens:
        # the usual case written out saves a call
        document = document[token] if type(document) is dict and token in document else child(document, token)
    return document


def _open(document: JSON, tokens: list[str], own: _Own) -> JSON:
    """What is at a place and is about to be changed: with `own`, all on the way to it becomes the document's own.

    No id in `own` is mistaken for another's: all that is made meanwhile is made for this document.
    """
    if own is None:
        return _at(document, tokens)
    for token in tokens:
        inner = document[token] if type(document) is dict and token in document else child(document, token)
        if (type(inner) is dict or type(inner) is list) and id(inner) not in own:
            inner = inner.copy()
            own.add(id(inner))
            document[token if type(document) is dict else int(token)] = inner
        document = inner
    return document


def _put(document: JSON, pointer: str, value: JSON, own: _Own) -> JSON:
    tokens = split(pointer)
    if not tokens:
        return value
    last = tokens.pop()
    parent = _open(document, tokens, own)
    if type(parent) is dict:
        parent[last] = value
    elif type(parent) is list:
        size = len(parent)
        parent.insert(size if last == END else index(last, size + 1), value)
    else:
        raise not_a_container(last)
    return document


def _take(document: JSON, pointer: str, own: _Own) -> JSON:
    tokens = split(pointer)
    if not tokens:
        raise PatchError("the whole document cannot be taken away")
    last = tokens.pop()
    parent = _open(document, tokens, own)
    if type(parent) is dict:
        if last not in parent:
            raise missing(last)
        return parent.pop(last)
    if type(parent) is list:
        return parent.pop(index(last, len(parent)))
    raise not_a_container(last)


_OPERATIONS: Final[Mapping[str, Callable[[JSON, Operation, _Own], JSON]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
