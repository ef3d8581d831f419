"""What requests are made with: the client, its headers, and the address of the host, checked before anything is sent.

Errors name a header and never its value, which may be a secret.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import httpx

from collector.errors import TransportError
from collector.transport.decoding import ACCEPTED

_IDLE: Final = 30.0  # s that an unused connection is kept: as long as the longest backoff

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
SENDABLE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")  # section 5.5, without the bytes beyond ASCII
_HOST: Final = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+")  # a name, or an address of either kind
_LAST_PORT: Final = 65535
_OURS: Final = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "te", "trailer", "upgrade"}
)
_WRITE: Final = "write https://HOST, with a path behind it if need be"


def checked_base(base_url: str) -> httpx.URL:
    """The address of a host, read. Raises `TransportError`, which does not repeat it: it may hold a password."""
    try:
        url = httpx.URL(base_url)
        url.host.encode("idna")  # what looking it up does: labels of at most 63 characters
    except (httpx.InvalidURL, ValueError):
        raise TransportError("base_url is no URL", hint=_WRITE) from None
    if url.userinfo:
        raise TransportError("base_url names a user or a password", hint="give them as a header: Authorization")
    whole = url.scheme in {"http", "https"} and _HOST.fullmatch(url.host) and 0 < (url.port or 1) <= _LAST_PORT
    if not whole or "?" in base_url or "#" in base_url:
        raise TransportError("base_url is not the address of a host", hint=_WRITE)
    return url


def same_origin(url: httpx.URL, other: httpx.URL) -> bool:
    """Whether scheme, host and port are the same, and no user is named."""
    return (url.scheme, url.netloc, url.userinfo) == (other.scheme, other.netloc, b"")


def checked_headers(headers: Mapping[str, str]) -> httpx.Headers:
    """What every request is sent with. Raises `TransportError`, which says nothing of the values of `headers`."""
    checked = {name: value.strip(" \t") for name, value in headers.items()}
    for name, value in checked.items():
        if not _NAME.fullmatch(name):
            raise TransportError("a header has a name that HTTP does not allow", hint="letters, digits and - will do")
        if name.lower() in _OURS:
            raise TransportError(f"the header {name} is not yours to set", hint="leave it out")
        if value and not SENDABLE.fullmatch(value):
            raise TransportError(
                f"the value of the header {name} has characters that no header can have",
                hint="is there a line break in the variable that it comes from?",
            )
    ours = httpx.Headers({"Accept": "*/*", "Accept-Encoding": ACCEPTED, "User-Agent": _user_agent()})
    ours.update(checked)
    return ours


def pooled(host: str, concurrency: int) -> httpx.AsyncClient:
    """A client that keeps so many connections to `host`. Raises `TransportError` where its proxy cannot be used."""
    try:
        return httpx.AsyncClient(
            http2=False,
            timeout=None,  # noqa: S113 - each try has one, over all of it
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=concurrency, keepalive_expiry=_IDLE),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # none is kept
            trust_env=not _is_here(host),
            verify=_trusted(),
        )
    except (ImportError, ValueError) as error:
        raise TransportError(
            "the proxy that the environment names cannot be used", hint="see HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
        ) from error


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The authorities whose certificates count; reading them takes 15 ms, as long as many a whole sync."""
    return httpx.create_ssl_context()


def _is_here(host: str) -> bool:
    """Whether a host is this machine: no proxy stands in between."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _user_agent() -> str:
    try:
        return f"orlog/{version('orlog')}"
    except PackageNotFoundError:  # run from a folder where it is not installed
        return "orlog"
