"""The generated world laid down in a record, under a virtual clock: what `orlog demo` shows, without a network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.shelf import shipped
from collector.sync import Synced, sync_source
from collector.world import Clock, World, WorldTransport
from eventstore import Progress, Record, Silent, Status

SOURCE: Final = "openrouter"
EVERY: Final = timedelta(hours=6)  # 90 days of hourly syncs would take a minute, and show nothing more


class Played(msgspec.Struct):
    """What was laid down: syncs by how they ended, requests, and events by kind."""

    syncs: dict[str, int] = msgspec.field(default_factory=lambda: {status.value: 0 for status in Status})
    asked: int = 0
    failed: int = 0
    appeared: int = 0
    changed: int = 0
    disappeared: int = 0

    def add(self, synced: Synced) -> None:
        """Count one sync."""
        self.asked += synced.asked
        self.failed += synced.failed
        if synced.recorded is not None:
            self.syncs[synced.recorded.status.value] += 1
            self.appeared += synced.recorded.appeared
            self.changed += synced.recorded.changed
            self.disappeared += synced.recorded.disappeared


def play(
    record: Record,
    world: World,
    *,
    every: timedelta = EVERY,
    until: datetime | None = None,
    progress: Progress | None = None,
    after: Callable[[datetime], None] = lambda _: None,
) -> Played:
    """Sync the shipped OpenRouter source against a world, from its start to its end (or `until`), every so often.

    `after` is called behind each sync with its time.
    """
    progress = progress or Silent()
    instants = [instant for instant in world.instants(every) if until is None or instant <= until]
    progress.start(len(instants), "syncs")
    clock = Clock(world.start)
    transport = WorldTransport(world, clock)
    played = Played()
    for instant in instants:
        clock.now = instant
        synced = sync_source(record, shipped()[SOURCE], transport, now=clock)
        played.add(synced)
        after(instant)
        progress.advance()
    progress.finish()
    return played
