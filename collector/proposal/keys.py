"""Keys: which members tell the items of an answer apart, and which of those an API means to."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from collector.proposal.found import Found, Named
from collector.proposal.naming import vocabulary, words
from collector.proposal.volatile import is_volatile
from collector.sources.pointer import NotThere, Tokens, find, pointer
from collector.sources.template import KEY
from eventstore import JSON

FIELDS: Final = 200  # of an item that are looked at
LEVELS: Final = 3  # GeoJSON and GraphQL have ids two deep
PARTS: Final = 3  # that a key is made of, at most
TRIED: Final = 8  # fields of which combinations are tried: 84 of two and three
NEARLY: Final = 0.9  # of the items at least have different values of what is called "id", or it is none

# ranks: the lower, the likelier is a field meant to tell items apart
_ID, _OWN, _CODE, _OTHERS_ID, _NAME, _TEXT = range(6)
STRONG: Final = _TEXT
_NUMBER, _WEAK, _URL, _NEVER = range(6, 10)
_DEEPER: Final = 2  # ranks that a level of nesting costs

_IDS: Final = frozenset({"id", "uuid", "guid", "key"})
_CODES: Final = vocabulary(
    "abbreviation acronym code filename handle hash hostname iata iban icao isbn isin iso login number permaslug ref "
    "serial sha sku slug symbol tag ticker username version"
)
_ENDINGS: Final = _IDS | _CODES | {"no"}
_NAMES: Final = frozenset({"name", "title", "label"})
_MEASURES: Final = vocabulary(
    "age amount change cost count current date day description high index lat latitude lng lon long longitude low "
    "max min offset percent position price rank score size text time timestamp total value volume week year"
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?|\d\d?/\d\d?/\d{4}.*", re.DOTALL | re.ASCII)
_DECIMAL: Final = re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?", re.ASCII)
_URL_FORM: Final = re.compile(r"(?:https?|ftp|git|ssh|data):")
_LONG: Final = 200  # characters: keys are typed, or at least copied
_SEPARATORS: Final = (":", "/", "|")


class Field(msgspec.Struct, frozen=True):
    """A member of all items (or most), with its values as keys have them; `lacking` counts items without one."""

    path: Tokens
    values: tuple[str | None, ...]
    rank: int
    lacking: int

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len({value for value in self.values if value is not None})

    @property
    def unique(self) -> bool:
        """Whether it tells all items apart by itself."""
        return not self.lacking and self.distinct == len(self.values)


class Keys(msgspec.Struct, frozen=True):
    """A key: its template, the members that it is made of, how many items share theirs with another or have none.

    `others` are templates that would do as well, the likeliest first.
    """

    template: str
    paths: tuple[Tokens, ...] = ()
    repeated: int = 0
    lacking: int = 0
    others: tuple[str, ...] = ()


def keys(found: Found, category: str) -> Keys | None:
    """Choose what tells items apart; None where nothing of theirs can."""
    fields = sorted(_fields(found.items, category), key=lambda field: field.rank)
    fields = [field for field in fields if field.rank < _NEVER]
    unique = tuple(_template((field,)) for field in fields if field.unique and field.rank <= STRONG)
    if found.keyed:
        return Keys(f"{{{KEY}}}", others=unique[:PARTS])
    chosen = _choose(fields, len(found.items))
    if chosen is None:
        return None
    template = _template(chosen)
    taken = len({_joined(row) for row in zip(*(field.values for field in chosen), strict=True)})
    lacking = max(field.lacking for field in chosen)
    others = tuple(other for other in unique if other != template)[:PARTS]
    repeated = len(found.items) - lacking - taken + (1 if lacking else 0)
    return Keys(template, tuple(field.path for field in chosen), repeated, lacking, others)


def _choose(fields: Sequence[Field], count: int) -> tuple[Field, ...] | None:
    if not fields:
        return None
    # what is called an id is one, even where an API repeats one or two
    if fields[0].rank <= _OWN and fields[0].distinct >= NEARLY * count:
        return (fields[0],)
    strong = [field for field in fields if field.rank <= STRONG]
    single = next((field for field in strong if field.unique), None)
    if single is not None:
        return (single,)
    weak = next((field for field in fields if field.unique), None)
    return _combined(strong[:TRIED]) or (None if weak is None else (weak,)) or (fields[0],)


def _combined(fields: Sequence[Field]) -> tuple[Field, ...] | None:
    whole = [field for field in fields if not field.lacking]
    for size in range(2, PARTS + 1):
        for chosen in sorted(itertools.combinations(whole, size), key=lambda each: sum(field.rank for field in each)):
            rows = list(zip(*(field.values for field in chosen), strict=True))
            if len({_joined(row) for row in rows}) == len(rows):
                return chosen
    return None


def _joined(row: Sequence[str | None]) -> str:
    return "\0".join(value or "" for value in row)


def _template(fields: Sequence[Field]) -> str:
    """Write a template whose separator stands in none of the values, if there is one."""
    values = [value or "" for field in fields for value in field.values]
    free = [sign for sign in _SEPARATORS if not any(sign in value for value in values)]
    return (free or _SEPARATORS)[0].join(_place(field.path) for field in fields)


def _place(path: Tokens) -> str:
    plain = len(path) == 1 and not path[0].startswith((":", "/")) and path[0] != KEY and not path[0].isdigit()
    return "{" + (path[0] if plain else pointer(path)).replace("|", "||") + "}"


def _fields(items: Sequence[Named], category: str) -> Iterator[Field]:
    """All fields that could be part of a key, in the order of the first item that is an object or a list."""
    first = next((value for _, value in items if isinstance(value, dict | list) and value), None)
    for path in itertools.islice(_paths(first, ()), FIELDS):
        if any("{" in name or "}" in name or name == "" for name in path):
            continue  # no template can name it
        values = tuple(_value(value, path) for _, value in items)
        lacking = values.count(None)
        if 2 * lacking <= len(values):
            rank = _rank(path, [value for value in values if value is not None], category) + (_DEEPER if lacking else 0)
            yield Field(path, values, min(rank, _NEVER), lacking)


def _paths(value: JSON, path: Tokens) -> Iterator[Tokens]:
    if isinstance(value, list) and not path:
        yield from ((str(index),) for index, member in enumerate(value) if not isinstance(member, dict | list))
    elif isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, dict):
                yield from _paths(member, (*path, name)) if len(path) < LEVELS - 1 else ()
            else:
                yield (*path, name)


def _value(item: JSON, path: Tokens) -> str | None:
    """A value as a key has it; None where it can be in none."""
    try:
        value = find(item, path)
    except NotThere:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or any("\ud800" <= character <= "\udfff" for character in value):
        return None
    return value or None


def _rank(path: Tokens, values: Sequence[str], category: str) -> int:
    if is_volatile(path[-1]):
        return _NEVER
    by_values = _rank_of_values(values)
    rank = _rank_of_name(words(path[-1]), category.split("_"))
    if by_values is not None and (by_values < rank or by_values > STRONG):
        rank = by_values
    elif rank == _TEXT and all(value.lstrip("-").isdigit() for value in values):
        rank = _NUMBER
    return rank + _DEEPER * (len(path) - 1)


def _rank_of_values(values: Sequence[str]) -> int | None:
    if all(map(_UUID.fullmatch, values)):
        return _ID
    if any(len(value) > _LONG or "\n" in value for value in values):
        return _NEVER
    if all(map(_URL_FORM.match, values)):
        return _URL
    if all(map(_DATE.fullmatch, values)):
        return _WEAK
    if all(value.isdigit() for value in values) and any(value.startswith("0") and value != "0" for value in values):
        return _CODE  # leading zeros: no quantity
    return _NEVER if all(map(_DECIMAL.fullmatch, values)) else None


def _rank_of_name(name: list[str], category: list[str]) -> int:
    last, rest = "".join(name[-1:]), name[:-1]
    if last in _ENDINGS:
        return _rank_of_id(last, rest, category)
    if last in _NAMES:
        return _NAME
    measured = set(name) & _MEASURES or (last in {"at", "on"} and rest)
    return _WEAK if measured else _TEXT


def _rank_of_id(last: str, rest: list[str], category: list[str]) -> int:
    if not rest:
        return _ID if last in _IDS else _CODE
    return _OWN if set(rest) <= set(category) else _OTHERS_ID
