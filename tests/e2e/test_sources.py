"""`orlog sources` from its command line, against an API on loopback: made, explained, watched and removed."""

from __future__ import annotations

import http.server
import json
import threading
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from cli.main import program
from collector import load
from eventstore import Cause, Item, Listing, Record, Request, Scope
from eventstore import Document as Content
from tests.commandline import orlog as shell
from tests.commandline import refusal

SECRET = "hunter2"
PRODUCTS = [
    {
        "id": f"p{n}",
        "name": f"Product {n}",
        "price": "0.5",
        "status": 0,
        "seller": {"id": 1, "name": "S", "since": 2, "of": 3},
    }
    for n in range(3)
]


Sent = tuple[int, str, bytes]


class Api(http.server.BaseHTTPRequestHandler):
    """Answers by path. `seen` has what was asked for, with the Authorization that came along."""

    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        Api.seen.append((self.path, self.headers.get("Authorization")))
        status, kind, body = self.answers().get(self.path.partition("?")[0], (404, "text/plain", b"no"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answers(self) -> dict[str, Sent]:
        mine: Sent = (401, "application/json", b'{"error": "who are you?"}')
        if self.headers.get("Authorization") == f"Bearer {SECRET}":
            mine = sent([{"id": 1}])
        return {
            "/": (200, "text/html", b"<!doctype html><title>Shop</title>"),
            "/v1/products": sent({"data": PRODUCTS, "total": 3}),
            "/v1/page": sent({"total_count": 90, "items": PRODUCTS}),
            "/v1/clock": sent({"asked": len(Api.seen), "name": "clock"}),
            "/v1/nothing": sent([]),
            "/v1/mine": mine,
        }

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def sent(value: Any) -> Sent:
    return 200, "application/json", json.dumps(value).encode()


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def orlog(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(program, ["--data", str(data), *map(str, arguments)], prog_name="orlog")


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# -- new


def test_a_new_source_is_written_watched_and_says_what_comes_next(api: str, data: Path) -> None:
    result = orlog(data, "sources", "new", "shop", "--url", f"{api}/v1/products?limit=9", "--format", "json")
    made = answer(result)
    file = data / "sources" / "shop.toml"
    assert (made["name"], made["file"], made["resource"]) == ("shop", str(file), "shop.products")
    assert (made["count"], made["key"], made["keys"]) == (3, "{id}", ["p0", "p1", "p2"])
    assert (made["complete"], made["watched"], made["issues"]) == (True, True, [])
    (resource,) = load(file).resources
    assert (resource.path, resource.extraction.items, resource.extraction.total) == (
        "/v1/products?limit=9",
        "/data",
        "/total",
    )
    assert resource.extraction.split == {"product_telemetry": ("/status",)}
    assert tomllib.loads((data / "orlog.toml").read_text(encoding="utf-8")) == {"sources": ["sources/shop.toml"]}
    assert "orlog sync shop --dry-run --fetch" in result.stderr
    (listed,) = [each for each in answer(orlog(data, "sources", "--format", "json")) if each["name"] == "shop"]
    assert listed["watched"] is True


def test_what_was_found_is_said_to_people(api: str, data: Path) -> None:
    result = orlog(data, "sources", "new", "shop", "--url", f"{api}/v1/products", "--format", "table")
    assert result.exit_code == 0
    for said in ("3 items at /data", "{id} is another for each of them", "keys: p0, p1, p2", "product_telemetry"):
        assert said in result.stdout


def test_asked_again_it_keeps_apart_what_differs(api: str, data: Path) -> None:
    made = answer(
        orlog(data, "sources", "new", "clock", "--url", f"{api}/v1/clock", "--again", "1", "--format", "json")
    )
    assert [place["path"] for place in made["split"]] == ["/asked"]
    assert "differed in 1 of 1" in (data / "sources" / "clock.toml").read_text(encoding="utf-8")


def test_a_page_of_many_is_written_and_not_watched(api: str, data: Path) -> None:
    result = orlog(data, "sources", "new", "page", "--url", f"{api}/v1/page", "--format", "json")
    made = answer(result)
    assert (made["complete"], made["watched"], [issue["code"] for issue in made["issues"]]) == (
        False,
        False,
        ["count-differs"],
    )
    assert not (data / "orlog.toml").exists()
    assert "orlog sources add" in result.stderr


def test_a_new_source_need_not_be_watched_and_may_lie_elsewhere(api: str, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    line = ("sources", "new", "shop", "--url", f"{api}/v1/products", "--output", file, "--no-watch", "--format", "json")
    assert answer(orlog(data, *line))["watched"] is False
    assert load(file).name == "shop"
    assert not (data / "orlog.toml").exists()
    assert "is there already" in orlog(data, *line).stderr


def test_a_secret_comes_from_the_environment_and_stays_there(
    api: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("sources", "new", "mine", "--url", f"{api}/v1/mine", "--header", "Authorization: Bearer ${SHOP_TOKEN}")
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    assert "SHOP_TOKEN is not set" in orlog(data, *line).stderr
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    result = orlog(data, *line)
    assert result.exit_code == 0
    assert Api.seen[-1] == ("/v1/mine", f"Bearer {SECRET}")
    texts = [result.output, *((data / name).read_text(encoding="utf-8") for name in files(data))]
    assert not any(SECRET in text for text in texts)
    assert load(data / "sources" / "mine.toml").headers == {"Authorization": "Bearer ${SHOP_TOKEN}"}


@pytest.mark.parametrize(
    "url, error, hint",
    [
        ("{api}/", "HTML", "for people"),
        ("{api}/v1/nothing", "empty list", "ask again"),
        ("{api}/v1/nowhere", "status 404", "is the URL right"),
        ("{api}/v1/mine", "status 401", "--header"),
        ("http://127.0.0.1:1/", "connection refused", "does this machine reach the host"),
        ("shop.example", "no URL", "https://"),
        ("{api}/v1/products?token=hunter2", 'parameter "token" looks like a secret', "--header"),
    ],
)
def test_a_url_that_is_nothing_to_go_by_ends_in_an_error_and_nothing_is_written(
    api: str, data: Path, url: str, error: str, hint: str
) -> None:
    """P27: what happened and what to do are told apart."""
    ended = shell("--data", data, "sources", "new", "shop", "--url", url.format(api=api))
    code, message, advice = refusal(ended)
    assert code == 1
    assert error in message
    assert hint in advice
    assert SECRET not in message + advice
    assert not data.exists()


# -- check


def test_a_proposed_file_is_explained(api: str, data: Path) -> None:
    orlog(data, "sources", "new", "shop", "--url", f"{api}/v1/products")
    asked = len(Api.seen)
    for wanted in ("shop", "shop.products", data / "sources" / "shop.toml"):
        source = answer(orlog(data, "sources", "check", wanted))["source"]
        (resource,) = source["resources"]
        assert (resource["asks"], resource["every"], resource["per_day"]) == (f"{api}/v1/products", 3600, 24)
    table = orlog(data, "sources", "check", "shop", "--format", "table").stdout
    assert f"asks GET {api}/v1/products" in table
    assert "24 requests a day" in table
    assert len(Api.seen) == asked  # P1: nothing is asked for


def test_a_wrong_file_is_an_error_with_the_place_in_it(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('[[resource]]\nname = "things"\ncategory = "thing"\nitems = ""\nkey = "{id"\n', encoding="utf-8")
    ended = orlog(data, "sources", "check", file)
    assert ended.exit_code == 1
    assert f"{file}: resource[0].key: " in ended.stderr


def test_a_saved_answer_is_extracted_from(api: str, data: Path, tmp_path: Path) -> None:
    orlog(data, "sources", "new", "shop", "--url", f"{api}/v1/products")
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({"data": PRODUCTS, "total": 3}), encoding="utf-8")
    found = answer(orlog(data, "sources", "check", "shop", "--answer", saved))["answer"]
    assert (found["complete"], found["entities"]) == (True, {"product": 3, "product_telemetry": 3})
    saved.write_text(json.dumps({"data": [*PRODUCTS, {"price": "1"}], "total": 4}), encoding="utf-8")
    ended = orlog(data, "sources", "check", "shop", "--answer", saved, "--format", "table")
    assert ended.exit_code == 1
    assert "no-key" in ended.stdout


def test_live_entities_are_counted_where_there_is_a_record(data: Path) -> None:
    lay(data, "openrouter", "models", "model", [f"a/{n}" for n in range(7)])
    endpoints = answer(orlog(data, "sources", "check", "openrouter"))["source"]["resources"][1]
    assert (endpoints["requests"], endpoints["per_day"]) == (7, 7 * 24)
    assert endpoints["example"] == "https://openrouter.ai/api/v1/models/a/0/endpoints"


# -- add and remove


def lay(data: Path, source: str, resource: str, category: str, keys: list[str]) -> None:
    """Record a sync of a source that comes with orlog, or of one that this data directory watches."""
    from cli import shelf

    now = datetime(2025, 1, 1, tzinfo=UTC)
    rules = shelf.find(data, source)[0].resource(resource).extraction.rules
    scope = Scope(source, resource)
    with Record.open(data, write=True) as record, record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=now, rules={f"{source}.{resource}": rules})
        (attempt,) = record.archive.add(sync, [Request(scope, now, now, 200, b"{}")])
        record.archive.close_sync(sync, at=now)
        items = tuple(Item(key, ((category, Content.of({"id": key})),)) for key in keys)
        record.log.record(sync, [Listing(scope, (category,), attempt, complete=True, items=items)])


def test_a_removed_source_leaves_its_file_its_history_and_a_receipt(api: str, data: Path) -> None:
    orlog(data, "sources", "new", "shop", "--url", f"{api}/v1/products")
    lay(data, "shop", "products", "product", ["p0"])
    before = {name: (data / name).read_bytes() for name in ("sources/shop.toml",)}
    assert watch(data) == {"shop.products": "watched"}
    result = orlog(data, "sources", "remove", "shop", "--format", "json")
    removed = answer(result)
    assert (removed["name"], removed["entries"]) == ("shop", ["sources/shop.toml"])
    assert "`orlog sources add sources/shop.toml` watches it again" in result.stderr
    assert watch(data) == {"shop.products": "unwatched"}
    assert answer(orlog(data, "replay", "product", "--format", "json")) == {"p0": {"id": "p0"}}
    assert {name: (data / name).read_bytes() for name in before} == before
    with Record.open(data) as record:
        receipt = record.archive.sync(removed["sync"])
    assert (receipt.cause, receipt.plan) == (Cause.VERDICT, {"remove": "shop"})
    assert orlog(data, "verify", "--deep").exit_code == 0


def test_removing_again_changes_nothing(api: str, data: Path) -> None:
    orlog(data, "sources", "new", "shop", "--url", f"{api}/v1/products")
    lay(data, "shop", "products", "product", ["p0"])
    answer(orlog(data, "sources", "remove", "shop", "--format", "json"))
    syncs = len(answer(orlog(data, "syncs", "--format", "json")))
    text = (data / "orlog.toml").read_bytes()
    again = orlog(data, "sources", "remove", "shop", "--format", "json")
    assert (answer(again)["entries"], answer(again)["sync"]) == ([], None)
    assert "shop is not watched: nothing was changed" in again.stderr
    assert len(answer(orlog(data, "syncs", "--format", "json"))) == syncs
    assert (data / "orlog.toml").read_bytes() == text


def test_a_source_is_removed_and_watched_again_where_nothing_was_recorded(api: str, data: Path) -> None:
    orlog(data, "sources", "new", "shop", "--url", f"{api}/v1/products")
    text = (data / "orlog.toml").read_bytes()
    assert answer(orlog(data, "sources", "remove", "shop", "--format", "json"))["sync"] is None
    assert not (data / "record.db").exists()
    assert orlog(data, "sources", "add", "sources/shop.toml").exit_code == 0
    assert (data / "orlog.toml").read_bytes() == text
    assert "watched already" in orlog(data, "sources", "add", "sources/shop.toml").stderr


def watch(data: Path) -> dict[str, str]:
    ended = orlog(data, "status", "--format", "json")
    return {each["resource"]: each["watch"] for each in json.loads(ended.stdout)["resources"]}
