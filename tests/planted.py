"""Bugs planted on purpose: the tests must find each. `make planted` plants them one by one in a copy of the tree.

Prints a table of bugs and the tests that found them. Exit code 1 where one was found by none.
"""

# ruff: noqa: T201 - it prints its table

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
COPIED: Final = ("eventstore", "projector", "collector", "cli", "tests", "pyproject.toml", "retention.toml")

LOG: Final = ("tests/properties/test_log.py", "tests/stateful/test_log_machine.py", "tests/unit/test_fold.py")
PATCH: Final = ("tests/properties/test_patch.py", "tests/unit/test_patch_diff.py", "tests/unit/test_patch_apply.py")
EXTRACT: Final = ("tests/properties/test_extract.py", "tests/unit/test_extract.py")
FIELDS: Final = ("tests/properties/test_fields.py", "tests/unit/test_fields.py")
READING: Final = (
    "tests/properties/test_reading.py",
    "tests/stateful/test_log_machine.py",
    "tests/unit/test_comparison.py",
    "tests/unit/test_following.py",
    "tests/unit/test_positions.py",
    "tests/unit/test_walk.py",
)
RETENTION: Final = (
    "tests/properties/test_retention.py",
    "tests/unit/test_compaction.py",
    "tests/unit/test_retention.py",
    "tests/stateful/test_thinning_machine.py",
)
BOOKKEEPING: Final = ("tests/properties/test_bookkeeping.py", "tests/unit/test_bounded_bookkeeping.py")
NEWS: Final = ("tests/unit/test_news.py",)
SYNCS: Final = (
    "tests/properties/test_absence.py",
    "tests/unit/test_asking.py",
    "tests/unit/test_fold.py",
    "tests/unit/test_verdicts.py",
)
VIEWS: Final = (
    "tests/properties/test_projections.py",
    "tests/unit/test_feed.py",
    "tests/unit/test_projecting.py",
    "tests/unit/test_views.py",
)
COMPACTED_VIEWS: Final = ("tests/unit/test_views_of_compacted.py", "tests/faults/test_paging_while_compacted.py")
KILLED_VIEWS: Final = ("tests/faults/test_killed_projections.py",)


class Change(NamedTuple):
    """A piece of a source file, which must be there exactly once, and what is to stand there instead."""

    path: str
    before: str
    after: str


class Bug(NamedTuple):
    """A bug, the changes that make it, and the test files that are to find it."""

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...] = LOG


_WAS_BEFORE: Final = (
    'self._db.execute(f"SELECT 1 FROM event_{self._generation} e JOIN entity_{self._generation} t ON t.id = e.entity '
    'WHERE t.key = ? AND e.hash = ?", (each.entity[2], each.document.digest)).fetchone()'
)

