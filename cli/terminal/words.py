"""What two long texts say differently, word by word."""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from cli.terminal.paper import Span, Style

WORK: Final = 100_000  # pairs of equal words that difflib may look at: about 20 ms; 2 kB of prose have some thousands
TEXT: Final = 1_000_000  # characters; of longer texts even telling their words apart takes a tenth of a second
WORDS: Final = 2000  # that difflib may get: about 0.1 s where every other one differs
ALIKE: Final = 0.35  # of the words must be in both texts: what shares less is read better one after the other
CONTEXT: Final = 4  # words that are kept around a difference
LONGEST: Final = 40  # words of what came or went that are shown from its beginning; and CONTEXT from its end
ROOM: Final = 1000  # characters of a run that are shown: there are words, and texts without any, of megabytes

FOLD: Final = "…"
LINE_END: Final = "⏎"
BLANK: Final = "·"

# a word keeps the marks inside (gpt-4.1, 1,000, it's); of scripts that set no spaces each character is one
_UNSPACED: Final = "\u2e80-\ua4cf\uf900-\ufaff"
_WORD: Final = re.compile(
    rf"\s+|[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:[-.,'\u2019_][^\W{_UNSPACED}]+)*|[^\w\s]+|.", re.DOTALL
)


class Fate(enum.Enum):
    """What became of a run of words."""

    KEPT = enum.auto()
    REMOVED = enum.auto()
    ADDED = enum.auto()


class Run(NamedTuple):
    """Words in a row, white space included, of which the same became."""

    fate: Fate
    words: list[str]


_STYLES: Final = {Fate.KEPT: Style.PLAIN, Fate.REMOVED: Style.REMOVED, Fate.ADDED: Style.ADDED}
_MARKS: Final = {Fate.KEPT: ("", ""), Fate.REMOVED: ("[-", "-]"), Fate.ADDED: ("{+", "+}")}  # as `git diff --word-diff`


def difference(before: str, after: str) -> list[Run] | None:
    """The runs that make `before` without those that were added, and `after` without those that were removed.

    None where the texts have too little in common, or are too long. Where comparing all words would take too long,
    what lies between the common beginning and the common end is one difference.
    """
    if max(len(before), len(after)) > TEXT:
        return None
    old, new = _WORD.findall(before), _WORD.findall(after)
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    inner_old, inner_new = old[start : len(old) - end], new[start : len(new) - end]
    runs = [Run(Fate.KEPT, old[:start]), *_runs(inner_old, inner_new), Run(Fate.KEPT, old[len(old) - end :])]
    runs = _merged(runs)
    return runs if _alike(runs) else None


def spans(runs: list[Run], *, colour: bool) -> list[Span]:
    """Runs as pieces of a line; long ones are folded. Without colour marked as git does: `[-old-]{+new+}`."""
    pieces: list[Span] = []
    for place, run in enumerate(runs):
        if colour and run.fate is Fate.ADDED and place and runs[place - 1].fate is Fate.REMOVED:
            pieces.append(Span(" "))  # else two words would read as one
        opening, closing = ("", "") if colour else _MARKS[run.fate]
        text = _folded(run, first=place == 0, last=place == len(runs) - 1)
        pieces.append(Span(f"{opening}{_visible(text, run.fate)}{closing}", _STYLES[run.fate]))
    return pieces


def _common(one: list[str], other: list[str]) -> int:
    """How many words two lists begin with in common."""
    for place, (word, another) in enumerate(zip(one, other, strict=False)):
        if word != another:
            return place
    return min(len(one), len(other))


