"""R8 over random histories: bookkeeping is bounded, and says at the end of each kept bucket what it said."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore import Cause, Listing, Record, Repeat, Request, Scope, from_ms, parse_policy, verify
from tests.laying import RULES, new_record
from tests.properties.histories import PLACES, POOL, START, listings
from tests.retaining import ends, head_of, kept

few = settings(max_examples=settings().max_examples // 4)

POLICIES: Final = (
    '[default]\nkeep = "hourly"\n',
    '[default]\ntiers = [{ for = "2h", keep = "all" }, { for = "30h", keep = "hourly" }]\nolder = "daily"\n',
    '[default]\ntiers = [{ for = "1h", keep = "all" }]\nolder = "delete"\n',
)
TICK: Final = timedelta(milliseconds=1)

Answers = dict[Scope, Listing | None]


@st.composite
def long_histories(draw: st.DrawFn) -> list[tuple[datetime, Answers]]:
    """Syncs of one or two scopes, of which most say again what was said; some fail, some can be read in part."""
    places = draw(st.lists(st.sampled_from(PLACES), unique=True, min_size=1, max_size=2))
    said = [draw(listings(place, POOL)) for place in places]
    at, history = START, []
    for _ in range(draw(st.integers(1, 24))):
        at += draw(st.sampled_from((1, 60_000, 1_200_000, 3_600_000, 18_000_000)))
        for number, place in enumerate(places):
            if draw(st.integers(0, 5)) == 0:
                said[number] = draw(listings(place, POOL))
        history.append((from_ms(at), {each.scope: each if draw(st.integers(0, 7)) else None for each in said}))
    return history


def lay(record: Record, at: datetime, answers: Answers) -> None:
    """Lay a sync down as a collector does: where an answer says again what is settled, nobody reads it."""
    with record.transaction():
        rules = {f"{scope.source}.{scope.resource}": RULES for scope in answers}
        sync = record.archive.open_sync(Cause.SYNC, opened_at=at, rules=rules)
        read, repeats = [], []
        for scope, answer in answers.items():
            if answer is None:
                record.archive.add(sync, [Request(scope, at, at, error="timed out")])
                continue
            (attempt,) = record.archive.add(sync, [Request(scope, at, at, 200, repr(answer).encode())])
            listing = msgspec.structs.replace(answer, attempt=attempt)
            settled = record.log.settled(scope, RULES)
            if settled is not None and record.archive.same_answer(scope, attempt, settled):
                repeats.append(Repeat(scope, attempt, lambda again=listing: again))  # type: ignore[misc]
            else:
                read.append(listing)
        record.archive.close_sync(sync, at=at)
        record.log.record(sync, read, repeats=repeats)


def confirmed(record: Record, at: datetime) -> list[Any]:
    """Of all that stood at an instant: what it was, and who confirmed that when."""
    found = []
    for category in record.log.categories():
        for state in record.log.catalogue(category.address, at=at).values():
            assert state == record.log.state(state.entity, at=at)
            found.append((state.entity, state.parent, state.hash, state.confirmed_by, state.confirmed_at))
    return found


@few
@given(long_histories(), st.sampled_from(POLICIES))
def test_r8_who_confirmed_what_is_known_in_all_tiers_and_at_the_end_of_every_kept_bucket(
    history: list[tuple[datetime, Answers]], text: str
) -> None:
    with new_record() as record:
        for step in history:
            lay(record, *step)
        zones = kept(tomllib.loads(text)["default"], head_of(record))
        moments = [each.observed_at for each in record.log.entries() if each.observed_at is not None]
        instants = {*ends(moments, zones), head_of(record)}
        instants |= {each for at in moments for each in (at - TICK, at) if each >= zones[0].before}
        before = {at: confirmed(record, at) for at in instants}
        dropped = sum(report.syncs for report in record.compact(parse_policy(text), lossy=True).reports)
        assert len(list(record.archive.syncs())) == len(history) - dropped
        assert {at: confirmed(record, at) for at in instants} == before
        assert verify(record, deep=True) == []
