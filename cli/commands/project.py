"""`orlog project`: the views, which follow from the log."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options, output
from cli.lazy import Command, Group
from cli.options import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from projector import Difference, Output, Ran


@click.group(
    cls=Group,
    examples=["orlog project status", "orlog project run", "orlog project rebuild prices"],
    short_help="Bring the views up, build them anew, say how they stand.",
)
def project() -> None:
    """Views are tables that follow from the log: `models`, `prices`, `changes`, one for each category, and your own.

    They lie in views.db of the data directory, for `orlog query` and for any other program that reads SQLite.
    """


@project.command(cls=Command, examples=["orlog project status"], short_help="Say how each view stands.")
@options.output_format()
@options.data()
def status(format_: Format) -> None:
    """Say how each view stands: rows, up to when, how far behind the record, and how many issues it has.

    A view is stale when it was made by another version of its projection, with other columns, or from a log that has
    been rebuilt since. It is served as it is until its successor is built.
    """
    from cli import projecting
    from cli.render import forms, views

    stand = projecting.standing(options.data_directory())
    if format_ is not Format.TABLE:
        output.write(forms.rows(stand.views, format_))
        return
    output.show(views.standing(stand.views, output.paper()), format_)
    for advice in views.advice(stand):
        output.note(advice)


@project.command(
    cls=Command,
    examples=["orlog project run", "orlog project run --output changes.jsonl"],
    short_help="Bring all views up to the record.",
)
@click.option("--keep-stale", is_flag=True, help="Leave stale views as they are.")
@click.option("--dry-run", is_flag=True, help="Say what would become of the rows, and write nothing.")
@click.option(
    "--output",
    "file",
    metavar="FILE",
    help="Append each row that is written to a file of JSON Lines too; - for stdout.",
)
@options.output_format()
@options.data()
def run(*, keep_stale: bool, dry_run: bool, file: str | None, format_: Format) -> None:
    """Bring all views up to the record: what changed since is folded, no more. `orlog query` and `orlog run` do it too.

    Views that are new, or stale, are built beside what is served, and take its place when they are whole.
    """
    from cli import projecting
    from cli.terminal import progress

    directory = options.data_directory()
    if dry_run:
        if file is not None:
            raise click.UsageError("--dry-run writes nothing, so --output has nothing to get")
        with progress.bar() as bar:
            found = projecting.rehearse(directory, None, stale=not keep_stale, bar=bar)
        _show_rehearsal(found, format_)
        return
    with progress.bar() as bar, _lines(file) as outputs:
        ran = projecting.run(directory, stale=not keep_stale, outputs=outputs, bar=bar)
    _show_run(ran, format_, quiet=file == "-")


@project.command(
    cls=Command,
    examples=[
        "orlog project rebuild prices",
        "orlog project rebuild --dry-run",
        "orlog project rebuild --at 2025-01-01 --output january.db",
    ],
    short_help="Build views anew, or as of a time.",
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Say what would become of the rows, and write nothing.")
@options.time("--at", text="As of when, in a file of its own (--output).")
@click.option(
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to a new file: a database, or JSON Lines where it ends in .jsonl.",
)
@options.output_format()
@options.data()
def rebuild(
    names: tuple[str, ...], *, dry_run: bool, at: datetime | int | None, file: Path | None, format_: Format
) -> None:
    """Build views anew from the whole log: these, or all. What is served stays until its successor is whole.

    With --at and --output the views as they were at TIME are written to a file of their own, and what is served is left
    alone.
    """
    from cli import projecting
    from cli.terminal import progress

    directory = options.data_directory()
    if dry_run and (at is not None or file is not None):
        raise click.UsageError("--dry-run is about what is served, which --at and --output leave alone")
    if at is not None and file is None:
        raise click.UsageError("--at needs --output FILE: what is served is always of now")
    with progress.bar() as bar:
        found: list[Difference] = []
        done: list[Ran] | None = None
        if dry_run:
            found = projecting.rehearse(directory, names, bar=bar)
        elif file is not None:
            done = projecting.write(directory, file, at=at, names=names, bar=bar)
        else:
            done = projecting.rebuild(directory, names, bar=bar)
    if done is None:
        _show_rehearsal(found, format_)
    else:
        _show_run(done, format_)


@project.command(
    cls=Command, examples=["orlog project issues prices"], short_help="List what in documents fitted no row."
)
@click.argument("view", metavar="[NAME]", required=False)
@options.output_format()
@options.data()
def issues(view: str | None, format_: Format) -> None:
    """List what in the documents did not fit a view: a value of another type, a price that is no number.

    The rest of the document is in the view all the same. The same of one entity is listed once, with how often it was
    so; SEE shows the document.
    """
    from cli import projecting
    from cli.render import views

    found = projecting.issues(options.data_directory(), view)
    output.show(views.issues(found, format_, output.paper()), format_)


def _show_run(ran: Sequence[Ran], format_: Format, *, quiet: bool = False) -> None:
    from cli.render import forms, views

    for line in views.ran(ran):
        output.note(line)
    if format_ is not Format.TABLE and not quiet:
        output.write(forms.rows(ran, format_))


def _show_rehearsal(found: Sequence[Difference], format_: Format) -> None:
    from cli.render import forms, views

    output.show(
        views.differences(found, output.paper()) if format_ is Format.TABLE else forms.rows(found, format_), format_
    )


@contextlib.contextmanager
def _lines(file: str | None) -> Iterator[Sequence[Output]]:
    from projector import JsonLines

    if file is None:
        yield ()
    elif file == "-":
        yield (JsonLines(lambda line: output.write([line])),)
    else:
        with Path(file).open("ab") as lines:
            yield (JsonLines(lines.write),)
