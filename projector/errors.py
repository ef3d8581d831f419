"""Everything that projector raises on purpose.

    ProjectorError
    ├── BadProjection       a projection that is declared wrongly (a name twice, a field that is no column, …)
    ├── NoModule            a module of projections that cannot be imported
    ├── UnknownView         no such view (`choices`)
    ├── NoViews             nothing was projected yet
    ├── ViewsBusy           another process is writing the views (`holder` says who)
    ├── ViewsUnusable       the file of the views is damaged, or no file of views, or cannot be written
    ├── ViewsFull           nothing more fits on the disk
    ├── RebuildFailed       a rebuild that no row came of; the old view still serves
    ├── BadQuery            SQL that cannot be run, or is not allowed
    │   └── QueryTooLong    it took longer than it may
    └── OutputExists        the file to be written is there already

The message says what happened, `hint` what to do about it. What is wrong with a *document* is never raised: it is an
issue beside the rows.
"""

from __future__ import annotations


class ProjectorError(Exception):
    """Base of the tree: a message for people and a `hint`, empty where there is nothing to do."""

    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class BadProjection(ProjectorError):
    hint = "correct the projection and run the command again; what is served stays as it is"


class NoModule(ProjectorError):
    hint = (
        "`modules` in orlog.toml takes names as Python imports them, or files that end in .py, relative to orlog.toml"
    )


class UnknownView(ProjectorError):
    """`choices` are the names of views that there are."""

    def __init__(self, message: str, *, choices: tuple[str, ...]) -> None:
        super().__init__(message, hint=f"one of: {', '.join(choices)}" if choices else "nothing has been recorded yet")
        self.choices = choices


class NoViews(ProjectorError):
    hint = "`orlog project run` makes them from the record"


class ViewsBusy(ProjectorError):
    """`holder` describes the process that holds the lock, as it described itself."""

    hint = "wait until it has finished; readers need not wait"

    def __init__(self, message: str, *, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class ViewsUnusable(ProjectorError):
    hint = "views follow from the record: move the file away, and `orlog project run` makes another"


class ViewsFull(ProjectorError):
    hint = "free some space and run the command again; views serve what they served before"


class RebuildFailed(ProjectorError):
    hint = "`orlog project issues` says why; the view serves what it served before"


class BadQuery(ProjectorError):
    hint = "`orlog project status` lists the views, `SELECT name FROM pragma_table_info('VIEW')` the columns of one"


class QueryTooLong(BadQuery):
    hint = "ask for less, or allow more with --timeout"


class OutputExists(ProjectorError):
    hint = "name another file, or move this one away"
