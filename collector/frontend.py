"""What the rules of `openrouter-frontend` cannot say: functions from an answer's bytes to its items (`extract`)."""

from __future__ import annotations

from typing import Any

from eventstore import JSON, parse


def apps(answer: bytes) -> list[JSON]:
    """The apps that use a model: a list, which has stood bare and under `data`."""
    value = parse(answer)
    return _list(value["data"] if isinstance(value, dict) else value)


def authors(answer: bytes) -> list[JSON]:
    """The authors of all models, each once, sorted: `{"slug": …}`."""
    found = {model["author"] for model in _list(parse(answer)["data"])}
    return [{"slug": author} for author in sorted(found)]


def _list(value: JSON) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"there is no list, but {type(value).__name__}")
    return value
