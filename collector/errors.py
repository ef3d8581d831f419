"""Everything that collector raises on purpose.

    CollectorError
    ├── NoSource            a source file that cannot be read (not there, a folder, no permission, not UTF-8)
    ├── BadSource           a source file that says something wrong (`file`, `path` in it)
    ├── BadRules            rules that say something wrong (`field`, `reason`)
    │   ├── BadPointer      not a JSON Pointer (RFC 6901)
    │   └── BadTemplate     not a template
    ├── UnknownResource     no such source or resource (`choices`)
    ├── NoProposal          of this URL or its answer no source file can be proposed
    ├── NothingToAccept     a sync that brought nothing that was doubted
    ├── UnknownScope        a key that nothing is asked for (`near`)
    ├── NoFunction          the function that `extract` names cannot be loaded
    └── TransportError      no answers can be had at all (one answer that cannot be had is an answer with `error`)
        ├── BadPattern      a pattern of file names that cannot be read
        ├── NoGit           git is not installed, or does not run
        ├── NoRepository    no git repository there, or git refuses to read it
        ├── NoSuchRef       the repository has no such commit, or none at all
        ├── NoSuchFolder    no folder there, or it cannot be read
        ├── NothingMatches  no file of that name, ever (`near`: names that were there)
        └── GitFailed       git gave up, for the reason it gave

The message says what happened, `hint` what to do about it. What is wrong with an *answer* is never raised: it is an
issue beside the listing.
"""

from __future__ import annotations


class CollectorError(Exception):
    """Base of the tree: a message for people and a `hint`, empty where there is nothing to do."""

    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class NoSource(CollectorError):
    """A source file cannot be read at all."""

    hint = "give the path of a source file; five lines will do: [[resource]], name, category, items, key"


class BadSource(CollectorError):
    """A source file says something wrong. `file` as it was named, `path` in it (`resource[0].key`), or empty."""

    hint = "correct the file and run the command again"

    def __init__(self, message: str, *, file: str, path: str = "", hint: str | None = None) -> None:
        super().__init__(": ".join(part for part in (file, path, message) if part), hint=hint)
        self.file = file
        self.path = path


class BadRules(CollectorError):
    """Rules say something wrong: `field` is where (`split.prices[0]`), `reason` what."""

    def __init__(self, reason: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class BadPointer(BadRules):
    """A text is no JSON Pointer."""

    hint = 'a JSON Pointer is "" (the whole) or begins with "/", as /data or /data/0/id; in names ~ is ~0 and / is ~1'


class BadTemplate(BadRules):
    """A text is no template."""

    hint = "write {name} for a member, {/a/b} for a pointer, {@key} for a keyed item's member name, {{ for a brace"


class UnknownResource(CollectorError):
    """There is no such source or resource; `choices` are the addresses that would do."""

    def __init__(self, message: str, *, choices: tuple[str, ...], near: tuple[str, ...] = ()) -> None:
        listed = f"one of: {', '.join(choices)}" if choices else "there is no source file there"
        super().__init__(message, hint=f"did you mean {' or '.join(near)}?" if near else listed)
        self.choices = choices


class NoProposal(CollectorError):
    """No source file can be proposed for a URL and what it answers."""

    hint = "write the file by hand; five lines will do: [[resource]], name, category, items, key"


class NothingToAccept(CollectorError):
    """A sync brought nothing that was doubted, or what it brought is known otherwise by now."""

    hint = "`orlog status` says what is doubted"


class UnknownScope(CollectorError):
    """Nothing is asked for with that key; `near` are values that look like it."""

    hint = "`orlog sync --dry-run` lists what would be asked for"

    def __init__(self, message: str, *, near: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=f"did you mean {' or '.join(near)}?" if near else None)
        self.near = near


class NoFunction(CollectorError):
    """The function that `extract` names cannot be loaded."""

    hint = "install the package that holds it, or correct `extract` in the source file"


class TransportError(CollectorError):
    """A transport can give no answers at all."""


class BadPattern(TransportError):
    """A pattern of file names cannot be read."""

    hint = "write it as data/{model}.json; {{ and }} are literal braces"


class NoGit(TransportError):
    """Git is not installed, or does not run."""

    hint = "install git and see that it is on the PATH"


class NoRepository(TransportError):
    """There is no git repository, or git refuses to read it."""

    hint = "name a folder that `git clone` or `git init` made"


class NoSuchRef(TransportError):
    """The repository has no such commit, or none at all."""


class NoSuchFolder(TransportError):
    """There is no folder, or it cannot be read."""

    hint = "name a folder that holds saved answers"


class NothingMatches(TransportError):
    """No file has such a name, nor ever had. `near`: names that were there, the likeliest first."""

    def __init__(self, message: str, *, near: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint or (f"there is, for instance: {', '.join(near)}" if near else ""))
        self.near = near


class GitFailed(TransportError):
    """Git gave up, for the reason it gave."""

    hint = "`git fsck` says what is wrong with a repository"
