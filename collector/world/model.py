"""A model of the catalogue: its item in the models' listing, and the answer that lists its endpoints."""

from __future__ import annotations

from typing import Final

import msgspec

from collector.world.cast import Part, Quirk, part, presence
from collector.world.dice import Dice
from collector.world.drift import has_benchmarks, model_drift
from collector.world.endpoint import Endpoint, endpoints
from collector.world.pricing import Prices, prices, pricing
from collector.world.stock import PARAMETERS, TOKENIZERS, description, sentence
from collector.world.timeline import DAY, JSON, MINUTE, Presence, Step, Track, replacing, spread

BENCHMARKS_STEP: Final = 90 * MINUTE
"""How long benchmarks stand still: who asks every hour sees two changes in three observations."""

_DESCRIBING: Final = ("id", "name", "created", "description", "architecture")


class Model(msgspec.Struct, frozen=True):
    """One model. `staffed`: whether anybody serves it; `swapped`: whether its twin is listed first."""

    part: Part
    presence: Presence
    staffed: Presence
    swapped: Presence
    track: Track
    endpoints: tuple[Endpoint, ...]
    dice: Dice

    def item(self, ms: int) -> dict[str, JSON]:
        """The whole item as listed at `ms`."""
        item = self.track.at(ms)
        if not has_benchmarks(self.part.span, ms):
            return item
        return item | {"benchmarks": _benchmarks(self.dice.named("benchmarks", ms // BENCHMARKS_STEP))}

    def served(self, ms: int) -> list[Endpoint]:
        """The endpoints at `ms`, in the order they are listed."""
        if not (self.presence.at(ms) and self.staffed.at(ms)):
            return []
        there = [endpoint for endpoint in self.endpoints if endpoint.presence.at(ms)]
        return [*there[-1:], *there[:-1]] if self.swapped.at(ms) else there

    def listing(self, ms: int) -> dict[str, JSON] | None:
        """The answer that lists the endpoints at `ms`; None where the API answers 404.

        That is so for a model that is not listed, and for one that nobody serves; but some of these are answered
        with an empty list, which means the same.
        """
        served = self.served(ms)
        if not self.presence.at(ms) or not (served or self.part.odd):
            return None
        item = self.track.at(ms)
        return {"data": {n: item[n] for n in _DESCRIBING} | {"endpoints": [endpoint.item(ms) for endpoint in served]}}


def model(root: Dice, index: int, *, began: int, span: int) -> Model:
    """Make model `index` of the world of `root`, which began at `began`, in seconds since 1970."""
    mine = part(root, index, span)
    dice = root.named("model", index)
    course = prices(dice.named("prices"), mine.quirk, span)
    steps = (*_steps(dice.named("steps"), span), *course.steps, *model_drift(span))
    created = began - dice.between(1, 400) * 86_400 - dice.below(86_400)
    return Model(
        part=mine,
        presence=presence(dice.named("presence"), mine),
        staffed=Presence(0, *(spread(dice.named("staff"), 2, span) if mine.quirk is Quirk.DESERTED else ())),
        swapped=_swapped(mine),
        track=Track(_document(dice.named("document"), mine, course, created), steps),
        endpoints=endpoints(dice.named("endpoints"), mine, course),
        dice=dice,
    )


def _swapped(part: Part) -> Presence:
    # at the very end, when the twin has been back for good for a while and was seen beside the first
    return Presence(part.span * 95 // 100) if part.quirk is Quirk.TWIN else Presence()


def _document(dice: Dice, part: Part, course: Prices, created: int) -> dict[str, JSON]:
    context = 1024 * dice.between(16, 1024)
    inputs = ["text", *dice.some(("audio", "file", "image"), dice.below(3))]
    return {
        "id": part.id,
        "canonical_slug": part.slug,
        "hugging_face_id": dice.pick((None, "", part.slug)),
        "name": part.name,
        "created": created,
        "description": description(dice, part.name),
        "context_length": context,
        "architecture": {
            "modality": f"{'+'.join(inputs)}->text",
            "input_modalities": inputs,
            "output_modalities": ["text"],
            "tokenizer": dice.pick(TOKENIZERS),
            "instruct_type": dice.pick((None, "chat", "plain")),
        },
        "pricing": pricing(course.first),
        "top_provider": {
            "context_length": context,
            "max_completion_tokens": dice.pick((None, 4096, context // 4)),
            "is_moderated": dice.chance(20),
        },
        "per_request_limits": None,
        "supported_parameters": dice.some(PARAMETERS, dice.between(6, 14)),
    }


def _steps(dice: Dice, span: int) -> list[Step]:
    # what makers change beside the price: mostly the order of parameters, at times their number or the description
    orders = spread(dice, max(1, span // (15 * DAY)), span)
    (fewer,), (reworded,) = spread(dice, 1, span), spread(dice, 1, span)
    return [
        *(Step(at, replacing("supported_parameters", dice.named(at).shuffled)) for at in orders),
        Step(fewer, replacing("supported_parameters", lambda names: names[:-1])),
        Step(reworded, replacing("description", lambda text: f"{text} {sentence(dice.named('reworded'))}")),
    ]


def _benchmarks(dice: Dice) -> dict[str, JSON]:
    return {name: dice.below(1000) / 10 for name in ("reasoning", "coding", "agentic")}
