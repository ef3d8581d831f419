"""Views of recorded histories: what they say is what follows from git's own contents.

What must come out is worked out with the standard library alone, from what git shows of each commit: nothing here
looks into the record. Times in views are those of commits, and each list is whole, so that what a list says no more was
confirmed by the one before it.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import marshal
import random
import re
import subprocess
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from collector import GitHistory, import_history, resolve
from eventstore import Record
from projector import Catalogue, Query, Runner, Store
from tests.cookbook import MODEL, about, questions
from tests.gitrepo import run_git
from tests.model import text_of
from tests.recordings import data
from tests.thorough import much

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

# The commits that are laid down: those that the questions are about are among them.
MODELS: Final = range(much(350, 695))
OUTAGES: Final = range(much(1200, 690), 1500)

FIVE_LINES: Final = """\
[[resource]]
name = "outages"
category = "outage"
items = ""                  # the whole answer is the list
key = "{outageNumber}"
"""

MILLION: Final = 1_000_000
SAMPLE: Final = 30

STOOD: Final = "valid_from <= :at AND (valid_to IS NULL OR valid_to > :at)"

Answer = Mapping[str, Any]
"""What a commit lists: key to document. Equal documents of all commits are one object."""


class Recording(NamedTuple):
    """A recorded file, the member that tells its items apart, and the commits that are laid down."""

    bundle: str
    path: str
    key: str
    commits: range


class Projected(NamedTuple):
    """A recording that was laid down and projected: the views, and what git shows, commit by commit."""

    views: Path
    times: Sequence[str]
    answers: Sequence[Answer]

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with Query(self.views, sql, values) as query:
            return list(query.rows())

    def at(self, instant: str) -> Answer:
        """What the last commit until an instant lists."""
        return [answer for time, answer in self.commits() if time <= instant][-1]

    def commits(self) -> Iterator[tuple[str, Answer]]:
        return zip(self.times, self.answers, strict=True)

    def joined(self, view: str, columns: str, *, every: int = 1) -> Iterator[tuple[Answer, list[tuple[Any, ...]]]]:
        """What each commit (or one of so many) lists, with all rows of a view that held then: key and some columns."""
        sql = (
            f"SELECT s.observed_at, v.key, {columns} FROM syncs s JOIN {view} v ON v.valid_from <= s.observed_at "
            "AND (v.valid_to IS NULL OR v.valid_to > s.observed_at) WHERE (s.id - 1) % :every = 0 ORDER BY s.id"
        )
        with Query(self.views, sql, {"every": every}, seconds=120) as query:
            groups = itertools.groupby(query.rows(), key=lambda row: row[0])
            for (time, answer), (at, rows) in zip(
                itertools.islice(self.commits(), 0, None, every), groups, strict=True
            ):
                assert at == time
                yield answer, [row[1:] for row in rows]

    def steps(self) -> Iterator[tuple[str | None, Answer, str, Answer]]:
        """Each commit's time and list, behind those of the commit before it."""
        before: tuple[str | None, Answer] = None, {}
        for after in self.commits():
            yield *before, *after
            before = after


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Projected:
    what = Recording("openrouter-models", "data/output.json", "id", MODELS)
    return projected(tmp_path_factory.mktemp("models"), what, "openrouter.models")


@pytest.fixture(scope="module")
def outages(tmp_path_factory: pytest.TempPathFactory) -> Projected:
    folder = tmp_path_factory.mktemp("outages")
    rules = folder / "outages.toml"
    rules.write_text(FIVE_LINES, encoding="utf-8")
    what = Recording("power-outages", "pge-outages.json", "outageNumber", OUTAGES)
    return projected(folder, what, str(rules), "outage", "outage_history")


