"""What asking came to, in counts and seconds: stored with each sync, and ready for whoever draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from eventstore import JSON


class ResourceReport(msgspec.Struct, omit_defaults=True):
    """What asking came to for one resource.

    Scopes that were to be asked for (`planned`); requests that were made, that failed, and that brought what was known
    (a 304, or the same bytes); `bytes` of answers, and seconds from the first request to the last answer.
    """

    planned: int = 0
    asked: int = 0
    failed: int = 0
    unchanged: int = 0
    bytes: int = 0
    seconds: float = 0.0


class SyncReport(msgspec.Struct, omit_defaults=True):
    """What a sync came to: `seconds` in all, the `host` that was asked, and each resource by its address.

    `stopped` says why not everything was asked for. `doubt` says why the clock was not believed: `skew_ms`, by how much
    the answers' dates were later than this clock, or `ahead_ms`, by how much this clock was later than the log's end.
    """

    seconds: float = 0.0
    host: str | None = None
    resources: dict[str, ResourceReport] = {}
    stopped: str | None = None
    doubt: dict[str, int] = {}

    @property
    def json(self) -> JSON:
        """As the archive keeps it."""
        return msgspec.to_builtins(self)

    @classmethod
    def read(cls, report: Mapping[str, Any] | None) -> SyncReport | None:
        """Read what the archive kept; None where nobody was asked."""
        return None if report is None else msgspec.convert(report, cls)
