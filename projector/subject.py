"""What a projection is told beside a document."""

from __future__ import annotations

import msgspec

from eventstore import Event


class Subject(msgspec.Struct, frozen=True, gc=False):
    """What a document is about: (source, category, key), and the key of the parent where it has one."""

    source: str
    category: str
    key: str
    parent: str | None = None

    @classmethod
    def of(cls, event: Event) -> Subject:
        """The subject of an event."""
        entity = event.entity
        return cls(entity.source, entity.category, entity.key, event.parent)


class Misfit(msgspec.Struct, frozen=True):
    """Something in a document that fits no row: what is wrong, and where, as `$.pricing.prompt`.

    A projection yields it among its rows; it becomes an issue, and the rest goes on.
    """

    message: str
    path: str = "$"
