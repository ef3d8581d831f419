"""`orlog replay`: what stood at an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format

if TYPE_CHECKING:
    from datetime import date, datetime

    from eventstore import Instant, Record


@click.command(
    cls=Command,
    examples=["orlog replay model openai/gpt-4.1 --at 2025-01-31T18:30:00Z"],
    short_help="Say what stood at an instant.",
)
@options.category()
@options.key()
@options.time("--at", text="The instant; otherwise now.")
@click.option(
    "--as-of", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]), help="Instead: what was last said of that day."
)
@options.output_format()
@options.data()
def replay(category: str, key: str | None, at: Instant | None, as_of: datetime | None, format_: Format) -> None:
    """Say what stood at an instant: all documents of a CATEGORY by key, or the one of KEY.

    Documents come back exactly as they were recorded. As a table (on a terminal) the entities of a category are listed
    with the time since when they stood so, and when that was last confirmed.

    TIME is ISO 8601 (a date means its first instant, no zone means UTC), `now`, `-7d` (m, h, d, w), or `@SEQ`: the end
    of the sync that brought that event.

    Some answers say of which day they speak, and their documents carry it: `as_of`. Month-end figures that settle weeks
    later are fetched under many days and speak of one; --as-of gives the last observation that speaks of it.
    """
    from cli.render import states

    if as_of is not None and at is not None:
        raise click.UsageError("--at says when something was recorded, --as-of what it speaks of: give one of them")
    with options.open_record() as record:
        if as_of is not None:
            _spoken(record, category, key, as_of.date(), format_)
            return
        if key is None:
            catalogue = record.log.catalogue(category, at=at)
            output.show(states.catalogue(catalogue, format_, output.paper()), format_)
            if not catalogue and format_ is Format.TABLE:
                output.note("nothing stood then")
            return
        from cli import lookup

        entity = lookup.find(record.log, category, key)
        state = record.log.state(entity, at=at)
        if state is None:
            raise lookup.absent(record.log, entity, at)
        if format_ is Format.TABLE:
            output.note(states.head(state), dim=True)
        output.show(states.document(state, format_, output.paper()), format_)


def _spoken(record: Record, category: str, key: str | None, day: date, format_: Format) -> None:
    from cli import days, lookup
    from cli.render import states

    entity = None if key is None else lookup.find(record.log, category, key)
    found = days.states_of(record.log, category, None if entity is None else entity.key, day)
    if entity is None:
        output.show(states.catalogue(found, format_, output.paper()), format_)
    else:
        output.show(states.document(found[entity.key], format_, output.paper()), format_)
