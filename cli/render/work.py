"""What `orlog import`, `orlog rebuild log` and `orlog verify` say when they are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cli.options import Format
from cli.render import forms
from cli.terminal.paper import PLAIN, Paper
from cli.text import counted, grouped

if TYPE_CHECKING:
    from collector import Accepted, Imported, Rebuilt
    from eventstore import Finding


def imported(done: Imported, resource: str) -> Iterator[str]:
    """What an import did, and what should be done next, line by line."""
    yield _archived(done) + (f", {grouped(done.already)} were there already" if done.already else "")
    if done.recorded:
        yield (
            f"{grouped(done.appeared)} appeared, {grouped(done.changed)} changed, {grouped(done.disappeared)} "
            f"disappeared, {grouped(done.unchanged)} unchanged"
        )
    if done.failed:
        yield f"{counted(done.failed, 'version')} could not be read: `orlog syncs --status failed` says why"
    if done.rules_changed:
        yield f"the rules of {resource} have changed: `orlog rebuild log` reads all that is archived by the new ones"
    if done.deferred:
        yield f"`orlog rebuild log` lays {counted(done.deferred, 'version')} down in their place in time"
    if done.issues:
        yield f"{counted(done.issues, 'issue')}: `orlog issues` lists what could not be taken at its word"


def _archived(done: Imported) -> str:
    what = f"archived {counted(done.archived, 'version')}"
    if not done.archived:
        return what
    waiting = f", {grouped(done.deferred)} waiting for `orlog rebuild log`" if done.deferred else ""
    return f"{what} ({grouped(done.recorded)} recorded{waiting})"


def rebuilt(done: Rebuilt) -> str:
    """What a rebuild did, in a line."""
    same = {None: "", True: ", the same log as before", False: ", another log than before"}[done.same]
    copied = f", {grouped(done.copied)} of them copied: their evidence is gone" if done.copied else ""
    left = f"; {counted(done.left, 'sync')} older than that stay archived only" if done.left else ""
    return (
        f"rebuilt the log as generation {done.generation}: {counted(done.syncs, 'sync')}{copied}, "
        f"{counted(done.events, 'event')}{same}{left}"
    )


def accepted(done: Accepted) -> str:
    """What a verdict did, in a line."""
    if done.recorded is None:
        return f"sync {done.sync} is accepted; `orlog rebuild log` lays it down in its place in time"
    others = len(done.syncs) - 1
    also = f", and {counted(others, 'other')} that waited for the same reason" if others else ""
    gone = counted(done.recorded.disappeared, "entity has disappeared", "entities have disappeared")
    return f"sync {done.sync} is accepted{also}: {gone}"


def findings(found: Sequence[Finding], format_: Format, paper: Paper = PLAIN) -> Iterator[bytes]:
    """What verification found."""
    if format_ is not Format.TABLE:
        return forms.rows(found, format_)
    if not found:
        return iter(())
    lines = ((each.where, "-" if each.sync is None else str(each.sync), each.message) for each in found)
    return forms.table(("WHERE", "SYNC", "WHAT"), lines, paper)


def verdict(found: Sequence[Finding], *, deep: bool) -> str:
    """What verification comes to, in a line."""
    if found:
        return f"damage: {counted(len(found), 'finding')}; restore the record from a copy"
    more = "" if deep else "; --deep also reads every answer and folds every event"
    return f"no damage found{more}"
