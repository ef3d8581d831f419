"""`orlog roots`: what to keep elsewhere."""

from __future__ import annotations

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format


@click.command(cls=Command, examples=["orlog roots --format jsonl"], short_help="List the roots that syncs committed.")
@options.output_format()
@options.data()
def roots(format_: Format) -> None:
    """List the root that each entry of the chain committed, the newest last.

    A root that is kept elsewhere proves that nothing before it was altered: `orlog verify --root ROOT`.
    """
    from cli.render import journal

    with options.open_record() as record:
        output.show(journal.roots(record.log.entries(every_generation=True), format_, output.paper()), format_)
