"""What a record holds and how it stands, told without reading a document: counts, sizes, staleness, alerts.

`Record` asks; what a program sees of it are its methods `totals`, `sizes`, `standings` and `staleness`.
"""

from __future__ import annotations

from eventstore.survey.alerts import Alert, standing_alerts
from eventstore.survey.sizes import Sizes, measure
from eventstore.survey.staleness import Staleness, staleness
from eventstore.survey.standing import Standing, standings
from eventstore.survey.totals import Totals, totals

__all__ = [
    "Alert",
    "Sizes",
    "Staleness",
    "Standing",
    "Totals",
    "measure",
    "staleness",
    "standing_alerts",
    "standings",
    "totals",
]
