"""What a projection makes of a document: rows, and what fits none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from eventstore import Document
from projector.columns import Stored, check, stored
from projector.projection import Projection
from projector.reading import read
from projector.subject import Misfit, Subject

REMEMBERED: Final = 4096  # entities whose rows are at hand when their next event comes

_PLAIN: Final = frozenset({str, int, bool, type(None), datetime})  # of one type and equal, they are the same

Slot: TypeAlias = tuple[Stored, ...]
"""What tells the rows of one entity apart."""

Content: TypeAlias = dict[str, Stored]
"""A row's own values by field: by path, where columns follow from documents."""


class Evaluated(NamedTuple):
    """The rows of one document by slot, and what fits none; `failed` where the function itself gave up.

    Rows are of the projection's type, or contents, where columns follow from documents: most are what they were, and
    need not be stored.
    """

    rows: dict[Slot, Any]
    misfits: list[Misfit]
    failed: bool = False


NOTHING: Final = Evaluated({}, [])


def evaluate(projection: Projection[Any], subject: Subject, document: Document | None) -> Evaluated:
    """Have a projection's function look at a document, None where there is none."""
    if document is None:
        return NOTHING
    if projection.row is None:
        return Evaluated({(): projection.function(subject, document.value)}, [])
    value, misfits = (
        (document.value, []) if projection.document is object else read(document.value, projection.document)
    )
    if value is None and misfits:
        return Evaluated({}, misfits)
    return rows_of(projection, lambda: projection.function(subject, value), misfits)


def rows_of(
    projection: Projection[Any], results: Callable[[], Iterable[Any]], misfits: list[Misfit] | None = None
) -> Evaluated:
    """Validate what a function yields; what it raises becomes a misfit too."""
    rows: dict[Slot, Any] = {}
    misfits = [] if misfits is None else misfits
    try:
        for result in results():
            if isinstance(result, Misfit):
                misfits.append(result)
            else:
                _take(projection, result, rows, misfits)
    except Exception as error:  # noqa: BLE001  # it is somebody else's function: what it cannot read is an issue
        misfits.append(Misfit(f"{projection.name} gave up: {type(error).__name__}: {error}"))
        return Evaluated(rows, misfits, failed=True)
    return Evaluated(rows, misfits)


def validated(projection: Projection[Any], row: Any) -> Any:
    """A row as its type says: 1 in a column of doubles is 1.0. Raises `msgspec.ValidationError`, `TypeError`."""
    kind = projection.row
    if kind is None or type(row) is not kind:
        raise TypeError(f"Expected `{kind and kind.__name__}`, got `{type(row).__name__}`")
    said = dict(zip(kind.__struct_encode_fields__, msgspec.structs.astuple(row), strict=True))
    made = msgspec.convert(said, kind)
    for column in projection.narrow_columns:
        check(getattr(made, column.name), column)
    return made


def content_of(row: Any) -> Content:
    """The values of a row that is validated, as they are stored; of one that was stored already, itself."""
    if type(row) is dict:
        return row
    return {name: stored(getattr(row, name)) for name in row.__struct_fields__}


def _take(projection: Projection[Any], result: Any, rows: dict[Slot, Any], misfits: list[Misfit]) -> None:
    try:
        row = validated(projection, result)
    except (msgspec.ValidationError, TypeError) as error:
        misfits.append(Misfit(f"a row does not fit {projection.name}: {error}"))
        return
    slot = tuple([stored(getattr(row, name)) for name in projection.key])
    if None in slot:
        misfits.append(Misfit(f"a row without {', '.join(projection.key)}"))
    elif slot in rows:
        misfits.append(Misfit(f"two rows with the same {', '.join(projection.key) or 'entity'}; the first counts"))
    else:
        rows[slot] = row


class Evaluations:
    """Evaluates, and remembers what each entity's last document came to: it is the next event's document before."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[int, Subject], tuple[Document, Evaluated]] = OrderedDict()

    def of(self, projection: Projection[Any], subject: Subject, document: Document | None) -> Evaluated:
        """What a projection makes of a document. Projections of one function share what it says."""
        if document is None:
            return NOTHING
        key = id(projection.function), subject
        last = self._last.get(key)
        if last is not None and last[0] is document:
            return last[1]
        evaluated = evaluate(projection, subject, document)
        self._last[key] = (document, evaluated)
        self._last.move_to_end(key)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return evaluated


def same(one: Any, other: Any) -> bool:
    """Whether two rows of one projection hold the same, None for no row: 1 and 1.0 are two values, and 0 and -0."""
    if one is other:
        return True
    if one is None or other is None:
        return False
    mine, others = _values(one), _values(other)
    return mine == others and all(map(_same_value, mine, others))


def _same_value(one: Any, other: Any) -> bool:
    """Whether two values that are equal to Python are stored alike."""
    kind = type(one)
    return kind is type(other) and (kind in _PLAIN or stored(one) == stored(other))


def _values(row: Any) -> tuple[Any, ...]:
    if type(row) is dict:
        return (*row, *row.values())  # which fields there are counts too
    return msgspec.structs.astuple(row)
