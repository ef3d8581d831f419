"""`orlog rebuild log`: the log once more, from the archive."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from cli import options, output
from cli.lazy import Command, Group
from cli.options import Format
from cli.terminal import progress


@click.group(cls=Group, examples=["orlog rebuild log"], short_help="Make the log once more from the archive.")
def rebuild() -> None:
    """Make once more what follows from something else."""


@rebuild.command(cls=Command, name="log", examples=["orlog rebuild log"], short_help="Fold the archive again.")
@options.output_format()
@options.data()
def rebuild_log(format_: Format) -> None:
    """Fold the archive into a new log, in time order and under the present rules.

    Lays down what was only archived. The old log serves readers until the new one is complete. From the same archive
    and rules comes the same log. Where compaction dropped answers or syncs, what came before is copied as it stands.
    """
    from cli.render import forms, work
    from collector import rebuild_log as rebuild_record
    from projector import VIEWS_FILE

    with options.open_record(write=True, make=False) as record, progress.bar() as bar:
        rebuilt = rebuild_record(record, now=datetime.now(UTC), progress=bar)
    output.note(work.rebuilt(rebuilt))
    if (options.data_directory() / VIEWS_FILE).exists():
        output.note(
            "the views are of the log before: `orlog project run` builds them anew, beside those that are served"
        )
    if format_ is not Format.TABLE:
        output.write(forms.one(rebuilt))
