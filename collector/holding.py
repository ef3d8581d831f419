"""What went wrong is held back for a while, each time longer: how the loop of `orlog run` lives with failures."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from eventstore import DiskFull, ReadOnlyRecord, RecordBusy

# The first wait after something went wrong, and the longest; it doubles in between.
BUSY: Final = (timedelta(seconds=1), timedelta(minutes=1))  # another command writes: most are done in seconds
WRONG: Final = (
    timedelta(minutes=1),
    timedelta(minutes=15),
)  # somebody has to mend it: the log says what
_DOUBLINGS: Final = 10  # more than it takes to the longest of them

EVERYTHING: Final = "the record"  # what is held under this name holds everything


class Log(Protocol):
    """What structlog's loggers are: an event and its fields."""

    def info(self, event: str, **fields: Any) -> object:
        """Something that happened."""
        ...

    def warning(self, event: str, **fields: Any) -> object:
        """Something that went wrong, and will be tried again."""
        ...


class _Hold(msgspec.Struct, frozen=True):
    failures: int
    until: datetime


class Holds:
    """What is held back until when, by name. What succeeds, or is forgotten, leaves nothing behind."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._held: dict[str, _Hold] = {}

    def until(self, name: str, at: datetime) -> datetime:
        """Say when something may be done that was to be done `at`."""
        return max([at, *(hold.until for each in (name, EVERYTHING) if (hold := self._held.get(each)))])

    def failed(self, name: str, error: Exception, *, now: datetime) -> None:
        """Log what an error says, and hold back what it stands in the way of.

        A full disk, a folder that cannot be written and a record that is busy stand in the way of everything.
        """
        record = isinstance(error, DiskFull | ReadOnlyRecord | RecordBusy)
        waits = BUSY if isinstance(error, RecordBusy) else WRONG
        self._hold(EVERYTHING if record else name, waits, f"{name} failed", told(error), now)

    def futile(self, name: str, *, now: datetime) -> None:
        """Hold back what did nothing though there was something to do: it would do so at once again, for ever."""
        self._hold(name, WRONG, f"{name} did nothing, though it was due", {}, now)

    def succeeded(self, name: str, *, wrote: bool = False) -> None:
        """Begin anew where something fails next. What `wrote` shows that the record can be written."""
        self._held.pop(name, None)
        if wrote:
            self._held.pop(EVERYTHING, None)

    def lift(self, now: datetime) -> None:
        """Let everything be tried again now; what fails then is held back for longer still."""
        self._held = {name: _Hold(hold.failures, now) for name, hold in self._held.items()}

    def forget(self) -> None:
        """Begin anew with everything."""
        self._held.clear()

    def _hold(
        self, name: str, waits: tuple[timedelta, timedelta], event: str, fields: dict[str, str], now: datetime
    ) -> None:
        first, longest = waits
        failures = min(self._held[name].failures + 1 if name in self._held else 0, _DOUBLINGS)
        wait = min(first * 2**failures, longest)
        self._held[name] = _Hold(failures, now + wait)
        self._log.warning(event, **fields, again_in=wait.total_seconds())


def told(error: BaseException) -> dict[str, str]:
    """An error as fields of a log line: what it says and advises; of one that nobody foresaw, where it arose."""
    fields = {"error": str(error) or type(error).__name__}
    if hint := getattr(error, "hint", ""):
        fields["hint"] = hint
    if not hasattr(error, "hint") and (trace := error.__traceback__):
        while trace.tb_next:
            trace = trace.tb_next
        fields["kind"] = type(error).__name__
        fields["where"] = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return fields
