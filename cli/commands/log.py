"""`orlog log`: what happened."""

from __future__ import annotations

import itertools
from datetime import datetime

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format


@click.command(
    cls=Command,
    examples=["orlog log model openai/gpt-4.1 --since -30d --newest-first"],
    short_help="Show what happened: appeared, changed, disappeared.",
)
@options.category(required=False)
@options.key()
@options.time("--since", text="Only what was observed from then on; @SEQ: from that event on.")
@options.time("--until", text="Only what was observed up to then.")
@click.option("--newest-first", "--reverse", is_flag=True, help="Begin with the newest.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Show N events at most.")
@options.output_format(piped=Format.JSONL)
@options.data()
def log(  # noqa: PLR0917  # one for each thing on the command line
    category: str | None,
    key: str | None,
    since: datetime | int | None,
    until: datetime | int | None,
    newest_first: bool,  # noqa: FBT001
    limit: int | None,
    format_: Format,
) -> None:
    """Show what happened: to everything, to a CATEGORY, or to the entity of KEY.

    OBSERVED AT is the first sight of something, NOT BEFORE the last moment at which the opposite was confirmed: what
    happened lies between. As JSON Lines (in a pipe) each event comes with its patch (RFC 6902) or document.

    TIME is ISO 8601 (a date means its first instant, no zone means UTC), `now`, `-7d` (m, h, d, w) or `@SEQ`.
    """
    from cli import lookup
    from cli.render import events

    with options.open_record() as record, record.snapshot():
        if category is not None and key is not None:
            entity = lookup.find(record.log, category, key)
            category, key = entity.address, entity.key
        found = record.log.events(
            category,
            key,
            since=since if isinstance(since, datetime) else None,
            after=since - 1 if isinstance(since, int) else 0,
            until=until,
            newest_first=newest_first,
        )
        output.write(events.events(itertools.islice(found, limit), format_))
