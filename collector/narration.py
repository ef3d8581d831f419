"""What collector tells of its work while it goes on, for logs: structured, and silent unless somebody listens.

structlog prints to stdout where nothing was configured, which no library may do. So the lines go to `LOGGER` of the
standard library, whose handlers decide: without any, nothing is written and nothing is said.

    log = narrator(sync=12)
    log.info("sync began", resources=["openrouter.models"])
    with about(sync=12, resource="openrouter.endpoints", key="openai/gpt-4.1"):
        narrator().warning("request failed", status=500)  # carries all three, and so does what is called from here
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

LOGGER: Final = "orlog"  # name of the logger of the standard library; `cli.logs` gives it its handlers

logging.getLogger(LOGGER).addHandler(logging.NullHandler())  # else Python prints warnings to stderr


def narrator(**context: Any) -> BoundLogger:
    """A logger whose lines all carry `context`: `sync`, `resource` and `key` where they are about one."""
    return _logger().bind(**context)


@contextlib.contextmanager
def about(**context: Any) -> Iterator[None]:
    """All lines that are told inside carry `context`, in this task and in those that it starts."""
    from structlog import contextvars  # noqa: PLC0415

    with contextvars.bound_contextvars(**context):
        yield


@functools.cache
def _logger() -> BoundLogger:
    import structlog  # noqa: PLC0415  # 80 ms, which only who asks the world has to wait

    # told here, and not by `structlog.configure`: that belongs to the program that uses this library
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(LOGGER),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
    )
    return logger
