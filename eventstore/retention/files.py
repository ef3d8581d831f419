"""Where the policy of a data directory stands: in its `retention.toml`, otherwise in the one that comes with orlog."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from eventstore.errors import BadPolicy
from eventstore.retention.policy import Policy, parse

FILE: Final = "retention.toml"
_PACKAGE: Final = Path(__file__).parents[1]


def shipped() -> str:
    """The text of the policy that comes with orlog: beside the package's modules, in a checkout at its top."""
    installed = _PACKAGE / FILE
    return (installed if installed.exists() else _PACKAGE.parent / FILE).read_text(encoding="utf-8")


def policy_in(directory: Path) -> Policy:
    """The policy of a data directory. Raises `BadPolicy`, which names the file and the place in it."""
    path = directory / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return parse(shipped())
    except (OSError, UnicodeDecodeError) as error:
        raise BadPolicy(f"{path}: {error}") from None
    try:
        return parse(text)
    except BadPolicy as error:
        raise BadPolicy(f"{path}: {error}") from None


def make(directory: Path) -> Path:
    """Copy the shipped policy where a data directory has none yet; return its path."""
    path = directory / FILE
    if not path.exists():
        path.write_text(shipped(), encoding="utf-8")
    return path
