"""SQL views: what joins the rows of several entities, or looks at their neighbours in time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple


class Combined(NamedTuple):
    """A SQL view, and the tables that it needs; where they are not there, it is not either."""

    name: str
    needs: tuple[str, ...]
    sql: str


LIFECYCLE: Final = """\
SELECT source, category, key, row_number() OVER each AS interval,
       valid_from AS appeared_at, not_before AS appeared_not_before,
       valid_to AS disappeared_at, valid_to_not_before AS disappeared_not_before,
       lead(valid_from) OVER each AS returned_at,
       round((julianday(lead(valid_from) OVER each) - julianday(valid_to)) * 86400, 3) AS gap_seconds,
       -- one sync alone did not show it: whoever misses an answer sees that too
       CASE WHEN lead(valid_from) OVER each IS NOT NULL
            THEN coalesce(lead(not_before) OVER each <= valid_to, 1) END AS gap_doubtful,
       seq, sync, until_seq, until_sync
FROM presence WINDOW each AS (PARTITION BY key, source, category ORDER BY seq)"""

GAPS: Final = """\
SELECT source, symbol, interval,
       strftime('%Y-%m-%dT%H:%M:%fZ', (close_ms + 1) / 1000.0, 'unixepoch') AS missing_from, next_time AS missing_to,
       (next_ms - close_ms - 1) / (close_ms - open_ms + 1) AS candles
FROM (
    SELECT source, symbol, interval, open_ms, close_ms,
           lead(open_ms) OVER series AS next_ms, lead(open_time) OVER series AS next_time
    FROM candles WINDOW series AS (PARTITION BY symbol, interval, source ORDER BY open_ms)
) WHERE next_ms > close_ms + 1"""

_STOOD: Final = "{each}.valid_from <= s.at AND ({each}.valid_to IS NULL OR {each}.valid_to > s.at)"
_DURING: Final = "{at} > e.valid_from AND (e.valid_to IS NULL OR {at} < e.valid_to)"
_TURN: Final = """
    UNION ALL SELECT e.source, e.key, e.seq, e.model, {each}.{end} FROM endpoints_history e
    JOIN {table} {each} ON {each}.{column} = e.{named} AND {each}.source = e.source
    WHERE {during}"""

_TURNS: Final = "".join(
    _TURN.format(each=each, end=end, table=table, column=column, named=named, during=_DURING.format(at=f"{each}.{end}"))
    for each, table, column, named in (
        ("m", "models_history", "key", "model"),
        ("p", "providers_history", "name", "provider"),
    )
    for end in ("valid_from", "valid_to")
)

OFFERS: Final = f"""\
SELECT s.source, s.key, s.model, e.name, e.provider, e.tag, e.quantization,
       e.context_length, e.max_completion_tokens, e.max_prompt_tokens, e.supported_parameters, e.discount,
       m.name AS model_name, m.author AS model_author, m.context_length AS model_context_length,
       m.modality AS model_modality, m.created_at AS model_created_at, m.key IS NOT NULL AS model_listed,
       p.slug AS provider_slug, p.headquarters AS provider_headquarters, p.datacenters AS provider_datacenters,
       p.key IS NOT NULL AS provider_listed,
       s.at AS valid_from, coalesce(s.until, e.valid_to) AS valid_to
FROM (
    -- so written that of one model, or one endpoint, SQLite looks at those rows only
    SELECT source, key, seq, model, at, lead(at) OVER (PARTITION BY key, source, seq, model ORDER BY at) AS until
    FROM (
        SELECT DISTINCT source, key, seq, model, at
        FROM (SELECT source, key, seq, model, valid_from AS at FROM endpoints_history{_TURNS})
    )
) s
JOIN endpoints_history e ON e.key = s.key AND e.source = s.source AND e.seq = s.seq
LEFT JOIN models_history m ON m.key = e.model AND m.source = e.source AND {_STOOD.format(each="m")}
LEFT JOIN providers_history p ON p.name = e.provider AND p.source = e.source AND {_STOOD.format(each="p")}"""

_NO_MODEL: Final = "NOT EXISTS (SELECT 1 FROM models m WHERE m.key = e.model AND m.source = e.source)"
_NO_PROVIDER: Final = "NOT EXISTS (SELECT 1 FROM providers p WHERE p.name = e.provider AND p.source = e.source)"
_ORPHAN: Final = "SELECT e.source, e.key, e.model, e.provider, '{what}' AS missing FROM endpoints e WHERE {without}"

ORPHANS: Final = _ORPHAN.format(what="model", without=_NO_MODEL)
PROVIDERLESS: Final = _ORPHAN.format(what="provider", without=f"e.provider IS NOT NULL AND {_NO_PROVIDER}")

COMBINED: Final = (
    Combined("lifecycle", ("presence",), LIFECYCLE),
    Combined("gaps", ("candles",), GAPS),
    Combined("offers", ("endpoints_history", "models_history", "providers_history"), OFFERS),
    Combined("orphans", ("endpoints", "models"), ORPHANS),
    Combined("orphans", ("endpoints", "models", "providers"), f"{ORPHANS} UNION ALL {PROVIDERLESS}"),
)
"""All SQL views; of one name the last whose tables are there."""


def combined(tables: Collection[str]) -> dict[str, str]:
    """The SQL views, by name, that these tables are enough for."""
    return {each.name: each.sql for each in COMBINED if set(each.needs) <= set(tables)}
