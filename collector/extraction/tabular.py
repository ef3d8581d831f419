"""Answers of rows: CSV (RFC 4180, UTF-8) and JSON Lines. Blank lines and footers are left out."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import Final, TypeAlias

from collector.extraction.lenient import text_of
from collector.wording import listed

Cells: TypeAlias = tuple[str, ...]

_BAD_UTF8: Final = re.compile("[\udc80-\udcff]")


class BadTable(ValueError):
    """An answer is no table: the message says why."""


def body_of(answer: bytes, footer: int) -> bytes:
    """Leave out the last `footer` lines that are not blank, and what follows them."""
    for _ in range(footer):
        answer = answer.rstrip()
        answer = answer[: max(answer.rfind(b"\n"), answer.rfind(b"\r")) + 1]
    return answer


def closing(answer: bytes, footer: int) -> list[str]:
    """The last `footer` lines that are not blank, in their order."""
    found = [line for line in answer.splitlines() if line.strip()]
    return [line.decode("utf-8", "replace") for line in found[len(found) - footer :]] if footer else []


def lines(answer: bytes, footer: int) -> list[bytes]:
    """Cut JSON Lines into lines."""
    return [line for line in body_of(answer, footer).split(b"\n") if line.strip()]


def rows(answer: bytes, footer: int) -> tuple[Cells, list[Cells]]:
    """Read the header and the rows of a CSV answer. Bytes that are not UTF-8 become lone surrogates in their cells.

    A last row that is short and has no line end was cut off: it comes back as a row without cells. Raises `BadTable`.
    """
    text = text_of(body_of(answer, footer))
    try:
        table = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True) if not _blank(row)]
    except csv.Error as error:
        cut_off = "unexpected end" in str(error)
        reason = f"cut off after {len(answer)} bytes: a quote has no end" if cut_off else f"not CSV: {error}"
        raise BadTable(reason) from None
    if not table:
        raise BadTable("there is no header line")
    header = table[0]
    _check(header)
    found = table[1:]
    if found and len(found[-1]) < len(header) and not text.endswith(("\n", "\r")):
        found[-1] = ()
    return header, found


def not_utf8(cells: Cells) -> bool:
    """Whether bytes of these cells were not UTF-8."""
    return any(not cell.isascii() and _BAD_UTF8.search(cell) for cell in cells)


def _blank(row: list[str]) -> bool:
    return not row or (len(row) == 1 and not row[0].strip())


def _check(header: Cells) -> None:
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise BadTable(f"the header has {listed(repeated)} more than once")
    if not_utf8(header):
        raise BadTable("the header is not UTF-8 text")
