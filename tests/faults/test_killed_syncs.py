"""A sync killed at any of its writes loses nothing that was archived, and the next one makes the record whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.faults.killed import SYNCS
from tests.thorough import much

SEEDS: Final = (1, 2, 3, 7)[: much(2, 4)]
KILLS: Final = much(20, 50)  # of each: 200 in all


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("seed", SEEDS)
def test_wherever_a_sync_is_killed_the_next_one_tells_all_that_the_server_showed(tmp_path: Path, seed: int) -> None:
    """P18, P20: killed at any write, the record verifies, and what is current is what the server showed last."""
    line = [sys.executable, "-m", "tests.faults.killed", str(tmp_path), str(seed), str(KILLS)]
    ended = subprocess.run(line, capture_output=True, text=True, check=False, timeout=200)
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    killed = Counter(said["killed"])
    assert killed.keys() == {str(each) for each in range(SYNCS)}
    assert killed.total() >= KILLS * 9 // 10  # where answers come slowly they are archived in other portions
    assert {"200", "304", "404"} <= said["statuses"].keys()
