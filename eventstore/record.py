"""A record: the file `record.db` of a data directory, with its archive and its log."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from eventstore import evidence, generations, schema, sqlite, survey
from eventstore.archive import Archive
from eventstore.compacted import Compacted, Compaction, Preview, ThinnedRange
from eventstore.errors import EventStoreError, NewerRecord, NoRecord, NotARecord, ReadOnlyRecord
from eventstore.lock import WriterLock
from eventstore.log import EventLog
from eventstore.model import Scope, from_ms
from eventstore.positions import Position
from eventstore.progress import Progress, Silent
from eventstore.retention import Plan, Policy

FILE: Final = "record.db"
LOCK: Final = "writer.lock"
DIRECTORY_MODE: Final = 0o700


class Record:
    """An open record. A context manager; `open` is the way in.

    `archive` is what was asked and answered, `log` the current generation of the log. One process at a time may have a
    record open for writing; any number may read beside it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: WriterLock | None) -> None:
        self.path = path
        self._db = connection
        self._lock = lock
        self.archive = Archive(connection)
        self.log = EventLog(connection, self.archive, path)

    @classmethod
    def open(cls, directory: Path | str, *, write: bool = False) -> Record:
        """Open the record in a data directory; for writing, make both where they are missing.

        Raises `NoRecord`, `NotARecord`, `NewerRecord`, `ReadOnlyRecord`, `RecordBusy`, `DiskFull`, `Damaged`.
        """
        path = Path(directory) / FILE
        if not write and not path.exists():
            raise NoRecord(f"there is no record in {directory}")
        try:
            with sqlite.explained(path):
                return cls._open_for_writing(path) if write else cls._open_for_reading(path)
        except OSError as error:
            raise ReadOnlyRecord(f"{path.parent}: {error.strerror or error}") from error

    @classmethod
    def _open_for_reading(cls, path: Path) -> Record:
        connection = sqlite.connect(path, write=False)
        try:
            version = _schema_version(connection, path)
        except BaseException:
            connection.close()
            raise
        if version == schema.VERSION:
            return cls(path, connection, None)
        connection.close()
        cls._open_for_writing(path).close()  # an older record is brought up to date first
        return cls(path, sqlite.connect(path, write=False), None)

    @classmethod
    def _open_for_writing(cls, path: Path) -> Record:
        _make_directory(path.parent)
        lock = WriterLock(path.with_name(LOCK))
        lock.acquire()
        connection = None
        try:
            connection = sqlite.connect(path, write=True)
            if _schema_version(connection, path) < schema.VERSION:
                _migrate(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            path.chmod(0o600)
            with sqlite.transaction(connection, write=True):
                generations.discard_unfinished(connection)  # else the next sync would stand in the middle of it
            return cls(path, connection, lock)
        except BaseException:
            if connection is not None:
                connection.close()
            lock.release()
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is committed together, or not at all. Raises as `open` does."""
        if self._lock is None:
            raise EventStoreError(f"{self.path} is open for reading only", hint="open the record with write=True")
        with sqlite.explained(self.path):
            try:
                with sqlite.transaction(self._db, write=True):
                    yield
                    self.archive.flush()
            except BaseException:
                self.archive.forget()
                self.log.forget()
                raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever is written meanwhile. Raises as `open` does."""
        with sqlite.explained(self.path), sqlite.transaction(self._db, write=False):
            yield

    def size(self) -> int:
        """Bytes of the database file and what is waiting beside it."""
        files = (self.path.with_name(f"{FILE}{suffix}") for suffix in ("", "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def sizes(self) -> survey.Sizes:
        """The parts of the record in bytes. All events are read for it: half a second for a GB."""
        with self.snapshot():
            return survey.measure(self._db, self.log.generation, file=self.size())

    def totals(self) -> survey.Totals:
        """What is recorded, counted, and from when to when."""
        with self.snapshot():
            return survey.totals(self._db, self.log.generation)

    def standings(self) -> list[survey.Standing]:
        """How each resource that was ever asked or imported stands: its newest sync, failures, silence; by name.

        `standing_alerts` says what of it should worry somebody.
        """
        with self.snapshot():
            return survey.standings(self._db, self.log.generation, self.archive.attempt_rows)

    def staleness(self) -> list[survey.Staleness]:
        """How many live entities of each category were not confirmed when that was last tried; by address."""
        with self.snapshot():
            return survey.staleness(self._db, self.log.generation, self.archive.attempt_rows)

    def unheard(self, resource: str) -> dict[Scope, int]:
        """Scopes of which nothing complete was heard when they were last asked: how often in a row, six at most."""
        with self.snapshot():
            counts = survey.unheard(self._db, self.log.generation, self.archive.attempt_rows, resource)
            return {self.archive.scope(scope): count for scope, count in counts.items()}

    def complete_asks(self, resource: str) -> dict[str, datetime]:
        """When each scope of a resource was last asked and listed completely (when that sync opened).

        By the scope's parameters as canonical JSON: there may be 200 000 of them.
        """
        with self.snapshot():
            asks = survey.complete_asks(self._db, self.log.generation, self.archive.attempt_rows, resource)
            return {params: from_ms(opened_at) for params, opened_at in asks.items()}

    def clock_doubts(self) -> list[survey.ClockDoubt]:
        """Syncs that are archived and not recorded, for their clock was not believed; the oldest first."""
        with self.snapshot():
            return [survey.clock_doubt(sync) for sync in self.archive.clock_doubts()]

    def compact(
        self, policy: Policy, *, lossy: bool = False, keep_from: int | None = None, progress: Progress | None = None
    ) -> Compacted:
        """Seal, thin and pack what a policy says, and give the space back; killed anywhere, the next one goes on.

        Nothing is lost unless `lossy` says so or something was before: then only what loses nothing is done, and
        `withheld` is true. What came after event `keep_from` is not thinned. Needs a record that is open for writing;
        readers go on beside it. Raises as `open` does, and `BeyondHead`.
        """
        from eventstore import compaction  # noqa: PLC0415  # reading needs none of it

        wanted = compaction.planned(self._db, self.log.generation, policy, keep_from)
        if wanted is None:
            return Compacted((), 0)
        safe = compaction.without_loss(wanted)
        refused = not lossy and wanted != safe and not compaction.lossy_before(self._db)
        if not refused:
            wanted = self._summed_up(policy, wanted, keep_from)
        done = self._compacted(safe if refused else wanted, progress or Silent())
        work = compaction.Work(self._db, self.log.generation, self._step)
        withheld = refused and not work.idle(wanted)
        return msgspec.structs.replace(done, withheld=withheld)

    def preview(self, policy: Policy, *, keep_from: int | None = None) -> Preview:
        """Say what `compact` with `lossy` would do: in a copy, beside the record, so it takes as long and as much room.

        Answers are not packed in it, unless some may be dropped. Raises as `compact` does.
        """
        import tempfile  # noqa: PLC0415  # reading needs neither

        from eventstore import compaction  # noqa: PLC0415

        with tempfile.TemporaryDirectory(prefix="preview-", dir=self.path.parent) as folder:
            with sqlite.explained(self.path), contextlib.closing(sqlite.connect(Path(folder) / FILE, write=True)) as db:
                self._db.backup(db)
            with Record.open(folder, write=True) as copy:
                copy._db.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  # it goes anyway
                wanted = compaction.planned(copy._db, copy.log.generation, policy, keep_from)  # noqa: SLF001
                unpacked = wanted
                if wanted is not None and wanted.archive_until is None:
                    unpacked = msgspec.structs.replace(wanted, answers_until=0)
                reports = () if unpacked is None else copy._compacted(unpacked, Silent()).reports  # noqa: SLF001
                since = copy.evidence_since()
        return Preview(wanted, reports[-1] if reports else None, since)

    def end_compaction(self, progress: Progress | None = None) -> None:
        """End a compaction that was begun and killed, so that a receipt says all that went; else do nothing."""
        from eventstore import compaction  # noqa: PLC0415  # reading needs none of it

        with sqlite.explained(self.path):
            compaction.end_begun(compaction.Work(self._db, self.log.generation, self._step), progress or Silent())

    def copied_until(self) -> Position | None:
        """Up to which place a rebuilt log is copied from this one, for its evidence is gone; None where nothing is."""
        with self.snapshot():
            return evidence.copied_until(self._db, self.log.generation)

    def copy_log(self, log: EventLog, until: Position) -> set[int]:
        """Copy the log up to a place, word for word, into an empty one that is being built; return the syncs in it."""
        from eventstore.verbatim import copy_log  # noqa: PLC0415  # reading needs none of it

        with sqlite.explained(self.path):
            return copy_log(self._db, self.log.generation, log.generation, until, self.transaction)

    def repeat_compaction(self, log: EventLog, progress: Progress | None = None) -> None:
        """Compact a log that is being built as the present one was compacted: what went stays gone."""
        from eventstore import compaction  # noqa: PLC0415  # reading needs none of it

        with sqlite.explained(self.path):
            work = compaction.Work(self._db, log.generation, self._step)
            packing = compaction.Packing(self._db, self._step)
            for wanted in compaction.repeated(self._db, self.log.generation, log.generation):
                compaction.compact(work, packing, wanted, progress or Silent(), receipted=True)

    def _compacted(self, wanted: Plan, progress: Progress) -> Compacted:
        from eventstore import compaction  # noqa: PLC0415  # reading needs none of it

        with sqlite.explained(self.path):
            work = compaction.Work(self._db, self.log.generation, self._step)
            done = compaction.compact(work, compaction.Packing(self._db, self._step), wanted, progress)
            compaction.vacuum(self._db)
        progress.finish()
        return done

    def _summed_up(self, policy: Policy, wanted: Plan, keep_from: int | None) -> Plan:
        """Lay down what is to outlive thinning; what a policy says of the log as it stands then."""
        from eventstore import compaction  # noqa: PLC0415  # reading needs none of it

        for day in list(compaction.days_due(self.log, self.archive, policy, wanted)):
            with self._step():
                compaction.sum_up(self.log, self.archive, day)
        return compaction.planned(self._db, self.log.generation, policy, keep_from) or wanted

    @contextlib.contextmanager
    def _step(self) -> Iterator[None]:
        """A transaction of compaction's, after which nothing is remembered of how things were stored before."""
        with self.transaction():
            yield
        self.archive.forget()
        self.log.forget()

    def compactions(self) -> list[Compaction]:
        """All compactions that were ever begun, the oldest first."""
        from eventstore import compaction  # noqa: PLC0415  # reading needs none of it

        with self.snapshot():
            return compaction.compactions(self._db)

    def evidence_since(self) -> datetime | None:
        """The evidence horizon: the first instant from which all recorded answers are there, None where none went."""
        with self.snapshot():
            since = evidence.horizon(self._db, self.log.generation)
        return None if since is None else from_ms(since)

    def thinned_since(self, entry: int) -> list[ThinnedRange]:
        """Of which events less is left than when the chain ended with an entry: what was derived of them is stale."""
        from eventstore import compaction  # noqa: PLC0415  # reading needs none of it

        with self.snapshot():
            return compaction.thinned_since(self._db, self.log.generation, entry)

    def syncs_dropped_since(self, entry: int) -> bool:
        """Whether compaction dropped syncs since the chain ended with an entry: a list of them is stale then."""
        from eventstore import compaction  # noqa: PLC0415  # reading needs none of it

        with self.snapshot():
            return compaction.syncs_dropped_since(self._db, self.log.generation, entry)

    def close(self) -> None:
        """Close the file and let go of the lock."""
        self.archive.stop()
        self._db.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    except FileExistsError:
        raise NotARecord(f"{directory} is a file, not a folder") from None
    except OSError as error:
        raise ReadOnlyRecord(f"cannot make the data directory {directory}: {error.strerror}") from None
    if not os.access(directory, os.W_OK):
        raise ReadOnlyRecord(f"the data directory {directory} cannot be written")


def _schema_version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version; 0 for a file that is new, or was left unfinished. Raises `NotARecord`, `NewerRecord`."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if application != schema.APPLICATION_ID:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != 0 or version != 0 or tables:
            raise NotARecord(f"{path} is a database, but no record of orlog's")
    if version > schema.VERSION:
        raise NewerRecord(f"{path} was written by a newer orlog (schema {version}, this one knows {schema.VERSION})")
    return version


def _migrate(connection: sqlite3.Connection) -> None:
    from eventstore.schema import migrations  # noqa: PLC0415  # sqlite-utils takes longer to import than most reads

    migrations.apply(connection)
    with sqlite.transaction(connection, write=True):
        generations.note_schema(connection)
