"""A URL as a source file has it: base URL and path, and nothing secret in either."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from collector.errors import NoProposal
from collector.proposal.naming import vocabulary, words
from collector.wording import shown

_LEGAL: Final = "%:/?#[]@!$&'()*+,;=~"  # of RFC 3986 and what is encoded already; all else gets percent-encoded
_SECRETS: Final = vocabulary(
    "apikey auth authorization credential jwt pass passwd password pwd secret session sig signature token"
)
_MAYBE_SECRETS: Final = vocabulary("appid code key")
_PAGES: Final = vocabulary("continuation cursor next page sync")  # tokens of these are places in a list
_RANDOM: Final = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[\w.~+/=-]{16,}", re.ASCII)  # 16 characters hold 64 bits or more
_SECRET_HEADERS: Final = _SECRETS | frozenset({"cookie", "key"})
_VARIABLE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_HEADER_HINT: Final = "if the API takes it as a header, give that: --header 'Authorization: Bearer ${TOKEN}'"


class Address(msgspec.Struct, frozen=True):
    """Where to ask: `base_url` without a closing slash, `path` with its query; `names` are the path's segments."""

    base_url: str
    path: str
    names: tuple[str, ...]


def address(url: str) -> Address:
    """Take a URL apart (RFC 3986). Raises `NoProposal` where it is none of HTTP, or holds credentials.

    What is percent-encoded stays so. Braces, which no URL may hold as they are, get encoded: in a source file's path
    they would be places to fill.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise NoProposal(f"this is no URL: {error}", hint="write it as https://example.org/api/things") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise NoProposal("this is no URL of HTTP", hint="write it whole, as https://example.org/api/things")
    if parts.username is not None or parts.password is not None:
        raise NoProposal("the URL holds a user's name or password, which a source file must not", hint=_HEADER_HINT)
    _check_query(parts.query)
    if {"", ".", ".."} & set(parts.path.removeprefix("/").removesuffix("/").split("/")) and parts.path not in {"", "/"}:
        raise NoProposal('the URL\'s path has "//", "." or ".." in it', hint="write the path that it leads to")
    shown = f"[{host}]" if ":" in host else host
    path = quote(parts.path or "/", safe=_LEGAL) + (f"?{quote(parts.query, safe=_LEGAL)}" if parts.query else "")
    names = tuple(re.sub(r"\.(?:csv|geojson|json|jsonl|ndjson|txt)$", "", each) for each in parts.path.split("/"))
    return Address(f"{parts.scheme}://{shown}" + (f":{port}" if port else ""), path, tuple(filter(None, names)))


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise `NoProposal` for a header that would write a secret into the file."""
    for name, value in headers.items():
        if _SECRET_HEADERS & {*words(name), "".join(words(name))} and not _VARIABLE.search(value):
            scheme = "Bearer " if name.lower() == "authorization" else ""
            hint = f"write --header '{name}: {scheme}${{TOKEN}}' and set TOKEN in the environment"
            raise NoProposal(f"the header {name} holds a secret, which a source file must not", hint=hint)


def _check_query(query: str) -> None:
    for name, value in parse_qsl(query):
        said = {*words(name), "".join(words(name))}
        if not _PAGES & said and (_SECRETS & said or (_MAYBE_SECRETS & said and _RANDOM.fullmatch(value))):
            message = f"the URL's parameter {shown(name)} looks like a secret, which a source file must not hold"
            raise NoProposal(message, hint=f"take it out of the URL; {_HEADER_HINT}")
