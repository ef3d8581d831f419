"""`orlog demo`: a tour on generated data."""

from __future__ import annotations

import random
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli import output
from cli.lazy import Command
from cli.options import Format
from cli.terminal import progress
from cli.text import counted, grouped, printable, sized, stamp

if TYPE_CHECKING:
    from collector import Played
    from eventstore import Entity, Record

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
SEED: Final = 1
DAYS: Final = 90
SHOWN: Final = 8  # lines of each list
PATHS: Final = 2  # of a patch
READS: Final = 200

FALLEN: Final = """
SELECT model, first.per_million AS was, last.per_million AS "is", last.valid_from AS since
FROM prices AS last JOIN prices AS first USING (model, category, key, kind)
WHERE kind = 'prompt' AND category = 'model' AND last.valid_to IS NULL AND last.per_million > 0
  AND first.seq = (SELECT min(seq) FROM prices WHERE key = last.key AND category = 'model' AND kind = 'prompt')
ORDER BY last.per_million / first.per_million LIMIT 5
"""


@click.command(cls=Command, examples=["orlog demo"], short_help="Take a tour on generated data, without a network.")
@click.argument("directory", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option("--days", type=click.IntRange(1, 365), default=DAYS, show_default=True, help="How long a history.")
def demo(directory: Path | None, days: int) -> None:
    """Lay down the history of a generated API, and show what can be asked of it.

    The API is like OpenRouter's: models that appear, vanish and return, prices that change, endpoints that flap,
    requests that fail. The record is made in DIR, otherwise in a new temporary folder, and stays there to be tried.
    """
    from cli.failures import Failure
    from collector import World, play
    from eventstore import Record

    place = directory or Path(tempfile.mkdtemp(prefix="orlog-demo-"))
    world = World(SEED, start=START, days=days)
    with Record.open(place, write=True) as record:
        if record.log.position().entry:
            raise Failure(f"{place} has a record already", hint="name an empty folder, or none")
        began = time.perf_counter()
        with progress.bar() as bar:
            played = play(record, world, served=True, progress=bar)
        took = time.perf_counter() - began
        output.write(line.encode() + b"\n" for line in _tour(record, played, took, place))


def _tour(record: Record, played: Played, took: float, place: Path) -> Iterator[str]:
    yield from _laid_down(record, played, took)
    yield from _past(record)
    yield from _one(record)
    yield from _sizes(record)
    yield from _times(record)
    yield from _views(place)
    yield ""
    yield "Try it yourself:"
    yield f"  export ORLOG_DATA={shlex.quote(str(place))}"
    middle, entity = f"{_middle(record):%Y-%m-%d}", _liveliest(record)[0]
    for words in (
        "status",
        f"replay model --at {middle}",
        f"diff model --from {middle}",
        f"log model {entity.key} --newest-first",
        f"blame model {entity.key}",
        f"history model {entity.key} /pricing/prompt",
        "project status",
        'query "SELECT day, key, uptime_average FROM endpoint_stats_daily ORDER BY day DESC, 3 LIMIT 7"',
        "verify --deep",
    ):
        yield f"  {_program()} {words}"


def _program() -> str:
    """What to type for orlog: where it is on no PATH, as in a checkout, the way that it was called."""
    return "orlog" if shutil.which("orlog") or not sys.argv[0].endswith("orlog") else shlex.quote(sys.argv[0])


def _laid_down(record: Record, played: Played, took: float) -> Iterator[str]:
    ended = ", ".join(f"{grouped(count)} {status}" for status, count in played.syncs.items())
    yield f"Laid down in {took:.1f} s: {counted(sum(played.syncs.values()), 'sync')} ({ended}),"
    yield f"  {counted(played.asked, 'request')}, of which {grouped(played.failed)} failed and said nothing;"
    yield (
        f"  {grouped(played.appeared)} appeared, {grouped(played.changed)} changed, "
        f"{grouped(played.disappeared)} disappeared"
    )
    yield ""
    for category in record.log.categories():
        yield f"  {category.address:32} {category.live:5} there now, {category.ever:5} ever"


def _middle(record: Record) -> datetime:
    last = record.log.position().observed_at or START
    return (START + (last - START) / 2).replace(hour=0, minute=0, second=0, microsecond=0)


def _past(record: Record) -> Iterator[str]:
    at = _middle(record)
    states = record.log.catalogue("model", at=at)
    yield ""
    yield f"The catalogue as it stood at {stamp(at)}: {counted(len(states), 'model')}"
    for key, state in list(states.items())[:SHOWN]:
        price = state.document.get("pricing", {}).get("prompt", "-")
        yield f"  {printable(key):40} prompt {price:>14}  so since {state.since:%Y-%m-%d}"
    if len(states) > SHOWN:
        yield f"  … and {len(states) - SHOWN} more"


def _one(record: Record) -> Iterator[str]:
    entity, changes = _liveliest(record)
    yield ""
    yield f"What happened to {entity.category} {printable(entity.key)}: {counted(changes, 'event')}, of which the last"
    for event in list(record.log.events(entity.address, entity.key, newest_first=True))[:SHOWN]:
        paths = _first([operation["path"] for operation in event.patch or ()])
        not_before = f"{event.not_before:%Y-%m-%d %H:%M}" if event.not_before else "…"
        yield f"  between {not_before} and {event.observed_at:%Y-%m-%d %H:%M}  {event.kind.value:11} {paths}"


def _first(paths: list[str]) -> str:
    shown = ", ".join(paths[:PATHS])
    return shown if len(paths) <= PATHS else f"{shown}, {len(paths) - PATHS} more"


def _liveliest(record: Record) -> tuple[Entity, int]:
    counts: dict[Entity, int] = {}
    for event in record.log.events("model"):
        counts[event.entity] = counts.get(event.entity, 0) + 1
    return max(counts.items(), key=lambda pair: (pair[1], pair[0]))


def _sizes(record: Record) -> Iterator[str]:
    sizes = record.archive.sizes()
    yield ""
    yield (
        f"Sizes: {counted(sizes['answers'], 'different answer')} of {sized(sizes['bytes'])} "
        f"kept in {sized(sizes['stored'])}; the whole record {sized(record.size())}"
    )


def _times(record: Record) -> Iterator[str]:
    dice = random.Random(SEED)  # noqa: S311  # which instants are read is no secret
    last = record.log.position().observed_at or START
    instants = [START + timedelta(seconds=dice.uniform(0, (last - START).total_seconds())) for _ in range(READS)]
    entity, _ = _liveliest(record)
    catalogue = _median_ms(lambda at: [s.document for s in record.log.catalogue("model", at=at).values()], instants)
    one = _median_ms(lambda at: record.log.state(entity, at=at), instants)
    yield f"Times, median of {READS} random instants: the whole catalogue {catalogue:.1f} ms, one model {one:.2f} ms"


def _views(place: Path) -> Iterator[str]:
    from cli import projecting
    from cli.render.views import found
    from projector import VIEWS_FILE, Query

    began = time.perf_counter()
    ran = projecting.run(place)
    took = time.perf_counter() - began
    yield ""
    yield f"{counted(len(ran), 'view')} for SQL, built from the log in {took:.1f} s. Whose prices fell furthest:"
    with Query(place / VIEWS_FILE, FALLEN) as query:
        lines = found(query.columns, query.rows(), Format.TABLE)
        yield from (f"  {line.decode().rstrip()}" for line in lines)


def _median_ms(read: Callable[[datetime], object], instants: list[datetime]) -> float:
    def once(at: datetime) -> float:
        began = time.perf_counter()
        read(at)
        return (time.perf_counter() - began) * 1000

    return statistics.median(once(at) for at in instants)
