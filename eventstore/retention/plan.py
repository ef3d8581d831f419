"""What is to be sealed and thinned: a pure function of the policy and of what the log holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from eventstore.names import NumberedCategory
from eventstore.retention.buckets import Zone, floor, zones
from eventstore.retention.policy import Policy, Spacing


class CategoryPlan(msgspec.Struct, frozen=True):
    """What is to become of a category: events up to number `until` are sealed; of older ones `zones` say what is kept.

    `pinned` are keys of entities that are not thinned; `resource` is the one that yields the category.
    """

    source: str
    name: str
    until: int
    zones: tuple[Zone, ...]
    pinned: tuple[str, ...]
    resource: str = ""

    @property
    def address(self) -> str:
        """`SOURCE.CATEGORY`."""
        return f"{self.source}.{self.name}"

    @property
    def asked(self) -> str:
        """`SOURCE.RESOURCE`."""
        return f"{self.source}.{self.resource}"


class Plan(msgspec.Struct, frozen=True):
    """What a compaction does: by the policy of a hash, with the head at event `head`, at `now` (milliseconds).

    What came after event `keep_from` is not thinned. Answers of syncs that were over at `answers_until` are packed;
    the bytes of those that were replaced by `archive_until` may go, None: of none.
    """

    policy: str
    head: int
    now: int
    keep_from: int | None
    answers_until: int
    categories: tuple[CategoryPlan, ...]
    archive_until: int | None = None


def _held_back(zone: Zone, time: int) -> Zone:
    return Zone(min(zone.before, floor(time, zone.keep or Spacing.ALL)), zone.keep)


def plan(
    policy: Policy,
    categories: Iterable[NumberedCategory],
    *,
    head: tuple[int, int],
    seq_at: Callable[[int], int],
    keep_from: tuple[int, int] | None = None,
) -> Plan:
    """Say what is to be done. `head` and `keep_from` are an event's number and time (milliseconds).

    `seq_at` tells of an instant how far the log had come.
    """
    seq, now = head
    planned = []
    for source, name, _, resource in categories:
        rule = policy.rule(source, name)
        thinned = zones(rule, now)
        if keep_from is not None:
            thinned = tuple(_held_back(zone, keep_from[1]) for zone in thinned)
        until = seq_at(now - rule.seal_after)
        if thinned:
            until = max(until, seq_at(thinned[0].before - 1))  # what is thinned is sealed at once
        planned.append(CategoryPlan(source, name, until, thinned, tuple(sorted(policy.pinned(source, name))), resource))
    answers_until = now - policy.default.seal_after
    held = None if keep_from is None else keep_from[0]
    archive_until = None if policy.answers_for is None else now - policy.answers_for
    return Plan(policy.hash, seq, now, held, answers_until, tuple(planned), archive_until)
