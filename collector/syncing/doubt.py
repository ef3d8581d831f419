"""The clock: believed unless the answers' own dates, or the log's end, speak against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from collector.politeness import http_date
from eventstore import Cause, Record

TOLERANCE: Final = timedelta(minutes=5)  # what unsynchronised clocks of two machines usually differ by, and then some
FAR_AHEAD: Final = timedelta(days=30)  # of the log's end, where no answer has a date: a machine may be off for a month

_MILLISECOND: Final = timedelta(milliseconds=1)


def skew_of(headers: Mapping[str, str], *, received_at: datetime) -> int | None:
    """By how many milliseconds an answer's date is later than the time at which it was received, None without a date.

    A cache says in `Age` how long ago the date was right (RFC 9111, section 5.1).
    """
    date = http_date(headers.get("Date", ""))
    if date is None:
        return None
    age = headers.get("Age", "")
    held = (
        timedelta(seconds=int(age)) if age.isascii() and age.isdigit() and len(age) < len("999999999") else timedelta()
    )
    return (date + held - received_at) // _MILLISECOND


def latest(skews: Iterable[int | None]) -> int | None:
    """The skew that counts: caches give dates that are too early, nobody gives later ones than there are."""
    return max((skew for skew in skews if skew is not None), default=None)


def doubt(skew: int | None, *, accepted: int | None, closed_at: datetime, head: datetime | None) -> dict[str, int]:
    """Why the clock of a sync is not to be believed; empty where it is.

    `skew` as of `latest`, `accepted` the skew that a person said was the API's fault, `head` the log's end.
    """
    if skew is not None:
        wrong = abs(skew - (accepted or 0)) * _MILLISECOND > TOLERANCE and abs(skew) * _MILLISECOND > TOLERANCE
        return {"skew_ms": skew} if wrong else {}
    if head is not None and closed_at - head > FAR_AHEAD:
        return {"ahead_ms": (closed_at - head) // _MILLISECOND}
    return {}


def accepted_skew(record: Record, source: str) -> int | None:
    """The skew of a source's answers (milliseconds) that a person last said was the API's fault, None without any."""
    found = None
    for verdict in record.archive.syncs(cause=Cause.VERDICT):
        plan = verdict.plan
        if plan.get("source") == source and "skew_ms" in plan and "shift_ms" not in plan:
            found = plan["skew_ms"]
    return found
