"""The record: what an API said, kept for good, and any past state of it.

    with Record.open("data") as record:
        for key, state in record.log.catalogue("model", at=datetime(2025, 1, 1, tzinfo=UTC)).items():
            print(key, state.since, state.document["name"])

Everything that is learned enters as a `Listing`, everything that is known leaves as a `State` or an `Event`.
"""

from eventstore.archive import Archive
from eventstore.canonical import JSON, Document, parse
from eventstore.canonical import canonical as canonical_bytes
from eventstore.errors import (
    BeyondHead,
    BrokenHistory,
    CategoryTaken,
    Damaged,
    DiskFull,
    EventStoreError,
    NewerRecord,
    NoRecord,
    NotARecord,
    PatchError,
    ReadOnlyRecord,
    RecordBusy,
    UnknownAttempt,
    UnknownCategory,
    UnknownEntity,
    UnknownSync,
    Unreadable,
)
from eventstore.log import EventLog
from eventstore.model import (
    Attempt,
    Category,
    Cause,
    Entity,
    Entry,
    Event,
    Issue,
    Item,
    Kind,
    Listing,
    Recorded,
    Request,
    Rules,
    Scope,
    State,
    Status,
    Sync,
    Version,
    from_ms,
    to_ms,
)
from eventstore.patch import Patch, apply, compose, diff
from eventstore.positions import Instant, Position
from eventstore.progress import Progress, Silent
from eventstore.record import Record
from eventstore.verification import Finding, verify

__all__ = [
    "JSON",
    "Archive",
    "Attempt",
    "BeyondHead",
    "BrokenHistory",
    "Category",
    "CategoryTaken",
    "Cause",
    "Damaged",
    "DiskFull",
    "Document",
    "Entity",
    "Entry",
    "Event",
    "EventLog",
    "EventStoreError",
    "Finding",
    "Instant",
    "Issue",
    "Item",
    "Kind",
    "Listing",
    "NewerRecord",
    "NoRecord",
    "NotARecord",
    "Patch",
    "PatchError",
    "Position",
    "Progress",
    "ReadOnlyRecord",
    "Record",
    "RecordBusy",
    "Recorded",
    "Request",
    "Rules",
    "Scope",
    "Silent",
    "State",
    "Status",
    "Sync",
    "UnknownAttempt",
    "UnknownCategory",
    "UnknownEntity",
    "UnknownSync",
    "Unreadable",
    "Version",
    "apply",
    "canonical_bytes",
    "compose",
    "diff",
    "from_ms",
    "parse",
    "to_ms",
    "verify",
]
