"""Who plays which part: each model has a life and a quirk, dealt so that a world of 21 models lacks none."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from collector.world.dice import Dice
from collector.world.stock import AUTHORS, FAMILIES, SIZES
from collector.world.timeline import HOUR, Presence, spread


class Life(enum.Enum):
    """How a model comes and goes."""

    STEADY = enum.auto()
    NEWCOMER = enum.auto()
    LEAVER = enum.auto()
    RETURNER = enum.auto()  # vanishes and returns, twice
    BLINKER = enum.auto()  # is missing for some hours, once


class Quirk(enum.Enum):
    """What is odd about a model. Twins and the deserted are steady, so that nothing hides what is odd about them."""

    PLAIN = enum.auto()
    ROUTER = enum.auto()  # its price is "-1" for good
    FREE = enum.auto()  # a `:free` variant of the model before it: shares its canonical slug, costs nothing
    TWIN = enum.auto()  # has two endpoints with one tag
    DESERTED = enum.auto()  # has no endpoint for a while, though it is listed


# 6 and 5 are coprime: any 21 models in a row have each life among those whose quirk leaves it to them, and each quirk
_LIVES: Final = (Life.STEADY, Life.NEWCOMER, Life.LEAVER, Life.STEADY, Life.RETURNER, Life.BLINKER)
_QUIRKS: Final = (Quirk.ROUTER, Quirk.PLAIN, Quirk.FREE, Quirk.TWIN, Quirk.DESERTED)


class Part(msgspec.Struct, frozen=True):
    """Who a model is.

    `id` is the API's, `slug` the version's name; `odd` alternates among models of one quirk; `span` is how long the
    world changes.
    """

    index: int
    id: str
    slug: str
    name: str
    author: str
    life: Life
    quirk: Quirk
    odd: bool
    span: int


def part(root: Dice, index: int, span: int) -> Part:
    """The part of model `index` in the world of `root`. No two models of a world have one id."""
    turn = root.named("turn").below(len(_LIVES) * len(_QUIRKS)) + index
    quirk = _QUIRKS[turn % len(_QUIRKS)]
    if quirk is Quirk.FREE and index == 0:
        quirk = Quirk.PLAIN  # there is no model before it
    life = Life.STEADY if quirk in (Quirk.TWIN, Quirk.DESERTED) else _LIVES[turn % len(_LIVES)]
    named = index - 1 if quirk is Quirk.FREE else index
    author, author_name, slug, name = _named(root.named("name", named), named)
    variant, suffix = (":free", " (free)") if quirk is Quirk.FREE else ("", "")
    return Part(
        index=index,
        id=f"{author}/{slug}{variant}",
        slug=f"{author}/{slug}-v{root.named('slug', named).between(1, 12):02}",
        name=f"{author_name}: {name}{suffix}",
        author=author,
        life=life,
        quirk=quirk,
        odd=turn // len(_QUIRKS) % 2 == 1,
        span=span,
    )


def _named(dice: Dice, index: int) -> tuple[str, str, str, str]:
    # an author's models are numbered: that alone tells the ids of a world apart
    number, place = divmod(index, len(AUTHORS))
    author, author_name = AUTHORS[place]
    family, size = dice.pick(FAMILIES), dice.pick(SIZES)
    return author, author_name, f"{family}-{number + 1}-{size}", f"{family.title()} {number + 1} {size.title()}"


def presence(dice: Dice, part: Part) -> Presence:
    """When the model of this part is listed."""
    span = part.span
    match part.life:
        case Life.STEADY:
            return Presence(0)
        case Life.NEWCOMER:
            return Presence(*spread(dice, 1, span))
        case Life.LEAVER:
            return Presence(0, *spread(dice, 1, span))
        case Life.RETURNER:
            return Presence(0, *spread(dice, 4, span))
        case Life.BLINKER:
            (gone,) = spread(dice, 1, span)
            return Presence(0, gone, gone + min(7 * HOUR, span // 8))  # 7 h: seen by who asks every 6
