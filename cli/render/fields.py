"""What two documents say differently, field by field, for people: aligned, folded, words diffed inside long texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from cli.terminal import words
from cli.terminal.paper import GAP, Paper, Span, Style, fit, wrapped
from cli.terminal.values import FOLD, inline, numeric
from cli.text import counted, fits, grouped, padding, width
from eventstore import ABSENT, JSON, FieldChange

PATHS: Final = 3  # paths take at most a third of the width
PATHS_WHERE_ALL_FITS: Final = 2  # or half of it, where so each change still fits on its line
PATHS_UNBOUNDED: Final = 40  # cells, where there is no width
BESIDE: Final = 45  # cells right of the paths; where there are fewer, what is longer goes below its path
BELOW: Final = 4  # cells by which it is indented there
ALIGNED: Final = 24  # cells of a value up to which arrows (and percentages) stand below each other
TEXT: Final = 60  # characters from which a string is a text: its words are compared
ELEMENTS: Final = 20  # of an array that are shown: of those that came, and of those that went
LINES: Final = 3  # that an old or a new value may take where they stand below each other

_HUNDRED: Final = 100
_MULTIPLE: Final = 10  # from ten times as much on it is a factor: not `+900%`
_LARGEST: Final = 1_000_000  # what grew more is another kind of thing
MINUS: Final = "\N{MINUS SIGN}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"


def lines(changes: Sequence[FieldChange], paper: Paper, *, indent: int = 0) -> list[str]:
    """All changes of a document, in the order given; styled, without line ends."""
    return [line for block in blocks(changes, paper, indent=indent) for line in block]


def blocks(changes: Sequence[FieldChange], paper: Paper, *, indent: int = 0) -> list[list[str]]:
    """The same, the lines of each change by themselves."""
    contents = [_content(change, colour=paper.colour) for change in changes]
    grid = _grid([_path(change) for change in changes], contents, paper.width, indent)
    pairs = [each for each in contents if isinstance(each, _Pair)]
    before = _longest([pair.before_text for pair in pairs], ALIGNED)
    after = _longest([pair.after_text for pair in pairs if pair.relative], ALIGNED)
    return [
        [paper.line(line) for line in _placed(change, content, grid, (before, after))]
        for change, content in zip(changes, contents, strict=True)
    ]


def relative(before: JSON, after: JSON) -> str:
    """How much a number (or a decimal in a string) grew: `+50%`, `-12.5%`, `x12` (with true signs); may be empty."""
    old, new = numeric(before), numeric(after)
    if old is None or new is None or not old or (type(before) is str) is not (type(after) is str):
        return ""
    if new / old >= _MULTIPLE:
        return f"{TIMES}{grouped(round(new / old))}" if new / old <= _LARGEST else ""
    growth = (new - old) / abs(old) * _HUNDRED
    percent = f"{abs(growth):.1f}".removesuffix(".0")
    if percent == "0" or abs(growth) > _LARGEST:
        return ""
    return f"{'+' if growth > 0 else MINUS}{percent}%"


# -- what is said of a change: `whole` is all of it in a line, `lines` what fits


class _Single(NamedTuple):
    """A value that came or went."""

    value: JSON
    style: Style

    def whole(self) -> list[Span]:
        return [Span(inline(self.value, None), self.style)]

    def lines(self, room: int | None) -> list[list[Span]]:
        return [[Span(inline(self.value, room), self.style)]]


class _Flow(NamedTuple):
    """Pieces that may be broken between words."""

    spans: list[Span]

    def whole(self) -> list[Span]:
        return self.spans

    def lines(self, room: int | None) -> list[list[Span]]:
        return wrapped(self.spans, room)


class _Pair(NamedTuple):
    """A value before and after, how much it grew, and where it was. As lines they stand below each other."""

    before: JSON
    after: JSON
    before_text: str
    after_text: str
    relative: str
    was: list[Span]

    def whole(self, before: int = 0, after: int = 0) -> list[Span]:
        spans = [
            Span(self.before_text, Style.REMOVED),
            Span(f"{padding(self.before_text, before)} → ", Style.DIM),
            Span(self.after_text, Style.ADDED),
        ]
        if self.relative:
            spans.append(Span(f"{padding(self.after_text, after)}  {self.relative}"))
        return spans + self.was

    def lines(self, room: int | None) -> list[list[Span]]:
        growth = [GAP, Span(self.relative)] if self.relative else []
        return [
            *_below("- ", self.before, Style.REMOVED, [], room),
            *_below("+ ", self.after, Style.ADDED, growth + self.was, room),
        ]


_Content: TypeAlias = _Single | _Flow | _Pair


def _below(sign: str, value: JSON, style: Style, more: list[Span], room: int | None) -> list[list[Span]]:
    room = None if room is None else room - len(sign)
    text = inline(value, None if room is None else room * LINES)
    broken = wrapped([Span(text, style), *more], room)
    return [[Span(" " * len(sign) if place else sign, style), *line] for place, line in enumerate(broken)]


def _content(change: FieldChange, *, colour: bool) -> _Content:
    before, after = change.before, change.after
    if before is ABSENT and after is ABSENT:
        return _Flow([Span("moved from ", Style.DIM), Span(str(change.was_at))])
    if before is ABSENT:
        return _Single(after, Style.ADDED)
    if after is ABSENT:
        return _Single(before, Style.REMOVED)
    was = [GAP, Span(f"(was {change.was_at})", Style.DIM, solid=True)] if isinstance(change.was_at, str) else []
    inside = _inside(before, after, colour=colour)
    if inside:
        return _Flow(inside + was)
    return _Pair(before, after, inline(before, None), inline(after, None), relative(before, after), was)


def _inside(before: JSON, after: JSON, *, colour: bool) -> list[Span]:
    """What differs inside of two arrays or two texts; nothing where they are better taken whole."""
    if type(before) is list and type(after) is list:
        return _elements(before, after)
    if type(before) is str and type(after) is str and max(len(before), len(after)) > TEXT:
        runs = words.difference(before, after)
        return words.spans(runs, colour=colour) if runs else []
    return []


def _elements(before: list[JSON], after: list[JSON]) -> list[Span]:
    values = {inline(element, None): element for element in (*before, *after)}
    old, new = (Counter(inline(element, None) for element in array) for array in (before, after))
    if not old & new:
        return []
    came, went = ([values[text] for text in each.elements()] for each in (new - old, old - new))
    sizes = [grouped(len(array)) for array in (before, after)]
    told = f"of {sizes[1]}" if sizes[0] == sizes[1] else " → ".join(sizes)
    total = [GAP, Span(f"({told})", Style.DIM, solid=True)]
    if not came and not went:
        return [Span("reordered"), *total]
    gap = [GAP] if came and went else []
    return [*_marked("-", went, Style.REMOVED), *gap, *_marked("+", came, Style.ADDED), *total]


def _marked(sign: str, elements: list[JSON], style: Style) -> list[Span]:
    shown = [f"{sign} {inline(element, TEXT)}" for element in elements[:ELEMENTS]]
    more = len(elements) - len(shown)
    if more:
        shown.append(f"{FOLD} {counted(more, 'more', 'more')}")
    return [span for text in shown for span in (Span(" "), Span(text, style, solid=True))][1:]


# -- where it stands


class _Grid(NamedTuple):
    """Paths stand at `indent`, in `paths` cells; values right of them in `beside` cells, or else in `below` cells.

    None: in any number of cells.
    """

    indent: int
    paths: int
    beside: int | None
    below: int | None

    @property
    def margin(self) -> int:
        """Where values begin that stand beside their path: behind a sign."""
        return self.indent + len("~ ") + self.paths + len(GAP.text)


def _grid(paths: list[str], contents: list[_Content], room: int | None, indent: int) -> _Grid:
    if room is None:
        return _grid_of(paths, PATHS_UNBOUNDED, None, indent)
    wide = _grid_of(paths, room // PATHS_WHERE_ALL_FITS, room, indent)
    if all(fit(content.whole(), wide.beside) for content in contents):
        return wide
    return _grid_of(paths, room // PATHS, room, indent)


def _grid_of(paths: list[str], widest: int, room: int | None, indent: int) -> _Grid:
    grid = _Grid(indent, _longest(paths, widest), None, None)
    if room is None:
        return grid
    return grid._replace(beside=max(room - grid.margin, 1), below=max(room - indent - BELOW, LINES))


def _placed(change: FieldChange, content: _Content, grid: _Grid, aligned: tuple[int, int]) -> list[list[Span]]:
    path = _path(change)
    beside = width(path) <= grid.paths
    start = [Span(" " * grid.indent), _sign(change), Span(f" {path}")]
    narrow = grid.beside is not None and grid.beside < BESIDE
    if narrow and not (beside and fit(content.whole(), grid.beside)):
        margin, room, beside = grid.indent + BELOW, grid.below, False
    else:
        margin, room = grid.margin, grid.beside
    lines_ = _laid(content, room, aligned)
    margined = [[Span(" " * margin), *line] for line in lines_]
    if not beside:
        return [start, *margined]
    return [[*start, Span(" " * (grid.paths - width(path) + len(GAP.text))), *lines_[0]], *margined[1:]]


def _laid(content: _Content, room: int | None, aligned: tuple[int, int]) -> list[list[Span]]:
    if isinstance(content, _Pair):
        for whole in (content.whole(*aligned), content.whole()):
            if fit(whole, room):
                return [whole]
    return content.lines(room)


def _longest(texts: list[str], most: int) -> int:
    """Cells of the longest of those texts that are not longer than so many cells."""
    return max((width(text) for text in texts if fits(text, most)), default=0)


def _sign(change: FieldChange) -> Span:
    if change.before is ABSENT:
        return Span("↕", Style.MOVED) if change.after is ABSENT else Span("+", Style.ADDED)
    return Span("-", Style.REMOVED) if change.after is ABSENT else Span("~", Style.CHANGED)


def _path(change: FieldChange) -> str:
    return change.path or "(all)"
