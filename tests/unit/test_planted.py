from __future__ import annotations

import pytest

from tests.planted import BUGS, ROOT, Bug, planted


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_planted_bug_still_has_its_place(bug: Bug) -> None:
    """That the tests find it takes minutes: `make planted`."""
    texts = {change.path: (ROOT / change.path).read_text(encoding="utf-8") for change in bug.changes}
    for path, text in planted(bug, texts).items():
        compile(text, path, "exec")
        assert text != texts[path]
    assert all((ROOT / test).is_file() for test in bug.tests)
