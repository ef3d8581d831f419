"""Buckets of UTC time, each made of whole finer ones, and which one an event falls into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from eventstore.model import from_ms, to_ms
from eventstore.retention.policy import Rule, Spacing

HOUR: Final = 3_600_000  # milliseconds
DAY: Final = 24 * HOUR
FOREVER: Final = -(1 << 62)  # milliseconds: before any event


class Bucket(NamedTuple):
    """A stretch of time, `begin` included, `end` not, in milliseconds; `spacing` None: what is older than all tiers."""

    spacing: Spacing | None
    begin: int
    end: int


class Zone(msgspec.Struct, frozen=True):
    """Of what is older than `before` (milliseconds) so much is kept; None: how things stood in the end, once."""

    before: int
    keep: Spacing | None


def zones(rule: Rule, now: int) -> tuple[Zone, ...]:
    """What is thinned, the newest first; empty where everything is kept. `now` is the head's time.

    Only buckets wholly past their horizon are thinned: so it is brought down to the beginning of one.
    """
    ages = 0, *(tier.age for tier in rule.tiers)
    kept = *(tier.keep for tier in rule.tiers), rule.older
    found = []
    finest = Spacing.ALL
    for age, keep in zip(ages, kept, strict=True):
        finest = keep or finest
        if keep is not Spacing.ALL:
            found.append(Zone(floor(now - age, finest), keep))
    return tuple(found)


def bucket_of(at: int, thinned: Sequence[Zone]) -> Bucket | None:
    """The bucket that an instant falls into, None where everything is kept."""
    inside = [zone for zone in thinned if at < zone.before]
    if not inside:
        return None
    keep = inside[-1].keep
    if keep is None:
        return Bucket(None, FOREVER, inside[-1].before)
    begin = floor(at, keep)
    return Bucket(keep, begin, _next(begin, keep))


def floor_day(at: int) -> int:
    """The beginning of the day that an instant falls into."""
    return floor(at, Spacing.DAILY)


def floor(at: int, spacing: Spacing | None) -> int:
    """The beginning of the bucket that an instant falls into."""
    if spacing in {Spacing.ALL, None}:
        return at
    if spacing in {Spacing.HOURLY, Spacing.DAILY}:
        return at - at % (HOUR if spacing is Spacing.HOURLY else DAY)
    moment = from_ms(at - at % DAY).replace(day=1)
    return to_ms(moment.replace(month=1) if spacing is Spacing.YEARLY else moment)


def _next(begin: int, spacing: Spacing) -> int:
    if spacing is Spacing.HOURLY:
        return begin + HOUR
    days = {Spacing.DAILY: 1, Spacing.MONTHLY: 31, Spacing.YEARLY: 366}[spacing]
    return floor(to_ms(from_ms(begin) + timedelta(days=days)), spacing)
