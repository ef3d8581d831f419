"""`presence`, `manifest` and `syncs`: what there was and when, for any category."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from eventstore import Change, Entry, Kind, Sync
from projector.projection import Projection, Shape, fold


class Presence(msgspec.Struct, frozen=True):
    """An interval in which an entity was there; all that it has is when."""


class ManifestRow(msgspec.Struct, frozen=True):
    """An entity: whether it is there, since when it is known, and how often it changed.

    `last_confirmed` is when an answer last showed it as it stands; of one that is gone, when it was last there.
    `versions` are its documents, `appearances` how often it came; `hash` is of the last document.
    """

    parent: str | None
    live: bool
    first_seen: datetime
    last_changed: datetime
    last_confirmed: datetime | None
    gone_at: datetime | None
    versions: int
    appearances: int
    hash: str


class SyncRow(msgspec.Struct, frozen=True):
    """A sync that is recorded: why and when it was made, how it ended, and what it found different."""

    id: int
    cause: str
    status: str | None
    opened_at: datetime
    at: datetime | None
    observed_at: datetime | None
    interrupted: bool
    version: str | None
    resources: list[str]
    seq: int | None
    appeared: int | None
    changed: int | None
    disappeared: int | None
    unchanged: int | None
    root: str


presence: Final[Projection[Any]] = Projection(
    name="presence",
    version=1,
    shape=Shape.PERIODS,
    reads=None,
    row=Presence,
    document=object,
    function=lambda subject, document: (),  # noqa: ARG005  # that it is there is all
    documents=False,
    indexes=(("valid_from",), ("valid_to",)),
)


@fold(
    "manifest",
    version=1,
    row=ManifestRow,
    documents=False,
    confirms="last_confirmed",
    indexes=[("last_changed",), ("first_seen",), ("gone_at",)],
)
def manifest(before: ManifestRow | None, change: Change) -> ManifestRow:
    """The entity with one more event."""
    event = change.event
    at, gone = event.observed_at, event.kind is Kind.DISAPPEARED
    return ManifestRow(
        parent=event.parent,
        live=not gone,
        first_seen=at if before is None else before.first_seen,
        last_changed=before.last_changed if gone and before is not None else at,
        last_confirmed=event.not_before if gone else at,
        gone_at=at if gone else None,
        versions=(0 if before is None else before.versions) + (not gone),
        appearances=(0 if before is None else before.appearances) + (event.kind is Kind.APPEARED),
        hash=before.hash if gone and before is not None else event.hash,
    )


def _sync(entry: Entry, sync: Sync) -> SyncRow:
    return SyncRow(
        id=sync.id,
        cause=sync.cause.value,
        status=None if entry.status is None else entry.status.value,
        opened_at=sync.opened_at,
        at=sync.at,
        observed_at=entry.observed_at,
        interrupted=sync.interrupted,
        version=sync.version,
        resources=sorted(sync.rules),
        seq=entry.seq,
        appeared=entry.appeared,
        changed=entry.changed,
        disappeared=entry.disappeared,
        unchanged=entry.unchanged,
        root=entry.root,
    )


syncs: Final[Projection[Any]] = Projection(
    name="syncs",
    version=1,
    shape=Shape.SYNCS,
    reads=(),
    row=SyncRow,
    document=None,
    function=_sync,
    key=("id",),
    documents=False,
    indexes=(("observed_at",),),
)
