"""`endpoint_stats`: how endpoints were doing, one row for each time that they said so, and the same by day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from eventstore import Change
from projector.columns import time_text
from projector.projection import fold, history
from projector.reading import read
from projector.subject import Misfit

READS: Final = ("openrouter.endpoint_telemetry", "openrouter-frontend.endpoint_telemetry")
DAY: Final = len("2025-06-01")


class _Percentiles(msgspec.Struct):
    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


class _Stats(msgspec.Struct):
    p50_latency: float | None = None
    p50_throughput: float | None = None


class _Telemetry(msgspec.Struct):
    status: int | None = None
    uptime_last_5m: float | None = None
    uptime_last_30m: float | None = None
    uptime_last_1d: float | None = None
    latency_last_30m: _Percentiles | float | None = None
    throughput_last_30m: _Percentiles | float | None = None
    stats: _Stats | None = None


class Stats(msgspec.Struct, frozen=True):
    """How an endpoint was doing: `status` below 0 is down, uptimes are per cent, latencies ms, throughputs tokens/s."""

    status: int | None
    uptime_5m: float | None
    uptime_30m: float | None
    uptime_1d: float | None
    latency_p50: float | None
    latency_p90: float | None
    latency_p99: float | None
    throughput_p50: float | None
    throughput_p90: float | None


class Day(msgspec.Struct, frozen=True):
    """How an endpoint was doing in one day (UTC).

    Of `samples` observations that were news, `down` had a status below 0.

    Averages are of those that said anything, each of the same weight.
    """

    day: str
    model: str | None
    samples: int
    down: int
    uptime_min: float | None
    uptime_max: float | None
    uptime_average: float | None
    uptime_samples: int
    latency_min: float | None
    latency_max: float | None
    latency_average: float | None
    latency_samples: int
    throughput_min: float | None
    throughput_max: float | None
    throughput_average: float | None
    throughput_samples: int


@history(
    "endpoint_stats", version=1, reads=READS, row=Stats, indexes=[("key", "observed_at"), ("parent", "observed_at")]
)
def endpoint_stats(change: Change) -> Iterator[Stats | Misfit]:
    """How an endpoint is doing now; nothing where it went."""
    if change.after is not None:
        telemetry, misfits = read(change.after.value, _Telemetry)
        yield from misfits
        if telemetry is not None:
            yield _stats(telemetry)


def _stats(telemetry: _Telemetry) -> Stats:
    latency, throughput = _spread(telemetry.latency_last_30m), _spread(telemetry.throughput_last_30m)
    recent = telemetry.stats or _Stats()
    return Stats(
        status=telemetry.status,
        uptime_5m=telemetry.uptime_last_5m,
        uptime_30m=telemetry.uptime_last_30m,
        uptime_1d=telemetry.uptime_last_1d,
        latency_p50=recent.p50_latency if latency.p50 is None else latency.p50,
        latency_p90=latency.p90,
        latency_p99=latency.p99,
        throughput_p50=recent.p50_throughput if throughput.p50 is None else throughput.p50,
        throughput_p90=throughput.p90,
    )


def _spread(value: _Percentiles | float | None) -> _Percentiles:
    return value if isinstance(value, _Percentiles) else _Percentiles(p50=value)


def _day(change: Change) -> tuple[str]:
    return (time_text(change.event.observed_at)[:DAY],)


@fold("endpoint_stats_daily", version=1, reads=READS, row=Day, key=_day, names=("day",), indexes=[("day",)])
def endpoint_stats_daily(before: Day | None, change: Change) -> Day | None:
    """The day with one more observation; as it was, where an endpoint went or nothing can be read."""
    telemetry = None if change.after is None else read(change.after.value, _Telemetry)[0]
    if telemetry is None:
        return before
    stats = _stats(telemetry)
    day = before or Day(_day(change)[0], None, 0, 0, *(None, None, None, 0) * 3)
    return Day(
        day.day,
        change.event.parent,
        day.samples + 1,
        day.down + (stats.status is not None and stats.status < 0),
        *_with(day.uptime_min, day.uptime_max, day.uptime_average, day.uptime_samples, stats.uptime_30m),
        *_with(day.latency_min, day.latency_max, day.latency_average, day.latency_samples, stats.latency_p50),
        *_with(
            day.throughput_min,
            day.throughput_max,
            day.throughput_average,
            day.throughput_samples,
            stats.throughput_p50,
        ),
    )


def _with(least: float | None, most: float | None, average: float | None, samples: int, value: float | None) -> Any:
    """Minimum, maximum, average and number of samples with one more value, None for none."""
    if value is None:
        return least, most, average, samples
    if least is None or most is None or average is None:
        return value, value, value, 1
    return min(least, value), max(most, value), average + (value - average) / (samples + 1), samples + 1
