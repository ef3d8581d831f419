"""`orlog query`: SQL over the views."""

from __future__ import annotations

import sys
from typing import Final

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format

SECONDS: Final = 30.0


@click.command(
    cls=Command,
    examples=[
        "orlog query \"SELECT key, price FROM prices WHERE kind = 'prompt' AND valid_to IS NULL\"",
        'orlog query "SELECT * FROM changes WHERE key = :model" --param model openai/gpt-4.1 --format csv',
    ],
    short_help="Ask the views by SQL.",
)
@click.argument("sql", metavar="SQL")
@click.option(
    "--param",
    "-p",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="What :NAME stands for, as text; CAST(:NAME AS REAL) is a number.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=86_400),
    default=SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long the query may take.",
)
@click.option("--as-is", is_flag=True, help="Ask the views as they were last brought up.")
@options.output_format(csv=True)
@options.data()
def query(sql: str, parameters: tuple[tuple[str, str], ...], *, timeout: float, as_is: bool, format_: Format) -> None:
    """Run one SELECT over the views, for reading only; - reads it from stdin.

    Views that are behind the record are brought up first. `orlog project status` lists them, `SELECT name FROM
    pragma_table_info('VIEW')` the columns of one; the cookbook of the docs has what is usually asked. In a table long
    values are cut, and rows that are too wide for the terminal stand value below value; the other formats have all of
    it.
    """
    from cli import projecting
    from cli.render import views
    from projector import VIEWS_FILE, Query

    directory = options.data_directory()
    if not as_is:
        projecting.bring_up(directory)
    text = sys.stdin.read() if sql == "-" else sql
    with Query(directory / VIEWS_FILE, text, dict(parameters), seconds=timeout) as found:
        output.show(views.found(found.columns, found.rows(), format_, output.paper()), format_)
