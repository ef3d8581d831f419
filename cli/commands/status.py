"""`orlog status`: what is recorded."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from cli import options, output
from cli.failures import ALERT
from cli.lazy import Command
from cli.options import Format


@click.command(cls=Command, examples=["orlog status --format json"], short_help="Say what is recorded.")
@options.output_format()
@options.data()
def status(format_: Format) -> int:
    """Say what is recorded, from when to when, how each resource stands, and how large the parts are.

    STALE counts live entities that the last sync that asked for their scope did not confirm. A resource is `imported`
    or `unwatched` where no source that orlog.toml names has it; `due` where it was not asked for three times as long as
    it should be. With an alert the exit code is 4: `failing` is a resource of which three syncs in a row brought no
    listing, `empty` one that lists nothing any more, `implausible` one of which so many were missing at once that it
    was not believed, `clock` a source whose answers' dates speak against this clock, `disk` a disk that is over 80%
    full, `configuration` a file that is wrong. What lifts each stands below the table. Imports raise none: their
    versions are history.

    Syncs that are only archived wait for `orlog rebuild log` (an import that is older than the log's end, for
    instance), or for `orlog accept` where the clock is in doubt.
    """
    from cli import overview
    from cli.render import forms, overviews

    watched = overview.watched(options.data_directory())
    with options.open_record() as record:
        seen = overview.overview(record, watched, now=datetime.now(UTC))
    output.show(overviews.table(seen, output.paper()) if format_ is Format.TABLE else forms.one(seen), format_)
    for advice in overviews.advice(seen):
        output.note(f"hint: {advice}")
    return ALERT if seen.alerts else 0
