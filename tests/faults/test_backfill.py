"""A long history in slices: closed ones are asked for once, whatever happens to the process, the log or the file."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from collector import (
    Answer,
    Choice,
    Source,
    Synced,
    Transport,
    load,
    plan_sync,
    rebuild_log,
    shipped,
    sync_source,
    watched,
)
from collector.world.loopback import Asked, LoopbackServer, Play
from eventstore import Record, Status, to_ms, verify
from tests.commandline import orlog
from tests.thorough import much
from tests.timing import quickest

HOUR: Final = timedelta(hours=1)
SINCE: Final = datetime(2025, 1, 1, tzinfo=UTC)
ROWS: Final = 500  # hours: of a slice
SYMBOLS: Final = ("BTCUSDT", "ETHUSDT")
SLICES: Final = 8  # of each symbol: seven are closed, the eighth is half over
NOW: Final = SINCE + (SLICES - 1 / 2) * ROWS * HOUR


class Exchange:
    """A server of candles up to its `now`: each is what it is, but for the one that is not over."""

    def __init__(self) -> None:
        self.now = NOW
        self.asked: list[tuple[str, int]] = []

    def __call__(self, asked: Asked) -> Play:
        url = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(url.query, strict_parsing=True).items()}
        assert url.path == "/api/v3/klines"
        assert query["limit"] == str(ROWS)
        first, last = int(query["startTime"]), int(query["endTime"])
        self.asked.append((query["symbol"], first))
        body = json.dumps(candles(query["symbol"], first, min(last, to_ms(self.now)), to_ms(self.now))).encode()
        return Play(headers={"Content-Type": "application/json"}, body=body)

    def take(self) -> list[tuple[str, int]]:
        """What was asked since the last time, by symbol and start."""
        asked, self.asked = sorted(self.asked), []
        return asked


def candles(symbol: str, first: int, last: int, now: int) -> list[list[Any]]:
    hour = HOUR // timedelta(milliseconds=1)
    starts = range(first, last + 1, hour)
    return [[at, f"{len(symbol)}.{at // hour % 97}", min(now, at + hour - 1)] for at in starts]


def klines(symbols: Sequence[str], **source: Any) -> Source:
    """The shipped source, asked for these symbols."""
    binance = shipped()["binance"]
    (resource,) = binance.resources
    resource = msgspec.structs.replace(resource, params={"symbol": tuple(symbols), "interval": ("1h",)})
    return msgspec.structs.replace(binance, resources=(resource,), rate=None, **source)


class Backfill(NamedTuple):
    """A data directory, the exchange, and the source that asks it."""

    data: Path
    exchange: Exchange
    source: Source

    def sync(self, *, later: timedelta = timedelta(), due: bool = False) -> Synced | None:
        """Open the record, sync, close it: what a restart is too."""
        self.exchange.now = NOW + later
        with Record.open(self.data, write=True) as record:
            return sync_source(record, self.source, now=lambda: self.exchange.now, choice=Choice(due=due))

    def documents(self) -> dict[str, Any]:
        with Record.open(self.data) as record:
            return {key: state.document for key, state in record.log.catalogue("klines").items()}


@pytest.fixture
def backfill(tmp_path: Path) -> Iterator[Backfill]:
    exchange = Exchange()
    with LoopbackServer(exchange) as server:
        yield Backfill(tmp_path / "data", exchange, klines(SYMBOLS, base_url=server.base_url))


def starts(*numbers: int) -> list[tuple[str, int]]:
    """The slices of these numbers, of each symbol."""
    return [(symbol, to_ms(SINCE + number * ROWS * HOUR)) for symbol in SYMBOLS for number in numbers]


EVERY: Final = starts(*range(SLICES))
OPEN: Final = starts(SLICES - 1)


def test_a_restart_asks_for_the_open_slice_and_for_no_closed_one(backfill: Backfill) -> None:
    first = backfill.sync()
    assert first is not None
    assert first.recorded is not None
    assert (first.recorded.status, first.failed, first.recorded.appeared) == (Status.SUCCESS, 0, len(EVERY))
    assert backfill.exchange.take() == EVERY
    for hours in (1, 2, 3):
        backfill.sync(later=hours * HOUR)
        assert backfill.exchange.take() == OPEN
    assert backfill.sync(later=3 * HOUR + timedelta(minutes=1), due=True) is None
    assert backfill.exchange.take() == []


def test_a_slice_that_closes_is_asked_for_once_more_and_the_next_one_begins(backfill: Backfill) -> None:
    backfill.sync()
    backfill.exchange.take()
    closing = ROWS / 2 * HOUR
    backfill.sync(later=closing + timedelta(minutes=1))  # it is over, but may still settle
    assert backfill.exchange.take() == starts(SLICES - 1, SLICES)
    backfill.sync(later=closing + HOUR)
    assert backfill.exchange.take() == starts(SLICES - 1, SLICES)
    backfill.sync(later=closing + 2 * HOUR)
    assert backfill.exchange.take() == starts(SLICES)
    documents = backfill.documents()
    for symbol, start in starts(*range(SLICES)):
        rows = documents[f"{symbol}:1h:{start}"]
        assert rows == candles(symbol, start, start + (ROWS - 1) * 3_600_000, to_ms(NOW + 365 * 24 * HOUR))


def test_a_sync_that_was_told_to_stop_goes_on_where_it_stopped(backfill: Backfill) -> None:
    with Record.open(backfill.data, write=True) as record:
        sync_source(
            record,
            backfill.source,
            now=lambda: NOW,
            stop=lambda: len(backfill.exchange.asked) >= SLICES,
        )
    before = backfill.exchange.take()
    assert SLICES <= len(before) < len(EVERY)
    backfill.sync(later=timedelta(minutes=1), due=True)
    after = backfill.exchange.take()
    assert set(before) - set(OPEN) == set(EVERY) - set(OPEN) - set(after)
    backfill.sync(later=timedelta(minutes=2), due=True)
    assert backfill.exchange.take() == []
    assert len(backfill.documents()) == len(EVERY)


def test_after_a_rebuild_all_slices_are_there_and_none_is_asked_for_again(backfill: Backfill) -> None:
    backfill.sync()
    backfill.sync(later=HOUR)  # the open slices have one more row
    backfill.sync(later=HOUR + timedelta(minutes=1))  # and say the same: no listing is written, it is a repeat
    backfill.exchange.take()
    documents = backfill.documents()
    assert len(documents) == len(EVERY)
    with Record.open(backfill.data, write=True) as record:
        assert rebuild_log(record, now=NOW + 2 * HOUR).same
        assert verify(record, deep=True) == []
    assert backfill.documents() == documents
    assert backfill.exchange.take() == []
    backfill.sync(later=3 * HOUR)
    assert backfill.exchange.take() == OPEN


def test_after_new_rules_no_closed_slice_is_asked_for_again(backfill: Backfill) -> None:
    """P29: the archive is read again by new rules, not the API."""
    backfill.sync()
    backfill.exchange.take()
    (resource,) = backfill.source.resources
    rules = msgspec.structs.replace(resource.extraction, drop=("/0/1",))
    source = msgspec.structs.replace(backfill.source, resources=(msgspec.structs.replace(resource, extraction=rules),))
    backfill._replace(source=source).sync(later=HOUR)
    assert backfill.exchange.take() == OPEN


class Short:
    """A transport of slices with one row."""

    async def ask(
        self,
        path: str,  # noqa: ARG002
        params: Mapping[str, str],
        *,
        validators: Mapping[str, str] = {},  # noqa: ARG002
    ) -> Answer:
        return Answer(params, 200, f'[[{params["start"]}, "1.0"]]'.encode())

    async def aclose(self) -> None:
        pass


OF_EACH: Final = """
[source]
name = "exchange"
base_url = "https://exchange.example"

