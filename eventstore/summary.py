"""Summaries as they are archived: what the numbers of a category came to on a day, by key."""

from __future__ import annotations

from eventstore.canonical import Document, parse
from eventstore.model import Item, Listing, Scope


def summary_name(category: str) -> str:
    """The category, and the resource, of a category's daily summaries."""
    return f"{category}_daily"


def summary_listing(scope: Scope, attempt: int, body: bytes) -> Listing:
    """What an archived summary says: all of its category, by key."""
    items = (Item(key, ((scope.resource, Document.parsed(value)),)) for key, value in parse(body).items())
    return Listing(scope, (scope.resource,), attempt, complete=True, items=tuple(items))
