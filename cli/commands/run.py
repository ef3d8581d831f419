"""`orlog run`: sync what is due, for as long as it is let."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from cli import options
from cli.lazy import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from cli.options import LogForm
    from collector import Source, Watched
    from eventstore import Record

COMPACTED_EVERY: Final = timedelta(days=1)
TOLD_EVERY: Final = timedelta(minutes=5)  # a disk fills up between two syncs too


@click.command(cls=Command, examples=["orlog run --log json"], short_help="Keep syncing whatever is due.")
@options.log_form()
@options.data()
def run(log_form: LogForm) -> None:
    """Keep syncing whatever is due by the schedule of the sources that orlog.toml names, until a signal ends it.

    What is due follows from the record: it may be stopped and started at any time. Resources are spread, what was
    missed in a sleep is made good within a minute, what fails is asked sooner at first, a host that is gone hardly at
    all. After each sync the views are brought up. Edits of orlog.toml and of source files are taken up; a broken one is
    logged, and changes nothing. Other commands work beside it.

    SIGTERM and SIGINT end it within seconds: a sync that goes on stops asking, and what has arrived is recorded. A
    second signal ends it at once. What happens is told on stderr and in orlog.log; stdout stays empty.
    """
    from cli import asking, logs, projecting, service
    from collector import Runner, SystemClock, Task, narrator

    directory = options.data_directory()
    service.make_ready(directory)
    ending = service.Ending()
    with service.alone(directory), logs.kept(directory, shown=log_form), ending.heard():
        watching = service.Watching(directory)
        telling = asking.Telling(directory)
        work = service.Work(directory, watching, ending, facts=_facts, ask=_ask)
        Runner(
            work.plan,
            work.sync,
            clock=SystemClock(ending.wait),
            log=narrator(),
            tasks=[
                Task("views", projecting.Keeping(directory).round),
                Task("notices", telling.round),
                Task("notices meanwhile", telling.round, every=TOLD_EVERY),
                Task("notices", telling.round),
                Task("notices meanwhile", telling.round, every=TOLD_EVERY),
                Task("compaction", partial(_compact, directory), every=COMPACTED_EVERY),
            ],
            changed=watching.changed,
        ).run()
        narrator().info("stopped")


def _compact(directory: Path) -> None:
    from cli import projecting, service

    service.compact(directory)
    projecting.Keeping(directory).round()  # views of what was thinned are of what is left now


def _facts(record: Record, source: Source, now: datetime) -> Iterable[Watched]:
    from collector import watched

    return watched(record, source, now=now)


def _ask(record: Record, source: Source, names: tuple[str, ...], stop: Callable[[], bool]) -> int:
    from collector import Choice, sync_source

    synced = sync_source(
        record, source, now=lambda: datetime.now(UTC), choice=Choice(names, due=True), environment=os.environ, stop=stop
    )
    return 0 if synced is None else synced.asked
