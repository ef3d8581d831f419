"""What a record holds and how it stands, told without reading a document: counts, sizes, staleness, alerts.

`Record` asks; what a program sees of it are its methods `totals`, `sizes`, `standings` and `staleness`.
"""

from __future__ import annotations

from eventstore.survey.alerts import Alert, ClockDoubt, Disk, clock_doubt, standing_alerts
from eventstore.survey.asks import complete_asks, unheard
from eventstore.survey.disk import disk_of
from eventstore.survey.sizes import Sizes, measure
from eventstore.survey.staleness import Staleness, staleness
from eventstore.survey.standing import Standing, standings
from eventstore.survey.totals import Totals, totals

__all__ = [
    "Alert",
    "ClockDoubt",
    "Disk",
    "Sizes",
    "Staleness",
    "Standing",
    "Totals",
    "clock_doubt",
    "complete_asks",
    "disk_of",
    "measure",
    "staleness",
    "standing_alerts",
    "standings",
    "totals",
    "unheard",
]
