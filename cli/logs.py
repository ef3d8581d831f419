"""Logs: JSON lines in `orlog.log` of the data directory, and lines on stderr for people, or for who collects them.

What is told comes from `collector`'s narration by way of one logger of the standard library; here it gets its handlers.
A log that cannot be written is said once on stderr, and stops nothing.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from cli import output
from cli.options import LogForm
from cli.text import printable, stamp
from collector import LOGGER
from eventstore import from_ms

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

FILE: Final = "orlog.log"
FILE_BYTES: Final = 5_000_000  # some months of syncs each hour, at 400 bytes a sync and a few failures
FILES_KEPT: Final = 3  # older ones: 20 MB in all, however long it runs
LONGEST: Final = 500  # characters of a value: what a server answered may be of any length
TRACEBACK: Final = 10_000  # characters of one, from its end
MODE: Final = 0o600


@contextlib.contextmanager
def kept(directory: Path, *, shown: LogForm | None = None, debug: bool = False) -> Iterator[None]:
    """Keep a log in a data directory while the work lasts; `shown`: on stderr too. `debug`: each request, too.

    Several processes may keep the same one: lines are whole, and of files that are rotated each follows the newest.
    """
    logger = logging.getLogger(LOGGER)
    before = logger.level, logger.propagate
    handlers = [_file(directory)]
    if shown is not None and sys.stderr is not None and not sys.stderr.closed:
        handlers.append(_stderr(sys.stderr, shown))
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(before[0])
        logger.propagate = before[1]
        for handler in handlers:
            logger.removeHandler(handler)
            with contextlib.suppress(OSError):  # of a full disk: it tries once more to write
                handler.close()


class _File(RotatingFileHandler):
    """A rotated file of one's own, made by the first line. What cannot be written is said once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True)
        self._said = False

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802  # logging calls it so
        """Whether the file is full; where another process has put a new one in its place, that one is meant."""
        if self.stream is not None and not self._is_newest(self.stream):
            self.stream.close()
            self.stream = self._open()
        return bool(super().shouldRollover(record))

    def _is_newest(self, stream: TextIO) -> bool:
        try:
            return Path(self.baseFilename).stat().st_ino == os.fstat(stream.fileno()).st_ino
        except FileNotFoundError:
            return False

    def _open(self) -> Any:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
        return os.fdopen(descriptor, self.mode, encoding=self.encoding)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  # logging calls it so
        """Say once that the log cannot be written; the work goes on."""
        if not self._said:
            self._said = True
            error = sys.exc_info()[1]
            reason = getattr(error, "strerror", None) or error
            output.note(f"the log {self.baseFilename} cannot be written: {reason}")


class _Stream(logging.StreamHandler[TextIO]):
    """Lines on a stream; a stream that is closed or full says nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging calls it so
        """Leave it."""


def _file(directory: Path) -> logging.Handler:
    handler = _File(directory / FILE)
    handler.setFormatter(_formatter(LogForm.JSON, colour=False))
    return handler


def _stderr(stream: TextIO, form: LogForm) -> logging.Handler:
    from cli.terminal.paper import Paper

    handler = _Stream(stream)
    handler.setFormatter(_formatter(form, colour=Paper.of(stream, os.environ).colour))
    return handler


def _formatter(form: LogForm, *, colour: bool) -> logging.Formatter:
    import structlog

    render: Processor = structlog.processors.JSONRenderer()  # ASCII only: whoever prints the file prints no controls
    if form is LogForm.TEXT:
        render = structlog.dev.ConsoleRenderer(
            colors=colour,
            sort_keys=False,
            pad_event_to=0,
            repr_native_str=True,  # quotes: no value can pass for another, or for what a terminal obeys
            exception_formatter=structlog.dev.plain_traceback,
        )
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    traceback = structlog.processors.format_exc_info
    return structlog.stdlib.ProcessorFormatter(processors=[traceback, _completed, remove, render])


def _completed(_: Any, __: str, line: EventDict) -> EventDict:
    """When, how grave and what first; of everything else what can be written, and no more than that of it."""
    record: logging.LogRecord = line["_record"]
    first = {
        "timestamp": stamp(from_ms(int(record.created * 1000))),
        "level": record.levelname.lower(),
        "event": printable(str(line["event"])),
    }
    rest = {name: value if name.startswith("_") else _plain(value) for name, value in line.items()}
    if "exception" in line:
        rest["exception"] = "\n".join(map(printable, str(line["exception"])[-TRACEBACK:].splitlines()))
    return first | rest | first


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return _plain(str(value.value if isinstance(value, enum.Enum) else value))
