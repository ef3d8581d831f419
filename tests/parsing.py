"""Command lines, parsed but not run."""

from __future__ import annotations

import click

from cli.main import program


def parse(line: list[str]) -> click.Context:
    """Parse a command line down to its last command, without running it."""
    command: click.Command = program
    context = command.make_context("orlog", line)
    while isinstance(command, click.Group) and (rest := [*context._protected_args, *context.args]):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        assert name is not None
        context, command = found.make_context(name, rest, parent=context), found
    return context
