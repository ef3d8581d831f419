"""The live transport against a server on this machine that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import shutil
import socket
import ssl
import subprocess
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector.errors import TransportError
from collector.politeness import Manners
from collector.transport import Answer
from collector.transport.http import HttpTransport
from collector.transport.mishaps import explained
from collector.world.loopback import Asked, LoopbackServer, Mode, Play

SECRET = "s3cr3t-t0ken"
BODY = b'{"data": [1, 2, 3]}'
KIB = 1024
QUICK = {"timeout": 10.0, "retries": 0}
BRIEF = {"timeout": 0.3, "retries": 0}
HANGS = Play(mode=Mode.HANG)

Handler = Callable[[Asked], Play]


class Sleeps:
    """Sleeps not at all, and remembers for how long."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def highest(_: float, high: float) -> float:
    return high


def ask(played: Play | Handler, *, path: str = "/x", manners: Mapping[str, Any] = QUICK, **more: Any) -> Answer:
    """Ask a server that answers so, once."""
    handler: Handler = (lambda _: played) if isinstance(played, Play) else played
    with LoopbackServer(handler) as server:
        return asyncio.run(ask_at(server.base_url, path, manners=manners, **more))


async def ask_at(
    base_url: str, path: str, *, manners: Mapping[str, Any], validators: Mapping[str, str] = {}, **more: Any
) -> Answer:
    transport = HttpTransport(base_url, manners=Manners(**manners), **more)
    async with contextlib.aclosing(transport):
        return await transport.ask(path, {"model": "a/b"}, validators=validators)


def in_turn(*plays: Play) -> Handler:
    """Plays one after the other, the last for good."""
    left = itertools.chain(plays, itertools.repeat(plays[-1]))
    return lambda _: next(left)


# -- answers that come -------------------------------------------------------------------------------------------------


def test_an_answer_is_the_exact_bytes_with_its_status_and_the_headers_that_are_kept() -> None:
    kept = {
        "Date": "Sat, 01 Mar 2025 00:00:00 GMT",
        "ETag": 'W/"a"',
        "Last-Modified": "Sat, 01 Mar 2025 00:00:00 GMT",
        "Age": "3",
        "Content-Type": "text/plain",
    }
    answer = ask(Play(body=b"\xff\x00 ", headers={**kept, "Server": "x", "Set-Cookie": "a=b"}), path="/a%2Fb?c=d")
    assert (answer.params, answer.status, answer.body, answer.error) == ({"model": "a/b"}, 200, b"\xff\x00 ", None)
    assert answer.headers == kept
    assert (answer.url or "").endswith("/a%2Fb?c=d")
    assert answer.tries == 1


def test_the_names_of_kept_headers_are_spelt_as_always() -> None:
    assert ask(Play(headers={"etag": '"a"', "DATE": "x"})).headers == {"ETag": '"a"', "Date": "x"}


def test_a_header_is_kept_up_to_a_thousand_characters() -> None:
    assert ask(Play(headers={"ETag": "é" * 3000})).headers["ETag"] == "é" * 1000


def test_an_answer_may_come_in_chunks() -> None:
    assert ask(Play(body=(b"ab", b"c", b"d" * 100_000))).body == b"abc" + b"d" * 100_000


@pytest.mark.parametrize("status", [201, 204, 400, 404, 410, 451, 501, 505])
def test_any_final_status_is_an_answer(status: int) -> None:
    answer = ask(Play(status=status, body=b"" if status == 204 else BODY), manners={"retries": 4})
    assert (answer.status, answer.error, answer.tries) == (status, None, 1)
    assert answer.body == (b"" if status == 204 else BODY)


def test_what_is_asked_for_is_the_path_below_the_base_url_with_the_headers_of_the_source() -> None:
    asked: list[Asked] = []

    def handler(request: Asked) -> Play:
        asked.append(request)
        return Play()

    with LoopbackServer(handler) as server:
        headers = {"Authorization": f"Bearer {SECRET} ", "accept": "application/json"}
        answer = asyncio.run(ask_at(f"{server.base_url}/api/", "/v1/a:b?q=%20", manners=QUICK, headers=headers))
    (request,) = asked
    assert request.path == "/api/v1/a:b?q=%20"
    assert answer.url == f"{server.base_url}/api/v1/a:b?q=%20"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["accept"] == "application/json"
    assert request.headers["accept-encoding"] == "gzip, deflate"
    assert request.headers["user-agent"].startswith("orlog")


