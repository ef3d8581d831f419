"""Readers: one for each format, all with the same two steps.

`cut` cuts an answer into tokens, hashable and cheap to make; `read` makes an item of a token. Equal tokens make equal
items, so whoever remembers the outcome of a token need not read it again.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from collector.errors import NoFunction
from collector.extraction import diagnosis, lenient, slicing, tabular
from collector.extraction.assembly import Refused
from collector.extraction.issues import EXTRACT_FAILED, NO_ITEMS, UNREADABLE
from collector.extraction.items import Dissector, How, Outcome, Unread
from collector.sources.pointer import NotThere, Tokens, pointer, tokens
from collector.sources.rules import Extraction, Format
from collector.sources.template import From, NoValue, Template
from collector.wording import listed, shown
from eventstore import JSON, Unreadable, canonical_bytes, parse

_BOM: Final = b"\xef\xbb\xbf"

Params = Mapping[str, str]


class Reader(Protocol):
    """Reads the answers of one format."""

    def cut(self, answer: bytes, params: Params) -> Sequence[Hashable]:
        """Cut an answer into the tokens of its items. Raises `Refused`."""
        ...

    def read(self, token: Any, params: Params, how: How) -> Outcome:
        """Make an item of a token. Raises `items.TooDeep`."""
        ...

    def place(self, index: int, token: Any) -> str:
        """Say where an item stands in its answer."""
        ...


def reader(rules: Extraction) -> Reader:
    """Choose the reader for some rules."""
    if rules.extract is not None:
        return _Function(rules, rules.extract)
    if rules.format is Format.CSV:
        return _Csv(rules)
    if rules.format is Format.JSONL:
        return _JsonLines(rules)
    if rules.slices is not None:
        return _Slice(rules)
    return _Document(rules) if rules.items is None else _Json(rules, tokens(rules.items))


def without_mark(answer: bytes) -> bytes:
    """Leave out the byte order mark that some programs put before UTF-8."""
    return answer.removeprefix(_BOM)


class _Json:
    """JSON with a list of items, or an object that has them by key."""

    def __init__(self, rules: Extraction, path: Tokens) -> None:
        self._dissector = Dissector(rules)
        self._path = path
        self._by_name = any(place.source is From.MEMBER_NAME for place in Template.parse(rules.key).placeholders)

    def cut(self, answer: bytes, params: Params) -> Sequence[Hashable]:
        del params
        try:
            found = slicing.slices(answer, self._path)
        except NotThere as error:
            raise Refused(NO_ITEMS, diagnosis.misplaced(error, self._path)) from None
        except (lenient.Malformed, RecursionError):
            raise Refused(UNREADABLE, diagnosis.unreadable(answer)) from None
        if isinstance(found, list):
            self._check_list(found)
            return found
        self._check_object(found)
        return list(found.items())

    def _check_list(self, found: list[bytes]) -> None:
        if self._by_name and found:
            raise Refused(NO_ITEMS, f"{self._where} is a list, whose items have no {{@key}}: name a member, as {{id}}")

    def _check_object(self, found: dict[str, bytes]) -> None:
        if found and not self._by_name and not any(value.startswith((b"{", b"[")) for value in found.values()):
            what = f"{self._where} is an object with the members {listed(found)}, none of which is an item"
            raise Refused(NO_ITEMS, f"{what}; leave items out to take the whole answer as one document")

    @property
    def _where(self) -> str:
        return pointer(self._path) or "the answer"

    def read(self, token: bytes | tuple[str, bytes], params: Params, how: How) -> Outcome:
        name, text = token if isinstance(token, tuple) else (None, token)
        return self._dissector.read(text, params, name, how)

    def place(self, index: int, token: bytes | tuple[str, bytes]) -> str:
        return pointer((*self._path, token[0] if isinstance(token, tuple) else str(index)))


class _Document:
    """JSON that is one document."""

    def __init__(self, rules: Extraction) -> None:
        self._dissector = Dissector(rules)

    def cut(self, answer: bytes, params: Params) -> Sequence[Hashable]:
        del params
        try:
            return [slicing.whole(answer)]
        except NotThere as error:
            raise Refused(NO_ITEMS, diagnosis.is_list(error.value)) from None
        except (lenient.Malformed, RecursionError):
            raise Refused(UNREADABLE, diagnosis.unreadable(answer)) from None

    def read(self, token: bytes, params: Params, how: How) -> Outcome:
        return self._dissector.read(token, params, None, how)

    def place(self, index: int, token: bytes) -> str:
        del index, token
        return "the document"


class _Slice(_Document):
    """JSON that is the list of a slice's rows: all of them are one document."""

    def cut(self, answer: bytes, params: Params) -> Sequence[Hashable]:
        del params
        try:
            found = slicing.slices(answer, ())
        except NotThere as error:
            raise Refused(NO_ITEMS, f"{diagnosis.misplaced(error, ())}, not the list of a slice's rows") from None
        except (lenient.Malformed, RecursionError):
            raise Refused(UNREADABLE, diagnosis.unreadable(answer)) from None
        if isinstance(found, dict):
            what = f"the answer is an object with the members {listed(found)}" if found else "the answer is an object"
            raise Refused(NO_ITEMS, f"{what}, not the list of a slice's rows")
        return [answer]


