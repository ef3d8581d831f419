"""What a source file says about asking: whether it can be carried out, before anything is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from collector.errors import BadRules
from collector.sources.rules import names_parameter
from collector.sources.slices import END, START, step_ms
from collector.sources.source import Resource
from collector.sources.template import From, Template
from collector.wording import near

_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_parameters(params: Mapping[str, Sequence[str]], for_each: str | None) -> None:
    """Raise `BadRules` where a parameter's name or its list of values is of no use."""
    for name, values in params.items():
        field = f"params.{name}"
        if not _PARAMETER.fullmatch(name):
            raise BadRules(f"{name!r}: write letters, digits and _", field=field)
        if not values or "" in values or len(set(values)) < len(values):
            raise BadRules("write a list of different values, none of them empty", field=field)
        if name == for_each:
            raise BadRules("for_each gives this parameter its values already", field=field)


def check_asking(resource: Resource) -> None:
    """Raise `BadRules` where the key or the path refers to what there is not, or slices cannot be told."""
    rules = resource.extraction
    given = {name for name in (*resource.params, rules.for_each) if name is not None}
    _check_same(resource, given)
    if resource.next_param is not None and rules.next is None:
        raise BadRules("say with next where an answer has its value", field="next_param")
    if rules.slices is not None:
        _check_slices(resource, given)
        given = {*given, START, END}
    if resource.path is not None:
        _check_path(resource.path, given, has_parent=rules.for_each is not None)


def _check_same(resource: Resource, given: set[str]) -> None:
    rules = resource.extraction
    places = Template.parse(rules.key).placeholders
    if rules.many and all(place.source is From.NAME and place.path[0] in given for place in places):
        raise BadRules("it would be the same for every item: refer to a member too, as {id}", field="key")
    several = [name for name in given if len(resource.params.get(name, ("", ""))) > 1]
    if not rules.many and not places and several:
        raise BadRules(f"it would be the same for every request: refer to {{{min(several)}}}", field="key")


def _check_slices(resource: Resource, given: set[str]) -> None:
    steps = resource.extraction.slices
    taken = given & {START, END}
    if taken:
        raise BadRules(f"{min(taken)!r} is what slices give", field=f"params.{min(taken)}")
    if steps is not None and steps.parameter is not None:
        if steps.parameter not in resource.params:
            raise BadRules(f"{steps.step} is none of params", field="slices.step")
        for i, value in enumerate(resource.params[steps.parameter]):
            step_ms(value, field=f"params.{steps.parameter}[{i}]")
    unnamed = sorted(name for name in given if not names_parameter(resource.extraction.key, name))
    if unnamed:
        reason = f"slices of one {unnamed[0]} would have the keys of another's: refer to {{{unnamed[0]}}}"
        raise BadRules(reason, field="key")
    if resource.path is not None and not names_parameter(resource.path, START):
        raise BadRules(f"every slice would be asked for alike: refer to {{{START}}}", field="path")


def _check_path(path: str, given: set[str], *, has_parent: bool) -> None:
    template = Template.parse(path, field="path")
    segments = path.partition("?")[0].split("/")
    if not path.startswith("/") or path.startswith("//") or ".." in segments or "#" in path:
        advice = 'write what comes after base_url, beginning with "/", without ".." and "#"'
        raise BadRules(f"{path!r}: {advice}", field="path")
    for place in template.placeholders:
        if place.source is From.NAME and place.path[0] not in given:
            raise BadRules(f"{place.text} is neither one of params nor the category of for_each", field="path")
        if place.source is From.MEMBER_NAME or (place.source is From.POINTER and not has_parent):
            raise BadRules(f"{place.text} has nothing to look into: only for_each gives it an item", field="path")


def check_together(resources: Sequence[Resource]) -> None:
    """Raise `BadRules` where resources of one source share a name or a category, or wait for each other."""
    names: dict[str, int] = {}
    owners: dict[str, int] = {}
    for i, resource in enumerate(resources):
        if names.setdefault(resource.name, i) != i:
            taken = f"{resource.name!r} is the name of resource[{names[resource.name]}] too"
            raise BadRules(taken, field=f"resource[{i}].name")
        for category in resource.extraction.categories:
            if owners.setdefault(category, i) != i:
                field = "category" if category == resource.extraction.category else f"split.{category}"
                owner = f"{category!r} belongs to resource[{owners[category]}]"
                raise BadRules(f"{owner}: one category belongs to one resource", field=f"resource[{i}].{field}")
    for i in range(len(resources)):
        _check_parents(resources, owners, i)


def _check_parents(resources: Sequence[Resource], owners: Mapping[str, int], start: int) -> None:
    field = f"resource[{start}].for_each"
    seen = {start}
    parent = resources[start].extraction.for_each
    while parent is not None:
        if parent not in owners:
            advice = "".join(f"; did you mean {name!r}?" for name in near(parent, owners)[:1])
            raise BadRules(f"no resource yields {parent!r}{advice}", field=field)
        if owners[parent] in seen:
            raise BadRules(f"{resources[start].extraction.for_each!r} waits for this resource itself", field=field)
        seen.add(owners[parent])
        parent = resources[owners[parent]].extraction.for_each
