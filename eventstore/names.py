"""What users call things, and the numbers that one generation of the log has for them."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from eventstore.errors import UnknownCategory, UnknownEntity
from eventstore.model import Entity

NEAR_KEYS: Final = 5  # keys that a message about an unknown one proposes


class NumberedCategory(NamedTuple):
    """A category with its number in one generation, and the resource that yields it."""

    source: str
    name: str
    id: int
    resource: str = ""


def resources(db: sqlite3.Connection) -> list[str]:
    """Addresses (`SOURCE.RESOURCE`) of all resources that any sync asked or imported, in order."""
    asked = "SELECT 1 FROM sync_rules WHERE resource = resource.id"
    rows = db.execute(f"SELECT address FROM resource WHERE EXISTS ({asked}) ORDER BY address")
    return [row[0] for row in rows]


def find_category(db: sqlite3.Connection, generation: int, address: str) -> NumberedCategory:
    """The category that `CATEGORY` or `SOURCE.CATEGORY` names. Raises `UnknownCategory`."""
    source, _, name = address.rpartition(".")
    rows = db.execute(f"SELECT source, name, id FROM category_{generation} ORDER BY source, name").fetchall()
    found = [row for row in rows if row[1] == name and source in {"", row[0]}]
    if len(found) == 1:
        return NumberedCategory(*found[0])
    choices = tuple(f"{row[0]}.{row[1]}" for row in found or rows)
    why = f"{address} is a category of several sources" if found else f"there is no category {address}"
    raise UnknownCategory(why, choices=choices)


def entity_id(db: sqlite3.Connection, generation: int, entity: Entity) -> int | None:
    """The number of an entity, None where it never was."""
    row = db.execute(
        f"SELECT t.id FROM entity_{generation} t JOIN category_{generation} c ON c.id = t.category "
        "WHERE c.source = ? AND c.name = ? AND t.key = ?",
        (entity.source, entity.category, entity.key),
    ).fetchone()
    return None if row is None else int(row[0])


def find_entity(db: sqlite3.Connection, generation: int, category: NumberedCategory, key: str) -> int:
    """The number of a category's entity. Raises `UnknownEntity`, with keys that look like the one asked for."""
    number = entity_id(db, generation, Entity(category.source, category.name, key))
    if number is not None:
        return number
    rows = db.execute(f"SELECT key FROM entity_{generation} WHERE category = ?", (category.id,))
    keys = [row[0] for row in rows]
    near = [each for each in keys if key.lower() in each.lower()][:NEAR_KEYS]
    import difflib  # noqa: PLC0415  # only a mistyped key needs it

    near = near or difflib.get_close_matches(key, keys, NEAR_KEYS)
    raise UnknownEntity(f"no {category.name} {key} was ever recorded", category=category.name, near=tuple(near))
