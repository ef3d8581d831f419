"""A dry run: all is carried out on a copy of the views, and the two are compared."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from projector.derivation import Counts, Writes
from projector.store import FILE, Store
from projector.tables import Target


class Difference(msgspec.Struct, frozen=True):
    """What would become of the rows of one view. `columns` would come, `gone` would go."""

    view: str
    rows: Counts
    columns: tuple[str, ...]
    gone: tuple[str, ...]


class DryRun:
    """A copy of a file of views, in which everything may be done; a context manager.

    `store` is the copy. It lies in a temporary folder, and goes with it.
    """

    def __init__(self, path: Path) -> None:
        self._served = path
        self._folder = tempfile.TemporaryDirectory(prefix="orlog-views-")
        copy = Path(self._folder.name) / FILE
        if path.exists():
            with Store.open(path) as served:
                served.copy(copy)
        self.store = Store.open(copy, write=True)

    def reset(self, target: Target) -> None:
        """See `Output`."""
        self.store.reset(target)

    def write(self, target: Target, writes: Writes) -> None:
        """See `Output`."""
        self.store.write(target, writes)

    def differences(self) -> list[Difference]:
        """What would become of the rows of each view that is, or would be, served; by name."""
        served = self._served if self._served.exists() else None
        return [
            Difference(name, Counts(*counts), columns, gone)
            for name, counts, columns, gone in self.store.compare(served)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.store.close()
        self._folder.cleanup()
