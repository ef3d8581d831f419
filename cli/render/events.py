"""Events as `orlog log` prints them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from cli.options import Format
from cli.render import fields, forms
from cli.terminal.paper import GAP, Paper, Span, Style, fit, wrapped
from cli.terminal.values import FOLD, after, moment
from cli.text import counted
from eventstore import Change, Event, FieldChange, Kind

LINES: Final = 6  # of fields that are shown of one event
INDENT: Final = 4  # cells by which they are indented

_SIGNS: Final = {
    Kind.APPEARED: Span("+", Style.ADDED),
    Kind.CHANGED: Span("~", Style.CHANGED),
    Kind.DISAPPEARED: Span("-", Style.REMOVED),
}


def table(
    changes: Iterable[Change],
    paper: Paper,
    *,
    rules_syncs: frozenset[int],
    path: str | None = None,
    whole: bool = False,
) -> Iterator[bytes]:
    """Changes one by one, as they come: when (UTC, both ends), to what, and below that which fields.

    What a sync of `rules_syncs` laid down is marked: other rules read the same answers differently. Of the fields only
    those at, in or above `path` are shown, where it is given, and as many as fit in a few lines, unless all are wanted.
    """
    previous: Event | None = None
    for change in changes:
        lines = [*_head(change.event, previous, paper, rules_syncs), *_fields(change.fields(path), paper, whole=whole)]
        previous = change.event
        yield "".join(f"{line}\n" for line in lines).encode()


def events(found: Iterable[Event], format_: Format) -> Iterator[bytes]:
    """Events one by one, as they come, as JSON or JSON Lines."""
    return forms.rows(map(contract, found), format_)


def contract(event: Event) -> dict[str, Any]:
    """An event as other programs are promised it: these members, in this order; of a disappearance no body."""
    line: dict[str, Any] = {
        "seq": event.seq,
        "observed_at": event.observed_at,
        "not_before": event.not_before,
        "source": event.entity.source,
        "category": event.entity.category,
        "key": event.entity.key,
        "parent": event.parent,
        "kind": event.kind,
        "hash": event.hash,
        "sync": event.sync,
    }
    if event.starts is not None:
        line["starts"] = event.starts
    if event.body is not None:
        line["patch" if event.kind is Kind.CHANGED else "document"] = msgspec.Raw(event.body)
    return line


def _head(event: Event, previous: Event | None, paper: Paper, rules_syncs: frozenset[int]) -> Iterator[str]:
    """When it happened and to what. What is as with the event before is dim, and takes no line of its own."""
    again = previous is not None and (previous.sync, previous.not_before) == (event.sync, event.not_before)
    at = Span(moment(event.observed_at), Style.DIM if again else Style.PLAIN)
    what = [Span(f"{event.entity.address} "), Span(event.entity.key, Style.BOLD)]
    line = [Span(f"@{event.seq}", Style.DIM), GAP, at, GAP, _SIGNS[event.kind], Span(" "), *what]
    more = [span for note in _notes(event, rules_syncs) for span in (GAP, note)]
    if fit([*line, *more], paper.width):
        line += more
        more = []
    yield paper.line(line)
    if more and not again:
        room = None if paper.width is None else paper.width - INDENT
        yield from (paper.line([Span(" " * INDENT), *notes]) for notes in wrapped(more[1:], room))


def _notes(event: Event, rules_syncs: frozenset[int]) -> Iterator[Span]:
    if event.sync in rules_syncs:
        yield Span("(rules changed)", Style.MOVED, solid=True)
    if event.not_before is not None:
        yield Span(after(event.not_before), Style.DIM, solid=True)


def _fields(changes: list[FieldChange], paper: Paper, *, whole: bool) -> Iterator[str]:
    blocks = fields.blocks(changes if whole else changes[: LINES + 1], paper, indent=INDENT)
    # the last takes the line that would count it
    if whole or (len(blocks) == len(changes) and sum(map(len, blocks)) <= LINES + 1):
        yield from itertools.chain.from_iterable(blocks)
        return
    shown = _fitting(blocks)
    lines = [line for block in blocks[:shown] for line in block]
    yield from lines[:LINES]
    more = [counted(len(lines) - LINES, "more line")] if len(lines) > LINES else []
    more += [counted(len(changes) - shown, "more field")] if len(changes) > shown else []
    yield paper.dim(f"{' ' * INDENT}{FOLD} {', '.join(more)}")


def _fitting(blocks: list[list[str]]) -> int:
    """How many fields there is room for; the first one is always shown."""
    taken = itertools.accumulate(map(len, blocks))
    return max(sum(lines <= LINES for lines in taken), 1)
