"""`docs/json.md` names the members that the commands print, no more and no fewer, and says of what type each is."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from cli.main import program
from collector import Resource, resolve
from collector.world.loopback import Asked, LoopbackServer, Play
from eventstore import Cause, Record, Request, Scope, Status
from tests.gitrepo import GitRepo

PAGE = Path(__file__).parents[2] / "docs" / "json.md"

RULES = '[source]\nname = "s"\n[[resource]]\nname = "r"\ncategory = "thing"\nitems = ""\nkey = "{id}"\n'
NEW_RULES = RULES + 'drop = ["/new"]\n'
OTHER_RULES = RULES.replace('"r"', '"live"').replace("thing", "other")
VERSIONS = [
    '[{"id": 1, "n": 1, "of": [{"id": "a", "v": 1}, {"id": "b", "v": 1}]}, {"id": 2, "n": 1}]',
    '[{"id": 1, "n": 2, "of": [{"id": "b", "v": 2}, {"id": "a", "v": 1}]}, {"id": 3}, {"id": 3, "n": 0}]',
    "<html>",
    '[{"id": 1, "of": [{"id": "b", "v": 2}]}, {"id": 4, "new": true}, {"n": 0}]',
]
LAST = '[{"id": 1, "of": [{"id": "b", "v": 3}]}, {"id": 4}]'
FIRST = 1_700_000_000  # 2023-11-14T22:13:20Z, and an hour from each version to the next

POLICY = """
[category.thing]
seal_after = "1h"
tiers = [{ for = "2h", keep = "hourly" }]
older = "daily"
[pin]
entities = ["thing 9"]
"""
LIVE = """
[source]
name = "live"
base_url = "{url}"
retries = 0
[[resource]]
name = "items"
category = "item"
path = "/items"
items = ""
key = "{{id}}"
every = "1h"
[[resource]]
name = "parts"
category = "part"
for_each = "item"
path = "/items/{{item}}/parts"
items = ""
key = "{{item}}:{{id}}"
split = {{ stock = ["/stock"] }}
"""
GOODS = [
    {"id": f"p{n}", "name": f"Good {n}", "status": 0, "seller": {"id": 1, "name": "S", "since": 2, "of": 3}}
    for n in range(3)
]

RUNS = {
    "orlog import": ["import git {folder}/repo data.json --resource {folder}/rules.toml"],
    "orlog sync --dry-run": ["sync {folder}/live.toml --dry-run"],
    # syncs 10 to 13: as `Api` answers them
    "orlog sync": ["sync {folder}/live.toml"] * 4 + ["sync {folder}/live.toml --due"],
    "orlog accept": ["accept 12", "accept 10"],
    "orlog sources new": ["sources new shop --url {url}/goods", "sources new page --url {url}/page"],
    "orlog sources check": [
        "sources check {folder}/live.toml",
        "sources check {folder}/other.toml",
        "sources check {folder}/rules.toml --answer {folder}/saved.json",
    ],
    "orlog sources remove": ["sources remove shop", "sources remove page"],
    "orlog replay --format jsonl": ["replay thing --format jsonl", "replay thing 1 --at 2023-11-15 --format jsonl"],
    "orlog diff --format json": ["diff --from 2023-11-14T22:30 --to 2023-11-15", "diff --from 2023-11-15"],
    "orlog diff --format jsonl": ["diff --from 2023-11-14T22:30 --to 2023-11-15 --format jsonl"],
    "orlog blame": ["blame thing 1"],
    "orlog history": ["history thing 1 /n", "history thing 1 /of"],
    "orlog status": ["status"],
    "orlog syncs": ["syncs"],
    "orlog issues": ["issues"],
    "orlog response --headers": ["response --headers 1", "response --headers 6"],
    "orlog sources": ["sources"],
    "orlog project status": ["project status"],
    "orlog project run --dry-run": ["project run --dry-run"],
    "orlog project run": ["project run", "project rebuild thing"],
    "orlog project issues": ["project issues"],
    "orlog roots": ["roots"],
    "orlog rebuild log": ["rebuild log"],
    "orlog compact --dry-run": ["compact --dry-run"],
    "orlog compact": ["compact --yes"],
    "orlog compact --history": ["compact --history"],
    "orlog log": ["log"],  # when some of it is thinned
    "orlog verify": ["verify --deep"],
}


VIEWS = """
import msgspec
from projector import table

class Thing(msgspec.Struct):
    n: str | None = None

@table("own", version=1, reads="thing", document=Thing, row=Thing)
def own(subject, thing):
    yield thing
