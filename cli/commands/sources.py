"""`orlog sources`: which APIs are known."""

from __future__ import annotations

import click

from cli import options, output
from cli.lazy import Command, Group
from cli.options import Format


@click.group(
    cls=Group,
    examples=["orlog sources", "orlog sources show openrouter"],
    invoke_without_command=True,
    subcommand_metavar="[show NAME]",
    short_help="List the sources, or show one's rules.",
)
@options.output_format()
@options.data()
@click.pass_context
def sources(ctx: click.Context, format_: Format) -> None:
    """List the sources that come with orlog, and those that orlog.toml in the data directory names.

    A source is a TOML file: which API, what to ask it, and how its answers are read.
    """
    from cli import shelf
    from cli.render import forms

    if ctx.invoked_subcommand is not None:
        return
    found = shelf.listed(options.data_directory())
    output.show(shelf.table(found, output.paper()) if format_ is Format.TABLE else forms.rows(found, format_), format_)


@sources.command(
    cls=Command,
    examples=["orlog sources show openrouter > my.toml"],
    short_help="Print a source file.",
)
@click.argument("name")
@options.data()
def show(name: str) -> None:
    """Print the source file of the source NAME, to be read, or as a beginning of one's own."""
    from cli import shelf

    output.write([shelf.text(options.data_directory(), name)])