def projected(folder: Path, what: Recording, rules: str, *views: str) -> Projected:
    clone = folder / "clone"
    run_git(folder, "clone", "--quiet", "--bare", str(data(f"{what.bundle}.bundle")), str(clone))
    log = [line.split() for line in run_git(clone, "log", "--reverse", "--format=%H %ct").splitlines()]
    commits = [
        (name, datetime.fromtimestamp(int(seconds), UTC))
        for name, seconds in log[what.commits.start : what.commits.stop]
    ]
    assert len(commits) == len(what.commits)
    assert all(earlier < later for (_, earlier), (_, later) in itertools.pairwise(commits))
    file = folder / "views.db"
    with Record.open(folder / "data", write=True) as record, Store.open(file, write=True) as store:
        import_history(record, resolve(rules), GitHistory(clone, what.path, since=commits[0][1], until=commits[-1][1]))
        Runner(record, store, Catalogue()).rebuild(views)
    answers = list(listed(clone, [f"{name}:{what.path}" for name, _ in commits], what.key))
    return Projected(file, [time_of(at) for _, at in commits], answers)


def listed(clone: Path, objects: Sequence[str], key: str) -> Iterator[Answer]:
    """What git shows of each of these objects, as key to document."""
    known: dict[str, Any] = {}
    seen: dict[bytes, Any] = {}  # most documents stand at many commits, and are written there as before
    for shown in contents(clone, objects):
        value = json.loads(shown)
        items = value["data"] if isinstance(value, dict) else value
        answer = {}
        for item in items:
            written = marshal.dumps(item, 2)
            document = seen.get(written)
            if document is None:
                document = seen[written] = known.setdefault(text_of(item), item)
            answer[item[key]] = document
        assert len(answer) == len(items)
        yield answer


def contents(clone: Path, objects: Sequence[str]) -> Iterator[bytes]:
    """What `git show` prints of each."""
    asked = clone / "objects-asked"
    asked.write_text("".join(f"{each}\n" for each in objects), encoding="utf-8")
    with (
        asked.open() as names,
        subprocess.Popen(["git", "cat-file", "--batch"], cwd=clone, stdin=names, stdout=subprocess.PIPE) as git,
    ):
        assert git.stdout is not None
        for _ in objects:
            size = int(git.stdout.readline().split()[2])
            yield git.stdout.read(size)
            git.stdout.read(1)


