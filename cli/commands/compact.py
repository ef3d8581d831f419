"""`orlog compact`: what the retention policy says, carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format
from cli.terminal import progress

if TYPE_CHECKING:
    from eventstore import Policy, Record


@click.command(
    cls=Command,
    examples=["orlog compact --dry-run", "orlog compact --history"],
    short_help="Compress what is old, and thin what retention.toml says.",
)
@click.option("--dry-run", is_flag=True, help="Show what would come of it, and leave everything as it is.")
@click.option("--yes", is_flag=True, help="Thin too, which loses something; once said, it holds from then on.")
@click.option("--history", is_flag=True, help="List all compactions that there ever were.")
@options.output_format()
@options.data()
def compact(dry_run: bool, yes: bool, history: bool, format_: Format) -> None:  # noqa: FBT001
    """Carry out what retention.toml in the data directory says; without one, the policy that comes with orlog holds.

    Older events move into compressed segments, and older answers are packed: that loses nothing, and nothing reads
    differently. Where the policy thins a category, of the changes in a bucket only what they came to is left. The first
    time that would lose something, nothing is thinned without --yes. It may be interrupted at any time: the next one
    goes on. Readers are not kept waiting. `orlog run` does it once a day.
    """
    from cli import projecting
    from cli.render import compacting
    from eventstore import LossAhead, policy_in

    if sum((dry_run, yes, history)) > 1:
        raise click.UsageError("say one of --dry-run, --yes and --history")
    if history:
        with options.open_record() as record:
            done = record.compactions()
        output.show(compacting.history(done, format_, output.paper()), format_)
        return
    policy = policy_in(options.data_directory())
    if dry_run:
        with options.open_record() as record:
            _show(record, policy, format_)
        return
    directory = options.data_directory()
    with options.open_record(write=True, make=False) as record, progress.bar() as bar:
        keep_from = projecting.reached(directory, record)
        compacted = record.compact(policy, lossy=yes, keep_from=keep_from, progress=bar)
    output.note(compacting.done(compacted))
    if format_ is not Format.TABLE:
        output.show(compacting.reports(compacted.reports, format_, output.paper()), format_)
    if compacted.reports:
        projecting.follow_compaction(directory)
    if compacted.withheld:
        raise LossAhead("nothing was thinned: that loses something, and nobody has said yes to it yet")


def _show(record: Record, policy: Policy, format_: Format) -> None:
    from cli import projecting
    from cli.render import compacting

    seen = record.preview(policy, keep_from=projecting.reached(options.data_directory(), record))
    output.show(compacting.preview(seen, format_, output.paper()), format_)
