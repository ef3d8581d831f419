"""What is odd about the rows of a slice: missing between others, out of order, repeated, outside of the window."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import msgspec

from collector.errors import BadRules
from collector.extraction.issues import GAP, MISPLACED
from collector.extraction.memory import Oddity
from collector.sources.pointer import NotThere, Tokens, find, pointer, tokens
from collector.sources.slices import START, Steps, started
from collector.wording import shown
from eventstore import JSON, from_ms

_DECIMAL: Final = re.compile(r"[0-9]{1,16}", re.ASCII)  # some exchanges write their milliseconds as strings


class Window(msgspec.Struct, frozen=True):
    """The slice that an answer speaks of, in milliseconds: its first, its last, and from row to row."""

    first: int
    last: int
    step: int


def window(steps: Steps, params: Mapping[str, str]) -> Window:
    """Find the window of a scope. Raises `BadRules` where its parameters name none."""
    if START not in params:
        raise BadRules(f"there is no parameter {START}", field="slices")
    first = started(params[START])
    return Window(first, steps.end(params, first), steps.pace(params))


class Rows(msgspec.Struct, frozen=True):
    """What is odd about a slice's rows, and how many are missing at its end, should it be closed."""

    odd: tuple[Oddity, ...]
    tail: int


def judge(steps: Steps, params: Mapping[str, str], rows: JSON, key: str) -> Rows:
    """Judge the rows of a slice, whose document they are, by their times."""
    try:
        span = window(steps, params)
    except BadRules as error:
        return Rows((Oddity(GAP, f"whether rows are missing cannot be told: {error}", key),), 0)
    judging = _Judging(span, tokens(steps.time), key)
    odd = tuple(judging.odd(rows if isinstance(rows, list) else []))
    return Rows(odd, 0 if judging.latest is None else (span.last - judging.latest) // span.step)


def tail(missing: int, key: str) -> Oddity:
    """Say that a closed slice ends early."""
    return Oddity(GAP, f"{_rows(missing)} missing at the end of the slice, which is closed", key)


class _Judging:
    def __init__(self, span: Window, time: Tokens, key: str) -> None:
        self._span = span
        self._time = time
        self._key = key
        self.latest: int | None = None  # the latest row so far that is in its place

    def odd(self, rows: list[JSON]) -> Iterator[Oddity]:
        for index, row in enumerate(rows):
            at = _milliseconds(row, self._time)
            if at is None:
                path = pointer((str(index), *self._time))
                yield Oddity(MISPLACED, f"{path} is no time in milliseconds", self._key, path)
            else:
                yield from self._row(f"/{index}", at)

    def _row(self, path: str, at: int) -> Iterator[Oddity]:
        where = self._where(at)
        if where is not None:
            yield Oddity(MISPLACED, f"the row of {_shown(at)} {where}", self._key, path)
            return
        yield from self._after(path, at)
        self.latest = at

    def _where(self, at: int) -> str | None:
        if not self._span.first <= at <= self._span.last:
            return f"is outside of the slice, {_shown(self._span.first)} to {_shown(self._span.last)}"
        if self.latest is None or at > self.latest:
            return None
        return "stands there again" if at == self.latest else "is out of order"

    def _after(self, path: str, at: int) -> Iterator[Oddity]:
        if self.latest is None:
            return
        missing = -(-(at - self.latest) // self._span.step) - 1
        if missing:
            between = f"between {_shown(self.latest)} and {_shown(at)}"
            yield Oddity(GAP, f"{_rows(missing)} missing {between}", self._key, path)
        if (at - self.latest) % self._span.step:
            step = timedelta(milliseconds=self._span.step)
            yield Oddity(MISPLACED, f"the row of {_shown(at)} does not keep the step of {step}", self._key, path)


def _milliseconds(row: JSON, time: Tokens) -> int | None:
    try:
        value = find(row, time)
    except NotThere:
        return None
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


def _shown(ms: int) -> str:
    try:
        return from_ms(ms).isoformat(timespec="auto").replace("+00:00", "Z")
    except OverflowError:
        return f"{shown(str(ms))} ms"
