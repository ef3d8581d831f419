"""Projections that users wrote, in modules that `orlog.toml` names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from projector.errors import BadProjection, NoModule
from projector.projection import Projection

_PREFIX: Final = "_orlog_views_"  # of the names under which files are imported


def load(names: Iterable[str], directory: Path) -> list[Projection[Any]]:
    """The projections of modules, given as Python imports them, or as files that end in `.py` (relative to a folder).

    Those count that a module has, be they declared in another one. Raises `NoModule`, `BadProjection`.
    """
    found: dict[int, Projection[Any]] = {}
    for name in names:
        module = _from_file(directory / name) if name.endswith(".py") else _imported(name)
        mine = [each for each in vars(module).values() if isinstance(each, Projection)]
        if not mine:
            raise NoModule(f"{name} declares no projection", hint="`table`, `periods` and `history` declare one")
        found.update((id(each), each) for each in mine)
    return list(found.values())


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except BadProjection:
        raise
    except (Exception, SystemExit) as error:  # it is somebody else's module
        raise NoModule(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


def _from_file(path: Path) -> ModuleType:
    name = f"{_PREFIX}{path.stem}_{zlib.crc32(bytes(path.absolute())):08x}"  # files of one name in several folders
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise NoModule(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # msgspec looks the annotations of its types up there
    try:
        spec.loader.exec_module(module)
    except BadProjection:
        raise
    except (Exception, SystemExit) as error:
        raise NoModule(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module
