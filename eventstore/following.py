"""Reading what is new in a log, again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from eventstore.errors import LogCompacted, LogRebuilt
from eventstore.log import EventLog

T = TypeVar("T")


class Follower(Generic[T]):
    """Reads each time what came since the time before; its cursor is a generation of the log and a `seq`.

    `read` gets the `seq` after which to read: `lambda after: log.events("model", after=after)`. It begins behind event
    number `after`, otherwise at the head. Raises `BeyondHead` where there is no such event.
    """

    def __init__(self, log: EventLog, read: Callable[[int], Iterable[T]], *, after: int | None = None) -> None:
        self._log = log
        self._read = read
        with log.reading() as generation:
            self._generation = generation
            head = log.position(after).seq  # of a number: the end of its sync, or an error
            self._seq = head if after is None else after

    def poll(self) -> list[T]:
        """What is new.

        Raises `LogRebuilt` once where the log has been rebuilt, or (`LogCompacted`) what came next was thinned, and
        goes on from its head then.
        """
        with self._log.reading() as generation:
            head = self._log.position().seq
            if generation != self._generation:
                self._generation, self._seq = generation, head
                raise LogRebuilt(f"the log has been rebuilt, as generation {generation}; it ends at @{head}")
            if head == self._seq:
                return []
            try:
                found = list(self._read(self._seq))
            except LogCompacted:
                self._seq = head
                raise
            self._seq = head
            return found
