"""Reading source files: strict, and in errors always the file and the place in it.

As in `my.toml: resource[0].categry: unknown field; did you mean 'category'?`
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from collector.errors import BadRules, BadSource, NoSource
from collector.sources.asking import check_asking, check_parameters, check_together
from collector.sources.headers import check_headers
from collector.sources.rules import IMPLAUSIBLE, Extraction, Format
from collector.sources.slices import Steps
from collector.sources.source import Resource, Source
from collector.sources.units import DURATION, RATE, SIZE, duration, rate, size
from collector.wording import choice, near
from eventstore import to_ms

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")

_URL: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
_MSGSPEC_ERROR: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?", re.DOTALL)

Table: TypeAlias = dict[str, Any]
S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")


class _SourceTable(msgspec.Struct):
    name: str | None = None
    base_url: str | None = None
    concurrency: int | None = None
    rate: str | None = None
    headers: dict[str, str] = {}
    timeout: str | None = None
    patience: str | None = None
    budget: str | None = None
    retries: int | None = None
    max_bytes: int | str | None = None


class _SlicesTable(msgspec.Struct, rename={"since": "from"}):
    since: Any  # a string, or what TOML has for dates and times
    step: str
    rows: int
    time: str


class _ResourceTable(msgspec.Struct):
    name: str
    category: str
    items: str | None = None
    key: str | None = None
    format: Format = Format.JSON
    split: dict[str, tuple[str, ...]] = {}
    drop: tuple[str, ...] = ()
    empty_on: tuple[int, ...] = ()
    for_each: str | None = None
    footer: int = 0
    total: str | None = None
    next: str | None = None
    extract: str | None = None
    implausible: float | Literal["off"] = IMPLAUSIBLE
    as_of: str | None = None
    slices: Any = None  # a `_SlicesTable`: read on its own, so that errors name the place in it
    path: str | None = None
    params: dict[str, tuple[str, ...]] = {}
    every: str | None = None
    next_param: str | None = None


def load(path: Path) -> Source:
    """Read a source file. Raises `NoSource` if it cannot be read, `BadSource` if it says something wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise NoSource(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise NoSource(f"cannot read {path}: {error.strerror}", hint=_beside(path)) from None
    return read(text, file=str(path), name=path.stem)


def read(text: str, *, file: str, name: str) -> Source:
    """Read the text of a source file; `name` is made to fit and used where [source] names none. Raises `BadSource`."""
    try:
        return _source(tomllib.loads(text), fitting(name))
    except tomllib.TOMLDecodeError as error:
        raise BadSource(f"not TOML: {error}", file=file) from None
    except RecursionError:
        raise BadSource("not a source file: nested too deeply", file=file) from None
    except BadRules as error:
        raise BadSource(error.reason, file=file, path=error.field, hint=error.hint or None) from None


def fitting(name: str) -> str:
    """Make a source's name of a file's: small letters, digits, `_` and `-`."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_") or "source"


def _beside(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    names = near(path.name, (other.name for other in path.parent.glob("*.toml")))
    return f"did you mean {choice(names)}?" if names else None


def _source(tables: Table, name: str) -> Source:
    _known(tables, ("source", "resource"), "")
    table = _convert(tables.get("source", {}), _SourceTable, "source")
    name = name if table.name is None else _fits(NAME, table.name, "source.name", "small letters, digits, _ and -")
    if table.base_url is not None:
        if "@" in table.base_url:  # what is before it may be a password, and is not repeated
            message = "it names a user or a password: give them as a header, Authorization, from the environment"
            raise BadRules(message, field="source.base_url")
        _fits(_URL, table.base_url, "source.base_url", "a URL, as https://example.org")
    check_headers(table.headers)
    resources = _resources(tables.get("resource"), name)
    return Source(
        name,
        resources,
        base_url=table.base_url,
        concurrency=_least(table.concurrency, 1, "source.concurrency", "at least one request must be in flight"),
        rate=_read(rate, table.rate, "source.rate", RATE),
        headers=table.headers,
        timeout=_read(duration, table.timeout, "source.timeout", DURATION),
        patience=_read(duration, table.patience, "source.patience", DURATION),
        budget=_read(duration, table.budget, "source.budget", DURATION),
        retries=_least(table.retries, 0, "source.retries", "a number of retries cannot be negative"),
        max_bytes=_bytes(table.max_bytes),
    )


def _resources(tables: Any, source: str) -> tuple[Resource, ...]:
    if not isinstance(tables, list) or not tables:
        raise BadRules("write at least one [[resource]], with two brackets on each side", field="resource")
    resources = []
    for i, table in enumerate(tables):
        where = f"resource[{i}]"
        resource_table = _convert(table, _ResourceTable, where)
        try:
            resources.append(_resource(resource_table, source))
        except BadRules as error:
            raise type(error)(error.reason, field=f"{where}.{error.field}") from None
    check_together(resources)
    return tuple(resources)


def _resource(table: _ResourceTable, source: str) -> Resource:
    _fits(NAME, table.name, "name", "small letters, digits, _ and -")
    check_parameters(table.params, table.for_each)
    slices = None if table.slices is None else _convert(table.slices, _SlicesTable, "slices")
    resource = Resource(
        source,
        table.name,
        _extraction(table, slices),
        path=table.path,
        params=table.params,
        every=_read(duration, table.every, "every", DURATION),
        next_param=table.next_param,
        since=None if slices is None else _instant(slices.since, "slices.from"),
    )
    check_asking(resource)
    return resource


def _extraction(table: _ResourceTable, slices: _SlicesTable | None) -> Extraction:
    fields = {name: getattr(table, name) for name in Extraction.__struct_fields__}
    if table.key is None:
        if table.items is not None or table.format is not Format.JSON or table.extract is not None:
            raise BadRules('is missing: say what tells the items apart, as key = "{id}"', field="key")
        fields["key"] = table.name  # of a single document; it needs no name but that of its resource
    fields["slices"] = None if slices is None else Steps(slices.step, slices.rows, slices.time)
    # the order of these means nothing, so it must not make other rules of them
    fields["drop"] = tuple(sorted(table.drop))
    fields["empty_on"] = tuple(sorted(set(table.empty_on)))
    fields["split"] = {category: tuple(sorted(paths)) for category, paths in table.split.items()}
    return Extraction(**fields)


def _convert(table: Any, type_: type[S], where: str) -> S:
    if not isinstance(table, dict):
        raise BadRules("write it as a table", field=where)
    _known(table, type_.__struct_encode_fields__, where)
    for field in msgspec.structs.fields(type_):
        if field.required and field.encode_name not in table:
            raise BadRules("is missing", field=f"{where}.{field.encode_name}")
    try:
        return msgspec.convert(table, type_)
    except msgspec.ValidationError as error:
        raise _translated(str(error), where) from None


def _translated(message: str, where: str) -> BadRules:
    found = _MSGSPEC_ERROR.fullmatch(message)
    what, inner = (found["what"], found["where"]) if found else (message, None)
    if inner == "format":
        what += f"; known are {', '.join(known.value for known in Format)}"
    if what.startswith("Expected `str"):
        what = "write it as text, in quotes"
    return BadRules(what.replace("`", "").replace("array", "list"), field=f"{where}.{inner}" if inner else where)


def _known(table: Mapping[str, Any], fields: Iterable[str], where: str) -> None:
    fields = list(fields)
    for field in table:
        if field not in fields:
            names = near(field, fields)
            advice = f"did you mean {names[0]!r}?" if names else f"known are {', '.join(fields)}"
            raise BadRules(f"unknown field; {advice}", field=f"{where}.{field}".lstrip("."))


def _fits(form: re.Pattern[str], text: str, where: str, wanted: str) -> str:
    if not form.fullmatch(text):
        raise BadRules(f"{text!r}: write {wanted}", field=where)
    return text


def _read(reader: Callable[[str], T | None], text: str | None, where: str, wanted: str) -> T | None:
    if text is None:
        return None
    value = reader(text)
    if value is None:
        raise BadRules(f"{text!r}: write {wanted}", field=where)
    return value


def _bytes(value: int | str | None) -> int | None:
    where = "source.max_bytes"
    if isinstance(value, str):
        return _read(size, value, where, SIZE)
    return _least(value, 1, where, "at least one byte must be allowed")


def _least(value: int | None, least: int, where: str, reason: str) -> int | None:
    if value is not None and value < least:
        raise BadRules(reason, field=where)
    return value


def _instant(value: Any, where: str) -> int:
    """Read an ISO 8601 date or time, in UTC where it names no zone, as milliseconds since 1970."""
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        raise BadRules(f"{str(value)!r}: write a date or a time, as 2025-01-01", field=where) from None
    return to_ms(instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC))
