"""What was said of a day: documents may carry `as_of`, the day they speak of, which is not the day of their fetch."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from cli.failures import Failure
from eventstore import JSON, Change, EventLog, Scope, State

MEMBER: Final = "as_of"
DAYS_SHOWN: Final = 3  # that a message about one without any proposes
_BEFORE: Final = timedelta(milliseconds=1)


class Spoken(msgspec.Struct):
    """When each scope last spoke of a day: up to when, None while it still does; and of which days any spoke."""

    until: dict[Scope, datetime | None] = {}
    days: set[str] = set()


def spoken_of(changes: Iterable[Change], day: str) -> Spoken:
    """Find when the scopes of a category spoke of a day (ISO 8601), from all its changes in order."""
    found = Spoken()
    held: dict[str, Scope] = {}  # entities that speak of the day, by key
    for _, of_sync in itertools.groupby(changes, key=lambda change: change.event.sync):
        at = None
        for change in of_sync:
            key, at = change.event.entity.key, change.event.observed_at
            said = None if change.after is None else _day(change.after.value)
            found.days.update(() if said is None else (said,))
            held.pop(key, None)
            if said == day:
                held[key] = change.event.scope
        speaking = Counter(held.values())
        for scope, until in list(found.until.items()):
            if until is None and not speaking[scope] and at is not None:
                found.until[scope] = at - _BEFORE
        found.until.update(dict.fromkeys(speaking))
    return found


def states_of(log: EventLog, category: str, key: str | None, day: date) -> dict[str, State]:
    """The last observation that speaks of a day: all entities of a category whose documents say `as_of` that day.

    Raises `Failure` where nothing speaks of it, and errors of eventstore.
    """
    spoken = spoken_of(log.changes(category), day.isoformat())
    found: dict[str, State] = {}
    for until in sorted(set(spoken.until.values()), key=lambda each: (each is None, each)):
        scopes = {scope for scope, last in spoken.until.items() if last == until}
        states = log.catalogue(category, at=until).values()
        found.update(
            (state.entity.key, state)
            for state in states
            if state.scope in scopes and key in {None, state.entity.key} and _day(state.document) == day.isoformat()
        )
    if not found:
        raise _silence(category, key, day, spoken.days)
    return dict(sorted(found.items()))


def _day(document: JSON) -> str | None:
    said = document.get(MEMBER) if isinstance(document, dict) else None
    return said if isinstance(said, str) else None


def _silence(category: str, key: str | None, day: date, days: set[str]) -> Failure:
    what = category if key is None else f"{category} {key}"
    if not days:
        hint = f"documents carry the day where their rules have {MEMBER}; --at asks for when something was recorded"
        return Failure(f"nothing recorded of {category} says of which day it speaks", hint=hint)
    near = sorted(days, key=lambda each: abs(_ordinal(each) - day.toordinal()))[:DAYS_SHOWN]
    return Failure(f"nothing recorded of {what} speaks of {day}", hint=f"there is: {', '.join(sorted(near))}")


def _ordinal(day: str) -> int:
    try:
        return date.fromisoformat(day).toordinal()
    except ValueError:
        return 0