def time_of(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def instant_of(time: str) -> datetime:
    return datetime.fromisoformat(time)


class Stretch(NamedTuple):
    """A value and when it was there: seen first and last not yet, seen no more and last still."""

    of: Any
    value: Any
    since: str
    not_before: str | None
    until: str | None
    until_not_before: str | None


def stretches(said: Iterable[tuple[str, Mapping[Any, Hashable]]]) -> list[Stretch]:
    """All values that were ever said of anything, told commit by commit, in the order of what they are of."""
    found: list[Stretch] = []
    open_: dict[Any, Stretch] = {}
    previous: str | None = None
    for time, values in said:
        ended = [of for of, stretch in open_.items() if of not in values or values[of] != stretch.value]
        found.extend(open_.pop(of)._replace(until=time, until_not_before=previous) for of in ended)
        for of, value in values.items():
            if of not in open_:
                open_[of] = Stretch(of, value, time, previous, None, None)
        previous = time
    return sorted([*found, *open_.values()], key=lambda stretch: (stretch.of, stretch.since))


# -- prices


def prices_of(answer: Answer) -> dict[tuple[str, str], tuple[str | None, float | None, int]]:
    """What each model costs, by model and kind of price: exact digits, for a million, and whether it varies."""
    return {(key, kind): priced(text) for key, document in answer.items() for kind, text in document["pricing"].items()}


@functools.cache
def priced(text: str) -> tuple[str | None, float | None, int]:
    price = Decimal(text)
    if price == -1:
        return None, None, 1
    return f"{price.normalize():f}", float(price * MILLION), 0


def test_prices_are_what_each_commit_says_and_when_that_changed(models: Projected) -> None:
    expected = stretches((time, prices_of(answer)) for time, answer in models.commits())
    found = models.rows(
        "SELECT key, kind, price, per_million, varies, valid_from, not_before, valid_to, valid_to_not_before "
        "FROM prices WHERE source = 'openrouter' AND category = 'model' AND from_tokens = 0 AND model = key "
        "ORDER BY key, kind, valid_from"
    )
    assert [Stretch((row[0], row[1]), row[2:5], *row[5:]) for row in found] == expected
    assert models.rows("SELECT count(*) FROM prices") == [(len(expected),)]
    kinds = Counter(stretch.of[1] for stretch in expected)
    assert min(kinds["prompt"], kinds["completion"]) > much(800, 1000)
    assert any(stretch.value[2] for stretch in expected)  # -1 is there too


def test_prices_joined_to_the_time_of_a_commit_are_those_that_it_says(models: Projected) -> None:
    """One of ten is enough: all rows, and both ends of each, are compared above."""
    for answer, rows in models.joined("prices", "kind, price, per_million, varies", every=10):
        expected = prices_of(answer)
        assert {(key, kind): tuple(price) for key, kind, *price in rows} == expected
        assert len(rows) == len(expected)


# -- presence


def presences(models: Projected) -> list[Stretch]:
    return stretches((time, dict.fromkeys(answer, True)) for time, answer in models.commits())


def test_intervals_of_presence_are_those_in_which_commits_list_a_model(models: Projected) -> None:
    found = models.rows(
        "SELECT key, valid_from, not_before, valid_to, valid_to_not_before FROM presence "
        "WHERE source = 'openrouter' AND category = 'model' ORDER BY key, valid_from"
    )
    assert [Stretch(key, True, *rest) for key, *rest in found] == presences(models)  # noqa: FBT003
    assert models.rows("SELECT count(*) FROM presence") == [(len(found),)]


def test_gaps_of_a_lifecycle_are_the_commits_that_miss_a_model(models: Projected) -> None:
    """One that a single commit misses is doubtful."""
    expected: list[tuple[Any, ...]] = []
    for key, group in itertools.groupby(presences(models), key=lambda stretch: stretch.of):
        intervals = list(group)
        for number, (here, there) in enumerate(itertools.zip_longest(intervals, intervals[1:]), 1):
            gap: tuple[Any, ...] = (None, None, None)
            if there is not None:
                assert here.until is not None
                seconds = (instant_of(there.since) - instant_of(here.until)).total_seconds()
                missing = sum(here.until <= time < there.since for time in models.times)
                gap = there.since, pytest.approx(seconds, abs=0.001), int(missing == 1)
            expected.append((key, number, *here[2:], *gap))
    found = models.rows(
        "SELECT key, interval, appeared_at, appeared_not_before, disappeared_at, disappeared_not_before, returned_at, "
        "gap_seconds, gap_doubtful FROM lifecycle ORDER BY key, interval"
    )
    assert found == expected
    assert Counter(row[-1] for row in found).keys() == {None, 0, 1}


# -- changes

SETS: Final = (
    ("supported_parameters",),
    ("architecture", "input_modalities"),
    ("architecture", "output_modalities"),
)
"""Arrays of a model whose order says nothing, as the policy that comes with orlog has it."""


class Absent:
    """Stands where a document says nothing."""


def differences(before: Any, after: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, str | None, str | None]]:
    """The places at which two documents differ, by name, with the text of what each says there."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from differences(before.get(name, Absent), after.get(name, Absent), (*place, name))
        return
    texts = said(before, place), said(after, place)
    if texts[0] != texts[1]:
        yield "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in place), *texts


def said(value: Any, place: tuple[str, ...]) -> str | None:
    if value is Absent:
        return None
    if isinstance(value, list):
        assert not any(isinstance(element, dict | list) for element in value)  # no model has such an array
        return text_of(sorted(set(value)) if place in SETS else value)
    return text_of(value)


def test_changes_are_what_two_commits_on_end_say_differently(models: Projected) -> None:
    expected = [
        (time, key, number, document["name"], *difference, previous)
        for previous, before, time, after in models.steps()
        for key, document in sorted(after.items())
        if key in before and before[key] is not document
        for number, difference in enumerate(differences(before[key], document), 1)
    ]
    found = models.rows(
        "SELECT observed_at, key, number, name, path, before, after, not_before FROM changes "
        "WHERE was_at IS NULL ORDER BY observed_at, key, number"
    )
    assert found == expected
    assert models.rows("SELECT count(*) FROM changes") == [(len(expected),)]


def test_shuffled_parameters_are_no_changes(models: Projected) -> None:
    shuffled = sum(
        before[key] is not document and not any(differences(before[key], document))
        for _, before, _, after in models.steps()
        for key, document in after.items()
        if key in before
    )
    events = models.rows("SELECT sum(changed) FROM syncs")[0][0]
    assert models.rows("SELECT count(DISTINCT seq) FROM changes") == [(events - shuffled,)]
    assert shuffled > 0


# -- documents


def columns_of(document: Any) -> dict[str, Any]:
    """The values of a document by the name of the column for each, less those that are null."""
    found: dict[str, Any] = {}
    for place, value in fields(document):
        name = re.sub(r"\W+", "_", "_".join(place))
        assert name not in found
        if value is not None:
            found[name] = text_of(value) if isinstance(value, dict | list) else value
    return {name: int(value) if isinstance(value, bool) else value for name, value in found.items()}


def fields(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from fields(member, (*place, name))
    else:
        yield place, value


KEPT: Final = {
    *("source", "key", "parent", "valid_from", "not_before", "valid_to", "valid_to_not_before"),
    *("seq", "sync", "until_seq", "until_sync", "updated_at"),
}


def documents_at(models: Projected, instant: str) -> dict[str, str]:
    """What `model_history` has of each model at an instant, in every column, as text."""
    with Query(models.views, f"SELECT * FROM model_history WHERE {STOOD}", {"at": instant}) as query:
        rows = [dict(zip(query.columns, row, strict=True)) for row in query.rows()]
    found = {row["key"]: text_of(own(row)) for row in rows}
    assert len(found) == len(rows)
    return found


def own(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in KEPT and value is not None}


def test_model_history_at_any_instant_is_the_list_that_stood_then(models: Projected) -> None:
    first, last = instant_of(models.times[0]), instant_of(models.times[-1])
    chance = random.Random(1)
    instants = [first + timedelta(seconds=chance.randrange(int((last - first).total_seconds()))) for _ in range(SAMPLE)]
    for instant in map(time_of, [first, *instants, last, last + timedelta(days=1)]):
        expected = {key: text_of(columns_of(document)) for key, document in models.at(instant).items()}
        assert documents_at(models, instant) == expected, instant
    assert documents_at(models, time_of(first - timedelta(seconds=1))) == {}


def test_columns_of_model_history_joined_to_the_time_of_any_commit_are_what_it_lists(models: Projected) -> None:
    columns = "name, context_length, pricing_prompt, architecture_modality, top_provider_is_moderated"
    for answer, rows in models.joined("model_history", columns):
        expected = {
            key: (
                document["name"],
                document["context_length"],
                document["pricing"]["prompt"],
                document["architecture"]["modality"],
                document["top_provider"]["is_moderated"],
            )
            for key, document in answer.items()
        }
        assert {key: tuple(values) for key, *values in rows} == expected
        assert len(rows) == len(expected)


def test_the_models_that_stand_are_those_of_the_last_commit(models: Projected) -> None:
    with Query(models.views, "SELECT * FROM model") as query:
        rows = [dict(zip(query.columns, row, strict=True)) for row in query.rows()]
    expected = {key: text_of(columns_of(document)) for key, document in models.answers[-1].items()}
    assert {row["key"]: text_of(own(row)) for row in rows} == expected
    assert len(rows) == len(expected)


# -- counts


class Life:
    """What is counted of one model."""

    def __init__(self) -> None:
        self.document: Any = Absent  # the last one
        self.live = False
        self.first = self.changed = self.confirmed = ""
        self.gone: str | None = None
        self.versions = self.appearances = 0


def lives(models: Projected) -> dict[str, Life]:
    found: dict[str, Life] = {}
    for previous, _, time, answer in models.steps():
        for key, document in answer.items():
            life = found.setdefault(key, Life())
            if not life.live:
                life.appearances += 1
            if not life.live or life.document is not document:
                life.versions += 1
                life.changed = time
            life.first = life.first or time
            life.document, life.live, life.gone, life.confirmed = document, True, None, time
        for key, life in found.items():
            if life.live and key not in answer:
                assert life.confirmed == previous
                life.live, life.gone = False, time
    return found


def test_the_manifest_counts_what_commits_list(models: Projected) -> None:
    expected = [
        (
            *(key, int(life.live), life.first, life.changed, life.confirmed, life.gone),
            *(life.versions, life.appearances, hashlib.sha256(text_of(life.document).encode()).hexdigest()),
        )
        for key, life in sorted(lives(models).items())
    ]
    found = models.rows(
        "SELECT key, live, first_seen, last_changed, last_confirmed, gone_at, versions, appearances, hash "
        "FROM manifest WHERE category = 'model' ORDER BY key"
    )
    assert found == expected
    assert models.rows("SELECT count(*) FROM manifest") == [(len(expected),)]


def test_the_syncs_are_the_commits(models: Projected) -> None:
    expected = []
    for _, before, time, after in models.steps():
        kept = before.keys() & after.keys()
        changed = sum(before[key] is not after[key] for key in kept)
        expected.append((time, len(after) - len(kept), changed, len(before) - len(kept), len(kept) - changed))
    assert (
        models.rows("SELECT observed_at, appeared, changed, disappeared, unchanged FROM syncs ORDER BY id") == expected
    )


# -- the cookbook

NO_ENDPOINTS: Final = ("endpoint", "offers", "orphans", "candles", "gaps")
"""What questions are about that this recording has nothing of."""


@pytest.mark.parametrize(
    "question", [name for name, sql in questions().items() if not any(map(sql.__contains__, NO_ENDPOINTS))]
)
def test_questions_of_the_cookbook_are_answered_at_once(models: Projected, question: str) -> None:
    """Within a second on a machine that does other things too; by itself it takes a tenth of that at most."""
    sql = about(questions()[question], {MODEL: "mistralai/mistral-nemo"})  # its prices changed often
    with Query(models.views, sql, seconds=1) as query:
        rows = list(query.rows())
    # nothing failed here, and each list is whole
    assert bool(rows) is (question not in {"Syncs that did not succeed", "What stands and was not confirmed for long"})


# -- power cuts: five lines of rules, no code


def customers(document: Any) -> int:
    return int(document["estCustAffected"])


def test_how_many_customers_had_no_power_in_each_region_at_an_instant(outages: Projected) -> None:
    instant = "2019-06-19T21:00:00.000Z"
    expected: Counter[str] = Counter()
    for document in outages.at(instant).values():
        expected[document["regionName"]] += customers(document)
    found = outages.rows(
        f"SELECT regionName, sum(CAST(estCustAffected AS INTEGER)) FROM outage_history WHERE {STOOD} GROUP BY 1",
        at=instant,
    )
    assert dict(found) == expected
    assert len(found) > 10


def test_what_the_crew_did_about_a_power_cut_and_since_when(outages: Projected) -> None:
    key = "421247"
    told = [(time, answer[key]["crewCurrentStatus"]) for time, answer in outages.commits() if key in answer]
    expected = [next(group) for _, group in itertools.groupby(told, key=lambda each: each[1])]
    found = outages.rows(
        "SELECT valid_from, crewCurrentStatus FROM (SELECT *, lag(crewCurrentStatus) OVER (ORDER BY seq) AS before "
        "FROM outage_history WHERE key = :key) WHERE crewCurrentStatus IS NOT before ORDER BY seq",
        key=key,
    )
    assert found == expected
    assert len(found) == 5


def test_which_power_cuts_that_last_still_are_the_largest(outages: Projected) -> None:
    last = outages.answers[-1]
    largest = sorted(last, key=lambda key: (-customers(last[key]), key))[:10]
    expected = [(key, last[key]["regionName"], customers(last[key]), last[key].get("currentEtor")) for key in largest]
    found = outages.rows(
        "SELECT key, regionName, CAST(estCustAffected AS INTEGER) AS customers, currentEtor FROM outage "
        "ORDER BY customers DESC, key LIMIT 10"
    )
    assert found == expected
    assert outages.rows("SELECT count(*) FROM outage") == [(len(last),)]
