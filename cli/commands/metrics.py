"""`orlog metrics`: numbers for Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from cli import options, output
from cli.lazy import Command


@click.command(
    cls=Command,
    examples=["orlog metrics > orlog.prom.new && mv orlog.prom.new orlog.prom"],
    short_help="Print numbers for Prometheus.",
)
@options.data()
def metrics() -> None:
    """Print what is recorded and how it stands as metrics, in the text format of Prometheus.

    Syncs by how they ended, requests, bytes and seconds by resource and host, live entities by category, the time of
    each resource's last complete listing, the size of the record, 1 for each alert that stands, and how far each view
    is behind: all of it read from the data directory. For node_exporter, write it to a file in its textfile directory,
    and move it there whole.
    """
    from cli import overview, projecting
    from cli.metrics import Facts, endings, exposition, reports
    from eventstore import disk_of

    directory = options.data_directory()
    watched = overview.watched(directory)
    with options.open_record() as record, record.snapshot():
        seen = overview.overview(record, watched, now=datetime.now(UTC))
        views = projecting.for_metrics(directory, record)
        facts = Facts(seen, endings(record), reports(record), disk_of(directory), views)
    output.write([exposition(facts)])
