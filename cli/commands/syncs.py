"""`orlog syncs`: the journal."""

from __future__ import annotations

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format

STATUSES = ("success", "partial", "failed", "archived", "open")


@click.command(cls=Command, examples=["orlog syncs --status failed --limit 20"], short_help="List syncs and imports.")
@click.option("--status", type=click.Choice(STATUSES), help="Only those that ended so; archived: not in the log yet.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Only the newest N.")
@options.output_format()
@options.data()
def syncs(status: str | None, limit: int | None, format_: Format) -> None:
    """List syncs and imported versions, the newest last: when, how they ended, and what they brought.

    AT is when the answers were in (of an import: the version's time); OBSERVED AT, where that is another, the time that
    its events carry. The columns + ~ - = count entities that appeared, changed, disappeared and stayed as they were.
    """
    from cli.journal import sync_lines
    from cli.render import journal

    with options.open_record() as record:
        lines = sync_lines(record, status=status, limit=limit)
    output.show(journal.syncs(lines, format_, output.paper()), format_)
