"""The generated world as a live API; and that all live transports answer alike."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from collector.politeness import Manners
from collector.transport import Answer, Transport
from collector.transport.http import HttpTransport
from collector.world import Clock, Failure, World, WorldTransport
from collector.world.loopback import Asked, LoopbackServer, Mode, Play
from collector.world.server import WorldServer

START = datetime(2025, 3, 1, tzinfo=UTC)
MANNERS = Manners(timeout=1.0, retries=0)
HEADERS = {"Date", "ETag", "Last-Modified", "Age", "Content-Type"}


def paths(world: World) -> list[str]:
    asked = (f"/api/v1/models/{model}/endpoints" for model in world.models)
    return ["/api/v1/models", "/api/v1/providers", "/api/v1/no%20such", "/", *asked]


@contextlib.contextmanager
def transports(world: World, clock: Clock) -> Iterator[list[Transport]]:
    """One of each implementation, before one world. Close them inside."""
    with WorldServer(world, clock) as server:
        yield [WorldTransport(world, clock), HttpTransport(server.base_url, manners=MANNERS)]


def told(answer: Answer) -> tuple[object, ...]:
    """What of an answer must be the same whoever asks."""
    return answer.params, answer.status, answer.body, answer.error is None, answer.headers


def test_every_live_transport_answers_alike() -> None:
    """P17: every implementation of a protocol passes its contract tests."""
    world = World(0, start=START, days=1, models=3, failures=0.4)
    clock = Clock(START)
    instants = list(world.instants(timedelta(hours=4)))
    met = Counter(world.fails(path, at) for at in instants for path in paths(world))
    assert met.keys() == {None, *Failure}

    async def compare(both: list[Transport]) -> None:
        for clock.now in instants:
            for path in paths(world):
                one, other = [await transport.ask(path, {"path": path}) for transport in both]
                assert told(one) == told(other)
                check(one)
                if one.status == 200:
                    tag = {"If-None-Match": one.headers["ETag"]}
                    again = [await transport.ask(path, {}, validators=tag) for transport in both]
                    assert told(again[0]) == told(again[1])
                    assert (again[0].status, again[0].headers) == (304, one.headers)
        for transport in both:
            await transport.aclose()

    with transports(world, clock) as both:
        asyncio.run(compare(both))


def check(answer: Answer) -> None:
    """What holds for every answer."""
    assert (answer.body is None) == (answer.error is not None or answer.status == 304)
    assert set(answer.headers) <= HEADERS
    assert answer.tries == 1


def test_a_world_over_http_shows_the_time_of_its_clock() -> None:
    world = World(5, start=START, days=4, models=3, failures=0)
    clock = Clock(START + timedelta(days=1))
    with transports(world, clock) as (_, http):
        answer = asyncio.run(closing(http, "/api/v1/models"))
    assert answer.headers["Date"] == "Sun, 02 Mar 2025 00:00:00 GMT"
    assert answer.body == world.honest_answer("/api/v1/models", clock.now).body


async def closing(transport: Transport, path: str, validators: Mapping[str, str] = {}) -> Answer:
    async with contextlib.aclosing(transport):
        return await transport.ask(path, {}, validators=validators)


@pytest.mark.parametrize(
    "wanted,status", [('"{}"', 304), ('W/"{}"', 304), ('"a", "{}"', 304), ('"a"', 200), ("{}", 200), ("", 200)]
)
def test_a_304_comes_where_a_tag_is_among_those_sent(wanted: str, status: int) -> None:
    world = World(5, start=START, days=4, models=3, failures=0)
    for place in (0, 1):
        with transports(world, Clock(START)) as both:
            tag = asyncio.run(WorldTransport(world, Clock(START)).ask("/api/v1/models", {})).headers["ETag"].strip('"')
            answer = asyncio.run(closing(both[place], "/api/v1/models", {"If-None-Match": wanted.format(tag)}))
            asyncio.run(both[1 - place].aclose())
        assert (answer.status, answer.body is None) == (status, status == 304)
        assert answer.headers["ETag"] == f'"{tag}"'


# -- the server itself -------------------------------------------------------------------------------------------------


def raw(base_url: str, *requests: bytes) -> bytes:
    """Send bytes, and read until the server hangs up."""
    with socket.create_connection(("127.0.0.1", int(base_url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(b"".join(requests))
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nX-A:  b:c \r\n\r\n".encode()


def test_requests_on_one_connection_are_answered_in_turn() -> None:
    asked: list[Asked] = []

    def handler(request: Asked) -> Play:
        asked.append(request)
        return Play(headers={"ETag": '"a"'}, body=request.path.encode())

    with LoopbackServer(handler) as server:
        said = raw(server.base_url, get("/a?b=c"), get("/d"))
    assert said == (
        b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 6\r\n\r\n/a?b=c'
        b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 2\r\n\r\n/d'
    )
    assert asked == [Asked(path, {"host": "x", "x-a": "b:c"}) for path in ("/a?b=c", "/d")]


@pytest.mark.parametrize("junk", [b"", b"GET", b"GET /\r\n\r\n", b"a b c\r\nno colon\r\n\r\n", b"x" * 200_000])
def test_what_is_no_request_ends_the_connection_and_not_the_server(junk: bytes) -> None:
    with LoopbackServer(lambda _: Play(body=b"fine")) as server:
        with contextlib.suppress(OSError):  # it may have hung up before all was sent
            assert raw(server.base_url, junk) == b""
        assert raw(server.base_url, get("/")).endswith(b"fine")


def test_what_a_handler_raises_is_raised_when_the_server_closes() -> None:
    def broken(_: Asked) -> Play:
        raise LookupError("nothing to say")

    with pytest.raises(LookupError, match="nothing to say"), LoopbackServer(broken) as server:
        assert raw(server.base_url, get("/")) == b""


@pytest.mark.parametrize(
    "play",
    [
        Play(mode=Mode.HANG),
        Play(delay=60.0),
        Play(body=b"abc", pace=60.0),
        Play(body=iter(lambda: b"x" * 65536, b"")),
    ],
)
def test_a_server_closes_quickly_while_others_wait_for_it(play: Play) -> None:
    threads = threading.active_count()
    with contextlib.ExitStack() as stack:
        with LoopbackServer(lambda _: play) as server:
            for _ in range(5):
                address = ("127.0.0.1", int(server.base_url.rpartition(":")[2]))
                connection = stack.enter_context(socket.create_connection(address, timeout=5))
                connection.sendall(get("/"))
            time.sleep(0.05)
            began = time.monotonic()
        assert time.monotonic() - began < 20
    assert threading.active_count() == threads


def test_a_server_is_gone_once_it_is_closed() -> None:
    with LoopbackServer(lambda _: Play()) as server:
        address = ("127.0.0.1", int(server.base_url.rpartition(":")[2]))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
