"""Everything that eventstore raises on purpose.

    EventStoreError
    ├── NoRecord            there is no record at that path
    ├── NotARecord          a file is there, but it is no record of orlog's
    ├── NewerRecord         the record was written by a newer orlog
    ├── ReadOnlyRecord      the record, its folder or its disk cannot be written
    ├── RecordBusy          another process is writing (`holder` says who)
    ├── DiskFull            nothing more fits; what was committed is safe
    ├── Damaged             stored bytes are not what was stored (exit code 5)
    │   └── BrokenHistory   an event does not fold to the document it promises (L3)
    ├── BeyondHead          a sequence number that the log has not reached
    ├── UnknownCategory     no such category, or more than one (`choices`)
    ├── UnknownEntity       the record never held that entity
    ├── UnknownSync         no such sync
    ├── UnknownAttempt      no such attempt, or it brought no answer
    │   └── AnswerDropped   compaction dropped the answer's bytes, as retention.toml says
    ├── CategoryTaken       one category of a source belongs to one resource
    ├── Unreadable          text that is not JSON, or JSON that no document can hold
    ├── NotAPointer         text that is no JSON Pointer
    ├── BadPolicy           a retention policy that says what cannot be (the message names the place)
    ├── LossAhead           compaction would lose something, and nobody has said yes to that
    ├── LogRebuilt          the log that was followed has been replaced by another generation
    │   └── LogCompacted    what came next has been thinned since
    └── PatchError          a JSON Patch that is malformed or does not apply

The message says what happened, `hint` what to do about it.
"""

from __future__ import annotations


class EventStoreError(Exception):
    """Base of the tree: a message for people and a `hint`, empty where there is nothing to do."""

    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class NoRecord(EventStoreError):
    hint = "`orlog init` makes an empty record; `orlog sync`, `orlog run` and `orlog import` fill one"


class NotARecord(EventStoreError):
    hint = "name another folder with --data, or move the file away"


class NewerRecord(EventStoreError):
    hint = "install the newest orlog and try again; nothing was changed"


class ReadOnlyRecord(EventStoreError):
    hint = "give this user write permission on the data directory, or name another with --data"


class RecordBusy(EventStoreError):
    """`holder` describes the process that holds the lock, as it described itself."""

    hint = "wait until it has finished; readers need not wait"

    def __init__(self, message: str, *, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class DiskFull(EventStoreError):
    hint = "free some space and run the command again; what was committed before is safe"


class Damaged(EventStoreError):
    hint = "`orlog verify --deep` says what is damaged; restore the record from a copy"


class BrokenHistory(Damaged):
    """`seq` is the event that does not fold."""

    def __init__(self, message: str, *, seq: int) -> None:
        super().__init__(message)
        self.seq = seq


class BeyondHead(EventStoreError):
    hint = "`orlog status` says where the log ends"


class UnknownCategory(EventStoreError):
    """`choices` are addresses, `SOURCE.CATEGORY`, that would do."""

    def __init__(self, message: str, *, choices: tuple[str, ...]) -> None:
        hint = f"one of: {', '.join(choices)}" if choices else "nothing has been recorded yet"
        super().__init__(message, hint=hint)
        self.choices = choices


class UnknownEntity(EventStoreError):
    """`near` are keys of the same category that look like the one asked for."""

    def __init__(self, message: str, *, category: str, near: tuple[str, ...] = ()) -> None:
        hint = f"did you mean: {', '.join(near)}" if near else f"`orlog replay {category}` lists those there now"
        super().__init__(message, hint=hint)
        self.near = near


class UnknownSync(EventStoreError):
    hint = "`orlog syncs` lists them"


class UnknownAttempt(EventStoreError):
    hint = "`orlog log` and `orlog issues` name attempts and syncs"


class AnswerDropped(UnknownAttempt):
    """Compaction dropped the bytes of that answer, as the policy said."""

    hint = "its hash and size, and what was read from it, are kept; `orlog compact --history` has the receipt"


class CategoryTaken(EventStoreError):
    hint = "give the category of one of the two resources another name"


class Unreadable(EventStoreError):
    hint = "the bytes stay in the archive as they came"


class NotAPointer(EventStoreError):
    hint = "a JSON Pointer (RFC 6901) begins with /, as in /pricing/prompt; in names ~ is written ~0, and / is ~1"


class BadPolicy(EventStoreError):
    hint = "correct retention.toml in the data directory, or remove it: the one that comes with orlog holds then"


class LossAhead(EventStoreError):
    hint = "`orlog compact --dry-run` shows what would go; `orlog compact --yes` lets it, now and from then on"


class LogRebuilt(EventStoreError):
    hint = "read the state anew: numbers from before mean nothing now"


class LogCompacted(LogRebuilt):
    hint = "read the state anew, and go on from there"


class PatchError(EventStoreError):
    hint = ""
