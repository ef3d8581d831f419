"""A change of rules is not a change of the world: what it does to the log is laid down as a sync of its own."""

from __future__ import annotations

from collector.extract import Extracted
from collector.recording import TICK, Recording
from collector.rules import Extraction
from collector.source import Resource
from eventstore import CategoryTaken, Cause, Record, Scope


def take_up(record: Record, resource: Resource) -> bool:
    """Make a resource's rules those that its next syncs go by; return whether these can be recorded.

    Where they changed, each scope's last answer is read again and the differences laid down as a sync of cause
    `rules`. Rules that give entities other keys cannot follow what is recorded: what is archived under them waits for
    `rebuild_log`. Raises `CategoryTaken`.
    """
    _check_categories(record, resource)
    known = record.archive.rules(resource.address)
    rules = resource.extraction.rules
    if known is not None and known.hash != rules.hash:
        _change(record, resource, same_keys=_same_keys(Extraction.from_rules(known.text), resource.extraction))
    return not _waiting(record, resource.address)


def _check_categories(record: Record, resource: Resource) -> None:
    """Raise `CategoryTaken` before anything is archived that could never be recorded."""
    owners = {(each.source, each.name): each.resource for each in record.log.categories()}
    for name in resource.extraction.categories:
        owner = owners.get((resource.source, name), resource.name)
        if owner != resource.name:
            raise CategoryTaken(f"category {name} of {resource.source} belongs to its resource {owner}")


def _same_keys(before: Extraction, after: Extraction) -> bool:
    return (before.key, before.category, before.for_each) == (after.key, after.category, after.for_each)


def _waiting(record: Record, resource: str) -> bool:
    changes = list(record.archive.syncs(cause=Cause.RULES))
    recorded = record.log.recorded_syncs() if changes else frozenset()
    return any(sync.id not in recorded and resource in sync.rules for sync in changes)


def _change(record: Record, resource: Resource, *, same_keys: bool) -> None:
    # after everything that was archived under the rules before, recorded or not
    times = (record.log.position().observed_at, record.archive.last_at())
    at = max(time for time in times if time is not None) + TICK
    with record.transaction():
        rules = {resource.address: resource.extraction.rules}
        sync = record.archive.open_sync(Cause.RULES, opened_at=at, rules=rules, plan={"rules": resource.address})
        record.archive.close_sync(sync, at=at)
        if same_keys:
            _record(record, sync, resource)


def _record(record: Record, sync: int, resource: Resource) -> None:
    recording = Recording(record)
    archived = record.archive.sync(sync)
    extracted: list[Extracted] = []
    for number in record.archive.last_attempts(resource.source, resource.name):
        attempt = record.archive.attempt(number)
        if not _retired(record, attempt.scope, resource.extraction):
            extracted.append(recording.extract_scope(attempt.scope, [attempt], archived.rules))
    recording.lay_down(archived, extracted)


def _retired(record: Record, scope: Scope, extraction: Extraction) -> bool:
    """Whether a scope's parent is gone: then its last answer speaks of what is gone too."""
    parent = dict(scope.params).get(extraction.for_each or "")
    if parent is None or extraction.for_each is None:
        return False
    known = [
        each for each in record.log.categories() if (each.source, each.name) == (scope.source, extraction.for_each)
    ]
    return bool(known) and parent not in record.log.catalogue(known[0].address)
