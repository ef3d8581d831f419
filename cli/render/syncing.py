"""What `orlog sync` says: what would be asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from cli.render import forms
from cli.terminal.paper import Paper
from cli.terminal.values import moment
from cli.text import counted, grouped, printable
from collector import Planned, Rehearsed, Source, Synced
from eventstore import JSON, Attempt, Record, Result

ERRORS_SHOWN: Final = 10  # failed requests that people are told of; programs get all


class Failed(msgspec.Struct, frozen=True):
    """A request that failed: of which resource, for which parameters, what was asked for how often, and why it did."""

    resource: str
    params: Mapping[str, str]
    url: str | None
    status: int | None
    tries: int
    error: str


class Ended(msgspec.Struct, frozen=True):
    """What came of a sync.

    `status` is success, partial, failed, or archived: not recorded, for its clock is in doubt or its rules wait for a
    rebuild. Counts are of requests, of entities, and of issues. `stopped` says why not everything was asked for.
    """

    sync: int
    source: str
    status: str
    seconds: float
    asked: int
    failed: int
    appeared: int
    changed: int
    disappeared: int
    unchanged: int
    doubted: int
    issues: int
    stopped: str | None
    doubt: JSON
    resources: tuple[Result, ...]
    errors: tuple[Failed, ...]


def ended(record: Record, source: Source, synced: Synced) -> Ended:
    """Put together what came of a sync."""
    done = synced.recorded
    failures = tuple(_failed(each) for each in record.archive.attempts(synced.sync) if each.error is not None)
    return Ended(
        synced.sync,
        source.name,
        "archived" if done is None else done.status.value,
        synced.report.seconds,
        synced.asked,
        synced.failed,
        0 if done is None else done.appeared,
        0 if done is None else done.changed,
        0 if done is None else done.disappeared,
        0 if done is None else done.unchanged,
        0 if done is None else done.doubted,
        0 if done is None else done.issues,
        synced.report.stopped,
        synced.report.doubt or None,
        () if done is None else done.results,
        failures,
    )


def _failed(attempt: Attempt) -> Failed:
    resource = f"{attempt.scope.source}.{attempt.scope.resource}"
    params = dict(attempt.scope.params)
    return Failed(resource, params, attempt.url, attempt.status, attempt.tries, attempt.error or "")


def table(found: Iterable[Ended], paper: Paper) -> Iterator[bytes]:
    """What came of syncs, for people."""
    for each in found:
        yield "".join(f"{line}\n" for line in _lines(each, paper)).encode()


def _lines(each: Ended, paper: Paper) -> Iterator[str]:
    seconds = f"{each.seconds:.1f} s"
    yield f"sync {each.sync} of {each.source}: {each.status}, {counted(each.asked, 'request')} in {seconds}"
    if each.status != "archived":
        yield (
            f"  {grouped(each.appeared)} appeared, {grouped(each.changed)} changed, {grouped(each.disappeared)} "
            f"disappeared, {grouped(each.unchanged)} unchanged"
        )
    for result in each.resources:
        if result.complete < result.asked or result.doubted:
            yield f"  {result.resource}: {result.status.value}, {_heard(result)}"
    if each.stopped:
        yield f"  stopped: {each.stopped}; what was not asked for is due at once"
    yield from _advice(each)
    for failed in each.errors[:ERRORS_SHOWN]:
        tries = f" after {counted(failed.tries, 'try', 'tries')}" if failed.tries > 1 else ""
        yield paper.dim(f"  {printable(_whereabouts(failed))}: {printable(failed.error)}{tries}")
    if len(each.errors) > ERRORS_SHOWN:
        yield paper.dim(f"  and {len(each.errors) - ERRORS_SHOWN} more; `--format json` has all")


def _whereabouts(failed: Failed) -> str:
    return failed.url or " ".join(failed.params.values()) or failed.resource


def _heard(result: Result) -> str:
    heard = f"{grouped(result.complete)} of {counted(result.asked, 'scope')} listed completely"
    return heard + (f", {grouped(result.doubted)} missing and not believed to be gone" if result.doubted else "")


def _advice(each: Ended) -> Iterator[str]:
    if each.doubted:
        yield f"  if they are gone indeed: `orlog accept {each.sync}`; the next listing that says the same is believed"
    if each.doubt:
        yield "  not recorded, for the clock is in doubt: `orlog status` says why, and what lifts that"
    elif each.status == "archived":
        yield "  not recorded: the key's template has changed; `orlog rebuild log` reads all by the new one"
    if each.issues:
        yield f"  {counted(each.issues, 'issue')}: `orlog issues` lists what could not be taken at its word"


def plan(planned: Sequence[Planned], paper: Paper) -> Iterator[bytes]:
    """What would be asked for, for people."""
    header = ("RESOURCE", "FOR", "LAST ASKED", "URL")
    lines = (
        (p.resource, " ".join(p.params.values()) or "-", "never" if p.asked_at is None else moment(p.asked_at), p.url)
        for p in planned
    )
    return forms.table(header, lines, paper)


def rehearsed(source: str, done: Rehearsed) -> Iterator[str]:
    """What a rehearsal came to, and what was wrong in it."""
    if done.synced is None:
        yield f"{source}: nothing is due"
        return
    for failed in map(_failed, done.failed[:ERRORS_SHOWN]):
        yield f"  {_whereabouts(failed)}: {failed.error}"
    failures = {attempt.id for attempt in done.failed}
    for issue in [each for each in done.issues if each.attempt not in failures][:ERRORS_SHOWN]:
        yield f"  {issue.code}: {issue.message}"
    counts = f"{counted(done.synced.asked, 'request')}, {grouped(done.synced.failed)} failed"
    recorded = done.synced.recorded
    would = "" if recorded is None else f"; it would have been {recorded.status.value}"
    yield f"{source}: {counts}; nothing was written{would}"
