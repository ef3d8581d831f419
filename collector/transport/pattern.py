"""Patterns of file names: which files hold answers, and which scope each speaks for.

In `data/{model}.json` the field `{model}` stands for one or more characters other than `/`; what it matched is the
scope's parameter. `{{` and `}}` are literal braces; a field that is named twice stands for the same text. The first of
two fields takes as little as it can. Hidden files (`.name`) match only where the pattern itself has the dot.

Of saved files the name may also tell the time: see `collector.transport.moment`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from collector.errors import BadPattern
from collector.transport.moment import FIELDS as TIMES
from collector.transport.moment import Moment, moment

_TOKEN: Final = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<field>[^{}]*)\}|(?P<text>[^{}]+)|(?P<stray>.)", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_GLOB_MAGIC: Final = re.compile(r"[*?\[\\]")


class Named(NamedTuple):
    """What a name says: the parameters of a scope, and the time (UTC) if the pattern has one."""

    params: Mapping[str, str]
    at: datetime | None


class Pattern:
    """A pattern of names, or one plain name.

    `timed`: it may have one time field. `fields` are the names of the parameters, in order. Raises `BadPattern`.
    """

    def __init__(self, text: str, *, timed: bool = False) -> None:
        self.text = text
        self.fields: tuple[str, ...] = ()
        self._timed = timed
        self._moment: Moment | None = None
        self._literals: list[str] = [""]  # what stands before, between and after the fields
        expression = [self._part(token) for token in _TOKEN.finditer(text)]
        self._expression = re.compile("".join(expression), re.DOTALL)

    @property
    def plain(self) -> str | None:
        """The one name that it matches, None if it has fields."""
        return self._literals[0] if len(self._literals) == 1 else None

    @property
    def glob(self) -> str:
        """A glob as git's `:(glob)` pathspecs understand it, which matches all that this matches, and maybe more."""
        return "*".join(_GLOB_MAGIC.sub(r"\\\g<0>", literal) for literal in self._literals)

    def match(self, name: str) -> Named | None:
        """What `name` says, None where it does not match or names an instant that never was."""
        found = self._expression.fullmatch(name)
        if found is None:
            return None
        params = {field: found[field] for field in self.fields}
        if self._moment is None:
            return Named(params, None)
        try:
            return Named(params, self._moment.read(found["_at"]))
        except (ValueError, OverflowError):
            return None

    def _part(self, token: re.Match[str]) -> str:
        """The regular expression of one token; notes what it is."""
        if token["stray"] is not None:
            raise BadPattern(f"{self.text!r} has a brace without its other half")
        if token["field"] is not None:
            return self._field(token)
        literal = token["text"] or token["brace"][0]
        self._literals[-1] += literal
        return re.escape(literal)

    def _field(self, token: re.Match[str]) -> str:
        name, _, form = token["field"].partition(":")
        if self._literals[-1] == "" and len(self._literals) > 1:
            raise BadPattern(f"{self.text!r}: nothing stands between {{{name}}} and the field before it")
        starts = self._literals[-1] == "" or self._literals[-1].endswith("/")
        self._literals.append("")
        if name in TIMES:
            return self._time(name, form)
        if form or not _NAME.fullmatch(name):
            raise BadPattern(f"{self.text!r}: {{{token['field']}}} is no field")
        if name in self.fields:
            return f"(?P={name})"
        self.fields += (name,)
        return f"(?P<{name}>{'(?![.])' if starts else ''}[^/]+?)"

    def _time(self, name: str, form: str) -> str:
        if not self._timed:
            raise BadPattern(f"{self.text!r}: {{{name}}} has no place here, the time is that of the commit")
        if self._moment is not None:
            raise BadPattern(f"{self.text!r} names the time twice", hint="one format may span folders: {time:%Y/%m/%d}")
        self._moment = moment(name, form)
        return f"(?P<_at>{self._moment.expression})"
