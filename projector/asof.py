"""Views as of an instant, in a file of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from eventstore import Instant, Progress, Record
from projector.derivation import Writes
from projector.errors import OutputExists, ViewsUnusable
from projector.outputs import JsonLines
from projector.runner import Ran, Runner
from projector.store import Store
from projector.tables import Target
from projector.views import Catalogue

LINES: frozenset[str] = frozenset({".jsonl", ".ndjson"})


def write_as_of(  # each is said by the user
    record: Record,
    catalogue: Catalogue,
    file: Path,
    *,
    at: Instant | None,
    names: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> list[Ran]:
    """Write views (these, or all) as they were at an instant to a new file: a database, or JSON Lines by its suffix.

    The file is there when it is whole, or not at all. Raises `OutputExists`, `UnknownView`, `BeyondHead` and what
    `Runner` does.
    """
    if file.exists():
        raise OutputExists(f"{file} is there already")
    until = record.log.position(at)
    try:
        folder = tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise ViewsUnusable(f"{file.parent} cannot be written: {error.strerror or error}", hint="") from None
    with folder:
        made = Path(folder.name) / "views.db"
        with Store.open(made, write=True) as store:
            runner = Runner(record, store, catalogue, until=until, progress=progress)
            ran = runner.rebuild(names)
            store.settle()
            if file.suffix in LINES:
                made = Path(folder.name) / "views.jsonl"
                with made.open("wb") as lines:
                    export(store, catalogue, record, lines.write)
        _place(made, file)
    return ran


def export(store: Store, catalogue: Catalogue, record: Record, write: Callable[[bytes], object]) -> None:
    """Write all rows of all views that are served as JSON Lines."""
    lines = JsonLines(write)
    served = {name for name, building in store.standings() if not building}
    for name, projection in sorted(catalogue.projections(record.log).items()):
        if name in served:
            target = Target(projection, building=False, names=None)
            for number, row in enumerate(store.rows(name)):
                lines.write(target, Writes(puts={(number,): row}))


def _place(made: Path, file: Path) -> None:
    try:
        os.link(made, file)  # fails where another came meanwhile, as a rename would not
    except FileExistsError:
        raise OutputExists(f"{file} is there already") from None
    except OSError:  # a file system without links
        made.rename(file)
