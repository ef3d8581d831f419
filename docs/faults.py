"""Writes `docs/faults.md`, what comes of each way in which an API can misbehave: `make faults`.

Each row is played: a server on this machine, syncs over HTTP, a record.
"""

from __future__ import annotations

import functools
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from collector import Accepted, Clock, Source, Synced, accept, rebuild_log, sync_source
from collector.sync import manners_of
from collector.transport.http import HttpTransport
from eventstore import Attempt, Event, Kind, Record, Scope, State, standing_alerts, verify
from tests.faults import misbehaving as bad
from tests.faults.misbehaving import Api, Fault, MisbehavingServer

PAGE: Final = Path(__file__).with_name("faults.md")

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
EVERY: Final = timedelta(days=2)  # more than the clocks are off: what a verdict corrects stays in its order
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)

_SIGNS: Final = {Kind.APPEARED: "+", Kind.CHANGED: "~", Kind.DISAPPEARED: "-"}
_CHANCE: Final = re.compile(r"(?<=after )\d+(?= bytes)|\d+(?= bytes came)|(?<=127\.0\.0\.1:)\d+")
"""What is different each time: how far the network got, and where the server listens."""

_OPENING: Final = """\
# When an API misbehaves

Written by `make faults`, which plays each row: a server on this machine is asked over HTTP, honest at first, then
as the row says, then honest again. `tests/faults/test_misbehaving.py` has the same rows, written by hand.

The API has a list of twelve models, m01 to m12, the endpoints of each (404 for a model that is not there), and ten apps
on three pages. Between the first two syncs, of the models m01 goes, m02 changes and m13 comes; of the endpoints of m03
the same happens to a, b and c; of the apps to a01, a02 and a11. One request (in the last rows: each) is then answered
as the row says. What it is not about is recorded as it is: that is checked for each row, and not shown.

- *archived*: each request for it in the second sync: its status, the bytes or the error that is kept, how often it was
  tried where that is more than once.
- *recorded*: its events: `+` appeared, `~` changed, `-` disappeared.
- *confirmed*: how many of those that are then live were confirmed by this sync.
- *reported*: how the sync ended for the resource / as a whole, the codes of its issues, the alerts that stand.
- *then*: what the third sync records of it.
"""


Verdict: TypeAlias = Callable[[Record, int, datetime], Accepted]


class Case(NamedTuple):
    """What one row plays: to `path` ("" for every one) the second sync hears `fault`, and the third `again`.

    `before` is what the first one hears, `still` that nothing changes between the first two. `verdict` is given behind
    the second sync; `off` is by how much this machine's clock is set in the third.
    """

    path: str
    fault: Fault
    again: Fault = bad.honest
    before: Fault = bad.honest
    still: bool = False
    verdict: Verdict | None = None
    off: timedelta = timedelta()


class Row(NamedTuple):
    """What came of it, in words."""

    archived: str
    recorded: str
    confirmed: str
    reported: str
    then: str


class Played(NamedTuple):
    """What came of it, and what came of all else in the second sync: events as in `Row.recorded`, by category."""

    row: Row
    elsewhere: Mapping[str, str]
    unconfirmed: int  # entities elsewhere that are live and were not confirmed
    not_before: Mapping[str, datetime | None]  # of what the third sync recorded of it, by key
    same: bool  # that the record verifies, and folds to the same log again


def _accepting(*, corrected: bool = False) -> Verdict:
    return lambda record, sync, now: accept(record, sync, now=now, corrected=corrected)


ENDPOINTS: Final = bad.endpoints_of("m03")

