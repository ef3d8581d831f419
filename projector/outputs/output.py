"""What every output does; `tests/unit/test_outputs.py` holds each to the same contract."""

from __future__ import annotations

from typing import Protocol

from projector.derivation import Writes
from projector.tables import Target


class Output(Protocol):
    """Where rows go: SQLite (`Store`), JSON Lines, a dry run."""

    def reset(self, target: Target) -> None:
        """A view's rows come from the beginning: there is none."""
        ...

    def write(self, target: Target, writes: Writes) -> None:
        """Rows of a view become others. The same writes again, in their order, change nothing."""
        ...
