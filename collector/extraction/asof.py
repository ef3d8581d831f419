"""The day that an answer speaks of (`as_of`): read before its items, and carried by their documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from collector.extraction import diagnosis, lenient, slicing
from collector.extraction.assembly import Refused
from collector.extraction.days import MEMBER, DayPattern, day_of
from collector.extraction.issues import AS_OF, UNREADABLE
from collector.extraction.memory import Oddity
from collector.extraction.tabular import closing
from collector.sources.pointer import NotThere, Tokens, pointer, tokens
from collector.sources.rules import Extraction, Format
from collector.wording import article, shown
from eventstore import Item


def day_reader(rules: Extraction) -> Callable[[bytes], str | None]:
    """Choose how the day (ISO 8601) is read of an answer; what is returned raises `Refused` where it does not say."""
    if rules.as_of is None:
        return lambda _: None
    if rules.format is Format.JSON:
        path = tokens(rules.as_of)
        return lambda text: _told_day(text, path)
    pattern = DayPattern(rules.as_of)
    return lambda text: _closing_day(closing(text, rules.footer), pattern)


def _told_day(text: bytes, path: Tokens) -> str:
    try:
        value = slicing.lookup(text, path)
    except NotThere:
        raise Refused(UNREADABLE, f"it does not say of which day it speaks: there is no {pointer(path)}") from None
    except (lenient.Malformed, RecursionError):
        raise Refused(UNREADABLE, diagnosis.unreadable(text)) from None
    day = day_of(value)
    if day is None:
        said = shown(value) if isinstance(value, str) else article(value)
        raise Refused(UNREADABLE, f"it does not say of which day it speaks: {pointer(path)} is {said}, no date")
    return day


def _closing_day(lines: Sequence[str], pattern: DayPattern) -> str:
    day = pattern.search(lines)
    if day is None:
        said = f"its last line is {shown(lines[-1])}" if lines else "it is empty"
        raise Refused(UNREADABLE, f"it does not say of which day it speaks, and may be cut off: {said}")
    return day


def dayless(items: Sequence[Item], day: str) -> Iterator[Oddity]:
    """The items whose documents do not carry their answer's day."""
    for item in items:
        value = item.parts[0][1].value
        if not isinstance(value, dict):
            yield Oddity(AS_OF, f"{article(value)} has no place for {MEMBER} {day}", item.key)
        elif value.get(MEMBER) != day:
            yield Oddity(
                AS_OF, f"it has a member {MEMBER} of its own, which stays; its answer speaks of {day}", item.key
            )
