"""R1, R2, R5, R6 through kills: no write of a compaction may be its last without everything being there, or ending.

Here every so many-th write, each single one by `make kills`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.commandline import run

EVERY: Final = int(os.environ.get("ORLOG_KILL_EVERY", "61"))
WRITES: Final = 600  # that the compaction makes, at the least


@pytest.mark.timeout(1800 if EVERY == 1 else 300)
def test_wherever_a_compaction_dies_the_next_one_ends_where_it_would_have_ended(tmp_path: Path) -> None:
    """P18: what is written is written whole."""
    ended = run([sys.executable, "-m", "tests.faults.compacting", str(tmp_path), str(EVERY)], timeout=1700)
    assert ended.returncode == 0, ended.stderr.decode()
    assert int(ended.stdout) >= WRITES // EVERY
