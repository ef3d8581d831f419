"""`docs/record.md` says exactly what the roots commit to: here they follow from the file alone, by what the page says.

Nothing of eventstore is used to read: the tables, the packed attempts, the segments and the lines are taken as the page
has them, and patches are applied by another library.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypeAlias

import jsonpatch
import msgspec
import zstandard

from collector import World, play
from eventstore import Cause, Document, Item, Listing, Record, parse_policy
from tests.laying import MODELS, RULES, hour, lay_down, step_of
from tests.model import Model

Line: TypeAlias = tuple[Any, ...]

POLICY = """
[default]
seal_after = "20h"
keep = "all"
[category.endpoint_telemetry]
tiers = [{ for = "9h", keep = "all" }]
older = "daily"
"""
PAGE = Path(__file__).parents[2] / "docs" / "record.md"


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def digest(lines: Iterable[Line]) -> bytes:
    return hashlib.sha256("".join(f"{text(line)}\n" for line in lines).encode()).digest()


def by_name(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: [str(each).encode() for each in line])


def unpacked(first: int, opened_at: int, block: bytes) -> Iterator[Line]:
    """The attempts of a block: number, scope, times, status, answered, error, URL, tries, own headers."""
    size, frame = int.from_bytes(block[:4], "little"), block[4:-4]
    assert zlib.crc32(frame).to_bytes(4, "little") == block[-4:]
    packed = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size) if size else frame
    *columns, rest = msgspec.msgpack.decode(packed, strict=False)
    scope, asked = 0, opened_at
    for place, (step, waited, took, status, answered, date, tries) in enumerate(zip(*columns, strict=True)):
        scope, asked = scope + step, asked + waited
        error, url, own = [*rest.get(place, []), None, None, None][:3]
        headers = dict(own or {})
        if date is not None:
            at = datetime.fromtimestamp((asked + took) // 1000 + date, UTC)
            headers["Date"] = format_datetime(at, usegmt=True)
        yield first + place, scope, asked, asked + took, status or None, answered, error, url, tries, headers


def frame(size: int, packed: bytes) -> bytes:
    """What a frame holds, whose checksum stands behind it."""
    assert zlib.crc32(packed[:-4]).to_bytes(4, "little") == packed[-4:]
    return zstandard.ZstdDecompressor().decompress(packed[:-4], max_output_size=size)


def filled_in(form: str, values: list[Any]) -> str:
    """A form with what was cut out of it: hexadecimal, digits behind a 1, and text."""
    left = iter(values)
    said: dict[str, Callable[[Any], str]] = {"\x01": bytes.hex, "\x02": lambda value: str(value)[1:], "\x03": str}
    return "".join(said[each](next(left)) if each in said else each for each in form)


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def entries_of(size: int, packed: bytes) -> list[tuple[int, int, int]]:
    """Of each entry in a segment's head: its number, its first event, and the `not_before` that is usual there."""
    columns = msgspec.msgpack.decode(frame(size, packed))
    return list(zip(*map(itertools.accumulate, columns), strict=True))


def sealed_events(category: int, entries: list[tuple[int, int, int]], body: bytes) -> Iterator[dict[str, Any]]:
    """The events of a block."""
    behind = 4 + int.from_bytes(body[:4], "little")
    places, entities = msgspec.msgpack.decode(body[4:behind], strict=False)
    for entity, _, _, length, seqs, kinds, offsets, at, lengths, copies, _, _, *starts in entities:
        value = json.loads(body[behind : behind + length] or b"null")
        behind += length
        for number, seq in enumerate(itertools.accumulate(seqs)):
            text, behind = body[behind : behind + lengths[number]], behind + lengths[number] + copies[number]
            kind = {"a": "appeared", "c": "changed", "d": "disappeared"}[chr(kinds[number])]
            if kind == "changed":
                value = jsonpatch.apply_patch(value, json.loads(text))
            elif kind == "appeared":
                value = json.loads(text)
            entry, _, usual = [each for each in entries if each[1] <= seq][-1]
            scope, parent_category, parent = places[at[number]]
            yield {
                "seq": seq,
                "entry": entry,
                "entity": entity,
                "place": (category, parent_category, parent, scope),
                "kind": kind,
                "not_before": None if offsets[number] is None else usual + offsets[number],
                "hash": hashlib.sha256(b"" if kind == "disappeared" else canonical(value)).digest(),
                "body": text.decode() or None,
                "starts": starts[0].get(number) if starts else None,
            }


