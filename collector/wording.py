"""How values and names are spoken of in messages for people."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from collector.extraction.lenient import Odd
from eventstore import JSON

SHOWN_NAMES: Final = 8  # names in one message: more is no longer read
SHOWN_CHARACTERS: Final = 40  # of a name that somebody else chose


def article(value: JSON) -> str:
    """Say what kind of value this is: "a list", "an object", "null", "true", "NaN"."""
    if isinstance(value, Odd):
        return value.spelling
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    kinds = {dict: "an object", list: "a list", str: "a string", int: "an integer", float: "a number with a fraction"}
    return next((kind for type_, kind in kinds.items() if isinstance(value, type_)), f"a {type(value).__name__}")


def shown(text: str) -> str:
    """Quote a text that may be anything: cut, on one line, without characters that a terminal obeys."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    return '"' + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut) + '"'


def listed(names: Iterable[str]) -> str:
    """Quote the first few of some names, and count the rest."""
    all_names = list(names)
    rest = len(all_names) - SHOWN_NAMES
    return ", ".join(shown(name) for name in all_names[:SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def near(wanted: str, names: Iterable[str]) -> tuple[str, ...]:
    """Names that look like the one wanted, the nearest first, three at most."""
    return tuple(difflib.get_close_matches(wanted, list(names), n=3, cutoff=0.6))


def choice(names: Sequence[str]) -> str:
    """Join names with "or"."""
    return " or ".join(names)
