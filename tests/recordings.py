"""Where the recordings and conformance suites are, which are no part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_PROJECT = Path(__file__).resolve().parent.parent


def data(name: str) -> Path:
    """Find a recording; the test is skipped, saying so, where there is none.

    They are looked for in the folder that ORLOG_RECORDINGS names, else in `../shared/data` beside the project.
    """
    return _found(_recordings() / name)


def conformance(name: str) -> Path:
    """Find a file or folder of the conformance suites, which are the neighbours of the recordings; or skip the test."""
    return _found(_recordings().parent / "conformance" / name)


def _recordings() -> Path:
    return Path(os.environ.get("ORLOG_RECORDINGS") or _PROJECT.parent / "shared" / "data")


def _found(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"needs {path.name}, which is not at {path} (ORLOG_RECORDINGS names the folder of recordings)")
    return path
