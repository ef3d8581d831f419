"""The command `orlog`: its commands, each imported when it is invoked."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

from cli import options
from cli.failures import guarded
from cli.lazy import Group

COMMANDS: Final = {
    "demo": "cli.commands.demo:demo",
    "init": "cli.commands.init:init",
    "run": "cli.commands.run:run",
    "sync": "cli.commands.sync:sync",
    "accept": "cli.commands.accept:accept",
    "import": "cli.commands.importing:import_",
    "replay": "cli.commands.replay:replay",
    "log": "cli.commands.log:log",
    "diff": "cli.commands.diff:diff",
    "blame": "cli.commands.blame:blame",
    "history": "cli.commands.history:history",
    "query": "cli.commands.query:query",
    "project": "cli.commands.project:project",
    "status": "cli.commands.status:status",
    "metrics": "cli.commands.metrics:metrics",
    "syncs": "cli.commands.syncs:syncs",
    "issues": "cli.commands.issues:issues",
    "response": "cli.commands.response:response",
    "sources": "cli.commands.sources:sources",
    "verify": "cli.commands.verify:verify",
    "roots": "cli.commands.roots:roots",
    "rebuild": "cli.commands.rebuild:rebuild",
    "compact": "cli.commands.compact:compact",
    "completion": "cli.commands.completion:completion",
}


class Program(Group):
    """The group of all commands, whose errors end as a line on stderr and an exit code."""

    def main(  # type: ignore[override]  # how errors end is decided here, not by `standalone_mode`
        self, args: Sequence[str] | None = None, prog_name: str | None = "orlog", **extra: Any
    ) -> NoReturn:
        """Run a command line and exit."""
        extra["standalone_mode"] = False
        sys.exit(guarded(lambda: super(Program, self).main(args, prog_name, **extra)))


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted and not ctx.resilient_parsing:
        from importlib import metadata

        try:
            click.echo(f"orlog {metadata.version('orlog')}")
        except metadata.PackageNotFoundError:
            click.echo("orlog, from a checkout that is not installed")
        ctx.exit()


@click.group(
    cls=Program,
    lazy=COMMANDS,
    examples=["orlog replay model --at 2025-01-31", "orlog log model openai/gpt-4.1 --since -30d"],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@options.data(envvar="ORLOG_DATA")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
@click.pass_context
def program(ctx: click.Context) -> None:
    """A time machine for JSON APIs.

    orlog lays each answer of an API down for good, says again what was true at any instant since, how that is known,
    and what changed in between. Data goes to stdout, everything else to stderr; `orlog COMMAND --help` says more.
    """
    if os.environ.get("NO_COLOR"):  # https://no-color.org; click does not know it
        ctx.color = False


def main() -> NoReturn:
    """Run the command line of this process."""
    program.main()
