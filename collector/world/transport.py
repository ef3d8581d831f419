"""The world as a live transport, under a clock that its user turns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from collector.transport import Answer
from collector.world.faults import Reply
from collector.world.world import World

NOT_MODIFIED: Final = 304

_OK: Final = 200
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

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        """Ask for `path`, its segments percent-encoded or not, on behalf of the scope that `params` name."""
        now = self._now()
        reply = self._world.answer(path, now)
        headers = headers_of(reply, now)
        if unchanged(headers, validators.get("If-None-Match", "")):
            return Answer(params, NOT_MODIFIED, None, headers=headers)
        return Answer(params, reply.status, reply.body, error=reply.error, headers=headers)

    async def aclose(self) -> None:
        """Nothing to let go of."""


def headers_of(reply: Reply, now: datetime) -> dict[str, str]:
    """The headers that the world sends with a reply: none where nothing comes, a tag with each 200."""
    if reply.body is None:
        return {}
    headers = {
        "Date": format_datetime(now, usegmt=True),
        "Content-Type": _HTML if reply.body.startswith(b"<") else _JSON,
    }
    if reply.status == _OK:
        headers["ETag"] = f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"'
    return headers


def unchanged(headers: Mapping[str, str], wanted: str) -> bool:
    """Whether the tag among `headers` is one of those `wanted`: an If-None-Match (RFC 9110, section 13.1.2)."""
    return headers.get("ETag") in {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
