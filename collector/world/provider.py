"""The companies that serve models."""

from __future__ import annotations

import msgspec

from collector.world.dice import Dice
from collector.world.stock import COUNTRIES, PROVIDERS
from collector.world.timeline import JSON, Presence, Step, Track, replacing, setting, spread


class Provider(msgspec.Struct, frozen=True):
    """One provider, named by its slug."""

    slug: str
    presence: Presence
    track: Track


def providers(root: Dice, span: int) -> tuple[Provider, ...]:
    """Make all providers. One joins later, and one leaves and returns: which, the seed says."""
    turn = root.named("providers").below(len(PROVIDERS))
    return tuple(_provider(root, (turn + place) % len(PROVIDERS), place, span) for place in range(len(PROVIDERS)))


def _provider(root: Dice, index: int, place: int, span: int) -> Provider:
    slug, name = PROVIDERS[index]
    dice = root.named("provider", slug)
    presences = {0: spread(dice, 1, span), 1: [0, *spread(dice, 2, span)]}
    return Provider(
        slug=slug,
        presence=Presence(*presences.get(place, [0])),
        track=Track(_document(dice.named("document"), slug, name), _steps(dice.named("steps"), slug, span)),
    )


def _document(dice: Dice, slug: str, name: str) -> dict[str, JSON]:
    host = f"https://{slug}.example"
    return {
        "name": name,
        "slug": slug,
        "privacy_policy_url": f"{host}/privacy",
        "terms_of_service_url": dice.pick((None, f"{host}/terms")),
        "status_page_url": None,
        "headquarters": dice.pick((None, *COUNTRIES)),
        "datacenters": dice.pick((None, [], dice.some(COUNTRIES, 2))),
    }


def _steps(dice: Dice, slug: str, span: int) -> list[Step]:
    first, second = spread(dice, 2, span)
    page = f"https://status.{slug}.example/"
    return [
        Step(first, setting("status_page_url", page)),
        Step(second, replacing("datacenters", lambda countries: [*(countries or ()), "CH"])),
    ]
