"""The endpoints of a model: who serves it, at what price, and how it is doing at the moment."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from collector.world.cast import Part, Quirk
from collector.world.dice import Dice
from collector.world.drift import endpoint_drift
from collector.world.pricing import Prices, prices, pricing
from collector.world.stock import PARAMETERS, PROVIDERS, QUANTIZATIONS
from collector.world.timeline import DAY, JSON, MINUTE, Presence, Step, Track, replacing, spread

TELEMETRY_STEP: Final = 5 * MINUTE
"""How long telemetry stands still: the API's own shortest window."""

_ATTENDANCES: Final = (*["flaps"] * 3, *["joins"] * 2, "leaves", *["stays"] * 6)
_DOWN: Final = -2


class Endpoint(msgspec.Struct, frozen=True):
    """One endpoint. `number` tells those apart that share a tag: 1, or 2 for the twin."""

    tag: str
    number: int
    presence: Presence
    track: Track
    dice: Dice

    def item(self, ms: int) -> dict[str, JSON]:
        """The whole item as listed at `ms`."""
        return self.track.at(ms) | telemetry(self.dice.named(ms // TELEMETRY_STEP))


class _Seat(NamedTuple):
    provider: str
    tag: str
    number: int
    quantization: str


def endpoints(dice: Dice, part: Part, course: Prices) -> tuple[Endpoint, ...]:
    """Make the endpoints of a model, two to six, in the order they are listed; `course` is the model's prices.

    The first asks the model's own prices and never leaves. Its twin, if there is one, is the last.
    """
    seats = [_seat(dice.named("seat", slug), slug, name) for slug, name in dice.some(PROVIDERS, dice.between(2, 6))]
    first = _endpoint(dice.named(seats[0].tag), part, seats[0], course, Presence(0))
    others = [_other(dice.named(seat.tag), part, seat) for seat in seats[1:]]
    twins = [_twin(dice.named("twin"), part, seats[0])] if part.quirk is Quirk.TWIN else []
    return (first, *others, *twins)


def _seat(dice: Dice, slug: str, name: str) -> _Seat:
    quantization = dice.pick(QUANTIZATIONS)
    return _Seat(name, slug if quantization == "unknown" else f"{slug}/{quantization}", 1, quantization)


def _other(dice: Dice, part: Part, seat: _Seat) -> Endpoint:
    return _endpoint(
        dice, part, seat, prices(dice.named("prices"), part.quirk, part.span), _attendance(dice, part.span)
    )


def _twin(dice: Dice, part: Part, seat: _Seat) -> Endpoint:
    # it comes when the first has long been seen, leaves and returns: who watches can always tell which is which
    quantization = dice.pick([name for name in QUANTIZATIONS if name != seat.quantization])
    other = seat._replace(number=2, quantization=quantization)
    course = prices(dice.named("prices"), part.quirk, part.span)
    return _endpoint(dice, part, other, course, Presence(*spread(dice, 3, part.span)))


def _endpoint(dice: Dice, part: Part, seat: _Seat, course: Prices, presence: Presence) -> Endpoint:
    steps = (*_steps(dice.named("steps"), part.span), *course.steps, *endpoint_drift(part.span))
    track = Track(_document(dice.named("document"), part, seat, course.first), steps)
    return Endpoint(seat.tag, seat.number, presence, track, dice.named("telemetry"))


def _attendance(dice: Dice, span: int) -> Presence:
    match dice.pick(_ATTENDANCES):
        case "flaps":
            return Presence(0, *_gaps(dice, span))
        case "joins":
            return Presence(*spread(dice, 1, span))
        case "leaves":
            return Presence(0, *spread(dice, 1, span))
        case _:
            return Presence(0)


def _gaps(dice: Dice, span: int) -> list[int]:
    # a gap about once a week, of 9 to 27 hours in a world of 90 days: all end before the world does
    starts = spread(dice, max(2, span // (6 * DAY)), span)
    shortest = span // len(starts) // 16
    return [toggle for start in starts for toggle in (start, start + shortest * dice.between(1, 3))]


def _document(dice: Dice, part: Part, seat: _Seat, level: int) -> dict[str, JSON]:
    context = 1024 * dice.between(16, 256)
    return {
        "name": f"{seat.provider} | {part.slug}",
        "model_id": part.id,
        "model_name": part.name,
        "context_length": context,
        "pricing": pricing(level) | {"discount": 0},
        "provider_name": seat.provider,
        "tag": seat.tag,
        "quantization": seat.quantization,
        "max_completion_tokens": dice.pick((None, 4096, context // 4, context)),
        "max_prompt_tokens": dice.pick((None, context - 512)),
        "supported_parameters": dice.some(PARAMETERS, dice.between(6, 14)),
    }


def _steps(dice: Dice, span: int) -> list[Step]:
    # what providers change beside the price: the order of parameters, and limits
    orders = spread(dice, max(1, span // (30 * DAY)), span)
    (limit,) = spread(dice, 1, span)
    return [
        *(Step(at, replacing("supported_parameters", dice.named(at).shuffled)) for at in orders),
        Step(limit, replacing("max_completion_tokens", lambda tokens: (tokens or 2048) * 2)),
    ]


def telemetry(dice: Dice) -> dict[str, JSON]:
    """The fields that differ at every observation. Uptimes are per cent, latencies ms, throughputs tokens/s."""
    rest = dice.below(1 << 60)  # one draw, cut in pieces: this is asked for at every request
    rest, ill = divmod(rest, 20)
    rest, recent = divmod(rest, 9_000)
    rest, day = divmod(rest, 3_000)
    rest, latency = divmod(rest, 4_000)
    idle = rest % 8 == 0
    return {
        "status": _DOWN if ill == 0 else 0,
        "uptime_last_5m": None if idle else (100_000 - recent * 2) / 1000,
        "uptime_last_30m": (100_000 - recent) / 1000,
        "uptime_last_1d": (100_000 - day) / 1000,
        "latency_last_30m": None
        if idle
        else {"p50": 200 + latency, "p90": 500 + latency * 3, "p99": 900 + latency * 7},
        "throughput_last_30m": None if idle else {"p50": 20 + latency % 90, "p90": 30 + latency % 170},
    }
