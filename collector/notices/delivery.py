"""Delivering one notice to one target, within its time. A failure is a text that says why, and never names a secret."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from asyncio.subprocess import DEVNULL, Process
from typing import IO, TYPE_CHECKING, Final

from collector.notices.target import Target

if TYPE_CHECKING:
    import httpx

SAID: Final = 300  # bytes of what a command said on stderr that are logged

_JSON: Final = {"Content-Type": "application/json"}


class Courier:
    """Delivers notices. Connections of webhooks are kept from one to the next, until it is closed."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def deliver(self, target: Target, notice: bytes) -> str | None:
        """Deliver a notice; None where that went well, otherwise why not."""
        if target.webhook is not None:
            return await self._post(target, target.webhook, notice)
        return await _run(target, notice)

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, target: Target, url: str, notice: bytes) -> str | None:
        import httpx  # noqa: PLC0415  # 90 ms, which only webhooks need

        if self._client is None:
            self._client = httpx.AsyncClient()  # follows no redirect: what is secret goes nowhere else
        try:
            async with (
                asyncio.timeout(target.timeout),  # httpx bounds each step, and not their sum
                self._client.stream(
                    "POST", url, content=notice, headers={**target.headers, **_JSON}, timeout=target.timeout
                ) as answer,
            ):
                return None if answer.is_success else f"it answered {answer.status_code}"
        except (TimeoutError, httpx.TimeoutException):
            return _too_late(target)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return f"it cannot be reached ({type(error).__name__})"  # the message may repeat the URL, which is secret


async def _run(target: Target, notice: bytes) -> str | None:
    """Run a command without a shell, the notice on its stdin. What it says is kept only to tell why it failed."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:  # pipes could fill, and block both
        stdin.write(notice + b"\n")
        stdin.seek(0)
        try:
            process = await asyncio.create_subprocess_exec(
                *target.command, stdin=stdin, stdout=DEVNULL, stderr=stderr, start_new_session=True
            )
        except OSError as error:
            return f"{target.command[0]} cannot be run: {error.strerror or error}"
        except ValueError as error:
            return f"{target.command[0]} cannot be run: {error}"
        code = await _ended(process, target.timeout)
        if code is None:
            return _too_late(target)
        return None if code == 0 else f"it {_exit(code)}{_last_words(stderr)}"


async def _ended(process: Process, seconds: float) -> int | None:
    """Wait for a process to end; one that does not in time is killed, with all that it started."""
    try:
        return await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:  # too late, or we are being stopped
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _exit(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"exited with {code}"


def _last_words(stderr: IO[bytes]) -> str:
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - SAID))
    text = stderr.read().decode(errors="replace").strip()
    return f": {text}" if text else ""


def _too_late(target: Target) -> str:
    return f"it took longer than {target.timeout:g} s"
