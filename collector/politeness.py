"""How to ask a host without being a burden to it: limits, spacing, retries, and when to leave it alone.

Nothing here waits or looks at a clock: what the time is and how to draw a random number are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from collector.transport import Answer

BACKOFF_BASE: Final = 0.5  # s before the first retry, at most: long enough for a balancer to look elsewhere
BACKOFF_CAP: Final = 30.0  # s before any later one, at most: more would leave no room for retries within `patience`

TRIPS_AT: Final = 10  # requests in a row that failed, each with its retries: chance does not do that
COOLDOWN: Final = timedelta(minutes=1)  # after the failure that tripped it: a restart of a server takes as long
LONGEST_COOLDOWN: Final = timedelta(hours=1)  # what came back is noticed within the usual `every`

_TOO_MANY: Final = 429  # RFC 6585, section 4
_SERVER_ERRORS: Final = 500
_UNIMPLEMENTED: Final = frozenset({501, 505})  # "not implemented", "HTTP version": asking again changes nothing


class Manners(msgspec.Struct, frozen=True):
    """How to treat a host: `concurrency` in requests in flight, `rate` in requests started per second.

    In seconds: `timeout` for one try, `patience` for a request with its retries (waiting for its turn is not counted),
    `budget` for a whole sync. `retries` come after the first try. `max_bytes` of one answer, as it came and decoded.
    """

    concurrency: int = 4
    rate: float | None = None
    timeout: float = 20.0
    patience: float = 90.0
    budget: float = 1800.0
    retries: int = 4
    max_bytes: int = 64 * 1024 * 1024


class Pace:
    """Spaces the starts of requests to one host. Seconds, on any clock that never goes back."""

    def __init__(self, rate: float | None) -> None:
        """`rate` in requests per second, None for as many as come."""
        self._interval = 1.0 / rate if rate else 0.0
        self._free = float("-inf")

    def reserve(self, now: float) -> float:
        """Take the next start that is free, and return how long it is until then."""
        start = max(now, self._free)
        self._free = start + self._interval
        return start - now

    def hold(self, until: float) -> None:
        """Let nothing start before `until`, of what has not reserved its start yet."""
        self._free = max(self._free, until)


class Breaker:
    """The circuit breaker of a host: says when to stop asking, and when to try again.

    It trips at `TRIPS_AT` failures in a row and is `open` from then on: ask no more. One that is made of earlier
    failures (`folded`) is `trying` instead: one request at a time, not before `until`, and the first to fail opens it.
    Any success closes it. `failures` are those in a row, the last at `last_failure`.
    """

    def __init__(self, failures: int = 0, last_failure: datetime | None = None) -> None:
        self.failures = failures
        self.last_failure = last_failure
        self._open = False

    @classmethod
    def folded(cls, outcomes: Iterable[tuple[datetime, bool]]) -> Breaker:
        """Make the breaker of a host from when it was asked and whether it was reachable, oldest first."""
        past = cls()
        for at, ok in outcomes:
            past.note(ok=ok, at=at)
        return cls(past.failures, past.last_failure)

    def note(self, ok: bool, at: datetime) -> None:  # noqa: FBT001 - an outcome, as `folded` has them
        """Take in one outcome."""
        self.failures = 0 if ok else self.failures + 1
        self.last_failure = None if ok else at
        self._open = self._tripped

    @property
    def open(self) -> bool:
        """Whether to ask no more."""
        return self._open

    @property
    def trying(self) -> bool:
        """Whether it tripped earlier, and nothing has been asked since."""
        return self._tripped and not self._open

    @property
    def until(self) -> datetime | None:
        """When the host may be tried again; None where it did not trip. Doubles with each failure beyond the limit."""
        if self.last_failure is None or not self._tripped:
            return None
        enough = (LONGEST_COOLDOWN // COOLDOWN).bit_length()  # so many doublings go beyond the longest
        doublings = min(self.failures - TRIPS_AT, enough)
        return self.last_failure + min(LONGEST_COOLDOWN, COOLDOWN * (1 << doublings))

    @property
    def _tripped(self) -> bool:
        return self.failures >= TRIPS_AT


def reachable(answer: Answer) -> bool:
    """Whether an answer shows that its host is alive and willing."""
    return answers(answer.status)


def answers(status: int | None) -> bool:
    """Whether a host is alive and willing that answers so: a status below 500, and not 429."""
    return status is not None and status < _SERVER_ERRORS and status != _TOO_MANY


def transient(status: int) -> bool:
    """Whether a status may be another one soon: 429 and 5xx, save those that say "never"."""
    return status == _TOO_MANY or (status >= _SERVER_ERRORS and status not in _UNIMPLEMENTED)


def next_wait(
    manners: Manners, *, tried: int, spent: float, least: float, random: Callable[[float, float], float]
) -> float | None:
    """How many seconds to wait before the next try; None to give up.

    `tried` so often, `spent` so many seconds on it; `least` is what the host asked for, 0 if nothing. `random` draws
    from an interval. Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    if tried > manners.retries:
        return None
    doublings = min(tried - 1, 16)  # far beyond the cap
    wait = max(least, random(0.0, min(BACKOFF_CAP, BACKOFF_BASE * 2.0**doublings)))
    return wait if wait < manners.patience - spent else None


def retry_after(headers: Mapping[str, str], *, arrived: datetime) -> float:
    """How many seconds a host asks to be left alone for; 0 where it does not, or not in a form that can be read.

    `headers` has Retry-After (RFC 9110, section 10.2.3: seconds or a date) and Date, if they came. A date counts from
    the answer's own Date, which is by the same clock; from when it `arrived` where it has none.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= len("9999999999") else float("inf")
    until = http_date(text)
    if until is None:
        return 0.0
    since = http_date(headers.get("Date", "")) or arrived
    return max(0.0, (until - since).total_seconds())


def http_date(text: str) -> datetime | None:
    """Read a date of any of the three forms of RFC 9110, section 5.6.7; None where it is none."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
