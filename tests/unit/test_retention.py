"""Policies: what can be said, and what cannot, with the place in the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventstore import BadPolicy, Spacing, Zone, from_ms, parse_policy, policy_in, to_ms
from eventstore.names import NumberedCategory
from eventstore.retention import Bucket, bucket_of, plan, shipped, zones
from eventstore.retention.thinning import Known, Stood, thin
from eventstore.stored import Stored

NOW = datetime(2026, 3, 15, 10, 20, tzinfo=UTC)
DAY = 86_400_000


def at(*date: int) -> int:
    return to_ms(datetime(*date, tzinfo=UTC))  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    "text, said",
    [
        ("[default]\nkep = 1", "default: Object contains unknown field kep"),
        ('[default]\nkeep = "weekly"', "default.keep: Invalid enum value 'weekly'"),
        ("[default]\nkeep = 1", "default.keep: Expected str"),
        ('[default]\nseal_after = "soon"', "default.seal_after: write an age as 12h, 7d or 52w"),
        (
            '[category.a]\nolder = "daily"',
            "category.a.older: it says what is kept beyond the tiers",
        ),
        ('[category.a]\ntiers = [{ for = "1d", keep = "all" }]', "category.a.older: say what is kept beyond"),
        ('[category.a]\nkeep = "all"\ntiers = []', "category.a.keep: say either that or tiers"),
        (
            '[category.a]\ntiers = [{ for = "2d", keep = "all" }, { for = "1d", keep = "daily" }]\nolder = "delete"',
            "category.a.tiers[1].for: it must be longer",
        ),
        (
            '[category.a]\ntiers = [{ for = "1d", keep = "daily" }, { for = "2d", keep = "hourly" }]\nolder = "delete"',
            "category.a.tiers[1].keep: it must be coarser",
        ),
        (
            '[category.a]\ntiers = [{ for = "1d", keep = "daily" }]\nolder = "hourly"',
            "category.a.older: it must not be finer",
        ),
        ("[category.a]\nkep = 1", "category.a: Object contains unknown field kep"),
        ('[category.a]\ntiers = [{ for = 1, keep = "all" }]', "category.a.tiers[0].for: Expected str"),
        ('[pin]\nentities = ["model"]', 'pin.entities[0]: write "CATEGORY KEY"'),
        ("[default", ""),
    ],
)
def test_what_a_policy_cannot_say_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        parse_policy(text)
    assert str(caught.value).startswith(said)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "retention.toml").write_text("[default]\nkeep = 1\n")
    with pytest.raises(BadPolicy, match=r"retention\.toml: default\.keep: "):
        policy_in(tmp_path)


def test_without_a_file_the_shipped_policy_holds(tmp_path: Path) -> None:
    assert policy_in(tmp_path) == parse_policy(shipped())
    assert policy_in(tmp_path).rule("openrouter", "model").keeps_all
    assert not policy_in(tmp_path).rule("openrouter", "endpoint_telemetry").keeps_all


def test_a_category_is_named_with_its_source_or_without() -> None:
    policy = parse_policy('[category."a.model"]\nkeep = "daily"\n[category.model]\nkeep = "hourly"\n')
    assert policy.rule("a", "model").older is Spacing.DAILY
    assert policy.rule("b", "model").older is Spacing.HOURLY
    assert policy.rule("b", "other").keeps_all


def test_horizons_lie_at_the_beginning_of_a_bucket() -> None:
    rule = parse_policy(shipped()).rule("openrouter", "endpoint_telemetry")
    assert zones(rule, to_ms(NOW)) == (
        Zone(at(2026, 3, 8, 10), Spacing.HOURLY),
        Zone(at(2026, 2, 13), Spacing.DAILY),
        Zone(at(2025, 3, 15), None),
    )


@pytest.mark.parametrize(
    "moment, bucket",
    [
        ((2026, 3, 9), None),
        ((2026, 3, 8, 9, 59), Bucket(Spacing.HOURLY, at(2026, 3, 8, 9), at(2026, 3, 8, 10))),
        ((2026, 2, 12, 23), Bucket(Spacing.DAILY, at(2026, 2, 12), at(2026, 2, 13))),
    ],
)
def test_an_instant_falls_into_a_bucket_of_what_is_kept(moment: tuple[int, ...], bucket: Bucket | None) -> None:
    rule = parse_policy(shipped()).rule("openrouter", "endpoint_telemetry")
    assert bucket_of(at(*moment), zones(rule, to_ms(NOW))) == bucket


@pytest.mark.parametrize("spacing, days", [("monthly", (28, 31)), ("yearly", (365, 366))])
def test_coarse_buckets_are_those_of_the_calendar(spacing: str, days: tuple[int, int]) -> None:
    rule = parse_policy(f'[default]\nkeep = "{spacing}"\n').default
    horizon = zones(rule, to_ms(NOW))
    moment = at(2020, 1, 31)
    while moment < at(2025, 1, 1):
        bucket = bucket_of(moment, horizon)
        assert bucket is not None
        assert bucket.begin <= moment < bucket.end
        assert days[0] <= (bucket.end - bucket.begin) / DAY <= days[1]
        assert from_ms(bucket.end).day == 1
        moment = bucket.end


def test_a_plan_crosses_no_checkpoint() -> None:
    policy = parse_policy('[default]\nkeep = "hourly"\n')
    held = NOW - timedelta(days=3)
    planned = plan(
        policy,
        [NumberedCategory("a", "model", 1)],
        head=(900, to_ms(NOW)),
        seq_at=lambda ms: ms // DAY,
        keep_from=(400, to_ms(held)),
    )
    assert planned.keep_from == 400
    assert planned.categories[0].zones == (Zone(at(2026, 3, 12, 10), Spacing.HOURLY),)


def test_an_entity_that_moved_while_its_changes_came_to_nothing_is_left_where_it_moved_to() -> None:
    bucket = Bucket(Spacing.DAILY, 0, DAY)
    known = Known(lambda _: bucket, {7: 99}, {7: 99}, {7: 99})
    stood = Stood(b'{"n":1}', (1, None, None))

    def change(seq: int, scope: int, n: int) -> Stored:
        body = f'[{{"op":"replace","path":"/n","value":{n}}}]'.encode()
        return Stored(seq, seq, 7, 1, None, None, scope, "changed", None, bytes(32), body)

    moved = thin([change(2, 2, 5), change(3, 2, 1)], {7: stood}, known).events
    assert [(each.seq, each.place, each.body, each.starts) for each in moved] == [(3, (2, None, None), b"[]", 2)]
    back = thin([change(2, 2, 5), change(3, 1, 1)], {7: stood}, known)
    assert (back.events, [each.seq for each in back.seen]) == ([], [3])