def test_cookies_are_not_kept_between_requests() -> None:
    seen: list[bool] = []

    def handler(request: Asked) -> Play:
        seen.append("cookie" in request.headers)
        return Play(headers={"Set-Cookie": "a=b; Path=/"})

    async def twice(base_url: str) -> None:
        async with contextlib.aclosing(HttpTransport(base_url)) as transport:
            await transport.ask("/a", {})
            await transport.ask("/b", {})
            assert not transport._client.cookies

    with LoopbackServer(handler) as server:
        asyncio.run(twice(server.base_url))
    assert seen == [False, False]


# -- conditional requests ----------------------------------------------------------------------------------------------


def only_if_changed(request: Asked) -> Play:
    tag = {"ETag": '"a"'}
    return Play(status=304, headers=tag) if request.headers.get("if-none-match") == '"a"' else Play(body=BODY)


def test_a_304_is_passed_on_without_a_body() -> None:
    answer = ask(only_if_changed, validators={"If-None-Match": '"a"'})
    assert (answer.status, answer.body, answer.error, answer.headers) == (304, None, None, {"ETag": '"a"'})


@pytest.mark.parametrize("tag", ['"b"', '"é"', '"a"\n', ""])
def test_a_validator_that_does_not_match_or_cannot_be_sent_brings_the_whole_answer(tag: str) -> None:
    answer = ask(only_if_changed, validators={"If-None-Match": tag})
    assert (answer.status, answer.body, answer.error) == (200, BODY, None)


# -- content codings ---------------------------------------------------------------------------------------------------


def bare_deflate(body: bytes) -> bytes:
    return zlib.compress(body, wbits=-zlib.MAX_WBITS)


@pytest.mark.parametrize(
    "coding,encode",
    [
        ("gzip", gzip.compress),
        ("X-GZip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", bare_deflate),
        ("identity", bytes),
    ],
)
@pytest.mark.parametrize("body", [BODY, b"", b"x" * 3_000_000, bytes(range(256)) * 2000])
def test_an_encoded_body_is_decoded(coding: str, encode: Callable[[bytes], bytes], body: bytes) -> None:
    answer = ask(Play(headers={"Content-Encoding": coding}, body=encode(body)))
    assert (answer.body, answer.error) == (body, None)


@pytest.mark.parametrize("encode", [gzip.compress, zlib.compress, bare_deflate])
def test_an_encoded_body_may_come_byte_by_byte(encode: Callable[[bytes], bytes]) -> None:
    coding = "gzip" if encode is gzip.compress else "deflate"
    pieces = tuple(bytes([byte]) for byte in encode(BODY))
    assert ask(Play(headers={"Content-Encoding": coding}, body=pieces)).body == BODY


def test_gzip_may_have_several_members() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two")
    assert ask(Play(headers={"Content-Encoding": "gzip"}, body=body)).body == b"one two"


def test_an_empty_body_is_empty_whatever_its_coding() -> None:
    assert ask(Play(headers={"Content-Encoding": "gzip"})).body == b""


@pytest.mark.parametrize(
    "coding,body",
    [
        ("gzip", gzip.compress(BODY, mtime=0)[:-1]),
        ("gzip", gzip.compress(BODY, mtime=0)[:5]),
        ("gzip", gzip.compress(BODY, mtime=0)[:-8] + bytes(8)),
        ("gzip", gzip.compress(BODY, mtime=0) + b"more"),
        ("gzip", BODY),
        ("deflate", zlib.compress(BODY)[:-1]),
        ("deflate", zlib.compress(BODY) + b"more"),
    ],
)
def test_encoded_data_that_is_damaged_is_no_answer_and_asked_for_again(coding: str, body: bytes) -> None:
    damaged = Play(headers={"Content-Encoding": coding}, body=body)
    assert ask(damaged).error == f"{coding} data damaged or cut off"
    mended = ask(in_turn(damaged, Play(body=BODY)), manners={}, sleep=Sleeps())
    assert (mended.body, mended.tries) == (BODY, 2)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "x" * 500])
