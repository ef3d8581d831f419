"""How full the disk is."""

from __future__ import annotations

import os
from pathlib import Path

from eventstore.survey.alerts import Disk


def disk_of(directory: Path) -> Disk:
    """Measure the disk that a folder is on, as `df` does: what is set aside for root counts for nobody."""
    found = os.statvfs(directory)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    return Disk(used, used + found.f_bavail * found.f_frsize)