def _runs(old: list[str], new: list[str]) -> Iterator[Run]:
    old_words, new_words = _spaced(old), _spaced(new)
    if max(len(old_words), len(new_words)) > WORDS or _work(old_words, new_words) > WORK:
        yield from (Run(Fate.REMOVED, old), Run(Fate.ADDED, new))
        return
    # white space is left out of the comparison, or else words that share no more than it would be matched
    matcher = SequenceMatcher(None, [word for _, word in old_words], [word for _, word in new_words], autojunk=False)
    removed: list[str] = []
    added: list[str] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        pairs = old_words[old_from:old_to], new_words[new_from:new_to]
        if tag != "equal" or not any(_is_word(word) for _, word in pairs[0]):
            removed += _joined(pairs[0])  # differences that only a comma divides are one
            added += _joined(pairs[1])
            continue
        for (old_space, word), (new_space, _) in zip(*pairs, strict=True):
            removed.append(old_space)
            added.append(new_space)
            yield from _parted(removed, added)
            yield Run(Fate.KEPT, [word])
            removed, added = [], []
    yield from _parted(removed, added)


def _merged(runs: list[Run]) -> list[Run]:
    """Runs next to each other with one fate as one, none of them empty."""
    merged: list[Run] = []
    for run in runs:
        if merged and merged[-1].fate is run.fate:
            merged[-1].words.extend(run.words)
        elif run.words:
            merged.append(Run(run.fate, list(run.words)))
    return merged


def _spaced(words: list[str]) -> list[tuple[str, str]]:
    """Each word with the white space before it; what is left at the end belongs to an empty word."""
    spaced: list[tuple[str, str]] = []
    space = ""
    for word in words:
        if word.isspace():
            space = word
        else:
            spaced.append((space, word))
            space = ""
    return [*spaced, (space, "")] if space else spaced


def _joined(spaced: list[tuple[str, str]]) -> list[str]:
    return [text for pair in spaced for text in pair]


def _parted(removed: list[str], added: list[str]) -> Iterator[Run]:
    """What went and what came; what both begin or end with has been kept."""
    removed, added = [text for text in removed if text], [text for text in added if text]
    start = _common(removed, added)
    end = _common(removed[start:][::-1], added[start:][::-1])
    yield Run(Fate.KEPT, removed[:start])
    yield Run(Fate.REMOVED, removed[start : len(removed) - end])
    yield Run(Fate.ADDED, added[start : len(added) - end])
    yield Run(Fate.KEPT, removed[len(removed) - end :])


def _work(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> int:
    counts = Counter(word for _, word in new)
    return sum(counts[word] for _, word in old)


def _is_word(word: str) -> bool:
    return word[:1].isalnum()


def _alike(runs: list[Run]) -> bool:
    sizes = {fate: sum(_is_word(word) for run in runs if run.fate is fate for word in run.words) for fate in Fate}
    kept = sizes[Fate.KEPT]
    return kept > 0 and kept >= ALIKE * (kept + max(sizes[Fate.REMOVED], sizes[Fate.ADDED]))


def _folded(run: Run, *, first: bool, last: bool) -> str:
    kept = run.fate is Fate.KEPT
    lead = 0 if kept and first else CONTEXT if kept else LONGEST
    trail = 0 if kept and last else CONTEXT
    places = [place for place, word in enumerate(run.words) if _is_word(word)]
    if len(places) <= lead + trail + 1:  # one word takes hardly more than its `…`
        return _shortened("".join(run.words))
    head = "".join(run.words[: places[lead - 1] + 1]) if lead else ""
    tail = "".join(run.words[places[-trail] :]) if trail else ""
    return f"{_shortened(head)}{' ' if head else ''}{FOLD}{' ' if tail else ''}{_shortened(tail)}"


def _shortened(text: str) -> str:
    half = ROOM // 2
    return text if len(text) <= ROOM else f"{text[:half]}{FOLD}{text[-half:]}"


def _visible(text: str, fate: Fate) -> str:
    """White space that cannot be seen where it matters, as signs."""
    text = text.replace("\r\n", "\n").replace("\n", LINE_END)
    if fate is not Fate.KEPT and text.isspace():
        return BLANK * len(text)
    return text