"""


class Api:
    """A live API that begins without a Date, then loses most of its items, and in the end speaks of yesterday."""

    def __init__(self) -> None:
        self._listed = 0

    def __call__(self, asked: Asked) -> Play:
        if asked.path == "/items":
            self._listed += 1
            return self._play([{"id": n} for n in range(8 if self._listed < 3 else 1)])
        if asked.path == "/items/3/parts":
            return Play(status=500)
        return self._play({"/goods": {"data": GOODS}, "/page": {"total_count": 9, "items": GOODS}}.get(asked.path, []))

    def _play(self, body: Any) -> Play:
        late = timedelta(days=1) if self._listed > 3 else timedelta()
        date = {"Date": format_datetime(datetime.now(UTC) - late, usegmt=True)}
        return Play(headers={} if self._listed == 1 else date, body=json.dumps(body).encode())


class Member(NamedTuple):
    """A row of a table: the type, without what is said behind it."""

    type: str
    nullable: bool
    optional: bool


def sections() -> dict[str, dict[str, Member]]:
    """The members of each section that has a table of them, by their paths."""
    found = {}
    for title, text in re.findall(
        r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", text, re.MULTILINE)
        if rows:
            found[title] = {path: member(said) for path, said in rows}
    return found


def member(said: str) -> Member:
    name = said.removesuffix(", optional")
    return Member(name.removesuffix(" or null"), name.endswith(" or null"), said.endswith(", optional"))


# -- what the commands print


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each of them prints, value by value, of a record that has a bit of everything; damaged before the last."""
    folder = tmp_path_factory.mktemp("json")
    make(folder)
    found = {}
    with LoopbackServer(Api()) as server:
        (folder / "live.toml").write_text(LIVE.format(url=server.base_url), encoding="utf-8")
        for title, lines in RUNS.items():
            if title == "orlog verify":
                with closing(sqlite3.connect(folder / "data" / "record.db")) as db, db:
                    db.execute("UPDATE news SET status = 201 WHERE attempt = 1")
            found[title] = [value for line in lines for value in values(run(folder, line, url=server.base_url))]
    return found


def make(folder: Path) -> None:
    repo = GitRepo(folder / "repo")
    for number, version in enumerate(VERSIONS):
        repo.commit({"data.json": version}, seconds=FIRST + 3600 * number)
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    run(folder, RUNS["orlog import"][0])
    repo.commit({"data.json": LAST}, seconds=FIRST + 86400)
    (folder / "rules.toml").write_text(NEW_RULES, encoding="utf-8")
    run(folder, RUNS["orlog import"][0])
    (folder / "other.toml").write_text(OTHER_RULES, encoding="utf-8")
    (folder / "saved.json").write_text(VERSIONS[-1], encoding="utf-8")
    with Record.open(folder / "data", write=True) as record:
        for day in range(3):
            fail(record, resolve(str(folder / "other.toml")), datetime(2024, 1, 1 + day, tzinfo=UTC))
    (folder / "data" / "views.py").write_text(VIEWS, encoding="utf-8")
    said = 'sources = ["openrouter"]\n[project]\nmodules = ["views.py"]\n'
    (folder / "data" / "orlog.toml").write_text(said, encoding="utf-8")
    (folder / "data" / "retention.toml").write_text(POLICY, encoding="utf-8")


def fail(record: Record, resource: Resource, at: datetime) -> None:
    """Record a sync that was asked for something and brought nothing."""
    scope = Scope("s", "live")
    with record.transaction():
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules={resource.address: resource.extraction.rules})
        record.archive.add(sync, [Request(scope, at, at, error="timed out", headers={"Age": "1"})])
        record.archive.close_sync(sync, at=at)
        record.log.record(sync, [], status=Status.FAILED)


def run(folder: Path, line: str, *, url: str = "") -> str:
    words = line.format(folder=folder, url=url).split()
    result = CliRunner().invoke(program, ["--data", str(folder / "data"), *words], prog_name="orlog")
    assert result.exit_code in {0, 1, 4, 5}, result.output
    assert result.stdout, result.output
    return result.stdout


def values(text: str) -> list[Any]:
    """What a command printed: one JSON value (of a list, what is in it), or JSON Lines."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]
    return value if isinstance(value, list) else [value]


# -- what is printed against what is said


def objects(value: dict[str, Any], said: dict[str, Member], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All objects in a value, each with what stands before its members' names, down to where no more is said."""
    yield path, value
    for name, inner in value.items():
        kind = said[path + name].type if path + name in said else ""
        if kind == "object" and inner is not None:
            yield from objects(inner, said, f"{path}{name}.")
        elif kind == "list of objects":
            for each in inner:
                yield from objects(each, said, f"{path}{name}[].")


def is_of(value: Any, each: Member) -> bool:
    """Whether a value is of the type that is said."""
    if value is None and each.nullable:
        return True
    kind, _, inner = each.type.partition(" of ")
    if kind == "time":
        return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value) is not None
    if kind == "names":
        return all(isinstance(text, str) for text in value.values())
    if kind == "list":
        return isinstance(value, list) and all(is_of(one, member(inner.removesuffix("s"))) for one in value)
    if kind == "number":
        return type(value) in {int, float}
    return kind == "any" or type(value) is {"integer": int, "string": str, "boolean": bool, "object": dict}[kind]


def test_the_page_describes_what_is_run_here() -> None:
    assert sections().keys() == RUNS.keys()


@pytest.mark.parametrize("title", RUNS)
def test_the_page_names_the_members_that_are_printed(printed: dict[str, list[Any]], title: str) -> None:
    said = sections()[title]
    found = [pair for value in printed[title] for pair in objects(value, said)]
    assert {path + name for path, value in found for name in value} == said.keys()


@pytest.mark.parametrize("title", RUNS)
def test_the_page_says_which_members_may_be_left_out(printed: dict[str, list[Any]], title: str) -> None:
    said = sections()[title]
    missing = {
        place
        for value in printed[title]
        for path, inner in objects(value, said)
        for place in said
        if re.fullmatch(re.escape(path) + r"[^.]+", place) and place.removeprefix(path) not in inner
    }
    assert missing == {place for place, each in said.items() if each.optional}


@pytest.mark.parametrize("title", RUNS)
def test_the_page_says_of_what_type_each_member_is(printed: dict[str, list[Any]], title: str) -> None:
    said = sections()[title]
    wrong = [
        (path + name, inner)
        for value in printed[title]
        for path, members in objects(value, said)
        for name, inner in members.items()
        if not is_of(inner, said[path + name])
    ]
    assert wrong == []