CASES: Final[Mapping[str, Case]] = {
    "nothing: it is honest": Case(bad.MODELS, bad.honest),
    "slow, but in time": Case(bad.MODELS, bad.slow),
    "drips without end": Case(bad.MODELS, bad.dripping),
    "hangs": Case(bad.MODELS, bad.hanging),
    "hangs once": Case(bad.MODELS, bad.first(1, bad.hanging)),
    "429, without Retry-After": Case(bad.MODELS, bad.status(429)),
    "429 once, Retry-After: 0": Case(bad.MODELS, bad.first(1, bad.status(429, Retry_After="0"))),
    "429, Retry-After: 3600": Case(bad.MODELS, bad.status(429, Retry_After="3600")),
    "429, Retry-After an hour after Date": Case(bad.MODELS, bad.come_back_at(HOUR)),
    "429 once, Retry-After at Date": Case(bad.MODELS, bad.first(1, bad.come_back_at(timedelta()))),
    "500": Case(bad.MODELS, bad.status(500)),
    "500 once": Case(bad.MODELS, bad.first(1, bad.status(500))),
    "reset in the middle": Case(bad.MODELS, bad.reset),
    "closed in the middle": Case(bad.MODELS, bad.cut_off),
    "no HTTP": Case(bad.MODELS, bad.no_http),
    "200 kB of headers": Case(bad.MODELS, bad.oversized),
    "gzip bomb": Case(bad.MODELS, bad.bomb),
    "a body without end": Case(bad.MODELS, bad.endless),
    "redirects to itself": Case(bad.MODELS, bad.redirect("/models")),
    "redirects on and on": Case(bad.MODELS, bad.redirect("/models?n={}")),
    "redirects to another host": Case(bad.MODELS, bad.redirect("https://other.example/models")),
    "truncated JSON, its length right": Case(bad.MODELS, bad.saying(bad.halved)),
    "HTML with status 200": Case(bad.MODELS, bad.html),
    "Latin-1 instead of UTF-8": Case(bad.MODELS, bad.saying(bad.latin_1)),
    "403": Case(bad.MODELS, bad.status(403)),
    "404": Case(bad.MODELS, bad.status(404)),
    "404 in `empty_on`": Case(ENDPOINTS, bad.status(404)),
    "304, wanted": Case(bad.MODELS, bad.honest, still=True),
    "304, nothing was said to be known": Case(bad.MODELS, bad.nothing_new, before=bad.untagged),
    "an empty list, of many": Case(bad.MODELS, bad.listing(bad.none)),
    "an empty list, of few": Case(ENDPOINTS, bad.listing(bad.none)),
    "a third of the list": Case(bad.MODELS, bad.listing(bad.a_third)),
    "a third of the list, twice": Case(bad.MODELS, bad.listing(bad.a_third), again=bad.listing(bad.a_third)),
    "a third of the list, accepted": Case(bad.MODELS, bad.listing(bad.a_third), verdict=_accepting()),
    "items twice, equal": Case(bad.MODELS, bad.listing(bad.twice("m04"))),
    "items twice, not equal": Case(bad.MODELS, bad.listing(bad.twice("m04", price=99))),
    "an item that cannot be read": Case(
        bad.MODELS, bad.saying(lambda body: body.replace(b'"price": 5', b'"price": 1e999'))
    ),
    "an item without a key": Case(bad.MODELS, bad.listing(bad.with_item({"m05": None}))),
    "the second page fails": Case("/apps?page=2", bad.status(500)),
    "the pages end early": Case(bad.APPS, bad.member("next", None)),
    "the pages go round in circles": Case(bad.APPS, bad.member("next", "/apps")),
    "the next page is on another host": Case(bad.APPS, bad.member("next", "https://other.example/apps?page=2")),
    "Date a day early, of one answer": Case(bad.MODELS, bad.dated(-DAY)),
    "each: 500": Case("", bad.status(500)),
    "each: Date a day late": Case("", bad.dated(DAY)),
    "each: Date a day late, accepted": Case("", bad.dated(DAY), verdict=_accepting()),
    "each: Date a day late, corrected": Case("", bad.dated(DAY), verdict=_accepting(corrected=True), off=DAY),
    "each: Date a day early": Case("", bad.dated(-DAY)),
    "each: Date a day early, accepted": Case("", bad.dated(-DAY), verdict=_accepting()),
    "each: Date a day early, corrected": Case("", bad.dated(-DAY), verdict=_accepting(corrected=True), off=-DAY),
}


@functools.cache
def played(name: str) -> Played:
    """Play a row."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder, Record.open(folder, write=True) as record:
        stage = Stage(record)
        with MisbehavingServer(stage.api, stage.clock) as server:
            stage.source = bad.source(server.base_url)
            server.misbehave({case.path: case.before})
            stage.sync()
            if not case.still:
                something_happens(stage.api)
            server.misbehave({case.path: case.fault})
            second = stage.sync()
            accepted = None if case.verdict is None else case.verdict(record, second.sync, stage.clock.now - HOUR)
            told = _Told(record, case, second, accepted)
            row, rest = told.row(), told.elsewhere()
            stage.clock.now += case.off
            server.misbehave({case.path: case.again})
            then = _Told(record, case, stage.sync(), None).events()
            damage = verify(record, deep=True)
            again = rebuild_log(record, now=stage.clock.now)
        return Played(
            row._replace(then=_signs(then)),
            *rest,
            {event.entity.key: event.not_before for event in then},
            again.same and not damage,
        )


def _made(synced: Synced | None) -> Synced:
    if synced is None:
        raise RuntimeError("there was something to ask for, and nothing was asked")
    return synced


class Stage:
    """A record, an API and a clock; `source` is where a server listens."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.clock = Clock(START)
        self.api = truth()
        self.source: Source

    def sync(self) -> Synced:
        """Sync, and let time pass."""
        done = sync_source(self.record, self.source, now=self.clock, transport=_transport(self.source))
        self.clock.now += EVERY
        return _made(done)


def _transport(source: Source) -> HttpTransport:
    """As a sync makes it, but that it waits no longer than it must before it tries again."""
    return HttpTransport(source.base_url or "", manners=manners_of(source), random=lambda low, _: low)


def truth() -> Api:
    """The API before anything happens."""
    api = Api()
    for number in range(1, 13):
        model = f"m{number:02}"
        api.models[model] = {"id": model, "name": f"Model {number}", "price": number}
        api.endpoints[model] = {tag: {"tag": tag, "price": number} for tag in "ab"}
    api.models["m04"]["name"] = "Café"
    api.apps = {f"a{number:02}": {"id": f"a{number:02}", "users": number} for number in range(1, 11)}
    return api


