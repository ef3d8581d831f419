"""Applying JSON Patch (RFC 6902): add, remove, replace, move, copy, test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from eventstore.canonical import JSON
from eventstore.errors import PatchError
from eventstore.patch.pointer import END, child, escaped, index, missing, not_a_container, split
from eventstore.patch.values import copied, equal

Operation: TypeAlias = dict[str, JSON]
Patch: TypeAlias = list[Operation]


def apply(document: JSON, patch: Patch) -> JSON:
    """Return what `patch` makes of `document`. Changes neither, and the result shares nothing with them.

    Raises `PatchError` for a patch that is malformed or does not apply; the message names the operation.
    """
    return apply_in_place(copied(document), copied(patch))


def apply_in_place(document: JSON, patch: Patch) -> JSON:
    """Change `document` as `patch` says and return the new root: the hot path.

    The document takes the patch's values as they are, so that later changes to one may be seen in the other: do not use
    a patch again. After a `PatchError` (see `apply`) the document may be half changed.
    """
    if type(patch) is not list:
        raise PatchError("a JSON Patch is an array of operations")
    for number, operation in enumerate(patch):
        try:
            document = _carry_out(document, operation)
        except PatchError as error:
            raise PatchError(f"operation {number}{_described(operation)}: {error}") from None
    return document


def apply_sharing(document: JSON, patch: Patch) -> JSON:
    """Return what `patch` makes of `document`, which stays as it was; what the patch does not touch is in both.

    So all versions of a long history take little more room than its patches. It takes the patch's values as they are,
    and raises, as `apply_in_place` does.
    """
    return apply_in_place(_unshared(document, patch), patch)


def _unshared(document: JSON, patch: Patch) -> JSON:
    """Copy what a patch may change: what is on the way to the places it names, and all of an array whose places shift.

    Places are those in `document`: that holds for all operations, as long as no element moves on before them.
    """
    if type(document) is not dict or type(patch) is not list or not all(map(_stays, patch)):
        return copied(document)
    root = document.copy()
    own = {id(root)}
    shifting = {_parent(operation["path"]) for operation in patch if operation["op"] in {"add", "remove"}}
    for operation in patch:
        try:
            _own(root, split(operation["path"])[:-1], own, shifting)
        except PatchError:
            break  # carrying it out says what is wrong, and where
    return root


def _own(parent: JSON, tokens: list[str], own: set[int], shifting: set[str]) -> None:
    pointer = ""
    for token in tokens:
        pointer = f"{pointer}/{escaped(token)}"
        place = _member(parent, token)
        node = None if place is None else parent[place]
        if type(node) is not dict and type(node) is not list:
            return
        whole = type(node) is list and pointer in shifting
        if id(node) not in own:
            node = parent[place] = copied(node) if whole else node.copy()
            own.add(id(node))
        if whole:
            return  # all below is a copy already
        parent = node


def _member(container: JSON, token: str) -> str | int | None:
    if type(container) is dict:
        return token if token in container else None
    try:
        return index(token, len(container))
    except PatchError:
        return None


def _parent(pointer: str) -> str:
    return pointer.rpartition("/")[0]


def _stays(operation: JSON) -> bool:
    """Whether an operation leaves everything where it stands, save the elements behind the place that it names."""
    if type(operation) is not dict or type(operation.get("path")) is not str:
        return False
    op = operation.get("op")
    return type(op) is str and op in {"add", "remove", "replace", "test"}


def _carry_out(document: JSON, operation: Operation) -> JSON:
    if type(operation) is not dict:
        raise PatchError("not an object")
    op = operation.get("op")
    if type(op) is not str or op not in _OPERATIONS:
        raise PatchError(f"`op` is none of {', '.join(_OPERATIONS)}" if "op" in operation else "`op` is missing")
    return _OPERATIONS[op](document, operation)


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


def _add(document: JSON, operation: Operation) -> JSON:
    return _put(document, _pointer(operation, "path"), _value(operation))


def _remove(document: JSON, operation: Operation) -> JSON:
    _take(document, _pointer(operation, "path"))
    return document


def _replace(document: JSON, operation: Operation) -> JSON:
    tokens = split(_pointer(operation, "path"))
    value = _value(operation)
    if not tokens:
        return value
    last = tokens.pop()
    parent = _at(document, tokens)
    if type(parent) is dict:
        if last not in parent:
            raise missing(last)
        parent[last] = value
    elif type(parent) is list:
        parent[index(last, len(parent))] = value
    else:
        raise not_a_container(last)
    return document


def _move(document: JSON, operation: Operation) -> JSON:
    source, target = _pointer(operation, "from"), _pointer(operation, "path")
    if source == target:
        _at(document, split(source))
        return document
    if target.startswith(source + "/"):
        raise PatchError(f"{source!r} cannot move into itself")
    return _put(document, target, _take(document, source))


def _copy(document: JSON, operation: Operation) -> JSON:
    source, target = _pointer(operation, "from"), _pointer(operation, "path")
    return _put(document, target, copied(_at(document, split(source))))


def _test(document: JSON, operation: Operation) -> JSON:
    if not equal(_at(document, split(_pointer(operation, "path"))), _value(operation)):
        raise PatchError("the value is another")
    return document


def _at(document: JSON, tokens: list[str]) -> JSON:
    for token in tokens:
        # the usual case written out saves a call
        document = document[token] if type(document) is dict and token in document else child(document, token)
    return document


def _put(document: JSON, pointer: str, value: JSON) -> JSON:
    tokens = split(pointer)
    if not tokens:
        return value
    last = tokens.pop()
    parent = _at(document, tokens)
    if type(parent) is dict:
        parent[last] = value
    elif type(parent) is list:
        size = len(parent)
        parent.insert(size if last == END else index(last, size + 1), value)
    else:
        raise not_a_container(last)
    return document


def _take(document: JSON, pointer: str) -> JSON:
    tokens = split(pointer)
    if not tokens:
        raise PatchError("the whole document cannot be taken away")
    last = tokens.pop()
    parent = _at(document, tokens)
    if type(parent) is dict:
        if last not in parent:
            raise missing(last)
        return parent.pop(last)
    if type(parent) is list:
        return parent.pop(index(last, len(parent)))
    raise not_a_container(last)


_OPERATIONS: Final[Mapping[str, Callable[[JSON, Operation], JSON]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
