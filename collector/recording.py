"""From archive to log: what was archived of a sync is extracted and recorded. The network is never asked here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from collector.extract import Body, Extracted, Extractor
from collector.rules import Extraction
from eventstore import Attempt, Cause, EventLog, Issue, Listing, Record, Recorded, Rules, Scope, Status, Sync

TICK = timedelta(milliseconds=1)


class Recording:
    """Records syncs of one record, one after another; remembers how to read each resource's answers.

    `rules`: the rules to read by, by resource address, instead of those that each sync was made under.
    """

    def __init__(
        self, record: Record, *, log: EventLog | None = None, rules: Mapping[str, Rules] | None = None
    ) -> None:
        self._record = record
        self._log = log or record.log
        self._rules = rules or {}
        self._extractors: dict[str, Extractor] = {}

    def record(self, sync: int) -> Recorded:
        """Extract and record a closed sync. Needs the record's `transaction()`."""
        archived = self._record.archive.sync(sync)
        extracted = [] if archived.cause is Cause.RULES else self.extract(archived)
        return self.lay_down(archived, extracted)

    def lay_down(self, sync: Sync, extracted: Iterable[Extracted]) -> Recorded:
        """Record what was extracted for a closed sync."""
        listings: list[Listing] = []
        issues: list[Issue] = []
        whole = asked = 0
        for each in extracted:
            asked += 1
            issues.extend(each.issues)
            if each.listing is not None:
                listings.append(each.listing)
                whole += each.listing.complete
        status = outcome(asked, whole, len(listings), interrupted=sync.interrupted)
        return self._log.record(sync.id, listings, issues=issues, status=status)

    def extract(self, sync: Sync, resource: str | None = None) -> list[Extracted]:
        """Read the archived answers of a sync, scope by scope in the order in which they were asked."""
        scopes: dict[Scope, list[Attempt]] = {}
        for attempt in self._record.archive.attempts(sync.id):
            if resource in {None, address(attempt.scope)}:
                scopes.setdefault(attempt.scope, []).append(attempt)
        return [self.extract_scope(scope, attempts, sync.rules) for scope, attempts in scopes.items()]

    def extract_scope(self, scope: Scope, attempts: Iterable[Attempt], rules: Mapping[str, str]) -> Extracted:
        """Read the archived answers for one scope, under `rules` (hashes by resource) unless others were given."""
        extractor = self._extractor(address(scope), rules)
        return extractor.extract(scope, [self._body(attempt) for attempt in attempts])

    def _body(self, attempt: Attempt) -> Body:
        body = None if attempt.answer is None else self._record.archive.answer(attempt.id)
        return Body(attempt=attempt.id, status=attempt.status, body=body, error=attempt.error)

    def _extractor(self, resource: str, hashes: Mapping[str, str]) -> Extractor:
        given = self._rules.get(resource)
        digest = given.hash if given is not None else hashes[resource]
        if digest not in self._extractors:
            text = given.text if given is not None else self._record.archive.rules_text(digest)
            self._extractors[digest] = Extractor(Extraction.from_rules(text))
        return self._extractors[digest]


def address(scope: Scope) -> str:
    """`SOURCE.RESOURCE` of a scope."""
    return f"{scope.source}.{scope.resource}"


def outcome(asked: int, whole: int, listed: int, *, interrupted: bool) -> Status:
    """How a sync ended that asked for so many scopes, and got so many listings, so many of them complete."""
    if interrupted:
        return Status.PARTIAL
    if whole == asked:
        return Status.SUCCESS
    return Status.PARTIAL if listed else Status.FAILED


def arrival(record: Record, received: datetime) -> datetime:
    """When a sync's answers were in, on a clock that never goes back: at least 1 ms after the head (L2)."""
    head = record.log.position().observed_at
    return received if head is None else max(received, head + TICK)


def recover(record: Record) -> int:
    """Close syncs that were killed, with what had been archived, and record them; return how many there were."""
    unfinished = record.archive.unfinished()
    recording = Recording(record)
    for sync in unfinished:
        attempts = record.archive.attempts(sync.id)
        received = max((attempt.received_at for attempt in attempts), default=sync.opened_at)
        with record.transaction():
            record.archive.close_sync(sync.id, at=arrival(record, received), interrupted=True)
            recording.record(sync.id)
    return len(unfinished)
