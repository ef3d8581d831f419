"""Columns that follow from documents: one for every field that they were ever seen to have, or those that are named.

A field is what has no members of its own; arrays are one field, as JSON text. A column keeps its name and its place
once it is there: `/pricing/prompt` is `pricing_prompt`, and where that is taken `pricing_prompt_2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from eventstore import ABSENT, JSON, resolve
from projector.columns import INTEGERS, Stored, encoded

MOST: Final = 500  # columns; SQLite takes 2000, and an object keyed by id would fill any table
LEVELS: Final = 8  # objects in objects; what lies deeper is JSON text
WHOLE: Final = "document"  # the column of a document that is no object

_ODD: Final = re.compile(r"\W+")


def fields(document: JSON) -> dict[str, Stored]:
    """The fields of a document by their path as a JSON Pointer, in the order of their names, as SQLite stores them."""
    found: dict[str, Stored] = {}
    _add(document, "", 0, found)
    return found


def _add(value: JSON, path: str, level: int, found: dict[str, Stored]) -> None:
    if type(value) is not dict or not value or level >= LEVELS:
        found[path] = _stored(value)
        return
    for name in sorted(value):
        step = name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name
        member = value[name]
        if type(member) is str or member is None:  # most are: a call for each would take most of the time
            found[f"{path}/{step}"] = member
        else:
            _add(member, f"{path}/{step}", level + 1, found)


def _stored(value: JSON) -> Stored:
    kind = type(value)
    if kind is int:
        return value if value in INTEGERS else str(value)
    if kind is bool:
        return int(value)
    return encoded(value).decode() if kind is dict or kind is list else value


def named(columns: Mapping[str, str], document: JSON) -> dict[str, Stored]:
    """The fields of a document that columns name (name to JSON Pointer), by their pointers."""
    values = ((pointer, resolve(document, pointer)) for pointer in columns.values())
    return {pointer: None if value is ABSENT else _stored(value) for pointer, value in values}


class Names(msgspec.Struct):
    """The columns of one view by the path that each is for, in the order in which they came; `taken` in lower case."""

    of: dict[str, str]
    taken: set[str]

    @classmethod
    def without(cls, reserved: Iterable[str]) -> Names:
        """No column yet; none may have a reserved name."""
        return cls({}, {name.lower() for name in reserved})

    def add(self, paths: Iterable[str]) -> list[str]:
        """Give each path that has no column one, as long as there is room; return the paths that got none."""
        return [path for path in paths if path not in self.of and not self._add(path)]

    def _add(self, path: str) -> bool:
        if len(self.of) >= MOST:
            return False
        tokens = (token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:])
        plain = _ODD.sub("_", "_".join(tokens)) or WHOLE
        name, number = plain, 1
        while name.lower() in self.taken:
            number += 1
            name = f"{plain}_{number}"
        self.put(path, name)
        return True

    def put(self, path: str, name: str) -> None:
        """Take up a column that is there already."""
        self.of[path] = name
        self.taken.add(name.lower())
