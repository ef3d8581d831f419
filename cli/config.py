"""`orlog.toml` of a data directory: which sources are watched there, and who is told what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cli.failures import Failure

if TYPE_CHECKING:
    from collector import Target

FILE: Final = "orlog.toml"

TEMPLATE: Final = """\
# What orlog watches in this data directory.

# Names of sources that come with orlog (`orlog sources` lists them), or paths of source files, relative to this file:
# sources = ["openrouter", "sources/my.toml"]
sources = ["openrouter"]

# Who is told when something is wrong, or has changed: a webhook gets each notice as JSON, a command on its stdin.
# [[notify]]
# webhook = "${ORLOG_WEBHOOK}"    # from the environment
# changes = [{ category = "openrouter.model", key = "openai/*", path = "/pricing/prompt" }]
# alerts = true

# Views: your own projections, columns by name in place of one for each field, what is noise in `changes`.
# [project]
# modules = ["views.py"]
# columns = { outage = { area = "/regionName", affected = "/estCustAffected" } }
# noise = { "openrouter.model" = { sets = ["/supported_parameters"], ignore = ["/description"] } }
# without = ["endpoint_telemetry_history"]    # views that are not to be made
"""

_HINT: Final = "correct the file, or remove it for `orlog init` to make anew"
_AT: Final = re.compile(r"(?P<what>.*) - at `\$\.?(?P<where>.*)`", re.DOTALL)
_URL: Final = re.compile(r"https?://[^\s/?#@]+([/?][^\s#]*)?")
_TIMEOUT: Final = re.compile(r"([1-9][0-9]{0,3})(s|m)")
_SECONDS: Final = {"s": 1, "m": 60}


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a category, of the keys that match a pattern, at a JSON Pointer."""

    category: str
    key: str | None = None
    path: str | None = None


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `[[notify]]` table as it stands in the file: `${NAME}` in `webhook` and `headers` is still to be filled in."""

    name: str | None = None
    command: tuple[str, ...] | None = None
    webhook: str | None = None
    headers: dict[str, str] = {}
    alerts: bool | None = None
    changes: tuple[Changes, ...] = ()
    timeout: str | None = None


class Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[project]` table. `columns` and `noise` are by category; what `noise` says projector reads."""

    modules: tuple[str, ...] = ()
    columns: dict[str, dict[str, str]] = {}
    noise: dict[str, dict[str, Any]] = {}
    without: frozenset[str] = frozenset()


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `orlog.toml` says."""

    sources: tuple[str, ...] = ()
    notify: tuple[Notify, ...] = ()
    project: Project = Project()


class _Wrong(Exception):
    """Something in the file is wrong: where, and what."""


def parse(text: bytes, *, file: str) -> Config:
    """Read the text of an `orlog.toml`. Raises `Failure` naming the file and the place in it."""
    try:
        config = msgspec.toml.decode(text, type=Config)
        _check(config.notify)
    except (msgspec.MsgspecError, UnicodeDecodeError, _Wrong) as error:
        raise Failure(f"{file}: {_placed(str(error))}", hint=_HINT) from None
    return config


def read(directory: Path) -> Config:
    """Read the `orlog.toml` of a data directory; where there is none, nothing is watched."""
    path = directory / FILE
    try:
        return parse(path.read_bytes(), file=str(path))
    except (FileNotFoundError, NotADirectoryError):
        return Config()


def make(directory: Path) -> Path:
    """Write the template where there is no `orlog.toml` yet; return its path."""
    path = directory / FILE
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        pass
    return path


def source_files(config: Config, directory: Path) -> list[Path]:
    """The source files that a data directory names, as paths."""
    return [directory / each for each in config.sources if each.endswith(".toml")]


def folders(config: Config, directory: Path) -> list[Path]:
    """The folders in which a resource's source is looked for."""
    return list(dict.fromkeys(path.parent for path in source_files(config, directory)))


