"""What stands beside the list in an answer: how many items there are in all, and where the next page is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from collector.proposal.found import Found
from collector.proposal.naming import snake
from collector.sources.pages import is_last
from collector.sources.pointer import Tokens
from eventstore import JSON

LEVELS: Final = 3  # that are searched everywhere: `hits.total.value`; deeper only beside what leads to the list

# of all pages; what counts only those shown says nothing about pages that are missing
_TOTALS: Final = re.compile(r"total(_.*)?|(.*_)?(num_found|total(_count)?)")
_COUNTS: Final = re.compile(r"count|num(ber)?(_of)?_.*|.*_count|size|length")
_NEXT: Final = re.compile(r"next(_.*)?|.*_next|.*next_(link|page|cursor|token|url)|has_(more|next)(_.*)?|more")


class Beside(msgspec.Struct, frozen=True):
    """Pointers to the count and to the next page, as far as they are there.

    `says` is what the count says where the answer shows fewer, `more` what points to one more page: either makes the
    answer one page of several. `param` is the parameter of the query that takes it, by its name; None for links.
    """

    total: Tokens | None = None
    next: Tokens | None = None
    param: str | None = None
    says: int | None = None
    more: str | int | None = None


def beside(found: Found) -> Beside:
    """Look beside the list of an answer."""
    if not found.path:
        return Beside()
    values = list(_values(found.root, (), found.path))
    total = _total(values, len(found.items))
    for path, value in sorted(values, key=lambda each: isinstance(each[1], bool)):  # a link says more than "there is"
        if _is_next(path, value):
            more = None if is_last(value) else value
            return msgspec.structs.replace(total, next=path, param=_param(path[-1], more), more=more)
    return total


def _total(values: list[tuple[Tokens, JSON]], shown: int) -> Beside:
    counts = [(path, value) for path, value in values if isinstance(value, int) and not isinstance(value, bool)]
    for path, value in counts:
        if value == shown and any(form.fullmatch(_name(path)) for form in (_TOTALS, _COUNTS)):
            return Beside(path)
    for path, value in counts:
        if value > shown and _TOTALS.fullmatch(_name(path)):
            return Beside(path, says=value)
    return Beside()


def _name(path: Tokens) -> str:
    return snake(path[-2] if path[-1] == "value" and len(path) > 1 else path[-1])


def _is_next(path: Tokens, value: JSON) -> bool:
    name = snake(path[-2] if path[-1] in {"href", "url"} and len(path) > 1 else path[-1])
    return _NEXT.fullmatch(name) is not None and (value is None or isinstance(value, str | bool | int))


def _param(name: str, more: JSON) -> str | None:
    """Guess which parameter of the query takes what stands there: `nextPageToken` is for `pageToken`."""
    link = isinstance(more, str) and more.startswith(("http:", "https:", "/", "?"))
    if more is None or isinstance(more, bool) or link:
        return None
    rest = re.sub(r"^next_?", "", name, flags=re.IGNORECASE)
    return rest[:1].lower() + rest[1:] if re.fullmatch(r"[A-Za-z]\w*", rest, re.ASCII) else "page"


def _values(value: JSON, path: Tokens, items: Tokens) -> Iterator[tuple[Tokens, JSON]]:
    if path == items or isinstance(value, list):
        return
    if not isinstance(value, dict):
        yield path, value
    elif len(path) < LEVELS or path[:-1] == items[: len(path) - 1]:
        for name, member in value.items():
            yield from _values(member, (*path, name), items)
