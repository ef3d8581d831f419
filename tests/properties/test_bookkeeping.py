"""R8 over random histories: bookkeeping is bounded, and says at the end of each kept bucket what it said."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from typing import Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore import Event, Kind, from_ms, parse_policy, verify
from tests.laying import RULES, new_record
from tests.properties.histories import PLACES, POOL, START, listings
from tests.retaining import Answers, confirmed, ends, head_of, kept, lay_answers, record_again

few = settings(max_examples=settings().max_examples // 4)

POLICIES: Final = (
    '[default]\nkeep = "hourly"\n',
    '[default]\ntiers = [{ for = "2h", keep = "all" }, { for = "30h", keep = "hourly" }]\nolder = "daily"\n',
    '[default]\ntiers = [{ for = "1h", keep = "all" }]\nolder = "delete"\n',
)
TICK: Final = timedelta(milliseconds=1)


@st.composite
def long_histories(draw: st.DrawFn) -> list[tuple[datetime, Answers]]:
    """Syncs of one or two scopes, of which most say again what was said; some fail, some can be read in part."""
    places = draw(st.lists(st.sampled_from(PLACES), unique=True, min_size=1, max_size=2))
    said = [draw(listings(place, POOL)) for place in places]
    at = START
    history: list[tuple[datetime, Answers]] = []
    for _ in range(draw(st.integers(1, 24))):
        at += draw(st.sampled_from((1, 60_000, 1_200_000, 3_600_000, 18_000_000)))
        for number, place in enumerate(places):
            if draw(st.integers(0, 5)) == 0:
                said[number] = draw(listings(place, POOL))
        history.append((from_ms(at), {each.scope: each if draw(st.integers(0, 7)) else None for each in said}))
    return history


@few
@given(long_histories(), st.sampled_from(POLICIES))
def test_r8_who_confirmed_what_is_known_in_all_tiers_and_at_the_end_of_every_kept_bucket(
    history: list[tuple[datetime, Answers]], text: str
) -> None:
    with new_record() as record:
        for step in history:
            lay_answers(record, *step)
        zones = kept(tomllib.loads(text)["default"], head_of(record))
        moments = [each.observed_at for each in record.log.entries() if each.observed_at is not None]
        instants = {*ends(moments, zones), head_of(record)}
        instants |= {each for at in moments for each in (at - TICK, at) if each >= zones[0].before}
        before = {at: confirmed(record, at) for at in instants}
        dropped = sum(report.syncs for report in record.compact(parse_policy(text), lossy=True).reports)
        assert len(list(record.archive.syncs())) == len(history) - dropped
        assert {at: confirmed(record, at) for at in instants} == before
        assert verify(record, deep=True) == []


def said(event: Event, again: Event) -> Event:
    """An event as folded again: of what was there before, and deleted, less may be known of since when it was not."""
    if event.kind is not Kind.APPEARED or event.not_before is None:
        return again
    assert again.not_before is None or again.not_before <= event.not_before
    return msgspec.structs.replace(again, not_before=event.not_before)


@few
@given(long_histories(), st.sampled_from(POLICIES), st.sampled_from(("1h", "9h", "50h")))
def test_a_log_is_built_again_word_for_word_up_to_where_its_evidence_is_gone(
    history: list[tuple[datetime, Answers]], text: str, kept_for: str
) -> None:
    """L6, R1: what was said before stays, and what follows from answers that are there follows again."""
    with new_record() as record:
        syncs = {lay_answers(record, *step): step[1] for step in history}
        record.compact(parse_policy(f'{text}[archive]\nfor = "{kept_for}"\n'), lossy=True)
        events = list(record.log.events())
        moments = [each.observed_at for each in record.log.entries() if each.observed_at is not None]
        told = [confirmed(record, at) for at in moments]
        states = [record.log.position(seq) for seq in range(1, record.log.position().seq + 1)]
        since = record.evidence_since()
        until = record.copied_until()
        rules = {f"{place.scope.source}.{place.scope.resource}": RULES for place in PLACES}
        with record.transaction():
            copied_at = None if until is None else until.observed_at
            log = record.log.begin_generation(rules, made_at=head_of(record), copied=copied_at)
        copied = set() if until is None else record.copy_log(log, until)
        with record.transaction():
            for sync in record.archive.syncs():
                if sync.id not in copied:
                    record_again(record, log, sync.id, syncs[sync.id])
        record.repeat_compaction(log)
        with record.transaction():
            record.log.adopt(log)
        found = list(record.log.events())
        if "delete" in text:
            found = [said(*each) for each in zip(events, found, strict=True)]
        assert found == events
        assert [confirmed(record, at) for at in moments] == told
        again = [record.log.position(seq) for seq in range(1, record.log.position().seq + 1)]
        assert [(each.seq, each.observed_at) for each in again] == [(each.seq, each.observed_at) for each in states]
        assert record.evidence_since() == since
        assert verify(record, deep=True) == []
