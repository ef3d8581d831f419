"""Pages: where the next one is, from what an answer says. Pure; that pages go round in circles is the sync's to notice.

Links are resolved as RFC 3986 (section 5) says, and never followed to another scheme, host or port.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urljoin, urlsplit

from collector.errors import BadRules
from collector.wording import article, shown
from eventstore import JSON

NO_MORE: Final = (None, "", False)  # what APIs write where the last page points to no next one

_FIELD: Final = "next"
_LINK: Final = re.compile(r"https?://.+|[/?].*", re.DOTALL | re.IGNORECASE)
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f\\]")  # readers of URLs disagree about what these mean
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
_PORTS: Final = {"http": 80, "https": 443}

Origin: TypeAlias = tuple[str, str, str | None, int | None]


def is_last(value: JSON) -> bool:
    """Whether this is what stands at `next` on the last page."""
    return value in NO_MORE


def next_path(asked: str, value: JSON, base_url: str, *, param: str | None) -> str | None:
    """What to ask for next (what comes after `base_url`), None after the last page.

    `asked` is the path and query of the page that says `value` where `next` points: a link, or the value of the query's
    `param`. Raises `BadRules` for what is neither, and for a link that leads away from `base_url`.
    """
    if is_last(value):
        return None
    return _linked(asked, value, base_url) if param is None else _turned(asked, value, param)


def _turned(asked: str, value: JSON, param: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRules(f"it is {article(value)}: {param} takes a string or an integer", field=_FIELD)
    path, _, query = asked.partition("?")
    kept = [each for each in query.split("&") if each and unquote_plus(each.partition("=")[0]) != param]
    turned = f"{quote(param, safe='')}={quote(str(value), safe='')}"
    return f"{path}?{'&'.join([*kept, turned])}"


def _linked(asked: str, value: JSON, base_url: str) -> str:
    if not isinstance(value, str) or not _LINK.fullmatch(value) or _UNFIT.search(value):
        said = shown(value) if isinstance(value, str) else article(value)
        raise BadRules(f"it is {said}, no link: name the query's parameter with next_param", field=_FIELD)
    base = base_url.rstrip("/")
    try:
        link = urlsplit(urljoin(base + asked, quote(value, safe=_ASCII)))
        away = _origin(link) != _origin(urlsplit(base))
    except ValueError:  # a port that is none, brackets without an address
        raise BadRules(f"it is {shown(value)}, no link", field=_FIELD) from None
    if away:
        raise BadRules(f"{shown(value)} leads to another host than {base}", field=_FIELD)
    prefix = urlsplit(base).path
    if not link.path.startswith(prefix + "/") or ".." in unquote(link.path).split("/"):
        raise BadRules(f"{shown(value)} leads out of {base}", field=_FIELD)
    return link.path.removeprefix(prefix) + (f"?{link.query}" if link.query else "")


def _origin(url: SplitResult) -> Origin:
    """Scheme, user, host and port (RFC 6454, but for the user). Raises `ValueError`."""
    return url.scheme, url.netloc.rpartition("@")[0], url.hostname, url.port or _PORTS.get(url.scheme)
