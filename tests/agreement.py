"""Whether a log and the model of it say the same."""

from __future__ import annotations

import json
from collections import defaultdict

from eventstore import Document, Entity, EventLog, Instant, State, to_ms
from tests.model import Happening, Model, Standing, text_of


def assert_same_events(log: EventLog, model: Model) -> None:
    """Every sync left the events that it must: no fewer, no more, no others, in an order without gaps."""
    found: dict[int, dict[Entity, tuple[Happening, str]]] = defaultdict(dict)
    for number, event in enumerate(log.events(), 1):
        assert event.seq == number
        assert event.entity not in found[event.sync]
        not_before = None if event.not_before is None else to_ms(event.not_before)
        happening = Happening(event.kind, None, event.scope, event.parent, not_before)
        found[event.sync][event.entity] = happening, event.hash
    for moment in model.moments:
        expected = {
            entity: (happening._replace(text=None), hash_of(happening.text))
            for entity, happening in moment.happenings.items()
        }
        assert found[moment.sync] == expected
    assert found.keys() == {moment.sync for moment in model.moments}


def hash_of(text: str | None) -> str:
    """The hash of the document that a text is of."""
    return Document(b"").hash if text is None else Document.of(json.loads(text)).hash


def assert_same_states(log: EventLog, model: Model, *, at: Instant | None, count: int) -> None:
    """The log at an instant is the model after its first `count` syncs: catalogue by catalogue, and one by one."""
    stands = model.stands(count)
    catalogues = {category.address: log.catalogue(category.address, at=at) for category in log.categories()}
    shown = {state.entity: state for catalogue in catalogues.values() for state in catalogue.values()}
    for catalogue in catalogues.values():
        assert list(catalogue) == sorted(state.entity.key for state in catalogue.values())
    assert shown.keys() == stands.keys()
    for entity in model.entities():
        state = log.state(entity, at=at)
        assert state == shown.get(entity)
        if state is not None:
            assert_same_state(state, stands[entity], confirmed_by=model.confirmed(entity, count))


def assert_same_state(state: State, standing: Standing, *, confirmed_by: int) -> None:
    assert text_of(state.document) == standing.text
    assert state.hash == hash_of(standing.text)
    assert to_ms(state.since) == standing.since
    assert (state.scope, state.parent) == (standing.last.scope, standing.last.parent)
    assert state.confirmed_by == confirmed_by
