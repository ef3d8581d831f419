"""Metrics: what Prometheus reads is what the record holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from cli.main import program
from cli.metrics import Facts, endings, exposition
from cli.overview import overview
from collector import ResourceReport, SyncReport
from eventstore import Cause, Disk, Record, Request, Scope, Status
from projector import ViewStatus, Why
from tests.laying import MODELS, RULES, hour, lay_documents, new_record

NOW = hour(10)


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as record:
        yield record


def fail(record: Record, number: int, scope: Scope = MODELS) -> None:
    """A sync at an hour that got no answer."""
    at = hour(number)
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules={f"{scope.source}.{scope.resource}": RULES})
        record.archive.add(sync, [Request(scope, at, at, error="timed out")])
        record.archive.close_sync(sync, at=at)
        record.log.record(sync, [], status=Status.FAILED)


def facts(record: Record, *reports: SyncReport, disk: Disk | None = None) -> Facts:
    seen = overview(record, {"api.models": timedelta(hours=1)}, now=NOW)
    return Facts(seen, endings(record), reports, disk)


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    """Values by name and labels' values, as Prometheus' own parser reads them."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_syncs_are_counted_by_resource_and_by_how_they_ended(record: Record) -> None:
    """P26: success rate and counts, for Prometheus."""
    lay_documents(record, 1, {"a": {}, "b": {}})
    for number in (2, 3, 4):
        fail(record, number)
    lay_documents(record, 5, {"x": {}}, scope=Scope("api", "shoes"), category="shoe")
    with record.transaction():
        record.archive.open_sync(Cause.SYNC, opened_at=hour(6), rules={"api.shoes": RULES})
    found = samples(exposition(facts(record)))
    counted = {key[1:]: value for key, value in found.items() if key[0] == "orlog_syncs_total"}
    assert counted == {
        ("api.models", "success"): 1,
        ("api.models", "failed"): 3,
        ("api.shoes", "success"): 1,
        ("api.shoes", "open"): 1,
    }


def test_what_is_recorded_is_told_by_category_and_resource(record: Record) -> None:
    lay_documents(record, 1, {"a": {}, "b": {}})
    fail(record, 2)
    found = samples(exposition(facts(record, disk=Disk(7, 9))))
    assert found["orlog_entities", "api.model"] == 2
    assert found["orlog_entities_stale", "api.model"] == 2
    assert found["orlog_events",] == 2
    assert found["orlog_last_success_timestamp_seconds", "api.models"] == hour(1).timestamp()
    assert found["orlog_last_sync_timestamp_seconds", "api.models"] == hour(2).timestamp()
    assert found["orlog_sync_interval_seconds", "api.models"] == 3600
    assert found["orlog_record_size_bytes",] == record.size()
    assert (found["orlog_disk_used_bytes",], found["orlog_disk_size_bytes",]) == (7, 9)


def test_an_alert_is_1_as_long_as_it_stands(record: Record) -> None:
    for number in (1, 2, 3):
        fail(record, number)
    found = samples(exposition(facts(record)))
    assert (found["orlog_alert", "failing", "api.models"], found["orlog_alerts",]) == (1, 1)
    lay_documents(record, 4, {"a": {}})
    found = samples(exposition(facts(record)))
    assert ("orlog_alert", "failing", "api.models") not in found
    assert found["orlog_alerts",] == 0


def test_requests_bytes_and_seconds_are_added_up_by_resource_and_host(record: Record) -> None:
    """P26: durations and counts."""
    one = SyncReport(2.0, "api.example", {"api.models": ResourceReport(5, 4, 1, 2, 1000, 0.5)})
    two = SyncReport(
        3.0, "api.example", {"api.models": ResourceReport(1, 1, 0, 0, 10, 0.25), "api.x": ResourceReport()}
    )
    offline = SyncReport(1.0, None, {"api.models": ResourceReport(asked=7)})
    found = samples(exposition(facts(record, one, two, offline)))
    host = "api.example"
    assert found["orlog_requests_planned_total", host, "api.models"] == 6
    assert found["orlog_requests_total", host, "api.models"] == 5
    assert found["orlog_requests_failed_total", host, "api.models"] == 1
    assert found["orlog_requests_unchanged_total", host, "api.models"] == 2
    assert found["orlog_answer_bytes_total", host, "api.models"] == 1010
    assert found["orlog_request_seconds_total", host, "api.models"] == 0.75
    assert found["orlog_requests_total", "", "api.models"] == 7
    assert (found["orlog_sync_duration_seconds_count", host], found["orlog_sync_duration_seconds_sum", host]) == (2, 5)


