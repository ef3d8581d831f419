"""Finding the entity that a user means, and saying when one that was not there was."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from cli.failures import Failure
from cli.text import counted, stamp
from eventstore import Entity, Event, EventLog, Instant, Kind, UnknownEntity, Version, blame, periods, within

NEAR_PATHS: Final = 5  # that a message about an unknown one proposes
PATTERN: Final = re.compile(r"[*?\[]")
SPANS_SHOWN: Final = 3  # of the times when an entity was there

Span: TypeAlias = tuple[datetime, datetime | None]
"""From an `appeared` to the `disappeared` after it, None where it is there still."""


def find(log: EventLog, category: str, key: str) -> Entity:
    r"""Find the entity of that key, or of the key that is written so.

    In keys `#` is written `\#` and `\` is `\\`, which users need not know. Raises `UnknownCategory` and
    `UnknownEntity`.
    """
    try:
        return log.entity(category, key)
    except UnknownEntity as error:
        if PATTERN.search(key):
            error.hint = "only `orlog log` takes patterns of keys"
        if as_in_keys(key) == key:
            raise
        try:
            return log.entity(category, as_in_keys(key))
        except UnknownEntity:
            pass  # the key as it was typed is the one to be told about
        raise


def named(log: EventLog, category: str | None, key: str | None) -> tuple[str | None, str | None, str | None]:
    """What CATEGORY and KEY mean to a filter: category, key, and pattern: what is no key, but holds `*`, `?` or `[`."""
    if category is None or key is None:
        return category, None, None
    try:
        entity = find(log, category, key)
    except UnknownEntity:
        if not PATTERN.search(key):
            raise
        return category, None, key
    return entity.address, entity.key, None


def as_in_keys(value: str) -> str:
    """A value as it is written in a key."""
    return value.replace("\\", "\\\\").replace("#", "\\#")


def spans(events: Iterable[Event]) -> list[Span]:
    """When an entity was there, by its events in order."""
    found: list[Span] = []
    for event in events:
        if event.kind is Kind.APPEARED:
            found.append((event.observed_at, None))
        elif event.kind is Kind.DISAPPEARED and found:
            found[-1] = (found[-1][0], event.observed_at)
    return found


def absent(log: EventLog, entity: Entity, at: Instant | None) -> Failure:
    """The error of an entity that was not there at an instant."""
    there = spans(log.events(entity.address, entity.key))
    message = absence(entity, at, log.position(at).observed_at, there)
    dashes = "-- " if entity.key.startswith("-") else ""  # or else the key would be taken for an option
    command = f"orlog log {entity.address} {dashes}{shlex.quote(entity.key)}"
    return Failure(message, hint=f"`{command}` shows all that happened to it")


def nothing(log: EventLog, category: str | None, key: str | None, pattern: str | None, path: str | None) -> str:
    """Say that no event was found, and what may be the reason."""
    if category is not None and pattern is not None and next(log.events(category, pattern=pattern), None) is None:
        return f"no key of {category} matches {pattern}"
    if category is not None and key is not None and path is not None:
        entity = log.entity(category, key)
        versions = log.history(entity)
        if not periods(versions, path):
            missing = no_field(entity, path, fields_of(versions))
            return f"{missing}; {missing.hint}"
    return "nothing happened there"


def no_field(entity: Entity, pointer: str, paths: Sequence[str]) -> Failure:
    """The error of a place where an entity says nothing; `paths` are those where it does."""
    import difflib

    above = [path.rpartition("/")[0] for path in paths]
    near = difflib.get_close_matches(pointer, dict.fromkeys((*paths, *above)), NEAR_PATHS)
    below = [path for path in paths if within(path, pointer.rpartition("/")[0])]
    shown = near or below[:NEAR_PATHS] or list(paths)[:NEAR_PATHS]
    more = ", …" if len(shown) < len(paths) else ""
    hint = f"did you mean: {', '.join(shown)}" if near else f"there are: {', '.join(shown)}{more}"
    return Failure(f"{entity.category} {entity.key} says nothing at {pointer}", hint=hint)


def fields_of(versions: Sequence[Version]) -> list[str]:
    """The paths of all fields of the last document that there was."""
    last = next((number for number in reversed(range(len(versions))) if versions[number].content is not None), -1)
    return [row.path for row in blame(versions[: last + 1])]


def absence(entity: Entity, at: Instant | None, moment: datetime | None, there: Sequence[Span]) -> str:
    """Say that an entity was not there, and when it was; `moment` is the time that `at` comes to, if any."""
    when = "is not there now" if at is None else f"was not there at {_instant(at)}"
    shown = [_span(span) for span in nearest(there, moment)]
    more = len(there) - len(shown)
    listed = "; ".join(shown) + (f"; and {counted(more, 'more time')}" if more else "")
    return f"{entity.category} {entity.key} {when}; it was there {listed}"


def nearest(there: Sequence[Span], moment: datetime | None) -> Sequence[Span]:
    """The spans around a time (None: before all), few enough to be shown."""
    before = sum(1 for since, _ in there if moment is not None and since <= moment)
    first = max(0, min(before - 1, len(there) - SPANS_SHOWN))
    return there[first : first + SPANS_SHOWN]


def _instant(at: Instant) -> str:
    return stamp(at) if isinstance(at, datetime) else f"@{at}"


def _span(span: Span) -> str:
    since, until = span
    return f"since {stamp(since)}" if until is None else f"from {stamp(since)} until {stamp(until)}"
