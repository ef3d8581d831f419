"""The views of a log: those that come with orlog, two for each category, and those that users wrote."""

from __future__ import annotations

from projector.views.catalogue import Catalogue, Settings

__all__ = ["Catalogue", "Settings"]
