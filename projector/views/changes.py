"""`changes`: what changed, field by field, for any category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from eventstore import ABSENT, JSON, Change, field_changes
from projector.columns import encoded
from projector.noise import NONE, Noise, without_noise
from projector.projection import Projection, history

NAMES: Final = (
    "name",
    "title",
    "label",
    "displayName",
    "display_name",
)  # members that name an entity, the likeliest first


class FieldRow(msgspec.Struct, frozen=True):
    """One field that changed in one event: `path` is a JSON Pointer into the new document where it is there.

    `before` and `after` are JSON text, null where nothing was, or is, said. `was_at` is where it stood in the old
    document, if that is another place. `name` is what the entity is called at that time. `number` counts the fields of
    an event.
    """

    number: int
    name: str | None
    path: str
    before: str | None
    after: str | None
    was_at: str | None


def changes(noise: Mapping[str, Noise]) -> Projection[FieldRow]:
    """The view, with what is noise by category (`SOURCE.CATEGORY` or `CATEGORY`)."""

    @history(
        "changes",
        version=1,
        row=FieldRow,
        key=("number",),
        indexes=[("observed_at",), ("key", "path"), ("path",)],
        policy={category: msgspec.to_builtins(each) for category, each in sorted(noise.items())},
    )
    def fields(change: Change) -> Iterator[FieldRow]:
        if change.before is None or change.after is None:
            return
        entity = change.event.entity
        policy = noise.get(entity.address) or noise.get(entity.category) or NONE
        before, after = without_noise(change.before.value, policy), without_noise(change.after.value, policy)
        name = _name(change.after.value) or _name(change.before.value)
        for number, each in enumerate(field_changes(before, after), 1):
            was_at = None if each.was_at is msgspec.UNSET else each.was_at
            yield FieldRow(number, name, each.path, _text(each.before), _text(each.after), was_at)

    return fields


def _name(document: JSON) -> str | None:
    if type(document) is not dict:
        return None
    return next((document[name] for name in NAMES if type(document.get(name)) is str), None)


def _text(value: Any) -> str | None:
    return None if value is ABSENT else encoded(value).decode()
