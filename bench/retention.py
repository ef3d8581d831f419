"""How a record grows under the shipped policy: a generated world asked each hour, compacted each week.

`python -m bench.retention DAYS` plays so many days of 20 models, sixty of them also without compaction, and writes
`docs/growth.svg` anew: a year takes half an hour. `python -m bench.retention DAYS MODELS` plays another size. Both
print what they measure as they go.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from bench.processes import ROOT
from collector import World, play
from eventstore import Record, parse_policy
from eventstore.retention import shipped

PICTURE: Final = ROOT / "docs" / "growth.svg"
PLAIN: Final = 60  # days that are also played without compaction
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
MODELS: Final = 20  # and about sixty endpoints, fifty of them at a time
POINTS: Final = 120  # of a curve
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
WEEK: Final = 7  # days; `orlog run` compacts each day, which would take longer here
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 320, 60, 40  # pixels
LINE: Final = 14
MB: Final = 1e6
_FONT: Final = 'font-family="sans-serif" font-size="12"'


class Sizes(msgspec.Struct, frozen=True):
    """What a record takes after so many days, in bytes: all of it, and its events, keyframes and answers."""

    day: int
    file: int
    events: int
    keyframes: int
    answers: int


def measured(folder: Path, days: int, *, compacting: bool = True, models: int = MODELS) -> list[Sizes]:
    """Ask the world each hour for so many days, and measure it each week, or every so many."""
    found: list[Sizes] = []
    every = max(days // WEEK // POINTS, 1) * WEEK
    policy = parse_policy(shipped())
    with Record.open(folder, write=True) as record:
        record._db.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  # nothing here cuts the power

        def after(instant: datetime) -> None:
            day, rest = divmod(instant - START, DAY)
            if rest or day % WEEK:
                return
            if compacting:
                record.compact(policy, lossy=True)
            else:
                record._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # noqa: SLF001
            if day % every == 0:
                found.append(_sizes(record, day))
                print(msgspec.json.encode(found[-1]).decode(), flush=True)

        play(record, World(1, start=START, days=days, models=models), every=HOUR, after=after)
    return found


def _sizes(record: Record, day: int) -> Sizes:
    sizes = record.sizes()
    return Sizes(day, sizes.file, sizes.events + sizes.sealed, sizes.keyframes, sizes.answers)


def picture(lines: Sequence[tuple[str, str, Sequence[tuple[int, float]]]]) -> str:
    """Curves (name, colour, points of day and MB) as an SVG."""
    days = max(day for _, _, points in lines for day, _ in points)
    top = max(value for _, _, points in lines for _, value in points)

    def place(day: float, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - 150) * day / days
        return f"{x:.1f},{HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 20) * value / top:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {_FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<polyline points="{place(0, top)} {place(0, 0)} {place(days, 0)}" fill="none" stroke="#444"/>',
    ]
    for share in (0.25, 0.5, 0.75, 1):
        x, y = place(0, top * share).split(",")
        parts.append(f'<text x="{float(x) - 8}" y="{y}" text-anchor="end">{top * share:.0f} MB</text>')
        x, y = place(days * share, 0).split(",")
        parts.append(f'<text x="{x}" y="{float(y) + 18}" text-anchor="middle">day {days * share:.0f}</text>')
    below = 0.0
    for name, colour, points in sorted(lines, key=lambda line: line[2][-1][1], reverse=True):
        drawn = " ".join(place(*point) for point in points)
        x, y = place(*points[-1]).split(",")
        below = max(float(y), below + LINE)  # names of curves that end together stand below one another
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{float(x) + 6}" y="{below:.1f}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def drawn(plain: Sequence[Sizes], compacted: Sequence[Sizes]) -> str:
    """Both as curves; of the compacted one also what its answers and its events take."""
    return picture(
        [
            ("not compacted", "#b03030", [(each.day, each.file / MB) for each in plain]),
            ("compacted each week", "#2060a0", [(each.day, each.file / MB) for each in compacted]),
            ("its answers", "#208050", [(each.day, each.answers / MB) for each in compacted]),
            ("its events", "#806020", [(each.day, (each.events + each.keyframes) / MB) for each in compacted]),
        ]
    )


def main(days: int, models: int | None) -> None:
    """Measure, print, and draw."""
    with tempfile.TemporaryDirectory(prefix="orlog-growth-") as folder:
        print(f"compacted, {models or MODELS} models", flush=True)
        compacted = measured(Path(folder) / "compacted", days, models=models or MODELS)
        if models is None:
            print("not compacted", flush=True)
            plain = measured(Path(folder) / "plain", min(days, PLAIN), compacting=False)
            PICTURE.write_text(drawn(plain, compacted), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)  # noqa: PLR2004
