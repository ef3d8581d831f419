"""Transports answer requests; everything above them is the same.

A live transport is asked (`Transport`); an offline one holds what was answered before, version by version (`History`).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from typing import Protocol

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """What came of one request, before it is archived.

    `params` say which scope of the resource it speaks for. `body` is the exact bytes, None where nothing came; then
    `error` says why, or `status` is 304. `status` is HTTP's or what the transport means by it: 200, or 404 for "nothing
    is there". Of the headers only Date, ETag, Last-Modified, Age and Content-Type are kept. `url` is what was asked
    for, `tries` how often, where that is known.
    """

    params: Mapping[str, str]
    status: int | None
    body: bytes | None
    error: str | None = None
    headers: Mapping[str, str] = {}
    url: str | None = None
    tries: int = 1


class Version(msgspec.Struct, frozen=True):
    """All answers of one moment in a history. `name` identifies it for good, so that it is imported once."""

    name: str
    at: datetime
    answers: tuple[Answer, ...]


class History(Protocol):
    """An offline transport: a sequence of versions in order, with times that strictly increase."""

    def __len__(self) -> int:
        """How many versions there are, known before any is read (for a progress bar)."""
        ...

    def versions(self, skip: Container[str] = frozenset()) -> Iterator[Version]:
        """Read the versions, oldest first, those whose name is in `skip` left out and not read."""
        ...


class Transport(Protocol):
    """A live transport: answers a request by its path, at the moment it is asked."""

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        """Ask for `path`, on behalf of the scope that `params` name; a failure is an answer with an `error`.

        `validators` are the headers of a conditional request (RFC 9110, section 13): the answer may be a 304.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
