"""What an answer looks like that cannot be read, or that holds its items elsewhere: short messages that help."""

from __future__ import annotations

import re
from typing import Final

from collector.extraction import lenient
from collector.sources.pointer import NotThere, Tokens, pointer
from collector.wording import article, listed, shown
from eventstore import JSON

DEPTH: Final = 200
"""Levels of nesting that are read. Real answers have under 20; comparing documents recurses, two calls a level at most,
and must end the same way wherever it is called from: well below Python's 1000."""

_BRACKET: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_NEWLINE: Final = "\n"
_TITLE: Final = re.compile(rb"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_UNFINISHED: Final = re.compile(r'[^\s"\[\]{},:]{0,30}')  # a number, literal or escape that goes on beyond the end
_MARKS: Final = (
    (b"\xff\xfe", "UTF-16 or UTF-32 text; JSON is UTF-8"),
    (b"\xfe\xff", "UTF-16 text; JSON is UTF-8"),
    (b"\x00\x00\xfe\xff", "UTF-32 text; JSON is UTF-8"),
    (b"\x1f\x8b", "gzip-compressed bytes"),
    (b"PK\x03\x04", "a zip archive"),
    (b"<<<<<<<", "a file with merge conflicts"),
    (b"version https://git-lfs", "a Git LFS pointer: the bytes themselves are elsewhere"),
)


def too_deep(answer: bytes) -> bool:
    """Whether an answer or a part of one nests deeper than `DEPTH`; tells it without recursion."""
    if answer.count(b"[") + answer.count(b"{") <= DEPTH:
        return False
    depth = 0
    for found in _BRACKET.finditer(answer):
        if found[0] in b"[{":
            depth += 1
            if depth > DEPTH:
                return True
        elif found[0] in b"]}":
            depth -= 1
    return False


def foreign(answer: bytes) -> str | None:
    """Say what an answer is that is no text of ours at all (empty, HTML, compressed, …); None if it may be one."""
    if not answer.strip():
        return f"empty: {len(answer)} bytes" if not answer else f"empty: {len(answer)} bytes of white space"
    for mark, what in _MARKS:
        if answer.startswith(mark):
            return what
    if answer.lstrip().startswith(b"<"):
        title = _TITLE.search(answer[:10_000])
        kind = "HTML" if title or b"<html" in answer[:1000].lower() else "HTML or XML"
        return kind + (f", titled {shown(title[1].decode(errors='replace').strip())}" if title else "")
    if b"\x00" in answer[:4]:
        return "UTF-16 or UTF-32 text, or no text at all; JSON is UTF-8"
    return None


def unreadable(answer: bytes) -> str:
    """Say why an answer cannot be read as JSON, not even leniently."""
    if too_deep(answer):
        return f"nested too deeply: more than {DEPTH} levels"
    text = lenient.text_of(answer)
    try:
        lenient.value(text)
    except lenient.Malformed as error:
        return _malformed(answer, text, error)
    except RecursionError:
        pass
    return "nested too deeply to be read here"


def _malformed(answer: bytes, text: str, error: lenient.Malformed) -> str:
    rest = text[error.at :].rstrip()
    before = text[: error.at]
    at = f"byte {len(lenient.bytes_of(before))} (line {before.count(_NEWLINE) + 1})"
    if rest and "\udc80" <= rest[0] <= "\udcff":
        return f"bad UTF-8 at {at}"
    if before and error.reason != lenient.MORE and (_UNFINISHED.fullmatch(rest) or error.reason == lenient.NO_QUOTE):
        return f"cut off after {len(answer)} bytes: the JSON has no end"
    return f"not JSON at {at}: {shown(rest)}"


def misplaced(missing: NotThere, path: Tokens) -> str:
    """Say what is there instead of the items, and what to write in the source file."""
    where = pointer(path[: missing.depth])
    here = f"{where} is" if where else "the answer is"
    what = f"{here} {_kind(missing.value)}"
    if missing.depth < len(path):
        what = f"there is no {pointer(path[: missing.depth + 1])}: {what}"
    advice = _advice(missing.value, path[: missing.depth])
    return what + (f"; {advice}" if advice else "")


def is_list(value: list[bytes]) -> str:
    """Say what to write where an answer is a list and the rules take it for one document."""
    return f'the answer is {_kind(value)}, not one document; write items = "" and a key to take its elements as items'


def _kind(value: JSON) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with the members {listed(value)}" if value else "an object without members"
    return article(value)


def _advice(value: JSON, path: Tokens) -> str | None:
    if isinstance(value, list):
        return f'write items = "{pointer(path)}" if its elements are the items'
    if not isinstance(value, dict):
        return None
    lists = [name for name, member in value.items() if isinstance(member, bytes) and member.startswith(b"[")]
    return f"write items = {shown(pointer((*path, lists[0])))} if they are in there" if len(lists) == 1 else None
