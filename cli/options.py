"""What several commands take: where the data are, TIME, the format, categories and keys."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cli import times

if TYPE_CHECKING:
    from eventstore import Record

F = TypeVar("F", bound=Callable[..., Any])

_DATA: Final = "cli.data"
_NOW: Final = "cli.now"


class Format(enum.Enum):
    """How data is printed."""

    JSON = "json"
    JSONL = "jsonl"
    TABLE = "table"
    CSV = "csv"


class LogForm(enum.Enum):
    """How what happens is written to stderr."""

    TEXT = "text"
    JSON = "json"


# -- the data directory


def _remember(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value == "":  # a variable that is not set, most likely: the present folder is not meant
        raise click.BadParameter("name a folder")
    if value is not None:
        ctx.meta[_DATA] = Path(value)


def data(*, envvar: str | None = None) -> Callable[[F], F]:
    """`--data DIR`; a command's own wins over that before the command, which wins over the environment."""
    return click.option(
        "--data",
        metavar="DIR",
        type=click.Path(),
        envvar=envvar,
        show_envvar=envvar is not None,
        expose_value=False,
        callback=_remember,
        help="The data directory; otherwise the user's own.",
    )


def data_directory() -> Path:
    """Where the data are: as was said, otherwise the platform's directory for the user's data."""
    ctx = click.get_current_context()
    if _DATA not in ctx.meta:
        import platformdirs

        ctx.meta[_DATA] = Path(platformdirs.user_data_dir("orlog", appauthor=False))
    directory: Path = ctx.meta[_DATA]
    return directory


def open_record(*, write: bool = False, make: bool = True) -> Record:
    """Open the record in the data directory; for writing, make both where they are missing, unless `make` says no."""
    from eventstore import Record

    if write and not make:
        Record.open(data_directory()).close()
    return Record.open(data_directory(), write=write)


# -- TIME


def time(
    option: str, name: str | None = None, *, text: str, seq: bool = True, required: bool = False
) -> Callable[[F], F]:
    """An option that takes a TIME: an aware datetime, or (if `seq` is allowed) a sequence number."""

    def read(ctx: click.Context, _: click.Parameter, value: str | None) -> datetime | int | None:
        if value is None:
            return None
        now = ctx.meta.setdefault(_NOW, datetime.now(UTC))  # one *now* for the whole command
        try:
            instant = times.parse(value, now=now)
        except times.NotATime as error:
            raise click.BadParameter(str(error)) from None
        if isinstance(instant, int) and not seq:
            raise click.BadParameter(f"{value!r} is a place in the log; a time is needed here")
        return instant

    names = [option] if name is None else [option, name]
    return click.option(*names, metavar="TIME", callback=read, required=required, help=text)


# -- the format


def output_format(*, piped: Format = Format.JSON, csv: bool = False) -> Callable[[F], F]:
    """`--format`; a table on a terminal and `piped` elsewhere, unless it is given. `csv`: whether that is one."""

    def choose(_: click.Context, __: click.Parameter, value: str | None) -> Format:
        if value is not None:
            return Format(value)
        return Format.TABLE if sys.stdout is not None and sys.stdout.isatty() else piped

    return click.option(
        "--format",
        "format_",
        type=click.Choice([each.value for each in Format if csv or each is not Format.CSV]),
        callback=choose,
        help=f"How to print; a table on a terminal, otherwise {piped.value}.",
    )


def log_form() -> Callable[[F], F]:
    """`--log text|json`, as `log_form`; for people on a terminal and for programs elsewhere, unless it is given."""

    def choose(_: click.Context, __: click.Parameter, value: str | None) -> LogForm:
        if value is not None:
            return LogForm(value)
        return LogForm.TEXT if sys.stderr is not None and sys.stderr.isatty() else LogForm.JSON

    return click.option(
        "--log",
        "log_form",
        type=click.Choice([each.value for each in LogForm]),
        callback=choose,
        help="How to say on stderr what happens; text on a terminal, otherwise json.",
    )


# -- places in documents


def _pointer(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value:
        from eventstore import NotAPointer, resolve

        try:
            resolve(None, value)
        except NotAPointer as error:
            raise click.BadParameter(f"{error}; {error.hint}") from None
    return value


def path(*, text: str) -> Callable[[F], F]:
    """`--path POINTER`, a JSON Pointer."""
    return click.option("--path", metavar="POINTER", callback=_pointer, shell_complete=_pointers, help=text)


def pointer() -> Callable[[F], F]:
    """The argument POINTER, which may be left out: the whole document."""
    return click.argument("pointer", required=False, callback=_pointer, shell_complete=_pointers, metavar="[POINTER]")


# -- syncs, attempts, categories and keys

NUMBER: Final = click.IntRange(min=1, max=times.LAST_SEQ)


def category(*, required: bool = True) -> Callable[[F], F]:
    """The argument CATEGORY: `CATEGORY` or `SOURCE.CATEGORY`."""
    return click.argument(
        "category", required=required, callback=_utf8, shell_complete=_categories, metavar=_shown("CATEGORY", required)
    )


def key(*, required: bool = False) -> Callable[[F], F]:
    """The argument KEY, which may be left out unless it is required."""
    return click.argument(
        "key", required=required, callback=_utf8, shell_complete=_keys, metavar=_shown("KEY", required)
    )


def _shown(name: str, required: bool) -> str:  # noqa: FBT001
    return name if required else f"[{name}]"


def _utf8(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise click.BadParameter(f"{value!r} is not UTF-8 text") from None
    return value


def _categories(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    def names(record: Record) -> list[str]:
        categories = record.log.categories()
        return [name for each in categories for name in (each.name, each.address)]

    return [name for name in _from_record(ctx, names) if name.startswith(incomplete)]


def _keys(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    def names(record: Record) -> list[str]:
        return list(record.log.catalogue(ctx.params["category"]))

    return [name for name in _from_record(ctx, names) if name.startswith(incomplete)]


def _pointers(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    def names(record: Record) -> list[str]:
        from eventstore import blame

        entity = record.log.entity(ctx.params["category"], ctx.params["key"])
        return [row.path for row in blame(record.log.history(entity))]

    return [name for name in _from_record(ctx, names) if name.startswith(incomplete)]


def _from_record(ctx: click.Context, names: Callable[[Record], list[str]]) -> list[str]:
    try:
        with ctx.scope(cleanup=False), open_record() as record:
            return sorted(set(names(record)))
    except Exception:  # noqa: BLE001  # in the middle of somebody's typing no error is of use
        return []
