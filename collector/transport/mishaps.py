"""What went wrong with a request over HTTP, in words for people.

None of them repeats what httpx says: that may hold the values of headers.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

import httpx

_ENDED: Final = ("disconnected", "peer closed")
"""What httpcore and h11 say where a connection ended too early; all else that is no HTTP has the same class."""


class Failed(Exception):
    """A request failed, for the reason that the message gives.

    `again`: asking again may help. `status` is that of an answer which came and cannot be used.
    """

    def __init__(self, message: str, *, again: bool = False, status: int | None = None) -> None:
        super().__init__(message)
        self.again = again
        self.status = status


def unfinished(seconds: float, received: int | None) -> Failed:
    """Say that time was up after so many seconds; `received` bytes of a body, None if none had begun."""
    if received is None:
        return Failed(f"no answer within {round(seconds, 3):g} s", again=True)
    return Failed(f"no end of the answer within {round(seconds, 3):g} s, {received} bytes came", again=True)


def explained(error: httpx.TransportError, received: int | None) -> Failed:
    """Say what an error of httpx means; `received` bytes of a body, None if none had begun."""
    if isinstance(error, httpx.ConnectError):
        return _unconnected(error)
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return Failed("the request cannot be sent")
    if "location header" in str(error):  # httpx reads it before it is followed
        return Failed("redirects to what is no URL")
    return Failed(_interrupted(error, received), again=True)


def _interrupted(error: httpx.TransportError, received: int | None) -> str:
    if isinstance(error, httpx.ProxyError):
        return "the proxy does not connect"
    if isinstance(error, httpx.TimeoutException):  # the system's own: ours is around the whole try
        return "the connection timed out"
    said = str(error) if isinstance(error, httpx.RemoteProtocolError) else _ENDED[0]
    ended = any(words in said for words in _ENDED)
    if received is None:
        return "connection closed before an answer" if ended else "the answer is not HTTP, or its headers are too long"
    return f"{'cut off' if ended else 'not HTTP any more'} after {received} bytes"


def _unconnected(error: httpx.ConnectError) -> Failed:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failed(f"certificate not valid: {cause.verify_message}")
    for cause in causes:
        if isinstance(cause, ConnectionRefusedError):
            return Failed("connection refused", again=True)
        if isinstance(cause, socket.gaierror):
            return Failed("the host's name is not known", again=True)
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "reason", None)  # set where OpenSSL gave one
            return Failed(f"no secure connection: {reason or 'the other side does not speak TLS'}", again=True)
    reason = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), None)
    return Failed(f"no connection: {reason}" if reason else "no connection", again=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that led to it; of several that happened side by side each."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _causes(each)
        error = error.__cause__ or error.__context__
