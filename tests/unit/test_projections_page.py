"""What `docs/projections.md` shows is run, in its order: the views, the files, the commands and what they print."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

import projector
from cli.main import program
from collector import World, play
from eventstore import Record

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "projections.md").read_text(encoding="utf-8")
STORY = "When upstream renames a field"


class Step(NamedTuple):
    """A command of the page, and the lines that it prints there (none: what it prints is not shown)."""

    words: list[str]
    kept: str | None
    printed: list[str]


def blocks(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[1]


def steps(console: str) -> list[Step]:
    found: list[Step] = []
    for line in console.splitlines():
        if line.startswith("$ "):
            command, _, kept = line.removeprefix("$ ").partition(" | grep ")
            found.append(Step(shlex.split(command), kept or None, []))
        else:
            found[-1].printed.append(line)
    return found


def carry_out(step: Step, folder: Path) -> None:
    if step.words[0] == "cat":
        file = folder / step.words[1]
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(step.printed), encoding="utf-8")
        return
    result = CliRunner().invoke(program, step.words[1:], env={"ORLOG_DATA": str(folder / "data")}, prog_name="orlog")
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if step.kept is None or step.kept in line]
    if step.printed:
        assert lines == step.printed


def write(text: str, folder: Path) -> None:
    """Write a file that its first line names: those that a user keeps with the data go there."""
    name = text.partition("\n")[0].removeprefix("# ")
    place = folder if name == "shop.toml" else folder / "data"
    place.mkdir(exist_ok=True)
    (place / name).write_text(text, encoding="utf-8")


def test_the_story_of_a_renamed_field_goes_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P28, P29: another version makes a view stale; it is served, and rebuilt; both shapes are there."""
    monkeypatch.chdir(tmp_path)
    ran = 0
    for language, text in [*blocks(section("Views of your own")), *blocks(section(STORY))]:
        if language == "console":
            for step in steps(text):
                carry_out(step, tmp_path)
                ran += 1
        elif text.startswith("# "):
            write(text, tmp_path)
    assert ran > 10


def test_a_view_of_one_s_own_takes_ten_lines() -> None:
    (_, code), _ = blocks(section("Views of your own"))
    lines = [line for line in code.splitlines() if line and not line.startswith(("#", "import", "from"))]
    assert len(lines) == 9


def test_the_library_s_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(1, start=datetime(2025, 5, 30, tzinfo=UTC), days=2, models=2, failures=0)
    with Record.open("data", write=True) as record:
        play(record, world)
    ((_, code),) = blocks(section("From Python"))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code.replace("openai/gpt-4.1", world.models[0]), "projections.md", "exec"), {})
    assert world.models[0] in printed.getvalue()


def test_the_page_lists_every_name_that_projector_offers_once() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", section("From Python"), re.MULTILINE)
    assert sorted(name for row in rows for name in re.findall(r"\w+", row)) == sorted(projector.__all__)


def test_a_type_checker_follows_a_view(tmp_path: Path) -> None:
    (_, right), _ = blocks(section("Views of your own"))
    wrong = right.replace("Iterator[Shelf]", "Iterator[Product]").replace("Shelf(said.name, said.price)", "said")
    assert wrong != right
    for name, text in (("right", right), ("wrong", wrong)):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", str(tmp_path / "right.py"), str(tmp_path / "wrong.py")]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "right.py" not in checked.stdout
    assert re.search(r"wrong\.py:\d+: error: .*Iterable\[Shelf \| Misfit\]", checked.stdout), checked.stdout
