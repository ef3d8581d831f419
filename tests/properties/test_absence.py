"""Any sequence of syncs against an API that fails, lies and changes: what the log says of it is what can be known.

A naive observer, written from design.md (section 3: L4, L5, L7, L8 and the rules below them) and from nothing else,
gets the same answers as the syncs, and has to come to the same events and confirmations.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from collector import LOGGER, Answer, Choice, Clock, accept, rebuild_log, sync_source
from collector.recording import Recording
from collector.sources.sourcefile import read
from eventstore import Document, Entity, Event, Kind, Record, Scope, State, verify
from tests.laying import empty_record
from tests.thorough import much

few = settings(max_examples=settings().max_examples * much(5, 8) // 8)
"""Each example is a handful of syncs, played twice or rebuilt."""

SOURCE: Final = read(
    """
[source]
name = "api"
base_url = "https://api.example"

[[resource]]
name = "models"
category = "model"
path = "/models"
items = "/data"
key = "{id}"
split = { stats = ["/seen"] }

[[resource]]
name = "endpoints"
category = "endpoint"
for_each = "model"
path = "/endpoints?of={model}"
items = "/data"
key = "{id}"
empty_on = [404]

[[resource]]
name = "apps"
category = "app"
path = "/apps"
items = "/data"
key = "{id}"
next = "/next"
total = "/total"
""",
    file="api.toml",
    name="api",
)
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
SIZE: Final = 8  # of each list: more than the five that may always go together
PAGE: Final = 4
FEW: Final = 5
HALF: Final = 0.5
SAME: Final = 0.9

Place: TypeAlias = str
"""What a request asks for: "models", "apps", or a model's id."""

Item: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str]
"""Category and key of an entity."""


# -- what is true, and what is said


class Says(enum.Enum):
    """How a place answers."""

    TRUTH = enum.auto()
    NOTHING = enum.auto()  # no answer
    STORM = enum.auto()  # 500
    MISSING = enum.auto()  # 404
    UNASKED = enum.auto()  # 304, whatever was asked
    HTML = enum.auto()
    HALF = enum.auto()  # of the JSON
    KEYLESS = enum.auto()  # the last item has no key
    UNREAD = enum.auto()  # the first item cannot be read
    TWICE = enum.auto()  # the first item stands there twice
    THIRD = enum.auto()  # of the list
    EMPTY = enum.auto()
    PAGE_FAILS = enum.auto()  # the second one
    ENDS_EARLY = enum.auto()  # after the first page


LIES: Final = frozenset({Says.THIRD, Says.EMPTY, Says.MISSING})
SILENT: Final = frozenset({Says.NOTHING, Says.STORM, Says.UNASKED, Says.HTML, Says.HALF})


