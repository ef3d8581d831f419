"""Which day an answer speaks of, where it says so: in a closing line, or in a member (`as_of`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from collector.errors import BadPattern, BadRules
from collector.transport.moment import Moment, moment
from eventstore import JSON

MEMBER: Final = "as_of"
"""The member that each document gets: an ISO date."""

_FIELD: Final = re.compile(r"\{date(?::(?P<form>[^{}]+))?\}")
_EXAMPLE: Final = 'write a text with a date, as "As of {date:%m/%d/%Y}"'


class DayPattern:
    """A text that a closing line holds, in which `{date:FORMAT}` stands for a day, `{date}` for an ISO 8601 date.

    Formats are those of `datetime.strptime`. Raises `BadRules`.
    """

    def __init__(self, text: str) -> None:
        """Take a pattern apart."""
        fields = list(_FIELD.finditer(text))
        if len(fields) != 1 or {"{", "}"} & {*_FIELD.sub("", text)}:
            raise BadRules(f"{text!r}: {_EXAMPLE}", field=MEMBER)
        before, after = text[: fields[0].start()], text[fields[0].end() :]
        self._moment = _moment(fields[0]["form"] or "")
        date = f"(?<![0-9])(?P<date>{self._moment.expression})(?![0-9])"
        self._expression = re.compile(re.escape(before) + date + re.escape(after))

    def search(self, lines: Iterable[str]) -> str | None:
        """Find the day (ISO 8601) that the first line which has one speaks of."""
        for line in lines:
            found = self._expression.search(line)
            if found is not None:
                day = self._day(found["date"])
                if day is not None:
                    return day
        return None

    def _day(self, text: str) -> str | None:
        try:
            return self._moment.read(text).date().isoformat()
        except (ValueError, OverflowError):  # 2025-02-30
            return None


def day_of(value: JSON) -> str | None:
    """Read the day (ISO 8601) of a JSON value that is a date or a time, as it is written, in ISO 8601."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).date().isoformat()
    except ValueError:
        return None


def _moment(form: str) -> Moment:
    try:
        return moment("time", form)
    except BadPattern as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise BadRules(f"{error}{hint}".replace("{time", "{date"), field=MEMBER) from None
