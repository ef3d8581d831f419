"""The cookbook's questions are answered by views of the generated world, and by way of an index where there is one."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from collector import World, play
from eventstore import Kind, Record
from projector import VIEWS_FILE, Catalogue, Query, Runner, Store
from tests.cookbook import ENDPOINT, MODEL, about, questions
from tests.projecting import Said, Views

QUESTIONS: Final = questions()

START: Final = datetime(2025, 5, 25, tzinfo=UTC)
INSTANT: Final = datetime(2025, 6, 1, tzinfo=UTC)  # the one that the page asks about
FIRST_CANDLE: Final = 1_735_689_600_000
HOUR: Final = 3_600_000

BY_HAND: Final = {
    "Endpoints that are still listed though their model is not",
    "The candles of a series in a span of time",
    "Where candles are missing",
}
"""What the world has not: it takes endpoints along with their model, and trades nothing."""

ROWS: Final = {
    "What a million tokens of a model's prompts cost at an instant": 1,
    "The cheapest endpoint of a model on a date": 1,
    "How long models live": 1,
    "Endpoints that are still listed though their model is not": 1,
    "The candles of a series in a span of time": 3,
    "Where candles are missing": 1,
    "Models that vanished": 2,
    "How many there were on each day of a month": 7,
    "What stands and was not confirmed for long": 4,
    "All intervals in which one model was listed": 3,
}
"""How many rows some questions have; all others have at least one."""


OTHERS: Final = {
    "All intervals in which one model was listed": {MODEL: "alder-labs/rook-1-preview:free"},  # it came back twice
}


class Asked(NamedTuple):
    """Records with views, and the names in them that stand for those of the page."""

    world: Path
    by_hand: Path
    names: dict[str, str]

    def views(self, question: str) -> Path:
        return (self.by_hand if question in BY_HAND else self.world) / VIEWS_FILE

    def sql(self, question: str) -> str:
        return about(QUESTIONS[question], {**self.names, **OTHERS.get(question, {})})

    def answer(self, question: str) -> list[dict[str, Any]]:
        with Query(self.views(question), self.sql(question), seconds=5) as query:
            return [dict(zip(query.columns, row, strict=True)) for row in query.rows()]

    @contextlib.contextmanager
    def record(self) -> Iterator[Record]:
        with Record.open(self.world) as record:
            yield record


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder, by_hand = tmp_path_factory.mktemp("world"), tmp_path_factory.mktemp("by-hand")
    with Record.open(folder, write=True) as record:
        play(record, World(5, start=START, days=8, models=14, failures=0.06), every=timedelta(hours=6))
        project(record)
    with Record.open(by_hand, write=True) as record:
        candles = [candle(FIRST_CANDLE + number * HOUR) for number in (0, 1, 4)]
        Views(record).lay(
            0,
            Said("openrouter.model", {}),
            Said("openrouter.endpoint", {"gone/model#p": {"provider_name": "P"}}, parent="gone/model"),
            Said("binance.klines", {f"BTCUSDT:1h:{FIRST_CANDLE}": candles}),
        )
        project(record)
    endpoint = "ember-works/pollen-2-27b#gantry/fp16"  # it was down now and then
    return Asked(folder, by_hand, {MODEL: "ember-works/pollen-2-27b", ENDPOINT: endpoint})


def project(record: Record) -> None:
    with Store.open(record.path.with_name(VIEWS_FILE), write=True) as store:
        Runner(record, store, Catalogue()).run()


def candle(opens: int) -> list[Any]:
    return [opens, "1", "2", "0.5", "1.5", "10", opens + HOUR - 1, "0", 3]


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_has_an_answer(asked: Asked, question: str) -> None:
    rows = asked.answer(question)
    assert rows
    assert len(rows) == ROWS.get(question, len(rows))
    assert len(set(rows[0])) == len(rows[0])


def test_the_page_has_no_question_of_one_name_twice() -> None:
    assert len(QUESTIONS) >= 25
    assert {*ROWS, *BY_HAND} <= QUESTIONS.keys()


@pytest.mark.parametrize("question", [name for name, sql in QUESTIONS.items() if MODEL in sql])
def test_a_question_about_one_entity_looks_at_its_rows_only(asked: Asked, question: str) -> None:
    with contextlib.closing(sqlite3.connect(asked.views(question))) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {asked.sql(question)}")]
    scanned = {found[1] for step in plan if (found := re.match(r"SCAN (\w+)", step))}
    # `e`, `m` and `p` are the tables that `offers` is made of; `s` is what came of them
    assert scanned.isdisjoint(tables | {"e", "m", "p"}), plan
    assert any("USING" in step and "INDEX" in step for step in plan)


# -- answers are those of the log


def test_the_price_at_an_instant_is_what_the_document_said_then(asked: Asked) -> None:
    with asked.record() as record:
        state = record.log.state(record.log.entity("model", asked.names[MODEL]), at=before(INSTANT))
        assert state is not None
    (row,) = asked.answer("What a million tokens of a model's prompts cost at an instant")
    assert Decimal(row["price"]) == Decimal(state.document["pricing"]["prompt"])
    assert row["per_million"] == float(Decimal(row["price"]) * 1_000_000)


def test_the_cheapest_endpoint_is_the_one_whose_document_said_so(asked: Asked) -> None:
    with asked.record() as record:
        endpoints = record.log.catalogue("endpoint", at=before(INSTANT))
    prices = {
        key: Decimal(state.document["pricing"]["prompt"])
        for key, state in endpoints.items()
        if state.parent == asked.names[MODEL]
    }
    (row,) = asked.answer("The cheapest endpoint of a model on a date")
    assert len(prices) > 1
    assert prices[row["key"]] == min(prices.values())


def test_the_models_at_an_instant_are_the_catalogue_of_then(asked: Asked) -> None:
    with asked.record() as record:
        models = record.log.catalogue("model", at=before(INSTANT))
    found = asked.answer("All models at an instant")
    assert [(row["key"], row["name"]) for row in found] == [
        (key, each.document["name"]) for key, each in models.items()
    ]


def test_models_that_vanished_are_those_that_disappeared_for_good(asked: Asked) -> None:
    with asked.record() as record:
        last = {event.entity.key: event for event in record.log.events("model")}
    gone = {key for key, event in last.items() if event.kind is Kind.DISAPPEARED}
    assert {row["key"] for row in asked.answer("Models that vanished")} == gone


def test_what_changed_in_a_week_is_what_versions_in_a_row_say_differently(asked: Asked) -> None:
    """By the example of the price of prompts."""
    expected = []
    with asked.record() as record:
        for key in record.log.catalogue("model", at=START):
            for old, new in pairwise(record.log.history(record.log.entity("model", key))):
                prices = [
                    None if each.content is None else each.content.value["pricing"]["prompt"] for each in (old, new)
                ]
                if None not in prices and prices[0] != prices[1] and new.event.observed_at < INSTANT:
                    expected.append((new.event.seq, key, *(f'"{price}"' for price in prices)))
    found = asked.answer("Everything that changed in a week")
    prompts = [row for row in found if row["category"] == "model" and row["path"] == "/pricing/prompt"]
    assert [(row["key"], row["before"], row["after"]) for row in prompts] == [each[1:] for each in sorted(expected)]
    assert len(prompts) > 5


def test_what_is_missing_between_candles_is_told_from_when_to_when(asked: Asked) -> None:
    (gap,) = asked.answer("Where candles are missing")
    assert (gap["missing_from"], gap["missing_to"]) == ("2025-01-01T02:00:00.000Z", "2025-01-01T04:00:00.000Z")
    assert gap["candles"] == 2


def before(instant: datetime) -> datetime:
    """The last time before an instant that starts a day: on the page that is text, and earlier than what begins so."""
    return instant - timedelta(milliseconds=1)
