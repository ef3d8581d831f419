"""`retention.toml`: what of the history is kept, and how. Read strictly; errors name the place in the file."""

from __future__ import annotations

import enum
import hashlib
import itertools
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from eventstore.errors import BadPolicy

_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_AGE: Final = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_AT: Final = re.compile(r"(?P<what>.*) - at `\$\.?(?P<where>.*)`", re.DOTALL)
_AGES: Final = "write an age as 12h, 7d or 52w"
SEAL_AFTER: Final = "7d"
DELETE: Final = "delete"


class Spacing(enum.Enum):
    """How much of the history is kept: all of it, or how things stood at the end of each bucket of UTC time."""

    ALL = "all"
    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"
    YEARLY = "yearly"


_FINENESS: Final = {spacing: place for place, spacing in enumerate(Spacing)}


class Tier(msgspec.Struct, frozen=True):
    """Up to an age in milliseconds, counted from the head, so much is kept."""

    age: int
    keep: Spacing


class Summary(msgspec.Struct, frozen=True):
    """Which numbers are summed up for each day, before what they come from is thinned: JSON Pointers."""

    fields: tuple[str, ...]


class Rule(msgspec.Struct, frozen=True):
    """What holds for a category. `older` is what is kept beyond the last tier, None: nothing but how things stood."""

    tiers: tuple[Tier, ...]
    older: Spacing | None
    seal_after: int
    summarise: Summary | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is ever thinned."""
        return self.older is Spacing.ALL


class Policy(msgspec.Struct, frozen=True):
    """A whole policy. `hash` is SHA-256 of its text, in hexadecimal.

    `answers_for` is the age in milliseconds up to which the bytes of answers are kept, None: for good.
    """

    text: str
    default: Rule
    categories: Mapping[str, Rule]
    pins: frozenset[tuple[str, str]]
    answers_for: int | None = None

    @property
    def hash(self) -> str:
        """What tells it from other policies."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def rule(self, source: str, category: str) -> Rule:
        """The rule for a category."""
        address = f"{source}.{category}"
        return self.categories.get(address) or self.categories.get(category) or self.default

    def pinned(self, source: str, category: str) -> frozenset[str]:
        """The keys of a category that are exempt from everything."""
        names = {category, f"{source}.{category}"}
        return frozenset(key for name, key in self.pins if name in names)


class _TierTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: Spacing
    age: str = msgspec.field(name="for")


class _SummaryTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    every: Literal["1d"]
    fields: tuple[str, ...]


class _RuleTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: Spacing | None = None
    tiers: tuple[_TierTable, ...] | None = None
    older: str | None = None
    seal_after: str | None = None
    summarise: _SummaryTable | None = None


class _ArchiveTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: Literal["all"] | None = None
    age: str | None = msgspec.field(name="for", default=None)


class _PinTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entities: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    default: _RuleTable = _RuleTable(keep=Spacing.ALL)
    category: dict[str, dict[str, Any]] = {}
    archive: _ArchiveTable = _ArchiveTable()
    pin: _PinTable = _PinTable()


def parse(text: str) -> Policy:
    """Read the text of a `retention.toml`. Raises `BadPolicy`, which names the place in it."""
    try:
        file = msgspec.toml.decode(text, type=_File)
    except msgspec.MsgspecError as error:
        raise _placed(error, "") from None
    seal_after = _age(file.default.seal_after or SEAL_AFTER, "default.seal_after")
    return Policy(
        text,
        _rule(file.default, "default", seal_after),
        {name: _category(table, f"category.{name}", seal_after) for name, table in file.category.items()},
        frozenset(_pin(said, f"pin.entities[{place}]") for place, said in enumerate(file.pin.entities)),
        _answers_for(file.archive),
    )


def _answers_for(table: _ArchiveTable) -> int | None:
    if table.age is None:
        return None
    if table.keep is not None:
        raise BadPolicy("archive.keep: say either that or for")
    return _age(table.age, "archive.for")


def _placed(error: Exception, where: str) -> BadPolicy:
    """What msgspec says, with the place in the file in front."""
    found = _AT.fullmatch(str(error))
    what, inner = (found["what"], found["where"]) if found else (str(error), "")
    place = f"{where}.{inner}".strip(".")
    return BadPolicy(f"{place}: {what}".removeprefix(": ").replace("`", ""))


def _category(table: dict[str, Any], where: str, seal_after: int) -> Rule:
    try:
        return _rule(msgspec.convert(table, _RuleTable), where, seal_after)
    except msgspec.MsgspecError as error:
        raise _placed(error, where) from None


def _rule(table: _RuleTable, where: str, seal_after: int) -> Rule:
    if table.seal_after is not None:
        seal_after = _age(table.seal_after, f"{where}.seal_after")
    summary = None if table.summarise is None else _summary(table.summarise, f"{where}.summarise")
    if table.tiers is None:
        if table.older is not None:
            raise BadPolicy(f"{where}.older: it says what is kept beyond the tiers, and there are none")
        return Rule((), table.keep or Spacing.ALL, seal_after, summary)
    if table.keep is not None:
        raise BadPolicy(f"{where}.keep: say either that or tiers")
    tiers = tuple(Tier(_age(each.age, f"{where}.tiers[{n}].for"), each.keep) for n, each in enumerate(table.tiers))
    for place, (finer, coarser) in enumerate(itertools.pairwise(tiers), 1):
        if coarser.age <= finer.age:
            raise BadPolicy(f"{where}.tiers[{place}].for: it must be longer than that of the tier before")
        if _FINENESS[coarser.keep] <= _FINENESS[finer.keep]:
            raise BadPolicy(f"{where}.tiers[{place}].keep: it must be coarser than that of the tier before")
    return Rule(tiers, _older(table.older, tiers, f"{where}.older"), seal_after, summary)


def _older(text: str | None, tiers: tuple[Tier, ...], where: str) -> Spacing | None:
    if text == DELETE:
        return None
    known = {spacing.value: spacing for spacing in Spacing if spacing is not Spacing.ALL}
    if text not in known:
        raise BadPolicy(f"{where}: say what is kept beyond the last tier: {', '.join(known)}, or {DELETE}")
    if tiers and _FINENESS[known[text]] < _FINENESS[tiers[-1].keep]:
        raise BadPolicy(f"{where}: it must not be finer than the last tier")
    return known[text]


def _summary(table: _SummaryTable, where: str) -> Summary:
    for place, pointer in enumerate(table.fields):
        if not pointer.startswith("/"):
            raise BadPolicy(f"{where}.fields[{place}]: write a JSON Pointer, which begins with /")
    return Summary(table.fields)


def _pin(text: str, where: str) -> tuple[str, str]:
    category, _, key = text.partition(" ")
    if not category or not key:
        raise BadPolicy(f'{where}: write "CATEGORY KEY"')
    return category, key


def _age(text: str, where: str) -> int:
    found = _AGE.fullmatch(text)
    if found is None:
        raise BadPolicy(f"{where}: {_AGES}")
    return int(found[1]) * _MS[found[2]]
