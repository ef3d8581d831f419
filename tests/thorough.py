"""How much is tried: a part of it by default, all of it where ORLOG_THOROUGH is set, as `make thorough` does."""

from __future__ import annotations

import os
from typing import Final

THOROUGH: Final = bool(os.environ.get("ORLOG_THOROUGH"))


def much(part: int, whole: int) -> int:
    """A number that a test goes by: by default, and for `make thorough`. Such tests are marked `thorough`."""
    return whole if THOROUGH else part
