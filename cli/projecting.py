"""Views for a user: what orlog.toml says of them, bringing them up to the record, and how they stand."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from cli import config, output
from cli.failures import Failure
from cli.terminal import progress
from eventstore import Instant, Record
from projector import (
    VIEWS_FILE,
    Catalogue,
    Difference,
    DryRun,
    Issue,
    Noise,
    NoViews,
    Output,
    ProjectorError,
    Ran,
    Runner,
    Settings,
    Store,
    ViewsBusy,
    ViewStatus,
    behind,
    load_modules,
    status,
    write_as_of,
)

NOTED_EVERY: Final = 0.5  # seconds between two words on how fast it goes


class Stand(NamedTuple):
    """How views stand, the SQL views that are made of them, and what orlog.toml says in vain."""

    views: list[ViewStatus]
    joined: list[str]
    unheeded: list[str]


def catalogue(directory: Path) -> Catalogue:
    """The views of a data directory. Raises `Failure`, `NoModule`, `BadProjection`."""
    said = config.read(directory).project
    noise = {category: _noise(directory, category, each) for category, each in said.noise.items()}
    settings = Settings(columns=said.columns, noise=noise, without=said.without)
    return Catalogue(settings, load_modules(said.modules, directory))


def _noise(directory: Path, category: str, said: Mapping[str, Any]) -> Noise:
    try:
        return msgspec.convert(said, Noise)
    except msgspec.ValidationError as error:
        message = f"{directory / config.FILE}: project.noise of {category}: {error}"
        raise Failure(message, hint="it takes `ignore`, `sets` and `keyed`") from None


def run(
    directory: Path, *, stale: bool = True, outputs: Sequence[Output] = (), bar: progress.Bar | None = None
) -> list[Ran]:
    """Bring all views up to the record. Raises errors of eventstore and projector."""
    views = catalogue(directory)
    with Record.open(directory) as record, Store.open(directory / VIEWS_FILE, write=True) as store:
        return Runner(record, store, views, outputs=outputs, progress=bar and _Rated(bar)).run(stale=stale)


def rebuild(directory: Path, names: Sequence[str], *, bar: progress.Bar | None = None) -> list[Ran]:
    """Build views anew. Raises errors of eventstore and projector."""
    views = catalogue(directory)
    with Record.open(directory) as record, Store.open(directory / VIEWS_FILE, write=True) as store:
        return Runner(record, store, views, progress=bar and _Rated(bar)).rebuild(names)


def write(
    directory: Path, file: Path, *, at: Instant | None, names: tuple[str, ...], bar: progress.Bar | None = None
) -> list[Ran]:
    """Write views as of an instant to a new file. Raises `OutputExists`, errors of eventstore and projector."""
    views = catalogue(directory)
    with Record.open(directory) as record:
        return write_as_of(record, views, file, at=at, names=names, progress=bar and _Rated(bar))


def rehearse(
    directory: Path, names: Sequence[str] | None, *, stale: bool = True, bar: progress.Bar | None = None
) -> list[Difference]:
    """What would become of the rows, by a run (None) or a rebuild of these views. Nothing is written."""
    views = catalogue(directory)
    with Record.open(directory) as record, DryRun(directory / VIEWS_FILE) as dry:
        runner = Runner(record, dry.store, views, progress=bar and _Rated(bar))
        if names is None:
            runner.run(stale=stale)
        else:
            runner.rebuild(names)
        return [each for each in dry.differences() if not names or each.view in names]


def standing(directory: Path) -> Stand:
    """How each view stands. Raises errors of eventstore and projector."""
    views = catalogue(directory)
    with Record.open(directory) as record, _store(directory) as store:
        found = status(record, store, views)
        joined = views.combined(each.name for each in found if each.generation)
        return Stand(found, sorted(joined), list(_unheeded(directory, record)))


def _unheeded(directory: Path, record: Record) -> Iterator[str]:
    """What `[project]` says of categories and views that the record has not: mistyped, most likely."""
    said = config.read(directory).project
    categories = record.log.categories()
    names, addresses = {each.name for each in categories}, {each.address for each in categories}
    every = Catalogue(own=load_modules(said.modules, directory))
    tables = every.projections(record.log)
    made = {*tables, *every.combined(tables)}
    for where, named, known in (
        ("columns", said.columns, names),
        ("noise", said.noise, names | addresses),
        ("without", said.without, made),
    ):
        for each in sorted(set(named) - known):
            what = "view" if where == "without" else "category"
            yield f"project.{where} names {each}, and there is no such {what}"


def for_metrics(directory: Path, record: Record) -> tuple[ViewStatus, ...]:
    """How each view stands; none where a module of projections is wrong: the rest is to be measured all the same."""
    with contextlib.suppress(ProjectorError, Failure), _store(directory) as store:
        return tuple(status(record, store, catalogue(directory)))
    return ()


def issues(directory: Path, view: str | None) -> list[Issue]:
    """What did not fit, of one view or all. Raises `UnknownView`, `NoViews`."""
    with Record.open(directory) as record, Store.open(directory / VIEWS_FILE) as store:
        if view is not None:
            catalogue(directory).chosen(record.log, [view])
        return store.issues(view)


def bring_up(directory: Path) -> None:
    """Bring views up before they are read; where that cannot be, say so and let what is served be read.

    Raises what went wrong where nothing is served.
    """
    try:
        views = catalogue(directory)
        with Record.open(directory) as record, _store(directory) as store:
            needed = behind(record, store, views)
        if needed:
            with progress.bar() as bar:
                run(directory, bar=bar)
    except (ProjectorError, Failure) as error:
        if not (directory / VIEWS_FILE).exists():
            raise
        output.note(f"the views are as they were last brought up: {error}")
        if error.hint:
            output.note(f"hint: {error.hint}")


def reached(directory: Path, record: Record) -> int | None:
    """Up to which event all views have been brought, None where there are none: later ones must not be thinned."""
    with contextlib.suppress(ProjectorError), _store(directory) as store:
        return None if store is None else store.reached(record.log.generation)
    return None


def follow_compaction(directory: Path) -> None:
    """Have views be of what compaction has left, where there are any."""
    if (directory / VIEWS_FILE).exists():
        bring_up(directory)


class Keeping:
    """Keeps views up to the record, round by round, for `orlog run`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def round(self) -> None:
        """Bring them up; one that another process is bringing up is left to it."""
        from collector import narrator

        began = time.monotonic()
        try:
            ran = run(self._directory)
        except ViewsBusy as busy:
            narrator().info("views are left to another process", holder=busy.holder)
            return
        if any(each.events for each in ran):
            narrator().info(
                "views were brought up",
                views=len(ran),
                rebuilt=[each.view for each in ran if each.rebuilt is not None],
                events=max(each.events for each in ran),
                issues=sum(each.issues for each in ran),
                seconds=round(time.monotonic() - began, 3),
            )


@contextlib.contextmanager
def _store(directory: Path) -> Iterator[Store | None]:
    """The views, None where there are none yet."""
    try:
        store = Store.open(directory / VIEWS_FILE)
    except NoViews:
        yield None
        return
    with store:
        yield store


class _Rated:
    """A bar that says how fast it goes."""

    def __init__(self, bar: progress.Bar) -> None:
        self._bar = bar
        self._began = self._noted = time.monotonic()
        self._done = 0

    def start(self, total: int, what: str) -> None:
        self._began = self._noted = time.monotonic()
        self._done = 0
        if total:
            self._bar.start(total, what)

    def advance(self, done: int = 1) -> None:
        self._done += done
        self._bar.advance(done)
        now = time.monotonic()
        if now - self._noted >= NOTED_EVERY:
            self._noted = now
            self._bar.note(f"{self._done / (now - self._began):,.0f}/s".replace(",", " "))

    def note(self, text: str) -> None:
        self._bar.note(text)

    def finish(self) -> None:
        self._bar.finish()
