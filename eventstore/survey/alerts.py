"""What stands as an alert: pure functions from facts, so that all alerts are made in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import msgspec

from eventstore.model import EPOCH, Cause, Sync
from eventstore.survey.standing import Standing

FAILURES: Final = 3  # failed syncs in a row: one is an accident, and the second may be the same one
FULL: Final = 0.8  # of the disk: a fifth of it is time enough to make room before a sync fails for want of it

_UNITS: Final = ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


class ClockDoubt(msgspec.Struct, frozen=True):
    """A sync of a source that is archived and not recorded, for this machine's clock was in doubt at its end, `at`.

    `skew`: how far the clock was ahead of the answers' `Date` (behind: negative); None where the answers said nothing
    against it, but it had run far ahead of the log's end.
    """

    sync: int
    source: str
    skew: timedelta | None
    at: datetime


def clock_doubt(sync: Sync) -> ClockDoubt:
    """The doubt that a sync's report tells of."""
    said = sync.report["doubt"]
    skew = None if "skew_ms" not in said else -timedelta(milliseconds=said["skew_ms"])
    resource = next(iter(sync.rules), "")
    return ClockDoubt(sync.id, resource.partition(".")[0], skew, sync.at or sync.opened_at)


class Disk(msgspec.Struct, frozen=True):
    """The disk under a record in bytes: what is used, and what of it this user could use in all."""

    used: int
    total: int


class Alert(msgspec.Struct, frozen=True):
    """Something that somebody should look into, and that stands until it is so no more.

    `code` is one of a small set: `failing` (nothing was listed in three syncs or more in a row), `empty` (a resource
    lists nothing any more), `implausible` (a listing said that so many are gone that it was not believed), `clock` (a
    sync was not recorded, for the clock is in doubt), `disk` (it is over 80% full). `resource` is the one that it is
    about; with `clock` it is a source, with `disk` empty. `since` is when it began, None where nobody can tell, and
    `hint` says what lifts it or where to look.
    """

    code: str
    resource: str
    message: str
    since: datetime | None = None
    hint: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """What stays the same as long as it stands, whatever its message: the code and what it is about."""
        return self.code, self.resource


def standing_alerts(
    standings: Iterable[Standing], *, clock: Iterable[ClockDoubt] = (), disk: Disk | None = None
) -> list[Alert]:
    """Say what stands as an alert, one of each identity: the oldest first, after what began nobody knows when.

    Imports raise none: their versions are history.
    """
    known = list(standings)
    found = [alert for each in known for alert in _alerts(each)]
    found += _clock_alerts(_in_doubt(clock, known))
    full = None if disk is None else disk_alert(disk)
    if full is not None:
        found.append(full)
    return sorted(found, key=lambda alert: (alert.since or EPOCH, alert.resource, alert.code))


def disk_alert(disk: Disk) -> Alert | None:
    """Say whether a disk is so full that somebody should make room."""
    if disk.used <= FULL * disk.total:
        return None
    message = f"the disk is {100 * disk.used // disk.total}% full; {_gigabytes(disk.total - disk.used)} are left"
    return Alert("disk", "", message, hint="make room on it: once it is full, nothing is archived any more")


def _alerts(standing: Standing) -> Iterator[Alert]:
    if standing.failures >= FAILURES and standing.failing_since is not None:
        message = f"{standing.failures} failed syncs in a row"
        hint = "`orlog issues` says why; the next listing lifts it"
        yield Alert("failing", standing.resource, message, standing.failing_since, hint)
    if standing.empty_since is not None and standing.cause is Cause.SYNC:
        hint = "`orlog log --kind disappeared` shows what went; the next entity lifts it"
        yield Alert("empty", standing.resource, "lists nothing any more", standing.empty_since, hint)
    if standing.doubted_since is not None:
        yield _implausible(standing, standing.doubted_since)


def _implausible(standing: Standing, since: datetime) -> Alert:
    gone = "entity" if standing.doubted == 1 else "entities"
    message = f"{standing.doubted} {gone} would have disappeared at once, which was not believed: they are kept"
    accept = "" if standing.doubted_sync is None else f", or if you say `orlog accept {standing.doubted_sync}`"
    return Alert(
        "implausible", standing.resource, message, since, f"they go if the next complete listing says the same{accept}"
    )


def _in_doubt(clock: Iterable[ClockDoubt], standings: Iterable[Standing]) -> list[ClockDoubt]:
    """The doubts of sources none of whose later syncs was believed: once one is, the clock is right again."""
    believed: dict[str, int] = {}
    for each in standings:
        if each.status is not None and each.cause is Cause.SYNC:
            source = each.resource.partition(".")[0]
            believed[source] = max(each.sync, believed.get(source, 0))
    return [each for each in clock if each.sync > believed.get(each.source, 0)]


def _clock_alerts(doubts: Iterable[ClockDoubt]) -> Iterator[Alert]:
    """One for each source, however many of its syncs wait."""
    ordered = sorted(doubts, key=lambda doubt: (doubt.source, doubt.at, doubt.sync))
    for source, group in groupby(ordered, key=lambda doubt: doubt.source):
        waiting = list(group)
        syncs = "1 sync is" if len(waiting) == 1 else f"{len(waiting)} syncs are"
        message = f"{_disagreement(waiting)}: {syncs} archived and not recorded"
        yield Alert("clock", source, message, waiting[0].at, _verdicts(waiting[0]))


def _verdicts(doubt: ClockDoubt) -> str:
    """What a person can say of a doubt; a sync that a wrong clock stamped must not be taken as it is."""
    right = f"`orlog accept {doubt.sync}` lays the sync down if it was right"
    if doubt.skew is None:
        return f"{right}; otherwise set it right: the next sync is recorded as usual"
    return f"{right}; otherwise set it right, and `orlog accept {doubt.sync} --clock answers` corrects the sync's times"


def _disagreement(waiting: Sequence[ClockDoubt]) -> str:
    skews = [doubt.skew for doubt in waiting if doubt.skew is not None]
    if not skews:
        return "the clock has run far ahead of the log's end"
    worst = max(skews, key=abs)
    side = "ahead of" if worst > timedelta() else "behind"
    return f"the clock is {_length(abs(worst))} {side} the answers' Date"


def _length(span: timedelta) -> str:
    """A length of time in the largest unit that it has two of."""
    seconds = int(span.total_seconds())
    unit, name = next((each for each in _UNITS if seconds >= 2 * each[0]), _UNITS[-1])
    return f"{seconds // unit} {name}"


def _gigabytes(size: int) -> str:
    return f"{size / 10**9:.1f} GB"