BUGS: Final = (
    Bug(
        "`==` for equality of documents, in diff",
        (
            Change(
                "eventstore/patch/values.py",
                "    if type(left) is not type(right):\n        return False\n    try:\n",
                "    try:\n",
            ),
            Change(
                "eventstore/patch/values.py",
                "return bool(left == right) and encode(left) == encode(right)",
                "return bool(left == right)",
            ),
            Change(
                "eventstore/patch/values.py",
                "return type(left) is type(right) and left == right and (type(left) is not float or "
                "repr(left) == repr(right))",
                "return bool(left == right)",
            ),
        ),
        (*LOG, *PATCH),
    ),
    Bug(
        "`==` for equality of documents, in the fold",
        (
            Change(
                "eventstore/fold.py",
                "if head is not None and head.digest == document.digest:",
                "if head is not None and live.document(head).value == document.value:",
            ),
        ),
    ),
    Bug(
        "`<` for `<=` in the time of a state",
        (Change("eventstore/positions.py", "AND observed_at <= ? ORDER BY", "AND observed_at < ? ORDER BY"),),
    ),
    Bug(
        "`<` for `<=` in the last event of a catalogue",
        (Change("eventstore/replay.py", "AND e.seq > ? AND e.seq <= ?", "AND e.seq > ? AND e.seq < ?"),),
    ),
    Bug(
        "an empty list taken for a failure, in the fold",
        (
            Change(
                "eventstore/fold.py",
                "        if seen.listing.complete:\n            for entity",
                "        if seen.listing.complete and seen.listing.items:\n            for entity",
            ),
        ),
    ),
    Bug(
        "an empty list taken for a failure, in extraction",
        (
            Change(
                "collector/extraction/extract.py",
                "            found = self._reader.cut(text, params)\n",
                "            found = self._reader.cut(text, params)\n"
                "            if not found:\n"
                '                return Refused(FAILED, "nothing came")\n',
            ),
        ),
        EXTRACT,
    ),
    Bug(
        "a failure taken for an empty list, in the fold",
        (
            Change(
                "eventstore/fold.py",
                "        if seen.listing.complete:\n            for entity",
                "        if seen.listing.complete or not seen.listing.items:\n            for entity",
            ),
        ),
    ),
    Bug(
        "a failure taken for an empty list, in extraction",
        (
            Change(
                "collector/extraction/extract.py",
                'return Refused(FAILED, failure or "no answer came")',
                "return _EMPTY",
            ),
        ),
        EXTRACT,
    ),
    Bug(
        "`~` not escaped in pointers",
        (
            Change(
                "eventstore/patch/pointer.py",
                'return token.replace("~", "~0").replace("/", "~1")',
                'return token.replace("/", "~1")',
            ),
        ),
        (*LOG, *PATCH),
    ),
    Bug(
        "`~` not unescaped in pointers",
        (
            Change(
                "eventstore/patch/pointer.py",
                'return [token.replace("~1", "/").replace("~0", "~") for token in tokens]',
                'return [token.replace("~1", "/") for token in tokens]',
            ),
        ),
        (*LOG, *PATCH),
    ),
    Bug(
        "the last event of a sync lost",
        (
            Change(
                "eventstore/recorder.py",
                "for seq, draft in enumerate(drafts, first + 1):",
                "for seq, draft in enumerate(drafts[:-1], first + 1):",
            ),
        ),
    ),
    Bug(
        "A→B→A dropped: a document that was there before is no change",
        (
            Change(
                "eventstore/recorder.py",
                "self._write_events(entry, first, decision.drafts)",
                "self._write_events(entry, first, [each for each in decision.drafts "
                f"if each.head is None or each.document is None or not {_WAS_BEFORE}])",
            ),
        ),
    ),
    Bug(
        "a duplicate key merged: of several items the last counts",
        (
            Change(
                "eventstore/fold.py",
                "if len(keys) == len(items) and not numbered:",
                "if items:",
            ),
        ),
    ),
    Bug(
        "duplicates merged: different ones take the number of the nearest",
        (
            Change(
                "eventstore/duplicates.py",
                "            chosen[position] = next(free)\n",
                "            chosen[position] = 1\n",
            ),
        ),
    ),
    Bug(
        "an entity that returned blamed on its first appearance",
        (
            Change(
                "eventstore/fields/blame.py",
                "        if after is ABSENT:\n            origins = None\n",
                "        if after is ABSENT:\n            continue\n",
            ),
        ),
        FIELDS,
    ),
    Bug(
        "`==` for equality of values, in blame",
        (
            Change(
                "eventstore/fields/blame.py",
                "if before is after or same(before, after):",
                "if before == after:",
            ),
        ),
        FIELDS,
    ),
    Bug(
        "elements of arrays followed by place, whatever identifies them",
        (
            Change(
                "eventstore/fields/places.py",
                "if old is None or new is None:",
                "if old is None or new is None or before:",
            ),
        ),
        FIELDS,
    ),
    Bug(
        "null taken for absence, in differences",
        (
            Change(
                "eventstore/fields/changes.py",
                "before.get(name, ABSENT),\n                after.get(name, ABSENT),",
                "before.get(name),\n                after.get(name),",
            ),
        ),
        FIELDS,
    ),
    Bug(
        "elements that only moved passed over",
        (Change("eventstore/fields/changes.py", "moved=new not in stayed", "moved=False"),),
        FIELDS,
    ),
    Bug(
        "a gap in a field's history taken for its old value",
        (
            Change(
                "eventstore/fields/periods.py",
                "        if now is value or (",
                "        if now is value or now is ABSENT or (",
            ),
        ),
        FIELDS,
    ),
    Bug(
        "what changed and changed back told as a difference",
        (
            Change(
                "eventstore/comparison.py",
                "old.seq != new.seq and old.content != new.content",
                "old.seq != new.seq",
            ),
        ),
        READING,
    ),
    Bug(
        "the two sides of a comparison read at different moments",
        (Change("eventstore/comparison.py", "    with log.reading():\n", "    if log:\n"),),
        READING,
    ),
    Bug(
        "rules of before a rebuild taken for those that it read by",
        (Change("eventstore/positions.py", "if sync <= syncs else own", "if sync < syncs else own"),),
        READING,
    ),
    Bug(
        "a walk remembers the document of another event",
        (
            Change(
                "eventstore/walk.py",
                "if last is not None and last == replay.previous(self._db, self._generation, number, event.seq):",
                "if last is not None:",
            ),
        ),
        READING,
    ),
    Bug(
        "changes of elements that one before them shifted passed over",
        (
            Change(
                "eventstore/walk.py",
                'if named and (named[-1].isdecimal() or named[-1] == "-"):',
                'if named and named[-1] == "-":',
            ),
        ),
        READING,
    ),
    Bug(
        "a later document of an entity changes an earlier one",
        (
            Change(
                "eventstore/patch/operations.py",
                "            inner = inner.copy()\n",
                "",
            ),
        ),
        (*READING, *PATCH),
    ),
    Bug(
        "a rebuild taken for silence by who follows",
        (Change("eventstore/following.py", "if generation != self._generation:", "if head < self._seq:"),),
        READING,
    ),
    Bug(
        "an event that came while others were read is read twice",
        (
            Change(
                "eventstore/following.py",
                "        with self._log.reading() as generation:\n",
                "        for generation in [self._log.generation]:\n",
            ),
        ),
        READING,
    ),
    Bug(
        "a status that is a failure taken for an answer",
        (Change("collector/syncing/fetching.py", 'return f"status {status}"', "return None"),),
        SYNCS,
    ),
    Bug(
        "everything that an implausible listing leaves out believed",
        (
            Change(
                "eventstore/fold.py",
                "if share is None or len(missing) <= FEW:",
                "if share is None or len(missing) <= 10**9:",
            ),
        ),
        SYNCS,
    ),
    Bug(
        "a doubt that nothing lifts",
        (Change("eventstore/fold.py", "< SAME * len(missing):", "< 2 * len(missing):"),),
        SYNCS,
    ),
    Bug(
        "a 304 that confirms whatever came last",
        (
            Change(
                "eventstore/intake.py",
                "came = None if confirms is None else self._attempts.came(scope, page, confirms)",
                "came = None",
            ),
        ),
        SYNCS,
    ),
    Bug(
        "validators sent under rules that have not read the answer",
        (
            Change(
                "eventstore/log.py",
                "if found is None or found[1] != self._archive.find_rules(rules):",
                "if found is None:",
            ),
        ),
        SYNCS,
    ),
    Bug(
        "an answer that says the same not read, though another scope took what it shows",
        (
            Change(
                "eventstore/confirmation.py", "return None if since[0] else (row[0], row[1])", "return row[0], row[1]"
            ),
        ),
        SYNCS,
    ),
    Bug(
        "an answer that says the same as one before the last",
        (
            Change(
                "collector/recording.py",
                "return before is not None and self._record.archive.same_answer(scope, before, attempts[0].id)",
                "return before is not None",
            ),
        ),
        SYNCS,
    ),
    Bug(
        "a clock in doubt that records all the same",
        (Change("collector/sync.py", "if recordable and not in_doubt else None", "if recordable else None"),),
        SYNCS,
    ),
    Bug(
        "a parent that goes takes along what its children's own answers show",
        (
            Change(
                "eventstore/fold.py",
                "if entity in gone or child.scope in repeated:",
                "if entity in gone:",
            ),
        ),
        SYNCS,
    ),
    Bug(
        "what a sync missed forgotten in how it ended",
        (Change("eventstore/outcome.py", 'found[resource] = max(found[resource], said.get("planned", 0))', "pass"),),
        SYNCS,
    ),
    Bug(
        "children of what returned asked for when their time comes",
        (Change("collector/syncing/scopes.py", "None if last is None or returned else", "None if last is None else"),),
        SYNCS,
    ),
    Bug(
        "a host that answers nothing asked on and on",
        (Change("collector/syncing/fetching.py", "elif self._breaker.open:", "elif False:"),),
        SYNCS,
    ),
    Bug(
        "a view's place in the log moved before its rows",
        (
            Change(
                "projector/runner.py",
                "                with self._store.transaction():\n                    self._carry_out(works, batch)\n",
                "                with self._store.transaction():\n"
                "                    last = batch.entries[-1]\n"
                "                    for work in works:\n"
                "                        at = last.observed_at\n"
                "                        self._store.reach(work.target, batch.cursor, root=last.root, observed_at=at)\n"
                "                with self._store.transaction():\n"
                "                    self._carry_out(works, batch)\n",
            ),
        ),
        KILLED_VIEWS,
    ),
    Bug(
        "a view swapped outside of the transaction of its last rows",
        (
            Change(
                "projector/runner.py",
                "                if batch.complete:\n"
                "                    for work in works:\n"
                "                        self._adopt(work)\n"
                "                    self._combine()\n",
                "            if batch.complete:\n"
                "                for work in works:\n"
                "                    self._adopt(work)\n"
                "                self._combine()\n",
            ),
        ),
        (*KILLED_VIEWS, "tests/faults/test_rebuild_under_load.py"),
    ),
    Bug(
        "a view's first period closed, not the one that stands",
        (Change("projector/tables.py", "SELECT max(seq) FROM {table}", "SELECT min(seq) FROM {table}"),),
        VIEWS,
    ),
    Bug(
        "a row of a view called updated, though it is the same",
        (Change("projector/derivation.py", "            if same(row, old):\n", "            if row is old:\n"),),
        VIEWS,
    ),
    Bug(
        "a view of another row type taken for what it was",
        (
            Change(
                "projector/standing.py",
                "if standing.fingerprint != projection.fingerprint:",
                "if not standing.fingerprint:",
            ),
        ),
        VIEWS,
    ),
    Bug(
        "views of another record gone on with",
        (Change("projector/standing.py", " and there[0].root == standing.root", ""),),
        (*VIEWS, *KILLED_VIEWS),
    ),
    Bug(
        "noise left in what a view says was before",
        (
            Change(
                "projector/views/changes.py",
                "before, after = without_noise(change.before.value, policy), without_noise(change.after.value, policy)",
                "before, after = change.before.value, without_noise(change.after.value, policy)",
            ),
        ),
        VIEWS,
    ),
    Bug(
        "-1 taken for a price, in a view",
        (Change("projector/views/prices.py", "varies = said.price == VARIES", "varies = said.price is VARIES"),),
        VIEWS,
    ),
    Bug(
        "what a sync confirms left as it was, in a view",
        (
            Change(
                "projector/runner.py",
                "if batch.complete and work.target.projection.confirms is not None:",
                "if batch.events and work.target.projection.confirms is not None:",
            ),
        ),
        VIEWS,
    ),
    Bug(
        "an issue of a view counted again, as the same writes come again",
        (Change("projector/issues.py", '"WHERE excluded.seq > seq",', '"",'),),
        VIEWS,
    ),
    Bug(
        "an event folded into a view's row that it is in already",
        (Change("projector/derivation.py", "if event.seq <= seq:", "if event.seq < 0:"),),
        VIEWS,
    ),
    Bug(
        "documents of a view's last batch taken for those before this one, though one was passed over",
        (
            Change(
                "eventstore/feed.py",
                "if self._walked is not None and self._walked[0] == after:",
                "if self._walked is not None:",
            ),
        ),
        VIEWS,
    ),
    Bug(
        "the state of a bucket taken before its end",
        (
            Change(
                "eventstore/retention/thinning.py",
                "    after = _after(run, before)\n",
                "    after = _after(run[:-1], before)\n",
            ),
        ),
        RETENTION,
    ),
    Bug(
        "a composed event dated at its first",
        (
            Change(
                "eventstore/retention/thinning.py",
                "return run[-1]._replace(",
                "return run[0]._replace(hash=run[-1].hash, ",
            ),
        ),
        RETENTION,
    ),
    Bug(
        "a reappearance within a bucket thinned away",
        (
            Change(
                "eventstore/retention/thinning.py",
                "elif bucket is not None and bucket.spacing in _COARSE:",
                "elif bucket is not None:",
            ),
        ),
        RETENTION,
    ),
    Bug(
        "a change that comes to nothing gone where all is kept whole behind it",
        (
            Change(
                "eventstore/retention/thinning.py",
                "or last.seq == known.last_thinned.get(last.entity):",
                "or False:",
            ),
        ),
        RETENTION,
    ),
    Bug(
        "an entity that moved taken for one to which nothing happened, in thinning",
        (Change("eventstore/retention/thinning.py", "if before.place != after.place or", "if"),),
        (*RETENTION, *BOOKKEEPING),
    ),
    Bug(
        "a bucket thinned before all of it is past its horizon",
        (
            Change(
                "eventstore/retention/buckets.py",
                "found.append(Zone(floor(now - age, finest), keep))",
                "found.append(Zone(now - age, keep))",
            ),
        ),
        RETENTION,
    ),
    Bug(
        "rows deleted before their segment was compared",
        (
            Change(
                "eventstore/compaction/sealing.py",
                "draft, level=LEVEL_THINNED if thinned else LEVEL_SEALED)\n",
                "draft, level=LEVEL_THINNED if thinned else LEVEL_SEALED)\n        _drop_rows(db, generation, draft)\n",
            ),
        ),
        ("tests/faults/test_killed_compactions.py",),
    ),
    Bug(
        "what a compaction was killed at not looked for by the one that goes on",
        (
            Change(
                "eventstore/compaction/__init__.py",
                "    work.carry_out(number, left, progress, resumed=True)\n",
                "",
            ),
        ),
        ("tests/faults/test_killed_compactions.py",),
    ),
    Bug(
        "a sync dropped for a later one that left more unconfirmed",
        (
            Change(
                "eventstore/retention/bookkeeping.py",
                "complete.at >= bucket.end or not complete.exceptions <= sync.exceptions:",
                "complete.at >= bucket.end:",
            ),
        ),
        BOOKKEEPING,
    ),
    Bug(
        "a sync dropped for a later one that failed",
        (
            Change(
                "eventstore/retention/bookkeeping.py",
                "        if heard is Heard.NOTHING:\n            return self._asked",
                "        if heard is not Heard.SOME:\n            return self._asked",
            ),
        ),
        BOOKKEEPING,
    ),
    Bug(
        "a sync dropped for one in the next bucket",
        (
            Change(
                "eventstore/retention/bookkeeping.py",
                "complete is None or complete.at >= bucket.end or not",
                "complete is None or not",
            ),
            Change("eventstore/retention/bookkeeping.py", "self._asked.get(scope, bucket.end) < bucket.end", "True"),
        ),
        BOOKKEEPING,
    ),
    Bug(
        "news believed of an attempt that asked for something else",
        (
            Change(
                "eventstore/verification/brought.py",
                "if not answered or (each.scope, each.page) != (scope, page):",
                "if not answered:",
            ),
        ),
        NEWS,
    ),
    Bug(
        "the first attempt that went behind a sync taken for one of it, in a receipt",
        (Change("eventstore/news.py", "each.attempt >= syncs[place][0] +", "each.attempt > syncs[place][0] +"),),
        NEWS,
    ),
    Bug(
        "a sync dropped where something of its resource is kept whole",
        (
            Change(
                "eventstore/compaction/bookkeeping.py",
                "        if all(category.zones and",
                "        if any(category.zones and",
            ),
        ),
        BOOKKEEPING,
    ),
    Bug(
        "a cursor in the middle of what was thinned read on from",
        (Change("eventstore/selection.py", "        if row[0] is not None:\n", "        if row[0] == 0:\n"),),
        (*RETENTION, "tests/faults/test_paging_while_compacted.py"),
    ),
    Bug(
        "a feed that reads on where less is left of what it has given",
        (Change("eventstore/feed.py", "if self._gaps() != self._behind:", "if False:"),),
        COMPACTED_VIEWS,
    ),
    Bug(
        "a rebuilt log compacted by the last policy alone",
        (
            Change(
                "eventstore/compaction/__init__.py",
                "generation, each) for each in last]",
                "generation, each) for each in last[-1:]]",
            ),
        ),
        RETENTION,
    ),
    Bug(
        "an answer taken from the beginning of its pack",
        (Change("eventstore/answers.py", "joined.body(link.place)", "joined.body(0)"),),
        ("tests/unit/test_packs.py",),
    ),
    Bug(
        "a chunk that is new taken for no one's, in joined answers",
        (Change("eventstore/joined.py", "            at += copied + fresh", "            at += copied"),),
        ("tests/unit/test_joined.py",),
    ),
    Bug(
        "zeros before a number lost, in the form of a text",
        (Change("eventstore/forms.py", 'values.append(int(f"1{word}"))', 'values.append(int(f"1{int(word)}"))'),),
        ("tests/unit/test_forms.py",),
    ),
    Bug(
        "what was thinned left without its root",
        (Change("eventstore/compaction/carrying.py", '            roots.store(self._db, "id = ?", entry)\n', ""),),
        ("tests/unit/test_roots.py",),
    ),
    Bug(
        "an iteration that sees what compaction makes meanwhile",
        (
            Change(
                "eventstore/reading.py",
                'pin = db.execute("SELECT name FROM sqlite_master") if sealed.segments else None',
                "pin = None",
            ),
        ),
        RETENTION,
    ),
    Bug(
        "a projection's checkpoint crossed",
        (
            Change(
                "eventstore/retention/plan.py",
                "thinned = tuple(_held_back(zone, keep_from[1]) for zone in thinned)",
                "pass",
            ),
        ),
        RETENTION,
    ),
    Bug(
        "a view left as it was where its history was thinned",
        (
            Change(
                "projector/standing.py",
                "each.first <= standing.cursor.seq and projection",
                "each.first > standing.cursor.seq and projection",
            ),
        ),
        COMPACTED_VIEWS,
    ),
    Bug(
        "a patch of a sealed entity left out",
        (
            Change(
                "eventstore/segments/block.py",
                "return self.document, patches[::-1]",
                "return self.document, patches[:0:-1]",
            ),
        ),
        (*LOG, *RETENTION),
    ),
)


