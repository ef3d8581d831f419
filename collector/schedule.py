"""What is due when: pure functions of what the record says was asked, and of *now*.

A scope is due at its last attempt plus `every`; while its attempts fail, at first sooner. A resource is asked
when the first of its scopes is due, plus a jitter that spreads resources; the scopes that come due soon after go along.
After a sleep what was missed is spread again. Nothing is remembered but the record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from collector.politeness import LONGEST_COOLDOWN
from eventstore import Scope

# While a scope fails it waits `every` times 2 to the power of these, one more for each failure: 1/8, 1/4, 1/2, 1, 1, …
FIRST_WAIT: Final = -3  # most failures pass: of an hour this is 7.5 minutes, long after the retries of a request ended
LONGEST_WAIT: Final = 0  # what returns is noticed within `every`; a host that is gone is left alone by its breaker

LEEWAY_SHARE: Final = 10  # a tenth of an interval too soon or too late does no harm
LONGEST_LEEWAY: Final = timedelta(minutes=5)  # as late as a daily resource may be, and long enough to spread hundreds
SETTLING: Final = timedelta(minutes=1)  # after a sleep; a laptop that wakes for minutes only must get round to asking

FAR: Final = datetime.max.replace(tzinfo=UTC)  # later than any clock shows
_HASH_BYTES: Final = 8


class Asked(msgspec.Struct, frozen=True):
    """When a scope was asked last: the number of that sync and when it opened.

    The last one is the one of the highest number: of times a clock that was wrong may have given later ones.
    `failures`: how many attempts in a row, up to that one, brought no complete listing.
    """

    opened_at: datetime
    sync: int
    failures: int = 0


class Watched(msgspec.Struct, frozen=True):
    """A resource that is to be asked `every` so often (None: only when somebody says so).

    `scopes`: all that it has to be asked for, and when that last happened (None: never). What need not be asked again,
    a closed slice for instance, is not among them. `until`: when the circuit breaker of its host lets requests through
    again, None where it is closed.
    """

    source: str
    name: str
    every: timedelta | None
    scopes: Mapping[Scope, Asked | None]
    until: datetime | None = None

    @property
    def address(self) -> str:
        """`SOURCE.RESOURCE`."""
        return f"{self.source}.{self.name}"


class Plan(msgspec.Struct, frozen=True):
    """What to do now, and when to look again.

    `watched`: addresses of all that are asked by schedule. `due`: source to the names of its resources that are to be
    synced now, the longest overdue source first. `next_at`: when the first of the others is due, None where none is.
    """

    watched: tuple[str, ...]
    due: Mapping[str, tuple[str, ...]]
    next_at: datetime | None


def waits(every: timedelta, failures: int = 0) -> timedelta:
    """How long a scope waits that failed so often in a row: `every` where it did not, less at first where it did."""
    if not failures:
        return every
    return every * 2.0 ** min(FIRST_WAIT + failures - 1, LONGEST_WAIT)


def leeway(every: timedelta, failures: int = 0) -> timedelta:
    """How much too soon (to be asked together with others) or too late (jitter) a scope may be asked."""
    return min(min(every, waits(every, failures)) / LEEWAY_SHARE, LONGEST_LEEWAY)


def due_at(asked: Asked | None, every: timedelta, *, now: datetime) -> datetime | None:
    """Say when a scope is due, jitter aside; None is at once.

    That is where it was never asked, or was asked in what is the future by a clock that has been set back since: that
    tells nothing. A clock that was set back by less than the leeway is believed.
    """
    if asked is None or asked.opened_at - leeway(every, asked.failures) > now:
        return None
    return _later(asked.opened_at, waits(every, asked.failures))


def due_scopes(scopes: Mapping[Scope, Asked | None], every: timedelta, *, now: datetime) -> tuple[Scope, ...]:
    """Pick the scopes that a sync of their resource asks now: those due, and those that are within their leeway.

    They keep their order. Asked together, they will be due together.
    """
    due = {asked for asked in set(scopes.values()) if _is_due(asked, every, now)}
    return tuple(scope for scope, asked in scopes.items() if asked in due)


def ask_at(watched: Watched, *, now: datetime, woke_at: datetime) -> datetime | None:
    """Say when a resource is to be asked: when the first of its scopes is, jitter included, and its host lets it.

    None where it never is by schedule: it has no `every`, or no scopes. What is not after `now` is due. `woke_at`: when
    the process last began, woke from a sleep, or found its clock set.
    """
    if watched.every is None or not watched.scopes:
        return None
    every = watched.every
    first = min(_time(watched.address, asked, every, now, woke_at) for asked in set(watched.scopes.values()))
    if watched.until is None or watched.until - now > LONGEST_COOLDOWN:  # open by a clock that has been set back since
        return first
    return max(first, watched.until)


def next_due(resources: Sequence[Watched], *, now: datetime, woke_at: datetime) -> Plan:
    """Say which resources to sync now, by source, and when the next is due."""
    times = [(at, each) for each in resources if (at := ask_at(each, now=now, woke_at=woke_at)) is not None]
    times.sort(key=lambda timed: (timed[0], timed[1].address))
    due: dict[str, tuple[str, ...]] = {}
    for at, each in times:
        if at <= now:
            due[each.source] = (*due.get(each.source, ()), each.name)
    return Plan(
        watched=tuple(sorted(each.address for each in resources if each.every is not None)),
        due=due,
        next_at=next((at for at, _ in times if at > now), None),
    )


def offset(longest: timedelta, *salt: object) -> timedelta:
    """Draw a jitter from 0 to `longest`, the same one each time for the same salt."""
    digest = hashlib.blake2b("\0".join(map(str, salt)).encode(), digest_size=_HASH_BYTES).digest()
    return longest * (int.from_bytes(digest) / (1 << 8 * _HASH_BYTES))


def _is_due(asked: Asked | None, every: timedelta, now: datetime) -> bool:
    due = due_at(asked, every, now=now)
    return asked is None or due is None or due - leeway(every, asked.failures) <= now


def _time(address: str, asked: Asked | None, every: timedelta, now: datetime, woke_at: datetime) -> datetime:
    """When a scope is to be asked, jitter included."""
    if asked is None:
        return now  # nobody who begins wants to wait, and a parent that returned is news
    spread = leeway(every, asked.failures)
    due = due_at(asked, every, now=now)
    at = woke_at - 2 * spread if due is None else _later(due, offset(spread, address, asked.sync))
    if at < woke_at - spread:  # missed in a sleep, as everything else was
        return woke_at + offset(min(spread, SETTLING), address, woke_at)
    return at


def _later(instant: datetime, by: timedelta) -> datetime:
    try:
        return instant + by
    except OverflowError:  # an interval of millennia is written easily
        return FAR
