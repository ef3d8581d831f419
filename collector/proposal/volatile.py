"""What in an item changes by itself, or says again what another entity says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from collector.proposal.found import Named, weight
from collector.proposal.naming import snake, words
from collector.sources.pointer import NotThere, Tokens, find
from eventstore import JSON

LEVELS: Final = 3  # of an item that are searched
BIG: Final = 0.15  # of all that the items say is worth a word
COPIED: Final = 4  # values at least make a copy of an entity; fewer are a reference

# names that APIs give to telemetry, in snake case
_TELEMETRY: Final = re.compile(
    r"status|stats|statistics|benchmarks?|health|heartbeat|uptime(_.*)?|latency(_.*)?|throughput(_.*)?|p\d\d_.*"
    r"|scores?|popularity|trending|rank|ranking|views|downloads|votes|upvotes|likes|hits|reactions"
    r"|last_seen(_.*)?|last_checked(_.*)?|last_update(d)?(_.*)?|last_modified|update(d)?(_(at|on|time|iso))?|modified(_at|_on)?"
    r"|refreshed_at|generated(_at)?|generation_?time(_.*)?|server_time|request_id|elapsed|took"
    r"|.*_(count|last_seen|latency|rank|score|throughput|uptime)"
)

Pair: TypeAlias = tuple[JSON, JSON]
"""What two answers said of one item, the earlier one first."""


class Volatile(msgspec.Struct, frozen=True):
    """A place in items, and why it is proposed to be kept apart (or left out)."""

    path: Tokens
    why: str


def is_volatile(name: str) -> bool:
    """Whether a member is telemetry by its name."""
    return _TELEMETRY.fullmatch(snake(name)) is not None


def volatile(items: Sequence[Named], pairs: Sequence[Pair], key: Sequence[Tokens]) -> list[Volatile]:
    """Places that should be split off: telemetry by name, and what differs in `pairs` of one item seen twice.

    No place holds another, or one of the key's.
    """
    named = dict.fromkeys(_named(items), "telemetry, by its name")
    counts = Counter(path for old, new in pairs for path in _differing(old, new, ()))
    seen = {path: f"differed in {count} of {len(pairs)} between two answers" for path, count in counts.items()}
    chosen = _apart({**named, **seen}, key)
    return [Volatile(path, why) for path, why in chosen.items()] if _leaves_something(items, chosen, key) else []


def copies(items: Sequence[Named], taken: Sequence[Tokens]) -> list[Volatile]:
    """Big members that look like copies of other entities; `taken` are places that are something else already."""
    whole = sum(weight(value) for _, value in items)
    found = []
    for name in _member_names(items):
        members = [value[name] for _, value in items if isinstance(value, dict) and isinstance(value.get(name), dict)]
        entities = [member for member in members if weight(member) > COPIED and _has_id(member)]
        share = sum(map(weight, entities)) / whole
        if 2 * len(entities) > len(items) and share >= BIG and all(path[0] != name for path in taken):
            found.append(Volatile((name,), f"{share:.0%} of the answer"))
    return found


def _named(items: Sequence[Named]) -> Iterator[Tokens]:
    def inside(value: JSON, path: Tokens) -> Iterator[Tokens]:
        if isinstance(value, dict):
            for name, member in value.items():
                if is_volatile(name):
                    yield (*path, name)
                elif len(path) < LEVELS - 1:
                    yield from inside(member, (*path, name))

    return iter(dict.fromkeys(path for _, value in items for path in inside(value, ())))


def _differing(old: JSON, new: JSON, path: Tokens) -> Iterator[Tokens]:
    if isinstance(old, dict) and isinstance(new, dict) and len(path) < LEVELS:
        for name in {**old, **new}:
            if name not in old or name not in new:
                yield (*path, name)
            else:
                yield from _differing(old[name], new[name], (*path, name))
    elif path and (type(old) is not type(new) or old != new):
        yield path


def _apart(places: Mapping[Tokens, str], key: Sequence[Tokens]) -> dict[Tokens, str]:
    """Leave out what lies inside another place, and what holds a part of the key."""
    chosen: dict[Tokens, str] = {}
    for path in sorted(places, key=len):
        holds_key = any(part[: len(path)] == path for part in key)
        if not holds_key and not any(path[: len(other)] == other for other in chosen):
            chosen[path] = places[path]
    return {path: chosen[path] for path in places if path in chosen}


def _leaves_something(items: Sequence[Named], chosen: Mapping[Tokens, str], key: Sequence[Tokens]) -> bool:
    """Whether an item says more than its key once all is split off; else the telemetry is what it is about."""
    taken = [*chosen, *key]
    return any(weight(value) - 1 > sum(_weight_at(value, path) for path in taken) for _, value in items)


def _weight_at(value: JSON, path: Tokens) -> int:
    try:
        return weight(find(value, path))
    except NotThere:
        return 0


def _member_names(items: Sequence[Named]) -> list[str]:
    return list(dict.fromkeys(name for _, value in items if isinstance(value, dict) for name in value))


def _has_id(value: Mapping[str, JSON]) -> bool:
    return any({"id", "slug", "uuid", "login", "key"} & set(words(name)) for name in value)
