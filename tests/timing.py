"""How long work takes where other work may be going on: of the processor, and the quickest of a few times."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def quickest(work: Callable[[], T], *, of: int = 3) -> tuple[float, T]:
    """The least seconds of the processor that a piece of work takes in a few runs, and what it gives."""
    runs = [_timed(work) for _ in range(of)]
    return min(took for took, _ in runs), runs[-1][1]


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    done = work()
    return time.process_time() - start, done
