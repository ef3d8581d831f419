"""Blame, field histories, changes and differences of whole recordings: what git shows, gone through by brute force."""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import jsonpatch
import pytest

from eventstore import (
    ABSENT,
    Comparison,
    Document,
    Entity,
    FieldChange,
    Occurrence,
    Record,
    blame,
    compare,
    periods,
)
from tests import naive
from tests.model import text_of
from tests.naive import NOTHING, Place, pointer_of, said
from tests.real.test_recorded_history import MODELS, OUTAGES, PRICE, Laid, Recording, answers_of, laid_down
from tests.thorough import much

pytestmark = pytest.mark.thorough

LAST: Final = much(150, 2000)  # commits that are laid down
ENTITIES: Final = much(15, 50)
BUSIEST: Final = ENTITIES * 2 // 5  # of these: those with the most versions
GONE: Final = 10  # places of an entity that its last document does not have
PAIRS: Final = much(5, 15)  # of commits

WHOLE: Final = """\
[[resource]]
name = "models"
category = "model"
items = "/data"
key = "{id}"
"""

FIELDS: Final = {
    MODELS.bundle: ("pricing", "prompt"),
    OUTAGES.bundle: ("crewCurrentStatus",),
    PRICE.bundle: ("bpi", "USD", "rate_float"),
}


class Story(NamedTuple):
    """What git shows of one entity: its documents, NOTHING while it is away, and the commit that brought each."""

    commits: list[int]
    documents: list[Any]

    def until(self, commit: int) -> list[Any]:
        return self.documents[: bisect_right(self.commits, commit)]


class Said(NamedTuple):
    """A difference: where it was said, where it is said, and the texts."""

    was_at: str
    path: str
    before: str | None
    after: str | None


class Shown(NamedTuple):
    """A recording that was laid down, and all that git shows of it."""

    laid: Laid
    category: str
    stories: Mapping[str, Story]

    def catalogue(self, commit: int) -> dict[str, Any]:
        """What stood at a commit, by key."""
        found = {key: story.until(commit) for key, story in self.stories.items()}
        return {key: documents[-1] for key, documents in found.items() if documents and documents[-1] is not NOTHING}

    def entity(self, key: str) -> Entity:
        return Entity(self.laid.resource.source, self.category, key)

    def sample(self) -> list[str]:
        """The keys of those with the most versions, and of some others."""
        by_versions = sorted(self.stories, key=lambda key: (-len(self.stories[key].commits), key))
        others = by_versions[BUSIEST:]
        return by_versions[:BUSIEST] + random.Random(1).sample(others, min(ENTITIES - BUSIEST, len(others)))

    def happened(self, record: Record, occurrence: Occurrence | None) -> int | None:
        """The commit in which something happened, by its version, time and interval, which must agree."""
        if occurrence is None:
            return None
        commits = self.laid.commits
        number = bisect_right(commits, occurrence.observed_at, key=lambda commit: commit.at) - 1
        assert occurrence.observed_at == commits[number].at
        assert occurrence.not_before == (commits[number - 1].at if number else None)
        assert record.archive.sync(occurrence.sync).version == f"git {commits[number].name}:{self.laid.what.path}"
        return number


@pytest.fixture(
    scope="module", params=[MODELS._replace(rules=WHOLE), OUTAGES, PRICE], ids=["models", "outages", "price"]
)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    for laid in laid_down(request.param, tmp_path_factory.mktemp("read"), last=LAST):
        yield Shown(laid, laid.resource.extraction.category, told(laid))


def told(laid: Laid) -> dict[str, Story]:
    """The stories of all entities, each commit parsed once."""
    stories: dict[str, Story] = {}
    texts: dict[str, str] = {}
    for number, answer in enumerate(answers_of(laid)):
        items = items_of(laid.what, answer)
        for key in texts.keys() - items.keys():
            texts.pop(key)
            stories[key].commits.append(number)
            stories[key].documents.append(NOTHING)
        for key, item in items.items():
            text = repr(item)  # tells 1, 1.0 and True apart, and is much faster than the text of JSON
            story = stories.setdefault(key, Story([], []))
            if key not in texts or (texts[key] != text and text_of(story.documents[-1]) != text_of(item)):
                story.commits.append(number)
                story.documents.append(item)
            texts[key] = text
    return stories


def items_of(what: Recording, answer: bytes) -> dict[str, Any]:
    value = json.loads(answer)
    if what.key is None:
        return {"price": value}
    return {item[what.key]: item for item in (value["data"] if isinstance(value, dict) else value)}


def test_blame_is_what_going_back_commit_by_commit_finds(shown: Shown) -> None:
    draw = random.Random(2)
    with Record.open(shown.laid.data) as record:
        for key in shown.sample():
            story = shown.stories[key]
            there = [number for number, document in enumerate(story.documents) if document is not NOTHING]
            for version in (there[-1], draw.choice(there)):
                at = shown.laid.commits[story.commits[version]].at
                events = {event.seq: event for event in record.log.events(shown.category, key)}
                rows = blame(record.log.history(shown.entity(key), at=at))
                assert all(events[row.since.seq].occurrence == row.since for row in rows)
                found = [
                    (row.path, text_of(row.value), shown.happened(record, row.since), text(row.before)) for row in rows
                ]
                expected = naive.blamed(story.documents[: version + 1])
                assert found == [each._replace(version=story.commits[each.version]) for each in expected]


