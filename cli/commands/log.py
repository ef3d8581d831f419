"""`orlog log`: what happened."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from cli import options
from cli.failures import INTERRUPTED
from cli.lazy import Command
from cli.options import Format

if TYPE_CHECKING:
    from eventstore import Instant


@click.command(
    cls=Command,
    examples=[
        "orlog log model openai/gpt-4.1 --since -30d --newest-first",
        "orlog log model 'openai/*' --path /pricing/prompt",
        "orlog log --follow",
    ],
    short_help="Show what happened: appeared, changed, disappeared.",
)
@options.category(required=False)
@options.key()
@options.time("--since", text="Only what was observed from then on; @SEQ: from that event on.")
@options.time("--until", text="Only what was observed up to then.")
@options.path(text="Only where another value came to stand there, or none; by place, also in arrays.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["appeared", "changed", "disappeared"]),
    help="Only that; may be given twice.",
)
@click.option("--newest-first", "--reverse", is_flag=True, help="Begin with the newest.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Show N events at most.")
@click.option(
    "--follow",
    "-f",
    is_flag=True,
    help="Show the last events (10, or N), then new ones as they come.",
)
@options.output_format(piped=Format.JSONL)
@options.data()
def log(  # noqa: PLR0913, PLR0917  # one for each thing on the command line
    category: str | None,
    key: str | None,
    since: Instant | None,
    until: Instant | None,
    path: str | None,
    kinds: tuple[str, ...],
    newest_first: bool,  # noqa: FBT001
    limit: int | None,
    follow: bool,  # noqa: FBT001
    format_: Format,
) -> int:
    """Show what happened: to everything, to a CATEGORY, or to the entity of KEY.

    KEY may be a pattern: `*` stands for any text, `?` for one character, `[abc]` for one of these. The time is that of
    the first sight of something, the one in parentheses the last moment at which the opposite was confirmed: what
    happened lies between. Times are UTC. As JSON Lines (in a pipe) each event comes with its patch (RFC 6902) or
    document (--follow prints no other JSON); a table shows the first fields of each, and all where KEY is one entity's.

    TIME is ISO 8601 (a date means its first instant, no zone means UTC), `now`, `-7d` (m, h, d, w), or `@SEQ`: the end
    of the sync that brought that event.
    """
    from cli import lookup
    from cli.query import TAIL, Printer, Query
    from eventstore import Kind

    if follow and (newest_first or until is not None):
        raise click.UsageError("--follow shows what is new in order: leave --newest-first and --until out")
    with options.open_record() as record:
        category, key, pattern = lookup.named(record.log, category, key)
        wanted = tuple(Kind(each) for each in kinds) or None
        query = Query(category=category, key=key, pattern=pattern, path=path, kinds=wanted, since=since, until=until)
        printer = Printer(record, query, format_)
        if follow:
            with contextlib.suppress(KeyboardInterrupt):  # the way to end it: nothing to be said
                printer.for_good(last=limit or (TAIL if since is None else None))
            return INTERRUPTED
        with record.snapshot():
            printer.once(newest_first=newest_first, limit=limit)
    return 0
