"""A small API that tells the truth, and a server between it and whoever asks that can misbehave in every way.

The API has a list of models, the endpoints of each model (404 for one that it has not), and a list of apps in pages.
Ids sort as they are listed. What a fault does to an honest answer is a pure function; `REPERTOIRE` names them all.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from collector import Source
from collector.sources.sourcefile import read
from collector.world.loopback import Asked, LoopbackServer, Mode, Play

Item: TypeAlias = dict[str, Any]
Fault: TypeAlias = Callable[[Play, int], Play]
"""What becomes of an honest answer, asked for the nth time (from 1) since the fault was set."""

MODELS: Final = "/models"
APPS: Final = "/apps"
PAGE: Final = 4  # apps on one page
MAX_BYTES: Final = 65_536  # of one answer: bombs go off early
TIMEOUT: Final = 0.4  # s for one try: an honest answer takes 2 ms, also on a machine with other work
PATIENCE: Final = 1.2  # s for a request with its retries
BREAK: Final = 0.02  # s before a slow answer begins: slow, and in time

TOML: Final = """\
[source]
name = "api"
concurrency = 4
retries = 1
max_bytes = 65536

[[resource]]
name = "models"
category = "model"
path = "/models"
items = "/data"
key = "{id}"
every = "1h"

[[resource]]
name = "endpoints"
category = "endpoint"
for_each = "model"
path = "/models/{model}/endpoints"
items = "/data"
key = "{model}#{tag}"
empty_on = [404]
every = "1h"

[[resource]]
name = "apps"
category = "app"
path = "/apps"
items = "/data"
key = "{id}"
next = "/next"
total = "/total"
every = "1h"
"""


def source(base_url: str) -> Source:
    """The source file of the API, for a server at `base_url`."""
    limits = {"timeout": timedelta(seconds=TIMEOUT), "patience": timedelta(seconds=PATIENCE)}
    return msgspec.structs.replace(read(TOML, file="api.toml", name="api"), base_url=base_url, **limits)


def endpoints_of(model: str) -> str:
    """The path of a model's endpoints."""
    return f"/models/{model}/endpoints"


class Api:
    """What is true, by id, and by tag within a model. Change it as you like: `body` says what stands."""

    def __init__(self) -> None:
        self.models: dict[str, Item] = {}
        self.endpoints: dict[str, dict[str, Item]] = {}
        self.apps: dict[str, Item] = {}

    def body(self, path: str) -> bytes | None:
        """The honest answer to a path with its query; None where nothing is there."""
        url = urlsplit(path)
        if url.path == MODELS:
            return _data(self.models)
        if url.path == APPS:
            return self._page(int(parse_qs(url.query).get("page", ["1"])[0]))
        model = unquote(url.path).removeprefix("/models/").removesuffix("/endpoints")
        return _data(self.endpoints.get(model, {})) if model in self.models else None

    def _page(self, number: int) -> bytes:
        ids = sorted(self.apps)
        shown = {each: self.apps[each] for each in ids[(number - 1) * PAGE : number * PAGE]}
        following = f"/apps?page={number + 1}" if number * PAGE < len(ids) else None
        return _data(shown, next=following, total=len(ids))


def _data(items: Mapping[str, Item], **beside: Any) -> bytes:
    return _bytes({"data": [items[each] for each in sorted(items)], **beside})


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


class MisbehavingServer(LoopbackServer):
    """Serves an API at the time that `now` gives (aware, UTC), honest until it is told to `misbehave`.

    Its answers have a Date and an ETag, and who asks with that tag is told 304. `asked` counts requests by path and
    query.
    """

    def __init__(self, api: Api, now: Callable[[], datetime]) -> None:
        super().__init__(self._play)
        self._api = api
        self._now = now
        self._faults: dict[str, Fault] = {}
        self._counts: dict[str, int] = {}
        self.asked: dict[str, int] = {}

    def misbehave(self, faults: Mapping[str, Fault]) -> None:
        """Misbehave like this from now on, and not as before: by path with or without its query, "" for all others."""
        self._counts = {}
        self._faults = dict(faults)

    def _play(self, asked: Asked) -> Play:
        path = urlsplit(asked.path).path
        self.asked[asked.path] = self.asked.get(asked.path, 0) + 1
        place = next((each for each in (asked.path, path) if each in self._faults), "")
        counted = place or asked.path
        count = self._counts[counted] = self._counts.get(counted, 0) + 1
        fault = self._faults.get(place, honest)
        play = fault(answer(self._api.body(asked.path), self._now()), count)
        tag = play.headers.get("ETag")
        if play.status == OK and tag is not None and tag == asked.headers.get("if-none-match"):
            return msgspec.structs.replace(play, status=NOT_MODIFIED, body=b"")
        return play


OK: Final = 200
NOT_MODIFIED: Final = 304
NOT_FOUND: Final = 404


def answer(body: bytes | None, now: datetime) -> Play:
    """An honest answer: JSON with a tag, or 404."""
    headers = {"Date": format_datetime(now.astimezone(UTC), usegmt=True), "Content-Type": "application/json"}
    if body is None:
        return Play(status=NOT_FOUND, headers=headers, body=b'{"error": "no such thing"}')
    return Play(headers={**headers, "ETag": tag_of(body)}, body=body)