def text(value: Any) -> str | None:
    return None if value is ABSENT else text_of(value)


def test_all_values_of_a_field_are_those_that_git_shows(shown: Shown) -> None:
    """Of every field that the last document has, of some that are gone, and of the document as a whole."""
    with Record.open(shown.laid.data) as record:
        for key in shown.sample():
            story = shown.stories[key]
            versions = record.log.history(shown.entity(key))
            for place in places_of(story):
                found = [
                    (text_of(each.value), shown.happened(record, each.since), shown.happened(record, each.until))
                    for each in periods(versions, pointer_of(place))
                ]
                assert found == [
                    (each.text, story.commits[each.since], None if each.until is None else story.commits[each.until])
                    for each in naive.stretches(story.documents, place)
                ]


def places_of(story: Story) -> list[Place]:
    last = next(document for document in reversed(story.documents) if document is not NOTHING)
    there = list(naive.fields(last))
    ever = {place: None for document in story.documents for place in naive.places(document)}
    gone = [place for place in ever if said(last, place) is None]
    return [(), *there, *random.Random(3).sample(gone, min(GONE, len(gone)))]


def test_changes_of_a_field_are_those_that_git_shows(shown: Shown) -> None:
    place = FIELDS[shown.laid.what.bundle]
    expected = {
        (commit, key): (before, after)
        for key, story in shown.stories.items()
        for commit, before, after in steps(story)
        if said(before, place) != said(after, place)
    }
    with Record.open(shown.laid.data) as record:
        found = {
            (shown.happened(record, each.event.occurrence), each.event.entity.key): (
                said_of(each.before),
                said_of(each.after),
            )
            for each in record.log.changes(shown.category, path=pointer_of(place))
        }
    assert found == {happened: (said(before), said(after)) for happened, (before, after) in expected.items()}
    assert len(found) > len(shown.stories)


def steps(story: Story) -> Iterator[tuple[int, Any, Any]]:
    return zip(story.commits, [NOTHING, *story.documents], story.documents, strict=False)


def said_of(document: Document | None) -> str | None:
    return None if document is None else said(document.value)


def test_what_differs_between_two_commits_is_what_differs_in_what_git_shows(shown: Shown) -> None:
    draw = random.Random(4)
    commits = range(len(shown.laid.commits))
    pairs = [(commits[0], commits[-1]), *(draw.sample(commits, 2) for _ in range(PAIRS))]
    with Record.open(shown.laid.data) as record:
        for one, other in pairs:
            before, after = shown.catalogue(one), shown.catalogue(other)
            assert_differs(difference(record, shown, one, other), before, after)
            assert_differs(difference(record, shown, other, one), after, before)
            assert not difference(record, shown, one, one)


def difference(record: Record, shown: Shown, one: int, other: int) -> Comparison:
    found = compare(record.log, shown.laid.commits[one].at, shown.laid.commits[other].at, category=shown.category)
    assert (found.before.observed_at, found.after.observed_at) == (
        shown.laid.commits[one].at,
        shown.laid.commits[other].at,
    )
    assert found.rules == ()
    return found


def assert_differs(found: Comparison, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    assert [each.entity.key for each in found.appeared] == sorted(after.keys() - before.keys())
    assert [each.entity.key for each in found.disappeared] == sorted(before.keys() - after.keys())
    differing = {key: list(differences(before[key], after[key])) for key in sorted(before.keys() & after.keys())}
    assert [(each.before.entity.key, said_by(each.fields())) for each in found.changed] == [
        (key, rows) for key, rows in differing.items() if rows
    ]
    for each in found.changed:
        key = each.before.entity.key
        assert text_of(jsonpatch.apply_patch(before[key], each.patch())) == text_of(after[key])


def differences(before: Any, after: Any, was_at: Place = (), place: Place = ()) -> Iterator[Said]:
    """Member by member, element by element; an array of plain values only is one value."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name, NOTHING), after.get(name, NOTHING)
            yield from differences(old, new, (*was_at, name), (*place, name))
    elif isinstance(before, list) and isinstance(after, list) and any(map(naive.members, [*before, *after])):
        twins = [naive.twin_of(number, after, before) for number in range(len(after))]
        for old in sorted(set(range(len(before))).difference(twins)):
            yield from differences(before[old], NOTHING, (*was_at, str(old)), (*was_at, str(old)))
        for new, (twin, element) in enumerate(zip(twins, after, strict=True)):
            there = (*place, str(new))
            if twin is None:
                yield from differences(NOTHING, element, there, there)
            else:
                yield from differences(before[twin], element, (*was_at, str(twin)), there)
    elif said(before) != said(after):
        yield Said(pointer_of(was_at), pointer_of(place), said(before), said(after))


def said_by(changes: list[FieldChange]) -> list[Said]:
    """What changes say, less those by which an element only moved."""
    return [
        Said(each.path if each.was_at is ABSENT else str(each.was_at), each.path, text(each.before), text(each.after))
        for each in changes
        if not each.before is each.after is ABSENT
    ]