class Witness:
    """Reads a record by what the page says of it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._scopes = {number: rest for number, *rest in db.execute("SELECT id, source, resource, params FROM scope")}
        self._rules = {number: digest.hex() for number, digest in db.execute("SELECT id, hash FROM rules")}
        self._plans = dict(db.execute("SELECT id, text FROM plan"))
        self._forms = dict(db.execute("SELECT id, text FROM form"))
        self._resources = dict(db.execute("SELECT id, address FROM resource"))
        self._sealed: dict[int, list[dict[str, Any]]] = {}  # by entry
        self.met: Counter[str] = Counter()

    def check(self) -> None:
        """Come to the digest and the root of every entry."""
        root, before = bytes(32), 0
        skipped = {first: (last, root) for first, last, root in self._all("SELECT first, last, root FROM skipped")}
        self._unseal(1)
        for entry, kind, generation, seq, said, said_root, again in self._all(
            "SELECT id, kind, generation, seq, digest, root, again FROM entry ORDER BY id"
        ):
            before, root = skipped.get(before + 1, (before, root))
            assert entry == before + 1
            before = entry
            lines = list(getattr(self, f"_{kind}")(entry, generation, seq))
            self.met.update(line[0] for line in lines)
            assert digest(lines) == (again or said), f"entry {entry}"
            root = hashlib.sha256(root + said).digest()
            assert said_root in ((root,) if entry % 64 == 0 or again else (root, b"")), f"entry {entry}"

    def _all(self, query: str, *values: Any) -> list[Line]:
        return self._db.execute(query, values).fetchall()

    def _text(self, stored: Any) -> Any:
        if not isinstance(stored, bytes):
            return stored
        number, *values = msgspec.msgpack.decode(stored)
        return filled_in(self._forms[number], values)

    def _schema(self, _: int, __: int, migrations: int) -> Iterator[Line]:
        columns = "'migration', id, migration_set, name, applied_at"
        yield from self._all(f"SELECT {columns} FROM _sqlite_migrations ORDER BY id LIMIT ?", migrations)

    def _unseal(self, g: int) -> None:
        segments = self._all(f"SELECT id, category, size, body FROM segment_{g} WHERE live = 1")
        for segment, category, *head in segments:
            entries = entries_of(*head)
            for block in self._all(f"SELECT size, body FROM block_{g} WHERE segment = ?", segment):
                for event in sealed_events(category, entries, frame(*block)):
                    self._sealed.setdefault(event["entry"], []).append(event)

    def _compaction(self, entry: int, _: int, __: int) -> Iterator[Line]:
        yield from self._all("SELECT 'compaction', id, generation, plan FROM compaction WHERE point = ?", entry)

    def _receipt(self, entry: int, g: int, _: int) -> Iterator[Line]:
        ((*receipt, covers, last),) = self._all(
            "SELECT 'receipt', id, generation, report, covers, id = (SELECT max(id) FROM compaction) "
            "FROM compaction WHERE receipt = ?",
            entry,
        )
        if last:
            lines = self._thinned(g)
            self.met.update(line[0] for line in lines)
            assert digest(lines) == covers
            brought = json.loads(receipt[3])["brought"]
            if brought is not None:
                gone = self._brought_by_gone()
                self.met.update(line[0] for line in gone)
                assert brought == {"attempts": len(gone), "digest": digest(gone).hex()}
        yield (*receipt, covers.hex())

    def _brought_by_gone(self) -> list[Line]:
        blocks = self._all("SELECT first, opened_at, attempts FROM sync WHERE attempts IS NOT NULL")
        there = {row[0] for block in blocks for row in unpacked(*block)}
        news = self._all(
            "SELECT n.scope, n.page, n.attempt, a.hash, a.size, n.status, n.headers "
            "FROM news n JOIN answer a ON a.id = n.answer ORDER BY n.attempt"
        )
        return [
            ("brought", *self._scopes[scope], page, attempt, hashed.hex(), size, status, self._text(headers))
            for scope, page, attempt, hashed, size, status, headers in news
            if attempt not in there
        ]

    def _thinned(self, g: int) -> list[Line]:
        again = self._all("SELECT id, again FROM entry WHERE generation = ? AND again IS NOT NULL ORDER BY id", g)
        spans = self._all(f"SELECT category, first, last, compaction FROM thinned_{g} ORDER BY category, last")
        columns = "id, category, first, last, events, composed, since"
        composed = self._all(f"SELECT {columns} FROM segment_{g} WHERE composed = 1 AND live = 1 ORDER BY id")
        lines: list[Line] = [("again", entry, digested.hex()) for entry, digested in again]
        columns = "first, last, seq, until, root, compaction"
        skipped = self._all(f"SELECT {columns} FROM skipped WHERE generation = ? ORDER BY first", g)
        lines += [*(("thinned", *each) for each in spans)]
        lines += [("skipped", *each, root.hex(), compaction) for *each, root, compaction in skipped]
        return [*lines, *(("segment", *each) for each in composed)]

    def _generation(self, _: int, generation: int, __: int) -> Iterator[Line]:
        columns = "'generation', id, made_at, syncs, rules"
        yield from self._all(f"SELECT {columns} FROM generation WHERE id = ?", generation)
        copied = "SELECT 'copied', origin, copied FROM generation WHERE id = ? AND copied IS NOT NULL"
        yield from self._all(copied, generation)

    def _sync(self, entry: int, generation: int, _: int) -> Iterator[Line]:
        ((number, observed_at, seq, *counts),) = self._all(
            "SELECT sync, observed_at, seq, status, appeared, changed, disappeared, unchanged FROM entry WHERE id = ?",
            entry,
        )
        ((archived,),) = self._all("SELECT digest FROM sync WHERE id = ?", number)
        lines = list(self._archived(number))
        self.met.update(line[0] for line in lines)
        assert digest(lines) == archived, f"sync {number}"
        yield "recorded", generation, number, archived.hex(), observed_at, seq, *counts
        yield from self._laid_down(entry, generation)

    def _archived(self, sync: int) -> Iterator[Line]:
        columns = "id, cause, opened_at, at, interrupted, version, plan, report, first, attempts"
        ((*row, version, plan, report, first, block),) = self._all(f"SELECT {columns} FROM sync WHERE id = ?", sync)
        yield "sync", *row, self._text(version), self._plans[plan], self._text(report)
        rules = self._all("SELECT resource, rules FROM sync_rules WHERE sync = ?", sync)
        yield from by_name(("rules", self._resources[resource], self._rules[number]) for resource, number in rules)
        pages: Counter[int] = Counter()
        for number, scope, asked, arrived, status, answered, error, url, tries, own in (
            unpacked(first, row[2], block) if block else ()
        ):
            came_with, headers, answer = None, own, (None, None)
            if answered:
                news = "SELECT answer, status, headers FROM news WHERE scope = ? AND page = ? AND attempt <= ?"
                content, came_with, found = self._all(
                    f"{news} ORDER BY attempt DESC LIMIT 1", scope, pages[scope], number
                )[0]
                ((digested, size),) = self._all("SELECT hash, size FROM answer WHERE id = ?", content)
                answer, headers = (digested.hex(), size), {**json.loads(self._text(found) or "{}"), **own}
            pages[scope] += 1
            what = *self._scopes[scope], asked, arrived, status, came_with, int(answered), *answer
            yield "attempt", number, *what, error, url, tries, text(sorted([*pair] for pair in headers.items()))

    def _laid_down(self, entry: int, g: int) -> Iterator[Line]:
        def rows(columns: str, table: str) -> list[Line]:
            return self._all(f"SELECT {columns} FROM {table}_{g} WHERE entry = ?", entry)

        categories = {n: rest for n, *rest in self._all(f"SELECT id, source, name FROM category_{g}")}
        found = self._all(f"SELECT id, category, key FROM entity_{g}")
        entities = {number: (*categories[category], key) for number, category, key in found}
        listings = rows("scope, attempt, complete, rules, settled", "listing")
        yield from by_name(("listing", *self._scopes[s], a, c, self._rules.get(r), x) for s, a, c, r, x in listings)
        yield from sorted(("repeat", *row) for row in rows("page, mask", "repeat"))
        yield from by_name(("disturbed", *self._scopes[scope]) for (scope,) in rows("scope", "disturbed"))
        results = rows("resource, status, asked, listed, complete, doubted", "result")
        yield from by_name(("result", self._resources[resource], *row) for resource, *row in results)
        yield from sorted(("category", *row) for row in rows("id, source, name, resource", "category"))
        sightings = rows("entity, scope, parent_category, parent", "sighting")
        yield from by_name(("sighting", *entities[t], *self._scopes[s], *parent) for t, s, *parent in sightings)
        unconfirmed = rows("entity, doubted", "unconfirmed")
        yield from by_name(("unconfirmed", *entities[entity], doubted) for entity, doubted in unconfirmed)
        yield from by_name(("unread", *self._scopes[scope], key) for scope, key in rows("scope, key", "unread"))
        yield from sorted(("issue", *row) for row in rows("id, attempt, code, key, path, message", "issue"))
        events = [
            *rows("seq, entity, category, parent_category, parent, scope, kind, not_before, hash, body, NULL", "event"),
            *(
                (e["seq"], e["entity"], *e["place"], e["kind"], e["not_before"], e["hash"], e["body"], e["starts"])
                for e in self._sealed.get(entry, ())
            ),
        ]
        for seq, entity, _, category, parent, scope, kind, not_before, hashed, body, starts in sorted(events):
            of_body = None if body is None else hashlib.sha256(body.encode()).hexdigest()
            place = *entities[entity], 1, category, parent, *self._scopes[scope]
            line = "event", seq, *place, kind, not_before, hashed.hex(), of_body
            yield line if starts is None else (*line, starts)


def witnessed(path: Path) -> set[str]:
    """Check a record; return which lines it has."""
    with closing(sqlite3.connect(path)) as db:
        witness = Witness(db)
        witness.check()
    return set(witness.met)


def test_every_root_follows_from_the_file_as_the_page_says(tmp_path: Path) -> None:
    """L9: what a root commits to is no secret of the code that computes it."""
    world = World(3, start=datetime(2026, 1, 1, tzinfo=UTC), days=2, models=6, failures=0.1)
    with Record.open(tmp_path / "world", write=True) as record:
        play(record, world)
    a, b, c = (Item(key, (("model", Document.parsed({"id": key})),)) for key in "abc")
    steps = [
        (True, (a, b), ()),
        (False, (a,), ()),  # an incomplete one confirms what it shows
        (True, (a, c), ("b",)),  # b is there, and unreadable
        (True, (a, c), ("b", "é")),
    ]
    with Record.open(tmp_path / "laid", write=True) as record:
        for number, (complete, items, present) in enumerate(steps):
            listing = Listing(MODELS, ("model",), 0, complete, items, frozenset(present))
            lay_down(record, Model(), step_of(number, MODELS, listing))
        with record.transaction():
            at, name = hour(len(steps)), f"git {'0123456789abcdef' * 2}01234567:☃.json"
            sync = record.archive.open_sync(Cause.IMPORT, opened_at=at, rules={"api.models": RULES}, version=name)
            record.archive.close_sync(sync, at=at)
            record.log.record(sync, [])
    met = witnessed(tmp_path / "world" / "record.db") | witnessed(tmp_path / "laid" / "record.db")
    with Record.open(tmp_path / "world", write=True) as record:
        record.compact(parse_policy(POLICY), lossy=True)
    met |= witnessed(tmp_path / "world" / "record.db")
    with Record.open(tmp_path / "laid", write=True) as record:
        for number in range(len(steps), 50):  # of which little is left
            items = (a, c) if number % 2 else (c, a)  # the same, in other bytes
            listing = Listing(MODELS, ("model",), 0, complete=True, items=items)
            lay_down(record, Model(), step_of(number, MODELS, listing))
        record.compact(parse_policy('[default]\nkeep = "daily"\n'), lossy=True)
    met |= witnessed(tmp_path / "laid" / "record.db")
    said = {line.split('"')[1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith('| `"')}
    assert said | {"brought"} <= met
