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
    NoRepository,
    NoSource,
    NoSuchFolder,
    NoSuchRef,
    NothingMatches,
    TransportError,
    UnknownResource,
)
from collector.extract import Body, Extracted, Extractor
from collector.importing import Imported, import_history
from collector.rebuild import Rebuilt, rebuild_log
from collector.rules import Extraction, Format
from collector.shelf import resolve, shipped
from collector.source import Resource, Source
from collector.sourcefile import load
from collector.sync import Synced, sync_source
from collector.transport import Answer, History, Transport
from collector.transport.files import FilesHistory
from collector.transport.git import GitHistory
from collector.world import Clock, World, WorldTransport

__all__ = [
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
]
