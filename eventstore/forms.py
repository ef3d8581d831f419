"""Text that comes again and again but for the numbers in it: reports, headers, names of versions.

What differs is cut out of it. The rest, its form, is stored once (`form`) and has a number; the column has a BLOB, an
array in MessagePack: that number, and what was cut out. In the form a control character stands for each of these. Text
that gains nothing by it, that has such a character, or would be one form too many, is in the column as it is.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any, Final, TypeAlias

import msgspec

from eventstore.errors import Damaged

Stored: TypeAlias = str | bytes | None

MANY: Final = 1000  # forms; where everything is another, none is worth a number
SHORTEST: Final = 16  # characters of a text that may make a form of its own
LONGEST: Final = 4096
# bytes of hexadecimal; digits as a number, behind a 1 for zeros not to get lost; any other word with a digit in it
_HEX, _NUMBER, _WORD = "\x01", "\x02", "\x03"
_CUT: Final = re.compile("[0-9A-Za-z_+/-]+")
_HELD: Final = re.compile(f"([{_HEX}{_NUMBER}{_WORD}])")
_DIGITS: Final = re.compile("[0-9]{1,18}")
_BYTES: Final = re.compile("(?:[0-9a-f]{2}){8,}")
_SHORT_WORD: Final = 6
_KINDS: Final = {_HEX: bytes, _NUMBER: int, _WORD: str}


class Forms:
    """The table `form`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, list[str]] = {}

    def forget(self) -> None:
        """Drop what is remembered: a transaction was rolled back."""
        self._numbers.clear()
        self._texts.clear()

    def stored(self, text: str | None) -> Stored:
        """What the column has for a text. Needs a transaction, for its form may be new."""
        if text is None or len(text) > LONGEST or _HELD.search(text):
            return text
        form, values = _cut(text)
        number = self._number(form, new=len(text) >= SHORTEST)
        if number is None:
            return text
        packed = msgspec.msgpack.encode([number, *values])
        return packed if len(packed) < len(text.encode()) else text

    def text(self, stored: Stored) -> str | None:
        """The text that a column has. Raises `Damaged`."""
        if not isinstance(stored, bytes):
            return stored
        try:
            number, *values = msgspec.msgpack.decode(stored, type=list[Any])
            parts = self._parts(number)
            kinds = [_KINDS[each] for each in parts[1::2]]
            if kinds != [type(value) for value in values]:
                raise Damaged(f"what was cut out of a text is not what its form {number} wants")
        except (msgspec.MsgspecError, ValueError):
            raise Damaged("a text whose form is stored elsewhere cannot be read") from None
        found = parts.copy()
        found[1::2] = map(_said, values)
        return "".join(found)

    def _number(self, form: str, *, new: bool) -> int | None:
        """The number of a form, given on first use if it may be `new`; None without one."""
        if form not in self._numbers:
            row = self._db.execute("SELECT id FROM form WHERE text = ?", (form,)).fetchone()
            if row is None and new:
                row = self._db.execute(
                    "INSERT INTO form (text) SELECT ? WHERE (SELECT count(*) FROM form) < ? RETURNING id", (form, MANY)
                ).fetchone()
            if row is None:
                return None
            self._numbers[form] = row[0]
        return self._numbers[form]

    def _parts(self, number: object) -> list[str]:
        if not isinstance(number, int):
            raise Damaged("a text whose form is stored elsewhere does not say which")
        if number not in self._texts:
            row = self._db.execute("SELECT text FROM form WHERE id = ?", (number,)).fetchone()
            if row is None:
                raise Damaged(f"the form {number} of a text is missing")
            self._texts[number] = _HELD.split(row[0])
        return self._texts[number]


def _cut(text: str) -> tuple[str, list[bytes | int | str]]:
    """The form of a text, and what was cut out of it."""
    values: list[bytes | int | str] = []

    def cut(found: re.Match[str]) -> str:
        word = found.group()
        if _DIGITS.fullmatch(word):
            values.append(int(f"1{word}"))
            return _NUMBER
        if _BYTES.fullmatch(word):
            values.append(bytes.fromhex(word))
            return _HEX
        if len(word) >= _SHORT_WORD and any(character.isdigit() for character in word):
            values.append(word)
            return _WORD
        return word

    return _CUT.sub(cut, text), values


def _said(value: bytes | int | str) -> str:
    """How what was cut out stood in the text."""
    if isinstance(value, int):
        return str(value)[1:]
    return value.hex() if isinstance(value, bytes) else value
