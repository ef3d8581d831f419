"""States as `orlog replay` prints them. Documents go out as they were recorded: canonical bytes, never parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cli.options import Format
from cli.render import forms
from cli.terminal.paper import PLAIN, Paper
from cli.terminal.values import moment
from cli.text import width
from eventstore import State


def catalogue(states: Mapping[str, State], format_: Format, paper: Paper = PLAIN) -> Iterator[bytes]:
    """All entities of a category."""
    if format_ is Format.TABLE:
        return _table(states, paper)
    if format_ is Format.JSONL:
        return forms.rows((_line(state) for state in states.values()), format_)
    return _object(states)


def document(state: State, format_: Format, paper: Paper = PLAIN) -> Iterator[bytes]:
    """One entity."""
    if format_ is Format.JSONL:
        yield from forms.rows([_line(state)], format_)
    elif format_ is Format.TABLE:
        yield forms.indented(state.content.canonical, paper)
    else:
        yield state.content.canonical + b"\n"


def head(state: State) -> str:
    """What is known about a document, in a line."""
    return (
        f"{state.entity.address} {state.entity.key}: so since {moment(state.since)} UTC (@{state.seq}), "
        f"confirmed {moment(state.confirmed_at)} (attempt {state.confirmed_by})"
    )


def _table(states: Mapping[str, State], paper: Paper) -> Iterator[bytes]:
    """As many columns as the window has room for; the key is never cut."""
    header = ("KEY", "SINCE (UTC)", "EVENT", "CONFIRMED")
    lines = [(key, moment(s.since), f"@{s.seq}", moment(s.confirmed_at)) for key, s in states.items()]
    taken = [max(map(width, column)) for column in zip(header, *lines, strict=True)]
    columns = next((n for n in (4, 3, 2) if paper.width is None or sum(taken[:n]) + 2 * (n - 1) <= paper.width), 2)
    return forms.table(header[:columns], (line[:columns] for line in lines), paper)


def _object(states: Mapping[str, State]) -> Iterator[bytes]:
    separator = b"{"
    for key, state in states.items():
        yield separator + forms.encoded(key) + b":" + state.content.canonical
        separator = b",\n"
    yield b"}\n" if states else b"{}\n"


def _line(state: State) -> dict[str, Any]:
    return {
        "key": state.entity.key,
        "seq": state.seq,
        "since": state.since,
        "confirmed_at": state.confirmed_at,
        "confirmed_by": state.confirmed_by,
        "hash": state.hash,
        "document": msgspec.Raw(state.content.canonical),
    }
