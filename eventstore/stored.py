"""Events as the log has them: numbers in place of names, times in milliseconds."""

from __future__ import annotations

from typing import NamedTuple


class Stored(NamedTuple):
    """One event, from its row or from a segment. `scope` is a number of the archive's, `hash` is 32 bytes.

    `starts` is the number of the first event that it was composed of; None: it is as it was recorded.
    """

    seq: int
    entry: int
    entity: int
    category: int
    parent_category: str | None
    parent: str | None
    scope: int
    kind: str
    not_before: int | None
    hash: bytes
    body: bytes | None
    starts: int | None = None

    @property
    def place(self) -> tuple[int, str | None, str | None]:
        """Where it saw its entity: the number of the scope, and the parent."""
        return self.scope, self.parent_category, self.parent