class Truth:
    """Models, endpoints by model, and apps: by id."""

    def __init__(self) -> None:
        self.lists: dict[Place, dict[str, Item]] = {"models": {}, "apps": {}}
        for n in range(SIZE):
            self.put("models", n, 0)
            self.put("apps", n, 0)
            self.put(f"m{n}", n, 0)

    def put(self, place: Place, number: int, value: int | None) -> None:
        """Let something be there with this value, or not."""
        letter = {"models": "m", "apps": "a"}.get(place, "e")
        listed = self.lists.setdefault(place, {})
        key = f"{letter}{number}"
        listed.pop(key, None)
        if value is not None:
            listed[key] = {"id": key, "value": value, **({"seen": value // 2} if letter == "m" else {})}

    def items(self, place: Place) -> list[Item] | None:
        """What is there, None where the place itself is not."""
        if place in {"models", "apps"} or place in self.lists["models"]:
            listed = self.lists.get(place, {})
            return [listed[key] for key in sorted(listed)]
        return None


class Heard(NamedTuple):
    """What an answer comes to: documents by category and key, keys that are there and cannot be read."""

    shown: Mapping[Key, str]
    unread: frozenset[Key] = frozenset()
    complete: bool = True


def meant(place: Place, says: Says, items: Sequence[Item] | None, *, conditional: bool) -> Says:
    """How a place really answers: not every way to misbehave is open to each."""
    if says is Says.UNASKED and conditional:
        return Says.TRUTH
    if items is None and says not in {Says.NOTHING, Says.STORM, Says.UNASKED, Says.HTML}:
        return Says.TRUTH
    return Says.TRUTH if place != "apps" and says in {Says.PAGE_FAILS, Says.ENDS_EARLY} else says


def heard(place: Place, says: Says, items: Sequence[Item] | None) -> Heard | None:
    """What can be known from how a place answers, of which this is true; None: nothing."""
    if says in SILENT or (says is Says.MISSING and place in {"models", "apps"}):
        return None
    listed = list(items or [])
    if says in {Says.EMPTY, Says.MISSING}:
        return Heard({})
    if says is Says.THIRD:
        listed = listed[: len(listed) // 3]
    if place == "apps" and says in {Says.PAGE_FAILS, Says.ENDS_EARLY}:
        return Heard(_documents(place, listed[:PAGE]), complete=len(listed) <= PAGE)
    if listed and says is Says.KEYLESS:
        return Heard(_documents(place, listed[:-1]), complete=False)
    if listed and says is Says.UNREAD:
        keys = {(category, listed[0]["id"]) for category in _categories(place)}
        return Heard(_documents(place, listed[1:]), frozenset(keys))
    return Heard(_documents(place, listed))


def _categories(place: Place) -> tuple[str, ...]:
    return {"models": ("model", "stats"), "apps": ("app",)}.get(place, ("endpoint",))


def _documents(place: Place, items: Sequence[Item]) -> dict[Key, str]:
    found: dict[Key, str] = {}
    for item in items:
        found[_categories(place)[0], item["id"]] = _text({name: item[name] for name in item if name != "seen"})
        if "seen" in item:
            found["stats", item["id"]] = _text({"seen": item["seen"]})
    return found


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


class Telling:
    """A transport that says how things are, or something else, without any network."""

    def __init__(self, truth: Truth, says: Mapping[Place, Says], *, tagged: bool) -> None:
        self._truth = truth
        self._says = says
        self._tagged = tagged
        self.meant: dict[Place, Says] = {}

    async def ask(self, path: str, params: Mapping[str, str], *, validators: Mapping[str, str] = {}) -> Answer:
        place = params.get("model") or path[1:].partition("?")[0]
        items = self._truth.items(place)
        says = meant(place, self._says.get(place, Says.TRUTH), items, conditional=bool(validators))
        self.meant[place] = says
        status, body = self._answered(place, path, says, items)
        headers = {"ETag": hashlib.sha256(body).hexdigest()} if status == 200 and body and self._tagged else {}
        if status == 304 or (headers and headers["ETag"] == validators.get("If-None-Match")):
            return Answer(params, 304, None, headers=headers, url=path)
        if body is None:
            return Answer(params, status, None, error="no answer", url=path)
        return Answer(params, status, body, headers=headers, url=path)

    async def aclose(self) -> None:
        pass

    def _answered(
        self, place: Place, path: str, says: Says, items: list[Item] | None
    ) -> tuple[int | None, bytes | None]:
        page = int(path.partition("page=")[2] or "1") if place == "apps" else 1
        if says is Says.NOTHING:
            return None, None
        if says is Says.STORM or (says is Says.PAGE_FAILS and page > 1):
            return 500, b"oops"
        if says is Says.UNASKED:
            return 304, None
        if says is Says.HTML:
            return 200, b"<html>Back soon</html>"
        if items is None or says is Says.MISSING:
            return 404, b"{}"
        body = self._body(place, page, says, items)
        return 200, body[: len(body) // 2] if says is Says.HALF else body

    def _body(self, place: Place, page: int, says: Says, items: list[Item]) -> bytes:
        if says in {Says.EMPTY, Says.THIRD}:
            items = items[: len(items) // 3] if says is Says.THIRD else []
        if says is Says.TWICE:
            items = [*items, *items[:1]]
        if says is Says.KEYLESS and items:
            items = [*items[:-1], {"value": 1}]
        shown, beside = items, {}
        if place == "apps":
            more = page * PAGE < len(items) and says is not Says.ENDS_EARLY
            beside = {"total": len(items), "next": f"/apps?page={page + 1}" if more else None}
            shown = items[(page - 1) * PAGE : page * PAGE]
        if says is Says.UNREAD and page == 1 and shown:
            return _unreadable({"data": shown, **beside})
        return json.dumps({"data": shown, **beside}).encode()


def _unreadable(value: Any) -> bytes:
    """The first item has a number that no double can hold."""
    first = {**value["data"][0], "value": "HUGE"}
    return json.dumps({**value, "data": [first, *value["data"][1:]]}).replace('"HUGE"', "1e999", 1).encode()


# -- the naive observer


class Known(NamedTuple):
    """A live entity: its document, the place that holds it, when it was last confirmed, and whether it was doubted."""

    text: str
    place: Place
    confirmed_at: datetime
    doubted: bool = False


class Happened(NamedTuple):
    """An event: what, to what, the document that results, the place, and the interval in which it happened."""

    kind: Kind
    entity: Key
    text: str | None
    place: Place
    not_before: datetime | None
    at: datetime


class Listed(NamedTuple):
    """What a sync heard of one place."""

    place: Place
    heard: Heard


class Observer:
    """Notes what each sync heard, and concludes from it as the design says."""

    def __init__(self) -> None:
        self.live: dict[Key, Known] = {}
        self.gone_at: dict[Key, tuple[datetime | None, int]] = {}  # when, and in which of the syncs
        self.syncs: list[tuple[datetime, list[Listed], frozenset[str]]] = []  # with the categories that were doubted

    def observe(self, at: datetime, listed: Sequence[Listed], *, verdict_at: datetime | None = None) -> list[Happened]:
        """Conclude from what a sync heard at a time, in the order in which it asked.

        `verdict_at`: a person says then that all of it is so.
        """
        shown = {entity: (text, each) for each in listed for entity, text in each.heard.shown.items()}
        unread = {entity for each in listed for entity in each.heard.unread}
        complete = {each.place for each in listed if each.heard.complete}
        lacking = {
            entity
            for entity, known in self.live.items()
            if known.place in complete and entity not in shown and entity not in unread
        }
        doubted = self._doubted(lacking, complete) if verdict_at is None else set()
        gone = {entity for entity in lacking if entity[0] not in doubted}
        models = {key for category, key in gone if category == "model"}
        gone |= {
            entity
            for entity, known in self.live.items()
            if entity[0] == "endpoint" and known.place in models and entity not in shown and entity not in unread
        }
        seen = [self._seen(at, entity, text, each) for entity, (text, each) in shown.items()]
        happened = [each for each in seen if each is not None]
        for entity in gone:
            known = self.live.pop(entity)
            self.gone_at[entity] = at if verdict_at is None else None, len(self.syncs)
            at_last = known.confirmed_at
            happened.append(Happened(Kind.DISAPPEARED, entity, None, known.place, at_last, verdict_at or at))
        self._note(at, shown, {entity for entity in lacking if entity[0] in doubted}, complete)
        self.syncs.append((at, list(listed), frozenset(doubted)))
        return happened

    def _doubted(self, lacking: set[Key], complete: set[Place]) -> set[str]:
        """The categories of which too much lacks at once: more than five, more than half, and not again."""
        doubted: set[str] = set()
        for category in ("model", "stats", "endpoint", "app"):
            models = {key for name, key in lacking if name == "model" and "model" not in doubted}

            def counts(entity: Key, category: str = category, models: set[str] = models) -> bool:
                return entity[0] == category and not (category == "endpoint" and self.live[entity].place in models)

            missing = {entity for entity in lacking if counts(entity)}
            there = {entity for entity, known in self.live.items() if known.place in complete and counts(entity)}
            again = {entity for entity in missing if self.live[entity].doubted}
            if len(missing) > FEW and len(missing) > HALF * len(there) and len(again) < SAME * len(missing):
                doubted.add(category)
        return doubted

    def _seen(self, at: datetime, entity: Key, text: str, listed: Listed) -> Happened | None:
        known = self.live.get(entity)
        if known is None:
            return Happened(Kind.APPEARED, entity, text, listed.place, self._absent_at(entity, listed.place), at)
        if known.text == text:
            return None
        return Happened(Kind.CHANGED, entity, text, listed.place, known.confirmed_at, at)

    def _absent_at(self, entity: Key, place: Place) -> datetime | None:
        """When a place was last listed completely, and believed, without an entity that has not been there since."""
        gone_at, since = self.gone_at.get(entity, (None, 0))
        for at, listed, doubted in reversed(self.syncs[since:]):
            for each in listed:
                if (
                    each.place == place
                    and each.heard.complete
                    and entity not in each.heard.unread
                    and not {name for name in doubted if name in _categories(place)}
                ):
                    return at
        return gone_at

    def _note(
        self, at: datetime, shown: Mapping[Key, tuple[str, Listed]], doubted: set[Key], complete: set[Place]
    ) -> None:
        for entity, known in self.live.items():
            if known.place in complete:
                self.live[entity] = known._replace(doubted=entity in doubted)
        for entity, (text, each) in shown.items():
            before = self.live.get(entity)
            again = before is not None and before.doubted and not each.heard.complete and before.place == each.place
            self.live[entity] = Known(text, each.place, at, doubted=again)

    def believed_later(self, number: int, categories: set[str]) -> list[Listed]:
        """What a sync heard of some categories, of places that were not listed since."""
        since = {each.place for _, listed, _ in self.syncs[number + 1 :] for each in listed}
        return [
            each
            for each in self.syncs[number][1]
            if each.place not in since and categories.intersection(_categories(each.place))
        ]


# -- what is played


class Change(NamedTuple):
    """Something in a list gets a value, or goes; or all of it does (no number)."""

    place: Place
    number: int | None
    value: int | None


class After(enum.Enum):
    """What happens behind a sync."""

    NOTHING = enum.auto()
    COLD = enum.auto()  # all that is remembered is forgotten
    RESTART = enum.auto()
    REBUILD = enum.auto()
    VERDICT = enum.auto()  # what was doubted, if anything, is so


class Step(NamedTuple):
    """What changes, and what a sync then asks for and hears; places go on to say what they say where `says` is None."""

    changes: tuple[Change, ...]
    says: Mapping[Place, Says] | None
    asked: frozenset[str] | int | None  # resources, or one model; None: everything
    after: After


NUMBERS: Final = st.integers(0, SIZE - 1)
MODELS: Final = [f"m{n}" for n in range(SIZE)]
PLACES: Final = st.sampled_from(["models", "models", "apps", *MODELS])
CHANGES: Final = st.builds(Change, PLACES, st.none() | NUMBERS | NUMBERS | NUMBERS, st.none() | st.integers(0, 3))
LOUD: Final = st.dictionaries(PLACES, st.sampled_from(Says), max_size=4)
MASS: Final = st.sampled_from([*LIES, *SILENT]).map(lambda says: dict.fromkeys(MODELS, says))
STEPS: Final = st.builds(
    Step,
    st.just(()) | st.lists(CHANGES, max_size=4).map(tuple),
    st.none() | LOUD | LOUD | MASS,
    st.none() | st.none() | st.frozensets(st.sampled_from(["models", "endpoints", "apps"]), min_size=1) | NUMBERS,
    st.sampled_from(After),
)
STORIES: Final[SearchStrategy[list[Step]]] = st.lists(STEPS, min_size=2, max_size=7)
EVERY: Final = timedelta(hours=1)

HONEST: Final = Step((), {}, None, After.NOTHING)
CUT: Final = HONEST._replace(says={"apps": Says.THIRD})
ONE_GOES: Final = (Change("apps", 0, None),)
FIVE_OF_SEVEN_GO: Final = [HONEST._replace(changes=ONE_GOES), CUT]
FIVE_OF_SIX_GO_AGAIN: Final = [HONEST, CUT, CUT._replace(changes=ONE_GOES)]


class Stage:
    """A record on disk, the truth, and who observes it naively beside."""

    def __init__(self, folder: Path, *, tagged: bool) -> None:
        (folder / "record.db").write_bytes(empty_record())
        self._folder = folder
        self._tagged = tagged
        self._says: Mapping[Place, Says] = {}
        self.truth = Truth()
        self.clock = Clock(START)
        self.observer = Observer()
        self.expected: dict[int, list[Happened]] = {}  # by sync
        self.numbers: list[int] = []  # of syncs, as the observer counts them
        self.showed: dict[datetime, dict[Place, dict[Key, str]]] = {}
        self.open()

    def open(self) -> None:
        self.record = Record.open(self._folder, write=True)
        self.record._db.execute("PRAGMA synchronous = OFF")  # nothing here cuts the power

    def play(self, step: Step) -> None:
        """Let things change, sync, and see what happens then."""
        for change in step.changes:
            for number in range(SIZE) if change.number is None else (change.number,):
                self.truth.put(change.place, number, change.value)
        self.clock.now += EVERY
        self._says = self._says if step.says is None else step.says
        telling = Telling(self.truth, self._says, tagged=self._tagged)
        synced = sync_source(self.record, SOURCE, now=self.clock, choice=self._choice(step), transport=telling)
        assert synced is not None
        self._note(synced.sync, telling.meant)
        self._happens(step.after)

    def _choice(self, step: Step) -> Choice:
        if isinstance(step.asked, int):
            key = f"m{step.asked}"
            return Choice(only=key) if ("model", key) in self.observer.live else Choice()
        return Choice(resources=step.asked)

    def _note(self, sync: int, meant: Mapping[Place, Says]) -> None:
        places = dict.fromkeys(place_of(each.scope) for each in self.record.archive.attempts(sync))
        answers = ((place, heard(place, meant[place], self.truth.items(place))) for place in places)
        listed = [Listed(place, answer) for place, answer in answers if answer is not None]
        self.expected[sync] = self.observer.observe(self.clock.now, listed)
        self.numbers.append(sync)
        lies = {place for place, says in meant.items() if says in LIES}
        self.showed[self.clock.now] = {
            place: _documents(place, self.truth.items(place) or []) for place in ["models", "apps", *MODELS]
        }
        doubted = self.observer.syncs[-1][2]
        believed = [each for each in listed if each.place in lies and not doubted & set(_categories(each.place))]
        self._lied(believed, listed, self.clock.now)

    def _lied(self, believed: Sequence[Listed], listed: Sequence[Listed], at: datetime) -> None:
        """What was believed to be so counts as so: who lies cannot be known.

        Of models that are said to be gone there is only what their own list shows.
        """
        showed = self.showed[at]
        for each in believed:
            showed[each.place] = dict(each.heard.shown)
            if each.place == "models":
                whole = {other.place for other in listed if other.heard.complete}
                gone = {model for model in MODELS if ("model", model) not in each.heard.shown} - whole
                showed.update({model: {} for model in gone})
                showed.update({other.place: dict(other.heard.shown) for other in listed if other.place in gone})

    def _happens(self, after: After) -> None:
        match after:
            case After.COLD:
                self.record.archive.forget()
                self.record.log.forget()
            case After.RESTART:
                self.record.close()
                self.open()
            case After.REBUILD:
                assert rebuild_log(self.record, now=self.clock.now).same
            case After.VERDICT:
                self._believe()

    def _believe(self) -> None:
        """Say of the oldest sync that brought what is not believed that it is so."""
        standings = self.record.standings()
        sync = min((each.doubted_sync for each in standings if each.doubted_sync is not None), default=None)
        if sync is None:
            return
        resources = {each.resource for each in standings if each.doubted_sync == sync}
        categories = {category for each in resources for category in COVERED[each]}
        self.clock.now += timedelta(minutes=1)
        verdict = accept(self.record, sync, now=self.clock.now).verdict
        number = self.numbers.index(sync)
        listed, at = self.observer.believed_later(number, categories), self.observer.syncs[number][0]
        self.expected[verdict] = self.observer.observe(at, listed, verdict_at=self.clock.now)
        self.numbers.append(verdict)
        self._lied(listed, listed, at)


COVERED: Final = {
    "api.models": ("model", "stats", "endpoint"),  # what is asked for each of what is believed to be gone
    "api.endpoints": ("endpoint",),
    "api.apps": ("app",),
}


def place_of(scope: Scope) -> Place:
    return dict(scope.params).get("model", scope.resource)


@pytest.fixture(autouse=True, scope="module")
def nothing_is_told() -> Iterator[None]:
    """Nobody reads what thousands of syncs tell of their requests."""
    logger = logging.getLogger(LOGGER)
    before, logger.level = logger.level, logging.CRITICAL
    yield
    logger.level = before


@contextlib.contextmanager
def played(story: Sequence[Step], *, tagged: bool) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder), tagged=tagged)
        try:
            for step in story:
                stage.play(step)
            yield stage
        finally:
            stage.record.close()


def happened(event: Event) -> Happened:
    entity = event.entity.category, event.entity.key
    return Happened(event.kind, entity, event.hash, place_of(event.scope), event.not_before, event.observed_at)


def states(record: Record) -> dict[Entity, State]:
    catalogues = (record.log.catalogue(each.address) for each in record.log.categories())
    return {state.entity: state for catalogue in catalogues for state in catalogue.values()}


def hashed(each: Happened) -> Happened:
    digest = hashlib.sha256(b"").hexdigest() if each.text is None else Document.of(json.loads(each.text)).hash
    return each._replace(text=digest)


@few
@given(story=STORIES, tagged=st.booleans())
@example(story=FIVE_OF_SEVEN_GO, tagged=True)
@example(story=FIVE_OF_SIX_GO_AGAIN, tagged=True)
def test_the_log_says_what_a_naive_observer_concludes(*, story: list[Step], tagged: bool) -> None:
    """P8, P9, P13: what is gone, complete listings justify (L5, L7), and what was last confirmed when (L8)."""
    with played(story, tagged=tagged) as stage:
        found: dict[int, set[Happened]] = {sync: set() for sync in stage.expected}
        for event in stage.record.log.events():
            found[event.sync].add(happened(event))
        assert found == {sync: set(map(hashed, each)) for sync, each in stage.expected.items()}
        stand = {
            (entity.category, entity.key): (state.confirmed_at, place_of(state.scope))
            for entity, state in states(stage.record).items()
        }
        live = stage.observer.live
        assert {key: at for key, (at, _) in stand.items()} == {key: known.confirmed_at for key, known in live.items()}
        assert_intervals_hold_the_truth(stage)
        before = states(stage.record)
        assert rebuild_log(stage.record, now=stage.clock.now).same
        assert states(stage.record) == before
        assert verify(stage.record, deep=True) == []


def assert_intervals_hold_the_truth(stage: Stage) -> None:
    """At `not_before` the API had the old value, and the new one when it was asked.

    What several models have at once is left out: it is gone where the one that last held it says so (L7).
    """
    texts: dict[Key, str | None] = {}
    places: dict[Key, set[Place]] = {}
    for showed in stage.showed.values():
        for place, documents in showed.items():
            for entity in documents:
                places.setdefault(entity, set()).add(place)
    for happened in (each for sync in sorted(stage.expected) for each in stage.expected[sync]):
        before, texts[happened.entity] = texts.get(happened.entity), happened.text
        if happened.not_before is None or len(places[happened.entity]) > 1:
            continue
        assert stage.showed[happened.not_before][happened.place].get(happened.entity) == before
        if happened.at in stage.showed:
            assert stage.showed[happened.at][happened.place].get(happened.entity) == happened.text


@few
@given(story=STORIES, tagged=st.booleans())
def test_answers_that_are_not_read_again_would_have_changed_nothing(*, story: list[Step], tagged: bool) -> None:
    """L4, L8: the same log, event by event and confirmation by confirmation, where every answer is read."""
    with played(story, tagged=tagged) as short:
        events, stand, entries = list(short.record.log.events()), states(short.record), counts(short.record)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recording, "_says_the_same", lambda *_: False)
        with played(story, tagged=tagged) as long:
            assert list(long.record.log.events()) == events
            assert states(long.record) == stand
            assert counts(long.record) == entries


def counts(record: Record) -> list[tuple[object, ...]]:
    return [
        (
            each.sync,
            each.observed_at,
            each.seq,
            each.status,
            each.appeared,
            each.changed,
            each.disappeared,
            each.unchanged,
        )
        for each in record.log.entries()
    ]