def main() -> int:
    """Plant each bug, run its tests, print the table; first the tests must pass without any.

    Words of the command line leave those whose names have one of them.
    """
    words = sys.argv[1:]
    bugs = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in COPIED:
            _copy(name, tree)
        clean = failed_tests(tree, sorted({test for bug in bugs for test in bug.tests}))
        if clean:
            print(f"without any bug, these fail: {', '.join(clean)}")
            return 1
        found = [_found(tree, bug) for bug in bugs]
    print(f"{sum(found)} of {len(bugs)} planted bugs were found, in {time.monotonic() - began:.0f} s")
    return 0 if all(found) else 1


def _copy(name: str, tree: Path) -> None:
    if (ROOT / name).is_dir():
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    else:
        shutil.copy(ROOT / name, tree)


def _found(tree: Path, bug: Bug) -> bool:
    paths = sorted({change.path for change in bug.changes})
    originals = {path: (tree / path).read_text(encoding="utf-8") for path in paths}
    for path, text in planted(bug, originals).items():
        (tree / path).write_text(text, encoding="utf-8")
    tests = failed_tests(tree, bug.tests)
    for path, text in originals.items():
        (tree / path).write_text(text, encoding="utf-8")
    print(bug.name)
    print("".join(f"    {test}\n" for test in tests) or "    NOT FOUND\n", end="", flush=True)
    return bool(tests)


def planted(bug: Bug, texts: dict[str, str]) -> dict[str, str]:
    """The texts (by path) with a bug in them. Raises `ValueError` where a piece is not there exactly once."""
    texts = dict(texts)
    for change in bug.changes:
        if texts[change.path].count(change.before) != 1:
            msg = f"{change.path} does not have {change.before!r} exactly once: plant {bug.name!r} anew"
            raise ValueError(msg)
        texts[change.path] = texts[change.path].replace(change.before, change.after)
    return texts


def failed_tests(tree: Path, files: list[str] | tuple[str, ...]) -> list[str]:
    """Run test files of a tree; return the tests that failed, `FILE::TEST`, without parameters.

    Raises `RuntimeError` if they did not run.
    """
    options = ["-q", "-rfE", "--tb=no", "-n", "auto", "-p", "no:cacheprovider", "--hypothesis-profile=planted"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files], cwd=tree, capture_output=True, text=True, check=False
    )
    if run.returncode not in {0, 1}:
        raise RuntimeError(run.stdout + run.stderr)
    return sorted({match[1] for match in re.finditer(r"^(?:FAILED|ERROR) tests/([^\s\[]+)", run.stdout, re.MULTILINE)})


if __name__ == "__main__":
    sys.exit(main())
