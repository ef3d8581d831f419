"""Proposing a source file for an API, from what it answered once. Pure: bytes in, text out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from collector.errors import BadRules, BadSource, NoProposal
from collector.extraction.extract import Body, Extractor
from collector.proposal.address import Address, address, check_headers
from collector.proposal.beside import beside
from collector.proposal.findings import findings
from collector.proposal.found import Found, Named
from collector.proposal.keys import Keys, keys
from collector.proposal.naming import singular, snake, telling
from collector.proposal.reading import read
from collector.proposal.text import Draft, write
from collector.proposal.volatile import Pair, copies, volatile
from collector.sources.pointer import pointer
from collector.sources.rules import CATEGORY
from collector.sources.source import Resource, Source
from collector.sources.sourcefile import NAME, fitting
from collector.sources.sourcefile import read as read_source
from collector.sources.template import NoValue, Template
from collector.wording import article, shown
from eventstore import JSON, Issue

__all__ = ["Place", "Proposal", "check_name", "propose"]

SHOWN: Final = 3  # keys, to see what they look like

_ERRORS: Final = frozenset({"error", "errors"})
_ERROR_MEMBERS: Final = 5  # an answer that is about an error has little else: a code, a message, a time


class Place(msgspec.Struct, frozen=True):
    """A JSON Pointer into an item, and why it is proposed."""

    path: str
    why: str


class Proposal(msgspec.Struct, frozen=True):
    """A proposed source file, and what it makes of the very answer that it was made from.

    `text` is the file, `source` the same as it is read. `count` items were found and have `keys` (the first few);
    `complete` says whether they make a complete listing, `issues` what hinders it; `paged` that there is one more page,
    which a sync will ask for. `findings` are sentences for people.
    """

    text: str
    source: Source
    count: int
    keys: tuple[str, ...]
    complete: bool
    paged: bool
    split: tuple[Place, ...]
    drop: tuple[Place, ...]
    issues: tuple[Issue, ...]
    findings: tuple[str, ...]


def propose(answers: Sequence[bytes], *, url: str, name: str, headers: Mapping[str, str] | None = None) -> Proposal:
    """Propose a source file whose source is `name` for what `url` answered: once, or several times some seconds apart.

    The last answer is what the file is made from; what it says otherwise than the first is proposed to be split off.
    `headers` go into the file as they are, `${NAME}` included. Raises `NoProposal` where there is nothing to propose.
    """
    check_headers(headers or {})
    draft = _draft(answers, address(url), name, headers or {})
    text = write(draft)
    try:
        source = read_source(text, file=f"{name}.toml", name=name)
    except BadSource as error:
        raise NoProposal(f"what would be proposed cannot be read: {error}") from None
    resource = source.resources[0]
    extracted = Extractor(resource.extraction).extract(resource.scope({}), [Body(1, 200, answers[-1])])
    listing = extracted.listing
    paged = _followed(resource, draft)
    return Proposal(
        text=text,
        source=source,
        count=len(draft.found.items),
        keys=() if listing is None else tuple(item.key for item in listing.items[:SHOWN]),
        complete=listing is not None and listing.complete,
        paged=paged,
        split=tuple(Place(pointer(each.path), each.why) for each in draft.split),
        drop=tuple(Place(pointer(each.path), each.why) for each in draft.drop),
        issues=extracted.issues,
        findings=tuple(findings(draft, followed=paged)),
    )


def check_name(name: str) -> None:
    """Raise `NoProposal` where no source can have this name."""
    if not NAME.fullmatch(name):
        hint = f"write small letters, digits, _ and -, as {fitting(name)}"
        raise NoProposal(f"{shown(name)} is no name for a source", hint=hint)


def _followed(resource: Resource, draft: Draft) -> bool:
    """Whether what points to one more page can be followed."""
    try:
        return draft.beside.more is not None and bool(resource.following(draft.path, draft.beside.more, draft.base_url))
    except BadRules:
        return False


def _draft(answers: Sequence[bytes], where: Address, name: str, headers: Mapping[str, str]) -> Draft:
    last_names = [snake(each) for each in where.names]
    nouns = frozenset({*last_names[-1:], *(singular(each) for each in last_names[-1:])})
    found = read(answers[-1], nouns)
    _check_items(found)
    plural = telling([*where.names, *(found.path or ())]) or snake(name) or "items"
    category = _category(plural)
    chosen = None if found.path is None else keys(found, category)
    if chosen is None and found.path is not None:
        hint = "is there an API that names them? A key has to be the same at every sync, and another for every item"
        raise NoProposal("nothing tells the items apart: no string or integer is in all of them", hint=hint)
    taken = () if chosen is None else chosen.paths
    split = volatile(found.items, _pairs(answers, found, nouns, chosen), taken)
    return Draft(
        name=name,
        base_url=where.base_url,
        path=where.path,
        headers=headers,
        resource=fitting(plural.replace("_", "-")) if found.path is not None else fitting(category),
        category=category,
        found=found,
        keys=chosen,
        beside=beside(found),
        split=split,
        drop=() if found.path is None else copies(found.items, [*taken, *(each.path for each in split)]),
    )


def _check_items(found: Found) -> None:
    where = pointer(found.path or ()) or "the answer"
    if not found.items:
        hint = "ask again, or with other parameters, when there is something in it"
        raise NoProposal(f"{where} is an empty list: what tells its items apart cannot be seen", hint=hint)
    if found.path is None:
        _check_document(found.root)


def _check_document(value: JSON) -> None:
    if isinstance(value, list):
        hint = "an item needs a member that names it: ask the API for whole objects"
        raise NoProposal("the answer is a list of plain values, which no key can tell apart", hint=hint)
    if not isinstance(value, dict) or not value:
        raise NoProposal(f"the answer is {'an empty object' if value == {} else article(value)}: nothing to follow")
    for name in _ERRORS & set(value):
        if value[name] and len(value) <= _ERROR_MEMBERS:
            said = shown(value[name] if isinstance(value[name], str) else json.dumps(value[name], default=str))
            hint = "does the API want a header? Give it with --header 'Authorization: Bearer ${TOKEN}'"
            raise NoProposal(f"the answer is about an error: {said}", hint=hint)


def _category(plural: str) -> str:
    name = singular(plural)
    return name if CATEGORY.fullmatch(name) else "item"


def _pairs(answers: Sequence[bytes], found: Found, nouns: frozenset[str], chosen: Keys | None) -> list[Pair]:
    """The items of the last answer, each with what the first answer said of it; none where there is one answer."""
    if len(answers) == 1:
        return []
    before = read(answers[0], nouns)
    if chosen is None or before.path != found.path:
        return [(old, new) for (_, old), (_, new) in zip(before.items, found.items, strict=False)]
    template = Template.parse(chosen.template)
    known = {_key(template, item): item[1] for item in before.items}
    return [(known[key], item[1]) for item in found.items if (key := _key(template, item)) is not None and key in known]


def _key(template: Template, item: Named) -> str | None:
    name, value = item
    with contextlib.suppress(NoValue):
        return template.fill(value, {}, name)
    return None
