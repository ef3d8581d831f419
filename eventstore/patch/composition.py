"""Making one JSON Patch of two, without the document that they are for."""

from __future__ import annotations

from collections.abc import Iterator

from eventstore.canonical import JSON
from eventstore.patch.operations import Operation, Patch


def compose(first: Patch, second: Patch) -> Patch:
    """Return a patch that does what `first` and then `second` do, wherever both apply in turn.

    Where they do not, the result may do anything. It shares operations with both. Where that takes no knowledge of the
    document, one operation stands for all on the same place; so hourly changes of a field compose to one change.
    """
    composition = _Composition()
    for operation in (*first, *second):
        composition.take(operation)
    return list(composition.operations.values())


class _Composition:
    """The operations so far, by number, and which are open: a later one on the same place can be laid over them.

    An open one is an addition or a replacement that nothing followed but replacements at places neither above nor below
    it. Those shift no elements and do not see each other's values, so they may change places.
    """

    def __init__(self) -> None:
        self.operations: dict[int, Operation] = {}
        self._taken = 0
        self._open: dict[str, int] = {}  # pointer: number
        self._above: set[str] = set()  # every pointer above an open one

    def take(self, operation: Operation) -> None:
        self._taken += 1
        match operation:
            case {"op": "add" | "replace", "path": "", "value": _}:
                self.operations.clear()  # nothing that was done before can be seen any more
                self._append(operation)
            case {"op": "replace", "path": str(path), "value": value}:
                self._replace(operation, path, value)
            case {"op": "add", "path": str(path), "value": value}:
                self._add(operation, path, value)
            case {"op": "remove", "path": str(path)}:
                self._remove(operation, path)
            case _:
                self._append(operation)

    def _replace(self, operation: Operation, path: str, value: JSON) -> None:
        if path in self._open:
            number = self._open[path]
            self.operations[number] = {**self.operations[number], "value": value}
            return
        if path in self._above or any(pointer in self._open for pointer in _pointers_above(path)):
            self._close()
        self._append_open(operation, path)

    def _add(self, operation: Operation, path: str, value: JSON) -> None:
        self._close()
        if self.operations.get(self._taken - 1) == {"op": "remove", "path": path}:
            del self.operations[self._taken - 1]
            operation = {"op": "replace", "path": path, "value": value}
        self._append_open(operation, path)

    def _remove(self, operation: Operation, path: str) -> None:
        number = self._open.get(path)
        if number is not None and self.operations[number]["op"] == "replace":
            del self.operations[number]  # nobody sees what it puts there
        self._append(operation)

    def _append(self, operation: Operation) -> None:
        self._close()
        self.operations[self._taken] = operation

    def _append_open(self, operation: Operation, path: str) -> None:
        self.operations[self._taken] = operation
        self._open[path] = self._taken
        self._above.update(_pointers_above(path))

    def _close(self) -> None:
        self._open.clear()
        self._above.clear()


def _pointers_above(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path
