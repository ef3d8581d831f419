"""Projections: pure functions from the log to rows, each with a name, a version, a row type and what it reads.

    class Document(msgspec.Struct):             # what is read of a document; all that is not named here passes
        context_length: int | None = None

    class Row(msgspec.Struct):
        context: int | None

    @table("contexts", version=1, reads="openrouter.model", document=Document, row=Row)
    def contexts(model: Subject, document: Document) -> Iterator[Row]:
        yield Row(document.context_length)

Shapes: `table` has the rows of the documents that stand; `periods` is given the same function, and keeps each row with
the time for which it held; `history` is told each change, and has a row for each thing that happened.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from eventstore import JSON, Change
from projector.columns import Column, columns_of, narrow_columns_of
from projector.errors import BadProjection
from projector.subject import Misfit, Subject

D = TypeVar("D")
R = TypeVar("R", bound=msgspec.Struct)

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESERVED: Final = ("sqlite_", "_")


class Shape(enum.Enum):
    """What becomes of rows; see the module."""

    TABLE = "table"
    PERIODS = "periods"
    HISTORY = "history"
    FOLD = "fold"
    SYNCS = "syncs"


KEPT: Final[Mapping[Shape, tuple[Column, ...]]] = {
    Shape.TABLE: (Column("updated_at", "TEXT", nullable=False),),
    Shape.PERIODS: (
        Column("valid_from", "TEXT", nullable=False),
        Column("not_before", "TEXT"),
        Column("valid_to", "TEXT"),
        Column("valid_to_not_before", "TEXT"),
        Column("seq", "INTEGER", nullable=False),
        Column("sync", "INTEGER", nullable=False),
        Column("until_seq", "INTEGER"),
        Column("until_sync", "INTEGER"),
    ),
    Shape.HISTORY: (
        Column("parent", "TEXT"),
        Column("observed_at", "TEXT", nullable=False),
        Column("not_before", "TEXT"),
        Column("sync", "INTEGER", nullable=False),
        Column("seq", "INTEGER", nullable=False),
    ),
    Shape.FOLD: (Column("updated_at", "TEXT", nullable=False), Column("seq", "INTEGER", nullable=False)),
    Shape.SYNCS: (),
}
"""Columns that stand behind a row's own: when it came to be so, as far as that is known."""


class Projection(msgspec.Struct, Generic[R], frozen=True, eq=False, dict=True):
    """A projection as its decorator made it. `columns` is None where they follow from the documents.

    `reads` are categories, `CATEGORY` or `SOURCE.CATEGORY`, None for all. `key` names the row's fields that tell the
    rows of one entity apart. `indexes` are columns that many will look rows up by. `policy` is anything else that
    decides what rows say: it is part of the fingerprint. `documents`: whether it needs any. `confirms` is the column
    of a fold that tells when what stands was last confirmed: that changes without an event. `named` are the columns
    (path and name) of one whose columns are not its row's, None where they follow from the documents.
    """

    name: str
    version: int
    shape: Shape
    reads: tuple[str, ...] | None
    row: type[R] | None
    document: Any
    function: Callable[..., Any]
    key: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    policy: JSON = None
    documents: bool = True
    confirms: str | None = None
    named: tuple[tuple[str, str], ...] | None = None

    @functools.cached_property
    def columns(self) -> tuple[Column, ...] | None:
        """The columns of its rows, None where they follow from the documents."""
        return None if self.row is None else columns_of(self.row)

    @functools.cached_property
    def narrow_columns(self) -> tuple[Column, ...]:
        """Those of them that do not hold every value of their fields' types."""
        return () if self.row is None else narrow_columns_of(self.row)

    @functools.cached_property
    def identity(self) -> tuple[str, ...]:
        """The columns before a row's own: whose it is."""
        if self.shape is Shape.SYNCS:
            return ()
        names = {address.rpartition(".")[2] for address in self.reads or ()}
        return ("source", "key") if len(names) == 1 else ("source", "category", "key")

    @functools.cached_property
    def primary_key(self) -> tuple[str, ...]:
        """What tells its rows apart. The key of the entity comes first: it is what rows are looked up by."""
        if self.shape is Shape.SYNCS:
            return self.key
        if self.shape is Shape.HISTORY:
            return ("seq", *self.key)
        mine = ("key", *(name for name in self.identity if name != "key"), *self.key)
        return (*mine, "seq") if self.shape is Shape.PERIODS else mine

    @functools.cached_property
    def fingerprint(self) -> str:
        """What a view was made by, as far as that can be told: another one makes the view stale."""
        columns = None if self.columns is None else [msgspec.structs.astuple(each) for each in self.columns]
        said = [self.version, self.shape.value, self.reads, columns, self.key, self.indexes, self.policy]
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()

    def concerns(self, source: str, category: str) -> bool:
        """Whether it reads a category."""
        return self.reads is None or category in self.reads or f"{source}.{category}" in self.reads


