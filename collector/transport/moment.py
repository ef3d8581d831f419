"""Instants in file names: `{time}`, `{time:FORMAT}`, `{epoch}` and `{epoch_ms}` of a pattern.

Formats are those of `datetime.strptime`, https://docs.python.org/3/library/datetime.html#format-codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from collector.errors import BadPattern

FIELDS: Final = ("time", "epoch", "epoch_ms")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# ISO 8601, basic or extended: a date, or a date and a time to the hour, minute, second or any fraction of it.
_ISO: Final = (
    r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}"
    r"(?:[T _][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]{1,9})?)?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)

_TWO_DIGITS: Final = "[0-9]{1,2}"
_WORD: Final = r"[^\W\d_]+"
_DIRECTIVES: Final = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    **dict.fromkeys("mdHIMS", _TWO_DIGITS),
    "j": "[0-9]{1,3}",
    "f": "[0-9]{1,6}",
    **dict.fromkeys("bBaA", _WORD),
    "p": "[AaPp][Mm]",
    "z": "(?:Z|[+-][0-9]{2}:?[0-9]{2})",
    "%": "%",
}


class Moment(NamedTuple):
    """How a field of a pattern is read: the regular expression it matches, and what that text means.

    `read` gives an aware datetime in UTC, and raises `ValueError` or `OverflowError` where there is no such instant
    (2024-02-30).
    """

    expression: str
    read: Callable[[str], datetime]


def moment(field: str, form: str) -> Moment:
    """How `{field:form}` is read; `field` is one of `FIELDS`. Raises `BadPattern` for a format that cannot be read."""
    if field == "time" and not form:
        return _ISO_MOMENT
    if field == "time":
        return Moment(_expression(form), lambda text: _utc(datetime.strptime(text, form)))  # noqa: DTZ007  see `_utc`
    if form:
        raise BadPattern(f"{{{field}:{form}}}: only {{time}} takes a format")
    # digits are bounded, so that there is such an instant: 11 of seconds, or 14 of milliseconds, reach the year 5138
    if field == "epoch":
        return Moment("[0-9]{1,11}", lambda text: _EPOCH + timedelta(seconds=int(text)))
    return Moment("[0-9]{1,14}", lambda text: _EPOCH + timedelta(milliseconds=int(text)))


def _expression(form: str) -> str:
    """Turn a strptime format into the regular expression of what it reads."""
    parts = re.findall(r"%.?|[^%]+", form, re.DOTALL)
    unknown = [part for part in parts if part[0] == "%" and part[1:] not in _DIRECTIVES]
    if unknown:
        known = ", ".join(f"%{letter}" for letter in _DIRECTIVES)
        raise BadPattern(f"{{time:{form}}}: {unknown[0]} cannot be read", hint=f"these can: {known}; or {{epoch}}")
    if not {"%Y", "%y"}.intersection(parts):
        raise BadPattern(
            f"{{time:{form}}} has no year", hint="give it %Y, or leave it out: then a file's own time counts"
        )
    return "".join(_DIRECTIVES[part[1:]] if part[0] == "%" else re.escape(part) for part in parts)


def _utc(instant: datetime) -> datetime:
    """The instant in UTC, which it is in already where it names no zone."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


_ISO_MOMENT: Final = Moment(_ISO, lambda text: _utc(datetime.fromisoformat(text.replace("_", "T"))))
