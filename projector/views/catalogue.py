"""Which views a log has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from eventstore import EventLog
from projector.errors import BadProjection, UnknownView
from projector.noise import SHIPPED as SHIPPED_NOISE
from projector.noise import Noise, check
from projector.projection import Projection
from projector.views import bookkeeping, candles, changes, generic, openrouter, prices, telemetry
from projector.views.combined import COMBINED, combined

SHIPPED: Final[tuple[Projection[Any], ...]] = (
    openrouter.models,
    openrouter.models_history,
    openrouter.endpoints,
    openrouter.endpoints_history,
    openrouter.providers,
    openrouter.providers_history,
    prices.prices,
    telemetry.endpoint_stats,
    telemetry.endpoint_stats_daily,
    candles.candles,
    bookkeeping.presence,
    bookkeeping.manifest,
    bookkeeping.syncs,
)
CHANGES: Final = "changes"
COMBINED_NAMES: Final = frozenset(each.name for each in COMBINED)


class Settings(msgspec.Struct, frozen=True):
    """What a user says of views: columns by category and name, what is noise by category, and views not to be made."""

    columns: Mapping[str, Mapping[str, str]] = {}
    noise: Mapping[str, Noise] = {}
    without: frozenset[str] = frozenset()


class Catalogue:
    """The views that a log has: those that come with orlog where it holds what they read, and those of users.

    A user's own view takes the place of one of the same name that comes with orlog.
    """

    def __init__(self, settings: Settings | None = None, own: Sequence[Projection[Any]] = ()) -> None:
        """Raises `BadProjection` where two projections of `own` have one name, or noise is at no place."""
        self._settings = settings or Settings()
        self._own = {each.name.lower(): each for each in own}  # SQLite tells names apart as we do here
        if len(self._own) < len(own):
            names = [each.name.lower() for each in own]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise BadProjection(f"two projections are called {', '.join(twice)}")
        if taken := sorted(COMBINED_NAMES & set(self._own)):
            raise BadProjection(f"{', '.join(taken)} is a view that joins others; name yours otherwise")
        said = self._settings.noise
        for category, each in said.items():
            check(category, each)
        kept = {address: each for address, each in SHIPPED_NOISE.items() if address.rpartition(".")[2] not in said}
        noise = {**kept, **said}
        shipped = (*SHIPPED, changes.changes(noise))
        self._shipped = {each.name: each for each in shipped}

    def projections(self, log: EventLog) -> dict[str, Projection[Any]]:
        """The projections of a log's views, by name. Raises `BadProjection`, `UnknownView`."""
        categories = log.category_names()
        found = {name: each for name, each in self._shipped.items() if _has(each, categories)}
        for category in sorted({name for _, name in categories}):
            found.update((each.name, each) for each in self._generic(category, found))
        found = {name: each for name, each in found.items() if name not in self._own}
        found.update((each.name, each) for each in self._own.values())
        return {name: each for name, each in found.items() if name not in self._settings.without}

    def _generic(self, category: str, found: Mapping[str, Projection[Any]]) -> tuple[Projection[Any], Projection[Any]]:
        columns = self._settings.columns.get(category)
        taken = {*self._shipped, *COMBINED_NAMES, *found}
        name = category
        while name in taken or f"{name}{generic.HISTORY}" in taken or name.startswith("sqlite_"):
            name = f"category_{name}"
        return generic.of_category(name, category, columns)

    def chosen(self, log: EventLog, names: Sequence[str]) -> list[Projection[Any]]:
        """The projections of these names, or all. Raises `UnknownView`."""
        projections = self.projections(log)
        unknown = [name for name in names if name not in projections]
        if unknown:
            joined = [name for name in unknown if name in COMBINED_NAMES]
            message = f"{joined[0]} is made of other views by SQL" if joined else f"there is no view {unknown[0]}"
            raise UnknownView(message, choices=tuple(sorted(projections)))
        return [projections[name] for name in dict.fromkeys(names)] if names else list(projections.values())

    def combined(self, tables: Iterable[str]) -> dict[str, str]:
        """The SQL views that these tables are enough for."""
        return {name: sql for name, sql in combined(set(tables)).items() if name not in self._settings.without}


def _has(projection: Projection[Any], categories: Iterable[tuple[str, str]]) -> bool:
    """Whether a log has what a projection reads."""
    if not projection.reads:
        return True
    return any(projection.concerns(*each) for each in categories)
