"""States as `orlog replay` prints them. Documents go out as they were recorded: canonical bytes, never parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cli.options import Format
from cli.render import forms
from cli.text import stamp
from eventstore import State


def catalogue(states: Mapping[str, State], format_: Format) -> Iterator[bytes]:
    """All entities of a category."""
    if format_ is Format.TABLE:
        header = ("KEY", "SINCE", "CONFIRMED", "SEQ")
        lines = ((key, stamp(s.since), stamp(s.confirmed_at), str(s.seq)) for key, s in states.items())
        return forms.table(header, lines)
    if format_ is Format.JSONL:
        return forms.rows((_line(state) for state in states.values()), format_)
    return _object(states)


def document(state: State, format_: Format) -> Iterator[bytes]:
    """One entity."""
    if format_ is Format.JSONL:
        yield from forms.rows([_line(state)], format_)
    elif format_ is Format.TABLE:
        yield forms.indented(state.content.canonical)
    else:
        yield state.content.canonical + b"\n"


def head(state: State) -> str:
    """What is known about a document, in a line."""
    return (
        f"{state.entity.address} {state.entity.key}: so since {stamp(state.since)} (@{state.seq}), "
        f"confirmed {stamp(state.confirmed_at)} (attempt {state.confirmed_by})"
    )


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
