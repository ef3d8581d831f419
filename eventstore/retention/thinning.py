"""Thinning: of the changes in a bucket only what they came to is left. Pure.

- Changes of an entity in one bucket that nothing else stands between become one, with the number, time and place of
  the last, which names the number of the first (R2).
- One that comes to nothing goes, unless it is the last before what is kept whole: how things stand there, and since
  when, must not depend on what was thinned (R1). It stays as an empty patch then, until a later compaction. So does one
  after which the entity stands elsewhere, in another scope or under another parent.
- Intervals of presence stay, but for those that begin and end inside one bucket that is coarser than a day (R3).
- Beyond all tiers an entity that is gone by then goes; of one that is not, its appearance and one change stay.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

import msgspec

from eventstore.canonical import JSON, encode, parse
from eventstore.patch import apply_sharing, diff
from eventstore.retention.buckets import Bucket
from eventstore.retention.policy import Spacing
from eventstore.stored import Stored

NOTHING: Final = b"[]"  # a patch that changes nothing
_COARSE: Final = {Spacing.MONTHLY, Spacing.YEARLY}  # coarser than a day


class Known(msgspec.Struct, frozen=True):
    """What must be known of a category to thin a stretch of its events.

    `bucket` says into which one the events of an entry fall, None where everything is kept. `last_thinned` is by entity
    the number of its last event that falls into any, `last_planned` that of its last one when that was planned, `last`
    that of its last one of all. `exempt` are pinned entities.
    """

    bucket: Callable[[int], Bucket | None]
    last_thinned: Mapping[int, int]
    last_planned: Mapping[int, int]
    last: Mapping[int, int]
    exempt: AbstractSet[int] = frozenset()


class Stood(NamedTuple):
    """How an entity stood: its document, and where it was seen."""

    document: bytes
    place: tuple[int, str | None, str | None]


class Thinned(NamedTuple):
    """What is left of a stretch of events, in order.

    `spans` are those of which less is left than there was: from the first number, included, to the last, excluded, a
    reader may know what is no more. `intervals` counts the intervals of presence that went, `gone` names entities of
    which nothing is left; `seen` are the last of changes that came to nothing, which confirm how things stood all the
    same.
    """

    events: list[Stored]
    spans: list[tuple[int, int]]
    intervals: int
    gone: set[int]
    seen: list[Stored]


class _Entity(NamedTuple):
    """What thinning the events of one entity leaves; see `Thinned`."""

    events: list[Stored]
    spans: list[tuple[int, int]]
    intervals: int
    seen: list[Stored]


class _State(NamedTuple):
    """How an entity stands between two events. What the value shares with others is not to be changed."""

    value: JSON
    place: tuple[int, str | None, str | None] | None


class _Folding:
    """How an entity stands behind the events so far: folded when somebody asks, and most events stay as they are."""

    def __init__(self, state: _State) -> None:
        self._state = state
        self._behind: list[Stored] = []

    def go_on(self, events: Sequence[Stored]) -> None:
        self._behind += events

    def state(self) -> _State:
        self._state = _after(self._behind, self._state)
        self._behind = []
        return self._state


def thin(events: Sequence[Stored], standing: Mapping[int, Stood], known: Known) -> Thinned:
    """Thin events of one category, in order, that share no bucket with those before and after them.

    `standing` is how entities stood before them.
    """
    by_entity: dict[int, list[Stored]] = defaultdict(list)
    for event in events:
        by_entity[event.entity].append(event)
    left: list[Stored] = []
    spans: list[tuple[int, int]] = []
    intervals = 0
    gone: set[int] = set()
    seen: list[Stored] = []
    for entity, each in by_entity.items():
        if entity in known.exempt:
            left += each
            continue
        thinned = _thin_entity(each, standing.get(entity), known)
        left += thinned.events
        spans += thinned.spans
        intervals += thinned.intervals
        seen += thinned.seen
        if not thinned.events and entity not in standing and each[-1].seq == known.last[entity]:
            gone.add(entity)
    left.sort(key=lambda event: event.seq)
    return Thinned(left, merged_spans(spans), intervals, gone, seen)


def merged_spans(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that meet as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _thin_entity(events: Sequence[Stored], stood: Stood | None, known: Known) -> _Entity:
    left = _Entity([], [], 0, [])
    folding = _Folding(_State(None, None) if stood is None else _State(parse(stood.document), stood.place))
    for bucket, together in itertools.groupby(events, key=lambda event: known.bucket(event.entry)):
        each = list(together)
        kept, gone = each, 0
        if bucket is not None and bucket.spacing is None:
            kept, gone = _last_interval(each)
        elif bucket is not None and bucket.spacing in _COARSE:
            kept, gone = _without_short(each, known)
        if bucket is not None:
            kept = list(_composed(kept, folding, known, left.seen))
        if kept != each:
            left.spans.append((_starts(each[0]), each[-1].seq))
        folding.go_on(each)
        left.events.extend(kept)
        left = left._replace(intervals=left.intervals + gone)
    return left


def _starts(event: Stored) -> int:
    return event.seq if event.starts is None else event.starts


def _after(events: Sequence[Stored], state: _State) -> _State:
    """How the entity stands after these events."""
    value = state.value
    for event in events:
        if event.kind == "appeared" and event.body is not None:
            value = parse(event.body)
        elif event.kind == "changed" and event.body is not None:
            value = apply_sharing(value, parse(event.body))
    return _State(value, events[-1].place if events else state.place)


def _last_interval(events: list[Stored]) -> tuple[list[Stored], int]:
    """The events of the interval of presence that has not ended, and how many others there are."""
    ended = [place for place, event in enumerate(events) if event.kind == "disappeared"]
    return (events[ended[-1] + 1 :], len(ended)) if ended else (events, 0)


def _without_short(events: list[Stored], known: Known) -> tuple[list[Stored], int]:
    """The events but for intervals of presence that begin and end among them, and how many of these there are.

    That of the entity's last event stays: it says that the entity is gone.
    """
    kept: list[Stored] = []
    gone = 0
    for event in events:
        kept.append(event)
        if event.kind == "disappeared" and event.seq != known.last_planned[event.entity]:
            begun = next((place for place, each in enumerate(kept) if each.kind == "appeared"), None)
            if begun is not None and not any(each.kind == "disappeared" for each in kept[begun:-1]):
                del kept[begun:]
                gone += 1
    return kept, gone


def _composed(events: Sequence[Stored], before: _Folding, known: Known, seen: list[Stored]) -> Iterator[Stored]:
    folding: _Folding | None = None
    behind: list[Stored] = []
    for changed, together in itertools.groupby(events, key=lambda event: event.kind == "changed"):
        run = list(together)
        if not changed or (len(run) == 1 and run[0].body != NOTHING):
            yield from run
        else:
            folding = folding or _Folding(before.state())
            folding.go_on(behind)
            behind = []
            one = _one_of(run, folding.state(), known)
            if one is None:
                seen.append(run[-1])
            else:
                yield one
        behind += run


def _one_of(run: list[Stored], before: _State, known: Known) -> Stored | None:
    """One change that comes to what these do; None where that is nothing."""
    last = run[-1]
    after = _after(run, before)
    if encode(before.value) != encode(after.value):
        return _composite(run, encode(diff(before.value, after.value)))
    if before.place != after.place or last.seq == known.last_thinned.get(last.entity):
        return _composite(run, NOTHING)
    return None


def _composite(run: list[Stored], patch: bytes) -> Stored:
    if len(run) == 1:
        return run[0]
    return run[-1]._replace(not_before=run[0].not_before, body=patch, starts=_starts(run[0]))
