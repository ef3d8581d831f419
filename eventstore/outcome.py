"""How a sync ended, for each resource and as a whole: a pure function of what was planned, asked and listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from eventstore.canonical import JSON
from eventstore.fold import Decision, Seen
from eventstore.model import Cause, Result, Scope, Status

ASKING: Final = frozenset({Cause.SYNC, Cause.IMPORT})


def results(
    resources: Iterable[str],
    *,
    asked: Mapping[str, int],
    seen: Sequence[Seen],
    repeated: Iterable[Scope],
    interrupted: bool = False,
) -> list[Result]:
    """Say for each resource how a sync ended that was to ask for so many of its scopes."""
    listed = Counter(address(each.listing.scope) for each in seen)
    complete = Counter(address(each.listing.scope) for each in seen if each.listing.complete)
    for scope in repeated:
        listed[address(scope)] += 1
        complete[address(scope)] += 1
    found = [
        Result(
            resource,
            _status(asked.get(resource, 0), listed[resource], complete[resource], interrupted=interrupted),
            asked.get(resource, 0),
            listed[resource],
            complete[resource],
        )
        for resource in sorted(resources)
    ]
    if any(each.status is Status.FAILED for each in found):
        # what there was to ask for, nobody could say: that is no success
        found = [each if each.asked or each.listed else replace(each, status=Status.FAILED) for each in found]
    return found


def whole(found: Sequence[Result], *, interrupted: bool = False) -> Status:
    """How the sync ended as a whole."""
    asked, listed = sum(each.asked for each in found), sum(each.listed for each in found)
    return _status(asked, listed, sum(each.complete for each in found), interrupted=interrupted)


def planned(report: JSON, attempted: Iterable[Scope]) -> dict[str, int]:
    """How many scopes of each resource were to be asked for: as was reported, and at least those that were."""
    found: dict[str, int] = Counter(address(scope) for scope in set(attempted))
    reported = report.get("resources", {}) if isinstance(report, dict) else {}
    for resource, said in reported.items():
        found[resource] = max(found[resource], said.get("planned", 0))
    return found


def with_doubts(found: Sequence[Result], decision: Decision, seen: Sequence[Seen]) -> list[Result]:
    """Add to each resource's result how much of what it yields was not believed to be gone."""
    owners = {
        (each.listing.scope.source, category): address(each.listing.scope)
        for each in seen
        for category in each.listing.categories
    }
    doubted = Counter(owners[entity[:2]] for entity in decision.doubted)
    return [
        Result(
            r.resource,
            Status.PARTIAL if doubted[r.resource] and r.status is Status.SUCCESS else r.status,
            r.asked,
            r.listed,
            r.complete,
            doubted[r.resource],
        )
        for r in found
    ]


def address(scope: Scope) -> str:
    """`SOURCE.RESOURCE` of a scope."""
    return f"{scope.source}.{scope.resource}"


def _status(asked: int, listed: int, complete: int, *, interrupted: bool) -> Status:
    if interrupted:
        return Status.PARTIAL
    if complete >= asked:
        return Status.SUCCESS
    return Status.PARTIAL if listed else Status.FAILED
