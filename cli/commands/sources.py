"""`orlog sources`: which APIs are known and watched, and what is asked of them."""

from __future__ import annotations

import contextlib
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from cli import options, output
from cli.failures import ERROR
from cli.lazy import Command, Group
from cli.options import Format

LONGEST_PAUSE = 3600  # seconds; who wants to know more lets it run


@click.group(
    cls=Group,
    examples=["orlog sources", "orlog sources new shop --url https://api.example/v1/products"],
    invoke_without_command=True,
    subcommand_metavar="[COMMAND]",
    short_help="List the sources, make one of a URL, watch it or not.",
)
@options.output_format()
@options.data()
@click.pass_context
def sources(ctx: click.Context, format_: Format) -> None:
    """List the sources that come with orlog, and those that orlog.toml in the data directory names.

    A source is a TOML file: which API, what to ask it, and how its answers are read.
    """
    from cli import shelf
    from cli.render import forms

    if ctx.invoked_subcommand is not None:
        return
    found = shelf.listed(options.data_directory())
    output.show(shelf.table(found, output.paper()) if format_ is Format.TABLE else forms.rows(found, format_), format_)


@sources.command(
    cls=Command,
    examples=["orlog sources show openrouter > my.toml"],
    short_help="Print a source file.",
)
@click.argument("name")
@options.data()
def show(name: str) -> None:
    """Print the source file of the source NAME, to be read, or as a beginning of one's own."""
    from cli import shelf

    output.write([shelf.text(options.data_directory(), name)])


def _headers(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition(":") for value in values]
    if any(not name.strip() or not colon for name, colon, _ in pairs):
        raise click.BadParameter("write it as 'Name: value'")
    return {name.strip(): value.strip() for name, _, value in pairs}


@sources.command(
    cls=Command,
    examples=[
        "orlog sources new shop --url https://api.example/v1/products",
        "orlog sources new shop --url https://api.example/v1/products --header 'Authorization: Bearer ${TOKEN}'",
    ],
    short_help="Propose a source file for a URL.",
)
@click.argument("name")
@click.option("--url", metavar="URL", required=True, help="What to ask for: one page or list of the API.")
@click.option(
    "--header", "headers", metavar="HEADER", multiple=True, callback=_headers, help="Goes with each request, as 'N: v'."
)
@click.option(
    "--again", metavar="S", type=click.IntRange(1, LONGEST_PAUSE), help="Ask once more S seconds later, and compare."
)
@click.option("--output", "file", metavar="FILE", type=click.Path(path_type=Path), help="Write the file there.")
@click.option("--watch/--no-watch", default=True, help="Whether orlog.toml is to name it; it does, unless you say so.")
@options.output_format()
@options.data()
def new(  # noqa: PLR0917  # one for each thing on the command line
    name: str,
    url: str,
    headers: dict[str, str],
    again: int | None,
    file: Path | None,
    watch: bool,  # noqa: FBT001
    format_: Format,
) -> None:
    """Ask URL once, and write a source file NAME.toml for what it answers: where the items are, what tells them apart.

    It is a proposal, with comments, to be read and corrected. It goes to the folder `sources` of the data directory,
    and orlog.toml names it from then on, unless its answer was neither a complete list nor the first page of one. No
    file is overwritten. With --again, what differs between two answers is proposed to be kept apart from the rest.

    In a HEADER, ${NAME} stands for a variable of the environment. Secrets belong there: a URL or header that holds one
    is refused, because the file would.
    """
    from cli import newsource
    from cli.render import forms
    from cli.render import sources as render

    wanted = newsource.Wanted(name, url, headers, file, again, watch)
    made = newsource.make(options.data_directory(), wanted, os.environ)
    output.write(render.made(made, output.paper()) if format_ is Format.TABLE else forms.one(made))
    path = shlex.quote(made.file)
    output.note(f"next: read {path}, correct what is wrong; `orlog sources check {path}` explains it; then")
    if not made.watched:
        output.note(f"      orlog sources add {path}")
    output.note(f"      orlog sync {name} --dry-run --fetch")


@sources.command(
    cls=Command,
    examples=["orlog sources check my.toml", "orlog sources check openrouter.models --answer saved.json"],
    short_help="Explain a source file.",
)
@click.argument("source", metavar="SOURCE")
@click.option("--answer", metavar="FILE", type=click.Path(path_type=Path), help="Extract from this saved answer, too.")
@options.output_format()
@options.data()
def check(source: str, answer: Path | None, format_: Format) -> int:
    """Explain what a source file says: what will be asked, how often, how answers are read, and what is doubtful.

    SOURCE is a file, as my.toml or my.toml#products, or a source by name, as openrouter or openrouter.models. Nothing
    is asked and nothing is written. The exit code is 1 where the file is wrong, or the saved answer no complete list.
    """
    from cli import checking, shelf
    from cli.render import forms
    from cli.render import sources as render
    from eventstore import NoRecord

    found, name = shelf.find(options.data_directory(), source)
    live = {}
    with contextlib.suppress(NoRecord), options.open_record() as record:
        live = checking.parents(record, found)
    saved = None if answer is None else (checking.only(found, name), checking.saved(answer))
    checked = checking.check(found, live, os.environ, now=datetime.now(UTC), answer=saved)
    output.show(render.checked(checked, output.paper()) if format_ is Format.TABLE else forms.one(checked), format_)
    return ERROR if checked.answer is not None and not checked.answer.complete else 0


@sources.command(
    cls=Command,
    examples=["orlog sources add openrouter", "orlog sources add ~/shop.toml"],
    short_help="Watch a source.",
)
@click.argument("source", metavar="SOURCE")
@options.data()
def add(source: str) -> None:
    """Watch a source: have orlog.toml in the data directory name it, if it does not yet.

    SOURCE is the name of a source that comes with orlog, or the path of a source file.
    """
    from cli import watchlist

    entry, fresh = watchlist.add(options.data_directory(), source)
    output.note(f"{entry} is {'watched from now on' if fresh else 'watched already'}")


@sources.command(
    cls=Command,
    examples=["orlog sources remove openrouter"],
    short_help="Watch a source no longer.",
)
@click.argument("source", metavar="SOURCE")
@options.output_format()
@options.data()
def remove(source: str, format_: Format) -> None:
    """Watch a source no longer: take it out of orlog.toml. Its file and all that is recorded of it stay.

    SOURCE is the name of a source, or the path of its file. The record gets a receipt, which tells when that was; from
    then on `orlog status` calls its resources `unwatched`. Where it is not watched, nothing happens.
    """
    from cli import watchlist
    from cli.render import forms

    directory, now = options.data_directory(), datetime.now(UTC)
    removed = watchlist.remove(directory, source, lambda name: watchlist.receipt(directory, name, now=now))
    for entry in removed.entries:
        output.note(f"{entry} is watched no longer; `orlog sources add {shlex.quote(entry)}` watches it again")
    if not removed.entries:
        output.note(f"{source} is not watched: nothing was changed")
    if format_ is not Format.TABLE:
        output.write(forms.one(removed))
