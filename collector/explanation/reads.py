"""How a resource's answers are read, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from collector.sources.rules import IMPLAUSIBLE, Extraction, Format
from collector.sources.source import Resource


def reads(resource: Resource) -> Iterator[str]:
    """Say how answers become items, and what becomes of these."""
    rules = resource.extraction
    yield _items(rules)
    yield f"key: {rules.key}" + ("" if rules.many else ", of the one document")
    for category, paths in sorted(rules.split.items()):
        yield f"split: {', '.join(paths)} become {category}, with the same key"
    if rules.drop:
        yield f"drop: left out of the document, not of the archive: {', '.join(rules.drop)}"
    yield from _completeness(resource)
    if rules.as_of is not None:
        yield f"as_of: {rules.as_of} tells the day that the answer speaks of"


def _items(rules: Extraction) -> str:
    if rules.extract is not None:
        return f"extract: the function {rules.extract} makes items of the answer"
    if rules.slices is not None:
        return f"slices: {rules.slices.rows} rows are one document, and each has its time at {rules.slices.time}"
    if rules.format is not Format.JSON:
        footer = f", but for the last {rules.footer}" if rules.footer else ""
        return f"format: each row of {rules.format.value} is an item{footer}"
    if rules.items is None:
        return "the whole answer is one document"
    inside = f"what stands at {rules.items}" if rules.items else "the answer"
    return f"items: {inside} is a list of items, or an object that has them by name"


def _completeness(resource: Resource) -> Iterator[str]:
    rules = resource.extraction
    if rules.empty_on:
        yield f"empty_on: with status {' or '.join(map(str, rules.empty_on))} there are no items, and that is an answer"
    if rules.total is not None:
        yield f"total: {rules.total} says how many items there are, or else the list is not complete"
    if rules.next is not None:
        how = "links to" if resource.next_param is None else f"is the {resource.next_param} of"
        yield f"next: {rules.next} {how} the next page, until it is empty"
    if rules.implausible != IMPLAUSIBLE:
        yield f"implausible: {rules.implausible}"


def unset(resource: Resource) -> Iterator[str]:
    """Say what holds where the file says nothing."""
    rules = resource.extraction
    if resource.every is None:
        yield "every: asked only when somebody says so"
    if not rules.split:
        yield "split: nothing is kept apart, every change is a change of the entity"
    if not rules.drop:
        yield "drop: nothing is left out"
    if not rules.empty_on:
        yield "empty_on: every status but 2xx is a failure"
    if rules.many and rules.total is None:
        yield "total: no count is checked"
    if rules.many and rules.next is None:
        yield "next: one page is all there is"
    if rules.implausible == IMPLAUSIBLE:
        yield f"implausible: when more than {IMPLAUSIBLE:.0%} would disappear at once, that waits for confirmation"
