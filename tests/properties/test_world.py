from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.world import Clock, Failure, World, WorldTransport

START = datetime(2024, 2, 27, 22, 30, tzinfo=UTC)

seeds = st.integers(min_value=0, max_value=2**64)
small = st.fixed_dictionaries({"days": st.integers(1, 6), "models": st.integers(0, 8)})
moments = st.timedeltas(min_value=timedelta(hours=-1), max_value=timedelta(days=7)).map(lambda age: START + age)
Arguments = dict[str, Any]


def body(world: World, path: str, t: datetime) -> Any:
    return json.loads(world.honest_answer(path, t).body or b"")


def paths(world: World) -> list[str]:
    return ["/api/v1/models", "/api/v1/providers", *(f"/api/v1/models/{model}/endpoints" for model in world.models)]


@given(seeds, small, moments)
def test_the_listings_show_the_truth(seed: int, size: Arguments, t: datetime) -> None:
    world = World(seed, start=START, **size)
    models, providers = body(world, "/api/v1/models", t)["data"], body(world, "/api/v1/providers", t)["data"]
    assert [(item["id"], item) for item in models] == list(world.documents("model", t).items())
    assert [(item["slug"], item) for item in providers] == list(world.documents("provider", t).items())


@given(seeds, small, moments)
def test_the_endpoints_of_all_listed_models_are_all_endpoints(seed: int, size: Arguments, t: datetime) -> None:
    world = World(seed, start=START, **size)
    shown = []
    for model in world.documents("model", t):
        reply = world.honest_answer(f"/api/v1/models/{model}/endpoints", t)
        if reply.status == 200:
            data = json.loads(reply.body or b"")["data"]
            assert data["id"] == model
            shown += [(f"{model}#{item['tag']}", item) for item in data["endpoints"]]
    assert shown == [(key.removesuffix("#2"), item) for key, item in world.documents("endpoint", t).items()]


@given(seeds, small, moments)
def test_no_endpoint_is_without_its_model(seed: int, size: Arguments, t: datetime) -> None:
    world = World(seed, start=START, **size)
    assert {key.partition("#")[0] for key in world.documents("endpoint", t)} <= world.documents("model", t).keys()


@given(seeds, small)
def test_no_two_models_have_one_id(seed: int, size: Arguments) -> None:
    assert len(World(seed, start=START, **size).models) == size["models"]


@given(seeds, small, st.lists(moments, min_size=1, max_size=4), st.floats(0, 1))
def test_equal_worlds_answer_equal_bytes_in_whatever_order_they_are_asked(
    seed: int, size: Arguments, times: list[datetime], rate: float
) -> None:
    first, second = (World(seed, start=START, failures=rate, **size) for _ in range(2))
    requests = [(path, t) for t in times for path in paths(first)]
    forth = {request: first.answer(*request) for request in requests}
    back = {request: second.answer(*request) for request in reversed(requests)}
    assert forth == back


@given(seeds, moments, st.floats(0, 1))
def test_failures_take_nothing_from_the_truth(seed: int, t: datetime, rate: float) -> None:
    honest, failing = (World(seed, start=START, days=2, models=3, failures=failures) for failures in (0, rate))
    for category in ("model", "endpoint", "provider"):
        assert honest.documents(category, t) == failing.documents(category, t)


@given(seeds, moments, st.floats(0, 1))
def test_an_answer_is_honest_unless_it_fails(seed: int, t: datetime, rate: float) -> None:
    world = World(seed, start=START, days=2, models=3, failures=rate)
    for path in paths(world):
        assert (world.answer(path, t) == world.honest_answer(path, t)) == (world.fails(path, t) is None)


@given(seeds, moments)
def test_a_failed_answer_never_reads_as_a_listing(seed: int, t: datetime) -> None:
    world = World(seed, start=START, days=2, models=3, failures=1)
    for path in paths(world):
        failure, text = world.fails(path, t), world.answer(path, t).body
        assert failure is not None
        try:
            value = json.loads(text or b"")
        except ValueError:
            assert failure is not Failure.ERROR_OBJECT
        else:
            assert failure is Failure.ERROR_OBJECT
            assert "data" not in value


@given(seeds, st.text(st.characters()), moments)  # lone surrogates included
def test_asking_for_any_path_raises_nothing(seed: int, path: str, t: datetime) -> None:
    honest, failing = (World(seed, start=START, days=1, models=2, failures=rate) for rate in (0, 0.5))
    for asked in (path, f"/api/v1/models/{path}/endpoints"):
        assert asyncio.run(WorldTransport(honest, Clock(t)).ask(asked, {})).status == 404
        assert asyncio.run(WorldTransport(failing, Clock(t)).ask(asked, {})).status in {None, 200, 404, 500}
