"""What is printed on: how wide it is, whether it takes colour; texts in styles, and lines that fit."""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TextIO

import msgspec

from cli.text import fits, printable, width

_CHUNKS: Final = re.compile(r"\s+|\S+")


class Style(enum.Enum):
    """How a text looks: parameters of ECMA-48's SGR. Only what can be read on a light and on a dark background."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    REMOVED = "31"
    ADDED = "32"
    MOVED = "35"
    CHANGED = "36"


class Span(NamedTuple):
    """A piece of a line in one style; a solid one is broken only where it is wider than a whole line."""

    text: str
    style: Style = Style.PLAIN
    solid: bool = False


GAP: Final = Span("  ")
"""Between two columns, or two things on a line."""


class Paper(msgspec.Struct, frozen=True):
    """What is printed on. `width` in cells, None where lines may be of any length; `colour`: whether it has any.

    Whatever is styled comes out without what a terminal obeys, save the style itself.
    """

    width: int | None = None
    colour: bool = False

    @classmethod
    def of(cls, stdout: TextIO | None, environ: Mapping[str, str]) -> Paper:
        """What stdout is: a terminal has a width and, as a rule, colour; a pipe has neither.

        NO_COLOR (no-color.org) and TERM=dumb take colour away, FORCE_COLOR (force-color.org) gives it to a pipe.
        """
        terminal = stdout is not None and stdout.isatty()
        forced = bool(environ.get("FORCE_COLOR"))
        refused = bool(environ.get("NO_COLOR")) or (environ.get("TERM") == "dumb" and not forced)
        return cls(_columns() if terminal else None, (terminal or forced) and not refused)

    def styled(self, text: str, style: Style) -> str:
        """A text in a style."""
        text = printable(text)
        if not self.colour or style is Style.PLAIN or not text:
            return text
        return f"\x1b[{style.value}m{text}\x1b[0m"

    def bold(self, text: str) -> str:
        """A heading, or a name to be found at a glance."""
        return self.styled(text, Style.BOLD)

    def dim(self, text: str) -> str:
        """What matters less."""
        return self.styled(text, Style.DIM)

    def added(self, text: str) -> str:
        """What came."""
        return self.styled(text, Style.ADDED)

    def removed(self, text: str) -> str:
        """What went."""
        return self.styled(text, Style.REMOVED)

    def changed(self, text: str) -> str:
        """What is another than before."""
        return self.styled(text, Style.CHANGED)

    def line(self, spans: Iterable[Span]) -> str:
        """A line of pieces, without its end."""
        runs = itertools.groupby(spans, key=lambda span: span.style)
        return "".join([self.styled("".join([span.text for span in run]), style) for style, run in runs])


PLAIN: Final = Paper()
"""A pipe."""


def _columns() -> int:
    import shutil  # a pipe does without it

    return shutil.get_terminal_size().columns


def cells(spans: Iterable[Span]) -> int:
    """How many cells a line of pieces takes."""
    return sum(width(span.text) for span in spans)


def fit(spans: Sequence[Span], room: int | None) -> bool:
    """Whether a line of pieces takes at most so many cells (None: any number)."""
    return room is None or (all(fits(span.text, room) for span in spans) and cells(spans) <= room)


def row(columns: Sequence[Sequence[Span]], widths: Sequence[int]) -> list[Span]:
    """A line of a table: each column but the last in so many cells, or in more where it takes them, and a gap."""
    line: list[Span] = []
    for column, room in zip(columns, [*widths, 0], strict=False):
        line += [*column, Span(" " * max(room - cells(column), 0)), GAP]
    return _trimmed(line)


def wrapped(spans: Iterable[Span], room: int | None) -> list[list[Span]]:
    """Break a line between words into lines of at most `room` cells (None: any number); a longer word is broken too.

    The white space where it is broken goes.
    """
    if room is None:
        return [list(spans)]
    lines: list[list[Span]] = [[]]
    taken = 0
    for chunk in _chunks(spans, max(room, 2)):  # the widest character takes two cells
        size = width(chunk.text)
        if taken + size > room and taken:
            lines.append([])
            taken = 0
        if taken or not chunk.text.isspace():
            lines[-1].append(chunk)
            taken += size
    return [_trimmed(line) for line in lines if line] or [[]]


def head(text: str, room: int) -> str:
    """The longest beginning of a text that takes at most `room` cells."""
    if text.isascii():
        return text[: max(room, 0)]
    taken = 0
    for place, character in enumerate(text):
        taken += width(character)
        if taken > room:
            return text[:place]
    return text


def _chunks(spans: Iterable[Span], room: int) -> Iterator[Span]:
    for text, style, solid in spans:
        for word in [text] if solid else _CHUNKS.findall(text):
            yield from (Span(piece, style) for piece in _pieces(word, room))


def _pieces(word: str, room: int) -> Iterator[str]:
    while width(word) > room:
        start = head(word, room)
        yield start
        word = word[len(start) :]
    yield word


def _trimmed(line: list[Span]) -> list[Span]:
    while line and not line[-1].text.strip():
        line.pop()
    return line
