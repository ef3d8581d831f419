"""How a record grows under the shipped policy: a generated world asked each hour, compacted each day, and not.

`python -m bench.retention DAYS` lays both records down and writes `docs/growth.svg` anew.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from bench.processes import ROOT
from collector import World, play
from eventstore import Record, parse_policy
from eventstore.retention import shipped

PICTURE: Final = ROOT / "docs" / "growth.svg"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
MODELS: Final = 20  # and about five endpoints of each
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 320, 60, 40  # pixels
MB: Final = 1e6
_FONT: Final = 'font-family="sans-serif" font-size="12"'


class Sizes(msgspec.Struct, frozen=True):
    """What a record takes after so many days, in bytes: all of it, and its events, keyframes and answers."""

    day: int
    file: int
    events: int
    keyframes: int
    answers: int


def measured(folder: Path, days: int, *, compacting: bool) -> Iterator[Sizes]:
    """Ask the world each hour for so many days, and measure each day."""
    found: list[Sizes] = []
    policy = parse_policy(shipped())
    with Record.open(folder, write=True) as record:
        record._db.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  # nothing here cuts the power

        def after(instant: datetime) -> None:
            if (instant - START) % DAY == timedelta():
                if compacting:
                    record.compact(policy, lossy=True)
                else:
                    record._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # noqa: SLF001
                found.append(_sizes(record, (instant - START) // DAY))

        play(record, World(1, start=START, days=days, models=MODELS), every=HOUR, after=after)
    yield from found


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
    for name, colour, points in lines:
        drawn = " ".join(place(*point) for point in points)
        x, y = place(*points[-1]).split(",")
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{float(x) + 6}" y="{y}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main(days: int) -> None:
    """Measure, print the last day, and draw."""
    with tempfile.TemporaryDirectory(prefix="orlog-growth-") as folder:
        plain = list(measured(Path(folder) / "plain", days, compacting=False))
        compacted = list(measured(Path(folder) / "compacted", days, compacting=True))
    for name, found in (("not compacted", plain), ("compacted", compacted)):
        seen = found[:: max(len(found) // 6, 1)]
        print(name, *(msgspec.json.encode(each).decode() for each in seen), sep="\n  ")
    curves = [
        ("not compacted", "#b03030", [(each.day, each.file / MB) for each in plain]),
        ("compacted daily", "#2060a0", [(each.day, each.file / MB) for each in compacted]),
        ("its answers", "#208050", [(each.day, each.answers / MB) for each in compacted]),
        ("its events", "#806020", [(each.day, (each.events + each.keyframes) / MB) for each in compacted]),
    ]
    PICTURE.write_text(picture(curves), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]))
