"""A log that is rebuilt when answers and syncs went: what cannot be folded again is copied word for word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector import FilesHistory, Rebuilt, World, import_history, play, rebuild_log, resolve
from eventstore import Record, parse_policy, verify
from eventstore import answers as arriving
from eventstore.compaction import Work, drafting, sealing
from eventstore.compaction import answers as packing

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
THINNED = parse_policy(
    '[default]\nseal_after = "1d"\ntiers = [{ for = "3d", keep = "all" }]\nolder = "daily"\n[archive]\nfor = "5d"\n'
)
KEPT = parse_policy('[default]\nseal_after = "1d"\nkeep = "all"\n[archive]\nfor = "4d"\n')
THINGS = '[[resource]]\nname = "things"\ncategory = "thing"\nitems = ""\nkey = "{id}"\n'


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments, blocks and runs of deltas so small that a short history has several."""
    monkeypatch.setattr(arriving, "FULL_COPY_EVERY", 4)
    monkeypatch.setattr(packing, "PACKED_CHAIN", 4)
    monkeypatch.setattr(packing, "PACK_ANSWERS", 2)
    monkeypatch.setattr(sealing, "SEGMENT_EVENTS", 40)
    monkeypatch.setattr(sealing, "THINNED_EVENTS", 40)
    monkeypatch.setattr(sealing, "EVENTS_EACH", 1)
    monkeypatch.setattr(drafting, "BLOCK_BYTES", 2000)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """Nine days of a generated API, asked every six hours."""
    with Record.open(tmp_path / "data", write=True) as record:
        record._db.execute("PRAGMA synchronous = OFF")
        play(record, World(7, start=START, days=9, models=4, failures=0.1), every=timedelta(hours=6))
        yield record


def told(record: Record) -> list[Any]:
    """All that the log says: its events, and how all stood after each sync that is left, confirmed by whom."""
    found: list[Any] = list(record.log.events())
    for entry in record.log.entries():
        if entry.observed_at is not None:
            for category in record.log.categories():
                found.extend(record.log.catalogue(category.address, at=entry.observed_at).values())
    return found


def rebuilt(record: Record) -> Rebuilt:
    done = rebuild_log(record, now=START + 30 * DAY)
    assert verify(record, deep=True) == []
    return done


@pytest.mark.parametrize("policy", [THINNED, KEPT], ids=["thinned", "kept whole"])
def test_under_the_same_rules_the_log_is_the_same(record: Record, policy: Any) -> None:
    record.compact(policy, lossy=True)
    before, since = told(record), record.evidence_since()
    assert since is not None
    for _ in range(2):  # also where the part that is copied was copied before
        done = rebuilt(record)
        assert done.same
        assert 0 < done.copied < done.syncs
        assert done.left == 0
        assert told(record) == before
        assert record.evidence_since() == since
    play(record, World(7, start=START + 20 * DAY, days=1, models=4), every=timedelta(hours=6))
    assert verify(record, deep=True) == []


def test_a_compaction_that_was_killed_is_ended_first(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """R5: else no receipt would ever say what it had dropped, and nobody could prove that it did."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Work, "end", killed)
        with pytest.raises(KeyboardInterrupt):
            record.compact(THINNED, lossy=True)
    before, since = told(record), record.evidence_since()
    assert since is not None
    assert rebuilt(record).same
    assert told(record) == before
    assert record.evidence_since() == since
    first, second = record.compactions()
    assert first.report is not None
    assert first.report.dropped is not None
    assert (first.generation, second.generation) == (1, 2)
    assert record.compact(THINNED, lossy=True).reports == ()


def test_where_nothing_went_nothing_is_copied(record: Record) -> None:
    assert record.evidence_since() is None
    assert rebuilt(record).copied == 0


def saved(folder: Path, day: int, n: int) -> None:
    (folder / f"{START + day * DAY:%Y-%m-%dT%H}.json").write_text(f'[{{"id": "a", "n": {n}, "m": {n}}}]')


def imported(record: Record, folder: Path, rules: str) -> None:
    (folder / "shop.toml").write_text(rules)
    import_history(record, resolve(str(folder / "shop.toml")), FilesHistory(folder, pattern="{time:%Y-%m-%dT%H}.json"))


def test_new_rules_hold_from_the_horizon_on_and_older_versions_stay_archived(tmp_path: Path) -> None:
    with Record.open(tmp_path / "data", write=True) as record:
        for day in range(12):
            saved(tmp_path, day, day)
        imported(record, tmp_path, THINGS)
        record.compact(KEPT, lossy=True)
        since = record.evidence_since()
        assert since is not None
        before = list(record.log.events(until=since - timedelta(milliseconds=1)))
        (tmp_path / f"{START + DAY / 2:%Y-%m-%dT%H}.json").write_text('[{"id": "late"}]')
        saved(tmp_path, 12, 12)
        imported(record, tmp_path, f'{THINGS}drop = ["/m"]\n')
        done = rebuilt(record)
        assert (done.copied, done.left, done.same) == (len(before), 1, False)
        assert list(record.log.events())[: len(before)] == before
        entity = record.log.entity("thing", "a")
        documents = [(version.event.observed_at, version.content) for version in record.log.history(entity)]
        assert [content is not None and "m" in content.value for at, content in documents] == [
            at < since for at, _ in documents
        ]
        assert record.log.state(entity) is not None
        assert rebuilt(record).same
