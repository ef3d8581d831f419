"""The words of the record as types: frozen structs, times as aware datetimes in UTC (milliseconds)."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from eventstore.canonical import JSON, Document, parse

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime, cut to the millisecond. Raises `ValueError` for a naive one."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone; give it one (datetime.UTC, for instance)")
    return (instant - EPOCH) // _MILLISECOND


@functools.lru_cache(maxsize=4096)  # events of one sync share their times
def from_ms(ms: int) -> datetime:
    """The aware datetime in UTC of milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=ms)


class Kind(enum.Enum):
    """What happened to an entity."""

    APPEARED = "appeared"
    CHANGED = "changed"
    DISAPPEARED = "disappeared"


class Cause(enum.Enum):
    """Why a sync was made.

    An API was asked, a version imported, the rules changed, a person gave a verdict, or numbers were summed up.
    """

    SYNC = "sync"
    IMPORT = "import"
    RULES = "rules"
    VERDICT = "verdict"
    SUMMARY = "summary"


class Status(enum.Enum):
    """How a sync ended: every planned scope listed completely, some, or none."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"


class Entity(msgspec.Struct, frozen=True, order=True, gc=False):  # in no cycle: there are many at a time
    """What a document is about: (source, category, key)."""

    source: str
    category: str
    key: str

    @property
    def address(self) -> str:
        """`SOURCE.CATEGORY`."""
        return f"{self.source}.{self.category}"


class Scope(msgspec.Struct, frozen=True, order=True, gc=False):
    """What one request speaks for. `params` are sorted by name, so that equal scopes are equal."""

    source: str
    resource: str
    params: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, source: str, resource: str, params: Mapping[str, str]) -> Scope:
        """The scope of a request with these parameters."""
        return cls(source, resource, tuple(sorted(params.items())))


class Rules(msgspec.Struct, frozen=True):
    """The extraction part of a resource as canonical JSON text; `hash` is SHA-256 of the text, in hexadecimal."""

    hash: str
    text: str


class Request(msgspec.Struct, frozen=True):
    """What is to be archived of one attempt: a request and what came of it.

    `body` is the exact bytes of the answer, None where there was none; then `error` says why, or `status` is 304: the
    answer is the one that attempt `confirms` brought (None: the scope's attempt before it). `status` is HTTP's, or what
    a transport means by it (404: nothing is there). `url` is what was asked for, kept where it failed; `tries` how
    often it was asked for.
    """

    scope: Scope
    requested_at: datetime
    received_at: datetime
    status: int | None = None
    body: bytes | None = None
    error: str | None = None
    headers: Mapping[str, str] = {}
    url: str | None = None
    tries: int = 1
    confirms: int | None = None


class Attempt(msgspec.Struct, frozen=True):
    """An archived attempt. `answer` is the SHA-256 of its bytes in hexadecimal, None where none came.

    Of one that brought a 304 it is the answer that was confirmed, and the times are cut to the second. Times are
    corrected where a person's verdict says that the clock was wrong.
    """

    id: int
    sync: int
    scope: Scope
    requested_at: datetime
    received_at: datetime
    status: int | None
    answer: str | None
    size: int | None
    error: str | None
    headers: Mapping[str, str]
    url: str | None = None
    tries: int = 1


class Asked(msgspec.Struct, frozen=True):
    """When a scope was last asked: by which sync, when that was opened, and by which attempt."""

    sync: int
    opened_at: datetime
    attempt: int


class Sync(msgspec.Struct, frozen=True):
    """One run over one or more resources, or one imported version.

    `at` is when its answers were in (an import: the version's time), None while it is open; `interrupted` that it was
    killed and closed later with what had been archived. `version` names the imported version, so that it is imported
    once. `rules` maps resource addresses to the hash of their rules. `report` is what asking came to, in counts and
    seconds, None where nobody was asked. Times are corrected as those of attempts are.
    """

    id: int
    cause: Cause
    opened_at: datetime
    at: datetime | None
    interrupted: bool
    version: str | None
    plan: JSON
    rules: Mapping[str, str]
    report: JSON = None


class Issue(msgspec.Struct, frozen=True):
    """Something in an answer that could not be taken at its word.

    `code` is one of a small set (`duplicate-key`, `unreadable-answer`, …), `attempt` the archived answer it is about,
    `key` and `path` the item and the place in it, where known.
    """

    code: str
    message: str
    attempt: int
    key: str | None = None
    path: str | None = None


class Item(msgspec.Struct, frozen=True):
    """One item of a listing: its key and the documents it splits into, the resource's own category first."""

    key: str
    parts: tuple[tuple[str, Document], ...]


class Listing(msgspec.Struct, frozen=True):
    """What the answers for one scope say.

    `categories`: all that the resource yields, its own first; a complete listing speaks for each. `items` in the order
    of the answers, repeated keys included. `present`: keys of items that could not be read but are there. `complete`:
    every key was read. `attempt` is the first page's: what it confirms held then. `parent`: whose children these are,
    if anybody's.
    """

    scope: Scope
    categories: tuple[str, ...]
    attempt: int
    complete: bool
    items: tuple[Item, ...]
    present: frozenset[str] = frozenset()
    parent: Entity | None = None
    implausible: float | None = None
    single: bool = True


class Repeat(msgspec.Struct, frozen=True):
    """An answer that is the same as the one that its scope's last settled listing was read from, by the same rules.

    `read` reads it all the same: it is called where another listing of the sync shows what this scope holds.
    """

    scope: Scope
    attempt: int
    read: Callable[[], Listing]


class Result(msgspec.Struct, frozen=True):
    """How a sync ended for one resource (`SOURCE.RESOURCE`).

    Scopes that were to be asked for, that were listed, and completely; `doubted` entities would have disappeared, which
    was not believed.
    """

    resource: str
    status: Status
    asked: int
    listed: int
    complete: int
    doubted: int = 0


class Recorded(msgspec.Struct, frozen=True):
    """What recording one sync did, in entities; how many issues it found; the root it committed (hexadecimal).

    `results` say how it ended for each resource; `doubted` entities would have disappeared, which was not believed.
    """

    status: Status
    observed_at: datetime
    seq: int
    appeared: int
    changed: int
    disappeared: int
    unchanged: int
    issues: int
    root: str
    results: tuple[Result, ...] = ()
    doubted: int = 0


class Occurrence(msgspec.Struct, frozen=True):
    """An event without its content: when something happened, as far as that is known.

    It lies between `not_before` (None: nothing is known to have been otherwise) and `observed_at`, the first sight.
    """

    seq: int
    sync: int
    not_before: datetime | None
    observed_at: datetime


class Event(msgspec.Struct, frozen=True, gc=False):
    """One immutable observation about one entity.

    `observed_at` is the first sight of it, `not_before` the last moment at which the opposite was confirmed (None: it
    never was); what happened lies between. `hash` is SHA-256 of the resulting document's canonical bytes, in
    hexadecimal. `body` is canonical JSON: a document (appeared), a JSON Patch (changed), None (disappeared). `starts`
    is the number of the first of the events that compaction made this one of; None: it is as it was recorded.
    """

    seq: int
    entity: Entity
    parent: str | None
    scope: Scope
    kind: Kind
    observed_at: datetime
    not_before: datetime | None
    sync: int
    hash: str
    body: bytes | None
    starts: int | None = None

    @property
    def document(self) -> JSON:
        """The document of an `appeared` event, None for the others."""
        return parse(self.body) if self.kind is Kind.APPEARED and self.body is not None else None

    @property
    def patch(self) -> list[dict[str, JSON]] | None:
        """The RFC 6902 operations of a `changed` event, None for the others."""
        return parse(self.body) if self.kind is Kind.CHANGED and self.body is not None else None

    @property
    def occurrence(self) -> Occurrence:
        """When it happened, without what."""
        return Occurrence(self.seq, self.sync, self.not_before, self.observed_at)


class State(msgspec.Struct, frozen=True):
    """An entity as it stood: its document, since which event, and who last confirmed it.

    `since` is the `observed_at` of event `seq`; `confirmed_by` the attempt that last said the same at or before the
    instant asked for, `confirmed_at` when it arrived.
    """

    entity: Entity
    parent: str | None
    scope: Scope
    seq: int
    since: datetime
    content: Document
    confirmed_by: int
    confirmed_at: datetime

    @property
    def document(self) -> JSON:
        """The document as a JSON value; shared, treat it as read-only."""
        return self.content.value

    @property
    def hash(self) -> str:
        """SHA-256 of the document's canonical bytes, in hexadecimal."""
        return self.content.hash


class Version(msgspec.Struct, frozen=True):
    """What one event made of its entity; `content` is None after `disappeared`."""

    event: Event
    content: Document | None


class Entry(msgspec.Struct, frozen=True):
    """One entry of the chain. `kind` is schema, generation or sync; what only a sync has is None for the others."""

    id: int
    generation: int
    kind: str
    root: str
    sync: int | None
    observed_at: datetime | None
    seq: int | None
    status: Status | None
    appeared: int | None
    changed: int | None
    disappeared: int | None
    unchanged: int | None


class Category(msgspec.Struct, frozen=True):
    """A category with the resource that yields it, and how many of its entities are live and were ever seen."""

    source: str
    name: str
    resource: str
    live: int
    ever: int

    @property
    def address(self) -> str:
        """`SOURCE.CATEGORY`."""
        return f"{self.source}.{self.name}"
