"""Sealed history: the older events of a category, compressed, many to a block.

A segment holds all events of a category from one number to another. It opens with every entity that stood then, so an
instant inside it needs nothing outside. Its blocks hold entities in order of key, each with the document that it began
with, its events, and full copies now and then; reading one entity needs one block. Order, numbers and times stay what
they were. Hashes are not stored: they follow from folding, and the roots prove them.
"""

from __future__ import annotations

from eventstore.segments.block import Base, Place, SealedEntity, Sealing, document_of, folded, packed, place_of
from eventstore.segments.head import Head
from eventstore.segments.reading import (
    NEWEST,
    Segment,
    blocks_of,
    close_of,
    covering,
    entities_of,
    events_of,
    find_entity,
    last_before,
    listed,
    unseen,
)
from eventstore.segments.window import Window

__all__ = [
    "NEWEST",
    "Base",
    "Head",
    "Place",
    "SealedEntity",
    "Sealing",
    "Segment",
    "Window",
    "blocks_of",
    "close_of",
    "covering",
    "document_of",
    "entities_of",
    "events_of",
    "find_entity",
    "folded",
    "last_before",
    "listed",
    "packed",
    "place_of",
    "unseen",
]
