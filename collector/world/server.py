"""A generated world behind a real HTTP server on this machine, its failures included: asked as a live API is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from collector.world.loopback import Asked, LoopbackServer, Mode, Play
from collector.world.transport import NOT_MODIFIED, headers_of, unchanged
from collector.world.world import World


class WorldServer(LoopbackServer):
    """Plays a world at the time that `now` gives (aware, UTC); `now` is called in the server's thread.

    Says over HTTP what `WorldTransport` says. Where the world gives no answer it hangs until whoever asked gives up.
    """

    def __init__(self, world: World, now: Callable[[], datetime]) -> None:
        super().__init__(lambda asked: played(world, asked, now()))


def played(world: World, asked: Asked, now: datetime) -> Play:
    """What a world answers to a request at `now`, for servers that make more of it."""
    reply = world.answer(asked.path, now)
    if reply.status is None or reply.body is None:
        return Play(mode=Mode.HANG)
    headers = headers_of(reply, now)
    if unchanged(headers, asked.headers.get("if-none-match", "")):
        return Play(status=NOT_MODIFIED, headers=headers)
    return Play(status=reply.status, headers=headers, body=reply.body)
