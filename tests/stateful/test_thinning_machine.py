"""A record that is thinned again and again, by one policy and another, between all else that happens to it."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from eventstore import Event, Follower, Kind, LogCompacted, LogRebuilt, Record, apply, from_ms, parse_policy, verify
from eventstore.compaction import drafting, sealing
from tests.laying import RULES, empty_record
from tests.properties.histories import START
from tests.retaining import (
    CATEGORIES,
    GAPS,
    KEYS,
    POLICIES,
    Shown,
    Step,
    documents,
    ends,
    head_of,
    kept,
    lay,
    listing_of,
    presence,
    states,
)

SEALING = parse_policy('[default]\nkeep = "all"\nseal_after = "1h"\n')
A_MOMENT = timedelta(milliseconds=1)
FORGETFUL = ("monthly", "yearly", "delete")  # policies that say so let go of who came and went within a bucket

gaps = st.sampled_from(GAPS)
shown = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 3))


class ThinningMachine(RuleBasedStateMachine):
    """A record on disk against all that was ever shown, and the instants of which the policies promise the truth.

    Of things all is kept. Of gauges, the instants are those at which anything happened; a compaction leaves those
    that it does not thin, and in place of the others the ends of their buckets (R1, R2).
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.promised: set[datetime] = set()
        self.exits = contextlib.ExitStack()
        patch = self.exits.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sealing, "SEGMENT_EVENTS", 4)
        patch.setattr(sealing, "THINNED_EVENTS", 4)
        patch.setattr(sealing, "EVENTS_EACH", 1)
        patch.setattr(drafting, "BLOCK_BYTES", 100)
        self.folder = self.exits.enter_context(tempfile.TemporaryDirectory())
        (Path(self.folder) / "record.db").write_bytes(empty_record())
        self.open()
        self.reader = self.exits.enter_context(Record.open(self.folder))
        self.follower = Follower(self.reader.log, lambda after: self.reader.log.events("gauge", after=after))
        self.followed: dict[str, Any] = {}

    def open(self) -> None:
        self.record = Record.open(self.folder, write=True)
        self.record._db.execute("PRAGMA synchronous = OFF")  # nothing here cuts the power

    def teardown(self) -> None:
        try:
            if self.steps:
                self.check()
            assert verify(self.record, deep=True) == []
        finally:
            self.record.close()
            self.exits.close()

    # -- what happens

    @rule(shows=st.lists(st.tuples(gaps, shown), min_size=1, max_size=6))
    def syncs(self, shows: list[tuple[int, Shown]]) -> None:
        for gap, each in shows:
            at = (self.steps[-1].at if self.steps else START) + gap
            self.steps.append(Step(at, each))
            self.promised |= {from_ms(at), from_ms(at) - A_MOMENT}
            lay(self.record, self.steps[-1])

    @rule(text=st.sampled_from(POLICIES))
    @precondition(lambda self: self.steps)
    def thin(self, text: str) -> None:
        """What a policy thins goes; a second time there is nothing left to do (R3, R4)."""
        zones = kept(tomllib.loads(text)["category"]["gauge"], head_of(self.record))
        thinned = {instant for instant in self.promised if any(instant < zone.before for zone in zones)}
        self.promised = self.promised - thinned | set(ends(sorted(thinned), zones))
        intervals = presence(self.record, "gauge")
        self.record.compact(parse_policy(text), lossy=True)
        if not any(word in text for word in FORGETFUL):
            assert presence(self.record, "gauge") == intervals
        before = list(self.record.log.events())
        assert self.record.compact(parse_policy(text), lossy=True).reports == ()
        assert list(self.record.log.events()) == before
        self.check()

    @rule()
    def seal(self) -> None:
        before = list(self.record.log.events())
        self.record.compact(SEALING)
        assert list(self.record.log.events()) == before

    @rule()
    def restart(self) -> None:
        self.record.close()
        self.open()

    @rule()
    @precondition(lambda self: self.steps)
    def rebuild(self) -> None:
        """The same listings, and then the same compactions, make the same log."""
        before = list(self.record.log.events())
        with self.record.transaction():
            log = self.record.log.begin_generation({"api.things": RULES}, made_at=head_of(self.record))
        with self.record.transaction():
            for sync, step in zip(self.record.archive.syncs(), self.steps, strict=True):
                (attempt,) = self.record.archive.attempts(sync.id)
                log.record(sync.id, [listing_of(step, attempt.id)])
        self.record.repeat_compaction(log)
        with self.record.transaction():
            self.record.log.adopt(log)
        assert list(self.record.log.events()) == before

    @rule()
    def follow(self) -> None:
        """Whoever reads on folds to what stands, or is told to begin anew: never a wrong patch."""
        try:
            for event in self.follower.poll():
                fold(self.followed, event)
        except (LogCompacted, LogRebuilt):
            self.followed = documents(self.reader, "gauge", head_of(self.reader))
        if self.steps:
            assert self.followed == documents(self.reader, "gauge", head_of(self.reader))

    # -- what must be true

    def check(self) -> None:
        head = head_of(self.record)
        for instant in sorted({head, *self.promised}):
            if instant <= head:
                assert documents(self.record, "gauge", instant) == self.stood("gauge", instant), instant
        for step in self.steps:
            assert documents(self.record, "thing", from_ms(step.at)) == self.stood("thing", from_ms(step.at))
        for category in CATEGORIES:
            states(self.record, category, head)

    def stood(self, category: str, at: datetime) -> dict[str, Any]:
        until = list(itertools.takewhile(lambda step: from_ms(step.at) <= at, self.steps))
        items = listing_of(until[-1], 0).items if until else ()
        return {item.key: dict(item.parts)[category].value for item in items}


def fold(known: dict[str, Any], event: Event) -> None:
    key = event.entity.key
    if event.kind is Kind.DISAPPEARED:
        known.pop(key)
    elif event.kind is Kind.APPEARED:
        assert key not in known
        known[key] = event.document
    else:
        known[key] = apply(known[key], event.patch or [])


ThinningMachine.TestCase.settings = settings(
    max_examples=settings().max_examples // 2, stateful_step_count=settings().stateful_step_count // 4
)
TestThinning = ThinningMachine.TestCase


def test_what_a_rebuilt_log_repeats_is_what_was_done_whatever_came_since() -> None:
    """What came and went within a year stays, for it was the last of its entity then."""
    machine = ThinningMachine()
    machine.syncs(shows=[(1, {"a": 0}), (3_456_000_000, {}), (3_456_000_000, {})])
    machine.thin(text='[category.gauge]\nseal_after = "1h"\nkeep = "yearly"\n')
    machine.syncs(shows=[(1, {"a": 0})])
    machine.rebuild()
    machine.teardown()


def test_a_rebuilt_log_repeats_what_an_earlier_policy_did_too() -> None:
    """An hour's changes stay one, though by the last policy nothing is thinned."""
    machine = ThinningMachine()
    machine.syncs(shows=[(1, {"a": 2}), (1, {"a": 0}), (1, {"a": 2}), (3_600_000, {})])
    machine.thin(text='[category.gauge]\nseal_after = "1h"\nkeep = "hourly"\n')
    machine.seal()
    machine.rebuild()
    machine.teardown()
