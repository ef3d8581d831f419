"""Progress: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Bar:
    """Shows progress as a bar of rich's, one for each `start`."""

    def __init__(self, shown: RichProgress) -> None:
        self._shown = shown
        self._task: TaskID | None = None
        self._what = ""

    def start(self, total: int, what: str) -> None:
        """Begin a bar for `total` steps of `what`."""
        self._what = what
        self._task = self._shown.add_task(what, total=total)

    def advance(self, done: int = 1) -> None:
        """Move it on; where there is more than was foreseen (pages), its end moves too."""
        if self._task is None:
            return
        self._shown.advance(self._task, done)
        task = next(each for each in self._shown.tasks if each.id == self._task)
        if task.total is not None and task.completed > task.total:
            self._shown.update(self._task, total=task.completed)

    def note(self, text: str) -> None:
        """Show a short text beside what is being done."""
        if self._task is not None:
            self._shown.update(self._task, description=f"{self._what}: {text}")

    def finish(self) -> None:
        """Stop and leave it as it is."""
        self._shown.stop()


@contextlib.contextmanager
def bar() -> Iterator[Bar | None]:
    """A bar on stderr while the work lasts, None where nobody would see it."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as shown:
        yield Bar(shown)
