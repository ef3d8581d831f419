"""Views whose making is killed at one write after another, and what the next run makes of what it left.

`python -m tests.faults.dying_views WORK FOLDER KILLS` does WORK in processes that are killed, each at another of its
statements that write, from the same state before. After each death every view that is served is what it was before or
what it is after, whole, and one more run ends where an undisturbed one ends: all tables, columns, indexes, issues.
Prints, as JSON, at how many statements of which kind it died. A process of its own, for it forks.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from eventstore import Record, feed
from projector import VIEWS_FILE, Catalogue, Misfit, Noise, Runner, Settings, Store, Subject, table
from tests.faults.dying import at_each_write, dies
from tests.laying import hour
from tests.projecting import Said, lay

SYNCS: Final = 12
SERVED: Final = 7  # syncs that are in the views before there are more to catch up with
SMALL: Final = 16  # events in one transaction, where a work is to take several
SEED: Final = 5
RARE: Final = ("COMMIT", "CREATE", "ALTER", "DROP", "DELETE", "UPDATE _view", "UPDATE _column", "UPDATE _issue")


# -- what is recorded


def lay_history(record: Record) -> None:
    """Models, endpoints, providers and things: they change, go, come back, get new fields, and do not always fit."""
    for sync in range(SYNCS):
        models = {f"m{n}": model(n, sync) for n in range(6) if (n + sync) % 7}
        said = [Said("openrouter.model", models), Said("made.thing", {f"t{n}": thing(n, sync) for n in range(4)})]
        said += [Said("openrouter.endpoint", {f"{key}#p": endpoint(key, sync)}, parent=key) for key in models]
        if sync >= SERVED - 2:
            said.append(Said("openrouter.provider", {"p": {"name": "P", "slug": "p", "headquarters": f"H{sync // 3}"}}))
        lay(record, sync, *said)


def model(n: int, sync: int) -> dict[str, Any]:
    price = "dear" if (n, sync % 4) == (1, 2) else f"0.00000{1 + (n + sync) // 3}"
    more = {"benchmark": {"score": sync}} if sync >= SERVED else {}
    return {"id": f"m{n}", "name": f"Model {n}", "pricing": {"prompt": price, "completion": "-1"}, **more}


def endpoint(key: str, sync: int) -> dict[str, Any]:
    return {"name": f"P | {key}", "provider_name": "P", "pricing": {"prompt": f"0.{1 + sync // 2}"}, "tag": "p"}


def thing(n: int, sync: int) -> dict[str, Any]:
    return {
        "n": n * 100 + sync,
        **({f"field{sync}": True} if n == 1 else {}),
        "tags": ["a", "b"][:: 1 - 2 * (sync % 2)],
    }


# -- views of a user's own, and the same ones later


class Document(msgspec.Struct):
    n: int


class Row(msgspec.Struct):
    n: int


class Later(msgspec.Struct):
    half: float
    n: str


@table("numbers", version=1, reads="thing", document=Document, row=Row, indexes=[("n",)])
def numbers(_: Subject, document: Document) -> Iterator[Row | Misfit]:
    if document.n % 5 == 0:
        yield Misfit("a number that five divides", "$.n")
    yield Row(document.n)


@table("numbers", version=1, reads="thing", document=Document, row=Later, indexes=[("half",), ("n",)])
def later_numbers(_: Subject, document: Document) -> Iterator[Later | Misfit]:
    if document.n % 3 == 0:
        yield Misfit("a number that three divides", "$.n")
    yield Later(document.n / 2, str(document.n))


NOW: Final = Catalogue(own=[numbers])
LATER: Final = Catalogue(
    Settings(noise={"thing": Noise(sets=("/tags",))}, columns={"thing": {"number": "/n"}}), own=[later_numbers]
)
FEWER: Final = Catalogue(Settings(without=frozenset({"numbers", "presence", "prices", "models_history", "thing"})))


# -- works


def run(catalogue: Catalogue, data: Path, *, syncs: int | None = None, asked: bool = False) -> None:
    with Record.open(data) as record, Store.open(data / VIEWS_FILE, write=True) as store:
        until = None if syncs is None else record.log.position(hour(syncs - 1))
        runner = Runner(record, store, catalogue, until=until)
        runner.rebuild() if asked else runner.run()


class Work(NamedTuple):
    """What is done before, what is killed, what is run after that, and how many events one transaction has.

    What somebody `asked` for is forgotten where it died before it had begun: then all is as it was.
    """

    before: Callable[[Path], None] | None
    killed: Callable[[Path], None]
    again: Callable[[Path], None]
    events: int
    asked: bool = False


def all_at_head(data: Path) -> None:
    run(NOW, data)


WORKS: Final[dict[str, Work]] = {
    "first build": Work(None, all_at_head, all_at_head, SMALL),
    "catching up": Work(partial(run, NOW, syncs=SERVED), all_at_head, all_at_head, feed.BATCH_EVENTS),
    "changed views": Work(all_at_head, partial(run, LATER), partial(run, LATER), SMALL),
    "rebuild": Work(all_at_head, partial(run, NOW, asked=True), all_at_head, SMALL, asked=True),
    "retirement": Work(all_at_head, partial(run, FEWER), partial(run, FEWER), SMALL),
}


# -- what must be true


Rows = tuple[tuple[str, ...], list[tuple[Any, ...]]]


def served(data: Path) -> dict[str, Rows]:
    """Everything that anybody can ask for: columns and rows of each table and SQL view."""
    with opened(data) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
        return {name: rows(db, name) for name in names if not name.startswith(("_", "sqlite_"))}


def whole(data: Path) -> list[Any]:
    """All that is in the file: how it is made, and every row of every table."""
    with opened(data) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        made = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        return [made, {name: rows(db, name) for kind, name, *_ in made if kind == "table"}]


def rows(db: sqlite3.Connection, name: str) -> Rows:
    cursor = db.execute(f'SELECT * FROM "{name}"')
    return tuple(each[0] for each in cursor.description), sorted(cursor, key=repr)


@contextlib.contextmanager
def opened(data: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(data / VIEWS_FILE)) as db:
        yield db


def mixed(found: dict[str, Rows], before: dict[str, Rows], after: dict[str, Rows]) -> list[str]:
    """The views that are neither what they were nor what they come to be."""
    names = {*found, *before, *after}
    return sorted(name for name in names if found.get(name) not in (before.get(name), after.get(name)))


# -- killing


def copied(folder: Path, name: str) -> Path:
    shutil.rmtree(folder / name, ignore_errors=True)
    return Path(shutil.copytree(folder / "before", folder / name))


def kind(statement: str) -> str:
    """What a statement does: its first word, and the table, where that is one of all views."""
    words = statement.split()
    named = [word for word in words[1:4] if word.strip("(").startswith("_")]
    return " ".join([words[0], *named[:1]])


def drawn(statements: list[str], kills: int) -> list[int]:
    """Which statements (from 1 on) a work is to die at: half of them such as few are, and the last ones."""
    dice = random.Random(SEED)
    numbers = [number for number in range(1, len(statements) + 1) if not only_read(statements, number)]
    rare = [number for number in numbers if kind(statements[number - 1]).startswith(RARE)]
    chosen = {*rare[-3:], *dice.sample(rare, min(kills // 2, len(rare)))}
    rest = [number for number in numbers if number not in chosen]
    return sorted({*chosen, *dice.sample(rest, min(max(kills - len(chosen), 0), len(rest)))})


def only_read(statements: list[str], number: int) -> bool:
    """Whether a statement ends a transaction in which nothing was written."""
    return statements[number - 1] == "COMMIT" and (number == 1 or statements[number - 2] == "COMMIT")


def main(name: str, folder: Path, kills: int) -> None:
    work = WORKS[name]
    feed.BATCH_EVENTS = work.events  # type: ignore[misc]
    with Record.open(folder / "before", write=True) as record:
        lay_history(record)
    if work.before is not None:
        work.before(folder / "before")
    before = served(folder / "before")
    unbegun = whole(folder / "before")
    undisturbed, statements = copied(folder, "undisturbed"), list[str]()
    with at_each_write(statements.append):
        work.killed(undisturbed)
    after, expected = served(undisturbed), whole(undisturbed)
    assert (before == after) is work.asked
    begun = next(n for n, each in enumerate(statements, 1) if each == "COMMIT" and not only_read(statements, n))
    assert not [made for made in expected[0] if made[1].startswith("_next_")]
    died: Counter[str] = Counter()
    for number in drawn(statements, kills):
        data = copied(folder, "data")
        assert dies(partial(work.killed, data), number)
        at = f"killed at write {number} of {len(statements)}, {statements[number - 1]}"
        assert mixed(served(data), before, after) == [], at
        work.again(data)
        assert whole(data) == (unbegun if work.asked and number <= begun else expected), at
        died[kind(statements[number - 1])] += 1
    print(json.dumps(died))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
