from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import quote

import pytest

from collector.transport import Answer
from collector.world import Clock, Failure, World, WorldTransport
from collector.world.dice import Dice
from collector.world.endpoint import TELEMETRY_STEP
from collector.world.pricing import price
from collector.world.timeline import JSON

START = datetime(2025, 3, 1, tzinfo=UTC)
EVERY = timedelta(hours=6)
TELEMETRY = ("status", "uptime_last_5m", "uptime_last_30m", "uptime_last_1d", "latency_last_30m", "throughput_last_30m")


class Shot(NamedTuple):
    """What is true at one instant."""

    at: datetime
    models: dict[str, JSON]
    endpoints: dict[str, JSON]
    providers: dict[str, JSON]


class Film(NamedTuple):
    world: World
    shots: list[Shot]

    def courses(self, category: str) -> dict[str, list[JSON]]:
        """Of each entity its items, None where it is absent; one for each shot."""
        listings = [getattr(shot, category) for shot in self.shots]
        keys = {key: None for listing in listings for key in listing}
        return {key: [listing.get(key) for listing in listings] for key in keys}


@pytest.fixture(scope="module", params=[0, 7, 2**40])
def film(request: pytest.FixtureRequest) -> Film:
    """The default world as an observer sees it who asks every six hours."""
    world = World(request.param, start=START)
    shots = [
        Shot(t, *(world.documents(category, t) for category in ("model", "endpoint", "provider")))
        for t in world.instants(EVERY)
    ]
    return Film(world, shots)


def paths(world: World) -> list[str]:
    """Every request that can be made of the world."""
    endpoints = (f"/api/v1/models/{model}/endpoints" for model in world.models)
    return ["/api/v1/models", "/api/v1/providers", *endpoints]


def runs(values: list[JSON]) -> list[JSON]:
    """The values without repetitions that follow each other."""
    return [value for place, value in enumerate(values) if place == 0 or value != values[place - 1]]


def entities_with(courses: dict[str, list[JSON]], happens: Callable[[list[JSON]], bool]) -> set[str]:
    return {key for key, course in courses.items() if happens(course)}


def intervals(course: list[JSON]) -> list[bool]:
    return runs([item is not None for item in course])


def steady_part(item: JSON) -> JSON:
    return {name: value for name, value in item.items() if name not in {*TELEMETRY, "benchmarks"}}


def neighbours(course: list[JSON]) -> Iterator[tuple[JSON, JSON]]:
    return ((before, after) for before, after in pairwise(course) if before is not None and after is not None)


# -- the ingredients, each in the default world ------------------------------------------------------------------------


def test_models_appear_vanish_and_return(film: Film) -> None:
    courses = film.courses("models")
    assert len(courses) == 24
    assert entities_with(courses, lambda course: intervals(course) == [False, True])
    assert entities_with(courses, lambda course: intervals(course) == [True, False])
    assert entities_with(courses, lambda course: intervals(course) == [True, False, True])
    assert entities_with(courses, lambda course: intervals(course) == [True, False, True, False, True])


def test_one_model_is_missing_from_a_single_observation_or_two(film: Film) -> None:
    missing = [course.count(None) for course in film.courses("models").values()]
    assert any(0 < count <= 2 for count in missing)


def test_no_moment_takes_away_half_of_all_models(film: Film) -> None:
    for before, after in pairwise(film.shots):
        assert 2 * len(before.models.keys() - after.models.keys()) < len(before.models)


@pytest.mark.parametrize("category", ["models", "endpoints"])
def test_prices_change_and_come_back(film: Film, category: str) -> None:
    courses = {
        key: runs([item["pricing"]["prompt"] for item in course if item is not None])
        for key, course in film.courses(category).items()
    }
    assert entities_with(courses, lambda course: len(course) > 3)
    assert entities_with(courses, lambda c: any(a == c[place + 2] for place, a in enumerate(c[:-2])))


