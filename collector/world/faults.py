"""What goes wrong between the world and who asks it."""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from collector.world.dice import Dice
from collector.world.timeline import DAY, HOUR, Presence, spread

_MILLIONTHS: Final = 1_000_000
_HTML: Final = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n"
_ERROR: Final = b'{"error":{"message":"Internal error, please try again","code":500}}'


class Failure(enum.Enum):
    """How a request fails."""

    TIMEOUT = "timeout"  # no answer
    SERVER_ERROR = "server-error"  # 500 with a page of HTML
    PAGE = "page"  # 200 with a page of HTML: somebody in between answered
    TRUNCATED = "truncated"  # 200 with the beginning of the answer
    EMPTY = "empty"  # 200 with no bytes
    ERROR_OBJECT = "error-object"  # 200 with {"error": ...}


class Reply(NamedTuple):
    """What comes back: a status and a body, or neither and an error."""

    status: int | None
    body: bytes | None
    error: str | None = None


class Faults:
    """Which requests fail: each with probability `rate` by itself, and all of them during an outage."""

    def __init__(self, dice: Dice, rate: float, span: int) -> None:
        """`rate` from 0 to 1. There is an outage of seven hours every thirty days, unless `rate` is 0."""
        self._dice = dice
        self._limit = round(rate * _MILLIONTHS)
        starts = spread(dice.named("outages"), span // (30 * DAY), span) if rate else []
        self._outages = Presence(*(toggle for start in starts for toggle in (start, start + 7 * HOUR)))

    def at(self, path: str, ms: int) -> Failure | None:
        """How a request for `path` fails at `ms`; None when it does not."""
        if not self._limit:
            return None
        dice = self._dice.named(path, ms)
        if self._outages.at(ms):
            return dice.pick((Failure.TIMEOUT, Failure.SERVER_ERROR))
        return dice.pick(tuple(Failure)) if dice.below(_MILLIONTHS) < self._limit else None


def spoilt(failure: Failure, honest: Reply, dice: Dice) -> Reply:
    """What comes back instead of the `honest` reply; `dice` says where it is cut."""
    match failure:
        case Failure.TIMEOUT:
            return Reply(None, None, "no answer within 30 s")
        case Failure.SERVER_ERROR:
            return Reply(500, _page(b"500 Internal Server Error"))
        case Failure.PAGE:
            return Reply(200, _page(b"Checking your connection"))
        case Failure.TRUNCATED:
            body = honest.body or b"{}"
            return Reply(200, body[: dice.between(1, len(body) - 1)])
        case Failure.EMPTY:
            return Reply(200, b"")
        case Failure.ERROR_OBJECT:
            return Reply(200, _ERROR)


def _page(title: bytes) -> bytes:
    return _HTML % (title, title)
