"""The events of a record in pyeventsourcing (9.5) on SQLite: a program of its own, for another environment.

`python -m bench.pyeventsourcing RECORD DATABASE` writes each event of a record as one event of its entity there, with
its body decoded; then it reads and decodes all of them, once for each line on its stdin, and prints how many there
were, and the seconds of CPU time that it took.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import DomainEvent, datetime_now_with_tzinfo

TOGETHER = 1000  # events in one write, and in one read, as its own followers do it


class Observed(DomainEvent):  # type: ignore[misc]  # it is only there in that environment
    """An event of ours as one of theirs."""

    kind: str
    body: Any
    sync: int
    hash: str


def main(record: str, database: str) -> None:
    """Write, then read as often as is asked."""
    os.environ |= {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": database}
    application = Application()
    events = list(_events(record))
    for start in range(0, len(events), TOGETHER):
        stored = [application.mapper.to_stored_event(each) for each in events[start : start + TOGETHER]]
        application.recorder.insert_events(stored)
    del events
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        read = _read(application)
        print(read, time.process_time() - began, flush=True)


def _read(application: Any) -> int:
    """Read and decode everything, as one that follows its events does."""
    start = read = 0
    while True:
        notifications = application.recorder.select_notifications(start=start + 1, limit=TOGETHER)
        for each in notifications:
            application.mapper.to_domain_event(each)
        read += len(notifications)
        if not notifications:
            return read
        start = notifications[-1].id


def _events(record: str) -> Iterator[Any]:
    versions: Counter[UUID] = Counter()
    rows = sqlite3.connect(f"file:{record}?mode=ro", uri=True).execute(
        "SELECT source, category, key, kind, body, sync, hash FROM events ORDER BY seq"
    )
    for source, category, key, kind, body, sync, digest in rows:
        entity = uuid5(NAMESPACE_URL, f"{source}.{category} {key}")
        versions[entity] += 1
        yield Observed(
            originator_id=entity,
            originator_version=versions[entity],
            timestamp=datetime_now_with_tzinfo(),
            kind=kind,
            body=None if body is None else json.loads(body),
            sync=sync,
            hash=digest,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