def table(  # each says something else about it
    name: str,
    *,
    version: int,
    reads: str | Sequence[str],
    document: type[D],
    row: type[R],
    key: Sequence[str] = (),
    indexes: Sequence[Sequence[str]] = (),
) -> Callable[[Callable[[Subject, D], Iterable[R | Misfit]]], Projection[R]]:
    """Have the rows of the documents that stand. `key`: fields of the row, where an entity has more than one.

    `document` is a type that msgspec reads (`object` for the value itself); rows are validated against `row`. Raises
    `BadProjection`.
    """
    return lambda function: _declared(
        Projection(name, version, Shape.TABLE, _all(reads), row, document, function, tuple(key), _tuples(indexes))
    )


def periods(
    name: str,
    *,
    version: int,
    reads: str | Sequence[str],
    document: type[D],
    row: type[R],
    key: Sequence[str] = (),
    indexes: Sequence[Sequence[str]] = (),
) -> Callable[[Callable[[Subject, D], Iterable[R | Misfit]]], Projection[R]]:
    """Have all rows that ever stood, each with `valid_from` and `valid_to` (null while it stands); see `table`."""
    return lambda function: _declared(
        Projection(name, version, Shape.PERIODS, _all(reads), row, document, function, tuple(key), _tuples(indexes))
    )


def history(
    name: str,
    *,
    version: int,
    reads: str | Sequence[str] | None = None,
    row: type[R],
    key: Sequence[str] = (),
    indexes: Sequence[Sequence[str]] = (),
    policy: JSON = None,
) -> Callable[[Callable[[Change], Iterable[R | Misfit]]], Projection[R]]:
    """Have rows for each thing that happened: the function is given an event with the documents around it.

    `key`: fields of the row, where an event has more than one. Raises `BadProjection`.
    """
    shape = Shape.HISTORY
    return lambda function: _declared(
        Projection(name, version, shape, _all(reads), row, None, function, tuple(key), _tuples(indexes), policy)
    )


class Fold(msgspec.Struct, frozen=True):
    """How a fold finds the row that an event belongs to: the values of its key, None where an entity has one row."""

    key: Callable[[Change], tuple[Any, ...]] | None


def fold(  # noqa: PLR0913
    name: str,
    *,
    version: int,
    reads: str | Sequence[str] | None = None,
    row: type[R],
    key: Callable[[Change], tuple[Any, ...]] | None = None,
    names: Sequence[str] = (),
    indexes: Sequence[Sequence[str]] = (),
    documents: bool = True,
    confirms: str | None = None,
) -> Callable[[Callable[[R | None, Change], R | None]], Projection[R]]:
    """Have one row for each entity (and `key`, whose fields are `names`), made anew of itself and each event."""
    shape = Shape.FOLD
    return lambda function: _declared(
        Projection(
            name,
            version,
            shape,
            _all(reads),
            row,
            Fold(key),
            function,
            tuple(names),
            _tuples(indexes),
            documents=documents,
            confirms=confirms,
        )
    )


def _all(reads: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return None if reads is None else (reads,) if isinstance(reads, str) else tuple(reads)


def _tuples(indexes: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, indexes))


def _declared(made: Projection[R]) -> Projection[R]:
    _check(made)
    return made


def _check(made: Projection[Any]) -> None:
    if not _NAME.fullmatch(made.name) or made.name.lower().startswith(_RESERVED):
        raise BadProjection(f"{made.name!r} cannot be the name of a view: letters, digits and _, a letter first")
    if made.reads is not None and not made.reads:
        raise BadProjection(f"{made.name} reads nothing: name a category")
    own = [column.name for column in made.columns or ()]
    kept = [*made.identity, *(column.name for column in KEPT[made.shape])]
    taken = sorted({each.lower() for each in own} & set(kept))
    if taken:
        raise BadProjection(f"{made.name}: every row has {', '.join(taken)} already; name the field otherwise")
    if len({each.lower() for each in own}) < len(own):
        raise BadProjection(f"{made.name}: two fields whose names are the same but for capital letters")
    if made.row is not None and (missing := sorted(set(made.key).difference(own))):
        raise BadProjection(f"{made.name}: the key names {', '.join(missing)}, which the row has not")
    for index in made.indexes:
        if made.row is not None and (missing := sorted(set(index).difference(own, kept))):
            raise BadProjection(f"{made.name}: an index names {', '.join(missing)}, which the row has not")
