"""The public names of each package are those in its `__init__`, and change on purpose only."""

from __future__ import annotations

import importlib

import pytest

# The one place to edit when a public name comes or goes; say so in CHANGELOG.md.
PINNED: dict[str, list[str]] = {
    "cli": [],
    "collector": [
        "Answer",
        "BadPattern",
        "BadPointer",
        "BadRules",
        "BadSource",
        "BadTemplate",
        "Body",
        "Clock",
        "CollectorError",
        "Extracted",
        "Extraction",
        "Extractor",
        "FilesHistory",
        "Format",
        "GitFailed",
        "GitHistory",
        "History",
        "Imported",
        "NoFunction",
        "NoGit",
        "NoRepository",
        "NoSource",
        "NoSuchFolder",
        "NoSuchRef",
        "NothingMatches",
        "Played",
        "Rebuilt",
        "Resource",
        "Source",
        "Synced",
        "Transport",
        "TransportError",
        "UnknownResource",
        "World",
        "WorldTransport",
        "import_history",
        "load",
        "play",
        "rebuild_log",
        "resolve",
        "shipped",
        "sync_source",
    ],
    "eventstore": [
        "ABSENT",
        "JSON",
        "Alert",
        "Archive",
        "Attempt",
        "BeyondHead",
        "Blame",
        "BrokenHistory",
        "Category",
        "CategoryTaken",
        "Cause",
        "Change",
        "Changed",
        "Comparison",
        "Damaged",
        "DiskFull",
        "Document",
        "Entity",
        "Entry",
        "Event",
        "EventLog",
        "EventStoreError",
        "FieldChange",
        "Finding",
        "Follower",
        "Instant",
        "Issue",
        "Item",
        "Kind",
        "Listing",
        "LogRebuilt",
        "NewerRecord",
        "NoRecord",
        "NotAPointer",
        "NotARecord",
        "Occurrence",
        "Patch",
        "PatchError",
        "Period",
        "Position",
        "Progress",
        "ReadOnlyRecord",
        "Record",
        "RecordBusy",
        "Recorded",
        "Request",
        "Rules",
        "RulesDiffer",
        "Scope",
        "Silent",
        "Sizes",
        "Staleness",
        "Standing",
        "State",
        "Status",
        "Sync",
        "Totals",
        "UnknownAttempt",
        "UnknownCategory",
        "UnknownEntity",
        "UnknownSync",
        "Unreadable",
        "Version",
        "apply",
        "blame",
        "canonical_bytes",
        "compare",
        "compose",
        "diff",
        "field_changes",
        "from_ms",
        "parse",
        "periods",
        "resolve",
        "standing_alerts",
        "to_ms",
        "verify",
        "within",
    ],
}


def public_names(package: str) -> list[str]:
    return list(getattr(importlib.import_module(package), "__all__", []))


def by_look_then_name(name: str) -> tuple[bool, bool, str]:
    """CONSTANTS, then Classes, then functions: the order in which ruff keeps `__all__` (RUF022)."""
    return (not name.isupper(), not name[:1].isupper(), name)


@pytest.mark.parametrize("package", PINNED)
def test_a_package_offers_the_names_that_are_pinned_here(package: str) -> None:
    assert public_names(package) == PINNED[package]


@pytest.mark.parametrize("package", PINNED)
def test_public_names_are_sorted_and_stand_once(package: str) -> None:
    names = public_names(package)
    assert names == sorted(set(names), key=by_look_then_name)


@pytest.mark.parametrize("package", PINNED)
def test_every_public_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert [name for name in public_names(package) if not hasattr(module, name)] == []
