"""Progress is an object that is passed in, silent by default."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told how far a long piece of work is."""

    def start(self, total: int, what: str) -> None:
        """`total` steps of `what` are ahead; what was started before is over."""
        ...

    def advance(self, done: int = 1) -> None:
        """So many more steps are done."""
        ...

    def note(self, text: str) -> None:
        """How it goes, in a few words."""
        ...

    def finish(self) -> None:
        """All is done."""
        ...


class Silent:
    """Progress that nobody watches."""

    def start(self, total: int, what: str) -> None:
        """Say nothing."""

    def advance(self, done: int = 1) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""
