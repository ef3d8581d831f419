"""What a record holds and how it stands as metrics, in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/. All of it is read from the record, nothing is counted in
this process: whoever asks, be it a command once a minute or a server, gets the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cli.journal import ending
from cli.overview import Overview
from collector import ResourceReport, SyncReport
from eventstore import Cause, Disk, Record

if TYPE_CHECKING:
    from prometheus_client.metrics_core import GaugeMetricFamily, Metric

    from projector import ViewStatus


class Facts(msgspec.Struct, frozen=True):
    """All that metrics are made of. `endings` counts syncs by resource and by how the whole sync ended."""

    overview: Overview
    endings: Mapping[tuple[str, str], int] = {}
    reports: tuple[SyncReport, ...] = ()
    disk: Disk | None = None
    views: tuple[ViewStatus, ...] = ()


def exposition(facts: Facts) -> bytes:
    """The facts as text."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(facts))
    return generate_latest(registry)


def endings(record: Record) -> Counter[tuple[str, str]]:
    """How often the syncs of each resource ended how: success, partial, failed, archived or open."""
    with record.snapshot():
        statuses = {entry.sync: entry.status for entry in record.log.entries() if entry.sync is not None}
        return Counter(
            (resource, ending(statuses.get(sync.id), sync.at))
            for sync in record.archive.syncs()
            for resource in sync.rules
        )


def reports(record: Record) -> tuple[SyncReport, ...]:
    """What each sync came to that asked a host."""
    return tuple(found for sync in record.archive.syncs(cause=Cause.SYNC) if (found := SyncReport.read(sync.report)))


class _Collector:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        yield from _record(self._facts)
        yield from _resources(self._facts)
        yield from _reports(self._facts.reports)
        yield from _views(self._facts.views)


def _record(facts: Facts) -> Iterator[Metric]:
    from prometheus_client.metrics_core import GaugeMetricFamily

    seen = facts.overview
    yield _gauge("orlog_record_size_bytes", "Bytes of the record's files", seen.sizes.file)
    yield _gauge("orlog_events", "Events in the log", seen.seq)
    yield _gauge("orlog_log_generation", "Number of the log's generation", seen.generation)
    yield _gauge("orlog_issues", "What could not be taken at its word", seen.issues)
    if seen.last is not None:
        yield _gauge("orlog_log_observed_timestamp_seconds", "Time of the log's last sync", seen.last.timestamp())
    if facts.disk is not None:
        yield _gauge("orlog_disk_used_bytes", "Bytes used of the disk under the record", facts.disk.used)
        yield _gauge("orlog_disk_size_bytes", "Bytes of the disk under the record", facts.disk.total)
    live = GaugeMetricFamily("orlog_entities", "Entities that are live", labels=["category"])
    stale = GaugeMetricFamily("orlog_entities_stale", "Live ones that were not confirmed", labels=["category"])
    for category in seen.categories:
        live.add_metric([category.address], category.live)
        stale.add_metric([category.address], category.stale)
    yield _gauge("orlog_alerts", "Alerts that stand", len(seen.alerts))
    alerts = GaugeMetricFamily("orlog_alert", "1 for each alert that stands", labels=["code", "resource"])
    for alert in seen.alerts:
        alerts.add_metric([alert.code, alert.resource], 1)
    yield from (live, stale, alerts)


def _resources(facts: Facts) -> Iterator[Metric]:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    syncs = CounterMetricFamily("orlog_syncs", "Syncs, by how they ended", labels=["resource", "status"])
    for (resource, status), count in sorted(facts.endings.items()):
        syncs.add_metric([resource, status], count)
    yield syncs
    last = GaugeMetricFamily(
        "orlog_last_sync_timestamp_seconds", "When the newest sync's answers were in", labels=["resource"]
    )
    success = GaugeMetricFamily(
        "orlog_last_success_timestamp_seconds", "When the newest complete listing arrived", labels=["resource"]
    )
    every = GaugeMetricFamily(
        "orlog_sync_interval_seconds", "How often the resource is to be asked", labels=["resource"]
    )
    for line in facts.overview.resources:
        _add(last, line.resource, _seconds(line.at))
        _add(success, line.resource, _seconds(line.complete_at))
        _add(every, line.resource, line.every)
    yield from (last, success, every)


def _reports(reports: Iterable[SyncReport]) -> Iterator[Metric]:
    from prometheus_client.metrics_core import CounterMetricFamily, SummaryMetricFamily

    totals: dict[tuple[str, str], ResourceReport] = {}
    durations: dict[str, list[float]] = {}
    for report in reports:
        host = report.host or ""
        durations.setdefault(host, []).append(report.seconds)
        for resource, each in report.resources.items():
            totals[resource, host] = _sum(totals.get((resource, host), ResourceReport()), each)
    for field, (name, text) in _COUNTERS.items():
        family = CounterMetricFamily(name, text, labels=["resource", "host"])
        for labels, total in sorted(totals.items()):
            family.add_metric(labels, getattr(total, field))
        yield family
    took = SummaryMetricFamily("orlog_sync_duration_seconds", "How long syncs took", labels=["host"])
    for host, seconds in sorted(durations.items()):
        took.add_metric([host], len(seconds), sum(seconds))
    yield took


def _views(views: Iterable[ViewStatus]) -> Iterator[Metric]:
    from prometheus_client.metrics_core import GaugeMetricFamily

    rows = GaugeMetricFamily("orlog_view_rows", "Rows of a view", labels=["view"])
    events = GaugeMetricFamily("orlog_view_lag_events", "Events that a view has not taken up yet", labels=["view"])
    seconds = GaugeMetricFamily("orlog_view_lag_seconds", "How far a view is behind the log's end", labels=["view"])
    stale = GaugeMetricFamily("orlog_view_stale", "1 where a view is to be built anew", labels=["view"])
    issues = GaugeMetricFamily("orlog_view_issues", "What did not fit a view", labels=["view"])
    for each in views:
        rows.add_metric([each.name], each.rows)
        events.add_metric([each.name], each.lag_events)
        if each.lag_seconds is not None:
            seconds.add_metric([each.name], each.lag_seconds)
        stale.add_metric([each.name], each.stale is not None)
        issues.add_metric([each.name], each.issues)
    yield from (rows, events, seconds, stale, issues)


_COUNTERS = {
    "planned": ("orlog_requests_planned", "Requests that syncs had planned"),
    "asked": ("orlog_requests", "Requests that were made"),
    "failed": ("orlog_requests_failed", "Requests that brought no answer"),
    "unchanged": ("orlog_requests_unchanged", "Requests answered with 304"),
    "bytes": ("orlog_answer_bytes", "Bytes of answers"),
    "seconds": ("orlog_request_seconds", "Seconds that requests took, added up"),
}


def _sum(one: ResourceReport, other: ResourceReport) -> ResourceReport:
    return ResourceReport(*(getattr(one, name) + getattr(other, name) for name in ResourceReport.__struct_fields__))


def _gauge(name: str, text: str, value: float) -> Metric:
    from prometheus_client.metrics_core import GaugeMetricFamily

    return GaugeMetricFamily(name, text, value=value)


def _add(family: GaugeMetricFamily, resource: str, value: float | None) -> None:
    if value is not None:
        family.add_metric([resource], value)


def _seconds(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()
