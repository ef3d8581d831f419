"""One item: from its bytes to its key and documents, or to why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from collector.extraction import lenient
from collector.extraction.days import MEMBER
from collector.extraction.diagnosis import too_deep
from collector.sources.pointer import Tokens, pointer, tokens
from collector.sources.rules import Extraction
from collector.sources.template import NoValue, Template
from eventstore import JSON, Document, Item, Unreadable, parse


class Unread(msgspec.Struct, frozen=True):
    """An item that could not be read: there all the same if its key was found. `path` is the place in it, if known."""

    key: str | None
    reason: str
    path: str | None = None


Outcome: TypeAlias = Item | Unread


class How(msgspec.Struct, frozen=True):
    """How documents are made of an answer's items.

    `light` ones do not hold on to their parsed value. `day`: the one that the answer speaks of, which each gets as its
    member `as_of`, unless it has one.
    """

    light: bool = False
    day: str | None = None


PLAIN: Final = How()


class TooDeep(Exception):
    """An item nests deeper than `diagnosis.DEPTH`."""


class Dissector:
    """Makes items of values: fills the key in, drops and splits off what the rules say."""

    def __init__(self, rules: Extraction) -> None:
        """Take the rules' templates and pointers apart, once."""
        self._category = rules.category
        self._key = Template.parse(rules.key, field="key")
        self._drop = tuple(tokens(path) for path in rules.drop)
        self._split = tuple((name, tuple(tokens(path) for path in rules.split[name])) for name in sorted(rules.split))

    def key(self, value: JSON, params: Mapping[str, str], name: str | None) -> str:
        """Fill the key's template in. Raises `NoValue`."""
        key = self._key.fill(value, params, name)
        if not key:
            raise NoValue("nothing of its template has a value")
        return key

    def item(self, value: JSON, params: Mapping[str, str], name: str | None, how: How = PLAIN) -> Outcome:
        """Take a value apart, which is used up."""
        try:
            key = self.key(value, params, name)
        except NoValue as error:
            return Unread(None, str(error))
        for path in self._drop:
            _take(value, path)
        split = [(category, _taken(value, paths)) for category, paths in self._split]
        parts = [(self._category, value), *(part for part in split if part[1] is not None)]
        return Item(key, tuple((category, _document(part, how)) for category, part in parts))

    def read(self, text: bytes, params: Mapping[str, str], name: str | None, how: How = PLAIN) -> Outcome:
        """Read an item from strict JSON. Raises `TooDeep`."""
        if too_deep(text):
            raise TooDeep
        try:
            return self.item(parse(text), params, name, how)
        except Unreadable as error:
            return self._unread(text, params, name, str(error))

    def _unread(self, text: bytes, params: Mapping[str, str], name: str | None, reason: str) -> Unread:
        try:
            value = lenient.value(lenient.text_of(text))
        except (lenient.Malformed, RecursionError):
            return Unread(None, reason)
        odd = lenient.oddity(value)
        path, why = (pointer(odd[0]), odd[1]) if odd else (None, reason)
        try:
            return Unread(self.key(value, params, name), why, path)
        except NoValue as error:
            return Unread(None, f"{error}; {why}", path)


def _document(value: JSON, how: How) -> Document:
    if how.day is not None and isinstance(value, dict):
        value.setdefault(MEMBER, how.day)
    document = Document.parsed(value)
    return Document(document.canonical) if how.light else document


def _taken(value: JSON, paths: tuple[Tokens, ...]) -> JSON:
    """Move what stands at `paths` into a document of its own; None if there is nothing."""
    moved: dict[str, JSON] | None = None
    for path in paths:
        found = _take(value, path)
        if found:
            moved = {} if moved is None else moved
            _put(moved, path, found[0])
    return moved


def _take(value: JSON, path: Tokens) -> tuple[JSON] | None:
    """Remove what stands at a path of object members, and return it in a tuple; None if there is nothing."""
    for token in path[:-1]:
        value = value.get(token) if isinstance(value, dict) else None
    if isinstance(value, dict) and path[-1] in value:
        return (value.pop(path[-1]),)
    return None


def _put(value: dict[str, JSON], path: Tokens, moved: JSON) -> None:
    for token in path[:-1]:
        value = value.setdefault(token, {})
    value[path[-1]] = moved
