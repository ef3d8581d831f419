"""`orlog issues`: what could not be taken at its word."""

from __future__ import annotations

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format


@click.command(cls=Command, examples=["orlog issues --sync 12"], short_help="List what could not be read as it stood.")
@click.option("--sync", metavar="SYNC", type=options.NUMBER, help="Only those of one sync.")
@options.output_format()
@options.data()
def issues(sync: int | None, format_: Format) -> None:
    """List what could not be taken at its word: unreadable answers, items without a key, repeated keys.

    Nothing is lost: ATTEMPT names the answer, and `orlog response ATTEMPT` brings its bytes.
    """
    from cli.render import journal

    with options.open_record() as record:
        found = record.log.issues(sync=sync)
        scopes = {number: record.archive.attempt(number).scope for number in {issue.attempt for _, issue in found}}
    resources = {number: f"{scope.source}.{scope.resource}" for number, scope in scopes.items()}
    output.show(journal.issues(found, resources, format_, output.paper()), format_)
    if found and format_ is Format.TABLE:
        output.note(f"hint: `orlog response {found[-1][1].attempt}` brings the answer that the last of them is about")
