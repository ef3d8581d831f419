"""What compaction did, or would do: light structs, which readers and commands take."""

from __future__ import annotations

from datetime import datetime

import msgspec

from eventstore.retention import Plan


class Held(msgspec.Struct, frozen=True):
    """What a category takes: events, and bytes of patches and documents as they are stored."""

    events: int
    bytes: int


class Tally(msgspec.Struct, frozen=True):
    """What a compaction made of a category (`SOURCE.CATEGORY`).

    `intervals` counts intervals of presence that went, `entities` those of which nothing is left.
    """

    category: str
    before: Held
    after: Held
    intervals: int = 0
    entities: int = 0


class Dropped(msgspec.Struct, frozen=True):
    """Answers whose bytes went: how many, what they took as stored, and SHA-256 (hexadecimal) over which they are."""

    answers: int
    stored: int
    digest: str


class Brought(msgspec.Struct, frozen=True):
    """Of attempts that went with their syncs those that brought something new: how many, and SHA-256 over what."""

    attempts: int
    digest: str


class Report(msgspec.Struct, frozen=True):
    """What came of a compaction: of each category, and how many syncs were dropped from the bookkeeping.

    `dropped` is None where the bytes of no answer went. `brought` is of all syncs that ever went, None where none did.
    """

    categories: tuple[Tally, ...]
    syncs: int = 0
    dropped: Dropped | None = None
    brought: Brought | None = None


class Compacted(msgspec.Struct, frozen=True):
    """What compacting did: the reports of what it ended, the oldest first, and how many answers it packed.

    `withheld`: by the policy something would have been lost as well, and nobody has said yes to that.
    """

    reports: tuple[Report, ...]
    answers: int
    withheld: bool = False


class Preview(msgspec.Struct, frozen=True):
    """What compacting would do: the plan, and what came of it in a copy, None where there was nothing to do.

    `evidence_since` is the evidence horizon then; see `Record.evidence_since`.
    """

    plan: Plan | None
    report: Report | None
    evidence_since: datetime | None = None


class Compaction(msgspec.Struct, frozen=True):
    """A compaction that was begun: its plan, and its report where it has come to its end."""

    id: int
    generation: int
    plan: Plan
    report: Report | None


class ThinnedRange(msgspec.Struct, frozen=True):
    """Of the events of a category (`SOURCE.CATEGORY`) from `first` to `last` less is left than there was."""

    category: str
    first: int
    last: int