def test_some_prices_vary_for_good_and_some_for_a_while(film: Film) -> None:
    courses = {
        key: sorted({item["pricing"]["prompt"] for item in course if item is not None})
        for key, course in film.courses("endpoints").items()
    }
    assert entities_with(courses, lambda course: course == ["-1"])
    assert entities_with(courses, lambda course: "-1" in course and len(course) > 1)


def test_whole_documents_come_back(film: Film) -> None:
    courses = {
        key: runs([steady_part(item) for item in course if item is not None])
        for key, course in film.courses("models").items()
    }
    assert entities_with(courses, lambda c: any(a == c[place + 2] for place, a in enumerate(c[:-2])))


@pytest.mark.parametrize("category", ["models", "endpoints"])
def test_parameters_are_reordered_and_nothing_else(film: Film, category: str) -> None:
    def reordered(before: JSON, after: JSON) -> bool:
        names, others = before["supported_parameters"], after["supported_parameters"]
        rest = [{**steady_part(item), "supported_parameters": None} for item in (before, after)]
        return names != others and sorted(names) == sorted(others) and rest[0] == rest[1]

    courses = film.courses(category)
    assert entities_with(courses, lambda course: any(reordered(*pair) for pair in neighbours(course)))


def test_parameters_are_also_taken_away(film: Film) -> None:
    def fewer(before: JSON, after: JSON) -> bool:
        return set(before["supported_parameters"]) > set(after["supported_parameters"])

    assert entities_with(film.courses("models"), lambda course: any(fewer(*pair) for pair in neighbours(course)))


def test_drift_touches_more_than_half_of_all_models_at_once_three_times(film: Film) -> None:
    rewrites = 0
    for before, after in pairwise(film.shots):
        stayed = before.models.keys() & after.models.keys()
        touched = [key for key in stayed if steady_part(before.models[key]) != steady_part(after.models[key])]
        rewrites += 2 * len(touched) > len(before.models)
    assert rewrites >= 3


@pytest.mark.parametrize("field", ["default_parameters", "links", "benchmarks"])
def test_models_get_new_fields(film: Film, field: str) -> None:
    first, last = film.shots[0].models, film.shots[-1].models
    assert not any(field in item for item in first.values())
    assert all(field in item for item in last.values())


def test_the_answer_itself_gets_new_fields(film: Film) -> None:
    first, last = (film.world.honest_answer("/api/v1/models", film.shots[place].at) for place in (0, -1))
    assert list(json.loads(first.body or b"")) == ["data"]
    assert list(json.loads(last.body or b"")) == ["data", "total_count", "links"]


def test_a_discount_turns_from_integer_to_float(film: Film) -> None:
    types = {type(item["pricing"]["discount"]) for shot in film.shots for item in shot.endpoints.values()}
    assert types == {int, float}


def test_benchmarks_change_at_every_observation_once_they_are_there(film: Film) -> None:
    pairs = [
        (before["benchmarks"], after["benchmarks"])
        for course in film.courses("models").values()
        for before, after in neighbours(course)
        if "benchmarks" in before
    ]
    assert len(pairs) > 1000
    assert sum(before != after for before, after in pairs) > 0.99 * len(pairs)


def test_telemetry_changes_at_every_observation(film: Film) -> None:
    def telemetry(item: JSON) -> JSON:
        return {name: item[name] for name in TELEMETRY}

    pairs = [pair for course in film.courses("endpoints").values() for pair in neighbours(course)]
    assert sum(telemetry(before) != telemetry(after) for before, after in pairs) > 0.999 * len(pairs)


def test_endpoints_flap(film: Film) -> None:
    assert entities_with(film.courses("endpoints"), lambda course: intervals(course).count(False) > 8)


