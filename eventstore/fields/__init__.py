"""What documents say at single places, and how that changes: differences, blame, and all values of a field.

Pure: documents and versions in, structs out.
"""

from __future__ import annotations

from eventstore.fields.blame import Blame, blame
from eventstore.fields.changes import FieldChange, field_changes
from eventstore.fields.periods import Period, periods
from eventstore.fields.places import ABSENT, resolve, tokens, value_at, within

__all__ = [
    "ABSENT",
    "Blame",
    "FieldChange",
    "Period",
    "blame",
    "field_changes",
    "periods",
    "resolve",
    "tokens",
    "value_at",
    "within",
]
