"""`orlog response`: the bytes of an answer."""

from __future__ import annotations

import click

from cli import options, output
from cli.lazy import Command


@click.command(cls=Command, examples=["orlog response 12 --headers"], short_help="Print an archived answer's bytes.")
@click.argument("attempt", type=options.NUMBER)
@click.option("--headers", is_flag=True, help="Print what is known about the answer instead, as JSON.")
@options.data()
def response(attempt: int, headers: bool) -> None:  # noqa: FBT001
    """Print the bytes that an ATTEMPT brought, exactly as they came.

    `orlog issues` and `orlog replay --format jsonl` (confirmed_by) name attempts.
    """
    from cli.render import forms, journal

    with options.open_record() as record:
        if headers:
            output.write(forms.one(journal.attempt(record.archive.attempt(attempt))))
        else:
            output.write([record.archive.answer(attempt)])
