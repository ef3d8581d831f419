"""The world as a live transport, under a clock that its user turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from collector.transport import Answer
from collector.world.faults import Reply
from collector.world.world import World

_JSON: Final = "application/json"
_HTML: Final = "text/html; charset=utf-8"


class Clock:
    """A clock that stands until `now` is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time it shows."""
        return self.now


class WorldTransport:
    """Asks a world what it says at the time that `now` gives. Implements `collector.transport.Transport`."""

    def __init__(self, world: World, now: Callable[[], datetime]) -> None:
        """`now` gives aware datetimes in UTC: a `Clock`, or anything else that does."""
        self._world = world
        self._now = now

    def ask(self, path: str, params: Mapping[str, str]) -> Answer:
        """Ask for `path`, its segments percent-encoded or not, on behalf of the scope that `params` name."""
        now = self._now()
        reply = self._world.answer(path, now)
        return Answer(
            params=params, status=reply.status, body=reply.body, error=reply.error, headers=_headers(reply, now)
        )


def _headers(reply: Reply, now: datetime) -> dict[str, str]:
    if reply.body is None:
        return {}
    return {
        "Date": format_datetime(now, usegmt=True),
        "Content-Type": _HTML if reply.body.startswith(b"<") else _JSON,
    }
