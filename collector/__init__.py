"""Asks the world: source files, transports, and extraction, which makes listings of answers.

resource = resolve("openrouter.models")
extracted = Extractor(resource.extraction).extract(resource.scope({}), [Body(attempt=1, status=200, body=answer)])
"""

from collector.demo import Played, play
from collector.errors import (
    BadPattern,
    BadPointer,
    BadRules,
    BadSource,
    BadTemplate,
    CollectorError,
    GitFailed,
    NoFunction,
    NoGit,
    NoProposal,
    NoRepository,
    NoSource,
    NoSuchFolder,
    NoSuchRef,
    NothingMatches,
    NothingToAccept,
    TransportError,
    UnknownResource,
    UnknownScope,
)
from collector.explanation import Parents, ResourceSaid, SourceSaid, example_scope, explain
from collector.extraction.extract import Body, Extracted, Extractor
from collector.importing import Imported, import_history
from collector.inquiry import inquire
from collector.narration import LOGGER, narrator
from collector.notices import Delivered, Interest, Notifier, Target, filled_in
from collector.proposal import Place, Proposal, check_name, propose
from collector.rebuild import Rebuilt, rebuild_log
from collector.running import Runner, SystemClock, Task
from collector.schedule import Plan, Watched, next_due
from collector.sources.rules import Extraction, Format
from collector.sources.shelf import resolve, shipped
from collector.sources.source import Resource, Source
from collector.sources.sourcefile import load
from collector.sync import Choice, Planned, Rehearsed, Synced, plan_sync, rehearse, sync_source
from collector.syncing.report import ResourceReport, SyncReport
from collector.syncing.scopes import watched
from collector.transport import Answer, History, Transport
from collector.transport.files import FilesHistory
from collector.transport.git import GitHistory
from collector.verdicts import Accepted, accept, give_verdict
from collector.world import Clock, World, WorldTransport

__all__ = [
    "LOGGER",
    "Accepted",
    "Answer",
    "BadPattern",
    "BadPointer",
    "BadRules",
    "BadSource",
    "BadTemplate",
    "Body",
    "Choice",
    "Clock",
    "CollectorError",
    "Delivered",
    "Extracted",
    "Extraction",
    "Extractor",
    "FilesHistory",
    "Format",
    "GitFailed",
    "GitHistory",
    "History",
    "Imported",
    "Interest",
    "NoFunction",
    "NoGit",
    "NoProposal",
    "NoRepository",
    "NoSource",
    "NoSuchFolder",
    "NoSuchRef",
    "NothingMatches",
    "NothingToAccept",
    "Notifier",
    "Parents",
    "Place",
    "Plan",
    "Planned",
    "Played",
    "Proposal",
    "Rebuilt",
    "Rehearsed",
    "Resource",
    "ResourceReport",
    "ResourceSaid",
    "Runner",
    "Source",
    "SourceSaid",
    "SyncReport",
    "Synced",
    "SystemClock",
    "Target",
    "Task",
    "Transport",
    "TransportError",
    "UnknownResource",
    "UnknownScope",
    "Watched",
    "World",
    "WorldTransport",
    "accept",
    "check_name",
    "example_scope",
    "explain",
    "filled_in",
    "give_verdict",
    "import_history",
    "inquire",
    "load",
    "narrator",
    "next_due",
    "plan_sync",
    "play",
    "propose",
    "rebuild_log",
    "rehearse",
    "resolve",
    "shipped",
    "sync_source",
    "watched",
]
