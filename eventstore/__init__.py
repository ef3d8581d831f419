"""The record: what an API said, kept for good, and any past state of it.

    with Record.open("data") as record:
        for key, state in record.log.catalogue("model", at=datetime(2025, 1, 1, tzinfo=UTC)).items():
            print(key, state.since, state.document["name"])

Everything that is learned enters as a `Listing`, everything that is known leaves as a `State` or an `Event`.
"""

from eventstore.archive import Archive
from eventstore.canonical import JSON, Document, parse
from eventstore.canonical import canonical as canonical_bytes
from eventstore.compacted import Compacted, Compaction, Held, Preview, Report, Tally, ThinnedRange
from eventstore.comparison import Changed, Comparison, RulesDiffer, compare
from eventstore.errors import (
    BadPolicy,
    BeyondHead,
    BrokenHistory,
    CategoryTaken,
    Damaged,
    DiskFull,
    EventStoreError,
    LogCompacted,
    LogRebuilt,
    LossAhead,
    NewerRecord,
    NoRecord,
    NotAPointer,
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
from eventstore.feed import Batch, Cursor, Feed
from eventstore.fields import ABSENT, Blame, FieldChange, Period, blame, field_changes, periods, resolve, within
from eventstore.following import Follower
from eventstore.lock import WriterLock
from eventstore.log import EventLog
from eventstore.model import (
    Asked,
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
    Occurrence,
    Recorded,
    Repeat,
    Request,
    Result,
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
from eventstore.retention import CategoryPlan, Plan, Policy, Rule, Spacing, Summary, Tier, Zone, policy_in
from eventstore.retention import make as make_policy
from eventstore.retention import parse as parse_policy
from eventstore.sqlite import connect as open_sqlite
from eventstore.sqlite import transaction
from eventstore.summary import summary_listing
from eventstore.survey import Alert, ClockDoubt, Disk, Sizes, Staleness, Standing, Totals, disk_of, standing_alerts
from eventstore.verification import Finding, verify
from eventstore.walk import Change, Walk

__all__ = [
    "ABSENT",
    "JSON",
    "Alert",
    "Archive",
    "Asked",
    "Attempt",
    "BadPolicy",
    "Batch",
    "BeyondHead",
    "Blame",
    "BrokenHistory",
    "Category",
    "CategoryPlan",
    "CategoryTaken",
    "Cause",
    "Change",
    "Changed",
    "ClockDoubt",
    "Compacted",
    "Compaction",
    "Comparison",
    "Cursor",
    "Damaged",
    "Disk",
    "DiskFull",
    "Document",
    "Entity",
    "Entry",
    "Event",
    "EventLog",
    "EventStoreError",
    "Feed",
    "FieldChange",
    "Finding",
    "Follower",
    "Held",
    "Instant",
    "Issue",
    "Item",
    "Kind",
    "Listing",
    "LogCompacted",
    "LogRebuilt",
    "LossAhead",
    "NewerRecord",
    "NoRecord",
    "NotAPointer",
    "NotARecord",
    "Occurrence",
    "Patch",
    "PatchError",
    "Period",
    "Plan",
    "Policy",
    "Position",
    "Preview",
    "Progress",
    "ReadOnlyRecord",
    "Record",
    "RecordBusy",
    "Recorded",
    "Repeat",
    "Report",
    "Request",
    "Result",
    "Rule",
    "Rules",
    "RulesDiffer",
    "Scope",
    "Silent",
    "Sizes",
    "Spacing",
    "Staleness",
    "Standing",
    "State",
    "Status",
    "Summary",
    "Sync",
    "Tally",
    "ThinnedRange",
    "Tier",
    "Totals",
    "UnknownAttempt",
    "UnknownCategory",
    "UnknownEntity",
    "UnknownSync",
    "Unreadable",
    "Version",
    "Walk",
    "WriterLock",
    "Zone",
    "apply",
    "blame",
    "canonical_bytes",
    "compare",
    "compose",
    "diff",
    "disk_of",
    "field_changes",
    "from_ms",
    "make_policy",
    "open_sqlite",
    "parse",
    "parse_policy",
    "periods",
    "policy_in",
    "resolve",
    "standing_alerts",
    "summary_listing",
    "to_ms",
    "transaction",
    "verify",
    "within",
]
