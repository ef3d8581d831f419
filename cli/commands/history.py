"""`orlog history`: all values of a field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format

if TYPE_CHECKING:
    from eventstore import Instant


@click.command(
    cls=Command,
    examples=[
        "orlog history model openai/gpt-4.1 /pricing/prompt",
        "orlog history model openai/gpt-4.1 /pricing/prompt --format csv",
    ],
    short_help="Show all values of a field, and when.",
)
@options.category()
@options.key(required=True)
@options.pointer()
@options.time("--at", text="Only what was observed up to then.")
@options.output_format(csv=True)
@options.data()
def history(category: str, key: str, pointer: str | None, at: Instant | None, format_: Format) -> None:
    """Show all values that a field of the entity of KEY has had with their periods, oldest first.

    POINTER is a JSON Pointer, as in /pricing/prompt; without one, all documents are shown. A value came after the time
    in parentheses, when another was last confirmed, and at or before SINCE, when it was first seen. LASTED is
    until the next value came, or (still) to the end of the log. An element of an array is followed, before and after,
    from where POINTER leads in the last document that has it. The course of numbers, and of decimals in strings, is
    drawn above the table; `--format json` has long values whole.

    TIME is ISO 8601 (a date means its first instant, no zone means UTC), `now`, `-7d` (m, h, d, w), or `@SEQ`: the end
    of the sync that brought that event.
    """
    from cli import lookup
    from cli.render import forms, periods
    from eventstore import periods as periods_of

    with options.open_record() as record, record.snapshot():
        entity = lookup.find(record.log, category, key)
        versions = record.log.history(entity, at=at)
        if not versions:
            raise lookup.absent(record.log, entity, at)
        found = periods_of(versions, pointer or "")
        until = record.log.position(at).observed_at
    if not found and pointer:
        raise lookup.no_field(entity, pointer, lookup.fields_of(versions))
    if format_ is Format.TABLE:
        output.show(periods.table(found, output.paper(), until=until), format_)
    elif format_ is Format.CSV:
        output.write(periods.csv(found))
    else:
        output.write(forms.rows(map(periods.contract, found), format_))
