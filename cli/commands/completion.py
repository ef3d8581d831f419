"""`orlog completion`: TAB in a shell."""

from __future__ import annotations

import os
from pathlib import PurePath

import click
from click.shell_completion import get_completion_class

from cli import output
from cli.failures import Failure
from cli.lazy import Command

SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=Command,
    examples=['eval "$(orlog completion bash)"', 'eval "$(orlog completion zsh)"', "orlog completion fish | source"],
    short_help="Print what makes TAB complete commands, categories and keys.",
)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(ctx: click.Context, shell: str | None) -> None:
    """Print the script that makes TAB complete commands, options, categories and keys.

    Put the line below for your shell into its profile: ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish. Without
    SHELL the one that you use is taken.
    """
    name = shell or PurePath(os.environ.get("SHELL", "")).name
    complete = get_completion_class(name) if name in SHELLS else None
    if complete is None:
        raise Failure(f"there is no completion for the shell {name!r}", hint=f"name one of: {', '.join(SHELLS)}")
    program = ctx.find_root().command
    output.write([complete(program, {}, "orlog", "_ORLOG_COMPLETE").source().encode()])
