"""Who wants to be told what: the `[[notify]]` tables of a data directory as structs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from collector.errors import BadRules
from collector.sources.headers import check_headers, filled

TIMEOUT: Final = 10.0  # seconds for one delivery: longer than any chat's webhook takes, shorter than anybody waits


class Interest(msgspec.Struct, frozen=True):
    """Changes that somebody wants to hear of: of a category, `CATEGORY` or `SOURCE.CATEGORY`.

    `key` is a pattern (`*`, `?`, `[abc]`) that keys match, None for all. `path` is a JSON Pointer: only where another
    value came to stand there, or none; None for whatever happened.
    """

    category: str
    key: str | None = None
    path: str | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to be told: by a `command` that gets each notice on stdin, or by a `webhook` that it is POSTed to.

    Exactly one of the two is given. `name` is its own in a data directory. `headers` go with each POST; they and the
    webhook's URL may be secret, so nothing shows them. `alerts`: whether it is told of alerts; `changes`: of which
    changes. `timeout` is in seconds, for one delivery.
    """

    name: str
    command: tuple[str, ...] = ()
    webhook: str | None = None
    headers: Mapping[str, str] = {}
    alerts: bool = True
    changes: tuple[Interest, ...] = ()
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        if bool(self.command) == (self.webhook is not None):
            raise ValueError(f"{self.name}: give either a command or a webhook")

    def __repr__(self) -> str:
        return f"Target(name={self.name!r})"  # tracebacks and logs show this


def filled_in(target: Target, environment: Mapping[str, str]) -> Target:
    """The target with the environment's values for each `${NAME}` in its webhook and headers.

    Raises `BadRules`, whose `field` is `webhook` or `headers.NAME`, where a variable is not set or holds what cannot be
    sent; no message holds a value.
    """
    try:
        check_headers(target.headers)
        headers = filled(target.headers, environment)
    except BadRules as error:
        raise BadRules(error.reason, field=error.field.removeprefix("source.")) from None
    try:
        webhook = None if target.webhook is None else filled({"webhook": target.webhook}, environment)["webhook"]
    except BadRules as error:
        raise BadRules(error.reason, field="webhook") from None
    return msgspec.structs.replace(target, webhook=webhook, headers=headers)
