"""What `orlog status` prints on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from cli.overview import Overview
from cli.render import forms
from cli.text import counted, grouped, sized, stamp, stamp_or_dash


def table(seen: Overview) -> Iterator[bytes]:
    """A summary, then the categories, then the resources."""
    yield from forms.fields(_summary(seen))
    if seen.categories:
        yield b"\n"
        yield from forms.table(
            ("CATEGORY", "LIVE", "EVER", "RESOURCE"),
            ((c.address, grouped(c.live), grouped(c.ever), f"{c.source}.{c.resource}") for c in seen.categories),
        )
    if seen.resources:
        yield b"\n"
        yield from forms.table(
            ("RESOURCE", "LAST SYNC", "CAUSE", "AT"),
            ((r.resource, str(r.sync), r.cause.value, stamp_or_dash(r.at)) for r in seen.resources),
        )


def advice(seen: Overview) -> str | None:
    """What should be done about the record, if anything."""
    waiting = seen.syncs.archived
    if not waiting:
        return None
    return f"{counted(waiting, 'sync')} only archived: `orlog rebuild log` lays {'it' if waiting == 1 else 'them'} down"


def _summary(seen: Overview) -> Iterator[tuple[str, str]]:
    yield "data", seen.data
    if seen.first is None or seen.last is None:
        yield "log", "nothing has been recorded yet"
    else:
        yield "log", f"from {stamp(seen.first)} to {stamp(seen.last)}"
        yield "events", f"{grouped(seen.seq)} (generation {seen.generation})"
    yield "syncs", _syncs(seen)
    yield "issues", grouped(seen.issues)
    yield (
        "answers",
        f"{grouped(seen.answers)} different ones, {sized(seen.answer_bytes)}, kept in {sized(seen.stored_bytes)}",
    )
    yield "file", sized(seen.file_bytes)


def _syncs(seen: Overview) -> str:
    parts = [f"{grouped(seen.syncs.recorded)} recorded"]
    if seen.syncs.archived:
        parts.append(f"{grouped(seen.syncs.archived)} only archived")
    if seen.syncs.open:
        parts.append(f"{grouped(seen.syncs.open)} open")
    return ", ".join(parts)