[[resource]]
name = "symbols"
category = "symbol"
path = "/symbols"
items = ""
key = "{id}"

[[resource]]
name = "klines"
category = "klines"
for_each = "symbol"
path = "/klines?symbol={symbol}&from={start}&to={end}"
slices = { from = "2025-01-01", step = "1h", rows = 500, time = "/0" }
key = "{symbol}:{start}"
"""


def test_slices_of_each_entity_of_another_category_are_asked_for_once_too(tmp_path: Path) -> None:
    asked: list[Mapping[str, str]] = []

    class Each(Short):
        async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
            if path == "/symbols":
                return Answer(params, 200, json.dumps([{"id": symbol} for symbol in SYMBOLS]).encode())
            asked.append(params)
            return await super().ask(path, params, validators=validators)

    (tmp_path / "exchange.toml").write_text(OF_EACH)
    source = load(tmp_path / "exchange.toml")
    for later in (timedelta(), HOUR):
        asked.clear()
        with Record.open(tmp_path / "data", write=True) as record:
            sync_source(record, source, now=lambda: NOW + later, transport=Each())  # noqa: B023 - called at once
        found = sorted((params["symbol"], int(params["start"])) for params in asked)
        assert found == (OPEN if later else EVERY)


# -- tampering


ROWS_OF: Final = {
    "a pack of attempts": ("sync", "attempts"),
    "a listing": ("listing_1", None),
    "an event": ("event_1", None),
    "an answer": ("answer", None),
    "what was news": ("news", None),
    "when a scope was asked": ("asked", None),
    "a sync": ("sync", None),
    "an entry": ("entry", None),
}


@pytest.mark.parametrize("what", ROWS_OF)
@pytest.mark.parametrize("how", ["deleted", "swapped"])
def test_rows_that_are_deleted_or_swapped_are_named_by_verify(backfill: Backfill, what: str, how: str) -> None:
    """P15: corruption gives a clear error."""
    backfill.sync()
    backfill.sync(later=HOUR)
    table, column = ROWS_OF[what]
    with contextlib.closing(sqlite3.connect(backfill.data / "record.db")) as db, db:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        keys = {row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5]}
        changed = [column] if column else [each for each in columns if each not in keys]
        rowids = last_two(db, table)
        if how == "deleted" and column:
            db.execute(f"UPDATE {table} SET {column} = NULL WHERE {rowids[-1]}")
        elif how == "deleted":
            db.execute(f"DELETE FROM {table} WHERE {rowids[-1]}")
        else:
            swap(db, table, changed, rowids)
    with Record.open(backfill.data) as record:
        findings = verify(record)
    assert findings
    assert any(finding.sync in {1, 2} for finding in findings), findings


def last_two(db: sqlite3.Connection, table: str) -> list[str]:
    """Conditions that hold for one of the last two rows each."""
    keys = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5]]
    rows = db.execute(f"SELECT {', '.join(keys)} FROM {table} ORDER BY {', '.join(f'{key} DESC' for key in keys)}")
    return [" AND ".join(f"{key} = {value}" for key, value in zip(keys, row, strict=True)) for row in rows.fetchmany(2)]


def swap(db: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[str]) -> None:
    names, values = ", ".join(columns), ", ".join(f"{name} = ?" for name in columns)
    one, other = (db.execute(f"SELECT {names} FROM {table} WHERE {row}").fetchone() for row in rows)
    assert one != other
    if table == "answer":  # no two may have the same hash, not even for a moment
        db.execute(f"UPDATE {table} SET hash = x'00' WHERE {rows[0]}")
    for row, stored in ((rows[1], one), (rows[0], other)):
        db.execute(f"UPDATE {table} SET {values} WHERE {row}", stored)


def test_an_older_record_in_the_place_of_a_newer_one_is_named_by_whoever_kept_a_root(backfill: Backfill) -> None:
    backfill.sync()
    shutil.copytree(backfill.data, backfill.data.with_name("older"))
    newer = backfill.sync(later=HOUR)
    assert newer is not None
    assert newer.recorded is not None
    root = newer.recorded.root
    assert orlog("--data", backfill.data, "verify", "--root", root).returncode == 0
    shutil.copy(backfill.data.with_name("older") / "record.db", backfill.data / "record.db")
    assert orlog("--data", backfill.data, "verify").returncode == 0, "by itself it is sound"
    ended = orlog("--data", backfill.data, "verify", "--root", root)
    assert ended.returncode == 5
    assert f"the chain never had the root {root}".encode() in b" ".join(ended.stdout.split())


# -- many


CLOSED: Final = much(50_000, 200_000)
PLANNED_IN: Final = CLOSED / 100_000  # seconds
# That is for a machine on which reading the slices takes a tenth of it; a slower one has so many times what that takes
# there.
TIMES_READING: Final = 12  # measured: 6
SYMBOLS_OF_MANY: Final = 200


@pytest.mark.thorough
def test_closed_slices_are_planned_at_a_hundred_thousand_a_second(tmp_path: Path) -> None:
    symbols = [f"S{number:03}USDT" for number in range(SYMBOLS_OF_MANY)]
    each = CLOSED // SYMBOLS_OF_MANY
    now = SINCE + each * ROWS * HOUR + 20 * timedelta(minutes=1)
    transport: Transport = Short()
    with Record.open(tmp_path, write=True) as record:
        sync_source(record, klines(symbols[:1]), now=lambda: now, transport=transport)
    multiply(tmp_path / "record.db", symbols)
    source = klines(symbols)
    with Record.open(tmp_path) as record:
        reading, rows = quickest(lambda: everything_in(tmp_path / "record.db", "scope"))
        limit = max(PLANNED_IN, TIMES_READING * reading)
        assert len(rows) > CLOSED
        took, plan = quickest(lambda: list(plan_sync(record, source, now=now + HOUR)), of=2)
        assert {(each.params["symbol"], each.params["start"]) for each in plan} == {
            (symbol, str(to_ms(SINCE + each * ROWS * HOUR))) for symbol in symbols
        }
        assert took < limit
        took, (facts,) = quickest(lambda: watched(record, source, now=now + HOUR), of=2)
        assert len(facts.scopes) == len(symbols)
        assert took < limit


def multiply(file: Path, symbols: Sequence[str]) -> None:
    """Give what stands of the first symbol's slices to the others too: asking for all would take two minutes."""
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        scopes = db.execute("SELECT id, source, resource, params FROM scope").fetchall()
        step = len(scopes)
        for number, symbol in enumerate(symbols[1:], 1):
            rows = [(id_ + number * step, *of, params.replace(symbols[0], symbol)) for id_, *of, params in scopes]
            db.executemany("INSERT INTO scope VALUES (?, ?, ?, ?)", rows)
            for table, columns in (
                ("listing_1", "complete, entry, attempt, rules, settled"),
                ("asked", "sync, attempt"),
            ):
                db.execute(f"INSERT INTO {table} SELECT scope + ?, {columns} FROM {table} WHERE scope <= ?",
                           (number * step, step))  # fmt: skip


def everything_in(file: Path, table: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(file)) as db:
        return db.execute(f"SELECT * FROM {table}").fetchall()
