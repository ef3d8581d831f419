"""Laying steps of a history down in a record, and in the model of it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from eventstore import Cause, Document, Item, Listing, Record, Recorded, Request, Rules, Scope, from_ms, to_ms
from tests.model import Model
from tests.properties.histories import START, Question, Step

RULES: Final = Rules(hashlib.sha256(b"{}").hexdigest(), "{}")
MODELS: Final = Scope("api", "models")


class Laid(NamedTuple):
    """What was archived of a step: enough to record it again, and what the model observes."""

    sync: int
    at: int
    asked: dict[int, int]
    listings: tuple[Listing, ...]


@functools.cache
def empty_record() -> bytes:
    """The bytes of a record of nothing, made once."""
    with tempfile.TemporaryDirectory() as folder:
        with Record.open(folder, write=True) as record:
            path = record.path
        return path.read_bytes()


@contextlib.contextmanager
def new_record() -> Iterator[Record]:
    """An empty record in a folder that goes when it is closed.

    It does not wait for the disk, which is what most of the time would be spent on.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "record.db").write_bytes(empty_record())
        with Record.open(folder, write=True) as record:
            record._db.execute("PRAGMA synchronous = OFF")
            yield record


@contextlib.contextmanager
def laid_record(history: Iterable[Step]) -> Iterator[tuple[Record, Model]]:
    """A record of a history, and the model of it."""
    with new_record() as record:
        model = Model()
        for step in history:
            lay_down(record, model, step)
        yield record, model


def lay_down(record: Record, model: Model, step: Step) -> tuple[Laid, Recorded]:
    """Lay a step down in both, in one transaction."""
    if step.cold:
        record.archive.forget()
        record.log.forget()
    with record.transaction():
        laid = archive(record, step)
        recorded = record.log.record(laid.sync, laid.listings)
    model.observe(*laid)
    return laid, recorded


def archive(record: Record, step: Step) -> Laid:
    """Archive a step: the first half of laying it down. Needs a transaction."""
    rules = {f"{question.scope.source}.{question.scope.resource}": RULES for question in step.questions}
    opened_at = min((question.requested_at for question in step.questions), default=step.at)
    sync = record.archive.open_sync(Cause.SYNC, opened_at=opened_at, rules=rules)
    numbers = record.archive.add(sync, [request_of(question) for question in step.questions])
    record.archive.close_sync(sync, at=step.at)
    attempts = dict(zip(numbers, step.questions, strict=True))
    return Laid(
        sync,
        to_ms(step.at),
        {attempt: to_ms(question.requested_at) for attempt, question in attempts.items()},
        tuple(
            msgspec.structs.replace(question.listing, attempt=attempt)
            for attempt, question in attempts.items()
            if question.listing is not None
        ),
    )


def request_of(question: Question) -> Request:
    """What is archived of a question: some bytes with the documents in them, or an error."""
    if question.listing is None:
        return Request(question.scope, question.requested_at, question.received_at, error="timed out")
    parts = (document for item in question.listing.items for _, document in item.parts)
    body = b"\n".join(document.canonical for document in parts)
    return Request(question.scope, question.requested_at, question.received_at, 200, body)


def step_of(number: int, scope: Scope, listing: Listing | None) -> Step:
    """A sync that asks one scope, `number` hours after the start."""
    at = hour(number)
    return Step(at, (Question(scope, at, at, listing),))


def hour(number: int) -> datetime:
    """So many hours after the start."""
    return from_ms(START + number * 3_600_000)


def rules_named(name: str) -> Rules:
    """Rules that differ from others by a name only."""
    text = f'{{"name":"{name}"}}'
    return Rules(hashlib.sha256(text.encode()).hexdigest(), text)


def lay_documents(
    record: Record,
    number: int,
    documents: Mapping[str, Any],
    *,
    scope: Scope = MODELS,
    category: str = "model",
    rules: Rules = RULES,
) -> Recorded:
    """Record a complete listing of one scope at an hour, with a document for each key."""
    at = hour(number)
    items = tuple(Item(key, ((category, Document.of(value)),)) for key, value in documents.items())
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules={f"{scope.source}.{scope.resource}": rules})
        (attempt,) = record.archive.add(sync, [Request(scope, at, at, 200, repr(documents).encode())])
        record.archive.close_sync(sync, at=at)
        return record.log.record(sync, [Listing(scope, (category,), attempt, complete=True, items=items)])
