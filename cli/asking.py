"""Asking live APIs for a user: which sources are meant, and what there is to show of a sync."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cli import config, logs, output, overview, service, shelf
from cli.failures import ERROR, Failure, explain
from cli.options import Format
from cli.render import events, forms, syncing
from cli.terminal import progress
from cli.text import counted
from collector import Choice, CollectorError, Notifier, Source, Synced, plan_sync, rehearse, sync_source
from eventstore import Change, NoRecord, Record, Status


class Wanted(NamedTuple):
    """A source, and what of it is to be asked for."""

    source: Source
    choice: Choice


def wanted(directory: Path, named: str | None, *, only: str | None, due: bool) -> list[Wanted]:
    """What a user means by SOURCE[.RESOURCE]: that, or (None) all that orlog.toml names. Raises `Failure`."""
    if named is not None:
        source, resource = shelf.find(directory, named)
        if resource is not None:
            source.resource(resource)
        return [Wanted(source, Choice(None if resource is None else (resource,), only, due))]
    if only is not None:
        raise Failure(
            "--only needs to be told of which source", hint="as in `orlog sync openrouter.endpoints --only …`"
        )
    sources = shelf.watched(directory)
    if not sources:
        file = directory / config.FILE
        where = f"name them in {file}" if file.exists() else f"`orlog init` makes {file}, which names openrouter"
        hint = f"{where}; or name one here: `orlog sources` lists those that there are"
        raise Failure("there is nothing to sync: no source is watched", hint=hint)
    return [Wanted(source, Choice(None, None, due)) for source in sources]


def sync(directory: Path, wanted: list[Wanted], format_: Format) -> int:
    """Sync one source after another, and say what came of each; return the exit code.

    What is wrong with one of several sources keeps no other from being asked. Raises it where there is but one.
    """
    service.make_record(directory)
    ending = service.Ending()
    with logs.kept(directory), ending.heard(), Record.open(directory, write=True) as record, progress.bar() as bar:
        done, wrong = _synced(record, wanted, ending, bar)
        if bar is not None:
            bar.finish()
        found = [syncing.ended(record, source, synced) for source, synced in done]
    if format_ is Format.TABLE:
        output.write(syncing.table(found, output.paper()))
    else:
        output.write(forms.rows(found, format_))
    for source, problem in wrong:
        message, hint, _ = explain(problem)
        said = message if message.startswith(f"{source.name}: ") else f"{source.name}: {message}"
        output.note(f"error: {said}")
        if hint:
            output.note(f"hint: {hint}")
    if not found and not wrong and format_ is Format.TABLE:  # JSON says so itself, and cron mails what is on stderr
        output.note("nothing is due")
    return ERROR if wrong or any(_listed_nothing(synced) for _, synced in done) else 0


def _synced(
    record: Record, wanted: list[Wanted], ending: service.Ending, bar: progress.Bar | None
) -> tuple[list[tuple[Source, Synced]], list[tuple[Source, CollectorError]]]:
    """What came of the sources that were due, and what is wrong with others."""
    done: list[tuple[Source, Synced]] = []
    wrong: list[tuple[Source, CollectorError]] = []
    for source, choice in wanted:
        try:
            synced = sync_source(
                record, source, now=_now, choice=choice, environment=os.environ, stop=ending.asked, progress=bar
            )
        except CollectorError as error:
            if len(wanted) == 1:
                raise
            wrong.append((source, error))
            continue
        if synced is not None:
            done.append((source, synced))
        if ending.asked():
            break
    return done, wrong


def show_plan(directory: Path, wanted: list[Wanted], format_: Format) -> int:
    """Print what would be asked for."""
    with _opened(directory, write=False) as record:
        planned = [line for each in wanted for line in plan_sync(record, each.source, now=_now(), choice=each.choice)]
    if format_ is Format.TABLE:
        output.show(syncing.plan(planned, output.paper()), format_)
    else:
        output.write(forms.rows(planned, format_))
    if not planned:
        output.note("nothing would be asked for")
        return 0
    more = "; children of what is yet to be listed come on top" if any(map(_has_children, wanted)) else ""
    output.note(f"{counted(len(planned), 'request')} would be made{more}")
    return 0


def show_rehearsal(directory: Path, wanted: list[Wanted], format_: Format) -> int:
    """Ask, and print what would be recorded; nothing is written."""
    ending = service.Ending()
    found: list[Change] = []
    failed = False
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(_opened(directory, write=True))
        bar = stack.enter_context(progress.bar())
        stack.enter_context(ending.heard())
        for each in wanted:
            rehearsed = rehearse(
                record,
                each.source,
                now=_now,
                choice=each.choice,
                environment=os.environ,
                stop=ending.asked,
                progress=bar,
            )
            if bar is not None:
                bar.finish()
            found += rehearsed.changes
            failed = failed or (rehearsed.synced is not None and _listed_nothing(rehearsed.synced))
            if format_ is Format.TABLE:
                output.write(events.table(rehearsed.changes, output.paper(), rules_syncs=frozenset()))
            for line in syncing.rehearsed(each.source.name, rehearsed):
                output.note(line)
            if ending.asked():
                break
    if format_ is not Format.TABLE:  # one list, of however many sources
        output.write(events.events((change.event for change in found), format_))
    return ERROR if failed else 0


def tell(directory: Path) -> None:
    """Tell those whom orlog.toml names, and the log, of alerts and changes, once."""
    with logs.kept(directory):
        Telling(directory).round()


class Telling:
    """Tells those whom orlog.toml names, round by round; it may be edited meanwhile.

    A broken edit keeps nobody from being told: those hear of it whom the file named while it was right.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._notifier = Notifier(directory, ())
        self._read = False

    def round(self) -> None:
        """Let them know what is new. Raises `Failure` where the file is wrong, and errors of eventstore."""
        file = str(self._directory / config.FILE)
        try:
            self._notifier.targets = tuple(config.targets(config.read(self._directory), os.environ, file=file))
        except Failure:
            if self._read:  # otherwise nobody is known, and how far each was told would be forgotten
                self._round()
            raise
        self._read = True
        self._round()

    def _round(self) -> None:
        with Record.open(self._directory) as record:
            alerts = overview.alerts(record, self._directory)
            asyncio.run(self._notifier.round(record, alerts, now=_now()))


def _listed_nothing(synced: Synced) -> bool:
    return synced.recorded is not None and synced.recorded.status is Status.FAILED


def _has_children(wanted: Wanted) -> bool:
    """Whether requests depend on what other requests of the same sync bring."""
    names = wanted.choice.resources
    asked = [
        each for each in wanted.source.resources if each.path is not None and (names is None or each.name in names)
    ]
    parents = {category for each in asked for category in each.extraction.categories}
    return any(each.extraction.for_each in parents for each in asked)


def _opened(directory: Path, *, write: bool) -> contextlib.AbstractContextManager[Record]:
    """The record; where there is none, an empty one that nobody keeps."""
    try:
        record = Record.open(directory)
    except NoRecord:
        return _passing()
    if not write:
        return record
    record.close()
    return Record.open(directory, write=True)


@contextlib.contextmanager
def _passing() -> Iterator[Record]:
    """An empty record that goes when it is closed."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="orlog-rehearsal-") as folder, Record.open(folder, write=True) as record:
        yield record


def _now() -> datetime:
    return datetime.now(UTC)
