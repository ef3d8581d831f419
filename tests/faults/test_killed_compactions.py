"""R1, R2, R5, R6 through kills: no write of a compaction may be its last without everything being there, or ending."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.commandline import run


def killed(folder: Path, step: int) -> int:
    """Kill compactions at every so many-th write; how many died."""
    ended = run([sys.executable, "-m", "tests.faults.compacting", str(folder), str(step)])
    assert ended.returncode == 0, ended.stderr.decode()
    return int(ended.stdout)


def test_wherever_a_compaction_dies_the_next_one_ends_where_it_would_have_ended(tmp_path: Path) -> None:
    """P18: what is written is written whole."""
    assert killed(tmp_path, 29) >= 10


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_compaction_may_die_at_every_write(tmp_path: Path) -> None:
    assert killed(tmp_path, 1) >= 200