class _JsonLines:
    """JSON Lines: an item a line."""

    def __init__(self, rules: Extraction) -> None:
        self._dissector = Dissector(rules)
        self._footer = rules.footer

    def cut(self, answer: bytes, params: Params) -> Sequence[Hashable]:
        del params
        found = tabular.lines(answer, self._footer)
        if found and not any(map(slicing.is_json, found)):
            raise Refused(UNREADABLE, f"no line is JSON; the first is {diagnosis.unreadable(found[0])}")
        return found

    def read(self, token: bytes, params: Params, how: How) -> Outcome:
        return self._dissector.read(token, params, None, how)

    def place(self, index: int, token: bytes) -> str:
        del token
        return f"row {index + 1}"


class _Csv:
    """CSV: an item a row, its members named by the header, all values strings."""

    def __init__(self, rules: Extraction) -> None:
        self._dissector = Dissector(rules)
        self._footer = rules.footer
        places = Template.parse(rules.key).placeholders
        self._named = [place.path[0] for place in places if place.source is From.NAME and place.default is None]

    def cut(self, answer: bytes, params: Params) -> Sequence[Hashable]:
        try:
            header, rows = tabular.rows(answer, self._footer)
        except tabular.BadTable as error:
            raise Refused(UNREADABLE, str(error)) from None
        missing = [name for name in self._named if name not in header and name not in params]
        if missing:
            raise Refused(NO_ITEMS, f"there is no column {shown(missing[0])}; there are {listed(header)}")
        return [(header, cells) for cells in rows]

    def read(self, token: tuple[tabular.Cells, tabular.Cells], params: Params, how: How) -> Outcome:
        header, cells = token
        value = dict(zip(header, cells, strict=False))
        if len(cells) == len(header) and not tabular.not_utf8(cells):
            return self._dissector.item(value, params, None, how)
        reason = "it was cut off" if not cells else f"it has {len(cells)} cells under {len(header)} headings"
        reason = reason if len(cells) != len(header) else "it is not UTF-8 text"
        try:
            return Unread(self._dissector.key(value, params, None), reason)
        except NoValue as error:
            return Unread(None, f"{error}; {reason}")

    def place(self, index: int, token: tuple[tabular.Cells, tabular.Cells]) -> str:
        del token
        return f"row {index + 1}"


class _Unfit:
    """A value from a function that no document can hold. Equal to nothing but itself."""

    def __init__(self, value: Any, reason: str) -> None:
        self.value = value
        self.reason = reason


class _Function:
    """A function from bytes to items, which takes the place of a format."""

    def __init__(self, rules: Extraction, name: str) -> None:
        self._dissector = Dissector(rules)
        self._name = name
        self._function: Callable[[bytes], Iterable[JSON]] | None = None

    def cut(self, answer: bytes, params: Params) -> Sequence[Hashable]:
        del params
        if self._function is None:
            self._function = load_function(self._name)
        try:
            return [_token(value) for value in self._function(answer)]
        except Exception as error:  # noqa: BLE001 - whatever it raises is said in an issue
            raise Refused(EXTRACT_FAILED, f"{self._name} failed: {type(error).__name__}: {error}") from None

    def read(self, token: bytes | _Unfit, params: Params, how: How) -> Outcome:
        if isinstance(token, bytes):
            return self._dissector.item(parse(token), params, None, how)
        try:
            return Unread(self._dissector.key(token.value, params, None), token.reason)
        except NoValue as error:
            return Unread(None, f"{error}; {token.reason}")

    def place(self, index: int, token: bytes | _Unfit) -> str:
        del token
        return f"item {index + 1}"


def _token(value: JSON) -> bytes | _Unfit:
    try:
        text = canonical_bytes(value)
    except Unreadable as error:
        return _Unfit(value, str(error))
    return _Unfit(value, "it nests too deeply") if diagnosis.too_deep(text) else text


def load_function(name: str) -> Callable[[bytes], Iterable[JSON]]:
    """Load the function that rules name, "package.module:function". Raises `NoFunction`."""
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise NoFunction(f"cannot load {name}: {error}") from None
    except AttributeError:
        raise NoFunction(f"cannot load {name}: {module} has no {attribute}") from None
    if not callable(function):
        raise NoFunction(f"{name} is no function")
    loaded: Callable[[bytes], Iterable[JSON]] = function
    return loaded
