"""What somebody is told, as JSON: `docs/running.md` describes its members, which keep their names and meanings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from collector.notices.target import Interest
from eventstore import ABSENT, JSON, Alert, Cause, Change, Document, Event, Kind, resolve

SHOWN: Final = 60  # characters of a value in a message: two of them fit on a line

_encode: Final = msgspec.json.Encoder().encode


def raised(alert: Alert, *, at: datetime) -> bytes:
    """Tell that an alert stands, noticed `at`."""
    return _encode({"kind": "alert", **_about(alert), "hint": alert.hint, "at": _stamp(at)})


def cleared(alert: Alert, *, at: datetime) -> bytes:
    """Tell that an alert stands no more, noticed `at`; its message is the one that it was raised with."""
    return _encode({"kind": "cleared", **_about(alert), "at": _stamp(at)})


def reset(generation: int, seq: int) -> bytes:
    """Tell that the log is another one now, and that changes are told from its event `seq` on."""
    message = "the log was rebuilt: what it says differently now is not told, only what comes after"
    return _encode({"kind": "reset", "message": message, "generation": generation, "seq": seq})


def change(found: Change, interest: Interest, *, generation: int, cause: Cause) -> bytes:
    """Tell of one event; with a `path` also the values that stood there before and after, left out where none did."""
    notice: dict[str, Any] = {
        "kind": "change",
        "message": _summary(found, interest.path),
        "generation": generation,
        "cause": cause.value,
        "event": _event(found.event),
    }
    if interest.path is not None:
        notice["path"] = interest.path
        sides = {"before": found.before, "after": found.after}
        values = {side: _value(document, interest.path) for side, document in sides.items()}
        notice |= {side: _recorded(value) for side, value in values.items() if value is not ABSENT}
    return _encode(notice)


def _about(alert: Alert) -> dict[str, Any]:
    since = None if alert.since is None else _stamp(alert.since)
    return {"code": alert.code, "resource": alert.resource, "message": alert.message, "since": since}


def _event(event: Event) -> dict[str, Any]:
    """An event with the members that `orlog log --format jsonl` promises."""
    members: dict[str, Any] = {
        "seq": event.seq,
        "observed_at": _stamp(event.observed_at),
        "not_before": None if event.not_before is None else _stamp(event.not_before),
        "source": event.entity.source,
        "category": event.entity.category,
        "key": event.entity.key,
        "parent": event.parent,
        "kind": event.kind.value,
        "hash": event.hash,
        "sync": event.sync,
    }
    if event.body is not None:
        members["patch" if event.kind is Kind.CHANGED else "document"] = msgspec.Raw(event.body)
    return members


def _summary(found: Change, path: str | None) -> str:
    """One line for people; of the values no more than fits on it."""
    event = found.event
    what = f"{event.entity.category} {event.entity.key}"
    if path is None or event.kind is not Kind.CHANGED:
        return f"{what} {event.kind.value}"
    return f"{what} {path}: {_short(_value(found.before, path))} -> {_short(_value(found.after, path))}"


def _value(document: Document | None, path: str) -> JSON:
    return ABSENT if document is None else resolve(document.value, path)


def _short(value: JSON) -> str:
    if value is ABSENT:
        return "nothing"
    text = Document.parsed(value).canonical.decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _recorded(value: JSON) -> msgspec.Raw:
    return msgspec.Raw(Document.parsed(value).canonical)


def _stamp(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: `2025-01-31T18:30:00.250Z`."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
