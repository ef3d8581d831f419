"""Tells people: of alerts once when they begin and once when they end, of changes in the log at least once each."""

from __future__ import annotations

from collector.notices.notifier import Delivered, Notifier
from collector.notices.target import Interest, Target, filled_in

__all__ = ["Delivered", "Interest", "Notifier", "Target", "filled_in"]
