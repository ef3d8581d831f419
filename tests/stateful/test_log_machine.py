from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import DataObject

from eventstore import Event, EventLog, Follower, LogRebuilt, Record, RecordBusy, from_ms, parse_policy, replay, verify
from eventstore.compaction import drafting, sealing
from tests.agreement import assert_same_events, assert_same_states
from tests.laying import RULES, Laid, archive, empty_record, request_of
from tests.model import Model
from tests.properties.histories import GAPS, START, Step, steps

gaps = st.sampled_from(GAPS)


class Interrupted(Exception):
    """What ends a transaction in the middle."""


class LogMachine(RuleBasedStateMachine):
    """A log on disk against a model of all that was ever observed, through everything that happens to a process."""

    def __init__(self) -> None:
        super().__init__()
        self.at = START
        self.model = Model()
        self.laid: list[Laid] = []
        self.waiting: list[Laid] = []  # archived, not recorded yet
        self.bodies: dict[int, bytes | None] = {}
        self.exits = contextlib.ExitStack()
        patch = self.exits.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(replay, "KEYFRAME_PATCHES", 2)
        patch.setattr(replay, "CATALOGUE_EVENTS", 3)
        patch.setattr(sealing, "SEGMENT_EVENTS", 4)
        patch.setattr(sealing, "THINNED_EVENTS", 4)
        patch.setattr(sealing, "EVENTS_EACH", 1)
        patch.setattr(drafting, "BLOCK_BYTES", 100)
        self.folder = self.exits.enter_context(tempfile.TemporaryDirectory())
        (Path(self.folder) / "record.db").write_bytes(empty_record())
        self.open()
        self.reader = self.exits.enter_context(Record.open(self.folder))
        self.follower = Follower(self.reader.log, lambda after: self.reader.log.events(after=after))
        self.followed: list[Event] = []
        self.rebuilt = False  # since the follower last looked

    def open(self) -> None:
        self.record = Record.open(self.folder, write=True)
        self.record._db.execute("PRAGMA synchronous = OFF")  # nothing here cuts the power

    def teardown(self) -> None:
        try:
            assert verify(self.record, deep=True) == []
            for attempt, body in self.bodies.items():
                if body is not None:
                    assert self.record.archive.answer(attempt) == body
        finally:
            self.record.close()
            self.exits.close()

    # -- what is written

    @rule(gap=gaps, data=st.data())
    def archive(self, gap: int, data: DataObject) -> None:
        """A sync is archived; it will be recorded later, be it after later ones."""
        step = self.next_step(gap, data)
        with self.record.transaction():
            laid = archive(self.record, step)
        self.remember(laid, step)
        self.waiting.append(laid)

    @rule()
    @precondition(lambda self: self.waiting)
    def record_what_is_archived(self) -> None:
        with self.record.transaction():
            for laid in self.waiting:
                self.record.log.record(laid.sync, laid.listings)
        for laid in self.waiting:
            self.observe(laid)
        self.waiting.clear()

    @rule(gap=gaps, data=st.data())
    def sync(self, gap: int, data: DataObject) -> None:
        step = self.next_step(gap, data)
        with self.record.transaction():
            laid = archive(self.record, step)
            self.record.log.record(laid.sync, laid.listings)
        self.remember(laid, step)
        self.observe(laid)

    @rule(gap=gaps, data=st.data())
    def failed_sync(self, gap: int, data: DataObject) -> None:
        step = self.next_step(gap, data)
        step = step._replace(questions=tuple(question._replace(listing=None) for question in step.questions))
        with self.record.transaction():
            laid = archive(self.record, step)
        self.remember(laid, step)
        with self.record.transaction():
            self.record.log.record(laid.sync, ())
        self.observe(laid)

    @rule(gap=gaps, data=st.data())
    def interrupted_sync(self, gap: int, data: DataObject) -> None:
        with pytest.raises(Interrupted):
            self.sync_in_vain(self.next_step(gap, data), recorded=data.draw(st.booleans()))

    @rule(data=st.data())
    def seal(self, data: DataObject) -> None:
        """Events up to any sync go into segments, of one category or of all; nothing reads differently."""
        entries = [entry for entry in self.record.log.entries() if entry.kind == "sync"]
        until = data.draw(st.sampled_from([entry.seq or 0 for entry in entries] or [0]))
        g = self.record.log.generation
        for category in range(1, 1 + len(self.record.log.categories())):
            if data.draw(st.booleans()):
                assert all(sealing.steps(self.record._db, g, category, until, self.record.transaction, thinned=True))
        self.record.log.forget()

    @rule()
    def compact(self) -> None:
        """All that is older than an hour is sealed, with a point and a receipt in the chain."""
        self.record.compact(parse_policy('[default]\nkeep = "all"\nseal_after = "1h"\n'))
        assert self.record.compact(parse_policy('[default]\nkeep = "all"\nseal_after = "1h"\n')).reports == ()

    # -- what happens to the process

    @rule()
    def restart(self) -> None:
        self.record.close()
        self.open()

    @rule()
    def second_writer(self) -> None:
        with pytest.raises(RecordBusy, match="process"):
            Record.open(self.folder, write=True)

    @rule()
    def rebuild(self) -> None:
        """The same listings, recorded again in the same order, make the same log."""
        before = list(self.record.log.events())
        with self.record.transaction():
            building = self.begin_rebuild(len(self.laid))
            self.record.log.adopt(building)
        self.rebuilt = True
        assert list(self.record.log.events()) == before

    @rule(data=st.data())
    def interrupted_rebuild(self, data: DataObject) -> None:
        """A rebuild gets so far, then the process is killed and started again."""
        count = data.draw(st.integers(0, len(self.laid)))
        with self.record.transaction():
            self.begin_rebuild(count)
        self.restart()

    # -- what is read

    @rule(data=st.data(), off=st.integers(-1, 1))
    @precondition(lambda self: self.laid)
    def read_the_past(self, data: DataObject, off: int) -> None:
        at = data.draw(st.sampled_from(self.model.moments)).at + off
        with Record.open(self.folder) as reader:
            assert_same_states(reader.log, self.model, at=from_ms(at), count=self.model.count(at))

    @rule()
    def follow(self) -> None:
        """Each event comes once and in order, whatever happens to the writer; a rebuild is told, once."""
        if self.rebuilt:
            with pytest.raises(LogRebuilt):
                self.follower.poll()
            self.followed, self.rebuilt = list(self.reader.log.events()), False
        self.followed += self.follower.poll()
        assert self.followed == list(self.reader.log.events())

    @invariant()
    def the_log_is_what_was_observed(self) -> None:
        for record in (self.record, self.reader):
            assert_same_events(record.log, self.model)
            assert_same_states(record.log, self.model, at=None, count=len(self.laid))

    # -- helpers

    def next_step(self, gap: int, data: DataObject) -> Step:
        self.at += gap
        return data.draw(steps(self.at))

    def sync_in_vain(self, step: Step, *, recorded: bool) -> None:
        with self.record.transaction():
            laid = archive(self.record, step)
            if recorded:
                self.record.log.record(laid.sync, laid.listings)
            raise Interrupted

    def remember(self, laid: Laid, step: Step) -> None:
        for attempt, question in zip(laid.asked, step.questions, strict=True):
            self.bodies[attempt] = request_of(question).body

    def observe(self, laid: Laid) -> None:
        self.model.observe(*laid)
        self.laid.append(laid)

    def begin_rebuild(self, count: int) -> EventLog:
        building = self.record.log.begin_generation({"api.models": RULES}, made_at=from_ms(self.at))
        for laid in self.laid[:count]:
            building.record(laid.sync, laid.listings)
        return building


LogMachine.TestCase.settings = settings(
    max_examples=settings().max_examples // 2, stateful_step_count=settings().stateful_step_count // 2
)
TestLog = LogMachine.TestCase
