"""`orlog.toml` of a data directory: which sources are watched there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from cli.failures import Failure

FILE: Final = "orlog.toml"

TEMPLATE: Final = """\
# What orlog watches in this data directory.

# Names of sources that come with orlog (`orlog sources` lists them), or paths of source files, relative to this file:
# sources = ["openrouter", "sources/my.toml"]
sources = ["openrouter"]
"""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `orlog.toml` says."""

    sources: tuple[str, ...] = ()


def parse(text: bytes, *, file: str) -> Config:
    """Read the text of an `orlog.toml`. Raises `Failure` naming the file and the place in it."""
    try:
        return msgspec.toml.decode(text, type=Config)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: {error}", hint="correct the file, or remove it for `orlog init` to make anew") from None


def read(directory: Path) -> Config:
    """Read the `orlog.toml` of a data directory; where there is none, nothing is watched."""
    path = directory / FILE
    try:
        return parse(path.read_bytes(), file=str(path))
    except (FileNotFoundError, NotADirectoryError):
        return Config()


def make(directory: Path) -> Path:
    """Write the template where there is no `orlog.toml` yet; return its path."""
    path = directory / FILE
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        pass
    return path


def source_files(config: Config, directory: Path) -> list[Path]:
    """The source files that a data directory names, as paths."""
    return [directory / each for each in config.sources if each.endswith(".toml")]


def folders(config: Config, directory: Path) -> list[Path]:
    """The folders in which a resource's source is looked for."""
    return list(dict.fromkeys(path.parent for path in source_files(config, directory)))
