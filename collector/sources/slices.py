"""Slices: the long history of a series, asked for in windows of fixed length; what has closed is asked for once.

A slice is the window from `start` (milliseconds since 1970, UTC) that holds `rows` rows, one each `step`. Steps are
written as exchanges write intervals: `1s`, `15m`, `4h`, `1d`, `1w`. All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.errors import BadRules
from collector.sources.pointer import tokens
from collector.sources.units import DURATION, duration
from eventstore import to_ms

START: Final = "start"
"""The parameter of a slice's scope: its first millisecond, in decimal."""
END: Final = "end"
"""What a path may ask for beside it: the slice's last millisecond."""

SETTLING: Final = timedelta(minutes=10)
"""A slice is closed when it was asked for this long after its end: our clock may be five minutes ahead of the API's
before it is in doubt, and a window's last row may settle a little after the window."""

_MILLISECOND: Final = timedelta(milliseconds=1)
_PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a slice is, and where its rows say when they are: the part of `slices` that belongs to the rules.

    `step` is a duration, or `{name}` for the parameter that is one; `time` a JSON Pointer from a row to its time in
    milliseconds since 1970. Raises `BadRules`.
    """

    step: str
    rows: int
    time: str

    def __post_init__(self) -> None:
        tokens(self.time, field="slices.time")
        if self.rows < 1:
            raise BadRules("a slice holds at least one row", field="slices.rows")
        if self.parameter is None:
            step_ms(self.step, field="slices.step")

    @property
    def parameter(self) -> str | None:
        """The parameter that is the step, None where the step is the same for all."""
        found = _PARAMETER.fullmatch(self.step)
        return found[1] if found else None

    def pace(self, params: Mapping[str, str]) -> int:
        """Milliseconds from one row to the next. Raises `BadRules` where the parameter is missing or no duration."""
        if self.parameter is None:
            return step_ms(self.step, field="slices.step")
        if self.parameter not in params:
            raise BadRules(f"there is no parameter {self.parameter}", field="slices.step")
        return step_ms(params[self.parameter], field=f"params.{self.parameter}")

    def length(self, params: Mapping[str, str]) -> int:
        """Milliseconds of a slice."""
        return self.rows * self.pace(params)

    def end(self, params: Mapping[str, str], start: int) -> int:
        """Tell the last millisecond of the slice that begins at `start`."""
        return start + self.length(params) - 1

    def closed(self, params: Mapping[str, str], start: int, asked_at: datetime) -> bool:
        """Whether an answer asked for at this time (aware) says all that its slice will ever say."""
        return to_ms(asked_at) > start + self.settled_after(params)

    def settled_after(self, params: Mapping[str, str]) -> int:
        """Milliseconds from the start of a slice: who asks later gets all that it will ever say."""
        return self.length(params) - 1 + SETTLING // _MILLISECOND


class Slices(Steps, frozen=True):
    """`slices` of a resource: as in the rules, and since when there is anything to ask for (milliseconds, UTC)."""

    since: int

    def windows(self, params: Mapping[str, str], now: datetime) -> range:
        """The starts of all slices that have begun at `now` (aware), in milliseconds, oldest first."""
        return range(self.since, to_ms(now) + 1, self.length(params))


def step_ms(text: str, *, field: str) -> int:
    """Milliseconds of a step. Raises `BadRules`, naming `field`, for what has no fixed length, as `1M`."""
    found = duration(text)
    if found is None:
        raise BadRules(f"{text!r}: write {DURATION}: a step has a fixed length", field=field)
    return found // _MILLISECOND


def started(text: str) -> int:
    """Read a slice's `start`. Raises `BadRules`."""
    if not re.fullmatch(r"-?[0-9]{1,16}", text, re.ASCII):
        raise BadRules(f"{text!r} is no number of milliseconds", field=f"params.{START}")
    return int(text)
