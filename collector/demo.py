"""The generated world laid down in a record, under a virtual clock: what `orlog demo` shows, without a network."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.sources.shelf import shipped
from collector.sources.source import Source
from collector.sync import Synced, sync_source
from collector.transport import Transport
from collector.world import Clock, World, WorldTransport
from eventstore import Progress, Record, Silent, Status

SOURCE: Final = "openrouter"
EVERY: Final = timedelta(hours=6)  # 90 days of hourly syncs would take minutes, and show nothing more
TIMEOUT: Final = timedelta(milliseconds=200)  # a server on this machine answers in one; what hangs, hangs for good
PATIENCE: Final = timedelta(seconds=1)
RETRIES: Final = 0  # the world's clock stands still while it is asked: it would say the same again


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


def play(  # each may be left out
    record: Record,
    world: World,
    *,
    every: timedelta = EVERY,
    until: datetime | None = None,
    served: bool = False,
    progress: Progress | None = None,
    after: Callable[[datetime], None] = lambda _: None,
) -> Played:
    """Sync the shipped OpenRouter source against a world, from its start to its end (or `until`), every so often.

    `served`: over HTTP, from a server on this machine, as a live API is asked; otherwise the world answers in this
    process, and says the same. `after` is called behind each sync with its time.
    """
    progress = progress or Silent()
    instants = [instant for instant in world.instants(every) if until is None or instant <= until]
    progress.start(len(instants), "syncs")
    clock = Clock(world.start)
    played = Played()
    with _asked(world, clock, served=served) as (source, transport):
        for instant in instants:
            clock.now = instant
            synced = sync_source(record, source, now=clock, transport=transport)
            if synced is not None:
                played.add(synced)
            after(instant)
            progress.advance()
    progress.finish()
    return played


@contextlib.contextmanager
def _asked(world: World, clock: Clock, *, served: bool) -> Iterator[tuple[Source, Transport | None]]:
    """The source to sync, and the transport to ask it by (None: HTTP)."""
    source = shipped()[SOURCE]
    if not served:
        yield source, WorldTransport(world, clock)
        return
    from collector.world.server import WorldServer  # noqa: PLC0415  # nobody else serves

    with WorldServer(world, clock) as server:
        here = {"base_url": server.base_url, "rate": None, "timeout": TIMEOUT, "patience": PATIENCE, "retries": RETRIES}
        yield msgspec.structs.replace(source, **here), None
