"""Whole recorded histories laid down: what comes back is what git shows, and what another tool counted.

What must come back is worked out with the standard library alone: its `json` module on git's own contents.
"""

from __future__ import annotations

import csv
import functools
import itertools
import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from collector import FilesHistory, GitHistory, Imported, Resource, import_history, rebuild_log, resolve
from eventstore import Event, Kind, Record, verify
from tests.commandline import output
from tests.gitrepo import run_git
from tests.model import text_of
from tests.recordings import data
from tests.thorough import much

FIRST: Final = much(450, 2000)  # commits that are laid down: in the 414th, half of the outages go
GONE: Final = much(4097, 8517)  # outages that disappear in these, as the commit messages count
SAMPLE: Final = much(6, 30)  # commits that are shown by `orlog replay`
LAST: Final = much(200, 2000)  # commits that are imported the younger half first, or split
EVERY: Final = much(8, 1)  # of so many commits, the state at one is compared

FIVE_LINES: Final = """\
[[resource]]
name = "outages"
category = "outage"
items = ""                  # the whole answer is the list
key = "{outageNumber}"
"""

DOCUMENT: Final = """\
[[resource]]
name = "price"
category = "price"
"""

SPLIT: Final = """\
[[resource]]
name = "models"
category = "model"
items = "/data"
key = "{id}"
split = { model_limits = ["/context_length", "/top_provider/context_length"], model_prices = ["/pricing"] }
drop = ["/description"]
"""


class Recording(NamedTuple):
    """A recorded file, and the rules it is read by: the text of a source file, or the address of a shipped resource.

    `key` is the member that identifies an item, None where the answer is one document; `dropped` what the rules drop.
    """

    bundle: str
    path: str
    commits: int
    rules: str
    key: str | None = None
    dropped: str | None = None

    def items(self, answer: bytes) -> dict[str, str]:
        """The texts of an answer's items by key, less what is dropped."""
        value = json.loads(answer)
        if self.key is None:
            return {"price": text_of(value)}
        items = value["data"] if isinstance(value, dict) else value
        found = {item[self.key]: text_of({k: v for k, v in item.items() if k != self.dropped}) for item in items}
        assert len(found) == len(items)
        return found


MODELS: Final = Recording("openrouter-models", "data/output.json", 695, "openrouter.models", "id")
SPLIT_MODELS: Final = MODELS._replace(rules=SPLIT, dropped="description")
OUTAGES: Final = Recording("power-outages", "pge-outages.json", 1500, FIVE_LINES, "outageNumber")
PRICE: Final = Recording("bitcoin-price", "btc-price.json", 2000, DOCUMENT)


only_outages = pytest.mark.parametrize("laid", [OUTAGES], ids=["outages"], indirect=True)


class Commit(NamedTuple):
    """A commit: its name, when it was made, and the first line of its message."""

    name: str
    at: datetime
    subject: str


class Laid(NamedTuple):
    """A recording that was laid down, or a part: its clone, the commits that were, and the data directory."""

    what: Recording
    clone: Path
    commits: Sequence[Commit]
    resource: Resource
    imported: Imported
    data: Path


@pytest.fixture(scope="module", params=[MODELS, OUTAGES, PRICE], ids=["models", "outages", "price"])
def laid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laid]:
    yield from laid_down(request.param, tmp_path_factory.mktemp("recorded"), first=FIRST)


@pytest.fixture(scope="module")
def split_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laid]:
    yield from laid_down(SPLIT_MODELS, tmp_path_factory.mktemp("split"), last=LAST)


def laid_down(what: Recording, folder: Path, *, first: int | None = None, last: int | None = None) -> Iterator[Laid]:
    """Lay a recording down, or so many of its first or last commits; afterwards it is removed, for it is large."""
    clone = folder / "clone"
    run_git(folder, "clone", "--quiet", "--bare", str(data(f"{what.bundle}.bundle")), str(clone))
    rules = folder / "rules.toml"
    rules.write_text(what.rules)
    resource = resolve(what.rules if "\n" not in what.rules else str(rules))
    with Record.open(folder / "data", write=True) as record:
        commits = commits_of(clone)[:first][-(last or what.commits) :]
        history = GitHistory(clone, what.path, since=commits[0].at, until=commits[-1].at)
        imported = import_history(record, resource, history)
    yield Laid(what, clone, commits, resource, imported, folder / "data")
    shutil.rmtree(folder)


def commits_of(clone: Path) -> list[Commit]:
    log = run_git(clone, "log", "--reverse", "--format=%H %ct %s").splitlines()
    parts = [line.split(" ", 2) for line in log]
    return [Commit(name, datetime.fromtimestamp(int(seconds), UTC), subject) for name, seconds, subject in parts]


