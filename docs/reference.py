"""Writes `docs/reference.md` from the help of the commands: `make reference`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from cli.lazy import Command, Group
from cli.main import program

PAGE: Final = Path(__file__).with_name("reference.md")

_OPENING: Final = """\
# Commands

Written by `make reference` from the help of the commands: `orlog COMMAND --help` says the same.
"""


def page() -> str:
    """The whole page, as Markdown."""
    commands = list(_walk(click.Context(program, info_name="orlog")))
    return "\n".join([_OPENING, *_contents(commands), *(line for each in commands for line in _described(each))])


def _walk(context: click.Context) -> Iterator[click.Context]:
    """A command and all below it, each in a context of its own, in the order of the help."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            found = context.command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from _walk(click.Context(found, info_name=name, parent=context))


def _contents(commands: list[click.Context]) -> Iterator[str]:
    yield "| command | |"
    yield "|---|---|"
    for context in commands[1:]:
        anchor = context.command_path.replace(" ", "-")
        yield f"| [{context.command_path}](#{anchor}) | {_cell(_summary(context.command))} |"
    yield ""


def _summary(command: click.Command) -> str:
    return command.get_short_help_str(limit=1000)


def _described(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f"## {context.command_path}\n"
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    yield from (f"{paragraph}\n" for paragraph in _paragraphs(command.help or ""))
    yield from _options(context)
    yield from _examples(command)


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs, each on one line; one that click must not wrap keeps its lines."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield f"```text\n{paragraph[2:]}\n```"
        else:
            yield " ".join(paragraph.split())


def _options(context: click.Context) -> Iterator[str]:
    records = [each.get_help_record(context) for each in context.command.params if isinstance(each, click.Option)]
    shown = [record for record in records if record is not None]
    if not shown:
        return
    yield "| option | |"
    yield "|---|---|"
    for names, text in shown:
        yield f"| `{_cell(names)}` | {_cell(text)} |"
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")


def _examples(command: click.Command) -> Iterator[str]:
    examples = command.examples if isinstance(command, Command | Group) else ()
    if examples:
        lines = "\n".join(f"$ {line}" for line in examples)
        yield f"```console\n{lines}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
