"""From an answer's bytes to what it holds: JSON, JSON Lines or CSV, told by the content alone."""

from __future__ import annotations

import re
from typing import Final

from collector.errors import NoProposal
from collector.extraction import diagnosis, lenient, tabular
from collector.extraction.readers import without_mark
from collector.proposal.found import Found, find
from collector.sources.rules import Format
from eventstore import JSON, Unreadable, parse

FOOTERS: Final = 3  # closing lines that are no rows, at most: reports end with a sum, a date and a source
READABLE: Final = 0.5  # of the lines at least must be rows, or the text is something else
_HEADING: Final = 100  # characters of a column's heading, at most: prose has commas too

_NOTE: Final = re.compile(r"\b(?:as of|end of|generated|month of|source|total)\b", re.IGNORECASE)
_DAY: Final = re.compile(
    r"(?P<words>\b[Aa]s of:? )(?:\d{4}-\d\d-\d\d|(?P<first>\d\d)/(?P<second>\d\d)/\d{4})(?!\d)", re.ASCII
)
_MONTHS: Final = 12  # a greater number is a day
_OTHER_SEPARATORS: Final = {"\t": "tabs", ";": "semicolons", "|": "bars"}


def read(answer: bytes, nouns: frozenset[str]) -> Found:
    """Find out what an answer holds. Raises `NoProposal` for what is none of the three formats, or holds nothing."""
    text = without_mark(answer)
    foreign = diagnosis.foreign(text)
    if foreign is not None:
        raise NoProposal(f"the answer is {foreign}", hint=_hint(foreign))
    if diagnosis.too_deep(text):
        raise NoProposal(f"the answer is nested too deeply: more than {diagnosis.DEPTH} levels")
    try:
        return find(_json(text), nouns)
    except lenient.Malformed:
        found = _json_lines(text) or _csv(text)
    if found is None:
        raise NoProposal(f"the answer is neither JSON nor CSV: {_reason(text)}")
    return found


def _hint(foreign: str) -> str | None:
    if foreign.startswith("HTML"):
        return "this is a page for people: look up the URL that programs ask, often one with /api/ or .json in it"
    return "ask again when there is something to see" if foreign.startswith("empty") else None


def _json(text: bytes) -> JSON:
    try:
        return parse(text)
    except Unreadable:
        return lenient.value(lenient.text_of(text))


def _json_lines(text: bytes) -> Found | None:
    lines = tabular.lines(text, 0)
    values = [value for line in lines if isinstance(value := _line(line), dict)]
    if len(values) < 2 or len(values) < READABLE * len(lines):  # noqa: PLR2004 - one line is JSON
        return None
    return Found(Format.JSONL, (), tuple((None, value) for value in values))


def _line(line: bytes) -> JSON:
    try:
        return _json(line)
    except (lenient.Malformed, RecursionError):
        return None


def _csv(text: bytes) -> Found | None:
    if text.lstrip().startswith((b"{", b"[")):
        return None
    try:
        header, rows = tabular.rows(text, 0)
    except tabular.BadTable:
        return None
    whole = [row for row in rows if len(row) == len(header)]
    if len(header) < 2 or not whole or len(whole) < READABLE * len(rows):  # noqa: PLR2004 - one column is prose
        return None
    if any(not name or len(name) > _HEADING for name in header):
        return None
    items = tuple((None, dict(zip(header, row, strict=True))) for row in whole)
    footer = _footer(text, header, rows)
    return Found(Format.CSV, (), items, footer=footer, as_of=_as_of(text) if footer else None)


def _footer(text: bytes, header: tabular.Cells, rows: list[tabular.Cells]) -> int:
    """Count the closing lines that are no rows. A last line without an end may be a row that was cut off."""
    short = 0
    while short < min(len(rows), FOOTERS) and len(rows[-1 - short]) != len(header):
        short += 1
    cut_off = short == 1 and not text.endswith((b"\n", b"\r")) and not _NOTE.search(_last_line(text))
    return 0 if cut_off else short


def _as_of(text: bytes) -> str | None:
    """Write a pattern for the day that the last line tells, where its form can be one only."""
    found = _DAY.search(_last_line(text))
    if found is None:
        return None
    words, first, second = found["words"], int(found["first"] or 0), int(found["second"] or 0)
    if not first:
        return f"{words}{{date}}"
    if first > _MONTHS or second > _MONTHS:
        return f"{words}{{date:{'%m/%d/%Y' if second > _MONTHS else '%d/%m/%Y'}}}"
    return None


def _last_line(text: bytes) -> str:
    return lenient.text_of(text.rstrip().splitlines()[-1])


def _reason(text: bytes) -> str:
    first = lenient.text_of(text.splitlines()[0])
    for sign, what in _OTHER_SEPARATORS.items():
        if first.count(sign) > 1 and not first.startswith(("{", "[")):
            return f"its first line has {what}, and only commas are read"
    return diagnosis.unreadable(text)
