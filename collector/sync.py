"""A sync: plan, ask and archive everything first, parents before children; then record it in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from collector.errors import BadRules, BadSource, UnknownResource
from collector.extraction.readers import load_function
from collector.narration import about, narrator
from collector.politeness import Manners
from collector.recording import Recording, arrival
from collector.recovery import recover
from collector.reruling import take_up
from collector.sources.headers import filled
from collector.sources.source import Resource, Source
from collector.syncing.doubt import accepted_skew, doubt
from collector.syncing.fetching import Asking, Fetching, Wanted
from collector.syncing.report import SyncReport
from collector.syncing.scopes import breaker_of, candidates, check_only, chosen, parents_first
from collector.transport import Transport
from eventstore import JSON, Attempt, Cause, Change, Issue, Progress, Record, Recorded, Scope, Silent

_SET_IT: Final = "set it in the environment of the command, or of the service that runs it"
_POINTER_IN_PATH: Final = "{/"


class Synced(msgspec.Struct, frozen=True):
    """What a sync did: requests, how many failed, and what it came to.

    `recorded` is None while its rules wait for a rebuild, or its clock for a verdict.
    """

    sync: int
    asked: int
    failed: int
    recorded: Recorded | None
    report: SyncReport


class Choice(msgspec.Struct, frozen=True):
    """What of a source to ask: these of its resources (None: all), `only` what concerns a key, only what is `due`."""

    resources: Collection[str] | None = None
    only: str | None = None
    due: bool = False


class Planned(msgspec.Struct, frozen=True):
    """A request that a sync would make: its resource, the parameters of its scope, and what it would ask for.

    `asked_at` is when that was done last, None for never.
    """

    resource: str
    params: Mapping[str, str]
    url: str
    asked_at: datetime | None


ALL: Final = Choice()


def sync_source(  # noqa: PLR0913  # what a sync depends on, each with its own default
    record: Record,
    source: Source,
    *,
    now: Callable[[], datetime],
    choice: Choice = ALL,
    transport: Transport | None = None,
    environment: Mapping[str, str] | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
) -> Synced | None:
    """Ask for what is chosen of a source, parents before children; archive and record what comes.

    None where nothing was to be asked: then nothing is written. `now` is the clock that stamps requests and answers
    (aware, UTC). `transport` asks, otherwise HTTP does, with the source's headers filled in from `environment`. `stop`
    is asked again and again: once it says so nothing more is asked, and the sync is closed with what has arrived.
    Raises errors of eventstore, `BadSource`, `UnknownResource`, `UnknownScope`, `NoFunction`; that a request failed is
    none.
    """
    recover(record)
    resources = _resources(source, choice)
    if choice.only is not None:
        check_only(record, source, resources, choice.only, now())
    if choice.due and not any(_due(record, each, now()) for each in resources):
        return None
    manners = manners_of(source)
    if transport is None:
        transport = http_transport(source, manners, environment or {})
    for resource in resources:
        if resource.extraction.extract is not None:
            load_function(resource.extraction.extract)  # before anything is asked that could not be read
    waiting = [resource for resource in resources if not take_up(record, resource)]
    asking = Asking(transport, manners, source.base_url or "", now, stop, progress or Silent())
    running = _Sync(record, source, resources, choice, asking)
    return running.run(recordable=not waiting)


def plan_sync(record: Record, source: Source, *, now: datetime, choice: Choice = ALL) -> Iterator[Planned]:
    """Say what a sync would ask for, as far as the record tells. Writes nothing. Raises as `sync_source` does.

    Children of parents that are yet to be listed are not among it.
    """
    resources = _resources(source, choice)
    if choice.only is not None:
        check_only(record, source, resources, choice.only, now)
    for resource in resources:
        scopes = candidates(record, resource, now=now)
        wanted = chosen(scopes, resource, only=choice.only, due=choice.due, now=now)
        for each in _wanted(record, resource, wanted, {}):
            last = scopes[each.scope]
            params = dict(each.scope.params)
            url = (source.base_url or "").rstrip("/") + resource.request(params, each.parent)
            yield Planned(resource.address, params, url, None if last is None else last.opened_at)


def rehearse(record: Record, source: Source, *, now: Callable[[], datetime], **how: Any) -> Rehearsed:
    """Do all that `sync_source` does, and take it back: what it would have recorded.

    The record is not changed. Nobody else can write into it meanwhile.
    """
    found = Rehearsed()
    try:
        with record.transaction():
            found = _rehearsed(record, sync_source(record, source, now=now, **how))
            raise _TakenBack  # noqa: TRY301 - only an exception takes a transaction back
    except _TakenBack:
        return found


def _rehearsed(record: Record, synced: Synced | None) -> Rehearsed:
    if synced is None:
        return Rehearsed()
    return Rehearsed(
        synced,
        tuple(record.log.changes(after=record.log.seq_before(synced.sync))),
        tuple(each for each in record.archive.attempts(synced.sync) if each.error is not None),
        tuple(issue for _, issue in record.log.issues(sync=synced.sync)),
    )


class Rehearsed(msgspec.Struct, frozen=True):
    """What a sync would have done (None: nothing was to be asked): its changes, requests that failed, and issues."""

    synced: Synced | None = None
    changes: tuple[Change, ...] = ()
    failed: tuple[Attempt, ...] = ()
    issues: tuple[Issue, ...] = ()


class _TakenBack(Exception):
    """Ends a transaction without leaving anything of it."""


def manners_of(source: Source) -> Manners:
    """How a source wants its host to be treated; what it does not say is as usual."""
    said: dict[str, float | int | None] = {
        "concurrency": source.concurrency,
        "rate": source.rate,
        "timeout": None if source.timeout is None else source.timeout.total_seconds(),
        "patience": None if source.patience is None else source.patience.total_seconds(),
        "budget": None if source.budget is None else source.budget.total_seconds(),
        "retries": source.retries,
        "max_bytes": source.max_bytes,
    }
    return msgspec.convert({name: value for name, value in said.items() if value is not None}, Manners)


def http_transport(source: Source, manners: Manners, environment: Mapping[str, str]) -> Transport:
    """Make the transport that asks a source's host. Raises `BadSource`, `BadRules`, `TransportError`."""
    from collector.transport.http import HttpTransport  # noqa: PLC0415  # 60 ms that only asking needs

    if source.base_url is None:
        message = f"{source.name} says of no host where to ask"
        raise BadSource(message, file=source.name, path="source.base_url", hint='write base_url = "https://…"')
    try:
        headers = filled(source.headers, environment)
    except BadRules as error:
        raise BadSource(error.reason, file=source.name, path=error.field, hint=error.hint or _SET_IT) from None
    return HttpTransport(source.base_url, headers=headers, manners=manners)


