"""From archive to log: what was archived of a sync is extracted and recorded. The network is never asked here."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from collector.extraction.extract import Body, Extracted, Extractor
from collector.sources.rules import Extraction
from eventstore import (
    Attempt,
    Cause,
    EventLog,
    Issue,
    Listing,
    Record,
    Recorded,
    Repeat,
    Rules,
    Scope,
    Sync,
    UnknownSync,
    summary_listing,
)

TICK = timedelta(milliseconds=1)


class Read(msgspec.Struct):
    """What was read of a sync: listings, answers that say what they said before, and issues."""

    listings: list[Listing] = []
    repeats: list[Repeat] = []
    issues: list[Issue] = []


class Recording:
    """Records syncs of one record, one after another; remembers how to read each resource's answers.

    `rules`: the rules to read by, by resource address, instead of those that each sync was made under.
    """

    def __init__(
        self, record: Record, *, log: EventLog | None = None, rules: Mapping[str, Rules] | None = None
    ) -> None:
        self._record = record
        self._log = log or record.log
        self._given = rules or {}
        self._rules: dict[str, Rules] = {}  # by hash
        self._extractors: dict[str, Extractor] = {}

    def record(self, sync: int) -> Recorded:
        """Extract and record a closed sync. Needs the record's `transaction()`."""
        archived = self._record.archive.sync(sync)
        read = Read()
        if archived.cause is Cause.VERDICT:
            read = self._accepted(archived)
        elif archived.cause is Cause.SUMMARY:
            read = self._summed(archived)
        elif archived.cause is not Cause.RULES:
            read = self.read(archived)
        believed = archived.cause is Cause.VERDICT
        return self._log.record(archived.id, read.listings, repeats=read.repeats, issues=read.issues, believed=believed)

    def lay_down(self, sync: Sync, extracted: Iterable[Extracted]) -> Recorded:
        """Record what was extracted for a closed sync."""
        read = Read()
        for each in extracted:
            read.issues.extend(each.issues)
            if each.listing is not None:
                read.listings.append(each.listing)
        return self._log.record(sync.id, read.listings, issues=read.issues)

    def read(self, sync: Sync) -> Read:
        """Read the archived answers of a sync, scope by scope in the order in which they were asked."""
        read = Read()
        for scope, attempts in self._by_scope(sync).items():
            if self._says_the_same(scope, attempts, sync):
                again = functools.partial(self._read_again, scope, attempts, sync)
                read.repeats.append(Repeat(scope, attempts[0].id, again))
                continue
            extracted = self.extract_scope(scope, attempts, sync.rules, guarded=sync.cause is Cause.SYNC)
            read.issues.extend(extracted.issues)
            if extracted.listing is not None:
                read.listings.append(extracted.listing)
        return read

    def extract(self, sync: Sync, resource: str) -> list[Extracted]:
        """Read the archived answers of a sync for one resource, scope by scope."""
        scopes = self._by_scope(sync, resource)
        return [self.extract_scope(scope, attempts, sync.rules) for scope, attempts in scopes.items()]

    def extract_scope(
        self, scope: Scope, attempts: Iterable[Attempt], rules: Mapping[str, str], *, guarded: bool = False
    ) -> Extracted:
        """Read the archived answers for one scope, under `rules` (hashes by resource) unless others were given.

        `guarded`: that too much disappears at once is to be doubted.
        """
        extractor = self._extractor(self._rules_of(address(scope), rules))
        bodies = [self._body(attempt) for attempt in attempts]
        extracted = extractor.extract(scope, bodies)
        if extracted.listing is None:
            return extracted
        share = extractor.rules.implausible
        listing = msgspec.structs.replace(
            extracted.listing, implausible=share if guarded and share != "off" else None, single=len(bodies) == 1
        )
        return Extracted(listing, extracted.issues)

    def _by_scope(self, sync: Sync, resource: str | None = None) -> dict[Scope, list[Attempt]]:
        scopes: dict[Scope, list[Attempt]] = {}
        for attempt in self._record.archive.attempts(sync.id):
            if resource in {None, address(attempt.scope)}:
                scopes.setdefault(attempt.scope, []).append(attempt)
        return scopes

    def _says_the_same(self, scope: Scope, attempts: list[Attempt], sync: Sync) -> bool:
        if len(attempts) != 1 or attempts[0].answer is None or attempts[0].error is not None:
            return False
        before = self._log.settled(scope, self._rules_of(address(scope), sync.rules))
        return before is not None and self._record.archive.same_answer(scope, before, attempts[0].id)

    def _read_again(self, scope: Scope, attempts: list[Attempt], sync: Sync) -> Listing:
        """Read an answer that says what it said before, as another listing shows what it holds."""
        listing = self.extract_scope(scope, attempts, sync.rules, guarded=sync.cause is Cause.SYNC).listing
        if listing is None:
            raise UnknownSync(f"what {scope} said once cannot be read any more")
        return listing

    def _summed(self, sync: Sync) -> Read:
        """Read what was summed up of a day."""
        attempts = self._record.archive.attempts(sync.id)
        return Read([summary_listing(each.scope, each.id, self._record.archive.answer(each.id)) for each in attempts])

    def _accepted(self, verdict: Sync) -> Read:
        """Read once more what a sync brought whose disappearances a person believes, where nothing newer is known."""
        accepted = verdict.plan.get("accept")
        read = Read()
        if accepted is None or not verdict.rules:
            return read
        sync = self._record.archive.sync(accepted)
        for scope, attempts in self._by_scope(sync).items():
            if self._log.last_listed_in(scope) == accepted and address(scope) in verdict.rules:
                extracted = self.extract_scope(scope, attempts, verdict.rules)
                if extracted.listing is not None:
                    read.listings.append(extracted.listing)
        return read

    def _body(self, attempt: Attempt) -> Body:
        archive = self._record.archive
        body = None if attempt.answer is None else archive.answer(attempt.id)
        status = attempt.status if attempt.error is not None else archive.status(attempt.id)
        return Body(attempt.id, status, body, attempt.error, attempt.requested_at)

    def _rules_of(self, resource: str, hashes: Mapping[str, str]) -> Rules:
        given = self._given.get(resource)
        if given is not None:
            return given
        digest = hashes[resource]
        if digest not in self._rules:
            self._rules[digest] = Rules(digest, self._record.archive.rules_text(digest))
        return self._rules[digest]

    def _extractor(self, rules: Rules) -> Extractor:
        if rules.hash not in self._extractors:
            self._extractors[rules.hash] = Extractor(Extraction.from_rules(rules.text))
        return self._extractors[rules.hash]


def address(scope: Scope) -> str:
    """`SOURCE.RESOURCE` of a scope."""
    return f"{scope.source}.{scope.resource}"


def arrival(record: Record, received: datetime) -> datetime:
    """When a sync's answers were in, on a clock that never goes back: at least 1 ms after the head (L2)."""
    head = record.log.position().observed_at
    return received if head is None else max(received, head + TICK)