def test_a_content_coding_that_is_not_known_is_an_error(coding: str) -> None:
    answer = ask(Play(headers={"Content-Encoding": coding}, body=BODY), manners={})
    assert (answer.body, answer.error, answer.tries) == (None, f"content coding {coding[:40]!r} is not known", 1)


# -- limits ------------------------------------------------------------------------------------------------------------


def test_an_answer_of_just_the_allowed_size_comes_and_one_byte_more_does_not() -> None:
    manners = {**QUICK, "max_bytes": KIB}
    zipped = {"Content-Encoding": "gzip"}
    cases: list[tuple[bool, bytes | tuple[bytes, ...], dict[str, str]]] = [
        (True, b"x" * KIB, {}),
        (True, (b"x" * KIB,), {}),
        (True, gzip.compress(b"x" * KIB, mtime=0), zipped),
        (False, b"x" * (KIB + 1), {}),
        (False, (b"x" * KIB, b"x"), {}),
        (False, gzip.compress(b"x" * (KIB + 1), mtime=0), zipped),
    ]
    for fits, body, headers in cases:
        answer = ask(Play(body=body, headers=headers), manners=manners)
        assert (answer.body is not None, answer.error) == (fits, None if fits else "larger than 1024 bytes")


def test_an_answer_that_announces_too_much_is_not_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"
    answer = ask(Play(mode=Mode.RAW, body=head))
    assert (answer.status, answer.body, answer.error) == (200, None, "larger than 67108864 bytes")


def test_an_endless_body_is_cut_short() -> None:
    answer = ask(Play(body=itertools.repeat(b"x" * KIB)), manners={"max_bytes": 200 * KIB})
    assert (answer.body, answer.error, answer.tries) == (None, "larger than 204800 bytes", 1)


def test_endless_empty_gzip_members_are_cut_short() -> None:
    members = itertools.repeat(gzip.compress(b"") * 50)
    answer = ask(Play(headers={"Content-Encoding": "gzip"}, body=members), manners={"max_bytes": 200 * KIB})
    assert (answer.body, answer.error) == (None, "larger than 204800 bytes")


