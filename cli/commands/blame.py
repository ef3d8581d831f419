"""`orlog blame`: since when each field has its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format

if TYPE_CHECKING:
    from eventstore import Instant


@click.command(
    cls=Command,
    examples=["orlog blame model openai/gpt-4.1", "orlog blame model openai/gpt-4.1 --path /pricing --at 2025-06-01"],
    short_help="Say since when each field has its value.",
)
@options.category()
@options.key(required=True)
@options.time("--at", text="Of the document as it stood then; otherwise now.")
@options.path(text="Only the field there, or the fields below.")
@options.output_format()
@options.data()
def blame(category: str, key: str, at: Instant | None, path: str | None, format_: Format) -> None:
    """Say for each field of the entity of KEY since when it has its value, by which event, and what it was before.

    A value came after the time in parentheses (which may stand below), when something else was last confirmed, and at
    or before SINCE, when it was first seen. Elements of arrays are followed when others come or go before them:
    strings, and objects that have an id, uuid, key, slug, name or tag, or another field that tells them apart. Elements
    that came together are one line (/tags/0 to 2); `--format json` has each, and long values whole.

    TIME is ISO 8601 (a date means its first instant, no zone means UTC), `now`, `-7d` (m, h, d, w), or `@SEQ`: the end
    of the sync that brought that event.
    """
    from cli import lookup
    from cli.render import blames, forms
    from eventstore import blame as blamed
    from eventstore import within

    with options.open_record() as record, record.snapshot():
        entity = lookup.find(record.log, category, key)
        versions = record.log.history(entity, at=at)
        fields = blamed(versions)
        if not fields:
            raise lookup.absent(record.log, entity, at)
    content = versions[-1].content
    document = None if content is None else content.value
    shown = fields if path is None else [field for field in fields if within(field.path, path)]
    if not shown and path is not None:
        raise lookup.no_field(entity, path, [field.path for field in fields])
    if format_ is Format.TABLE:
        output.show(blames.table(shown, output.paper(), document=document), format_)
    else:
        output.write(forms.rows(map(blames.contract, shown), format_))
