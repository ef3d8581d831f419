"""A small HTTP/1.1 server on this machine that can misbehave: a real peer for the demo and for tests.

It serves GET, keeps connections, and reads no request body. What it cannot read it hangs up on.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

_START: Final = 10.0  # s for a thread to begin: only a machine that stands still takes longer
_SETTLE: Final = 0.02  # s between bytes and the reset after them: a reset throws away what was not yet read
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing sends RST
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
_NO_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Asked(NamedTuple):
    """A request: `path` as it was sent, query included; `headers` by their names in lower case."""

    path: str
    headers: Mapping[str, str]


class Mode(enum.Enum):
    """How an answer is sent."""

    WHOLE = enum.auto()
    HANG = enum.auto()  # nothing, until the other side gives up
    CUT = enum.auto()  # Content-Length says all, half of it comes, and the connection ends
    RESET = enum.auto()  # the same, and the connection is reset
    RAW = enum.auto()  # the body alone, as everything that is sent


class Play(msgspec.Struct, frozen=True):
    """What is answered, and how.

    A `body` of bytes goes with its length, one of pieces in chunks: a body without end is an iterator without one. It
    begins after `delay` seconds; with a `pace`, so many seconds lie between its pieces, or its single bytes.
    """

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes | Iterable[bytes] = b""
    delay: float = 0.0
    pace: float = 0.0
    mode: Mode = Mode.WHOLE


class LoopbackServer:
    """Serves what `handler` says, on a port of its own, from a thread of its own, while the context is open.

    `handler` is called in that thread, for one request at a time, and should be quick. What it raises ends the
    connection, and is raised again when the server is closed.
    """

    def __init__(self, handler: Callable[[Asked], Play]) -> None:
        self._handler = handler
        self._thread = threading.Thread(target=self._run, name="loopback server", daemon=True)
        self._started = threading.Event()
        self._socket = socket.socket()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: Exception | None = None
        self._loop: asyncio.AbstractEventLoop
        self._closing: asyncio.Event

    @property
    def base_url(self) -> str:
        """Where it is: `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._port: int = self._socket.getsockname()[1]
        self._thread.start()
        if not self._started.wait(_START):
            raise TimeoutError("the loopback server does not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=self._socket)
        self._started.set()
        await self._closing.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._closing.is_set():
            writer.transport.abort()
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            # the other side going away is no error here, nor is a request that is none
            with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
                while await self._exchange(reader, writer):
                    pass
                writer.close()
                await writer.wait_closed()
        except asyncio.CancelledError:
            if not self._closing.is_set():  # it is over; asyncio before 3.12 would print that this was cancelled
                raise
        except Exception as error:  # noqa: BLE001 - raised again in the thread that closes the server
            self._failure = self._failure or error
        finally:
            writer.transport.abort()  # also where the other side reads nothing: closing would wait for it

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether another may follow on this connection."""
        asked = _parsed(await reader.readuntil(b"\r\n\r\n"))
        play = self._handler(asked)
        if play.delay:
            await asyncio.sleep(play.delay)
        match play.mode:
            case Mode.HANG:
                await reader.read()
            case Mode.RAW:
                await _send(writer, _pieces(play), play.pace)
            case Mode.CUT | Mode.RESET:
                await _send_half(writer, play)
            case Mode.WHOLE:
                await _send_whole(writer, play)
                return True
        return False


def _parsed(head: bytes) -> Asked:
    """Read a request's head. Raises `ValueError` where it is none."""
    first, *lines = head[: -len(b"\r\n\r\n")].decode("latin-1").split("\r\n")
    _, path, _ = first.split(" ")
    fields = (line.split(":", 1) for line in lines)
    return Asked(path, {name.lower(): value.strip() for name, value in fields})


def _head(play: Play, framing: str) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in play.headers.items())
    return f"HTTP/1.1 {play.status} {_REASONS.get(play.status, '')}\r\n{fields}{framing}\r\n".encode("latin-1")


async def _send_whole(writer: asyncio.StreamWriter, play: Play) -> None:
    if play.status in _NO_BODY:
        writer.write(_head(play, ""))
    elif isinstance(play.body, bytes):
        head = _head(play, f"Content-Length: {len(play.body)}\r\n")
        await _send(writer, [head, *_pieces(play)] if play.pace else [head + play.body], play.pace)
    else:
        writer.write(_head(play, "Transfer-Encoding: chunked\r\n"))
        await _send(writer, (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in play.body if piece), play.pace)
        writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _send_half(writer: asyncio.StreamWriter, play: Play) -> None:
    body = b"".join(_pieces(play))
    writer.write(_head(play, f"Content-Length: {len(body)}\r\n") + body[: len(body) // 2])
    await writer.drain()
    if play.mode is Mode.RESET:
        await asyncio.sleep(_SETTLE)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()


def _pieces(play: Play) -> Iterable[bytes]:
    if not isinstance(play.body, bytes):
        return play.body
    return (play.body[i : i + 1] for i in range(len(play.body))) if play.pace else [play.body]


async def _send(writer: asyncio.StreamWriter, pieces: Iterable[bytes], pace: float) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        if pace:
            await asyncio.sleep(pace)
