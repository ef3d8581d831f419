"""Events as `orlog log` prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from cli.options import Format
from cli.render import forms
from cli.text import counted, printable, stamp, stamp_or_dash
from eventstore import JSON, Event, Kind

PATHS_SHOWN: Final = 3  # of a patch

_SIGNS: Final = {"add": "+", "remove": "-", "replace": "~"}
_COLUMNS: Final = "{:>8}  {:<24}  {:<24}  {:<11}  {}"
_HEADER: Final = _COLUMNS.format("SEQ", "OBSERVED AT", "NOT BEFORE", "KIND", "ENTITY")


def events(found: Iterable[Event], format_: Format) -> Iterator[bytes]:
    """Events one by one, as they come."""
    if format_ is Format.TABLE:
        return _lines(found)
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
    if event.body is not None:
        line["patch" if event.kind is Kind.CHANGED else "document"] = msgspec.Raw(event.body)
    return line


def summary(patch: Sequence[dict[str, JSON]]) -> str:
    """The first paths that a patch touches: `~ /pricing/prompt, + /name, 4 more`."""
    shown = [f"{_SIGNS.get(each['op'], each['op'])} {each['path'] or '(all)'}" for each in patch[:PATHS_SHOWN]]
    more = len(patch) - len(shown)
    return ", ".join([*shown, counted(more, "more", "more")] if more else shown)


def _lines(found: Iterable[Event]) -> Iterator[bytes]:
    yield f"{_HEADER}\n".encode()
    for event in found:
        yield f"{_line(event)}\n".encode()


def _line(event: Event) -> str:
    what = f"{event.entity.address} {event.entity.key}"
    if event.patch is not None:
        what += f"  {summary(event.patch)}"
    times = stamp(event.observed_at), stamp_or_dash(event.not_before)
    return _COLUMNS.format(event.seq, *times, event.kind.value, printable(what))
