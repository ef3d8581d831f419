"""`<category>` and `<category>_history`: a column for each field of the documents, with no code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from eventstore import JSON, NotAPointer, resolve
from projector.columns import Stored
from projector.derivation import PARENT
from projector.errors import BadProjection
from projector.inferred import fields, named
from projector.projection import KEPT, Projection, Shape
from projector.subject import Subject

HISTORY: Final = "_history"

_VERSION: Final = 1


def of_category(name: str, category: str, columns: Mapping[str, str] | None) -> tuple[Projection[Any], Projection[Any]]:
    """The two views of a category: its documents now, and all that there were.

    `columns` names those that are wanted (name to JSON Pointer), None for one for each field. Raises `BadProjection`.
    """
    _check(category, columns)
    function = _function(columns)
    policy = {"columns": None if columns is None else dict(columns)}
    chosen = None if columns is None else tuple((pointer, column) for column, pointer in columns.items())

    def view(view_name: str, shape: Shape, indexes: tuple[tuple[str, ...], ...]) -> Projection[Any]:
        return Projection(
            name=view_name,
            version=_VERSION,
            shape=shape,
            reads=(category,),
            row=None,
            document=object,
            function=function,
            indexes=indexes,
            policy=policy,
            named=chosen,
        )

    return (
        view(name, Shape.TABLE, (("parent",),)),
        view(f"{name}{HISTORY}", Shape.PERIODS, (("valid_from",), ("valid_to",))),
    )


def _function(columns: Mapping[str, str] | None) -> Callable[[Subject, JSON], dict[str, Stored]]:
    if columns is None:
        return lambda subject, document: {PARENT: subject.parent, **fields(document)}
    return lambda subject, document: {PARENT: subject.parent, **named(columns, document)}


def _check(category: str, columns: Mapping[str, str] | None) -> None:
    kept = {
        "source",
        "key",
        "parent",
        *(column.name for shape in (Shape.TABLE, Shape.PERIODS) for column in KEPT[shape]),
    }
    names: set[str] = set()
    for name, pointer in (columns or {}).items():
        if not name or name.lower() in kept | names:
            raise BadProjection(f"columns of {category}: every row has {name!r} already; name the column otherwise")
        names.add(name.lower())
        try:
            resolve(None, pointer)
        except NotAPointer as error:
            raise BadProjection(f"columns of {category}: {name}: {error}", hint=error.hint) from None
    if len(set((columns or {}).values())) < len(columns or {}):
        raise BadProjection(f"columns of {category}: two columns of the same place")