def answers_of(laid: Laid) -> Iterator[bytes]:
    """What `git show COMMIT:PATH` prints, for every commit."""
    names = laid.clone / "names"
    names.write_text("".join(f"{commit.name}:{laid.what.path}\n" for commit in laid.commits))
    with (
        names.open() as asked,
        subprocess.Popen(["git", "cat-file", "--batch"], cwd=laid.clone, stdin=asked, stdout=subprocess.PIPE) as git,
    ):
        assert git.stdout is not None
        for _ in laid.commits:
            size = int(git.stdout.readline().split()[2])
            yield git.stdout.read(size)
            git.stdout.read(1)


@pytest.mark.thorough
def test_the_state_at_commits_is_what_git_shows(laid: Laid) -> None:
    assert len(laid.commits) == min(FIRST, laid.what.commits)
    assert_states_are_what_git_shows(laid)


@pytest.mark.thorough
def test_what_rules_split_is_together_what_git_shows_less_what_they_drop(split_models: Laid) -> None:
    assert_states_are_what_git_shows(split_models)


def assert_states_are_what_git_shows(laid: Laid) -> None:
    assert laid.imported.recorded == len(laid.commits)
    with Record.open(laid.data) as record:
        for commit, answer in itertools.islice(zip(laid.commits, answers_of(laid), strict=True), 0, None, EVERY):
            found: dict[str, tuple[bytes, ...]] = {}
            for category in laid.resource.extraction.categories:
                for key, state in record.log.catalogue(category, at=commit.at).items():
                    found[key] = (*found.get(key, ()), state.content.canonical)
            assert {key: merged(parts) for key, parts in found.items()} == laid.what.items(answer), commit


@pytest.mark.thorough
def test_orlog_replay_prints_what_git_shows(laid: Laid) -> None:
    category = laid.resource.extraction.category
    for number in sampled(len(laid.commits)):
        commit = laid.commits[number]
        printed = json.loads(output("--data", laid.data, "replay", category, "--at", commit.at.isoformat()))
        show = ["git", "show", f"{commit.name}:{laid.what.path}"]
        shown = subprocess.run(show, cwd=laid.clone, check=True, capture_output=True).stdout
        assert {key: text_of(document) for key, document in printed.items()} == laid.what.items(shown), commit


def sampled(count: int) -> list[int]:
    """Numbers of some commits, the first and the last among them."""
    return [0, *random.Random(1).sample(range(1, count - 1), SAMPLE - 2), count - 1]


@functools.cache  # most documents stand at many commits
def merged(parts: tuple[bytes, ...]) -> str:
    """The text of one item put together from the documents that it was split into."""
    whole: dict[str, Any] = {}
    for part in parts:
        put_in(whole, json.loads(part))
    return text_of(whole)


def put_in(whole: dict[str, Any], part: dict[str, Any]) -> None:
    for name, value in part.items():
        if isinstance(value, dict) and isinstance(whole.get(name), dict):
            put_in(whole[name], value)
        else:
            assert name not in whole
            whole[name] = value


@pytest.mark.thorough
def test_every_byte_comes_back_from_the_archive(laid: Laid) -> None:
    with Record.open(laid.data) as record:
        syncs = list(record.archive.syncs())
        assert [(sync.version, sync.at) for sync in syncs] == [
            (f"git {each.name}:{laid.what.path}", each.at) for each in laid.commits
        ]
        for sync, answer in zip(syncs, answers_of(laid), strict=True):
            (attempt,) = record.archive.attempts(sync.id)
            assert record.archive.answer(attempt.id) == answer


@pytest.mark.thorough
def test_a_rebuilt_log_is_the_same_log(laid: Laid, tmp_path: Path) -> None:
    shutil.copytree(laid.data, tmp_path / "data")
    with Record.open(tmp_path / "data", write=True) as record:
        before = list(record.log.events())
        assert rebuild_log(record, now=laid.commits[-1].at).same
        assert list(record.log.events()) == before
        assert verify(record, deep=True) == []