def tag_of(body: bytes) -> str:
    """The ETag of some bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'


# -- faults


def honest(play: Play, _: int) -> Play:
    """No fault at all."""
    return play


def slow(play: Play, _: int) -> Play:
    """Begin late, and in time."""
    return msgspec.structs.replace(play, delay=BREAK)


def dripping(play: Play, _: int) -> Play:
    """Send byte after byte, so slowly that there is no end to it."""
    return msgspec.structs.replace(play, pace=TIMEOUT)


def hanging(_play: Play, _: int) -> Play:
    """Say nothing."""
    return Play(mode=Mode.HANG)


def status(code: int, **headers: str) -> Fault:
    """Answer with a status, and headers (`_` for `-` in their names)."""
    extra = {name.replace("_", "-"): value for name, value in headers.items()}

    def fault(play: Play, _: int) -> Play:
        kept = {name: value for name, value in play.headers.items() if name != "ETag"}
        return Play(status=code, headers={**kept, **extra}, body=b'{"error": "not now"}')

    return fault


def first(times: int, fault: Fault) -> Fault:
    """Misbehave so often, and be honest from then on."""
    return lambda play, count: fault(play, count) if count <= times else play


def come_back_at(wait: timedelta) -> Fault:
    """Answer 429 with a date in Retry-After, so much later than the answer's own."""

    def fault(play: Play, count: int) -> Play:
        date = datetime.strptime(play.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        return status(429, Retry_After=format_datetime(date + wait, usegmt=True))(play, count)

    return fault


def reset(play: Play, _: int) -> Play:
    """Promise a whole answer, send half of it and reset the connection."""
    return msgspec.structs.replace(play, mode=Mode.RESET)


def cut_off(play: Play, _: int) -> Play:
    """Promise a whole answer, send half of it and close the connection."""
    return msgspec.structs.replace(play, mode=Mode.CUT)


def saying(edit: Callable[[bytes], bytes]) -> Fault:
    """Say something else, with the tag and the length of that."""

    def fault(play: Play, _: int) -> Play:
        if play.status != OK or not isinstance(play.body, bytes):
            return play
        body = edit(play.body)
        return msgspec.structs.replace(play, body=body, headers={**play.headers, "ETag": tag_of(body)})

    return fault


def listing(edit: Callable[[list[Item]], list[Item]]) -> Fault:
    """Say something else at /data."""

    def edited(body: bytes) -> bytes:
        value = json.loads(body)
        return _bytes({**value, "data": edit(value["data"])})

    return saying(edited)


def member(name: str, value: Any) -> Fault:
    """Say something else beside the items."""
    return saying(lambda body: _bytes({**json.loads(body), name: value}))


def html(play: Play, _: int) -> Play:
    """Say something for people."""
    headers = {**play.headers, "Content-Type": "text/html"}
    headers.pop("ETag", None)
    return Play(headers=headers, body=b"<!doctype html><title>Down for maintenance</title><p>Back soon.")


def bomb(play: Play, _: int) -> Play:
    """Send little that decodes to much."""
    headers = {**play.headers, "Content-Encoding": "gzip"}
    return Play(headers=headers, body=gzip.compress(b" " * (64 * MAX_BYTES), mtime=0))


def endless(play: Play, _: int) -> Play:
    """Send more and more."""
    return Play(headers=play.headers, body=_forever())


def _forever() -> Iterator[bytes]:
    yield b'{"data": ['
    yield from itertools.repeat(b" " * 4096)


def redirect(location: str) -> Fault:
    """Send on; `{}` in `location` stands for how often that was done."""
    return lambda play, count: Play(
        status=302, headers={"Date": play.headers["Date"], "Location": location.format(count)}
    )


def nothing_new(play: Play, _: int) -> Play:
    """Say 304, whatever was asked."""
    return Play(status=NOT_MODIFIED, headers={"Date": play.headers["Date"]})


def untagged(play: Play, _: int) -> Play:
    """Be honest, without a tag."""
    return msgspec.structs.replace(play, headers={name: text for name, text in play.headers.items() if name != "ETag"})


def dated(offset: timedelta) -> Fault:
    """Be honest, with a Date that is so much later."""

    def fault(play: Play, _: int) -> Play:
        date = datetime.strptime(play.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC) + offset
        return msgspec.structs.replace(play, headers={**play.headers, "Date": format_datetime(date, usegmt=True)})

    return fault


def oversized(play: Play, _: int) -> Play:
    """Send 200 kB of headers."""
    return msgspec.structs.replace(play, headers={**play.headers, "X-Noise": "x" * 200_000})


def no_http(_play: Play, _: int) -> Play:
    """Send what is no HTTP at all."""
    return Play(mode=Mode.RAW, body=b"\x16\x03\x01\x02\x00 what?\r\n\r\n")


# -- what lists may say in place of the truth


def a_third(items: Sequence[Item]) -> list[Item]:
    """The first third of them."""
    return list(items[: len(items) // 3])


def none(_: Sequence[Item]) -> list[Item]:
    """None of them."""
    return []


def latin_1(body: bytes) -> bytes:
    """The same text, in another encoding than JSON's."""
    return body.decode().encode("latin-1")


def halved(body: bytes) -> bytes:
    """The first half, whose length is what Content-Length says."""
    return body[: len(body) // 2]


def with_item(changes: Mapping[str, Item | None]) -> Callable[[list[Item]], list[Item]]:
    """Items of these ids differ as said; those of None lose their id."""

    def edit(items: list[Item]) -> list[Item]:
        return [
            _without_id(each) if changes.get(each["id"], {}) is None else {**each, **(changes.get(each["id"]) or {})}
            for each in items
        ]

    return edit


def _without_id(item: Item) -> Item:
    return {name: value for name, value in item.items() if name != "id"}


def twice(key: str, **differing: Any) -> Callable[[list[Item]], list[Item]]:
    """One item a second time, behind all others, with fields that differ if any are given."""
    return lambda items: [*items, *({**each, **differing} for each in items if each["id"] == key)]
