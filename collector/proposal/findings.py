"""What was found out while proposing a source file, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterator

from collector.proposal.beside import Beside
from collector.proposal.found import Found
from collector.proposal.keys import Keys
from collector.proposal.text import Draft, other_items
from collector.sources.pointer import pointer
from collector.sources.rules import Format
from collector.wording import listed


def findings(draft: Draft, *, followed: bool) -> Iterator[str]:
    """Say what was found, what is doubtful, and what else would do; `followed`: further pages will be asked for."""
    yield _items(draft.found)
    if draft.keys is not None:
        yield from _keys(draft.keys, len(draft.found.items))
    yield from _pages(draft.beside, len(draft.found.items), followed=followed)
    yield from (f"another choice: {other}" for other in other_items(draft.found))
    if draft.split:
        places = listed(pointer(each.path) for each in draft.split)
        yield f"kept apart as {draft.category}_telemetry, because it changes by itself: {places}"
    if draft.drop:
        places = listed(pointer(each.path) for each in draft.drop)
        yield f"perhaps copies of other entities, which could be dropped: {places}"


def _items(found: Found) -> str:
    if found.path is None:
        return "the answer is one document"
    count = len(found.items)
    if found.format is not Format.JSON:
        return f"{count} rows of {found.format.value}" + (f", and a footer of {found.footer}" if found.footer else "")
    where = pointer(found.path)
    place = f"at {where}" if where else "in the answer itself"
    return f"{count} item{'' if count == 1 else 's'} {place}" + (", by name" if found.keyed else "")


def _keys(keys: Keys, count: int) -> Iterator[str]:
    if keys.lacking:
        yield f"{keys.lacking} of the items have nothing at {keys.template}: they would make each listing incomplete"
    if keys.repeated:
        yield f"{keys.template} does not tell all apart: {keys.repeated} repeat another's, and get numbers: #2, #3 …"
    elif not keys.lacking and count > 1:
        yield f"{keys.template} is another for each of them"
    if count == 1:
        yield f"one item does not show whether {keys.template} tells items apart"
    if keys.others:
        yield f"another for each of them, too: {', '.join(keys.others)}"


def _pages(beside: Beside, count: int, *, followed: bool) -> Iterator[str]:
    if beside.says is not None:
        yield f"{pointer(beside.total or ())} says {beside.says}, and {count} are here: this is one page of several"
    if followed:
        yield f"{pointer(beside.next or ())} points to one more page: each sync asks for all of them"
    elif beside.says is not None or beside.more is not None:
        yield "a page alone never says that something is gone: ask for more on one page (per_page, limit …) if you can"
