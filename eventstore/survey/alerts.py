"""What stands as an alert: a pure function from facts, so that all alerts are made in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from eventstore.model import Cause
from eventstore.survey.standing import Standing

FAILURES: Final = 3  # failed syncs in a row: one is an accident, and the second may be the same one


class Alert(msgspec.Struct, frozen=True):
    """Something that somebody should look into, and that stands until it is so no more.

    `code` is one of a small set: `failing` (nothing was listed in three syncs or more in a row), `empty` (a resource
    lists nothing any more). `resource` is the one that it is about, `since` when it began.
    """

    code: str
    resource: str
    message: str
    since: datetime


def standing_alerts(standings: Iterable[Standing]) -> list[Alert]:
    """Say what stands as an alert, the oldest first. Imports raise none: their versions are history."""
    found = (alert for each in standings for alert in _alerts(each))
    return sorted(found, key=lambda alert: (alert.since, alert.resource, alert.code))


def _alerts(standing: Standing) -> Iterator[Alert]:
    if standing.failures >= FAILURES and standing.failing_since is not None:
        message = f"{standing.failures} failed syncs in a row"
        yield Alert("failing", standing.resource, message, standing.failing_since)
    if standing.empty_since is not None and standing.cause is Cause.SYNC:
        yield Alert("empty", standing.resource, "lists nothing any more", standing.empty_since)
