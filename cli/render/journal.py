"""Syncs, issues, attempts and roots as tables and as what JSON shows of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from cli.options import Format
from cli.overview import ARCHIVED, SyncLine
from cli.render import forms
from cli.text import counted, grouped, stamp_or_dash
from eventstore import Attempt, Entry, Issue

# in a table ten digits are enough to tell commits apart
_COMMIT: Final = re.compile(r"^(git [0-9a-f]{10})[0-9a-f]{30}:.*$", re.DOTALL)


def syncs(lines: Sequence[SyncLine], format_: Format) -> Iterator[bytes]:
    """Syncs, as they come."""
    if format_ is not Format.TABLE:
        return forms.rows(lines, format_)
    header = ("SYNC", "CAUSE", "AT", "OBSERVED AT", "STATUS", "+", "~", "-", "=", "VERSION", "ERRORS")
    return forms.table(header, map(_sync, lines))


def issues(found: Sequence[tuple[int, Issue]], format_: Format) -> Iterator[bytes]:
    """Issues with their syncs."""
    if format_ is not Format.TABLE:
        return forms.rows((_issue(sync, issue) for sync, issue in found), format_)
    return forms.table(
        ("SYNC", "CODE", "KEY", "PATH", "ATTEMPT", "MESSAGE"),
        ((str(sync), i.code, i.key or "-", i.path or "-", str(i.attempt), i.message) for sync, i in found),
    )


def roots(entries: Sequence[Entry], format_: Format) -> Iterator[bytes]:
    """The root of each entry of the chain."""
    if format_ is not Format.TABLE:
        return forms.rows(map(_root, entries), format_)
    return forms.table(
        ("ROOT", "ENTRY", "OBSERVED AT"), ((e.root, entry_name(e), stamp_or_dash(e.observed_at)) for e in entries)
    )


def attempt(each: Attempt) -> dict[str, Any]:
    """All that is known of an attempt but its answer."""
    return {
        "attempt": each.id,
        "sync": each.sync,
        "source": each.scope.source,
        "resource": each.scope.resource,
        "params": dict(each.scope.params),
        "requested_at": each.requested_at,
        "received_at": each.received_at,
        "status": each.status,
        "hash": each.answer,
        "size": each.size,
        "error": each.error,
        "headers": each.headers,
    }


def entry_name(entry: Entry) -> str:
    """What an entry of the chain stands for: `sync 12`, `generation 2`, `schema`."""
    if entry.sync is not None:
        return f"sync {entry.sync}"
    return f"generation {entry.generation}" if entry.kind == "generation" else entry.kind


def _sync(line: SyncLine) -> tuple[str, ...]:
    counts = (line.appeared, line.changed, line.disappeared, line.unchanged)
    return (
        str(line.id),
        line.cause.value,
        stamp_or_dash(line.at),
        stamp_or_dash(line.observed_at),
        "archived only" if line.status == ARCHIVED else line.status,
        *("-" if number is None else grouped(number) for number in counts),
        _COMMIT.sub(r"\1", line.version or "-"),
        _errors(line),
    )


def _errors(line: SyncLine) -> str:
    if not line.errors:
        return "-"
    first, more = line.errors[0], len(line.errors) - 1
    return f"attempt {first.attempt}: {first.error}" + (f"; {counted(more, 'more', 'more')}" if more else "")


def _issue(sync: int, issue: Issue) -> dict[str, Any]:
    return {"sync": sync, **forms.plain(issue)}


def _root(entry: Entry) -> dict[str, Any]:
    return {
        "root": entry.root,
        "kind": entry.kind,
        "generation": entry.generation,
        "sync": entry.sync,
        "observed_at": entry.observed_at,
    }
