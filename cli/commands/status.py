"""`orlog status`: what is recorded."""

from __future__ import annotations

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format


@click.command(cls=Command, examples=["orlog status --format json"], short_help="Say what is recorded.")
@options.output_format()
@options.data()
def status(format_: Format) -> None:
    """Say what is recorded: which categories, from when to when, how many syncs, how large, and when last.

    Syncs that are only archived (an import that is older than the log's end, for instance) wait for `orlog rebuild
    log`.
    """
    from cli import overview
    from cli.render import forms, overviews

    with options.open_record() as record:
        seen = overview.overview(record)
    output.write(overviews.table(seen) if format_ is Format.TABLE else forms.one(seen))
    if advice := overviews.advice(seen):
        output.note(f"hint: {advice}")
