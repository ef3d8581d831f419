"""Syncs, issues, attempts and roots as tables and as what JSON shows of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, Final

from cli.journal import SyncLine
from cli.options import Format
from cli.render import forms
from cli.terminal.paper import PLAIN, Paper
from cli.terminal.values import moment
from cli.text import counted, grouped, printable, stamp_or_dash
from eventstore import Attempt, Entry, Issue

# in a table ten digits are enough to tell commits apart
_COMMIT: Final = re.compile(r"^(git [0-9a-f]{10})[0-9a-f]{30}:.*$", re.DOTALL)


def syncs(lines: Sequence[SyncLine], format_: Format, paper: Paper = PLAIN) -> Iterator[bytes]:
    """Syncs, as they come; in a table each with its errors on a line below."""
    return forms.rows(lines, format_) if format_ is not Format.TABLE else _syncs(lines, paper)


def issues(
    found: Sequence[tuple[int, Issue]], resources: Mapping[int, str], format_: Format, paper: Paper = PLAIN
) -> Iterator[bytes]:
    """Issues with their syncs; `resources` says of which resource each attempt was."""
    if format_ is not Format.TABLE:
        return forms.rows((_issue(sync, issue, resources[issue.attempt]) for sync, issue in found), format_)
    lines = (
        (str(sync), resources[i.attempt], i.code, i.key or "-", i.path or "-", str(i.attempt), i.message)
        for sync, i in found
    )
    return forms.table(("SYNC", "RESOURCE", "CODE", "KEY", "PATH", "ATTEMPT", "MESSAGE"), lines, paper)


def roots(entries: Sequence[Entry], format_: Format, paper: Paper = PLAIN) -> Iterator[bytes]:
    """The root of each entry of the chain."""
    if format_ is not Format.TABLE:
        return forms.rows(map(_root, entries), format_)
    lines = ((e.root, entry_name(e), stamp_or_dash(e.observed_at)) for e in entries)
    return forms.table(("ROOT", "ENTRY", "OBSERVED AT"), lines, paper)


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
        "url": each.url,
        "tries": each.tries,
        "headers": each.headers,
    }


def entry_name(entry: Entry) -> str:
    """What an entry of the chain stands for: `sync 12`, `generation 2`, `schema`."""
    if entry.sync is not None:
        return f"sync {entry.sync}"
    return f"generation {entry.generation}" if entry.kind == "generation" else entry.kind


def _syncs(lines: Sequence[SyncLine], paper: Paper) -> Iterator[bytes]:
    header = ("SYNC", "CAUSE", "AT", "OBSERVED AT", "STATUS", "+", "~", "-", "=", "VERSION")
    # a terminal has 80 columns: what says nothing in any line is left out
    said = {"OBSERVED AT": any(map(_observed_later, lines)), "VERSION": any(line.version for line in lines)}
    shown = [said.get(name, True) for name in header]
    cells = ([*compress(_sync(line), shown)] for line in lines)
    heading, *rows = forms.table([*compress(header, shown)], cells, paper)
    yield heading
    for line, row in zip(lines, rows, strict=True):
        yield row
        if line.errors:
            yield f"      {printable(_errors(line))}\n".encode()


def _observed_later(line: SyncLine) -> bool:
    return line.observed_at is not None and line.observed_at != line.at


def _sync(line: SyncLine) -> tuple[str, ...]:
    counts = (line.appeared, line.changed, line.disappeared, line.unchanged)
    return (
        str(line.id),
        line.cause.value,
        "-" if line.at is None else moment(line.at),
        "-" if line.observed_at is None else moment(line.observed_at),
        line.status,
        *("-" if number is None else grouped(number) for number in counts),
        _COMMIT.sub(r"\1", line.version or "-"),
    )


def _errors(line: SyncLine) -> str:
    first, more = line.errors[0], len(line.errors) - 1
    return f"attempt {first.attempt}: {first.error}" + (f"; {counted(more, 'more', 'more')}" if more else "")


def _issue(sync: int, issue: Issue, resource: str) -> dict[str, Any]:
    return {"sync": sync, "resource": resource, **forms.plain(issue)}


def _root(entry: Entry) -> dict[str, Any]:
    return {
        "root": entry.root,
        "kind": entry.kind,
        "generation": entry.generation,
        "sync": entry.sync,
        "observed_at": entry.observed_at,
    }
