"""Rows as JSON, JSON Lines or a table. Pure: data in, bytes out."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from cli.options import Format
from cli.terminal.paper import PLAIN, Paper
from cli.text import escaped, fits, padding, printable, stamp, width
from eventstore import JSON, Document

LONGEST: Final = 1000  # cells to which a column is padded, at most: a key may be a megabyte

# no string spans lines: a name is what a line begins with and a colon follows
_NAME: Final = re.compile(r'^( *)("(?:[^"\\]|\\.)*")(: )', re.MULTILINE)

_encode = msgspec.json.Encoder().encode


def plain(value: Any) -> Any:
    """Structs, enums and times as what JSON has: objects, their values, `2025-01-31T18:30:00.250Z`."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, str):  # paths, and what is damaged, may hold bytes that are no text
        return value.encode(errors="backslashreplace").decode()
    return value


def encoded(value: Any) -> bytes:
    """A value as one line of JSON, without its end; members in their order."""
    return _encode(value)


def recorded(value: JSON) -> msgspec.Raw:
    """A value of a document as one of a contract: as it was recorded, however deep."""
    return msgspec.Raw(Document.parsed(value).canonical)


def one(value: Any) -> Iterator[bytes]:
    """One value as a line of JSON."""
    yield encoded(plain(value)) + b"\n"


def indented(text: bytes, paper: Paper = PLAIN) -> bytes:
    """JSON text for people, over several lines: the same values, and nothing that a terminal obeys; bold names."""
    lines = escaped(msgspec.json.format(text, indent=2).decode())
    if paper.colour:
        lines = _NAME.sub(lambda found: found[1] + paper.bold(found[2]) + found[3], lines)
    return lines.encode() + b"\n"


def rows(values: Iterable[Any], format_: Format) -> Iterator[bytes]:
    """Values as a JSON list with one on each line, or as JSON Lines."""
    if format_ is Format.JSONL:
        yield from (encoded(plain(value)) + b"\n" for value in values)
        return
    opening = b"[\n"
    for value in values:
        yield opening + encoded(plain(value))
        opening = b",\n"
    yield b"[]\n" if opening == b"[\n" else b"\n]\n"


def table(header: Sequence[str], lines: Iterable[Sequence[str]], paper: Paper = PLAIN) -> Iterator[bytes]:
    """Columns under a bold heading; nothing cut or folded, so that all can be copied.

    Our own, for rich takes a second for what a year of syncs has, and folds keys.
    """
    cells = [[printable(cell) for cell in line] for line in lines]
    widths = [max(width(cell) for cell in column if fits(cell, LONGEST)) for column in zip(header, *cells, strict=True)]
    for number, line in enumerate([header, *cells]):
        padded = (cell + padding(cell, room) for cell, room in zip(line, widths, strict=True))
        text = "  ".join(padded).rstrip()
        yield f"{text if number else paper.bold(text)}\n".encode()


def fields(pairs: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """Names and values, one pair a line."""
    lines = [(name, printable(value)) for name, value in pairs]
    longest = max((len(name) for name, _ in lines), default=0)
    yield from (f"{name:<{longest}}  {value}".rstrip().encode() + b"\n" for name, value in lines)
