r"""Templates: how an item's key (or a request's path) is written from values.

    {id}        a parameter of the scope, or else the item's member of that name
    {/a/b}      what a JSON Pointer (RFC 6901) leads to in the item
    {@key}      the member name of an item of a keyed object; a member that is really called "@key" is {/@key}
    {id|text}   any of these, or the text where the value is missing or null
    {:/a|text}  a colon and the value; neither where the value is missing, null or the text: an optional last part
    {{ and }}   braces, and in names || a bar

A value is a string that is not empty, as it is, or an integer, in decimal. In values `\` is written `\\` and `#` is
written `\#`, because `#2`, `#3` … mark items of one key. Parameters win over members of the same name, so that a
key does not depend on which fields an API adds.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from collector.errors import BadTemplate
from collector.sources.pointer import NotThere, Tokens, find, tokens
from collector.wording import article
from eventstore import JSON

KEY: Final = "@key"

_PIECE: Final = re.compile(r"\{\{|\}\}|\{(?P<inside>[^{}]*)\}|[^{}]+", re.DOTALL)
_BAR: Final = re.compile(r"(?<!\|)\|(?!\|)")
_COLON: Final = ":"


class NoValue(Exception):
    """A template cannot be filled: the message says which value is missing or of no use."""


class From(enum.Enum):
    """Where a placeholder takes its value from."""

    NAME = enum.auto()  # a parameter of the scope or a member of the item
    POINTER = enum.auto()
    MEMBER_NAME = enum.auto()


class Placeholder(msgspec.Struct, frozen=True):
    """One `{…}`: where its value comes from, and what it is called there.

    `default` takes the place of a value that is missing or null. An `optional` one is written with a colon before it,
    or not at all where its value is missing, null or the default.
    """

    source: From
    path: Tokens
    text: str
    default: str | None = None
    optional: bool = False

    def read(self, item: JSON, params: Mapping[str, str], name: str | None = None) -> str:
        """Read what stands for it, as it is (see `Template.fill`). Raises `NoValue`."""
        value = _found(self, item, params, name)
        if self.optional:
            return "" if value is None or value == self.default else _COLON + _text(value, self)
        return self.default if value is None and self.default is not None else _text(value, self)


class Template(msgspec.Struct, frozen=True):
    """A template taken apart: literal texts and placeholders, in order."""

    parts: tuple[str | Placeholder, ...]

    @classmethod
    def parse(cls, text: str, *, field: str = "") -> Template:
        """Take a template apart. Raises `BadTemplate` or `BadPointer`, naming `field`."""
        parts: list[str | Placeholder] = []
        end = 0
        while end < len(text):
            piece = _PIECE.match(text, end)
            if piece is None:
                raise BadTemplate(f"{text!r}: a lone {text[end]!r} at character {end + 1}", field=field)
            parts.append(_part(piece, field))
            end = piece.end()
        return cls(tuple(parts))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The placeholders, in order."""
        return tuple(part for part in self.parts if isinstance(part, Placeholder))

    def fill(self, item: JSON, params: Mapping[str, str], name: str | None = None) -> str:
        """Write the text for an item, which stood under the member name `name` in a keyed object.

        Raises `NoValue` where a value is missing, or is neither a string with something in it nor an integer.
        """
        return "".join(
            part if isinstance(part, str) else _escaped(part.read(item, params, name)) for part in self.parts
        )


def _part(piece: re.Match[str], field: str) -> str | Placeholder:
    inside = piece["inside"]
    if inside is None:
        return {"{{": "{", "}}": "}"}.get(piece[0], piece[0])
    named, *rest = _BAR.split(inside, maxsplit=1)
    named, default = named.replace("||", "|"), rest[0].replace("||", "|") if rest else None
    if not named or default == "":
        raise BadTemplate(f"{piece[0]} names nothing", field=field)
    if named.startswith((_COLON + "/", "/")):
        path = tokens(named.removeprefix(_COLON), field=field)
        return Placeholder(From.POINTER, path, piece[0], default, optional=named.startswith(_COLON))
    return Placeholder(From.MEMBER_NAME if named == KEY else From.NAME, (named,), piece[0], default)


def _found(placeholder: Placeholder, item: JSON, params: Mapping[str, str], name: str | None) -> JSON:
    """What stands where a placeholder points; None too where nothing does and it can do without."""
    if placeholder.source is From.MEMBER_NAME:
        return name
    if placeholder.source is From.NAME and placeholder.path[0] in params:
        return params[placeholder.path[0]]
    try:
        return _member(placeholder, item)
    except NoValue:
        if placeholder.optional or placeholder.default is not None:
            return None
        raise


def _member(placeholder: Placeholder, item: JSON) -> JSON:
    if placeholder.source is From.NAME and not isinstance(item, dict):
        raise NoValue(f"{placeholder.text}: the item is {article(item)}, which has no members")
    try:
        return find(item, placeholder.path)
    except NotThere:
        raise NoValue(f"{placeholder.text}: the item has no such {_thing(placeholder)}") from None


def _text(value: JSON, placeholder: Placeholder) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return _decimal(value, placeholder)
    if not isinstance(value, str):
        raise NoValue(f"{placeholder.text} is {article(value)}, not a string or an integer")
    if not value:
        raise NoValue(f"{placeholder.text} is an empty string")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise NoValue(f"{placeholder.text} is a string that is not Unicode text")
    return value


def _decimal(value: int, placeholder: Placeholder) -> str:
    try:
        return str(value)
    except ValueError:
        raise NoValue(f"{placeholder.text} is an integer of more digits than can be written") from None


def _thing(placeholder: Placeholder) -> str:
    return "place" if placeholder.source is From.POINTER else "member"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("#", "\\#")
