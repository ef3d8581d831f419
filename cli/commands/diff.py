"""`orlog diff`: what differs between two instants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli import options, output
from cli.lazy import Command
from cli.options import Format

if TYPE_CHECKING:
    from eventstore import Entity, Instant, Record

DIFFERENT: Final = 3


@click.command(
    cls=Command,
    examples=[
        "orlog diff --from -7d",
        "orlog diff model --from 2025-01-01 --to 2026-01-01",
        "orlog diff model openai/gpt-4.1 --from @1200 --exit-code",
    ],
    short_help="Say what differs between two instants.",
)
@options.category(required=False)
@options.key()
@options.time("--from", "before", text="The instant that is compared with.", required=True)
@options.time("--to", "after", text="The instant that is compared; otherwise now.")
@click.option("--exit-code", "tell", is_flag=True, help="Exit with 3 where anything differs, otherwise 0.")
@options.output_format()
@options.data()
def diff(
    category: str | None,
    key: str | None,
    before: Instant,
    after: Instant | None,
    tell: bool,  # noqa: FBT001
    format_: Format,
) -> int:
    """Say what differs between two instants: of everything, of a CATEGORY, or of the entity of KEY.

    What appeared and disappeared, and what changed, with each field's value before and after. What happened in between
    and is undone does not show: `orlog log` lists it. A note says where the two sides were recorded under different
    rules. As JSON, each change comes with a patch (RFC 6902) too.

    TIME is ISO 8601 (a date means its first instant, no zone means UTC), `now`, `-7d` (m, h, d, w), or `@SEQ`: the end
    of the sync that brought that event.
    """
    from cli import lookup
    from cli.render import differences, forms
    from eventstore import compare

    with options.open_record() as record, record.snapshot():
        entity = None if category is None or key is None else lookup.find(record.log, category, key)
        address, name = (category, None) if entity is None else (entity.address, entity.key)
        found = compare(record.log, before, after, category=address, key=name)
        if format_ is Format.TABLE:
            output.show(differences.table(found, output.paper(), whole=entity is not None), format_)
        elif format_ is Format.JSONL:
            output.write(forms.rows(differences.lines(found), format_))
        else:
            output.write(forms.one(differences.contract(found)))
        if entity is not None and not found:
            _say_whether_there(record, entity, after)
    return DIFFERENT if tell and found else 0


def _say_whether_there(record: Record, entity: Entity, at: Instant | None) -> None:
    from cli import lookup

    if record.log.state(entity, at=at) is None:
        output.note(str(lookup.absent(record.log, entity, at)))
