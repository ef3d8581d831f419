"""The codes of the issues that extraction raises, and how many of them an answer may raise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from eventstore import Issue

FAILED: Final = "failed-attempt"  # no answer came, or one whose status says that it is none
UNREADABLE: Final = "unreadable-answer"  # nothing in the answer can be read
NO_ITEMS: Final = "no-items"  # the answer can be read, but its items are not where the rules say
EXTRACT_FAILED: Final = "extract-failed"  # the rules' function raised something
UNREADABLE_ITEM: Final = "unreadable-item"  # an item is there, but what it says cannot be read
NO_KEY: Final = "no-key"  # whose item it is cannot be read: the listing is incomplete
DUPLICATE: Final = "duplicate-key"  # more than one item has this key
COUNT: Final = "count-differs"  # the answer's own count is another than that of its items
PAGE: Final = "missing-page"  # the last answer points to one more
GAP: Final = "gap"  # rows of a slice are missing
MISPLACED: Final = "misplaced-row"  # a row of a slice is out of order, repeated, off the step or outside of the slice
AS_OF: Final = "as-of-taken"  # a document has no place for the day that its answer speaks of

MOST: Final = 20
"""Issues of one code that an answer may raise; one more counts the rest. Of 400 broken items nobody reads 400 lines."""


def capped(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Leave out all issues of one attempt and code beyond the first 20, and count them in one more."""
    kept: list[Issue] = []
    seen: Counter[tuple[int, str]] = Counter()
    for issue in issues:
        seen[issue.attempt, issue.code] += 1
        if seen[issue.attempt, issue.code] <= MOST:
            kept.append(issue)
    rest = [Issue(code, f"and {n - MOST} more like these", attempt) for (attempt, code), n in seen.items() if n > MOST]
    return (*kept, *rest)
