"""Two instants side by side, as `orlog diff` prints them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from cli.render import fields, forms
from cli.terminal.paper import GAP, Paper, Span, Style, wrapped
from cli.terminal.values import moment
from cli.text import grouped
from eventstore import ABSENT, JSON, Changed, Comparison, FieldChange, Position, State, field_changes

INDENT: Final = 4  # of the fields of an entity
HASH: Final = 8  # digits of a hash that are shown


def table(comparison: Comparison, paper: Paper, *, whole: bool = False) -> Iterator[bytes]:
    """Which instants, how much differs, and then, category by category: what came, what went, what changed.

    `whole`: with all that what came or went says.
    """
    yield from _encoded(_heading(comparison, paper))
    for category in _by_category(comparison):
        yield from _encoded(["", *_category(category, paper, whole=whole)])
        for changed in category.changed:
            yield from _encoded([_entity("~", changed.after, paper), *_fields(changed, paper)])


def contract(comparison: Comparison) -> dict[str, Any]:
    """A comparison as other programs are promised it; values and documents as they were recorded."""
    return {
        "from": _end(comparison.before),
        "to": _end(comparison.after),
        "rules": comparison.rules,
        "appeared": [_state(state) for state in comparison.appeared],
        "disappeared": [_state(state) for state in comparison.disappeared],
        "changed": [_changed(changed) for changed in comparison.changed],
    }


def lines(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """The same, an entity at a time, each with its `kind`; without the ends and the rules."""
    yield from ({"kind": "appeared", **_state(state)} for state in comparison.appeared)
    yield from ({"kind": "disappeared", **_state(state)} for state in comparison.disappeared)
    yield from ({"kind": "changed", **_changed(changed)} for changed in comparison.changed)


# -- for people


class _Category(msgspec.Struct, frozen=True):
    """What differs in one category."""

    address: str
    appeared: tuple[State, ...]
    disappeared: tuple[State, ...]
    changed: tuple[Changed, ...]


def _by_category(comparison: Comparison) -> list[_Category]:
    addresses = {state.entity.address for state in (*comparison.appeared, *comparison.disappeared)}
    addresses |= {changed.after.entity.address for changed in comparison.changed}
    return [
        _Category(
            address,
            tuple(state for state in comparison.appeared if state.entity.address == address),
            tuple(state for state in comparison.disappeared if state.entity.address == address),
            tuple(changed for changed in comparison.changed if changed.after.entity.address == address),
        )
        for address in sorted(addresses)
    ]


def _heading(comparison: Comparison, paper: Paper) -> list[str]:
    before, after = (Span(_instant(each), Style.BOLD, solid=True) for each in (comparison.before, comparison.after))
    said = [
        [before, Span(" → ", Style.BOLD), after, GAP, Span("UTC, as last synced", Style.DIM, solid=True)],
        *([Span(rules, Style.CHANGED)] for rules in _rules(comparison)),
        *([] if comparison else [[Span("nothing differs")]]),
    ]
    return [paper.line(line) for spans in said for line in wrapped(spans, paper.width)]


def _rules(comparison: Comparison) -> list[str]:
    return [
        f"recorded under different rules: {each.resource} ({each.before[:HASH]} → {each.after[:HASH]}), so not all that"
        " differs need have happened"
        for each in comparison.rules
    ]


def _instant(position: Position) -> str:
    if position.observed_at is None:
        return f"before the first sync (@{position.seq})"
    return f"{moment(position.observed_at)} (@{position.seq})"


def _category(category: _Category, paper: Paper, *, whole: bool) -> Iterator[str]:
    parts = [
        f"{grouped(len(states))} {what}"
        for states, what in (
            (category.appeared, "appeared"),
            (category.disappeared, "disappeared"),
            (category.changed, "changed"),
        )
        if states
    ]
    yield f"{paper.bold(category.address)}  {', '.join(parts)}"
    for sign, states in (("+", category.appeared), ("-", category.disappeared)):
        for state in states:
            yield _entity(sign, state, paper)
            if whole:
                yield from fields.lines(_all_of(sign, state.document), paper, indent=INDENT)


def _entity(sign: str, state: State, paper: Paper) -> str:
    style = {"+": paper.added, "-": paper.removed}.get(sign)
    return style(f"{sign} {state.entity.key}") if style else f"{paper.changed(sign)} {paper.bold(state.entity.key)}"


def _all_of(sign: str, document: JSON) -> list[FieldChange]:
    """What a document says, as what came or went."""
    nothing: JSON = {} if type(document) is dict else ABSENT
    return field_changes(nothing, document) if sign == "+" else field_changes(document, nothing)


def _fields(changed: Changed, paper: Paper) -> list[str]:
    return fields.lines(changed.fields(), paper, indent=INDENT)


def _encoded(lines_: Sequence[str]) -> Iterator[bytes]:
    yield "".join(f"{line}\n" for line in lines_).encode()


# -- for programs


def _end(position: Position) -> dict[str, Any]:
    return {"seq": position.seq, "observed_at": position.observed_at}


def _named(state: State) -> dict[str, Any]:
    return {"source": state.entity.source, "category": state.entity.category, "key": state.entity.key}


def _state(state: State) -> dict[str, Any]:
    known = {"seq": state.seq, "observed_at": state.since}
    return {**_named(state), **known, "document": msgspec.Raw(state.content.canonical)}


def _changed(changed: Changed) -> dict[str, Any]:
    return {
        **_named(changed.after),
        "from_seq": changed.before.seq,
        "to_seq": changed.after.seq,
        "patch": forms.recorded(changed.patch()),
        "fields": [_field(change) for change in changed.fields()],
    }


def _field(change: FieldChange) -> dict[str, Any]:
    members: dict[str, Any] = {"path": change.path}
    for name, value in (("before", change.before), ("after", change.after)):
        if value is not ABSENT:
            members[name] = forms.recorded(value)
    if change.was_at is not ABSENT:
        members["was_at"] = change.was_at
    return members
