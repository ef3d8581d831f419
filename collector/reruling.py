"""A change of rules is not a change of the world: what it does to the log is laid down as a sync of its own."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from collector.extraction.extract import Extracted
from collector.recording import TICK, Recording
from collector.sources.rules import Extraction
from collector.sources.source import Resource
from eventstore import CategoryTaken, Cause, Record


def take_up(record: Record, resource: Resource) -> bool:
    """Make a resource's rules those that its next syncs go by; return whether these can be recorded.

    Where they changed, each scope's last answer is read again and the differences laid down as a sync of cause
    `rules`; where nothing of the resource is recorded there is nothing to read again. Rules that give entities other
    keys cannot follow what is recorded: what is archived under them waits for `rebuild_log`. Raises `CategoryTaken`.
    """
    _check_categories(record, resource)
    known = record.archive.rules(resource.address)
    rules = resource.extraction.rules
    if known is not None and known.hash != rules.hash:
        recorded = record.log.syncs_asking(resource.address)
        same_keys = _same_keys(Extraction.from_rules(known.text), resource.extraction)
        if recorded:
            _change(record, resource, recorded, same_keys=same_keys and not waiting(record, resource.address))
    return not waiting(record, resource.address)


def waiting(record: Record, address: str) -> bool:
    """Whether what is archived of a resource waits for `rebuild_log`, for its rules give entities other keys."""
    changes = [sync for sync in record.archive.syncs(cause=Cause.RULES) if address in sync.rules]
    recorded = record.log.recorded_syncs() if changes else frozenset()
    return any(sync.id not in recorded for sync in changes)


def _check_categories(record: Record, resource: Resource) -> None:
    """Raise `CategoryTaken` before anything is archived that could never be recorded."""
    owners = {(each.source, each.name): each.resource for each in record.log.categories()}
    for name in resource.extraction.categories:
        owner = owners.get((resource.source, name), resource.name)
        if owner != resource.name:
            raise CategoryTaken(f"category {name} of {resource.source} belongs to its resource {owner}")


def _same_keys(before: Extraction, after: Extraction) -> bool:
    return (before.key, before.category, before.for_each) == (after.key, after.category, after.for_each)


def _change(record: Record, resource: Resource, recorded: Iterable[int], *, same_keys: bool) -> None:
    # after everything that was archived under the rules before, recorded or not
    times = (record.log.position().observed_at, record.archive.last_at())
    at = max(time for time in times if time is not None) + TICK
    with record.transaction():
        rules = {resource.address: resource.extraction.rules}
        sync = record.archive.open_sync(Cause.RULES, opened_at=at, rules=rules, plan={"rules": resource.address})
        record.archive.close_sync(sync, at=at)
        if same_keys:
            _record(record, sync, resource, recorded)


def _record(record: Record, sync: int, resource: Resource, recorded: Iterable[int]) -> None:
    recording = Recording(record)
    archived = record.archive.sync(sync)
    doubted = record.log.doubted(resource.address)
    parents = _parents(record, resource)
    former = _former_categories(record, resource)
    extracted: list[Extracted] = []
    for numbers in record.archive.last_answers(resource.address, recorded):
        attempts = [record.archive.attempt(number) for number in numbers]
        scope = attempts[0].scope
        parent = dict(scope.params).get(resource.extraction.for_each or "")
        if parent is None or parents is None or parent in parents:
            again = recording.extract_scope(scope, attempts, archived.rules)
            extracted.append(_changed(again, former, complete=scope not in doubted))
    recording.lay_down(archived, extracted)


def _changed(extracted: Extracted, former: tuple[str, ...], *, complete: bool) -> Extracted:
    """What an answer says under the new rules: of categories that they yield no more, that nothing is there.

    That so much is gone that it was not believed is no more believable under other rules: not `complete`, then.
    """
    listing = extracted.listing
    if listing is None:
        return extracted
    categories = (*listing.categories, *former)
    changed = msgspec.structs.replace(listing, categories=categories, complete=listing.complete and complete)
    return Extracted(changed, extracted.issues)


def _former_categories(record: Record, resource: Resource) -> tuple[str, ...]:
    """The categories of a resource that its rules yield no more."""
    owned = [each.name for each in record.log.categories() if (each.source, each.resource) == _name(resource)]
    return tuple(name for name in owned if name not in resource.extraction.categories)


def _parents(record: Record, resource: Resource) -> frozenset[str] | None:
    """The live parents of a resource, None where nothing of their category was ever recorded.

    The last answer for one that is gone speaks of what is gone too.
    """
    category = resource.extraction.for_each
    if (resource.source, category) not in {(each.source, each.name) for each in record.log.categories()}:
        return None
    return frozenset(record.log.live_keys(f"{resource.source}.{category}"))


def _name(resource: Resource) -> tuple[str, str]:
    return resource.source, resource.name