class _Sync:
    def __init__(
        self, record: Record, source: Source, resources: Sequence[Resource], choice: Choice, asking: Asking
    ) -> None:
        self._record = record
        self._source = source
        self._resources = resources
        self._choice = choice
        self._asking = asking
        self._recording = Recording(record)
        self._began = time.monotonic()
        self._breaker = breaker_of(record, source)
        plan: dict[str, JSON] = {"url": source.base_url, "paths": {each.address: each.path for each in resources}}
        if choice.only is not None:
            plan["only"] = choice.only
        if choice.due:
            plan["due"] = True
        with record.transaction():
            self._id = record.archive.open_sync(
                Cause.SYNC,
                opened_at=asking.now(),
                rules={resource.address: resource.extraction.rules for resource in resources},
                plan=plan,
            )
        self._log = narrator(sync=self._id)

    def run(self, *, recordable: bool) -> Synced:
        self._log.info("sync began", resources=[resource.address for resource in self._resources])
        with about(sync=self._id):
            fetching = asyncio.run(self._fetch())
            synced = self._finish(fetching, recordable=recordable)
        self._tell(synced)
        return synced

    async def _fetch(self) -> Fetching:
        fetching = Fetching(self._record, self._id, self._asking, self._breaker)
        try:
            for resource in self._resources:
                await fetching.ask(resource, self._wanted(resource))
        finally:
            await self._asking.transport.aclose()
        return fetching

    def _wanted(self, resource: Resource) -> list[Wanted]:
        now = self._asking.now()
        listed = self._just_listed(resource)
        scopes = candidates(self._record, resource, now=now, listed=listed)
        wanted = chosen(scopes, resource, only=self._choice.only, due=self._choice.due, now=now)
        return _wanted(self._record, resource, wanted, listed)

    def _just_listed(self, resource: Resource) -> dict[str, JSON]:
        """The parents that this sync listed, with their documents."""
        owners = {category: each for each in self._resources for category in each.extraction.categories}
        category = resource.extraction.for_each
        parent = owners.get(category or "")
        if parent is None:
            return {}
        found: dict[str, JSON] = {}
        for extracted in self._recording.extract(self._record.archive.sync(self._id), parent.address):
            for item in () if extracted.listing is None else extracted.listing.items:
                found.update((item.key, document.value) for name, document in item.parts if name == category)
        return found

    def _finish(self, fetching: Fetching, *, recordable: bool) -> Synced:
        with self._record.transaction():
            at = self._asking.now()
            head = self._record.log.position().observed_at
            accepted = accepted_skew(self._record, self._source.name)
            in_doubt = doubt(fetching.skew, accepted=accepted, closed_at=at, head=head)
            report = SyncReport(
                round(time.monotonic() - self._began, 3),
                urlsplit(self._source.base_url or "").hostname,
                fetching.reports,
                fetching.stopped,
                in_doubt,
            )
            closed_at = at if in_doubt else arrival(self._record, at)
            self._record.archive.close_sync(self._id, at=closed_at, report=report.json)
            recorded = self._recording.record(self._id) if recordable and not in_doubt else None
        asked = sum(each.asked for each in report.resources.values())
        failed = sum(each.failed for each in report.resources.values())
        return Synced(self._id, asked, failed, recorded, report)

    def _tell(self, synced: Synced) -> None:
        done = synced.recorded
        counts = (
            {}
            if done is None
            else {
                "status": done.status.value,
                "appeared": done.appeared,
                "changed": done.changed,
                "disappeared": done.disappeared,
                "issues": done.issues,
            }
        )
        why = {"stopped": synced.report.stopped} if synced.report.stopped else {}
        doubts = {"clock": synced.report.doubt} if synced.report.doubt else {}
        self._log.info(
            "sync ended", asked=synced.asked, failed=synced.failed, seconds=synced.report.seconds, **counts, **why,
            **doubts
        )  # fmt: skip


def _resources(source: Source, choice: Choice) -> list[Resource]:
    """The chosen resources that can be asked, parents first."""
    for name in choice.resources or ():
        source.resource(name)
    able = [
        each
        for each in parents_first(source.resources)
        if each.path is not None and (choice.resources is None or each.name in choice.resources)
    ]
    if not able:
        message = f"{source.name} has nothing that can be asked for"
        raise UnknownResource(message, choices=tuple(each.address for each in source.resources if each.path))
    return able


def _due(record: Record, resource: Resource, now: datetime) -> bool:
    return bool(chosen(candidates(record, resource, now=now), resource, only=None, due=True, now=now))


def _wanted(record: Record, resource: Resource, scopes: Sequence[Scope], listed: Mapping[str, JSON]) -> list[Wanted]:
    """Scopes with the documents of their parents, where the path looks into these."""
    category = resource.extraction.for_each
    if category is None or _POINTER_IN_PATH not in (resource.path or ""):
        return [Wanted(scope) for scope in scopes]
    documents: dict[str, JSON] = record.log.live_documents(f"{resource.source}.{category}")
    documents.update(listed)
    return [Wanted(scope, documents.get(dict(scope.params)[category])) for scope in scopes]
