"""The recording that is measured on: a clone of a git bundle."""

from __future__ import annotations

import bisect
import os
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bench.processes import ROOT

FILE = "data/output.json"
RESOURCE = "openrouter.models"
CATEGORY = "openrouter.model"
SEED = 695  # any: the same instants each time


class Recording(msgspec.Struct, frozen=True):
    """A clone, with the committer time and name of each commit that changed the file, oldest first."""

    repo: Path
    times: tuple[datetime, ...]
    commits: tuple[str, ...]

    def commit_at(self, instant: datetime) -> str:
        """The commit that stood at an instant; the first one before there was any."""
        return self.commits[max(bisect.bisect_right(self.times, instant) - 1, 0)]

    def instants(self, count: int) -> list[datetime]:
        """Instants drawn evenly from the recorded time."""
        draw = random.Random(SEED)
        span = (self.times[-1] - self.times[0]) / timedelta(milliseconds=1)
        return [self.times[0] + timedelta(milliseconds=int(draw.random() * span)) for _ in range(count)]

    def show(self, instant: datetime) -> bytes:
        """What `git show` gives of the file at an instant."""
        return git(self.repo, "show", f"{self.commit_at(instant)}:{FILE}")


def recording(name: str, folder: Path, *, file: str = FILE) -> Recording | None:
    """Clone a recording of a file into a folder; None where it is not there."""
    bundle = Path(os.environ.get("ORLOG_RECORDINGS") or ROOT.parent / "shared" / "data") / name
    if not bundle.exists():
        return None
    folder.mkdir(exist_ok=True)
    repo = folder / "repo"
    git(folder, "clone", "--quiet", "--branch", "main", str(bundle), str(repo))
    lines = git(repo, "log", "--first-parent", "--reverse", "--format=%ct %H", "--", file).decode().splitlines()
    seconds, commits = zip(*(line.split() for line in lines), strict=True)
    return Recording(repo, tuple(datetime.fromtimestamp(int(each), UTC) for each in seconds), commits)


def git(folder: Path, *arguments: str) -> bytes:
    """What a git command prints."""
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True).stdout
