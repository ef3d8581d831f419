"""`orlog init`: a data directory."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from cli import options, output
from cli.lazy import Command


@click.command(cls=Command, examples=["orlog init ~/prices"], short_help="Make a data directory.")
@click.argument("directory", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@options.data()
def init(directory: Path | None) -> None:
    """Make a data directory in DIR (otherwise in --data, or the user's own).

    It gets an empty record, an orlog.toml that says what is watched, and a retention.toml that says what is kept. Only
    you can read it. What is there already is left as it is.
    """
    from cli import config
    from eventstore import Record, make_policy

    chosen = directory or options.data_directory()
    with Record.open(chosen, write=True) as record:
        path = record.path
    output.note(f"the record is {path}")
    output.note(f"what is watched stands in {config.make(chosen)}")
    output.note(f"what is kept stands in {make_policy(path.parent)}")
    output.note(f"next: export ORLOG_DATA={shlex.quote(str(path.parent.absolute()))}")
    output.note("      (or give --data to each command); then")
    output.note("  orlog sync    asks what is watched, once; `orlog run` keeps on asking")
    output.note("  orlog import git REPO PATH --resource SOURCE.RESOURCE    lays a history down")
