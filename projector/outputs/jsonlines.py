"""Rows as JSON Lines, one write a line: for whoever follows views from outside.

{"view":"prices","op":"reset"}                               its rows come from the beginning
{"view":"prices","op":"put","row":{…}}                       a row by its primary key, new or in place of another
{"view":"prices","op":"drop","key":{…}}                      it is gone
{"view":"prices","op":"close","key":{…},"row":{"valid_to":…}} the row that stood for this key has ended
{"view":"prices","op":"set","key":{…},"row":{…}}             some of its columns are others
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from projector.derivation import Key, Row, Writes, closing
from projector.tables import Target

_encode = msgspec.json.Encoder().encode


class JsonLines:
    """Writes lines, each with its line end, to whatever takes bytes."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def reset(self, target: Target) -> None:
        """See `Output`."""
        self._line(target, "reset")

    def write(self, target: Target, writes: Writes) -> None:
        """See `Output`."""
        names = target.projection.primary_key
        for ended in writes.closes:
            self._line(target, "close", _named(names[:-1], ended.key), closing(ended))
        for key in writes.drops:
            self._line(target, "drop", _named(names, key))
        for row in writes.puts.values():
            self._line(target, "put", None, row)
        for key, row in writes.sets.items():
            self._line(target, "set", _named(names, key), row)

    def _line(self, target: Target, op: str, key: Row | None = None, row: Row | None = None) -> None:
        line: dict[str, Any] = {"view": target.projection.name, "op": op}
        if key is not None:
            line["key"] = key
        if row is not None:
            line["row"] = row
        self._write(_encode(line) + b"\n")


def _named(names: Sequence[str], key: Key) -> Row:
    return dict(zip(names, key, strict=True))
