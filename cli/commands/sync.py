"""`orlog sync`: ask now."""

from __future__ import annotations

import click

from cli import options
from cli.lazy import Command
from cli.options import Format


@click.command(
    cls=Command,
    examples=[
        "orlog sync",
        "orlog sync openrouter.endpoints --only openai/gpt-4.1",
        "orlog sync openrouter --dry-run --fetch",
    ],
    short_help="Ask live APIs now, and record what they say.",
)
@click.argument("source", metavar="[SOURCE[.RESOURCE]]", required=False)
@click.option("--only", metavar="KEY", help="Only what is asked for with this key: a model's, for its endpoints.")
@click.option("--due", is_flag=True, help="Only what is due, going by each resource's `every` and the record.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked for, and ask nothing.")
@click.option("--fetch", is_flag=True, help="With --dry-run: ask, say what would be recorded, and write nothing.")
@options.output_format()
@options.data()
def sync(source: str | None, only: str | None, *, due: bool, dry_run: bool, fetch: bool, format_: Format) -> int:
    """Ask a source's host for all that its resources name, archive each answer, and record what has changed.

    SOURCE is one that orlog.toml names, one that comes with orlog, or a source file; left out, all that orlog.toml
    names are synced. A failed request makes nothing disappear: the sync is partial, and says so. The exit code is 1
    where nothing at all was listed.

    Ctrl-C stops asking, and what has arrived is recorded; once more ends it at once. What happens is told in orlog.log
    of the data directory too.
    """
    from cli import asking

    if fetch and not dry_run:
        raise click.UsageError("--fetch goes with --dry-run; without both, what is fetched is recorded")
    directory = options.data_directory()
    wanted = asking.wanted(directory, source, only=only, due=due)
    if dry_run and not fetch:
        return asking.show_plan(directory, wanted, format_)
    if dry_run:
        return asking.show_rehearsal(directory, wanted, format_)
    code = asking.sync(directory, wanted, format_)
    asking.tell(directory)
    return code
