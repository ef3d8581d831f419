"""One writer at a time, and a second one that is told who it waits for."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eventstore.errors import RecordBusy
from eventstore.lock import WriterLock


@contextmanager
def held(path: Path) -> Iterator[int]:
    """The lock as it is in the moment when its holder has it and has not yet written its name."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def shortly(act: Callable[[], object]) -> Iterator[None]:
    timer = threading.Timer(0.05, act)
    timer.start()
    yield
    timer.join()


def test_the_second_is_told_the_name_of_the_first(tmp_path: Path) -> None:
    first, second = WriterLock(tmp_path / "lock"), WriterLock(tmp_path / "lock")
    first.acquire()
    with pytest.raises(RecordBusy, match=f"is being written by process {os.getpid()} on "):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_name_that_comes_a_moment_after_the_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        held(path) as descriptor,
        shortly(lambda: os.pwrite(descriptor, b"process 7 on moon", 0)),
        pytest.raises(RecordBusy, match="written by process 7 on moon"),
    ):
        WriterLock(path).acquire()


def test_a_holder_that_lets_go_in_that_moment_is_followed(tmp_path: Path) -> None:
    path, lock = tmp_path / "lock", WriterLock(tmp_path / "lock")
    with held(path) as descriptor, shortly(lambda: fcntl.flock(descriptor, fcntl.LOCK_UN)):
        lock.acquire()
    lock.release()


def test_a_holder_that_never_names_itself_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held(path), pytest.raises(RecordBusy, match="written by another process"):
        WriterLock(path).acquire()
