"""Asking a URL once, for a person who waits: what `sources new` looks at. Nothing is archived."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from collector.errors import BadRules, TransportError
from collector.politeness import Manners
from collector.proposal.address import address, check_headers
from collector.sources.headers import filled
from collector.transport import Answer

WAITING: Final = Manners(concurrency=1, retries=2, patience=45.0)
"""A person waits: three tries tell what is wrong, and 45 s (two tries that time out) are as long as anybody looks."""

_HEADER: Final = (
    "if the API wants a key, give it: --header 'Authorization: Bearer ${TOKEN}', TOKEN from the environment"
)
_HINTS: Final = {
    401: _HEADER,
    403: _HEADER,
    404: "is the URL right? `curl -i` shows what is there",
    405: "orlog asks with GET only",
    429: "the host wants to be left alone for a while: try again later",
}
_SERVER_ERRORS: Final = 500
_UNREACHED: Final = "is the URL right, and does this machine reach the host? `curl -v` tells more"


async def inquire(
    url: str,
    *,
    headers: Mapping[str, str],
    environ: Mapping[str, str],
    again: float | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[bytes]:
    """Ask a URL, and once more `again` seconds later; return the answers' bytes.

    `headers` as in a source file: `environ` has the values of each `${NAME}`. Raises `NoProposal` for a URL or headers
    that no source file may hold, `BadRules` for a variable that is not set, `TransportError` where no answer comes.
    """
    from collector.transport.http import HttpTransport  # noqa: PLC0415 - httpx takes longer than all else here

    where = address(url)
    check_headers(headers)
    transport = HttpTransport(where.base_url, headers=_filled(headers, environ), manners=WAITING)
    try:
        answers = [_body(await transport.ask(where.path, {}), url)]
        if again is not None:
            await sleep(again)
            answers.append(_body(await transport.ask(where.path, {}), url))
    finally:
        await transport.aclose()
    return answers


def _filled(headers: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    try:
        return filled(headers, environ)
    except BadRules as error:
        raise TransportError(error.reason, hint="set it, and run the command again") from None


def _body(answer: Answer, url: str) -> bytes:
    """The bytes of an answer. Raises `TransportError`, with what to do."""
    if answer.error is not None or answer.body is None:
        hint = "give that URL" if "another host" in (answer.error or "") else _UNREACHED
        raise TransportError(f"{url} brought no answer: {answer.error or 'it is empty'}", hint=hint)
    status = answer.status or 0
    if not 200 <= status < 300:  # noqa: PLR2004 - 2xx, RFC 9110
        later = "the host has a problem of its own: try again later" if status >= _SERVER_ERRORS else None
        raise TransportError(f"{url} answered with status {status}", hint=_HINTS.get(status, later))
    return answer.body