# -- who is told


def targets(config: Config, environ: Mapping[str, str], *, file: str) -> list[Target]:
    """Who is to be told what, with what `environ` has for each `${NAME}`.

    Raises `Failure` naming the place in `file` where a header cannot be sent, or where a variable is not set or holds
    what is no part of a URL or header; no value is shown.
    """
    try:
        return [_target(each, f"notify[{i}]", names, environ) for i, (each, names) in enumerate(_named(config.notify))]
    except _Wrong as error:
        raise Failure(f"{file}: {error}", hint="correct it there, or in the environment of this process") from None


def _target(table: Notify, place: str, name: str, environ: Mapping[str, str]) -> Target:
    from collector import BadRules, Interest, Target, filled_in

    target = Target(
        name=name,
        command=table.command or (),
        webhook=table.webhook,
        headers=table.headers,
        alerts=not table.changes if table.alerts is None else table.alerts,
        changes=tuple(Interest(each.category, each.key, each.path) for each in table.changes),
        **({} if table.timeout is None else {"timeout": _seconds(table.timeout, f"{place}.timeout")}),
    )
    try:
        target = filled_in(target, environ)
    except BadRules as error:
        raise _Wrong(f"{place}.{error}") from None
    if target.webhook is not None and not _URL.fullmatch(target.webhook):
        raise _Wrong(f"{place}.webhook: with what the environment has it is no URL")
    return target


def _named(tables: tuple[Notify, ...]) -> Iterator[tuple[Notify, str]]:
    for number, table in enumerate(tables, 1):
        yield table, f"notify-{number}" if table.name is None else table.name


def _check(tables: tuple[Notify, ...]) -> None:
    seen: set[str] = set()
    for i, (table, name) in enumerate(_named(tables)):
        place = f"notify[{i}]"
        if not name or name in seen:
            raise _Wrong(f"{place}.name: {name!r} is the name of another one" if name else f"{place}.name: is empty")
        seen.add(name)
        _check_target(table, place)
        for k, changes in enumerate(table.changes):
            _check_changes(changes, f"{place}.changes[{k}]")


def _check_target(table: Notify, place: str) -> None:
    if (table.command is None) == (table.webhook is None):
        raise _Wrong(f"{place}: give either a command or a webhook")
    if table.command is not None and not (table.command and table.command[0]):
        raise _Wrong(f'{place}.command: write a program and its arguments, as ["tell-me", "--now"]')
    if table.webhook is not None and "${" not in table.webhook and not _URL.fullmatch(table.webhook):
        raise _Wrong(f"{place}.webhook: write a URL, as https://example.org/hook")
    if table.headers and table.webhook is None:
        raise _Wrong(f"{place}.headers: only a webhook has headers")
    if table.alerts is False and not table.changes:
        raise _Wrong(f"{place}: it would be told nothing: neither alerts nor changes")
    if table.timeout is not None:
        _seconds(table.timeout, f"{place}.timeout")


def _check_changes(changes: Changes, place: str) -> None:
    from eventstore import NotAPointer, resolve

    if not changes.category:
        raise _Wrong(f"{place}.category: is empty")
    if changes.path:
        try:
            resolve(None, changes.path)
        except NotAPointer as error:
            raise _Wrong(f"{place}.path: {error}; {error.hint}") from None


def _seconds(text: str, place: str) -> float:
    found = _TIMEOUT.fullmatch(text)
    if found is None:
        raise _Wrong(f"{place}: {text!r}: write a number and s or m, as 10s")
    return float(int(found[1]) * _SECONDS[found[2]])


def _placed(message: str) -> str:
    """What msgspec says, the place in front: `notify[0].changes[0]: unknown field`."""
    found = _AT.fullmatch(message.replace(" | null", ""))  # TOML has none: what is not wanted is left out
    return f"{found['where']}: {found['what']}" if found and found["where"] else message
