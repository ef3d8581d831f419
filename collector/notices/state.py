"""How far each target has been told: `notify.json` of a data directory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from collector.narration import narrator
from eventstore import Alert

FILE: Final = "notify.json"
MODE: Final = 0o600

_encode: Final = msgspec.json.Encoder().encode


class Cursor(msgspec.Struct, frozen=True):
    """A place in the log: up to event `seq` of a generation everything has been told."""

    generation: int
    seq: int


class Told(msgspec.Struct, frozen=True):
    """What one target has been told.

    `cursor` is None for a new one. `standing`: the alerts that it knows of, or will when it has got what waits in
    `outbox`: notices about alerts that are yet to be delivered, in order.
    """

    cursor: Cursor | None = None
    standing: tuple[Alert, ...] = ()
    outbox: tuple[msgspec.Raw, ...] = ()


class State(msgspec.Struct, frozen=True):
    """All of `notify.json`: what each target has been told, by name, and which alerts the log file tells of."""

    targets: Mapping[str, Told] = {}
    logged: tuple[Alert, ...] = ()


def read(directory: Path) -> State:
    """Read the state of a data directory; where it cannot be read, all begin anew, and the log says so."""
    path = directory / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.MsgspecError, UnicodeError) as error:
        narrator().warning("notifications begin anew", file=str(path), error=str(error))
        return State()


def write(directory: Path, state: State) -> None:
    """Put a state in the place of the one before: a kill leaves the one or the other, whole. Raises `OSError`."""
    path = directory / FILE
    new = path.with_suffix(".new")
    with _removed_on_failure(new):
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE), "wb") as file:
            file.write(_encode(state))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    _sync_folder(directory)


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # on a full disk it would take room
        raise


def _sync_folder(directory: Path) -> None:
    """Make the new name last: of a file that was renamed, only its folder knows."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
