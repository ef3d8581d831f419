"""Reading source files: strict, and in errors always the file and the place in it.

As in `my.toml: resource[0].categry: unknown field; did you mean 'category'?`
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from collector.asking import check_asking, check_parameters, check_together
from collector.errors import BadRules, BadSource, NoSource
from collector.rules import IMPLAUSIBLE, Extraction, Format
from collector.source import Resource, Source
from collector.wording import choice, near

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")

_URL: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
_HEADER_VALUE: Final = re.compile(r"[ -~]*")
_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_RATE: Final = re.compile(r"([1-9][0-9]{0,5})/([smh])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MSGSPEC_ERROR: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?", re.DOTALL)

Table: TypeAlias = dict[str, Any]
S = TypeVar("S", bound=msgspec.Struct)


class _SourceTable(msgspec.Struct):
    name: str | None = None
    base_url: str | None = None
    concurrency: int | None = None
    rate: str | None = None
    headers: dict[str, str] = {}


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
    path: str | None = None
    params: dict[str, tuple[str, ...]] = {}
    every: str | None = None


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
        _fits(_URL, table.base_url, "source.base_url", "a URL, as https://example.org")
    if table.concurrency is not None and table.concurrency < 1:
        raise BadRules("at least one request must be in flight", field="source.concurrency")
    for header, value in table.headers.items():
        _fits(_HEADER_NAME, header, f"source.headers.{header}", "a header's name")
        _fits(_HEADER_VALUE, value, f"source.headers.{header}", "a header's value")
    resources = _resources(tables.get("resource"), name)
    return Source(name, resources, table.base_url, table.concurrency, _rate(table.rate), table.headers)


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
    extraction = _extraction(table)
    resource = Resource(source, table.name, extraction, table.path, table.params, _duration(table.every))
    check_asking(resource)
    return resource


def _extraction(table: _ResourceTable) -> Extraction:
    fields = {name: getattr(table, name) for name in Extraction.__struct_fields__}
    if table.key is None:
        if table.items is not None or table.format is not Format.JSON or table.extract is not None:
            raise BadRules('is missing: say what tells the items apart, as key = "{id}"', field="key")
        fields["key"] = table.name  # of a single document; it needs no name but that of its resource
    # the order of these means nothing, so it must not make other rules of them
    fields["drop"] = tuple(sorted(table.drop))
    fields["empty_on"] = tuple(sorted(set(table.empty_on)))
    fields["split"] = {category: tuple(sorted(paths)) for category, paths in table.split.items()}
    return Extraction(**fields)


def _convert(table: Any, type_: type[S], where: str) -> S:
    if not isinstance(table, dict):
        raise BadRules("write it as a table", field=where)
    _known(table, type_.__struct_fields__, where)
    for field in msgspec.structs.fields(type_):
        if field.required and field.name not in table:
            raise BadRules("is missing", field=f"{where}.{field.name}")
    try:
        return msgspec.convert(table, type_)
    except msgspec.ValidationError as error:
        raise _translated(str(error), where) from None


def _translated(message: str, where: str) -> BadRules:
    found = _MSGSPEC_ERROR.fullmatch(message)
    what, inner = (found["what"], found["where"]) if found else (message, None)
    if inner == "format":
        what += f"; known are {', '.join(known.value for known in Format)}"
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


def _duration(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if not found:
        raise BadRules(f"{text!r}: write a number and s, m, h, d or w, as 30m or 1h", field="every")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _rate(text: str | None) -> float | None:
    if text is None:
        return None
    found = _RATE.fullmatch(text)
    if not found:
        raise BadRules(f"{text!r}: write a number of requests per s, m or h, as 10/s", field="source.rate")
    return int(found[1]) / _SECONDS[found[2]]
