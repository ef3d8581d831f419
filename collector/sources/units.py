"""Durations, rates and sizes as people write them: `30m`, `10/s`, `64MB`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

DURATION: Final = "a number and s, m, h, d or w, as 30m or 1h"
RATE: Final = "a number of requests per s, m or h, as 10/s"
SIZE: Final = "a number of bytes, as 64MB or 500kB"

_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])", re.ASCII)
_RATE: Final = re.compile(r"([1-9][0-9]{0,5})/([smh])", re.ASCII)
_SIZE: Final = re.compile(r"([1-9][0-9]{0,11}) ?([kMG]i?)?B?", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES: Final = {None: 1, "k": 10**3, "M": 10**6, "G": 10**9, "ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def duration(text: str) -> timedelta | None:
    """Read a duration (see `DURATION`); None for any other text. Months are no duration: they differ."""
    found = _DURATION.fullmatch(text)
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else None


def rate(text: str) -> float | None:
    """Read a rate (see `RATE`), in requests per second; None for any other text."""
    found = _RATE.fullmatch(text)
    return int(found[1]) / _SECONDS[found[2]] if found else None


def size(text: str) -> int | None:
    """Read a size (see `SIZE`), in bytes; kB is 1000, kiB is 1024. None for any other text."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _BYTES[found[2]] if found else None