@pytest.mark.parametrize("coding,encode", [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_bomb_never_takes_more_memory_than_an_answer_may(coding: str, encode: Callable[[bytes], bytes]) -> None:
    bomb = encode(bytes(100 * KIB * KIB))
    limit = 8 * KIB * KIB
    tracemalloc.start()
    try:
        answer = ask(Play(headers={"Content-Encoding": coding}, body=bomb), manners={"max_bytes": limit})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.error == f"larger than {limit} bytes"
    assert peak < limit + 3 * KIB * KIB  # what a client and its TLS context take


def test_headers_without_end_are_no_answer() -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    answer = ask(Play(mode=Mode.RAW, body=itertools.chain([head], itertools.repeat(b"X-A: %s\r\n" % (b"y" * KIB)))))
    assert answer.error == "the answer is not HTTP, or its headers are too long"


# -- connections that fail ---------------------------------------------------------------------------------------------

HALF = len(BODY) // 2
MISHAPS = {
    "hanging": (HANGS, "no answer within 0.3 s"),
    "reset": (Play(body=BODY, mode=Mode.RESET), f"cut off after {HALF} bytes"),
    "cut": (Play(body=BODY, mode=Mode.CUT), f"cut off after {HALF} bytes"),
    "cut chunks": (
        Play(body=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", mode=Mode.RAW),
        "cut off after 3 bytes",
    ),
    "bad chunks": (
        Play(body=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", mode=Mode.RAW),
        "not HTTP any more after 3 bytes",
    ),
    "silent": (Play(mode=Mode.RAW), "connection closed before an answer"),
    "no HTTP": (Play(mode=Mode.RAW, body=b"SSH-2.0-x\r\n\r\n"), "the answer is not HTTP, or its headers are too long"),
    "half a head": (Play(mode=Mode.RAW, body=b"HTTP/1.1 200 OK\r\nA: b"), "connection closed before an answer"),
    "dripping": (Play(body=BODY, pace=0.04), "no end of the answer within 0.3 s, "),
}
ENDLESS = {"hanging", "dripping"}  # only time ends these


def brief(name: str) -> Mapping[str, Any]:
    return BRIEF if name in ENDLESS else QUICK


@pytest.mark.parametrize("name", MISHAPS)
def test_a_broken_connection_is_an_error_in_plain_words(name: str) -> None:
    play, words = MISHAPS[name]
    answer = ask(play, manners=brief(name))
    assert (answer.status, answer.body, answer.headers, answer.tries) == (None, None, {}, 1)
    assert (answer.error or "").startswith(words)
    assert name == "dripping" or answer.error == words


@pytest.mark.parametrize("name", MISHAPS)
def test_a_broken_connection_is_asked_again(name: str) -> None:
    """P16: network faults are retried with backoff."""
    sleeps = Sleeps()
    play, _ = MISHAPS[name]
    manners = {**brief(name), "retries": 1}
    answer = ask(in_turn(play, Play(body=BODY)), manners=manners, sleep=sleeps, random=highest)
    assert (answer.status, answer.body, answer.error, answer.tries) == (200, BODY, None, 2)
    assert sleeps.waits == [0.5]


def test_a_server_that_drips_a_byte_now_and_then_does_not_live_for_ever() -> None:
    began = time.monotonic()
    answer = ask(Play(body=b"x" * 1000, pace=0.05), manners={"timeout": 0.3, "retries": 0})
    assert time.monotonic() - began < 20  # seconds; all of it would take fifty
    assert answer.error is not None


def test_a_refused_connection_is_said_so() -> None:
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        answer = asyncio.run(ask_at(f"http://127.0.0.1:{taken.getsockname()[1]}", "/", manners=QUICK))
    assert (answer.status, answer.error) == (None, "connection refused")


def test_switching_protocols_is_no_answer() -> None:
    raw = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    answer = ask(Play(mode=Mode.RAW, body=raw))
    assert (answer.status, answer.body) == (None, None)
    assert answer.error


def caused(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError(SECRET)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "cause,words",
    [
        (socket.gaierror(-2, "Name or service not known"), "the host's name is not known"),
        (ssl.SSLError(1, "[SSL] bad"), "no secure connection: the other side does not speak TLS"),
        (OSError(113, "No route to host"), "no connection: No route to host"),
        (
            ExceptionGroup("several", [OSError(101, "Network is unreachable"), ConnectionRefusedError(111, "refused")]),
            "connection refused",
        ),
        (ValueError(), "no connection"),
    ],
)
def test_what_kept_a_connection_from_being_made_is_said_in_plain_words(cause: BaseException, words: str) -> None:
    failed = explained(caused(cause), None)
    assert (str(failed), failed.again) == (words, True)


@pytest.mark.parametrize(
    "error,words",
    [
        (httpx.ProxyError(SECRET), "the proxy does not connect"),
        (httpx.ConnectTimeout(SECRET), "the connection timed out"),
        (httpx.LocalProtocolError(SECRET), "the request cannot be sent"),
        (httpx.ReadError(SECRET), "connection closed before an answer"),
        (httpx.RemoteProtocolError(SECRET), "the answer is not HTTP, or its headers are too long"),
    ],
)
def test_no_error_of_httpx_is_repeated(error: httpx.TransportError, words: str) -> None:
    assert str(explained(error, None)) == words


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """One that nobody signed but its owner."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate, and is not installed")
    folder: Path = tmp_path_factory.mktemp("tls")
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return context


def test_a_certificate_that_is_not_valid_is_an_error_at_once(certificate: ssl.SSLContext) -> None:
    async def go() -> Answer:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate)
        async with server:
            return await ask_at(f"https://127.0.0.1:{port_of(server)}", "/x", manners={}, sleep=Sleeps())

    answer = asyncio.run(go())
    assert (answer.error or "").startswith("certificate not valid: self")
    assert answer.tries == 1


def test_a_host_that_does_not_speak_tls_is_an_error() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def go() -> Answer:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            return await ask_at(f"https://127.0.0.1:{port_of(server)}", "/x", manners=QUICK)

    answer = asyncio.run(go())
    assert (answer.error or "").startswith("no secure connection: ")


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


# -- retries -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_status_that_may_pass_is_asked_again_with_backoff(status: int) -> None:
    """P16: network faults are retried with backoff."""
    sleeps = Sleeps()
    plays = in_turn(Play(status=status), Play(status=status), Play(status=status), Play(body=BODY))
    answer = ask(plays, manners={}, sleep=sleeps, random=highest)
    assert (answer.status, answer.body, answer.tries) == (200, BODY, 4)
    assert sleeps.waits == [0.5, 1, 2]


def test_after_the_last_retry_the_last_answer_stands() -> None:
    asked: list[Asked] = []

    def handler(request: Asked) -> Play:
        asked.append(request)
        return Play(status=503, body=b"%d" % len(asked))

    answer = ask(handler, manners={"retries": 2}, sleep=Sleeps())
    assert (answer.status, answer.body, answer.error, answer.tries) == (503, b"3", None, 3)
    assert len(asked) == 3


def test_a_status_that_may_pass_is_asked_again_though_its_body_cannot_be_read() -> None:
    plays = in_turn(Play(status=503, headers={"Content-Encoding": "br"}, body=b"x"), Play(body=BODY))
    assert ask(plays, manners={}, sleep=Sleeps()).body == BODY


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "7"},
        {"Retry-After": "Sat, 01 Mar 2014 00:00:07 GMT", "Date": "Sat, 01 Mar 2014 00:00:00 GMT"},
    ],
)
def test_the_host_says_how_long_to_wait_at_least(headers: Mapping[str, str]) -> None:
    sleeps = Sleeps()
    answer = ask(in_turn(Play(status=429, headers=headers), Play(body=BODY)), manners={}, sleep=sleeps)
    assert (answer.status, answer.tries) == (200, 2)
    assert sleeps.waits[0] == 7


def test_a_host_that_asks_for_more_than_there_is_patience_is_not_asked_again() -> None:
    sleeps = Sleeps()
    answer = ask(Play(status=429, headers={"Retry-After": "91"}, body=b"later"), manners={}, sleep=sleeps)
    assert (answer.status, answer.body, answer.tries, sleeps.waits) == (429, b"later", 1, [])


def test_a_request_with_its_retries_ends_within_patience() -> None:
    answer = ask(HANGS, manners={"timeout": 0.2, "patience": 0.6, "retries": 50}, random=lambda _, high: high / 100)
    assert 1 < answer.tries < 50
    assert (answer.error or "").startswith("no answer within 0.")


def test_a_single_try_ends_within_patience() -> None:
    assert ask(HANGS, manners={"timeout": 10.0, "patience": 0.2}).error == "no answer within 0.2 s"


def test_what_a_host_asks_for_holds_for_all_requests() -> None:
    sleeps = Sleeps()
    plays = in_turn(Play(status=429, headers={"Retry-After": "60"}), Play(body=BODY))

    async def both(base_url: str) -> None:
        transport = HttpTransport(base_url, manners=Manners(concurrency=1), sleep=sleeps)
        async with contextlib.aclosing(transport):
            await asyncio.gather(transport.ask("/a", {}), transport.ask("/b", {}))

    with LoopbackServer(plays) as server:
        asyncio.run(both(server.base_url))
    assert len(sleeps.waits) > 1
    assert all(wait > 50 for wait in sleeps.waits)


# -- rate and concurrency ----------------------------------------------------------------------------------------------


def ask_many(handler: Handler, manners: Manners, count: int) -> None:
    async def all_at_once(base_url: str) -> None:
        async with contextlib.aclosing(HttpTransport(base_url, manners=manners)) as transport:
            answers = await asyncio.gather(*(transport.ask(f"/{number}", {}) for number in range(count)))
        assert all(answer.error is None for answer in answers)

    with LoopbackServer(handler) as server:
        asyncio.run(all_at_once(server.base_url))


def test_requests_start_no_faster_than_the_rate() -> None:
    began = time.monotonic()
    ask_many(lambda _: Play(), Manners(rate=50, concurrency=8), 11)
    assert time.monotonic() - began >= 10 / 50


def test_a_redirect_counts_as_a_request_to_the_host() -> None:
    began = time.monotonic()
    ask_many(redirecting({f"/{number}": "/end" for number in range(4)}), Manners(rate=20, concurrency=1), 4)
    assert time.monotonic() - began >= 6 / 20


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    now = peak = 0

    def body() -> Iterator[bytes]:
        nonlocal now, peak
        now += 1
        peak = max(peak, now)
        yield b"begins"
        now -= 1
        yield b"ends"

    ask_many(lambda _: Play(body=body(), pace=0.02), Manners(concurrency=3), 12)
    assert peak == 3


# -- redirects ---------------------------------------------------------------------------------------------------------


def redirecting(targets: Mapping[str, str], status: int = 302) -> Handler:
    """A host whose paths lead elsewhere; where they do not, it says what was asked for."""

    def handler(request: Asked) -> Play:
        target = targets.get(request.path)
        return Play(body=request.path.encode()) if target is None else Play(status=status, headers={"Location": target})

    return handler


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location,reached", [("/y?a=b", b"/y?a=b"), ("y", b"/y"), ("?page=2", b"/x?page=2"), ("/y#part", b"/y")]
)
def test_a_redirect_within_the_host_is_followed(status: int, location: str, reached: bytes) -> None:
    answer = ask(redirecting({"/x": location}, status))
    assert (answer.status, answer.body, answer.tries) == (200, reached, 1)
    assert (answer.url or "").endswith("/x")


def test_a_redirect_to_another_host_is_an_error_and_not_followed() -> None:
    asked: list[Asked] = []

    def handler(request: Asked) -> Play:
        asked.append(request)
        return Play()

    with LoopbackServer(handler) as other:
        target = other.base_url.replace("127.0.0.1", "localhost") + f"/y?token={SECRET}"
        answer = ask(redirecting({"/x": target}), manners={}, headers={"Authorization": SECRET})
    assert (answer.status, answer.body, answer.error) == (302, None, "redirects to another host: localhost")
    assert (answer.tries, asked) == (1, [])


@pytest.mark.parametrize(
    "location,where",
    [
        ("//b.example/x?key=1", "b.example"),
        ("https://127.0.0.1/x", "https://127.0.0.1"),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1"),
        ("ftp://b.example/", "b.example"),
    ],
)
def test_another_scheme_or_port_is_another_host(location: str, where: str) -> None:
    assert ask(redirecting({"/x": location})).error == f"redirects to another host: {where}"


@pytest.mark.parametrize("location", ["http://[::1", "http://h:port/", "http://\x80/"])
def test_a_redirect_to_what_is_no_url_is_an_error(location: str) -> None:
    assert ask(redirecting({"/x": location})).error == "redirects to what is no URL"


def test_redirects_in_a_circle_are_an_error() -> None:
    answer = ask(redirecting({"/x": "/y", "/y": "/z", "/z": "/y"}), manners={})
    assert (answer.status, answer.error, answer.tries) == (302, "redirects in a circle", 1)


def test_five_redirects_are_followed_and_six_are_not() -> None:
    steps = {f"/{step}": f"/{step + 1}" for step in range(6)}
    assert ask(redirecting(steps), path="/1").body == b"/6"
    assert ask(redirecting(steps), path="/0").error == "redirects more than 5 times"


def test_a_redirect_that_leads_nowhere_is_an_answer() -> None:
    answer = ask(Play(status=302, body=BODY))
    assert (answer.status, answer.body, answer.error) == (302, BODY, None)


# -- secrets -----------------------------------------------------------------------------------------------------------

BAD_VALUES = [f"{SECRET}\n", f"{SECRET}\r\nX: y", f"{SECRET}\0", f"{SECRET}€", f"é{SECRET}", f"{SECRET}\x7f"]


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_header_that_cannot_be_sent_is_named_and_its_value_is_not(value: str) -> None:
    with pytest.raises(TransportError) as raised:
        HttpTransport("http://a.example", headers={"Authorization": value})
    assert "Authorization" in str(raised.value)
    error: BaseException | None = raised.value
    while error is not None:
        assert SECRET not in repr(error) + str(error.__dict__) + str(getattr(error, "hint", ""))
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("name", ["", "a b", "a:b", f"{SECRET}\n", "Host", "content-length", "Transfer-Encoding"])
def test_a_header_that_is_not_the_sources_to_set_is_refused(name: str) -> None:
    with pytest.raises(TransportError) as raised:
        HttpTransport("http://a.example", headers={name: "x"})
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("name", MISHAPS)
def test_no_answer_holds_the_value_of_a_header(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    answer = ask(MISHAPS[name][0], manners=brief(name), headers={"Authorization": SECRET, "X-Key": SECRET})
    assert SECRET not in repr(answer)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "base_url", [f"https://user:{SECRET}@a.example", f"https://{SECRET}@a.example", f"https://a.example/?key={SECRET}"]
)
def test_a_base_url_has_no_place_for_secrets(base_url: str) -> None:
    with pytest.raises(TransportError) as raised:
        HttpTransport(base_url)
    assert SECRET not in str(raised.value)


# -- what can be asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "a.example",
        "ftp://a.example",
        "https://",
        "http://[",
        "http://a.example:99999",
        "http://a.example?",
        "http://a.example/#a",
        f"http://{'a' * 64}.b",
    ],
)
def test_a_base_url_is_the_address_of_a_host(base_url: str) -> None:
    with pytest.raises(TransportError, match="base_url"):
        HttpTransport(base_url)


@pytest.mark.parametrize(
    "base_url", ["http://a.example", "https://a_b.example:8443/api/", "http://[::1]:80", "https://bücher.example"]
)
def test_a_host_may_have_a_port_a_path_or_an_address(base_url: str) -> None:
    asyncio.run(HttpTransport(base_url).aclose())


@pytest.mark.parametrize("path", ["", "x", "@b.example/", ".b.example/", ":1/", "/\udc80", "/\x07"])
def test_a_path_that_would_lead_elsewhere_is_not_asked_for(path: str) -> None:
    asked: list[Asked] = []

    def handler(request: Asked) -> Play:
        asked.append(request)
        return Play()

    answer = ask(handler, path=path)
    assert answer.error
    assert (answer.status, answer.tries, asked) == (None, 0, [])


def test_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert ask(Play(body=BODY)).body == BODY


def test_other_hosts_are_asked_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []

    def proxy(request: Asked) -> Play:
        paths.append(request.path)
        return Play(body=BODY)

    for name in ("no_proxy", "NO_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with LoopbackServer(proxy) as server:
        monkeypatch.setenv("http_proxy", server.base_url)
        answer = asyncio.run(ask_at("http://a.example", "/x", manners=QUICK))
    assert (answer.body, paths) == (BODY, ["http://a.example/x"])


def test_a_proxy_that_cannot_be_used_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "gopher://127.0.0.1:1")
    with pytest.raises(TransportError, match="proxy"):
        HttpTransport("http://a.example")


# -- cancellation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("play", [HANGS, Play(body=b"x" * 1000, pace=0.02)])
def test_a_cancelled_request_ends_at_once_and_lets_go_of_its_connection(play: Play) -> None:
    def handler(request: Asked) -> Play:
        return play if request.path == "/stuck" else Play(body=BODY)

    async def go(base_url: str) -> Answer:
        transport = HttpTransport(base_url, manners=Manners(concurrency=1))
        async with contextlib.aclosing(transport):
            stuck = asyncio.create_task(transport.ask("/stuck", {}))
            await asyncio.sleep(0.1)
            stuck.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stuck
            pool: Any = transport._client._transport
            assert pool._pool.connections == []
            return await transport.ask("/free", {})

    with LoopbackServer(handler) as server:
        assert asyncio.run(go(server.base_url)).body == BODY


UNREAD = {
    "endless": (Play(body=itertools.repeat(b"x" * KIB)), "larger than 1048576 bytes"),
    "bomb": (
        Play(headers={"Content-Encoding": "gzip"}, body=gzip.compress(bytes(16 * KIB * KIB))),
        "larger than 1048576 bytes",
    ),
    "coding": (Play(headers={"Content-Encoding": "br"}, body=BODY), "content coding 'br' is not known"),
}


@pytest.mark.parametrize("name", [*MISHAPS, *UNREAD])
def test_no_broken_connection_stays_in_the_pool(name: str) -> None:
    play, words = {**MISHAPS, **UNREAD}[name]

    async def go(base_url: str) -> None:
        transport = HttpTransport(base_url, manners=Manners(**brief(name), max_bytes=KIB * KIB))
        async with contextlib.aclosing(transport):
            answer = await transport.ask("/x", {})
            assert (answer.error or "").startswith(words)
            pool: Any = transport._client._transport
            assert pool._pool.connections == []

    with LoopbackServer(lambda _: play) as server:
        asyncio.run(go(server.base_url))
