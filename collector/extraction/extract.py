"""Extraction: from the answers for one scope to a listing, and to issues for what could not be taken at its word.

Nothing in an answer makes it raise. A listing is complete when every item's key was read; items that could not be read
but whose key was found are `present`. Two items of one key both stay: numbering them is the log's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from collector.extraction import diagnosis, gaps, lenient, slicing
from collector.extraction.asof import day_reader, dayless
from collector.extraction.assembly import Extracted, Refused, assemble
from collector.extraction.issues import FAILED, UNREADABLE
from collector.extraction.items import How, Outcome, TooDeep, Unread
from collector.extraction.memory import MEMORY, Memory, Oddity, Page, Pages, Reading
from collector.extraction.readers import reader, without_mark
from collector.sources.pointer import NotThere, Tokens, tokens
from collector.sources.rules import Extraction
from collector.sources.slices import START, started
from eventstore import JSON, Issue, Item, Scope

__all__ = ["Body", "Extracted", "Extractor"]

LIGHT: Final = 4_000_000
"""Answers of more bytes get documents that do not hold on to their parsed values, which take most of the memory."""


class Body(msgspec.Struct, frozen=True):
    """One answer to extract from: the attempt it came from, its status if any, its bytes, or the error.

    `asked_at` (aware) tells whether a slice was closed when it was asked for; None: that it was is not known.
    """

    attempt: int
    status: int | None = None
    body: bytes | None = None
    error: str | None = None
    asked_at: datetime | None = None


class Extractor:
    """Extracts listings under one resource's rules; what it remembers only makes it faster."""

    def __init__(self, extraction: Extraction) -> None:
        """Prepare for some rules. A function that they name is loaded when it is first needed."""
        self.rules = extraction
        self._reader = reader(extraction)
        self._beside = tuple(None if path is None else tokens(path) for path in (extraction.total, extraction.next))
        self._day = day_reader(extraction)
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
        noticed = [
            issue for body, page in zip(answers, pages, strict=True) for issue in self._noticed(body, page, params)
        ]
        read_all = [(body.attempt, page) for body, page in zip(answers, pages, strict=True)]
        return assemble(self.rules, scope, read_all, noticed)

    def following(self, body: bytes) -> JSON:
        """What stands at the rules' `next` in an answer; None where nothing does, or it cannot be read."""
        path = self._beside[1]
        return None if path is None else _lookup(without_mark(body), path)

    def _page(self, body: Body, params: Mapping[str, str], last: Pages) -> Page | Refused:
        if body.status in self.rules.empty_on:
            return _EMPTY
        failure = _failure(body)
        if failure is not None or body.body is None:
            return Refused(FAILED, failure or "no answer came")
        return last.same(body.body) or self._read(body.body, params, last.outcomes)

    def _read(self, answer: bytes, params: Mapping[str, str], known: Mapping[Hashable, Outcome]) -> Page | Refused:
        text = answer if self.rules.extract is not None else without_mark(answer)
        foreign = None if self.rules.extract is not None else diagnosis.foreign(text)
        if foreign is not None:
            return Refused(UNREADABLE, foreign)
        try:
            how = How(light=len(text) > LIGHT, day=self._day(text))
            found = self._reader.cut(text, params)
            # an equal item of another day makes another document
            tokens_of_day = found if how.day is None else [(how.day, token) for token in found]
            read = self._reader.read
            pairs = zip(tokens_of_day, found, strict=True)
            outcomes = [known.get(token) or read(plain, params, how) for token, plain in pairs]
            remembered = dict(zip(tokens_of_day, outcomes, strict=True)) if len(text) <= MEMORY else {}
            return Page(answer, remembered, self._reading(text, found, outcomes, params, how.day))
        except TooDeep:
            return Refused(UNREADABLE, f"nested too deeply: more than {diagnosis.DEPTH} levels")
        except Refused as refused:
            return refused

    def _reading(
        self,
        text: bytes,
        found: Sequence[Hashable],
        outcomes: Sequence[Outcome],
        params: Mapping[str, str],
        day: str | None,
    ) -> Reading:
        items = tuple(outcome for outcome in outcomes if isinstance(outcome, Item))
        unread = () if len(items) == len(outcomes) else tuple(self._unread(found, outcomes))
        total, following = (None if path is None else _lookup(text, path) for path in self._beside)
        odd, tail = self._judged(items, params, day)
        return Reading(items, unread, total, following, odd, tail)

    def _judged(
        self, items: Sequence[Item], params: Mapping[str, str], day: str | None
    ) -> tuple[tuple[Oddity, ...], int]:
        if self.rules.slices is not None and items:
            rows = gaps.judge(self.rules.slices, params, items[0].parts[0][1].value, items[0].key)
            return rows.odd, rows.tail
        return (() if day is None else tuple(dayless(items, day))), 0

    def _unread(self, found: Sequence[Hashable], outcomes: Sequence[Outcome]) -> Iterator[tuple[str, Unread]]:
        for index, (token, outcome) in enumerate(zip(found, outcomes, strict=True)):
            if isinstance(outcome, Unread):
                yield self._reader.place(index, token), outcome

    def _noticed(self, body: Body, page: Page | Refused, params: Mapping[str, str]) -> Iterator[Issue]:
        """What is odd about an answer that was read, and the rows that a closed slice lacks at its end."""
        if isinstance(page, Refused):
            return
        for each in (*page.reading.odd, *self._ended_early(page.reading, params, body.asked_at)):
            yield Issue(each.code, each.message, body.attempt, each.key, each.path)

    def _ended_early(self, reading: Reading, params: Mapping[str, str], asked_at: datetime | None) -> Iterator[Oddity]:
        steps = self.rules.slices
        if steps is None or not reading.tail or asked_at is None:
            return
        if steps.closed(params, started(params[START]), asked_at):
            yield gaps.tail(reading.tail, reading.items[0].key)


_EMPTY: Final = Page(b"", {}, Reading())


def _failure(body: Body) -> str | None:
    if body.error is not None:
        status = f"status {body.status}"
        return body.error if body.status is None or body.error.startswith(status) else f"{status}: {body.error}"
    if body.status is not None and not 200 <= body.status < 300:  # noqa: PLR2004 - 2xx, RFC 9110
        return f"status {body.status}"
    return None


def _lookup(text: bytes, path: Tokens) -> JSON:
    try:
        return slicing.lookup(text, path)
    except (NotThere, lenient.Malformed, RecursionError):
        return None
