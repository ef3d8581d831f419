"""Asks a live API over HTTP, politely: one host, one pool of connections, within bounds of time and size.

What is asked for is `base_url` and a path. A failure that may pass is asked for again, as `collector.politeness` says.
No answer and no error holds the value of a request header: they may be secrets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from random import uniform
from time import monotonic
from typing import Final, NamedTuple

import httpx

from collector.politeness import Manners, Pace, next_wait, retry_after, transient
from collector.transport import Answer
from collector.transport.client import SENDABLE, checked_base, checked_headers, pooled, same_origin
from collector.transport.decoding import Intake, Unusable
from collector.transport.mishaps import Failed, explained, unfinished

KEPT: Final = ("Date", "ETag", "Last-Modified", "Age", "Content-Type")
"""The headers that an answer keeps."""

REDIRECTS: Final = 5  # followed for one request; who needs more has them in a circle
KEPT_LENGTH: Final = 1000  # characters of a header's value: no date, tag or type is longer

_READ: Final = {name.lower().encode(): name for name in (*KEPT, "Retry-After", "Location")}
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})  # RFC 9110, section 15.4
_NOT_MODIFIED: Final = 304
_FINAL: Final = 200  # statuses below are interim (RFC 9110, section 15.2)

_DEFAULT: Final = Manners()


class _Arrived(NamedTuple):
    """An answer that came whole. `headers` are those that are read, by their usual spelling."""

    status: int
    headers: dict[str, str]
    body: bytes | None


class HttpTransport:
    """Asks one host. Implements `collector.transport.Transport`; belongs to one event loop.

    `headers` go with every request. `random` draws from an interval, `sleep` waits; both are for retries. Proxies and
    certificates are those of the environment (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE), save for this machine itself.
    Raises `TransportError` where `base_url` or `headers` cannot be used; their values are not in its message.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] = {},
        manners: Manners = _DEFAULT,
        random: Callable[[float, float], float] = uniform,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._origin = checked_base(base_url)
        self._base = base_url.rstrip("/")
        self._headers = checked_headers(headers)
        self._manners = manners
        self._random = random
        self._sleep = sleep
        self._pace = Pace(manners.rate)
        self._slots = asyncio.Semaphore(manners.concurrency)
        self._client = pooled(self._origin.host, manners.concurrency)

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        """Ask for `path`, which begins with "/", again and again if need be, and return what came in the end."""
        address = self._base + path
        try:
            request = self._request(self._url(address, path), validators)
        except Failed as failed:
            return _answer(failed, params, address, tries=0)
        tried, spent = 0, 0.0
        while True:
            tried += 1
            async with self._slots:
                await self._turn()
                began = monotonic()
                came = await self._try(request, min(self._manners.timeout, self._manners.patience - spent))
                spent += monotonic() - began
            wait = self._wait(came, tried, spent)
            if wait is None:
                return _answer(came, params, address, tries=tried)
            await self._sleep(wait)
            spent += wait

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _turn(self) -> None:
        """Wait until the host's rate allows another request."""
        wait = self._pace.reserve(monotonic())
        if wait > 0:
            await self._sleep(wait)

    def _wait(self, came: _Arrived | Failed, tried: int, spent: float) -> float | None:
        """How many seconds to wait before asking again; None to leave it at what came."""
        least = 0.0
        if isinstance(came, Failed):
            if not came.again:
                return None
        elif transient(came.status):
            least = retry_after(came.headers, arrived=datetime.now(UTC))
        else:
            return None
        wait = next_wait(self._manners, tried=tried, spent=spent, least=least, random=self._random)
        if wait is not None and least > 0:  # the host means all requests, not just this one
            self._pace.hold(monotonic() + least)
        return wait

    async def _try(self, request: httpx.Request, seconds: float) -> _Arrived | Failed:
        """Ask once. However slowly bytes drip, it is over after so many seconds."""
        intake = Intake(self._manners.max_bytes)
        try:
            async with asyncio.timeout(seconds):
                return await self._followed(request, intake)
        except TimeoutError:
            return unfinished(seconds, intake.received)
        except httpx.TransportError as error:
            return explained(error, intake.received)
        except Failed as failed:
            return failed

    async def _followed(self, request: httpx.Request, intake: Intake) -> _Arrived:
        """Ask, and follow redirects within the host. Raises `Failed`, and what httpx raises."""
        seen = {request.url}
        while True:
            arrived = await self._fetched(request, intake)
            target = _target(arrived, request.url)
            if target is None:
                return arrived
            if target in seen:
                raise Failed("redirects in a circle", status=arrived.status)
            if len(seen) > REDIRECTS:
                raise Failed(f"redirects more than {REDIRECTS} times", status=arrived.status)
            seen.add(target)
            self._pace.reserve(monotonic())  # counts as a request to the host: the next one starts later
            request = httpx.Request("GET", target, headers=request.headers)

    async def _fetched(self, request: httpx.Request, intake: Intake) -> _Arrived:
        """Ask for one URL and read the answer. Raises `Failed`, and what httpx raises."""
        intake.received = None
        response = await self._client.send(request, stream=True, auth=None)
        status, headers = response.status_code, _read(response)
        try:
            if status < _FINAL:
                raise Failed(f"status {status}, for which nothing was asked")
            intake.begin(response.headers.get("Content-Encoding", ""), _length(response))
            async for piece in response.aiter_raw():
                intake.add(piece)
            return _Arrived(status, headers, None if status == _NOT_MODIFIED else intake.whole())
        except Unusable as unusable:
            raise Failed(str(unusable), again=unusable.again or transient(status), status=status) from None
        finally:
            await response.aclose()

    def _request(self, url: httpx.URL, validators: Mapping[str, str]) -> httpx.Request:
        request = httpx.Request("GET", url, headers=self._headers)
        # a tag that cannot be sent back as it came is not sent: the answer then comes whole
        request.headers.update({name: value for name, value in validators.items() if SENDABLE.fullmatch(value)})
        return request

    def _url(self, address: str, path: str) -> httpx.URL:
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, ValueError):
            raise Failed("no URL can be made of this path") from None
        if not path.startswith("/") or not same_origin(url, self._origin):
            raise Failed('a path begins with "/"')
        return url


def _answer(came: _Arrived | Failed, params: Mapping[str, str], url: str, *, tries: int) -> Answer:
    if isinstance(came, Failed):
        return Answer(params, came.status, None, error=str(came), url=url, tries=tries)
    kept = {name: value[:KEPT_LENGTH] for name, value in came.headers.items() if name in KEPT}
    return Answer(params, came.status, came.body, headers=kept, url=url, tries=tries)


def _read(response: httpx.Response) -> dict[str, str]:
    """The headers that matter here; of one that came more than once the last."""
    return {
        _READ[lower]: value.decode("latin-1")
        for lower, value in ((name.lower(), value) for name, value in response.headers.raw)
        if lower in _READ
    }


def _length(response: httpx.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _target(arrived: _Arrived, asked: httpx.URL) -> httpx.URL | None:
    """Where an answer redirects to, None where it does not. Raises `Failed` where that may not be followed."""
    location = arrived.headers.get("Location")
    if arrived.status not in _REDIRECTING or location is None:
        return None
    try:
        target = asked.join(location).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        raise Failed("redirects to what is no URL", status=arrived.status) from None
    if same_origin(target, asked):
        return target
    where = target.host if target.host != asked.host else f"{target.scheme}://{target.netloc.decode('ascii')}"
    raise Failed(f"redirects to another host: {where}", status=arrived.status)
