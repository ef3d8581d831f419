"""The commands of the docs print what the docs show, on the recording of the repository that they name."""

from __future__ import annotations

from pathlib import Path

from tests import tutorial


def test_every_command_of_the_docs_prints_what_they_show(tmp_path: Path) -> None:
    texts = [page.read_text(encoding="utf-8") for page in tutorial.PAGES]
    shown = [each for text in texts for each in tutorial.commands(text)]
    wrong = [
        (each.command, printed)
        for each, printed in zip(shown, tutorial.run(tmp_path, texts), strict=True)
        if not tutorial.agrees(each.output, printed)
    ]
    assert wrong == [], "`make tutorial` writes what they print now; look at the difference"
