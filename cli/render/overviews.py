"""What `orlog status` prints on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from cli.overview import CategoryLine, Overview, ResourceLine
from cli.render import forms
from cli.terminal.paper import Paper, Style
from cli.terminal.values import moment
from cli.text import counted, grouped, lasting, sized
from eventstore import Sizes, Status

_CLOCK: Final = "clock"  # the alert that keeps syncs out of the log


def table(seen: Overview, paper: Paper) -> Iterator[bytes]:
    """Alerts first, then what is recorded, how each category and resource stands, and how large the parts are."""
    sections = (
        _section(("ALERT", "RESOURCE", "SINCE", "WHAT"), _alerts(seen), paper, Style.REMOVED),
        forms.fields(_summary(seen)),
        _section(*_categories(seen.categories), paper),
        _section(("RESOURCE", "LAST SYNC", "STATUS", "CAUSE", "WATCHED"), map(_resource, seen.resources), paper),
        _section(("STALE", "WHY"), _stale(seen.resources), paper),
        _section(("PART", "SIZE", ""), _sizes(seen), paper),
    )
    between = b""
    for lines in map(list, sections):
        if lines:
            yield between
            yield from lines
            between = b"\n"


def advice(seen: Overview) -> Iterator[str]:
    """What should be done about the record, if anything."""
    for alert in seen.alerts:
        if alert.hint:
            yield f"{alert.code}{f' ({alert.resource})' if alert.resource else ''}: {alert.hint}"
    doubted = seen.syncs.doubted
    if doubted and not any(alert.code == _CLOCK for alert in seen.alerts):
        yield f"{counted(doubted, 'sync')} not recorded, for the clock was in doubt: `orlog accept` lays one down"
    waiting = seen.syncs.archived - doubted
    if waiting:
        them = "it" if waiting == 1 else "them"
        yield f"{counted(waiting, 'sync')} only archived: `orlog rebuild log` lays {them} down"


def _section(
    header: Sequence[str], lines: Iterable[Sequence[str]], paper: Paper, style: Style = Style.PLAIN
) -> Iterator[bytes]:
    """A table under a bold heading; nothing where it has no lines."""
    cells = list(lines)
    if not cells:
        return
    heading, *rows = (line.decode().removesuffix("\n") for line in forms.table(header, cells))
    yield f"{paper.bold(heading)}\n".encode()
    yield from (f"{paper.styled(row, style)}\n".encode() for row in rows)


def _alerts(seen: Overview) -> Iterator[Sequence[str]]:
    return ((a.code, a.resource or "-", _moment(a.since), a.message) for a in seen.alerts)


def _summary(seen: Overview) -> Iterator[tuple[str, str]]:
    yield "data", seen.data
    if seen.first is None or seen.last is None:
        yield "log", "nothing has been recorded yet"
    else:
        yield "log", f"from {moment(seen.first)} to {moment(seen.last)} UTC"
        yield "events", f"{grouped(seen.seq)} (generation {seen.generation})"
    yield "syncs", _syncs(seen)
    if seen.evidence_since is not None:
        yield "evidence", f"all recorded answers are there from {moment(seen.evidence_since)} UTC on"
    if seen.issues:
        yield "issues", grouped(seen.issues)


def _syncs(seen: Overview) -> str:
    parts = [f"{grouped(seen.syncs.recorded)} recorded"]
    if seen.syncs.archived:
        parts.append(f"{grouped(seen.syncs.archived)} only archived")
    if seen.syncs.open:
        parts.append(f"{grouped(seen.syncs.open)} open")
    return ", ".join(parts)


def _categories(found: Sequence[CategoryLine]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Header and lines; since when something is stale is a column only where something is."""
    columns = 5 if any(each.stale for each in found) else 4
    lines = [
        (c.address, grouped(c.live), grouped(c.ever), grouped(c.stale), _moment(c.unconfirmed_since)) for c in found
    ]
    return ("CATEGORY", "LIVE", "EVER", "STALE", "UNCONFIRMED SINCE")[:columns], [line[:columns] for line in lines]


def _resource(line: ResourceLine) -> Sequence[str]:
    cause = "-" if line.cause is None else line.cause.value
    watch = line.watch.value if line.every is None else f"every {lasting(line.every)}"
    return line.resource, _moment(line.at), line.status or "never asked", cause, watch


def _stale(lines: Iterable[ResourceLine]) -> Iterator[Sequence[str]]:
    for line in lines:
        if line.due_since is not None:
            yield line.resource, f"due since {moment(line.due_since)}"
        if line.status == Status.FAILED.value:
            known = f"since {moment(line.complete_at)}" if line.complete_at else "ever"
            yield line.resource, f"no complete listing {known}"


def _sizes(seen: Overview) -> Iterator[Sequence[str]]:
    parts = list(_parts(seen.sizes, seen.answers))
    room = max(len(sized(size)) for _, size, _ in parts)
    return ((name, sized(size).rjust(room), note) for name, size, note in parts)


def _parts(sizes: Sizes, answers: int) -> Iterator[tuple[str, int, str]]:
    yield "answers", sizes.answers, f"{grouped(answers)} different, {sized(sizes.received)} as they came"
    yield "events", sizes.events, ""
    if sizes.sealed:
        yield "sealed", sizes.sealed, "older events, in segments"
    yield "keyframes", sizes.keyframes, ""
    yield "other", sizes.other, "indexes and bookkeeping"
    if sizes.free:
        yield "free", sizes.free, "to be used again"
    if sizes.waiting:
        yield "waiting", sizes.waiting, "in the write-ahead log"
    yield "file", sizes.file, ""


def _moment(instant: datetime | None) -> str:
    return "-" if instant is None else moment(instant)
