"""Rules: what decides how answers become listings. They are a resource's extraction part, and go with every sync.

The text of rules is canonical JSON without the fields that have their default, so that a field added to orlog later
leaves the hash of all rules that do not use it as it was.
"""

from __future__ import annotations

import enum
import hashlib
import re
from typing import Final, Literal

import msgspec

from collector.errors import BadRules
from collector.extraction.days import DayPattern
from collector.sources.pointer import Tokens, pointer, tokens
from collector.sources.slices import START, Steps
from collector.sources.template import KEY, From, Placeholder, Template
from eventstore import Rules

CATEGORY: Final = re.compile(r"[a-z][a-z0-9_]*")
FUNCTION: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
IMPLAUSIBLE: Final = 0.5
"""The share of a category's live entities that may disappear at once before it is doubted."""

_STATUSES: Final = range(100, 600)
_ANSWERS: Final = (200, 304)


class Format(enum.Enum):
    """How an answer's bytes are to be read."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class Extraction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the answers for one resource become listings.

    `items` is a JSON Pointer to the list of items, or to an object keyed by id; "" is the whole answer, None means that
    the whole answer is one document. `key` is a template (see `template`). `split` moves paths to a document of another
    category with the same key, `drop` leaves paths out. `empty_on` are statuses that mean "successfully
    empty". `for_each` is the category whose entity's key is the scope's parameter of that name. `footer` counts the
    closing lines of a csv or jsonl answer that are not rows. `total` points to the answer's own count of all items,
    `next` to what is null or absent on the last page. `extract` names a function from bytes to items,
    "package.module:function", which takes the place of `items` and `format`. `implausible` is the share of live
    entities that may disappear at once. `as_of` tells which day an answer speaks of: a text with `{date:…}` that one of
    the closing lines holds, or a JSON Pointer into the answer. `slices`: the answer is the list of a slice's rows, one
    document.

    Raises `BadRules` where they contradict themselves.
    """

    category: str
    key: str
    items: str | None = None
    format: Format = Format.JSON
    split: dict[str, tuple[str, ...]] = {}
    drop: tuple[str, ...] = ()
    empty_on: tuple[int, ...] = ()
    for_each: str | None = None
    footer: int = 0
    total: str | None = None
    next: str | None = None
    extract: str | None = None
    implausible: float | Literal["off"] = IMPLAUSIBLE
    as_of: str | None = None
    slices: Steps | None = None

    def __post_init__(self) -> None:
        _check_names(self)
        _check_form(self)
        _check_key(self)
        _check_paths(self)
        _check_numbers(self)
        _check_day(self)
        _check_slices(self)

    @property
    def categories(self) -> tuple[str, ...]:
        """All categories that the rules yield: their own first, then those that are split off, sorted."""
        return (self.category, *sorted(self.split))

    @property
    def many(self) -> bool:
        """Whether an answer holds many items, not one document."""
        return self.items is not None or self.format is not Format.JSON or self.extract is not None

    @property
    def rules(self) -> Rules:
        """The rules as the archive keeps them."""
        text = msgspec.json.encode(self, order="sorted")
        return Rules(hash=hashlib.sha256(text).hexdigest(), text=text.decode())

    @classmethod
    def from_rules(cls, text: str) -> Extraction:
        """Read the rules that `rules` wrote. Raises `BadRules` for any other text."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise BadRules(f"these are no rules: {error}") from None


def _check_names(rules: Extraction) -> None:
    named = [("category", rules.category), ("for_each", rules.for_each), *(("split", name) for name in rules.split)]
    for field, category in named:
        if category is not None and not CATEGORY.fullmatch(category):
            raise BadRules(f"{category!r}: write small letters, digits and _, as model_prices", field=field)
    if rules.category in rules.split:
        raise BadRules(f"{rules.category!r} is the category it would be split from", field="split")
    if rules.for_each in rules.categories:
        raise BadRules(f"{rules.for_each!r} comes from this resource itself", field="for_each")
    if rules.extract is not None and not FUNCTION.fullmatch(rules.extract):
        raise BadRules(f"{rules.extract!r}: write package.module:function", field="extract")


def _check_form(rules: Extraction) -> None:
    rows = rules.format is not Format.JSON
    if rules.extract is not None and (rows or rules.items is not None):
        raise BadRules("the function finds the items itself: leave items and format out", field="extract")
    if rows and rules.items:
        raise BadRules(f"each row of {rules.format.value} is an item: leave items out", field="items")
    if rules.footer and not rows:
        raise BadRules("only csv and jsonl have closing lines", field="footer")
    for field in ("items", "total", "next"):
        tokens(getattr(rules, field) or "", field=field)
    for field in ("total", "next"):
        if getattr(rules, field) is not None and (rules.items is None or rows):
            raise BadRules("it stands beside the list that items names, in json", field=field)


def _check_key(rules: Extraction) -> None:
    template = Template.parse(rules.key, field="key")

    def same_for_all(place: Placeholder) -> bool:
        return place.source is From.NAME and place.path == (rules.for_each,)

    if not rules.key:
        raise BadRules("it is empty", field="key")
    if any(place.source is From.MEMBER_NAME for place in template.placeholders) and rules.items is None:
        raise BadRules(f"{{{KEY}}} is for the items of a keyed object: say where it is with items", field="key")
    if rules.many and all(same_for_all(place) for place in template.placeholders):
        raise BadRules(f"{rules.key!r} would be the same for every item: refer to a member, as {{id}}", field="key")


def _check_paths(rules: Extraction) -> None:
    seen: dict[Tokens, str] = {}
    for category, paths in rules.split.items():
        if not paths:
            raise BadRules("it names no path", field=f"split.{category}")
    named = [(f"split.{category}[{i}]", p) for category, paths in rules.split.items() for i, p in enumerate(paths)]
    for field, path in [*named, *((f"drop[{i}]", p) for i, p in enumerate(rules.drop))]:
        taken = tokens(path, field=field)
        if not taken:
            raise BadRules("the whole document cannot be taken from itself", field=field)
        for other, where in seen.items():
            _check_apart(taken, field, other, where)
        seen[taken] = field


def _check_apart(path: Tokens, field: str, other: Tokens, where: str) -> None:
    shared = min(len(path), len(other))
    # what is dropped goes first, so a part of what is split off may be dropped
    part_of_split = field.startswith("drop") and where.startswith("split") and len(path) > len(other)
    if path[:shared] == other[:shared] and not part_of_split:
        raise BadRules(f"{pointer(path)!r} overlaps with {where}", field=field)


def _check_numbers(rules: Extraction) -> None:
    for i, status in enumerate(rules.empty_on):
        if status not in _STATUSES:
            raise BadRules(f"{status} is not an HTTP status", field=f"empty_on[{i}]")
        if status in _ANSWERS:
            raise BadRules(f"{status} comes with an answer, which would never be read", field=f"empty_on[{i}]")
    if rules.footer < 0:
        raise BadRules("a number of lines cannot be negative", field="footer")
    if rules.implausible != "off" and not 0 < rules.implausible <= 1:
        raise BadRules('write a share above 0 and at most 1, or "off"', field="implausible")


def _check_day(rules: Extraction) -> None:
    if rules.as_of is None:
        return
    if rules.extract is not None:
        raise BadRules("the function makes the documents: leave it out", field="as_of")
    if rules.format is Format.JSON:
        if not rules.as_of.startswith("/"):
            raise BadRules(f"{rules.as_of!r}: write a JSON Pointer to the date in the answer", field="as_of")
        tokens(rules.as_of, field="as_of")
        return
    DayPattern(rules.as_of)
    if not rules.footer:
        raise BadRules("it stands in a closing line: say how many there are, as footer = 1", field="as_of")


def _check_slices(rules: Extraction) -> None:
    if rules.slices is None:
        return
    if rules.many:
        raise BadRules("a slice is one document: leave items, format and extract out", field="slices")
    if not names_parameter(rules.key, START):
        raise BadRules(f"{rules.key!r} would be the same for every slice: refer to {{{START}}}", field="key")


def names_parameter(template: str, name: str) -> bool:
    """Whether a template refers to a parameter."""
    places = Template.parse(template).placeholders
    return any(place.source is From.NAME and place.path == (name,) for place in places)
