"""What is to be asked: the scopes of a resource, from the record, from what was just listed, and from the clock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from collector.errors import UnknownScope
from collector.politeness import Breaker, answers
from collector.schedule import Asked, Watched, due_scopes
from collector.sources.paths import plain_key
from collector.sources.slices import START, Slices
from collector.sources.source import Resource, Source
from collector.wording import near
from eventstore import Asked as LastAsked
from eventstore import Kind, Record, Scope, UnknownCategory, to_ms

RECENT: Final = 20  # syncs, at most, whose attempts tell whether a host is reachable: one that tries asks once


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


def candidates(
    record: Record, resource: Resource, *, now: datetime, listed: Iterable[str] = ()
) -> dict[Scope, Asked | None]:
    """All scopes that a resource has to be asked for, with when each was last asked (None: never).

    `listed` are parents that were listed just now. Closed slices are left out: what they say was said. Children of a
    parent that appeared after they were asked have to be asked anew. Those longest known come first: scopes that are
    asked in the order in which they are kept take less space.
    """
    scopes, asked = _scopes(record, resource, now=now, listed=listed)
    failures = record.unheard(resource.address)
    appeared = _appeared(record, resource, listed, asked.values())
    found: dict[Scope, Asked | None] = {}
    for scope in scopes:
        last = asked.get(scope)
        returned = last is not None and appeared.get(_parent_of(resource, scope) or "", 0) > last.sync
        found[scope] = None if last is None or returned else Asked(last.opened_at, last.sync, failures.get(scope, 0))
    return found


def _scopes(
    record: Record, resource: Resource, *, now: datetime, listed: Iterable[str]
) -> tuple[list[Scope], dict[Scope, LastAsked]]:
    """What there is to ask for, those longest known first, and when each of them was last asked."""
    if resource.slices is not None:
        scopes = _open_slices(record, resource, resource.slices, _parents(record, resource, listed), now)
        found = ((scope, record.archive.last_asked(scope)) for scope in scopes)
        return scopes, {scope: last for scope, last in found if last is not None}
    wanted = dict.fromkeys(resource.scopes(_parents(record, resource, listed), now))
    asked = {scope: last for scope, last in record.archive.asked(resource.address).items() if scope in wanted}
    return [*asked, *(scope for scope in wanted if scope not in asked)], asked


def chosen(
    scopes: Mapping[Scope, Asked | None], resource: Resource, *, only: str | None, due: bool, now: datetime
) -> list[Scope]:
    """Those of the candidates that are to be asked now: all, those that are due, or those that concern one key."""
    if only is not None:
        return [scope for scope in scopes if concerns(scope, only)]
    if due:
        return [] if resource.every is None else list(due_scopes(scopes, resource.every, now=now))
    return list(scopes)


def concerns(scope: Scope, key: str) -> bool:
    """Whether a parameter of a scope has this value, written plainly or as in a key."""
    return any(key in (value, plain_key(value)) for _, value in scope.params)


def check_only(record: Record, source: Source, resources: Sequence[Resource], only: str, now: datetime) -> None:
    """Raise `UnknownScope` where no scope of these resources concerns a key."""
    known = [scope for each in resources for scope in candidates(record, each, now=now)]
    if any(concerns(scope, only) for scope in known):
        return
    values = sorted({plain_key(value) for scope in known for name, value in scope.params if name != START})
    raise UnknownScope(f"nothing of {source.name} is asked for {only!r}", near=near(only, values))


def breaker_of(record: Record, source: Source) -> Breaker:
    """The circuit breaker of a source's host, folded from its recent attempts: back to the last that reached it."""
    outcomes: list[tuple[datetime, bool]] = []
    for sync in record.archive.last_syncs([resource.address for resource in source.resources], limit=RECENT):
        of_sync = [(at, answers(status)) for at, status in record.archive.outcomes(sync)]
        outcomes += of_sync
        if any(ok for _, ok in of_sync):
            break
    return Breaker.folded(sorted(outcomes))


def watched(record: Record, source: Source, *, now: datetime) -> list[Watched]:
    """The facts that the schedule goes by, for each resource of a source that can be asked."""
    until = breaker_of(record, source).until
    return [
        Watched(source.name, each.name, each.every, candidates(record, each, now=now), until)
        for each in source.resources
        if each.path is not None
    ]


def _parent_of(resource: Resource, scope: Scope) -> str | None:
    return dict(scope.params).get(resource.extraction.for_each or "")


def _parents(record: Record, resource: Resource, listed: Iterable[str]) -> list[str]:
    """The keys of the parent category that are live or just listed, and of parents that are gone but have children."""
    category = resource.extraction.for_each
    if category is None:
        return []
    keys = set(listed)
    with contextlib.suppress(UnknownCategory):  # nothing of it was ever recorded
        keys.update(record.log.live_keys(f"{resource.source}.{category}"))
    keys.update(filter(None, (_parent_of(resource, scope) for scope in record.log.holding(resource.address))))
    return sorted(keys)


def _appeared(record: Record, resource: Resource, listed: Iterable[str], asked: Iterable[LastAsked]) -> dict[str, int]:
    """The sync in which each parent appeared last, of those that did since any child was last asked for."""
    category = resource.extraction.for_each
    syncs = [each.sync for each in asked]
    if category is None or not syncs:
        return {}
    address = f"{resource.source}.{category}"
    found: dict[str, int] = {}
    with contextlib.suppress(UnknownCategory):
        for event in record.log.events(address, kinds={Kind.APPEARED}, after=record.log.seq_of(min(syncs))):
            found[event.entity.key] = event.sync
        live = set(record.log.live_keys(address))
        found.update((key, max(syncs) + 1) for key in listed if key not in live)  # it appears in this very sync
    return found


def _open_slices(
    record: Record, resource: Resource, slices: Slices, parents: Sequence[str], now: datetime
) -> list[Scope]:
    """Slices that have begun and are not closed, or of which nothing complete was heard since they were."""
    complete = record.complete_asks(resource.address)
    asked = {at: to_ms(at) for at in set(complete.values())}  # few, as each sync asks many
    found: list[Scope] = []
    for params in resource.combinations(parents):
        settled_after, (before, after) = slices.settled_after(params), _stored_around_start(params)
        for start in slices.windows(params, now):  # there may be 200 000: no object is made for a closed one
            asked_at = complete.get(f"{before}{start}{after}")
            if asked_at is None or asked[asked_at] <= start + settled_after:
                found.append(resource.scope({**params, START: str(start)}))
    return found


def _stored_around_start(params: Mapping[str, str]) -> tuple[str, str]:
    """What stands before and after the start of a slice in its parameters, as the record has them."""
    before = {name: value for name, value in params.items() if name < START}
    after = {name: value for name, value in params.items() if name > START}
    return _stored({**before, START: ""})[: -len('"}')], _stored({START: "", **after})[len('{"start":"') :]


def _stored(params: Mapping[str, str]) -> str:
    return _encode(params).decode()


_encode = msgspec.json.Encoder(order="sorted").encode
