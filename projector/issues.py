"""What in the documents did not fit a view."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Issue(msgspec.Struct, frozen=True):
    """Something in an entity's documents that did not fit a view: `message` says what, `path` where.

    The same of one entity is one issue; `count` says after how many events it was so, the rest is of the last of them:
    `payload` is the SHA-256 of its document in hexadecimal.
    """

    view: str
    source: str
    category: str
    key: str
    path: str
    message: str
    count: int
    seq: int
    sync: int
    observed_at: datetime
    payload: str

    @property
    def see(self) -> tuple[str, ...]:
        """The words behind `orlog` that show the document."""
        return ("replay", f"{self.source}.{self.category}", self.key, "--at", f"@{self.seq}")