def test_two_endpoints_of_one_model_share_a_tag_at_different_prices(film: Film) -> None:
    twins = {(key, shot.at) for shot in film.shots for key in shot.endpoints if key.endswith("#2")}
    assert twins
    for shot in film.shots:
        for key in shot.endpoints:
            if key.endswith("#2"):
                twin, first = shot.endpoints[key], shot.endpoints[key.removesuffix("#2")]
                assert twin["tag"] == first["tag"]
                assert twin["model_id"] == first["model_id"]
                assert twin["quantization"] != first["quantization"]
    assert any(
        shot.endpoints[key]["pricing"] != shot.endpoints[key.removesuffix("#2")]["pricing"]
        for shot in film.shots
        for key in shot.endpoints
        if key.endswith("#2")
    )


def test_a_twin_is_first_seen_beside_its_elder_and_later_listed_before_it(film: Film) -> None:
    for key in {key for shot in film.shots for key in shot.endpoints if key.endswith("#2")}:
        elder = key.removesuffix("#2")
        orders = [
            [name for name in shot.endpoints if name in {key, elder}] for shot in film.shots if elder in shot.endpoints
        ]
        assert runs(orders) == [[elder], [elder, key], [elder], [elder, key], [key, elder]]


def test_a_listed_model_without_endpoints_is_answered_404_or_with_an_empty_list(film: Film) -> None:
    answers = Counter[int | None]()
    for shot in film.shots[::4]:
        served = {key.partition("#")[0] for key in shot.endpoints}
        for model in shot.models.keys() - served:
            reply = film.world.honest_answer(f"/api/v1/models/{model}/endpoints", shot.at)
            answers[reply.status] += 1
            assert reply.status == 404 or json.loads(reply.body or b"")["data"]["endpoints"] == []
    assert answers.keys() == {200, 404}


def test_a_model_that_is_not_listed_is_answered_404(film: Film) -> None:
    absences = [(shot.at, set(film.world.models) - shot.models.keys()) for shot in film.shots[::20]]
    statuses = {
        film.world.honest_answer(f"/api/v1/models/{model}/endpoints", at).status
        for at, absent in absences
        for model in absent
    }
    assert statuses == {404}


def test_a_variant_shares_its_slug_and_costs_nothing(film: Film) -> None:
    items = {key: item for shot in film.shots for key, item in shot.models.items()}
    variants = [key for key in items if key.endswith(":free")]
    assert any(key.removesuffix(":free") in items for key in variants)
    for key in variants:
        assert items[key]["pricing"]["prompt"] == "0"
        elder = items.get(key.removesuffix(":free"))
        assert elder is None or elder["canonical_slug"] == items[key]["canonical_slug"]


def test_providers_join_leave_return_and_change(film: Film) -> None:
    courses = film.courses("providers")
    assert entities_with(courses, lambda course: intervals(course) == [False, True])
    assert entities_with(courses, lambda course: intervals(course) == [True, False, True])
    assert entities_with(courses, lambda course: any(before != after for before, after in neighbours(course)))


def test_each_kind_of_failure_occurs_and_most_requests_are_answered(film: Film) -> None:
    fates = Counter(film.world.fails(path, shot.at) for shot in film.shots for path in paths(film.world))
    assert fates.keys() == {None, *Failure}
    assert fates[None] > 0.93 * fates.total()


def test_there_are_moments_when_everything_fails(film: Film) -> None:
    assert any(all(film.world.fails(path, shot.at) for path in paths(film.world)) for shot in film.shots)


# -- shape -------------------------------------------------------------------------------------------------------------


