"""Extraction: from the answers for one scope to a listing, and to issues for what could not be taken at its word.

Nothing in an answer makes it raise. A listing is complete when every item's key was read; items that could not be read
but whose key was found are `present`. Two items of one key both stay: numbering them is the log's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from collector import diagnosis, lenient, slicing
from collector.assembly import Extracted, Refused, assemble
from collector.issues import FAILED, UNREADABLE
from collector.items import Outcome, TooDeep, Unread
from collector.memory import MEMORY, Memory, Page, Pages, Reading
from collector.pointer import NotThere, Tokens, tokens
from collector.readers import reader, without_mark
from collector.rules import Extraction
from eventstore import JSON, Item, Scope

__all__ = ["Body", "Extracted", "Extractor"]

LIGHT: Final = 4_000_000
"""Answers of more bytes get documents that do not hold on to their parsed values, which take most of the memory."""


class Body(msgspec.Struct, frozen=True):
    """One answer to extract from: the attempt it came from, its status if any, its bytes, or the error."""

    attempt: int
    status: int | None = None
    body: bytes | None = None
    error: str | None = None


class Extractor:
    """Extracts listings under one resource's rules; what it remembers only makes it faster."""

    def __init__(self, extraction: Extraction) -> None:
        """Prepare for some rules. A function that they name is loaded when it is first needed."""
        self._rules = extraction
        self._reader = reader(extraction)
        self._beside = tuple(None if path is None else tokens(path) for path in (extraction.total, extraction.next))
        self._memory = Memory()

    def extract(self, scope: Scope, answers: Sequence[Body]) -> Extracted:
        """Extract what the answers for one scope, in the order of its pages, say.

        Raises `NoFunction` where the rules' function cannot be loaded, nothing else.
        """
        last = self._memory.of(scope)
        params = dict(scope.params)
        pages = [self._page(body, params, last) for body in answers]
        read = [page for page in pages if isinstance(page, Page) and page is not _EMPTY]
        if read:
            self._memory.keep(scope, Pages(read))
        return assemble(self._rules, scope, [(body.attempt, page) for body, page in zip(answers, pages, strict=True)])

    def _page(self, body: Body, params: Mapping[str, str], last: Pages) -> Page | Refused:
        if body.status in self._rules.empty_on:
            return _EMPTY
        failure = _failure(body)
        if failure is not None or body.body is None:
            return Refused(FAILED, failure or "no answer came")
        return last.same(body.body) or self._read(body.body, params, last.outcomes)

    def _read(self, answer: bytes, params: Mapping[str, str], known: Mapping[Hashable, Outcome]) -> Page | Refused:
        text = answer if self._rules.extract is not None else without_mark(answer)
        foreign = None if self._rules.extract is not None else diagnosis.foreign(text)
        if foreign is not None:
            return Refused(UNREADABLE, foreign)
        try:
            found = self._reader.cut(text, params)
            outcomes = self._outcomes(found, params, known, light=len(text) > LIGHT)
            remembered = dict(zip(found, outcomes, strict=True)) if len(text) <= MEMORY else {}
            return Page(answer, remembered, self._reading(text, found, outcomes))
        except TooDeep:
            return Refused(UNREADABLE, f"nested too deeply: more than {diagnosis.DEPTH} levels")
        except Refused as refused:
            return refused

    def _outcomes(
        self, found: Sequence[Hashable], params: Mapping[str, str], known: Mapping[Hashable, Outcome], *, light: bool
    ) -> list[Outcome]:
        read = self._reader.read
        return [known.get(token) or read(token, params, light=light) for token in found]

    def _reading(self, text: bytes, found: Sequence[Hashable], outcomes: Sequence[Outcome]) -> Reading:
        items = tuple(outcome for outcome in outcomes if isinstance(outcome, Item))
        unread = () if len(items) == len(outcomes) else tuple(self._unread(found, outcomes))
        total, following = (None if path is None else _lookup(text, path) for path in self._beside)
        return Reading(items, unread, total, following)

    def _unread(self, found: Sequence[Hashable], outcomes: Sequence[Outcome]) -> Iterator[tuple[str, Unread]]:
        for index, (token, outcome) in enumerate(zip(found, outcomes, strict=True)):
            if isinstance(outcome, Unread):
                yield self._reader.place(index, token), outcome


_EMPTY: Final = Page(b"", {}, Reading())


def _failure(body: Body) -> str | None:
    if body.error is not None:
        return body.error if body.status is None else f"status {body.status}: {body.error}"
    if body.status is not None and not 200 <= body.status < 300:  # noqa: PLR2004 - 2xx, RFC 9110
        return f"status {body.status}"
    return None


def _lookup(text: bytes, path: Tokens) -> JSON:
    try:
        return slicing.lookup(text, path)
    except (NotThere, lenient.Malformed, RecursionError):
        return None
