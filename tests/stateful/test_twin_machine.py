"""A record that is thinned, rebuilt and restarted, beside one that never is: what a policy keeps is the same."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.strategies import DataObject

from eventstore import Record, from_ms, parse_policy, verify
from tests.laying import RULES, new_record
from tests.properties.histories import PLACES, POOL, START, listings
from tests.retaining import Answers, Kept, confirmed, ends, head_of, kept, lay_answers, record_again

GAPS: Final = (60_000, 1_200_000, 3_600_000, 18_000_000)
POLICIES: Final = (
    '[default]\nseal_after = "1h"\nkeep = "hourly"\n',
    '[default]\ntiers = [{ for = "2h", keep = "all" }, { for = "30h", keep = "hourly" }]\nolder = "daily"\n',
    '[default]\ntiers = [{ for = "1h", keep = "all" }]\nolder = "delete"\n[archive]\nfor = "6h"\n',
)
TICK: Final = timedelta(milliseconds=1)


class Twins(RuleBasedStateMachine):
    """R1, R2, R8, L6, P18: two records of the same history; of one less and less is left."""

    def __init__(self) -> None:
        super().__init__()
        self._open = [new_record(), new_record()]
        self.whole, self.record = (each.__enter__() for each in self._open)
        self.at = START
        self.said: dict[int, Answers] = {}
        self.zones: list[Kept] = []
        self.policy = ""

    @initialize(policy=st.sampled_from(POLICIES))
    def choose(self, policy: str) -> None:
        self.policy = policy

    @rule(gap=st.sampled_from(GAPS), data=st.data())
    def sync(self, gap: int, data: DataObject) -> None:
        """Two scopes are asked; most of the time they say what they said before."""
        self.at += gap
        last = self.said[max(self.said)] if self.said else {}
        answers = {}
        for place in PLACES[:3:2]:
            new = data.draw(st.integers(0, 3)) == 0 or last.get(place.scope) is None
            answers[place.scope] = data.draw(listings(place, POOL)) if new else last[place.scope]
        lay_answers(self.whole, from_ms(self.at), answers)
        self.said[lay_answers(self.record, from_ms(self.at), answers)] = answers

    @rule(gap=st.sampled_from(GAPS))
    def failing_sync(self, gap: int) -> None:
        self.at += gap
        answers: Answers = {place.scope: None for place in PLACES[:3:2]}
        lay_answers(self.whole, from_ms(self.at), answers)
        self.said[lay_answers(self.record, from_ms(self.at), answers)] = answers

    @rule()
    @precondition(lambda self: self.said)
    def compact(self) -> None:
        self.record.compact(parse_policy(self.policy), lossy=True)
        assert self.record.compact(parse_policy(self.policy)).reports == ()
        self.zones = kept(tomllib.loads(self.policy)["default"], head_of(self.record))

    @rule()
    def restart(self) -> None:
        folder = self.record.path.parent
        self.record.close()
        self.record = Record.open(folder, write=True)

    @rule()
    @precondition(lambda self: self.said)
    def rebuild(self) -> None:
        """What can be folded again is, the rest is copied: the same log."""
        before = list(self.record.log.events())
        until = self.record.copied_until()
        rules = {f"{place.scope.source}.{place.scope.resource}": RULES for place in PLACES}
        with self.record.transaction():
            copied = None if until is None else until.observed_at
            log = self.record.log.begin_generation(rules, made_at=from_ms(self.at), copied=copied)
        taken = set() if until is None else self.record.copy_log(log, until)
        with self.record.transaction():
            for sync in self.record.archive.syncs():
                if sync.id not in taken:
                    record_again(self.record, log, sync.id, self.said[sync.id])
        self.record.repeat_compaction(log)
        with self.record.transaction():
            self.record.log.adopt(log)
        assert list(self.record.log.events()) == before

    @rule()
    @precondition(lambda self: self.said)
    def read(self) -> None:
        """At the end of each kept bucket, and at every instant that is kept whole, both say the same."""
        for at in self.instants():
            assert confirmed(self.record, at) == confirmed(self.whole, at), at

    @rule()
    def check(self) -> None:
        assert verify(self.record, deep=True) == []

    def instants(self) -> set[datetime]:
        moments = [each.observed_at for each in self.whole.log.entries() if each.observed_at is not None]
        since = self.zones[0].before if self.zones else moments[0]
        return {*ends(moments, self.zones), *(each for at in moments for each in (at - TICK, at) if each >= since)}

    def teardown(self) -> None:
        if self.said:
            self.compact()
            self.read()
        self.check()
        self.record.close()
        for each in self._open:
            each.__exit__(None, None, None)


TestTwins: Any = Twins.TestCase
TestTwins.settings = settings(max_examples=max(settings().max_examples // 8, 1), stateful_step_count=25)
