"""Editing `orlog.toml` as its user would: only what must change changes, and what comes out is read again to be sure.

Pure: text in, text out. What cannot be edited so (an array written in a way that is not foreseen here) is said, never
guessed at.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

# TOML 1.0: an array of strings may span lines, have comments, and a comma at its end
_OPENING: Final = re.compile(r"""^[ \t]*(?:sources|"sources"|'sources')[ \t]*=[ \t]*\[""", re.MULTILINE)
_TOKEN: Final = re.compile(
    r"""(?P<string>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')|(?P<comma>,)|(?P<end>\])|(?:[ \t\r\n]|\#[^\n]*)+"""
)
_REST_OF_LINE: Final = re.compile(r"[ \t]*(?:#[^\r\n]*)?")


class CannotEdit(Exception):
    """The text cannot be edited safely: `line` is where `sources` stands, counted from 1, None where it does not."""

    def __init__(self, line: int | None) -> None:
        super().__init__(line)
        self.line = line


class _Element(NamedTuple):
    """A string of the array: its value, where it begins and ends, where the comma behind it ends (None: no comma)."""

    value: str
    start: int
    end: int
    comma: int | None


class _Array(NamedTuple):
    """The array: the place behind `[`, the place of `]`, and what is in between."""

    start: int
    end: int
    elements: list[_Element]


def with_source(text: str, entry: str) -> str:
    """Add an entry at the end of `sources`, which is made where it is missing. Raises `CannotEdit`."""
    return _checked(text, _added, [entry], lambda listed: [*listed, entry])


def without_sources(text: str, entries: Sequence[str]) -> str:
    """Take entries out of `sources`, with the comments on their lines. Raises `CannotEdit`."""
    return _checked(text, _taken, entries, lambda listed: [each for each in listed if each not in entries])


def quoted(text: str) -> str:
    """Write a string of TOML: JSON's escapes are among TOML's, but DEL must be one too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _checked(
    text: str,
    edit: Callable[[str, Sequence[str]], str],
    entries: Sequence[str],
    wanted: Callable[[list[str]], list[str]],
) -> str:
    before = tomllib.loads(text)
    edited = edit(text, entries)
    if _read(edited) != {**before, "sources": wanted(before.get("sources", []))}:
        raise CannotEdit(_line(text))
    return edited


def _read(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _line(text: str) -> int | None:
    found = _OPENING.search(text) or re.search(r"^[ \t]*sources\b", text, re.MULTILINE)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def _array(text: str) -> _Array | None:
    """Find the array; None where there is none. Raises `CannotEdit` where something else than strings is in it."""
    opening = _OPENING.search(text)
    if opening is None:
        return None
    elements: list[_Element] = []
    at = opening.end()
    while (token := _TOKEN.match(text, at)) is not None:
        at = token.end()
        if token["end"]:
            return _Array(opening.end(), token.start(), elements)
        if token["string"]:
            if elements and elements[-1].comma is None:
                break  # a string of three quotes looks like three strings
            value = tomllib.loads(f"v = {token['string']}")["v"]
            elements.append(_Element(value, token.start(), token.end(), None))
        elif token["comma"] and elements:
            elements[-1] = elements[-1]._replace(comma=token.end())
    raise CannotEdit(_line(text))


def _added(text: str, entries: Sequence[str]) -> str:
    (entry,) = entries
    array = _array(text)
    if array is None:
        if "sources" in tomllib.loads(text):
            raise CannotEdit(_line(text))
        return f"sources = [{quoted(entry)}]{_newline(text)}{text}"  # before any table: it belongs to none
    if not array.elements:
        return text[: array.start] + quoted(entry) + text[array.start :]
    last = array.elements[-1]
    after = last.end if last.comma is None else last.comma
    line_end = text.find("\n", after, array.end)
    if line_end < 0:  # the bracket stands on the same line
        comma = "," if last.comma is None else ""
        return f"{text[:after]}{comma} {quoted(entry)}{text[after:]}"
    indent = re.match(r"[ \t]*", text[text.rfind("\n", 0, last.start) + 1 :])
    line = f"{_newline(text)}{indent[0] if indent else ''}{quoted(entry)}{',' if last.comma else ''}"
    line_end -= text[line_end - 1] == "\r"
    return f"{text[: last.end]}{',' if last.comma is None else ''}{text[last.end : line_end]}{line}{text[line_end:]}"


def _taken(text: str, entries: Sequence[str]) -> str:
    while (array := _array(text)) is not None:
        place = next((i for i, each in enumerate(array.elements) if each.value in entries), None)
        if place is None:
            break
        start, end = _extent(text, array, place)
        text = text[:start] + text[end:]
    return text


def _extent(text: str, array: _Array, place: int) -> tuple[int, int]:
    """What goes with an element: its line where it has one for itself, or else a comma and the space around it."""
    element = array.elements[place]
    after = element.end if element.comma is None else element.comma
    line = text.rfind("\n", 0, element.start) + 1
    rest = _REST_OF_LINE.match(text, after)
    line_end = after if rest is None else rest.end()
    if (
        line > array.start
        and not text[line : element.start].strip()
        and text[line_end : line_end + 2].lstrip("\r")[:1] == "\n"
    ):
        return line, text.index("\n", line_end) + 1
    if place + 1 < len(array.elements):
        return element.start, array.elements[place + 1].start
    return (array.elements[place - 1].end if place else element.start), after


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
