"""The tables of `record.db`. Migrations are in `migrations`, imported only when there is something to migrate.

Archive (shared by all generations): `rules`, `plan`, `resource`, `scope`, `sync`, `sync_rules`, `attempt`, `news`,
`asked`, `answer`, `form`, `dropped`. Where a table stands here more than once it is the last that holds.
Chain: `generation`, `entry`, `compaction`, `skipped`.
Log (one set of tables for each generation, named with its number): see `log_tables`.
Columns of a primary key come first: SQLite 3.40's integrity check misreads other WITHOUT ROWID tables.
Times are integers, milliseconds since 1970 in UTC. Hashes are SHA-256, 32 bytes.
"""

from __future__ import annotations

import re
from typing import Final

APPLICATION_ID: Final = 0x6F726C67  # "orlg"
VERSION: Final = 7  # PRAGMA user_version: the number of migrations in `migrations`
PAGE_SIZE: Final = 1024  # bytes; of 1024, 2048, 4096 as fast as the others, and sealed a tenth smaller than with 4096
ASKING_NOTHING: Final = "cause IN ('rules', 'verdict')"  # what the index of the few syncs that ask nothing covers
DOUBTED: Final = "typeof(report) = 'text' AND instr(report, '\"doubt\"') > 0"  # what its index covers, too
RESOURCE: Final = "(SELECT id FROM resource WHERE address = ?)"  # its number; NULL, which nothing equals, without one

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
    cause TEXT NOT NULL, -- sync, import, rules, verdict
    opened_at INTEGER NOT NULL,
    at INTEGER, -- when its answers were in; NULL while it is open
    interrupted INTEGER, -- 1: it was killed, and closed afterwards with what had been archived
    version TEXT, -- of an import: what names the version
    plan TEXT NOT NULL, -- JSON
    report TEXT, -- JSON: what asking came to, in counts and seconds; NULL where nobody was asked
    digest BLOB, -- over all that the archive holds of it; NULL while it is open
    first INTEGER, -- its first attempt; NULL without any
    attempts BLOB -- packed, once it is closed; NULL without any
) STRICT;
CREATE INDEX sync_open ON sync (id) WHERE at IS NULL;
CREATE INDEX sync_asking_nothing ON sync (cause, id) WHERE cause IN ('rules', 'verdict');
CREATE INDEX sync_doubted ON sync (id) WHERE instr(report, '"doubt"') > 0;
CREATE INDEX sync_first ON sync (first) WHERE first IS NOT NULL;
CREATE TABLE sync_rules (
    resource TEXT NOT NULL, -- SOURCE.RESOURCE
    sync INTEGER NOT NULL,
    rules INTEGER NOT NULL,
    PRIMARY KEY (resource, sync)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_rules_sync ON sync_rules (sync);
CREATE TABLE attempt ( -- of a sync that is open; closing it packs them
    id INTEGER PRIMARY KEY,
    sync INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    status INTEGER,
    answered INTEGER NOT NULL, -- 1: it brought an answer, the newest in `news` up to then
    error TEXT,
    headers TEXT, -- a JSON object
    url TEXT, -- where it failed
    tries INTEGER NOT NULL
) STRICT;
CREATE TABLE news ( -- an answer that is not the one before it, for that page of the scope
    scope INTEGER NOT NULL,
    page INTEGER NOT NULL, -- attempts of one sync for one scope are its pages: 0, 1, 2 …
    attempt INTEGER NOT NULL,
    answer INTEGER NOT NULL,
    status INTEGER,
    headers TEXT, -- a JSON object: those that come with the answer, as long as it is the same
    PRIMARY KEY (scope, page, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX news_answer ON news (answer);
CREATE TABLE asked ( -- the last attempt for each scope, derived from the others
    scope INTEGER PRIMARY KEY,
    sync INTEGER NOT NULL,
    attempt INTEGER NOT NULL
) STRICT;
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

# of an answer that compaction has packed the depth is below zero: -1 for a full copy, -2 for a delta against one …
COMPACTION: Final = """
CREATE TABLE compaction ( -- what was to be compacted, and what came of it; kept for good
    id INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,
    point INTEGER NOT NULL, -- the entry that began it
    receipt INTEGER, -- the entry that ended it; NULL until then
    plan TEXT NOT NULL, -- JSON
    report TEXT, -- JSON
    covers BLOB -- digest over all that was thinned by then: see the receipt in docs/record.md
) STRICT;
CREATE INDEX answer_loose ON answer (base) WHERE depth >= 0;
ALTER TABLE entry ADD COLUMN again BLOB /* digest of what it commits to, since compaction thinned that */;
"""

# of an answer that was dropped the body is empty: not even a frame of nothing
DROPPED: Final = """
CREATE TABLE skipped ( -- runs of entries whose syncs compaction dropped: the chain goes on behind them
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL, -- the last one's
    until INTEGER NOT NULL, -- the end of its bucket
    root BLOB NOT NULL, -- the last one's
    compaction INTEGER NOT NULL -- that made the run as long as it is
) STRICT;
CREATE TABLE dropped ( -- answers whose bytes compaction dropped; they may have come again since
    answer INTEGER NOT NULL,
    compaction INTEGER NOT NULL,
    bytes INTEGER NOT NULL, -- that the body took
    PRIMARY KEY (answer, compaction)
) STRICT, WITHOUT ROWID;
ALTER TABLE generation ADD COLUMN origin INTEGER /* the one that its older part was copied from, word for word */;
ALTER TABLE generation ADD COLUMN copied INTEGER /* up to which instant */;
CREATE INDEX answer_gone ON answer (id) WHERE length(body) = 0;
"""


def _sync_table(*, report: str) -> str:
    """The table of syncs, with a column for the report of such a type."""
    return f"""
CREATE TABLE sync (
    id INTEGER PRIMARY KEY,
    cause TEXT NOT NULL, -- sync, import, rules, verdict, summary
    opened_at INTEGER NOT NULL,
    at INTEGER, -- when its answers were in; NULL while it is open
    interrupted INTEGER, -- 1: it was killed, and closed afterwards with what had been archived
    version ANY, -- of an import: what names the version
    plan INTEGER NOT NULL,
    report {report}, -- JSON: what asking came to, in counts and seconds; NULL where nobody was asked
    digest BLOB, -- over all that the archive holds of it; NULL while it is open
    first INTEGER, -- its first attempt; NULL without any
    attempts BLOB -- packed, once it is closed; NULL without any
) STRICT;
"""


def _sync_indexes(*, doubted: str) -> str:
    return f"""
CREATE INDEX sync_open ON sync (id) WHERE at IS NULL;
CREATE INDEX sync_asking_nothing ON sync (cause, id) WHERE {ASKING_NOTHING};
CREATE INDEX sync_doubted ON sync (id) WHERE {doubted};
CREATE INDEX sync_first ON sync (first) WHERE first IS NOT NULL;
"""


# what came again in each row of a sync has a number since, or is packed; rows of `result_N` as well, see `_RESULT`
NUMBERED: Final = f"""
CREATE TABLE plan (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE -- JSON
) STRICT;
CREATE TABLE resource (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE -- SOURCE.RESOURCE
) STRICT;
{_sync_table(report="TEXT")}CREATE TABLE sync_rules (
    resource INTEGER NOT NULL,
    sync INTEGER NOT NULL,
    rules INTEGER NOT NULL,
    PRIMARY KEY (resource, sync)
) STRICT, WITHOUT ROWID;
"""

NUMBERED_INDEXES: Final = (
    _sync_indexes(doubted="instr(report, '\"doubt\"') > 0") + "CREATE INDEX sync_rules_sync ON sync_rules (sync);\n"
)

# a member of a pack other than its first has an empty body too
PACKS: Final = """
CREATE TABLE packed_answer (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    size INTEGER NOT NULL,
    base INTEGER, -- the answer that the body is a delta against
    depth INTEGER NOT NULL, -- answers between it and a full copy; once it is packed -1 less that
    pack INTEGER, -- the answer that has the body of several, among them this one; NULL: its body is its own
    start INTEGER, -- where its bytes begin in that
    body BLOB NOT NULL -- zstd, with a checksum behind it
) STRICT;
INSERT INTO packed_answer (id, hash, size, base, depth, body)
SELECT id, hash, size, base, depth, body FROM answer ORDER BY id;
DROP TABLE answer;
ALTER TABLE packed_answer RENAME TO answer;
CREATE INDEX answer_hash ON answer (substr(hash, 1, 8));
CREATE INDEX answer_loose ON answer (base) WHERE depth >= 0;
CREATE INDEX answer_gone ON answer (id) WHERE length(body) = 0 AND pack IS NULL;
"""

# texts of which only what differs is stored, as `forms` says
FORMS: Final = f"""
CREATE TABLE form (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE -- of others, in which a character stands for each thing that was cut out
) STRICT;
{_sync_table(report="ANY")}
CREATE TABLE news ( -- an answer that is not the one before it, for that page of the scope
    scope INTEGER NOT NULL,
    page INTEGER NOT NULL, -- attempts of one sync for one scope are its pages: 0, 1, 2 …
    attempt INTEGER NOT NULL,
    answer INTEGER NOT NULL,
    status INTEGER,
    headers ANY, -- a JSON object: those that come with the answer, as long as it is the same
    PRIMARY KEY (scope, page, attempt)
) STRICT, WITHOUT ROWID;
"""
FORMS_INDEXES: Final = _sync_indexes(doubted=DOUBTED) + "CREATE INDEX news_answer ON news (answer);\n"

LOG_TABLES: Final = (
    "category",
    "entity",
    "event",
    "listing",
    "repeat",
    "disturbed",
    "result",
    "sighting",
    "unconfirmed",
    "unread",
    "issue",
    "keyframe",
    "catalogue",
    "segment",
    "block",
    "thinned",
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
    rules INTEGER, -- by which it was read
    settled INTEGER NOT NULL, -- 1: the same answer again, read by the same rules, would change nothing
    PRIMARY KEY (scope, complete, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX listing_entry_{g} ON listing_{g} (entry);
CREATE TABLE repeat_{g} ( -- complete listings that said the same as their scope's last settled one, by 64 scopes
    page INTEGER NOT NULL, -- of scope s: s >> 6
    entry INTEGER NOT NULL,
    mask INTEGER NOT NULL, -- bit s & 63
    PRIMARY KEY (page, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX repeat_entry_{g} ON repeat_{g} (entry);
CREATE TABLE disturbed_{g} ( -- what a scope held was changed by another's listing: it is settled no more
    scope INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (scope, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX disturbed_entry_{g} ON disturbed_{g} (entry);
CREATE TABLE sighting_{g} ( -- confirmations that no complete listing of the entity's scope implies
    entity INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    parent_category TEXT,
    parent TEXT,
    PRIMARY KEY (entity, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX sighting_entry_{g} ON sighting_{g} (entry);
CREATE TABLE unconfirmed_{g} ( -- not confirmed by the complete listing of their scope, and there all the same
    entity INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    doubted INTEGER NOT NULL, -- 1: missing, which was not believed; 0: unreadable
    PRIMARY KEY (entity, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX unconfirmed_entry_{g} ON unconfirmed_{g} (entry);
CREATE INDEX unconfirmed_doubted_{g} ON unconfirmed_{g} (entity, entry) WHERE doubted = 1;
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

_SEALED: Final = """
CREATE TABLE segment_{g} ( -- sealed events of a category, all of those from first to last
    id INTEGER PRIMARY KEY,
    category INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    events INTEGER NOT NULL,
    live INTEGER NOT NULL, -- 0: written, but not yet read back and compared; nobody reads it then
    composed INTEGER NOT NULL, -- 1: of some of its events only what they came to is left
    since INTEGER NOT NULL, -- events since the last catalogue keyframe that was due in it or before
    size INTEGER NOT NULL,
    body BLOB NOT NULL -- the entries of its events, packed
) STRICT;
CREATE INDEX segment_category_{g} ON segment_{g} (category, first);
CREATE TABLE block_{g} ( -- entities of a segment, in order of key
    segment INTEGER NOT NULL,
    key TEXT NOT NULL, -- of its first entity
    size INTEGER NOT NULL,
    body BLOB NOT NULL, -- packed
    PRIMARY KEY (segment, key)
) STRICT;
CREATE TABLE thinned_{g} ( -- events of a category that were composed or dropped: those with first <= seq < last
    category INTEGER NOT NULL,
    last INTEGER NOT NULL,
    first INTEGER NOT NULL,
    compaction INTEGER NOT NULL,
    PRIMARY KEY (category, last)
) STRICT, WITHOUT ROWID;
ALTER TABLE entity_{g} ADD COLUMN entry INTEGER /* of its last event, once that is sealed */;
ALTER TABLE entity_{g} ADD COLUMN origin INTEGER /* the scope of that event */;
"""

_FIRST_RESULT: Final = """
CREATE TABLE result_{g} ( -- how a sync ended for each resource that it asked
    resource TEXT NOT NULL, -- SOURCE.RESOURCE
    entry INTEGER NOT NULL,
    status TEXT NOT NULL, -- success, partial, failed
    asked INTEGER NOT NULL, -- scopes, as these two
    listed INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    doubted INTEGER NOT NULL, -- entities whose disappearance was not believed
    PRIMARY KEY (resource, entry)
) STRICT, WITHOUT ROWID;
"""

_RESULT: Final = """
CREATE TABLE result_{g} ( -- how a sync ended for each resource that it asked
    resource INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    status TEXT NOT NULL, -- success, partial, failed
    asked INTEGER NOT NULL, -- scopes, as these two
    listed INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    doubted INTEGER NOT NULL, -- entities whose disappearance was not believed
    PRIMARY KEY (resource, entry)
) STRICT, WITHOUT ROWID;
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
    return _LOG.format(g=generation) + sealed_tables(generation) + result_table(generation)


def first_log_tables(generation: int) -> str:
    """Those tables that a log had before anything could be sealed."""
    return (_LOG + _FIRST_RESULT).format(g=generation)


def sealed_tables(generation: int) -> str:
    """Those tables and columns that sealed history needs."""
    return _SEALED.format(g=generation)


def result_table(generation: int) -> str:
    """The table of how syncs ended, since resources have numbers."""
    return _RESULT.format(g=generation)


def events_view(generation: int) -> str:
    """The SQL of the view `events`, for people with the sqlite3 shell."""
    return _VIEW.format(g=generation)


def statements(script: str) -> list[str]:
    """The statements of a script, one by one: sqlite3's `executescript` would commit what came before.

    The file keeps them as they are, comments and all, but for the indentation.
    """
    return [re.sub(" {2,}", " ", statement) for statement in script.split(";\n") if statement.strip()]