@pytest.mark.thorough
def test_an_older_half_imported_after_the_younger_one_is_laid_down_in_its_place(laid: Laid, tmp_path: Path) -> None:
    commits = laid.commits[-LAST:]
    middle = len(commits) // 2
    whole = GitHistory(laid.clone, laid.what.path, since=commits[0].at, until=commits[-1].at)
    younger = GitHistory(laid.clone, laid.what.path, since=commits[middle].at, until=commits[-1].at)
    older = GitHistory(laid.clone, laid.what.path, since=commits[0].at, until=commits[middle - 1].at)
    with Record.open(tmp_path / "whole", write=True) as record:
        import_history(record, laid.resource, whole)
        expected = without_numbers(record, record.log.events())
    with Record.open(tmp_path / "data", write=True) as record:
        assert import_history(record, laid.resource, younger).recorded == len(commits) - middle
        assert import_history(record, laid.resource, older).deferred == middle
        assert not rebuild_log(record, now=laid.commits[-1].at).same
        assert without_numbers(record, record.log.events()) == expected
        assert verify(record, deep=True) == []


def without_numbers(record: Record, events: Iterable[Event]) -> list[tuple[str | None, Event]]:
    """Events with the version that each was seen in, in place of its sync's number."""
    versions = {sync.id: sync.version for sync in record.archive.syncs()}
    return [(versions[event.sync], msgspec.structs.replace(event, sync=0)) for event in events]


@pytest.mark.thorough
@only_outages
def test_what_appeared_changed_and_disappeared_is_what_the_commit_messages_say(laid: Laid) -> None:
    subjects = {f"git {commit.name}:{OUTAGES.path}": commit.subject for commit in laid.commits[1:]}
    compared = 0
    with Record.open(laid.data) as record:
        for entry in record.log.entries():
            sync = None if entry.sync is None else record.archive.sync(entry.sync)
            if sync is not None and sync.version in subjects:
                counts = entry.appeared, entry.changed, entry.disappeared
                assert counts == told(subjects[sync.version]), sync.version
                compared += 1
    assert compared == len(laid.commits) - 1


def told(subject: str) -> tuple[int, int, int]:
    """How many outages were added, changed and removed, as a commit message counts them: what is 0 is left out."""
    counts = {kind: int(count) for count, kind in re.findall(r"(\d+) outages? (added|changed|removed)", subject)}
    assert counts, subject
    return counts.get("added", 0), counts.get("changed", 0), counts.get("removed", 0)


@pytest.mark.thorough
@only_outages
def test_one_commit_loses_58_of_114_outages(laid: Laid) -> None:
    with Record.open(laid.data) as record:
        losses = [
            (len(record.log.catalogue("outage", at=before.observed_at)), entry.disappeared)
            for before, entry in pairwise(entry for entry in record.log.entries() if entry.kind == "sync")
            if (entry.disappeared or 0) >= 50
        ]
        assert (114, 58) in losses
        assert sum(event.kind is Kind.DISAPPEARED for event in record.log.events()) == GONE


@pytest.mark.parametrize("kind, column", [("club", "Club Number"), ("district", "Club")])
def test_saved_tables_come_back_row_by_row_without_their_footers(tmp_path: Path, kind: str, column: str) -> None:
    folder = data("toastmasters")
    rules = tmp_path / "toastmasters.toml"
    lines = "[[resource]]", f'name = "{kind}"', f'category = "{kind}"', 'format = "csv"', "footer = 1"
    rules.write_text("\n".join([*lines, f'key = "{{year}}/{{{column}}}"']))
    output(
        *("--data", tmp_path / "data", "import", "files", folder, "--resource", rules),
        *("--pattern", f"{kind}-performance-{{year}}.csv"),
    )
    expected = {}
    for path in folder.glob(f"{kind}-*.csv"):
        *table, footer = path.read_text(encoding="utf-8").splitlines()
        assert footer.startswith("Month of")
        for row in csv.DictReader(table):
            expected[f"{path.stem.removeprefix(f'{kind}-performance-')}/{row[column]}"] = text_of(row)
    with Record.open(tmp_path / "data") as record:
        assert record.log.issues() == []
        assert {key: text_of(each.document) for key, each in record.log.catalogue(kind).items()} == expected
        for sync in record.archive.syncs():
            for attempt in record.archive.attempts(sync.id):
                saved = folder / f"{kind}-performance-{dict(attempt.scope.params)['year']}.csv"
                assert record.archive.answer(attempt.id) == saved.read_bytes()


def test_saved_answers_come_back_one_after_the_other(tmp_path: Path) -> None:
    history = FilesHistory(data("openrouter"))
    with Record.open(tmp_path, write=True) as record:
        import_history(record, resolve("openrouter.providers"), history)
        for version in history.versions():
            items = json.loads(version.answers[0].body or b"")["data"]
            found = record.log.catalogue("provider", at=version.at)
            assert {key: text_of(state.document) for key, state in found.items()} == {
                item["slug"]: text_of(item) for item in items
            }
