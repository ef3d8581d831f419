"""A source file as text: TOML with comments for who reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from collector.proposal.beside import Beside
from collector.proposal.found import Found
from collector.proposal.keys import Keys
from collector.proposal.volatile import Volatile
from collector.sources.pointer import pointer
from collector.sources.rules import Format

EVERY: Final = "1h"  # most catalogues change less often, and no API minds being asked once an hour
_COLUMN: Final = 27  # where comments begin, as in the shipped files


class Draft(msgspec.Struct, frozen=True):
    """All that a proposed source file says."""

    name: str
    base_url: str
    path: str
    headers: Mapping[str, str]
    resource: str
    category: str
    found: Found
    keys: Keys | None
    beside: Beside
    split: Sequence[Volatile]
    drop: Sequence[Volatile]


def write(draft: Draft) -> str:
    """Write a source file."""
    return "\n".join([*_head(draft), *_resource(draft), *_split(draft)]) + "\n"


def quoted(text: str) -> str:
    """Write a string of TOML (1.0, basic strings): JSON's escapes are among them; DEL must be escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _head(draft: Draft) -> Iterator[str]:
    count = len(draft.found.items)
    what = "one document" if draft.found.path is None else f"{count} item{'' if count == 1 else 's'}"
    yield f"# Proposed by `orlog sources new` from an answer with {what}. Read it and correct what is wrong:"
    yield "# docs/sources.md has all fields, `orlog sources check` explains what this file says."
    yield ""
    yield "[source]"
    yield f"name = {quoted(draft.name)}"
    yield f"base_url = {quoted(draft.base_url)}"
    if draft.headers:
        pairs = ", ".join(f"{quoted(name)} = {quoted(value)}" for name, value in draft.headers.items())
        yield f"headers = {{ {pairs} }}"
    yield ""


def _resource(draft: Draft) -> Iterator[str]:
    found, beside = draft.found, draft.beside
    yield "[[resource]]"
    yield f"name = {quoted(draft.resource)}"
    yield _line("category", draft.category, "what it is" if found.path is None else "what one of them is")
    yield f"path = {quoted(draft.path)}"
    if found.format is not Format.JSON:
        yield _line("format", found.format.value)
    if found.footer:
        yield _told(f"footer = {found.footer}", "closing lines that are no rows")
    if found.as_of is not None:
        yield _line("as_of", found.as_of, "the day that the answer speaks of")
    if found.format is Format.JSON and found.path is not None:
        yield _line("items", pointer(found.path), "where the items are")
    yield from (f"# or {line}" for line in other_items(found))
    if draft.keys is not None:
        yield _line("key", draft.keys.template, _about_key(draft.keys))
    if beside.total is not None:
        yield _line("total", pointer(beside.total), "the answer's own count: fewer items are not all of them")
    if beside.next is not None:
        yield _line("next", pointer(beside.next), "points to one more page, or to none")
    if beside.param is not None:
        yield _line("next_param", beside.param, "a guess: the parameter of the query that takes it")
    yield _line("every", EVERY, "how often to ask")
    if draft.drop:
        why = f"if these are copies of other entities ({', '.join(each.why for each in draft.drop)})"
        yield _told(f"# drop = [{', '.join(quoted(pointer(each.path)) for each in draft.drop)}]", why)


def other_items(found: Found) -> list[str]:
    """Where else items could be, as lines of a source file."""
    lines = []
    for other in found.others[:3]:  # who knows the API knows the rest
        if other.path is None:
            lines.append("leave items and key out: the whole answer is one document")
        elif found.path is not None or other.items:
            count = len(other.items)
            lines.append(f"items = {quoted(pointer(other.path))} ({count} item{'' if count == 1 else 's'})")
    return lines


def _about_key(keys: Keys) -> str:
    about = "tells the items apart"
    if keys.repeated or keys.lacking:
        about = "does not tell all items apart"
    return about + (f"; or {', '.join(quoted(other) for other in keys.others)}" if keys.others else "")


def _split(draft: Draft) -> Iterator[str]:
    if draft.split:
        yield ""
        yield _told("[resource.split]", "what changes by itself, kept apart from what somebody changes")
        yield f"{draft.category}_telemetry = ["
        yield from (_told(f"    {quoted(pointer(each.path))},", each.why) for each in draft.split)
        yield "]"


def _line(field: str, value: str, about: str = "") -> str:
    return _told(f"{field} = {quoted(value)}", about)


def _told(line: str, about: str) -> str:
    return f"{line:<{_COLUMN}}# {about}" if about and len(line) < _COLUMN else f"{line}    # {about}" if about else line
