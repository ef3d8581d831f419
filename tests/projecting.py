"""Small records and the views of them: what sources say is laid down, projected, and looked at as rows."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eventstore import Cause, Document, Entity, Item, Listing, Record, Recorded, Request, Scope
from projector import VIEWS_FILE, Catalogue, Issue, Output, Projection, Ran, Runner, Settings, Store
from tests.laying import RULES, hour, new_record


class Said(NamedTuple):
    """A listing of a category (`SOURCE.CATEGORY`): a document by key. `parent` is the key of whose model's they are."""

    address: str
    documents: Mapping[str, Any]
    parent: str | None = None
    complete: bool = True


def lay(record: Record, number: int, *said: Said) -> Recorded:
    """Record one sync, so many hours after the start, in which all of this was said."""
    at = hour(number)
    scopes = [_scope(each) for each in said]
    rules = {f"{scope.source}.{scope.resource}": RULES for scope in scopes}
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules=rules)
        requests = [Request(scope, at, at, 200, repr(each).encode()) for scope, each in zip(scopes, said, strict=True)]
        attempts = record.archive.add(sync, requests)
        record.archive.close_sync(sync, at=at)
        listings = [_listing(*each) for each in zip(said, scopes, attempts, strict=True)]
        return record.log.record(sync, listings)


def _scope(said: Said) -> Scope:
    source, _, category = said.address.partition(".")
    return Scope.of(source, f"{category}s", {} if said.parent is None else {"of": said.parent})


def _listing(said: Said, scope: Scope, attempt: int) -> Listing:
    source, _, category = said.address.partition(".")
    items = tuple(Item(key, ((category, Document.of(value)),)) for key, value in said.documents.items())
    parent = None if said.parent is None else Entity(source, "model", said.parent)
    return Listing(scope, (category,), attempt, said.complete, items, parent=parent)


class Views:
    """The views of a record, in the file beside it; `own` and `settings` are what a user adds to them."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.path = record.path.with_name(VIEWS_FILE)
        self.settings = Settings()
        self.own: Sequence[Projection[Any]] = ()

    @property
    def catalogue(self) -> Catalogue:
        """Which views there are to be."""
        return Catalogue(self.settings, self.own)

    def lay(self, number: int, *said: Said) -> Recorded:
        """See `lay`."""
        return lay(self.record, number, *said)

    def run(self, *, stale: bool = True, outputs: Sequence[Output] = ()) -> dict[str, Ran]:
        """Bring all views to the head; what was done to each, by name."""
        with self.runner(outputs) as runner:
            return {ran.view: ran for ran in runner.run(stale=stale)}

    def rebuild(self, *names: str) -> dict[str, Ran]:
        """Build views anew; what was done to each, by name."""
        with self.runner() as runner:
            return {ran.view: ran for ran in runner.rebuild(names)}

    @contextlib.contextmanager
    def runner(self, outputs: Sequence[Output] = ()) -> Iterator[Runner]:
        """What brings the views up."""
        with Store.open(self.path, write=True) as store:
            yield Runner(self.record, store, self.catalogue, outputs=outputs)

    def select(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What a query gives."""
        return select(self.path, sql, **parameters)

    def rows(self, view: str) -> list[dict[str, Any]]:
        """The rows of a view in the order of its primary key."""
        with Store.open(self.path) as store:
            return list(store.rows(view))

    def issues(self, view: str | None = None) -> list[Issue]:
        """What did not fit."""
        with Store.open(self.path) as store:
            return store.issues(view)

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """All rows of all views that are served."""
        with Store.open(self.path) as store:
            names = sorted(name for name, building in store.standings() if not building)
            return {name: list(store.rows(name)) for name in names}


def select(path: Path, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """What a query of a file of views gives."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(sql, parameters).fetchall()


@contextlib.contextmanager
def new_views() -> Iterator[Views]:
    """An empty record whose views nobody made yet."""
    with new_record() as record:
        yield Views(record)
