"""The tables of `record.db`. Migrations are in `migrations`, imported only when there is something to migrate.

Archive (shared by all generations): `rules`, `scope`, `sync`, `sync_rules`, `attempt`, `answer`.
Chain: `generation`, `entry`.
Log (one set of tables for each generation, named with its number): see `log_tables`.
Columns of a primary key come first: SQLite 3.40's integrity check misreads other WITHOUT ROWID tables.
Times are integers, milliseconds since 1970 in UTC. Hashes are SHA-256, 32 bytes.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x6F726C67  # "orlg"
VERSION: Final = 1  # PRAGMA user_version: the number of migrations in `migrations`

ARCHIVE: Final = """
CREATE TABLE rules (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL
) STRICT;
CREATE TABLE scope (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    resource TEXT NOT NULL,
    params TEXT NOT NULL, -- a JSON object, canonical
    UNIQUE (source, resource, params)
) STRICT;
CREATE TABLE sync (
    id INTEGER PRIMARY KEY,
    cause TEXT NOT NULL, -- sync, import, rules
    opened_at INTEGER NOT NULL,
    at INTEGER, -- when its answers were in; NULL while it is open
    interrupted INTEGER, -- 1: it was killed, and closed afterwards with what had been archived
    version TEXT, -- of an import: what names the version
    plan TEXT NOT NULL, -- JSON
    digest BLOB -- over all that the archive holds of it; NULL while it is open
) STRICT;
CREATE INDEX sync_open ON sync (id) WHERE at IS NULL;
CREATE INDEX sync_rules_changed ON sync (id) WHERE cause = 'rules';
CREATE TABLE sync_rules (
    resource TEXT NOT NULL, -- SOURCE.RESOURCE
    sync INTEGER NOT NULL,
    rules INTEGER NOT NULL,
    PRIMARY KEY (resource, sync)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_rules_sync ON sync_rules (sync);
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    sync INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    status INTEGER,
    answer INTEGER,
    error TEXT,
    headers TEXT -- a JSON object
) STRICT;
CREATE INDEX attempt_sync ON attempt (sync);
CREATE INDEX attempt_scope ON attempt (scope, id) WHERE answer IS NOT NULL;
CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    base INTEGER, -- the answer that the body is a delta against
    depth INTEGER NOT NULL, -- deltas between it and a full copy
    body BLOB NOT NULL -- zstd, with a checksum behind it
) STRICT;
"""

CHAIN: Final = """
CREATE TABLE generation (
    id INTEGER PRIMARY KEY,
    state TEXT NOT NULL, -- building, current, superseded
    made_at INTEGER NOT NULL,
    syncs INTEGER NOT NULL, -- the last sync that was archived by then: up to it, all was laid down by a rebuild
    rules TEXT NOT NULL -- JSON object: resource to hash, of the rules that the rebuild used
) STRICT;
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,
    kind TEXT NOT NULL, -- schema, generation, sync
    sync INTEGER,
    observed_at INTEGER,
    seq INTEGER, -- of the last event up to and with this entry; of a schema entry: the number of migrations
    status TEXT, -- success, partial, failed
    appeared INTEGER,
    changed INTEGER,
    disappeared INTEGER,
    unchanged INTEGER,
    digest BLOB NOT NULL,
    root BLOB NOT NULL -- SHA-256 of the previous root and the digest
) STRICT;
CREATE INDEX entry_time ON entry (generation, observed_at) WHERE kind = 'sync';
CREATE INDEX entry_sync ON entry (sync, generation) WHERE kind = 'sync';
"""

LOG_TABLES: Final = (
    "category",
    "entity",
    "event",
    "listing",
    "sighting",
    "unconfirmed",
    "unread",
    "issue",
    "keyframe",
    "catalogue",
)

_LOG: Final = """
CREATE TABLE category_{g} (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    resource TEXT NOT NULL,
    entry INTEGER NOT NULL, -- that brought it
    UNIQUE (source, name)
) STRICT;
CREATE TABLE entity_{g} (
    id INTEGER PRIMARY KEY,
    category INTEGER NOT NULL,
    key TEXT NOT NULL,
    parent_category TEXT, -- of the same source
    parent TEXT,
    scope INTEGER NOT NULL, -- that last held it
    seq INTEGER NOT NULL, -- of its last event
    hash BLOB, -- of its document; NULL when it is gone
    UNIQUE (category, key)
) STRICT;
CREATE INDEX entity_scope_{g} ON entity_{g} (scope) WHERE hash IS NOT NULL;
CREATE INDEX entity_parent_{g} ON entity_{g} (parent_category, parent) WHERE hash IS NOT NULL AND parent IS NOT NULL;
CREATE TABLE event_{g} (
    seq INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    category INTEGER NOT NULL,
    parent_category TEXT,
    parent TEXT,
    scope INTEGER NOT NULL,
    kind TEXT NOT NULL, -- appeared, changed, disappeared
    not_before INTEGER,
    hash BLOB NOT NULL,
    body TEXT -- canonical JSON: a document, a JSON Patch, or NULL
) STRICT;
CREATE INDEX event_entity_{g} ON event_{g} (entity, seq);
CREATE INDEX event_category_{g} ON event_{g} (category, seq);
CREATE TABLE listing_{g} (
    scope INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (scope, complete, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX listing_entry_{g} ON listing_{g} (entry);
CREATE TABLE sighting_{g} ( -- confirmations that no complete listing of the entity's scope implies
    entity INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    parent_category TEXT,
    parent TEXT,
    PRIMARY KEY (entity, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX sighting_entry_{g} ON sighting_{g} (entry);
CREATE TABLE unconfirmed_{g} ( -- present in a complete listing, but unreadable there
    entity INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (entity, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX unconfirmed_entry_{g} ON unconfirmed_{g} (entry);
CREATE TABLE unread_{g} ( -- keys of unreadable items in complete listings: no evidence of absence
    scope INTEGER NOT NULL,
    key TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (scope, key, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX unread_entry_{g} ON unread_{g} (entry);
CREATE TABLE issue_{g} (
    id INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    code TEXT NOT NULL,
    key TEXT,
    path TEXT,
    message TEXT NOT NULL
) STRICT;
CREATE INDEX issue_entry_{g} ON issue_{g} (entry);
CREATE TABLE keyframe_{g} (
    entity INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL, -- the document after event seq, packed
    PRIMARY KEY (entity, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE catalogue_{g} (
    category INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL, -- all live documents after event seq, packed
    PRIMARY KEY (category, seq)
) STRICT;
"""

_VIEW: Final = """
CREATE VIEW events AS
SELECT e.seq, strftime('%Y-%m-%dT%H:%M:%fZ', n.observed_at / 1000.0, 'unixepoch') AS observed_at,
       c.source, c.name AS category, t.key, e.parent, e.kind, n.sync, lower(hex(e.hash)) AS hash, e.body
FROM event_{g} e JOIN entry n ON n.id = e.entry JOIN entity_{g} t ON t.id = e.entity
JOIN category_{g} c ON c.id = e.category
"""


def log_tables(generation: int) -> str:
    """The SQL that makes the tables of one generation of the log."""
    return _LOG.format(g=generation)


def events_view(generation: int) -> str:
    """The SQL of the view `events`, for people with the sqlite3 shell."""
    return _VIEW.format(g=generation)


def statements(script: str) -> list[str]:
    """The statements of a script, one by one: sqlite3's `executescript` would commit what came before."""
    return [statement for statement in script.split(";\n") if statement.strip()]
