"""How the docs' consoles are read, compared and written anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import tutorial

PAGE = """\
# Page

```toml
# rules.toml
[[resource]]
```

```console
$ echo one; echo two; echo three
one
…
$ cat rules.toml > here
```

```python
print("no file")
```
"""


def test_commands_are_read_with_what_is_shown_below_them() -> None:
    assert tutorial.commands(PAGE) == [
        ("echo one; echo two; echo three", ("one", "…")),
        ("cat rules.toml > here", ()),
    ]


def test_a_block_that_begins_with_a_name_is_a_file() -> None:
    assert tutorial.files(PAGE) == {"rules.toml": "# rules.toml\n[[resource]]\n"}


@pytest.mark.parametrize(
    "shown, printed",
    [
        ([], []),
        (["a"], ["a"]),
        (["a", "…"], ["a", "b"]),
        (["a", "…", "c"], ["a", "b", "c"]),
        (["a", "…", "c"], ["a", "c"]),
    ],
)
def test_lines_that_are_left_out_may_be_any(shown: list[str], printed: list[str]) -> None:
    assert tutorial.agrees(shown, printed)


@pytest.mark.parametrize(
    "shown, printed",
    [
        (["a"], ["a", "b"]),
        (["a", "…"], ["b", "b"]),
        (["a", "…", "c"], ["a", "c", "b"]),
        (["a", "…", "a"], ["a"]),
    ],
)
def test_all_other_lines_must_be_the_same(shown: list[str], printed: list[str]) -> None:
    assert not tutorial.agrees(shown, printed)


@pytest.mark.parametrize(
    "shown, printed, written",
    [
        (["old"], ["new", "more"], ["new", "more"]),
        (["old", "…"], ["new", "more"], ["new", "…"]),
        (["…", "old"], ["new", "more"], ["…", "more"]),
        (["old", "…", "old"], ["new", "more"], ["new", "more"]),
    ],
)
def test_a_page_goes_on_to_show_as_many_lines(shown: list[str], printed: list[str], written: list[str]) -> None:
    assert tutorial.refreshed(shown, printed) == written


def test_a_page_is_run_and_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tutorial, "data", lambda name: tmp_path / name)
    printed = tutorial.run(tmp_path, [PAGE])
    assert printed == [["one", "two", "three"], []]
    assert (tmp_path / "here").read_text() == "# rules.toml\n[[resource]]\n"
    again = tutorial.rewritten(PAGE.replace("one\n…", "old\n…"), iter(printed))
    assert again == PAGE


def test_a_command_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tutorial, "data", lambda name: tmp_path / name)
    with pytest.raises(AssertionError, match="nothing-of-that-name"):
        tutorial.run(tmp_path, ["```console\n$ cat nothing-of-that-name\n```\n"])
