"""Every command says what it does, and shows a command line that works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import timedelta

import click
import pytest
from click.testing import CliRunner

from cli.lazy import Command, Group
from cli.main import program
from tests.parsing import parse


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(found, (*path, name))


COMMANDS = dict(walk(program))
NAMES = [" ".join(path) for path in COMMANDS]


def examples(command: click.Command) -> tuple[str, ...]:
    assert isinstance(command, Command | Group)
    return command.examples


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_a_summary_and_says_more_in_its_help(name: str) -> None:
    result = CliRunner().invoke(program, [*name.split(), "--help"], prog_name="orlog")
    command = COMMANDS[tuple(name.split())]
    assert result.exit_code == 0
    assert command.help is not None
    assert command is program or len(command.get_short_help_str()) > 10
    assert result.stderr == ""
    for line in examples(command):
        assert f"\n  {line}\n" in result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_command_shows_an_example_of_itself(name: str) -> None:
    lines = examples(COMMANDS[tuple(name.split())])
    assert lines
    assert all(f"orlog {name}".strip() in line for line in lines)


@pytest.mark.parametrize("line", sorted({line for command in COMMANDS.values() for line in examples(command)}))
def test_an_example_is_a_command_line_that_is_understood(line: str) -> None:
    # some stand in a line of the shell's: eval "$(orlog completion bash)"
    (own,) = re.findall(r"orlog [^|>)]*", line)
    parse(shlex.split(own)[1:])


def test_every_option_says_what_it_is_for() -> None:
    silent = [
        (path, option.name)
        for path, command in COMMANDS.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []


def test_the_help_lists_commands_without_knowing_any_data() -> None:
    result = CliRunner().invoke(program, ["--help"])
    for name in program.list_commands(click.Context(program)):
        assert re.search(rf"^  {name} ", result.stdout, re.MULTILINE)


def test_an_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(program, ["replya"])
    assert result.exit_code == 2
    assert "replya" in result.stderr


def test_a_relative_time_is_not_taken_for_an_option() -> None:
    assert parse(["replay", "model", "--at", "-7d"]).params["at"] is not None
    both = parse(["log", "--since", "-7d", "--until", "-1d"]).params
    assert both["until"] - both["since"] == timedelta(days=6)  # of one *now*
