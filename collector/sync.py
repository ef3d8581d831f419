"""A sync: ask for every scope of a source's resources, archive everything first, then record it in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from collector.errors import BadRules
from collector.paths import request_path
from collector.recording import Recording, arrival, recover
from collector.reruling import take_up
from collector.source import Resource, Source
from collector.transport import Answer, Transport
from eventstore import Cause, Record, Recorded, Request, Scope, UnknownCategory

ARCHIVED_TOGETHER: Final = 50  # answers in one transaction: what a kill can lose


class Synced(msgspec.Struct, frozen=True):
    """What a sync did. `recorded` is None while its rules wait for a rebuild."""

    sync: int
    asked: int
    failed: int
    recorded: Recorded | None


def sync_source(record: Record, source: Source, transport: Transport, *, now: Callable[[], datetime]) -> Synced:
    """Ask for all that a source's resources name, parents before children; archive and record what comes.

    `now` is the clock that stamps requests and answers (aware, UTC). Raises errors of eventstore; that a request
    failed is no error, it is archived.
    """
    recover(record)
    waiting = [resource for resource in source.resources if not take_up(record, resource)]
    resources = [resource for resource in parents_first(source.resources) if resource.path is not None]
    running = _Sync(record, transport, now, resources)
    for resource in resources:
        running.ask(resource)
    return running.finish(recordable=not waiting)


class _Sync:
    def __init__(
        self, record: Record, transport: Transport, now: Callable[[], datetime], resources: Sequence[Resource]
    ) -> None:
        self._record = record
        self._transport = transport
        self._now = now
        self._recording = Recording(record)
        self._resources = {resource.extraction.category: resource for resource in resources}
        self._asked = self._failed = 0
        with record.transaction():
            self._id = record.archive.open_sync(
                Cause.SYNC,
                opened_at=now(),
                rules={resource.address: resource.extraction.rules for resource in resources},
                plan={"resources": [resource.address for resource in resources]},
            )

    def ask(self, resource: Resource) -> None:
        scopes = resource.scopes(self._parents(resource))
        for start in range(0, len(scopes), ARCHIVED_TOGETHER):
            requests = [self._request(resource, scope) for scope in scopes[start : start + ARCHIVED_TOGETHER]]
            with self._record.transaction():
                self._record.archive.add(self._id, requests)

    def finish(self, *, recordable: bool) -> Synced:
        with self._record.transaction():
            self._record.archive.close_sync(self._id, at=arrival(self._record, self._now()))
            recorded = self._recording.record(self._id) if recordable else None
        return Synced(self._id, self._asked, self._failed, recorded)

    def _request(self, resource: Resource, scope: Scope) -> Request:
        requested_at = self._now()
        answer = self._answer(resource, dict(scope.params))
        self._asked += 1
        self._failed += answer.error is not None
        return Request(scope, requested_at, self._now(), answer.status, answer.body, answer.error, dict(answer.headers))

    def _answer(self, resource: Resource, params: dict[str, str]) -> Answer:
        try:
            return self._transport.ask(request_path(resource.path or "", params), params)
        except BadRules as error:  # a key that an API gave, and that would lead elsewhere: nothing is asked
            return Answer(params, None, None, error=str(error))

    def _parents(self, resource: Resource) -> list[str]:
        """The keys of the parent category that are live, or were listed just now."""
        category = resource.extraction.for_each
        if category is None:
            return []
        keys = set(self._just_listed(category))
        with contextlib.suppress(UnknownCategory):  # nothing of it was ever recorded
            keys.update(self._record.log.catalogue(f"{resource.source}.{category}"))
        return sorted(keys)

    def _just_listed(self, category: str) -> Iterator[str]:
        sync = self._record.archive.sync(self._id)
        parent = self._resources.get(category)
        if parent is None:
            return
        for extracted in self._recording.extract(sync, parent.address):
            if extracted.listing is not None:
                yield from (item.key for item in extracted.listing.items)


def parents_first(resources: Sequence[Resource]) -> list[Resource]:
    """Resources in an order in which each comes after the one that yields the category it is asked for each of."""
    owners = {category: each for each in resources for category in each.extraction.categories}
    ordered: list[Resource] = []

    def add(resource: Resource) -> None:
        parent = owners.get(resource.extraction.for_each or "")
        if parent is not None and parent not in ordered:
            add(parent)
        if resource not in ordered:
            ordered.append(resource)

    for resource in resources:
        add(resource)
    return ordered