def test_documents_are_of_realistic_size(film: Film) -> None:
    shot = film.shots[len(film.shots) // 2]
    assert 18 <= len(shot.models) <= 24
    sizes = [len(json.dumps(item)) for item in shot.models.values()]
    assert all(1200 < size < 2200 for size in sizes)
    served = Counter(key.partition("#")[0] for key in shot.endpoints)
    assert all(1 <= count <= 7 for count in served.values())
    assert 2 <= sum(served.values()) / len(served) <= 6


def test_a_listing_gives_the_newest_model_first(film: Film) -> None:
    created = [item["created"] for item in film.shots[0].models.values()]
    assert created == sorted(created, reverse=True)


@pytest.mark.parametrize(
    "level,text",
    [(-1, "-1"), (0, "0"), (1, "0.0000000001"), (2500, "0.00000025"), (10**10, "1"), (12 * 10**9, "1.2")],
)
def test_a_price_is_a_string_of_decimals(level: int, text: str) -> None:
    assert price(level) == text


# -- a function of its arguments ---------------------------------------------------------------------------------------


def test_a_small_world_answers_what_it_always_did() -> None:
    # hashes of strings differ in every run of Python: this also holds the world against those
    world = World(1, start=START, days=2, models=5, failures=0.2)
    digest = hashlib.sha256()
    for t in world.instants(timedelta(hours=4)):
        for path in paths(world):
            digest.update(repr(tuple(world.answer(path, t))).encode())
    assert digest.hexdigest() == "8367997288e445b10e12970a62ff13363432c1780791df489bfd273dbb22ed57"


def test_worlds_of_other_seeds_differ() -> None:
    first, second = (World(seed, start=START, days=2, models=3).documents("model", START) for seed in (1, 2))
    assert first != second


def test_a_small_world_is_small() -> None:
    world = World(1, start=START, days=2, models=3)
    assert len(world.models) == 3
    assert len(list(world.instants(EVERY))) == 8
    assert world.end - world.start == timedelta(days=2)


def test_instants_stop_before_the_end_though_they_do_not_divide_it() -> None:
    world = World(1, start=START, days=1, models=1)
    assert list(world.instants(timedelta(hours=9))) == [START + timedelta(hours=hours) for hours in (0, 9, 18)]


def test_telemetry_stands_still_within_its_step() -> None:
    world = World(3, start=START, days=2, models=3)
    step = timedelta(milliseconds=TELEMETRY_STEP)
    path = f"/api/v1/models/{next(iter(world.documents('model', START)))}/endpoints"
    first, same, next_one = (world.honest_answer(path, START + step * factor) for factor in (0, 0.9, 1))
    assert first == same
    assert first != next_one


def test_before_its_start_a_world_is_empty() -> None:
    world = World(1, start=START)
    moment = START - timedelta(milliseconds=1)
    assert world.documents("model", moment) == world.documents("endpoint", moment) == {}
    assert world.honest_answer("/api/v1/models", moment).body == b'{"data":[]}'
    assert world.documents("model", START)


def test_after_its_end_only_telemetry_changes() -> None:
    world = World(1, start=START, days=3, models=8)
    moments = (world.end, world.end + timedelta(days=400))
    first, second = ({key: steady_part(item) for key, item in world.documents("endpoint", t).items()} for t in moments)
    assert first == second
    assert world.documents("provider", moments[0]) == world.documents("provider", moments[1])
    assert world.documents("endpoint", moments[0]) != world.documents("endpoint", moments[1])


def test_a_naive_time_is_refused() -> None:
    world = World(1, start=START, days=1, models=1)
    with pytest.raises(TypeError):
        world.documents("model", START.replace(tzinfo=None))


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(KeyError, match="apps"):
        World(1, start=START, days=1, models=1).documents("apps", START)


def test_dice_do_not_depend_on_what_is_drawn_beside_them() -> None:
    alone, disturbed = Dice(1), Dice(1)
    disturbed.below(6)
    assert alone.named("part").below(10**9) == disturbed.named("part").below(10**9)


def test_what_is_shuffled_never_stays_as_it_was() -> None:
    for seed in range(50):
        assert Dice(seed).shuffled([1, 2, 3]) != [1, 2, 3]
        assert sorted(Dice(seed).shuffled([1, 2, 3])) == [1, 2, 3]


# -- asking ------------------------------------------------------------------------------------------------------------


def ask(transport: WorldTransport, path: str, **params: str) -> Answer:
    return asyncio.run(transport.ask(path, params))


@pytest.fixture
def honest() -> World:
    return World(5, start=START, days=4, models=12, failures=0)


def test_the_clock_decides_what_is_answered(honest: World) -> None:
    clock = Clock(START)
    transport = WorldTransport(honest, clock)
    before = ask(transport, "/api/v1/models")
    clock.now = honest.end
    after = ask(transport, "/api/v1/models")
    assert (before.body, after.body) == (
        honest.honest_answer("/api/v1/models", START).body,
        honest.honest_answer("/api/v1/models", honest.end).body,
    )
    assert before.body != after.body
    assert before.headers["Date"] == "Sat, 01 Mar 2025 00:00:00 GMT"
    assert after.headers["Date"] == "Wed, 05 Mar 2025 00:00:00 GMT"
    assert before.headers["Content-Type"] == "application/json"


def test_an_answer_carries_the_parameters_of_its_scope(honest: World) -> None:
    answer = ask(WorldTransport(honest, Clock(START)), "/api/v1/models", model="a/b")
    assert answer.params == {"model": "a/b"}
    assert answer.status == 200


def test_segments_may_be_percent_encoded(honest: World) -> None:
    (variant,) = [model for model in honest.documents("model", START) if model.endswith(":free")][:1]
    encoded = quote(variant, safe="/")
    assert "%3A" in encoded
    plain, quoted = (honest.answer(f"/api/v1/models/{name}/endpoints", START) for name in (variant, encoded))
    assert plain.status == 200
    assert plain == quoted


@pytest.mark.parametrize(
    "path",
    ["/api/v1/models/no/such/endpoints", "/api/v1/model", "/api/v2/models", "api/v1/models", "", "/%zz", "/\udc80"],
)
def test_what_is_not_there_is_answered_404(honest: World, path: str) -> None:
    answer = ask(WorldTransport(honest, Clock(START)), path)
    assert answer.status == 404
    assert json.loads(answer.body or b"")["error"]["code"] == 404


def test_a_slash_in_a_segment_does_not_separate(honest: World) -> None:
    model = next(iter(honest.documents("endpoint", START))).partition("#")[0]
    assert honest.answer(f"/api/v1/models/{model}/endpoints", START).status == 200
    assert honest.answer(f"/api/v1/models/{quote(model, safe='')}/endpoints", START).status == 404


def test_an_honest_world_never_fails(honest: World) -> None:
    assert not any(honest.fails(path, t) for t in honest.instants(timedelta(hours=1)) for path in paths(honest))


def test_each_failure_answers_in_its_own_way() -> None:
    world = World(2, start=START, days=2, models=4, failures=1)
    clock = Clock(START)
    transport = WorldTransport(world, clock)
    seen = set()
    for clock.now in world.instants(timedelta(minutes=30)):
        for path in paths(world):
            failure, answer = world.fails(path, clock.now), ask(transport, path)
            honest_body = world.honest_answer(path, clock.now).body or b""
            seen.add(failure)
            match failure:
                case Failure.TIMEOUT:
                    assert (answer.status, answer.body, answer.headers) == (None, None, {})
                    assert answer.error == "no answer within 30 s"
                case Failure.SERVER_ERROR | Failure.PAGE:
                    assert answer.status == (500 if failure is Failure.SERVER_ERROR else 200)
                    assert (answer.body or b"").startswith(b"<!DOCTYPE html>")
                    assert answer.headers["Content-Type"].startswith("text/html")
                case Failure.TRUNCATED:
                    assert answer.status == 200
                    assert 0 < len(answer.body or b"") < len(honest_body)
                    assert honest_body.startswith(answer.body or b"-")
                case Failure.EMPTY:
                    assert (answer.status, answer.body) == (200, b"")
                case Failure.ERROR_OBJECT:
                    assert answer.status == 200
                    assert list(json.loads(answer.body or b"")) == ["error"]
    assert seen == set(Failure)
