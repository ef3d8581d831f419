"""Asking, and archiving what comes: nothing here looks at what an answer says, save for where its next page is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from collector.errors import BadRules
from collector.extraction.extract import Extractor
from collector.narration import narrator
from collector.politeness import Breaker, Manners, reachable
from collector.sources.source import Resource
from collector.syncing.doubt import latest, skew_of
from collector.syncing.report import ResourceReport
from collector.transport import Answer, Transport
from eventstore import JSON, Progress, Record, Request, Rules, Scope

ARCHIVED_TOGETHER: Final = 50  # answers in one transaction: what a kill can lose
ARCHIVED_EVERY: Final = 1.0  # s: slow answers are not kept waiting for others
POLLED_EVERY: Final = 0.1  # s: how soon a sync notices that it is to stop
MOST_PAGES: Final = 10_000  # of one scope: more is an API that counts on forever

_NOT_MODIFIED: Final = 304


class Asking(NamedTuple):
    """What asking depends on. `now` stamps requests and answers; `stop` says that somebody wants it to end."""

    transport: Transport
    manners: Manners
    base_url: str
    now: Callable[[], datetime]
    stop: Callable[[], bool]
    progress: Progress


class Wanted(NamedTuple):
    """A scope to ask for, with the document of its parent where the path looks into that."""

    scope: Scope
    parent: JSON = None


class Fetching:
    """Asks for scopes of one source within one sync, and archives the answers in small batches as they arrive."""

    def __init__(self, record: Record, sync: int, asking: Asking, breaker: Breaker) -> None:
        self._record = record
        self._sync = sync
        self._asking = asking
        self._breaker = breaker
        self._began = time.monotonic()
        self._archived_at = self._began
        self._came: list[tuple[int, Request]] = []  # by place in the plan
        self._skew: int | None = None
        self._probe = asyncio.Lock()
        self.stopped: str | None = None
        self.reports: dict[str, ResourceReport] = {}

    @property
    def skew(self) -> int | None:
        """By how many milliseconds the answers' dates are later than this clock, None where none had any."""
        return self._skew

    async def ask(self, resource: Resource, wanted: Sequence[Wanted]) -> None:
        """Ask for all of these, as many at once as manners allow, until all are asked for or it has to stop."""
        report = self.reports[resource.address] = ResourceReport(planned=len(wanted))
        if self.stopped is not None or not wanted:
            return
        began = time.monotonic()
        self._asking.progress.start(len(wanted), resource.address)
        one = _One(self, resource, report)
        places = list(enumerate(wanted))
        if self._breaker.trying:  # whether the host is back must not hang on one scope that never is
            random.Random(self._sync).shuffle(places)  # noqa: S311 - no secret
        todo = iter(places)
        workers = [asyncio.create_task(self._work(one, todo)) for _ in range(self._asking.manners.concurrency)]
        try:
            await self._watch(workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self.archive()
            report.seconds = round(time.monotonic() - began, 3)

    async def _watch(self, workers: Sequence[asyncio.Task[None]]) -> None:
        """Wait until all is asked for, or it has to stop."""
        pending = set(workers)
        while pending and self.stopped is None:
            done, pending = await asyncio.wait(pending, timeout=POLLED_EVERY)
            for worker in done:
                worker.result()
            self._check()
            if time.monotonic() - self._archived_at > ARCHIVED_EVERY:
                self.archive()

    def _check(self) -> None:
        """Note why it has to stop, if it does."""
        if self._asking.stop():
            self.stopped = self.stopped or "it was told to stop"
        elif time.monotonic() - self._began > self._asking.manners.budget:
            self.stopped = self.stopped or f"its budget of {self._asking.manners.budget:g} s is used up"
        elif self._breaker.open:
            self.stopped = self.stopped or f"{self._breaker.failures} requests in a row failed"

    async def _work(self, one: _One, todo: Iterator[tuple[int, Wanted]]) -> None:
        for place, wanted in todo:
            async with self._probe if self._breaker.trying else contextlib.nullcontext():
                self._check()
                if self.stopped is not None:
                    return
                await one.ask(place, wanted)

    async def answer(self, path: str, scope: Scope, validators: Mapping[str, str]) -> Answer:
        """Ask once, and tell the breaker."""
        answer = await self._asking.transport.ask(path, dict(scope.params), validators=validators)
        if answer.tries:  # what was never sent says nothing of the host
            self._breaker.note(reachable(answer), self._asking.now())
        return answer

    def arrived(self, place: int, request: Request) -> None:
        """Take in what came of a request; archive it with others."""
        self._skew = latest((self._skew, skew_of(request.headers, received_at=request.received_at)))
        self._came.append((place, request))
        if len(self._came) >= ARCHIVED_TOGETHER:
            self.archive()

    def archive(self) -> None:
        """Archive what has arrived since the last time, in the order of the plan: so it takes less space."""
        self._archived_at = time.monotonic()
        came, self._came = sorted(self._came, key=lambda each: each[0]), []
        if not came:
            return
        known = self._record.archive.news
        with self._record.transaction():
            self._record.archive.add(self._sync, [request for _, request in came])
        self.fresh += self._record.archive.news - known
        failed = sum(report.failed for report in self.reports.values())
        self._asking.progress.note(f"{self.fresh} new, {failed} failed" if failed else f"{self.fresh} new")

    fresh = 0
    """Answers that are not what their scope brought before."""

    def requests_of(
        self, resource: Resource, rules: Rules, wanted: Wanted
    ) -> tuple[str, Mapping[str, str], int | None]:
        """Path, headers of a conditional request, and the attempt whose answer a 304 would confirm.

        Validators are those of the last complete answer that was applied under the present rules. Raises `BadRules`.
        """
        path = resource.request(dict(wanted.scope.params), wanted.parent)
        archive = self._record.archive
        settled = None
        if resource.extraction.next is None:
            settled = self._record.log.settled(wanted.scope, rules)
        last = None if settled is None else archive.last_asked(wanted.scope)
        if settled is None or last is None:
            return path, {}, None
        same = last.attempt != settled and archive.same_answer(wanted.scope, settled, last.attempt)
        validators = archive.validators(last.attempt) if same else {}
        return path, validators or archive.validators(settled), settled

    @property
    def asking(self) -> Asking:
        """What asking depends on."""
        return self._asking


class _One:
    """Asks for one scope of a resource after another."""

    def __init__(self, fetching: Fetching, resource: Resource, report: ResourceReport) -> None:
        self._fetching = fetching
        self._resource = resource
        self._report = report
        self._extractor = Extractor(resource.extraction)
        self._rules = resource.extraction.rules  # hashed once, and not for each scope
        self._log = narrator(sync=fetching._sync, resource=resource.address)  # noqa: SLF001 - of one module

    async def ask(self, place: int, wanted: Wanted) -> None:
        """Ask for all pages of a scope."""
        scope = wanted.scope
        try:
            path, validators, confirms = self._fetching.requests_of(self._resource, self._rules, wanted)
        except BadRules as error:  # a key that an API gave, and that would lead elsewhere: nothing is asked
            self._refused(place, scope, str(error))
            return
        seen = {path}
        following: str | None = path
        while following is not None:
            answer = await self._page(place, scope, following, validators, confirms)
            following = self._next(place, scope, following, answer, seen)
            validators, confirms = {}, None

    async def _page(
        self, place: int, scope: Scope, path: str, validators: Mapping[str, str], confirms: int | None
    ) -> Answer:
        asking = self._fetching.asking
        requested_at = asking.now()
        answer = await self._fetching.answer(path, scope, validators)
        error = _error(answer, self._resource.extraction.empty_on, conditional=bool(validators))
        self._count(scope, answer, error)
        request = Request(
            scope,
            requested_at,
            max(asking.now(), requested_at),
            answer.status,
            answer.body,
            error,
            dict(answer.headers),
            answer.url,
            answer.tries,
            confirms if answer.status == _NOT_MODIFIED and error is None else None,
        )
        self._fetching.arrived(place, request)
        return answer if error is None else Answer(answer.params, answer.status, None, error)

    def _count(self, scope: Scope, answer: Answer, error: str | None) -> None:
        self._fetching.asking.progress.advance()
        report = self._report
        report.asked += 1
        report.failed += error is not None
        report.unchanged += answer.status == _NOT_MODIFIED and error is None
        report.bytes += len(answer.body or b"")
        key = ",".join(value for _, value in scope.params)
        if error is not None:
            self._log.warning("request failed", key=key, url=answer.url, status=answer.status, error=error,
                              tries=answer.tries)  # fmt: skip
        else:
            self._log.debug("answered", key=key, status=answer.status, bytes=len(answer.body or b""))

    def _refused(self, place: int, scope: Scope, error: str) -> None:
        self._count(scope, Answer({}, None, None, tries=0), error)
        now = self._fetching.asking.now()
        self._fetching.arrived(place, Request(scope, now, now, error=error, tries=0))

    def _next(self, place: int, scope: Scope, path: str, answer: Answer, seen: set[str]) -> str | None:
        """The path of the next page, None after the last one."""
        if self._resource.extraction.next is None or answer.body is None:
            return None
        value = self._extractor.following(answer.body)
        try:
            following = self._resource.following(path, value, self._fetching.asking.base_url)
        except BadRules as error:
            self._refused(place, scope, f"the next page cannot be asked for: {error}")
            return None
        if following is not None and (following in seen or len(seen) >= MOST_PAGES):
            self._refused(place, scope, f"the pages go round in circles, or on forever: {len(seen)} so far")
            return None
        seen.add(following or "")
        return following


def _error(answer: Answer, empty_on: Sequence[int], *, conditional: bool) -> str | None:
    """Why an answer is none: what the transport says, or a status that means neither success nor emptiness."""
    status = answer.status
    if answer.error is not None or status is None:
        return answer.error or "no answer came"
    if status == _NOT_MODIFIED:
        return None if conditional else "status 304, though nothing was said to be known"
    if 200 <= status < 300 or status in empty_on:  # noqa: PLR2004 - 2xx, RFC 9110
        return None
    return f"status {status}"