def test_every_metric_says_what_it_is_and_has_a_name_of_ours(record: Record) -> None:
    lay_documents(record, 1, {"a": {}})
    text = exposition(facts(record)).decode()
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families) > 15
    assert all(family.name.startswith("orlog_") and family.documentation for family in families)
    assert "_created" not in text


def test_the_command_prints_them(tmp_path: Path) -> None:
    with Record.open(tmp_path, write=True) as record:
        lay_documents(record, 1, {"a": {}})
    (tmp_path / "orlog.toml").write_text('sources = ["openrouter"]\n', encoding="utf-8")
    result = CliRunner().invoke(program, ["metrics", "--data", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (0, "")
    found = samples(result.stdout_bytes)
    assert found["orlog_entities", "api.model"] == 1
    assert found["orlog_disk_size_bytes",] > 0
    assert ("orlog_last_success_timestamp_seconds", "openrouter.models") not in found  # it was never asked


def test_an_empty_record_has_metrics_too(record: Record) -> None:
    assert samples(exposition(Facts(overview(record, {}, now=datetime.now(UTC)))))["orlog_events",] == 0


# -- views


def view(name: str, **more: object) -> ViewStatus:
    fields: dict[str, object] = {
        "name": name,
        "shape": "table",
        "version": 1,
        "generation": 1,
        "seq": 7,
        "observed_at": hour(1),
        "lag_events": 0,
        "lag_seconds": 0.0,
        "stale": None,
        "building": None,
        "rows": 0,
        "issues": 0,
    }
    return ViewStatus(**{**fields, **more})  # type: ignore[arg-type]


def test_each_view_is_told_by_how_it_stands(record: Record) -> None:
    """P26: how far behind what is served is, for Prometheus."""
    seen = overview(record, {}, now=NOW)
    behind = view("prices", rows=9, lag_events=3, lag_seconds=60.5, stale=Why.VERSION, issues=2)
    found = samples(exposition(Facts(seen, views=(view("models", rows=4), behind))))
    assert {name[1:]: value for name, value in found.items() if name[0] == "orlog_view_rows"} == {
        ("models",): 4,
        ("prices",): 9,
    }
    assert (found["orlog_view_lag_events", "prices"], found["orlog_view_lag_events", "models"]) == (3, 0)
    assert (found["orlog_view_lag_seconds", "prices"], found["orlog_view_lag_seconds", "models"]) == (60.5, 0)
    assert (found["orlog_view_stale", "prices"], found["orlog_view_stale", "models"]) == (1, 0)
    assert (found["orlog_view_issues", "prices"], found["orlog_view_issues", "models"]) == (2, 0)


def test_how_late_a_view_is_that_was_never_made_is_not_told(record: Record) -> None:
    missing = view("prices", generation=0, observed_at=None, lag_events=3, lag_seconds=None, stale=Why.MISSING)
    found = samples(exposition(Facts(overview(record, {}, now=NOW), views=(missing,))))
    assert (found["orlog_view_lag_events", "prices"], found["orlog_view_stale", "prices"]) == (3, 1)
    assert ("orlog_view_lag_seconds", "prices") not in found


def told(folder: Path) -> dict[tuple[str, ...], float]:
    result = CliRunner().invoke(program, ["metrics", "--data", str(folder)])
    assert (result.exit_code, result.stderr) == (0, "")
    return samples(result.stdout_bytes)


def test_the_command_tells_how_far_views_are_behind_and_brings_none_up(tmp_path: Path) -> None:
    with Record.open(tmp_path, write=True) as record:
        lay_documents(record, 1, {"a": {}, "b": {}})
    assert (told(tmp_path)["orlog_view_stale", "model"], (tmp_path / "views.db").exists()) == (1, False)
    assert CliRunner().invoke(program, ["--data", str(tmp_path), "project", "run"]).exit_code == 0
    found = told(tmp_path)
    assert (found["orlog_view_rows", "model"], found["orlog_view_lag_events", "model"]) == (2, 0)
    with Record.open(tmp_path, write=True) as record:
        lay_documents(record, 3, {"a": {}})
    found = told(tmp_path)
    assert (found["orlog_view_lag_events", "model"], found["orlog_view_lag_seconds", "model"]) == (1, 7200)


@pytest.mark.parametrize("text", ['[project]\nmodules = ["nowhere.py"]\n', "[project]\nmoduls = []\n"])
def test_where_views_cannot_be_told_the_rest_is(tmp_path: Path, text: str) -> None:
    with Record.open(tmp_path, write=True) as record:
        lay_documents(record, 1, {"a": {}})
    (tmp_path / "orlog.toml").write_text(text, encoding="utf-8")
    found = told(tmp_path)
    assert found["orlog_events",] == 1
    assert not [name for name in found if name[0].startswith("orlog_view_")]