def something_happens(api: Api) -> None:
    """One goes, one changes, one comes: of the models, of one model's endpoints, and of the apps."""
    del api.models["m01"]
    api.models["m02"] = {**api.models["m02"], "price": 20}
    api.models["m13"] = {"id": "m13", "name": "Model 13", "price": 13}
    api.endpoints["m13"] = {"a": {"tag": "a", "price": 13}}
    api.endpoints["m03"] = {"b": {"tag": "b", "price": 30}, "c": {"tag": "c", "price": 3}}
    del api.apps["a01"]
    api.apps["a02"] = {**api.apps["a02"], "users": 20}
    api.apps["a11"] = {"id": "a11", "users": 11}


# -- what came of it


def _about(case: Case, scope: Scope) -> bool:
    """Whether a scope is what a row is about; where everything misbehaves, the models stand for all."""
    if case.path.startswith(bad.APPS):
        return scope.resource == "apps"
    if case.path == ENDPOINTS:
        return scope.params == (("model", "m03"),)
    return scope.resource == "models"


class _Told:
    """What came of one sync, and of the verdict on it."""

    def __init__(self, record: Record, case: Case, synced: Synced, accepted: Accepted | None) -> None:
        self._record = record
        self._case = case
        self._synced = synced
        self._syncs = {synced.sync, *(() if accepted is None else (accepted.verdict,))}
        self._recorded = synced.recorded or (None if accepted is None else accepted.recorded)

    def row(self) -> Row:
        return Row(self._archived(), _signs(self.events()), self._confirmed(), self._reported(), "")

    def events(self) -> list[Event]:
        """Events of what the row is about."""
        return [event for event in self._events() if _about(self._case, event.scope)]

    def elsewhere(self) -> tuple[dict[str, str], int]:
        """Events of all else, and how many entities of all else are not confirmed."""
        found: dict[str, list[Event]] = {}
        for event in self._events():
            if not _about(self._case, event.scope):
                found.setdefault(event.entity.category, []).append(event)
        states = [state for state in self._states() if not _about(self._case, state.scope)]
        return {name: _signs(events) for name, events in found.items()}, sum(not self._confirms(s) for s in states)

    def _events(self) -> list[Event]:
        return [event for event in self._record.log.events() if event.sync in self._syncs]

    def _states(self) -> list[State]:
        catalogues = (self._record.log.catalogue(each.address) for each in self._record.log.categories())
        return [state for catalogue in catalogues for state in catalogue.values()]

    def _confirms(self, state: State) -> bool:
        return self._record.archive.attempt(state.confirmed_by).sync == self._synced.sync

    def _archived(self) -> str:
        attempts = self._record.archive.attempts(self._synced.sync)
        return "; ".join(_attempted(each) for each in attempts if _about(self._case, each.scope))

    def _confirmed(self) -> str:
        states = [state for state in self._states() if _about(self._case, state.scope)]
        return f"{sum(map(self._confirms, states))} of {len(states)}"

    def _reported(self) -> str:
        return "; ".join(filter(None, (self._status(), ", ".join(self._issues()), ", ".join(self._alerts()))))

    def _status(self) -> str:
        if self._recorded is None:
            return "not recorded"
        resource = {"/models": "models", ENDPOINTS: "endpoints"}.get(self._case.path, "apps")
        resource = "models" if not self._case.path else resource
        (status,) = (each.status for each in self._recorded.results if each.resource == f"api.{resource}")
        return f"{status.value} / {self._recorded.status.value}"

    def _issues(self) -> list[str]:
        attempts = {each.id: each for each in self._record.archive.attempts(self._synced.sync)}
        issues = (issue for sync, issue in self._record.log.issues() if sync == self._synced.sync)
        codes = Counter(issue.code for issue in issues if _about(self._case, attempts[issue.attempt].scope))
        return [code if count == 1 else f"{count} of {code}" for code, count in sorted(codes.items())]

    def _alerts(self) -> list[str]:
        alerts = standing_alerts(self._record.standings(), clock=self._record.clock_doubts())
        return [f"alert `{alert.code}`" for alert in alerts]


def _attempted(attempt: Attempt) -> str:
    """One request: its status, the bytes or the error, the tries."""
    came = "" if attempt.status is None else f"{attempt.status}"
    kept = "" if attempt.answer is None else "bytes"
    error = "" if attempt.error is None else f"“{_CHANCE.sub('…', attempt.error)}”"
    tries = "" if attempt.tries == 1 else f"{attempt.tries} tries"
    return ", ".join(filter(None, (came, kept, error, tries)))


def _signs(events: Iterable[Event]) -> str:
    """Events, as `+m13 ~m02 -m01`, in order of key."""
    return " ".join(f"{_SIGNS[event.kind]}{event.entity.key}" for event in sorted(events, key=lambda e: e.entity.key))


# -- the page


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([_OPENING, *_table()]) + "\n"


def _table() -> Iterator[str]:
    yield "| it | archived | recorded | confirmed | reported | then |"
    yield "|---|---|---|---|---|---|"
    for name in CASES:
        cells = [name, *(cell or "nothing" for cell in played(name).row)]
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
