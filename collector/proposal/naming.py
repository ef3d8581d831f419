"""Names: from those that an API has chosen to those that a source file takes."""

from __future__ import annotations

import re
import unicodedata
from typing import Final


def vocabulary(text: str) -> frozenset[str]:
    """Make a set of the words in a text."""
    return frozenset(text.split())


ENVELOPES: Final = vocabulary(
    "content contents data docs documents edges elements entries feed hits items list nodes objects output page "
    "payload records response result results rows value values"
)
"""What APIs call the place of their items, whatever these are; said in words of `words`."""

_GENERIC: Final = ENVELOPES | vocabulary("all api csv export find get index json latest query search v xml")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SINGULARS: Final = {"children": "child", "data": "data", "news": "news", "people": "person", "series": "series"}
_IES: Final = frozenset({"cookies", "movies", "series", "species"})
_ES: Final = ("ches", "shes", "sses", "tuses", "uses", "xes", "zes")  # matches, boxes, addresses, statuses, viruses


def words(name: str) -> list[str]:
    """Take a name apart, in small letters: `outageNumber`, `outage-number` and `Outage Number` are two words.

    Of letters with accents the accent goes, other letters than ASCII's are left out.
    """
    return [word.lower() for word in _WORD.findall(unicodedata.normalize("NFKD", name))]


def snake(name: str) -> str:
    """Write a name as `outage_number`; empty where it has neither letters nor digits of ASCII."""
    return "_".join(words(name))


def singular(plural: str) -> str:
    """Say what one of several is called, in English and as far as that follows rules: `price_lists` to `price_list`."""
    head, underscore, last = plural.rpartition("_")
    return head + underscore + _one(last)


def _one(word: str) -> str:
    if word in _SINGULARS:
        return _SINGULARS[word]
    if word.endswith("ies") and word not in _IES and len(word) > len("pies"):
        return word[: -len("ies")] + "y"
    if word.endswith(_ES):
        return word[: -len("es")]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def telling(names: list[str]) -> str | None:
    """Choose the last name that says what something is, in snake case: not `data`, `v1`, `json`, numbers."""
    for name in reversed(names):
        found = [word for word in words(name) if not word.isdigit()]
        if found and not set(found) <= _GENERIC:
            return "_".join(found)
    return None
