"""`orlog import`: what others have kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli import options, output
from cli.lazy import Command, Group
from cli.options import Format
from cli.terminal import progress
from cli.text import counted

if TYPE_CHECKING:
    from collector import History, Resource

F = TypeVar("F", bound=Callable[..., Any])


@click.group(
    cls=Group,
    name="import",
    examples=["orlog import git ~/scraped data/models.json --resource openrouter.models"],
    short_help="Lay down what a git repository or a folder has kept.",
)
def import_() -> None:
    """Lay down what a git repository or a folder has kept of an API's answers.

    Run again, an import goes on where it ended: what is there already is not read twice. Versions that are older than
    the log's end are archived, and `orlog rebuild log` lays them down in time order.
    """


def _resource() -> Callable[[F], F]:
    return click.option(
        "--resource",
        metavar="RESOURCE",
        required=True,
        help="Whose answers these are and how they are read: SOURCE.RESOURCE, FILE.toml#NAME, or FILE.toml.",
    )


@import_.command(
    cls=Command,
    name="git",
    examples=[
        "orlog import git ~/scraped data/models.json --resource openrouter.models",
        "orlog import git ~/scraped 'data/{model}.json' --resource my.toml#prices --since 2025-01-01",
    ],
    short_help="Import the versions of a file in a git repository.",
)
@click.argument("repo", type=click.Path(path_type=Path))
@click.argument("path")
@_resource()
@click.option("--ref", metavar="REF", default="HEAD", show_default=True, help="The branch, tag or commit to end with.")
@options.time("--since", text="Only versions from then on.", seq=False)
@options.time("--until", text="Only versions up to then.", seq=False)
@click.option("--follow", is_flag=True, help="Go on where the file had another name.")
@options.output_format()
@options.data()
def import_git(  # noqa: PLR0913, PLR0917  # one for each thing on the command line
    repo: Path,
    path: str,
    resource: str,
    ref: str,
    since: datetime | None,
    until: datetime | None,
    follow: bool,  # noqa: FBT001
    format_: Format,
) -> None:
    """Import the versions of the file PATH in the git repository REPO, one for each commit that changed it.

    PATH is relative to the top of the repository, and may be a pattern: with `data/{model}.json` every file that
    matches is an answer for that model. REPO may be bare, and is only read. The first-parent history up to REF counts,
    each version at its committer time.
    """
    from collector import GitHistory

    rules = _resolve(resource)
    history = GitHistory(repo, path, ref=ref, since=since, until=until, follow=follow)
    if history.shallow:
        output.note("note: the clone is shallow: older versions are not in it (git fetch --unshallow)")
    if history.renamed_from:
        output.note(f"note: before, the file was {history.renamed_from}: --follow goes on with it")
    _import(rules, history, format_)


@import_.command(
    cls=Command,
    name="files",
    examples=[
        "orlog import files saved --resource openrouter.models --pattern '{time:%Y-%m-%dT%H%M%SZ}.json'",
    ],
    short_help="Import a folder of saved answers.",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_resource()
@click.option("--pattern", metavar="PATTERN", help="What the names say, as {model}/{time:%Y-%m-%d}.json.")
@options.output_format()
@options.data()
def import_files(folder: Path, resource: str, pattern: str | None, format_: Format) -> None:
    """Import the saved answers in DIR, all of one time as one version.

    PATTERN reads each answer's time and parameters from its name; without a time in it the file's own counts. Files
    that end in .gz are decompressed.
    """
    from collector import FilesHistory

    rules = _resolve(resource)
    history = FilesHistory(folder, pattern=pattern)
    if history.unmatched:
        output.note(f"note: {counted(history.unmatched, 'file')} left out: the pattern does not match")
    _import(rules, history, format_)


def _resolve(resource: str) -> Resource:
    from cli import config
    from collector import resolve

    directory = options.data_directory()
    return resolve(resource, config.folders(config.read(directory), directory))


def _import(resource: Resource, history: History, format_: Format) -> None:
    from cli.render import forms, work
    from collector import import_history

    with options.open_record(write=True) as record, progress.bar() as bar:
        done = import_history(record, resource, history, progress=bar)
    for line in work.imported(done, resource.address):
        output.note(line)
    if format_ is not Format.TABLE:
        output.write(forms.one(done))
