"""Where rows go, beside the store: each output is told of all that is written, and may be one of several."""

from __future__ import annotations

from projector.outputs.dryrun import Difference, DryRun
from projector.outputs.jsonlines import JsonLines
from projector.outputs.output import Output

__all__ = ["Difference", "DryRun", "JsonLines", "Output"]
