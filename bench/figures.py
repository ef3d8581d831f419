"""What was measured, and whether that is good enough."""

from __future__ import annotations

import enum
import os
import platform
import sqlite3
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec


class Unit(enum.Enum):
    """What numbers count: seconds, bytes, things in a second, or things."""

    TIME = "s"
    SIZE = "bytes"
    RATE = "/s"
    COUNT = ""


class Goal(enum.Enum):
    """What a target bounds, and from which side."""

    OURS_AT_MOST = "at most"
    OURS_AT_LEAST = "at least"
    RATIO_AT_MOST = "ratio at most"
    RATIO_AT_LEAST = "ratio at least"


class Target(msgspec.Struct, frozen=True):
    """A bound, in the unit of the figure, or as a ratio."""

    goal: Goal
    bound: float


class Figure(msgspec.Struct, frozen=True):
    """One row: samples of ours, and of what it is held against.

    The median of the samples counts, or their mean where they are counts. The ratio is ours by the other's, or the
    other's by ours where it is to say how many times `faster` ours is.
    """

    section: str
    what: str
    unit: Unit
    ours: Sequence[float]
    against: str = ""
    theirs: Sequence[float] = ()
    target: Target | None = None
    faster: bool = False

    @property
    def our_value(self) -> float:
        """Ours in one number."""
        return self._one(self.ours)

    @property
    def their_value(self) -> float | None:
        """The other's in one number, None where there is no other."""
        return self._one(self.theirs) if self.theirs else None

    @property
    def ratio(self) -> float | None:
        """How many times, None where there is nothing to compare (or to divide by)."""
        ours, theirs = self.our_value, self.their_value
        if not ours or not theirs:
            return None
        return theirs / ours if self.faster else ours / theirs

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None where there is none (or nothing to judge by)."""
        if self.target is None:
            return None
        judged = self.our_value if self.target.goal in {Goal.OURS_AT_MOST, Goal.OURS_AT_LEAST} else self.ratio
        if judged is None:
            return None
        at_least = self.target.goal in {Goal.RATIO_AT_LEAST, Goal.OURS_AT_LEAST}
        return judged >= self.target.bound if at_least else judged <= self.target.bound

    def _one(self, samples: Sequence[float]) -> float:
        return statistics.fmean(samples) if self.unit is Unit.COUNT else statistics.median(samples)


class Figures:
    """The figures of one run, with what they were measured on."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self._at = datetime.now(UTC)
        self._load = os.getloadavg()

    def add(self, figure: Figure) -> None:
        """Take one in."""
        self.figures.append(figure)

    def encoded(self) -> bytes:
        """All of it as JSON, every sample included."""
        return msgspec.json.format(
            msgspec.json.encode(
                {
                    "at": self._at,
                    "python": platform.python_version(),
                    "sqlite": sqlite3.sqlite_version,
                    "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
                    "load": {"before": self._load, "after": os.getloadavg()},
                    "figures": [
                        {
                            "median": figure.our_value,
                            "median_theirs": figure.their_value,
                            "ratio": figure.ratio,
                            "met": figure.met,
                        }
                        | msgspec.structs.asdict(figure)
                        for figure in self.figures
                    ],
                }
            ),
            indent=1,
        )
