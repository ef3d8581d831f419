"""`orlog accept`: a person's verdict on what was doubted."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format


@click.command(
    cls=Command,
    examples=["orlog accept 812", "orlog accept 812 --clock answers"],
    short_help="Believe a sync that was doubted.",
)
@click.argument("sync", type=options.NUMBER)
@click.option(
    "--clock",
    type=click.Choice(["right", "answers"]),
    default="right",
    show_default=True,
    help="Of a sync whose clock was in doubt: it was right, or the dates of its answers are.",
)
@options.output_format()
@options.data()
def accept(sync: int, clock: str, format_: Format) -> None:
    """Believe what SYNC brought that was doubted: that so much disappeared at once, or what its clock said.

    `orlog status` says what is doubted, and of which sync. The verdict is kept in the record, as all that was learned.
    That the clock was right holds for later syncs of the source too, as long as their answers' dates differ from it
    about as much. A sync that is older than the log's end by now waits for `orlog rebuild log`.
    """
    from cli.render import forms, work
    from collector import accept as believe

    with options.open_record(write=True, make=False) as record:
        accepted = believe(record, sync, now=datetime.now(UTC), corrected=clock == "answers")
    output.note(work.accepted(accepted))
    if format_ is not Format.TABLE:
        output.write(forms.one(accepted))
