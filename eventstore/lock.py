"""One writer at a time: a lock that names its holder and that the system releases when the holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from eventstore.errors import ReadOnlyRecord, RecordBusy

NAMING_SECONDS: Final = 0.5  # a holder has the lock first and a name next: a moment that a loaded machine stretches


class WriterLock:
    """An advisory lock on a file (flock), whose text says who holds it. Not reentrant."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise: `RecordBusy` where another holds it, `ReadOnlyRecord` where it cannot be made."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ReadOnlyRecord(f"cannot write to {self._path.parent}: {error.strerror}") from None
        name = _own_name()
        patience = time.monotonic() + NAMING_SECONDS
        while not _locked(descriptor):
            holder = os.pread(descriptor, 400, 0).decode(errors="replace").strip()
            if holder or time.monotonic() > patience:
                os.close(descriptor)
                holder = holder or "another process"
                raise RecordBusy(f"the record is being written by {holder}", holder=holder)
            time.sleep(0.01)
        self._descriptor = descriptor
        with contextlib.suppress(OSError):  # the name is a courtesy: a full disk must not stop the writer
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, name, 0)

    def release(self) -> None:
        """Let go; nothing happens if it is not held."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _own_name() -> bytes:
    import socket  # noqa: PLC0415  # only writers need it

    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]])
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return f"process {os.getpid()} on {socket.gethostname()} (`{command}`, since {since})".encode(errors="replace")
