"""`orlog verify`: whether what is stored is what was stored."""

from __future__ import annotations

import click

from cli import options, output
from cli.failures import DAMAGE
from cli.lazy import Command
from cli.options import Format
from cli.terminal import progress


@click.command(cls=Command, examples=["orlog verify --deep"], short_help="Check that nothing was altered or damaged.")
@click.option("--deep", is_flag=True, help="Also read every answer and fold every event with another library.")
@click.option("--root", metavar="ROOT", help="A root that was kept elsewhere; it must be one of the chain's.")
@options.output_format()
@options.data()
@click.pass_context
def verify(ctx: click.Context, deep: bool, root: str | None, format_: Format) -> None:  # noqa: FBT001
    """Check that what is stored is what was stored. Findings name the sync; with any the exit code is 5.

    `orlog roots` prints the roots that --root takes.
    """
    from cli.render import work
    from eventstore import verify as verify_record

    with options.open_record() as record, progress.bar() as bar:
        findings = verify_record(record, deep=deep, root=root, progress=bar)
    output.show(work.findings(findings, format_, output.paper()), format_)
    output.note(work.verdict(findings, deep=deep))
    if findings:
        ctx.exit(DAMAGE)
